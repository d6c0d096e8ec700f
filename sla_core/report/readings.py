"""What a policy's text leaves open, where it was met in a period, and what the other reading would have been.

Only readings that give a promise another due instant are computed. Silence clocks and due dates are left out:
their next span depends on the last one, and an agent named the day.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sla_core.calendar import BoundaryTime, BusinessCalendar, Hours
from sla_core.outcome import Result
from sla_core.policy import BusinessDays, Metric, Policy
from sla_core.promise import RESOLVED, due
from sla_core.report.record import PromiseRecord, TicketRecord

MOST_EXAMPLES = 5
"""How many differing promises are named for each reading."""
_ID = re.compile(r"\bA\d+\b")
_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Question:
    """Something that a text leaves open: how it is read, and how else it could be."""

    id: str
    """The id of the ambiguity, such as `A1`."""
    asks: str
    chosen: str
    other: str
    """Empty if the other reading gives no other due instant."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A promise that ends differently under the other reading."""

    ticket: str
    metric: Metric
    severity: str
    due_at: datetime | None
    result: Result
    other_due_at: datetime
    other_result: Result


@dataclass(slots=True)
class ReadingTally:
    """How often a question was met, and how often the other reading would have changed an outcome."""

    met: int = 0
    other_due: int = 0
    """Promises that would have been due at another instant."""
    differ: int = 0
    met_now: int = 0
    """Promises kept under the chosen reading, of those that differ."""
    examples: list[Difference] = field(default_factory=list)


_OTHER = Callable[["PromiseRecord", "TicketRecord"], datetime | None]


def _fixed_offsets(found: PromiseRecord, _: TicketRecord) -> datetime | None:
    calendar = _in_winter_time(found.promise.calendar)
    return None if calendar is None else _due(found, calendar)


def _end_of_day(found: PromiseRecord, _: TicketRecord) -> datetime | None:
    if not isinstance(found.promise.limit, BusinessDays) or found.due_at is None:
        return None
    return found.promise.calendar.closing(found.due_at) or found.due_at


def _strict(found: PromiseRecord, _: TicketRecord) -> datetime | None:
    return found.promise.strict_at


def _from_submission(found: PromiseRecord, ticket: TicketRecord) -> datetime | None:
    if not found.promise.rebased:
        return None
    promise = found.promise
    return due(promise.calendar, ticket.opened.at, promise.limit, promise.gaps)


def _goal(found: PromiseRecord, _: TicketRecord) -> datetime | None:
    return found.promise.goal_at


def _in_business_hours(found: PromiseRecord, ticket: TicketRecord) -> datetime | None:
    promise, policy = found.promise, ticket.policy
    asks = (reading for reading in policy.readings if "A21" in _ID.findall(reading.chosen))
    if not any(reading.clause in promise.target.source.clauses for reading in asks):
        return None
    plan = policy.plans[ticket.opened.plan]
    calendars = (*(policy.calendars[name] for name in plan.calendars.values()), *policy.calendars.values())
    hours = next((calendar for calendar in calendars if not calendar.always_open), None)
    return None if hours is None else _due(found, hours)


def _without_holds(found: PromiseRecord, _: TicketRecord) -> datetime | None:
    promise = found.promise
    left = tuple(gap for gap in promise.gaps if gap.why == RESOLVED)
    if len(left) == len(promise.gaps):
        return None
    return due(promise.calendar, promise.started_at, promise.limit, left)


def _without_downgrade(found: PromiseRecord, ticket: TicketRecord) -> datetime | None:
    now, opened, promise = ticket.ticket, ticket.opened, found.promise
    if now.downgraded_from is None or promise.fixed_at is not None:
        return None
    if found.metric is Metric.RESOLUTION and found.severity == now.severity:
        before = ticket.policy.targets(now.downgraded_from, opened.terms, opened.plan, opened.origin)
        if any(target.met_by_downgrade_to == now.severity for target in before):
            return due(promise.calendar, opened.at, promise.limit, promise.gaps)
    if found.metric is Metric.FIRST_RESPONSE and now.due_as is not None and found.severity == now.due_as[1]:
        targets = ticket.policy.targets(now.severity, opened.terms, opened.plan, opened.origin)
        target = next((each for each in targets if each.metric is found.metric), None)
        if target is not None:
            calendar = ticket.policy.clock(opened.plan, target, opened.zone)
            return due(calendar, opened.at, target.limit, promise.gaps)
    return None


def _due(found: PromiseRecord, calendar: BusinessCalendar) -> datetime | None:
    promise = found.promise
    return due(calendar, promise.started_at, promise.limit, promise.gaps)


