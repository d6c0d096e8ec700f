"""Adds up the records of a period's tickets, one by one: what a report shows, in memory that stays flat.

Only the seconds of answers are kept one by one, eight bytes each, because a median needs all of them.
"""

from __future__ import annotations

import heapq
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from statistics import median

from sla_core.calendar import Span
from sla_core.outcome import Result
from sla_core.policy import Metric
from sla_core.promise import Stretch
from sla_core.report.readings import Readings
from sla_core.report.record import PromiseRecord, Stage, TicketRecord
from sla_core.rules import Uptime

MOST_BREACHES = 100
"""How many breaches are kept with their receipts: the latest ones by how late they were."""
_PLACE = {metric: place for place, metric in enumerate(Metric)}


@dataclass(frozen=True, slots=True)
class Group:
    """What promises are counted by. `month` is that of the ticket's opening in UTC, `YYYY-MM`."""

    account: str
    month: str
    severity: str
    metric: Metric


@dataclass
class Attainment:
    """How many promises were met, breached and still open, and how long the answers took."""

    met: int = 0
    breached: int = 0
    open: int = 0
    seconds: array[int] = field(default_factory=lambda: array("q"))
    """Counted seconds of each answer, late ones included."""

    def add(self, found: PromiseRecord) -> None:
        match found.result:
            case Result.MET:
                self.met += 1
            case Result.BREACHED:
                self.breached += 1
            case Result.OPEN:
                self.open += 1
            case Result.ENDED:
                return
        if found.seconds is not None:
            self.seconds.append(found.seconds)

    def merge(self, other: Attainment) -> None:
        self.met += other.met
        self.breached += other.breached
        self.open += other.open
        self.seconds.extend(other.seconds)

    @property
    def total(self) -> int:
        return self.met + self.breached + self.open

    @property
    def share(self) -> float | None:
        """Met ones among those that are decided; None if none is."""
        decided = self.met + self.breached
        return self.met / decided if decided else None

    @property
    def median_seconds(self) -> int | None:
        """Between two middle answers, the whole seconds of their mean; None without an answer."""
        return int(median(self.seconds)) if self.seconds else None

    @property
    def worst_seconds(self) -> int | None:
        return max(self.seconds, default=None)


@dataclass(frozen=True, slots=True)
class Breach:
    """A promise that was missed, and why it was due when it was."""

    ticket: str
    account: str
    severity: str
    metric: Metric
    started_at: datetime
    due_at: datetime
    answered_at: datetime | None
    late: timedelta
    """By the clock; so far, if it is unanswered."""
    clauses: tuple[str, ...]
    cited: str
    """The document and the section that make the promise."""
    receipt: tuple[Stretch, ...]


@dataclass
class Volume:
    """How many tickets were opened, and what became of them."""

    opened: int = 0
    resolved: int = 0
    closed: int = 0
    ratings: Counter[int] = field(default_factory=Counter)
    stages: dict[Stage, timedelta] = field(default_factory=dict)

    def add(self, ticket: TicketRecord) -> None:
        self.opened += 1
        self.resolved += ticket.resolved_at is not None
        self.closed += ticket.closed_at is not None
        if ticket.ticket.rating is not None:
            self.ratings[ticket.ticket.rating] += 1
        for stage, length in ticket.stages.items():
            self.stages[stage] = self.stages.get(stage, timedelta(0)) + length

    def merge(self, other: Volume) -> None:
        self.opened += other.opened
        self.resolved += other.resolved
        self.closed += other.closed
        self.ratings.update(other.ratings)
        for stage, length in other.stages.items():
            self.stages[stage] = self.stages.get(stage, timedelta(0)) + length

    @property
    def rating(self) -> float | None:
        """The mean of the ratings; None without any."""
        count = self.ratings.total()
        return sum(stars * many for stars, many in self.ratings.items()) / count if count else None


@dataclass(slots=True)
class Rare:
    """How often a severity occurred in a calendar quarter (UTC) that the policy expects to be rare."""

    expected: int
    clauses: tuple[str, ...]
    cited: str
    """The document and the section that say so."""
    opened: int = 0


@dataclass(order=True, slots=True)
class _Kept:
    """A breach in the heap, the least late one first."""

    late: timedelta
    number: int
    ticket: TicketRecord = field(compare=False)
    found: PromiseRecord = field(compare=False)


