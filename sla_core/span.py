"""Half-open stretches of time: the start belongs to the span, the end does not."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """From `start` up to, not including, `end`; both aware. A span that ends before it starts is empty."""

    start: datetime
    end: datetime

    def __bool__(self) -> bool:
        return self.start < self.end

    def __contains__(self, instant: datetime) -> bool:
        return self.start <= instant < self.end

    def __and__(self, other: Span) -> Span:
        return Span(max(self.start, other.start), min(self.end, other.end))

    @property
    def length(self) -> timedelta:
        return max(self.end - self.start, timedelta(0))

    def minus(self, gaps: Iterable[Span]) -> list[Span]:
        """What is left of this span, in order, once every gap is cut out of it."""
        left: list[Span] = []
        at = self.start
        for gap in sorted(gaps):
            if not (gap & self):
                continue
            if at < gap.start:
                left.append(Span(at, gap.start))
            at = max(at, gap.end)
        if at < self.end:
            left.append(Span(at, self.end))
        return left