_COMPUTED: Mapping[str, tuple[Question, _OTHER]] = {
    question.id: (question, other)
    for question, other in (
        (
            Question(
                "A1",
                "CET and its like could mean a fixed offset, or the time that offices in the zone keep.",
                "Office time, summer time included.",
                "The fixed offset of winter, all year.",
            ),
            _fixed_offsets,
        ),
        (
            Question(
                "A3",
                "A business day does not say what happens to a request that comes in mid-day.",
                "The same offset into the next business day.",
                "Until that business day closes.",
            ),
            _end_of_day,
        ),
        (
            Question(
                "A8",
                "The text gives two times for one promise.",
                "The longer one decides; the shorter one only warns.",
                "The shorter one decides.",
            ),
            _strict,
        ),
        (
            Question(
                "A10",
                "A changed severity could be measured from the submission, or from the change.",
                "From the submission, or from the change if the new due instant were past.",
                "Always from the submission.",
            ),
            _from_submission,
        ),
        (
            Question(
                "A19",
                "A workaround that lowers the severity could start clocks, or leave them as they were.",
                "The resolution counts from then; a missing first response stays due as before.",
                "The resolution counts from the submission; a missing first response takes its time.",
            ),
            _without_downgrade,
        ),
        (
            Question(
                "A20",
                "A range gives two times.",
                "The longer one is the limit, the shorter one the goal.",
                "The shorter one is the limit.",
            ),
            _goal,
        ),
        (
            Question(
                "A21",
                "Hours from the submission run into the night, when nobody works on this severity.",
                "Hours by the clock, as the words stand.",
                "Business hours.",
            ),
            _in_business_hours,
        ),
        (
            Question(
                "A25",
                "The text does not say that a clock waits for the customer.",
                "It waits only while an agent holds it, where the order form grants that.",
                "It never waits.",
            ),
            _without_holds,
        ),
    )
}


@dataclass
class Readings:
    """The questions that the tickets of a period met, by id."""

    tallies: dict[str, ReadingTally] = field(default_factory=dict)
    _questions: dict[str, Question] = field(default_factory=dict)
    _by_clause: dict[int, Mapping[str, tuple[Question, ...]]] = field(default_factory=dict)
    """By the identity of the policy, what its readings say of a clause."""

    def add(self, ticket: TicketRecord) -> None:
        asked = self._asked(ticket.policy)
        for found in ticket.promises:
            for clause in found.promise.target.source.clauses:
                for question in asked.get(clause, ()):
                    self._tally(question).met += 1
            if found.metric in (Metric.NEXT_UPDATE, Metric.DUE_DATE) or found.result is Result.ENDED:
                continue
            for question, other in _COMPUTED.values():
                if (due_at := other(found, ticket)) is not None:
                    self._compare(question, found, ticket, due_at)

    def questions(self) -> Iterator[tuple[Question, ReadingTally]]:
        """What was met, by the numbers of the ids."""
        for id_ in sorted(self.tallies, key=lambda text: int(text[1:])):
            yield self._questions[id_], self.tallies[id_]

    def _tally(self, question: Question) -> ReadingTally:
        self._questions.setdefault(question.id, question)
        return self.tallies.setdefault(question.id, ReadingTally())

    def _asked(self, policy: Policy) -> Mapping[str, tuple[Question, ...]]:
        """The questions of a policy's own readings that are not computed, by clause."""
        if id(policy) not in self._by_clause:
            asked: dict[str, tuple[Question, ...]] = {}
            for reading in policy.readings:
                for id_ in _ID.findall(reading.chosen):
                    if id_ not in _COMPUTED:
                        question = Question(id_, reading.open_question, reading.chosen, "")
                        asked[reading.clause] = (*asked.get(reading.clause, ()), question)
            self._by_clause[id(policy)] = asked
        return self._by_clause[id(policy)]

    def _compare(
        self, question: Question, found: PromiseRecord, ticket: TicketRecord, due_at: datetime
    ) -> None:
        tally = self._tally(question)
        tally.met += 1
        tally.other_due += due_at != found.due_at
        other = _result(found, due_at, ticket.until)
        if other is found.result:
            return
        tally.differ += 1
        tally.met_now += found.result is Result.MET
        if len(tally.examples) < MOST_EXAMPLES:
            key, metric, severity = ticket.ticket.key, found.metric, found.severity
            tally.examples.append(
                Difference(key, metric, severity, found.due_at, found.result, due_at, other)
            )


def _result(found: PromiseRecord, due_at: datetime, now: datetime) -> Result:
    """What a promise would have come to, had it been due then."""
    if (found.over_at or now) > due_at:
        return Result.BREACHED
    if found.answered_at is not None:
        return Result.MET
    return Result.OPEN if found.over_at is None else Result.ENDED


_WINTER: dict[BusinessCalendar, BusinessCalendar | None] = {}
"""Calendars are compared by identity, and a desk has a handful."""


def _in_winter_time(calendar: BusinessCalendar) -> BusinessCalendar | None:
    """The calendar with its zones' winter time all year; None if that is the same."""
    if calendar not in _WINTER:
        hours = tuple(
            Hours(each.weekdays, _fixed(each.opens), _fixed(each.closes)) for each in calendar.hours
        )
        _WINTER[calendar] = None if hours == calendar.hours else replace(calendar, hours=hours)
    return _WINTER[calendar]


def _fixed(edge: BoundaryTime) -> BoundaryTime:
    offsets = [datetime(2024, month, 1, tzinfo=edge.zone).utcoffset() for month in (1, 7)]
    winter = min(offset for offset in offsets if offset is not None)
    if offsets[0] == offsets[1] or winter % _HOUR:
        return edge
    # In the names of these zones the sign is reversed: Etc/GMT-1 is an hour ahead.
    return BoundaryTime(edge.after_midnight, ZoneInfo(f"Etc/GMT{-(winter // _HOUR):+d}"))