@dataclass
class Tally:
    """The figures of the tickets opened within `period`, as of `now`. Add their records in any order."""

    period: Span
    now: datetime
    attainments: dict[Group, Attainment] = field(default_factory=dict)
    volumes: dict[tuple[str, str, str], Volume] = field(default_factory=dict)
    """By account, month and present severity."""
    readings: Readings = field(default_factory=Readings)
    rare: dict[tuple[str, str, str], Rare] = field(default_factory=dict)
    """By account, quarter (`2026 Q1`) and severity."""
    breaches_in_all: int = 0
    severities: dict[str, str] = field(default_factory=dict)
    """What people read in place of each severity's ID, worst first."""
    _breaches: list[_Kept] = field(default_factory=list)

    def add(self, ticket: TicketRecord) -> None:
        opened = ticket.opened
        month = f"{opened.at:%Y-%m}"
        if ticket.ticket.severity not in self.severities:
            self.severities |= {each.id: each.shown for each in ticket.policy.severities.values()}
        where = opened.account, month, ticket.ticket.severity
        self.volumes.setdefault(where, Volume()).add(ticket)
        for found in ticket.promises:
            if found.result is not Result.ENDED:
                group = Group(opened.account, month, found.severity, found.metric)
                self.attainments.setdefault(group, Attainment()).add(found)
            if (late := found.late(self.now)) is not None:
                self._keep(late, ticket, found)
        self.readings.add(ticket)
        self._count_rare(ticket)

    def _count_rare(self, ticket: TicketRecord) -> None:
        """One whose severity a workaround lowered counts; one that was misjudged does not."""
        opened = ticket.opened
        for severity in dict.fromkeys((ticket.ticket.severity, ticket.ticket.downgraded_from)):
            rarity = ticket.policy.severities[severity].rarity if severity else None
            if severity and rarity:
                quarter = f"{opened.at.year} Q{(opened.at.month - 1) // 3 + 1}"
                known = Rare(rarity.per_quarter, rarity.source.clauses, ticket.policy.cited(rarity.source))
                self.rare.setdefault((opened.account, quarter, severity), known).opened += 1

    def _keep(self, late: timedelta, ticket: TicketRecord, found: PromiseRecord) -> None:
        self.breaches_in_all += 1
        kept = _Kept(late, -self.breaches_in_all, ticket, found)
        if len(self._breaches) < MOST_BREACHES:
            heapq.heappush(self._breaches, kept)
        else:
            heapq.heappushpop(self._breaches, kept)

    def breaches(self) -> list[Breach]:
        """The latest ones, most late first."""
        return [_breach(kept) for kept in sorted(self._breaches, reverse=True)]

    def rows(self) -> list[tuple[Group, Attainment]]:
        """By account, month, severity (worst first) and metric."""
        order = {severity: place for place, severity in enumerate(self.severities)}

        def place(group: Group) -> tuple[str, str, int, str, int]:
            rank = order.get(group.severity, len(order))
            return group.account, group.month, rank, group.severity, _PLACE[group.metric]

        return [(group, self.attainments[group]) for group in sorted(self.attainments, key=place)]

    def by(self, key: Callable[[Group], tuple[str, ...]]) -> Mapping[tuple[str, ...], Attainment]:
        """The attainments of groups with the same key together, in the order of `rows`."""
        found: dict[tuple[str, ...], Attainment] = {}
        for group, attainment in self.rows():
            found.setdefault(key(group), Attainment()).merge(attainment)
        return found

    @property
    def whole(self) -> Attainment:
        return merged(self.attainments.values())

    @property
    def volume(self) -> Volume:
        together = Volume()
        for volume in self.volumes.values():
            together.merge(volume)
        return together

    @property
    def months(self) -> Sequence[str]:
        return sorted({month for _, month, _ in self.volumes})

    @property
    def accounts(self) -> Sequence[str]:
        return sorted({account for account, _, _ in self.volumes})


def merged(attainments: Iterable[Attainment]) -> Attainment:
    together = Attainment()
    for each in attainments:
        together.merge(each)
    return together


def _breach(kept: _Kept) -> Breach:
    found, ticket = kept.found, kept.ticket
    assert found.due_at is not None, "a promise without a due instant cannot be late"
    return Breach(
        ticket.ticket.key,
        ticket.opened.account,
        found.severity,
        found.metric,
        found.promise.started_at,
        found.due_at,
        found.answered_at,
        kept.late,
        found.promise.target.source.clauses,
        ticket.policy.cited(found.promise.target.source),
        tuple(found.receipt()),
    )


A_YEAR = timedelta(days=365)


@dataclass(frozen=True, slots=True)
class UptimeLine:
    """How long an account's service was down within a period."""

    promised: Uptime
    period: timedelta
    down: timedelta
    outages: int

    @property
    def share(self) -> float:
        """The part of the period in which it was up."""
        return 1 - self.down / self.period if self.period else 1.0

    @property
    def allowed_in_a_year(self) -> timedelta:
        return A_YEAR * (1 - self.promised.share)

    @property
    def kept(self) -> bool:
        """Whether no more of a year is spent than it allows, as far as this period shows."""
        return self.down <= self.allowed_in_a_year


def uptime_line(promised: Uptime, outages: Iterable[Span], period: Span) -> UptimeLine:
    """Outages that overlap count once. What lies outside the period does not count."""
    cut = sorted(outage & period for outage in outages if outage & period)
    up = period.minus(cut)
    down = period.length - sum((span.length for span in up), timedelta(0))
    return UptimeLine(promised, period.length, down, len(cut))
