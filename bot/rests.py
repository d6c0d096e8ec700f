"""Lanes for which the store itself failed: each is left alone for a moment, and no other with it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bot.ports import Clock

FIRST_BACKOFF = timedelta(seconds=1)
LONGEST_BACKOFF = timedelta(seconds=4)
"""Doubling from the first; not for longer, because the fault may be the whole store's and soon be mended."""


@dataclass
class LaneBackoff:
    clock: Clock
    _failures: Counter[str] = field(default_factory=Counter)
    _until: dict[str, datetime] = field(default_factory=dict)

    def failed(self, lane: str) -> None:
        """It could not speak this time."""
        self._failures[lane] += 1
        length = FIRST_BACKOFF * 2 ** min(self._failures[lane] - 1, 9)
        self._until[lane] = self.clock.now() + min(length, LONGEST_BACKOFF)

    def succeeded(self, lane: str) -> None:
        """It spoke."""
        self._failures.pop(lane, None)
        self._until.pop(lane, None)

    def active(self) -> dict[str, datetime]:
        """The lanes that rest, each until when; a clock that was set back ends a rest."""
        now = self.clock.now()
        return {lane: until for lane, until in self._until.items() if now < until <= now + LONGEST_BACKOFF}
