"""How many tickets one person and one account may open in an hour: more than any honest use."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class OpeningLimits:
    """`[limits]` of the desk's file."""

    per_person: int = 30
    per_account: int = 200


@dataclass
class RecentOpenings:
    """The openings of the last hour in this process; each replica counts for itself.

    Instants are real time.
    """

    limits: OpeningLimits = field(default_factory=OpeningLimits)
    _opened: defaultdict[str, deque[datetime]] = field(default_factory=lambda: defaultdict(deque))

    def full_until(self, person: str, account: str, now: datetime) -> datetime | None:
        """When the next ticket may be opened, if a limit is reached; None if it may be opened now."""
        waits = [*self._waits(f"person {person}", self.limits.per_person, now)]
        waits += self._waits(f"account {account}", self.limits.per_account, now)
        return max(waits, default=None)

    def record(self, person: str, account: str, now: datetime) -> None:
        for name in (f"person {person}", f"account {account}"):
            self._opened[name].append(now)

    def _waits(self, name: str, most: int, now: datetime) -> Iterator[datetime]:
        known = self._opened.get(name)
        if known is None:
            return
        # An opening in the future was recorded before the clock was set back.
        while known and not now - HOUR < known[0] <= now:
            known.popleft()
        if not known:
            del self._opened[name]
        elif len(known) >= most:
            yield known[len(known) - most] + HOUR
