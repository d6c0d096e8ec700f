"""How a deadline is computed: every stretch between start and due, whether it counted, and why."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from sla_core.calendar import BusinessCalendar, Span, instant_of
from sla_core.ticket import Gap

OPEN, RESOLVED = "open", "resolved"


@dataclass(frozen=True, slots=True)
class Stretch:
    """Time that counted (`why` is `open`) or did not (`night`, `weekend`, `holiday: …`, `hold: …`)."""

    span: Span
    why: str

    @property
    def counted(self) -> timedelta:
        return self.span.length if self.why == OPEN else timedelta(0)


def receipt(
    calendar: BusinessCalendar, start: datetime, due_at: datetime, gaps: Sequence[Gap] = ()
) -> list[Stretch]:
    """The stretches from `start` to `due_at`, without gaps or overlaps; adjacent equal ones are joined."""
    whole = Span(start, due_at)
    held = [(Span(gap.start, gap.end or due_at) & whole, gap.why) for gap in gaps]
    found = [Stretch(span, why if why == RESOLVED else f"hold: {why}") for span, why in held if span]
    opened = list(calendar.openings(whole))
    for span in opened:
        found += [Stretch(piece, OPEN) for piece in span.minus(hold for hold, _ in held)]
    for closed in whole.minus([*opened, *(hold for hold, _ in held)]):
        found += [Stretch(piece, calendar.why_closed(piece.start)) for piece in _by_day(calendar, closed)]
    return list(_joined(sorted(found, key=lambda stretch: stretch.span)))


def _by_day(calendar: BusinessCalendar, span: Span) -> Iterator[Span]:
    """The span, split at each midnight of the calendar's zone."""
    at = span.start
    while at < span.end:
        tomorrow = at.astimezone(calendar.zone).date() + timedelta(1)
        midnight = instant_of(datetime.combine(tomorrow, time()), calendar.zone)
        if midnight <= at:  # clocks went back across midnight, so this date occurs a second time
            midnight = instant_of(datetime.combine(tomorrow + timedelta(1), time()), calendar.zone)
        yield Span(at, min(midnight, span.end))
        at = midnight


def _joined(stretches: list[Stretch]) -> Iterator[Stretch]:
    last: Stretch | None = None
    for stretch in stretches:
        if last and last.why == stretch.why and last.span.end == stretch.span.start:
            last = Stretch(Span(last.span.start, stretch.span.end), last.why)
        else:
            if last:
                yield last
            last = stretch
    if last:
        yield last
