"""Compares business time with the peers on the same random instants, answers first, then timing."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from time import process_time
from typing import TypeVar

from bench.contenders import (
    BERLIN,
    OURS,
    WORKCLOCK,
    Contender,
    business_time_delta,
    custom_business_hour,
    frontline,
    office,
    rust,
    rust_batch,
    time_grid,
    two_zones,
)
from bench.measure import Progress, Work, each, interleaved
from bench.report import Gate, Report, Row, Table, compared
from bench.ticket import NOWS, POLICY, TICKET
from sla_core.calendar import BusinessCalendar
from sla_core.engine import evaluate
from sla_core.ticket import fold

A = TypeVar("A")

SEED = 20260320
COUNT = 1_000
FIRST = datetime(2024, 1, 1, tzinfo=UTC)
FOUR_YEARS = 4 * 365 * 86_400
A_MONTH = 30 * 86_400
BATCH = "workclock add_many"
ONE_ZONE, WORKCLOCKS_ONE_ZONE = "Frontline, one zone", "workclock, one zone"

_random = Random(SEED)
STARTS = [FIRST + timedelta(seconds=_random.randrange(FOUR_YEARS)) for _ in range(COUNT)]
ENDS = [start + timedelta(seconds=_random.randrange(1, A_MONTH)) for start in STARTS]
AMOUNTS = [timedelta(hours=_random.choice((1, 2, 4, 8, 16, 24, 40))) for _ in STARTS]
DAYS = [_random.choice((1, 2, 3, 5, 10)) for _ in STARTS]


def run(progress: Progress) -> Report:
    progress.say("calendars: asking every contender for its answers")
    contenders = (frontline(), rust(), time_grid(), business_time_delta(), custom_business_hour())
    add = _adding_hours(contenders, progress)
    local = _local_datetimes(contenders, progress)
    days = _adding_days(contenders, progress)
    between = _between(contenders, progress)
    two = _two_zones(contenders, progress)
    engine = _engine(progress)
    ours, theirs = add.cost(OURS), add.cost(WORKCLOCK)
    in_berlin = local.cost(WORKCLOCK) / local.cost(OURS)
    elapsed = between.cost(WORKCLOCK) / between.cost(OURS)
    window, one, theirs_of_one = two.cost(OURS), two.cost(ONE_ZONE), two.cost(WORKCLOCKS_ONE_ZONE)
    gates = (
        Gate("add business hours: workclock / ours", theirs / ours, 2),
        Gate("add business hours: workclock / ours", theirs / ours, 3, stretch=True),
        Gate("add business hours: workclock / ours", theirs / ours, 4.5, stretch=True),
        Gate("the same in and out of Berlin's zone: workclock / ours", in_berlin, 2),
        Gate("between two instants: workclock / ours", elapsed, 1.8),
        Gate("between two instants: workclock / ours", elapsed, 2.5, stretch=True),
        Gate("two zones: ours / ours in one zone", window / one, 1.2, at_most=True),
        Gate("workclock in one zone / ours in two", theirs_of_one / window, 3, stretch=True),
        Gate("evaluate a ticket", engine.cost("evaluate") / 1_000, 1, unit="ms", at_most=True),
    )
    about = f"{COUNT:,} random instants of {FIRST.year} to {FIRST.year + 3}, seed {SEED}"
    return Report("calendars", about, (add, local, days, between, two, engine), gates, _NOTES)


_NOTES = (
    "processor seconds, which other load on the machine does not lengthen",
    "all take and return aware datetimes with input checks on; hours and holidays are the same",
    "'next opening': if time runs out at a close, the peer answers with the following opening",
    "the peers have no such business days and count eight hours a day",
    "timegrid knows no zones: converting to Berlin's wall clock and back is a part of its cost",
    "workclock closes in another zone by a break from 17:00 New York to midnight",
)


def _adding_hours(contenders: Sequence[Contender], progress: Progress) -> Table:
    works = {who.name: each(who.add, STARTS, AMOUNTS) for who in contenders}
    wanted = _answers(contenders[0].add, STARTS, AMOUNTS)
    notes = {who.name: agreement(wanted, _answers(who.add, STARTS, AMOUNTS)) for who in contenders[1:]}
    batch = rust_batch(STARTS, AMOUNTS)
    works[BATCH] = batch
    notes[BATCH] = f"{agreement(wanted, batch())}; all instants in one call"
    return _timed("add business hours, datetimes in UTC", works, notes, progress)


def _local_datetimes(contenders: Sequence[Contender], progress: Progress) -> Table:
    """Our answer is in UTC; here it is converted to Berlin's zone, as workclock's is."""
    ours, theirs = contenders[0].add, contenders[1].add
    starts = [start.astimezone(BERLIN) for start in STARTS]

    def add(start: datetime, amount: timedelta) -> datetime:
        return ours(start, amount).astimezone(BERLIN)

    works = {OURS: each(add, starts, AMOUNTS), WORKCLOCK: each(theirs, starts, AMOUNTS)}
    notes = {WORKCLOCK: agreement(_answers(add, starts, AMOUNTS), _answers(theirs, starts, AMOUNTS))}
    return _timed("add business hours, datetimes in Berlin's zone", works, notes, progress)


def _adding_days(contenders: Sequence[Contender], progress: Progress) -> Table:
    works = {who.name: each(who.add_days, STARTS, DAYS) for who in contenders}
    wanted = _answers(contenders[0].add_days, STARTS, DAYS)
    notes = {who.name: agreement(wanted, _answers(who.add_days, STARTS, DAYS)) for who in contenders[1:]}
    return _timed("add business days", works, notes, progress)


def _between(contenders: Sequence[Contender], progress: Progress) -> Table:
    works: dict[str, Work] = {}
    notes: dict[str, str] = {}
    wanted: list[timedelta] = []
    for who in contenders:
        if who.between is None:
            notes[who.name] = "cannot express it"
            continue
        answers = list(map(who.between, STARTS, ENDS))
        works[who.name] = each(who.between, STARTS, ENDS)
        if who.name == OURS:
            wanted = answers
        else:
            equal = sum(mine == answer for mine, answer in zip(wanted, answers, strict=True))
            notes[who.name] = f"{equal:,} of {COUNT:,} answers equal"
    return _timed("business time between two instants", works, notes, progress)


def _two_zones(contenders: Sequence[Contender], progress: Progress) -> Table:
    calendar = two_zones()
    mine, theirs, *_ = contenders
    works: dict[str, Work] = {}
    notes: dict[str, str] = {}
    wanted: list[datetime] = []
    for who in contenders:
        if who.add_two_zones is None:
            notes[who.name] = "cannot express it"
            continue
        answers = _answers(who.add_two_zones, STARTS, AMOUNTS)
        works[who.name] = each(who.add_two_zones, STARTS, AMOUNTS)
        if who.name == OURS:
            wanted = answers
        else:
            notes[who.name] = agreement(wanted, answers, calendar)
    works |= {
        ONE_ZONE: each(mine.add, STARTS, AMOUNTS),
        WORKCLOCKS_ONE_ZONE: each(theirs.add, STARTS, AMOUNTS),
    }
    return _timed("add business hours, 10:00 Berlin to 17:00 New York", works, notes, progress)


def _answers(
    function: Callable[[datetime, A], datetime], starts: list[datetime], by: list[A]
) -> list[datetime]:
    return list(map(function, starts, by))


def agreement(
    wanted: Sequence[datetime], answers: Sequence[datetime], calendar: BusinessCalendar | None = None
) -> str:
    """Counts answers that equal ours, that name the opening after our close, and that differ."""
    hours = calendar or office()
    equal = later = other = 0
    for mine, answer in zip(wanted, answers, strict=True):
        if mine == answer:
            equal += 1
        elif hours.next_opening(mine) == answer:
            later += 1
        else:
            other += 1
    others = ((later, "the next opening"), (other, "different"))
    return ", ".join(
        [
            f"{equal:,} of {len(wanted):,} answers equal",
            *(f"{count:,} {what}" for count, what in others if count),
        ]
    )


def _timed(title: str, works: dict[str, Work], notes: dict[str, str], progress: Progress) -> Table:
    return compared(title, interleaved(works, COUNT, progress, title, clock=process_time), OURS, notes)


def _engine(progress: Progress) -> Table:
    """Measures what has no peer: the engine on one ticket, and a compiled calendar."""
    history = TICKET.history
    evaluating = interleaved(
        {
            "evaluate": each(lambda now: evaluate(TICKET, POLICY, now), NOWS),
            "fold and evaluate": each(lambda now: evaluate(fold("A-1", history), POLICY, now), NOWS),
        },
        len(NOWS),
        progress,
        "engine",
        clock=process_time,
    )
    compiling = interleaved(
        {"compile": lambda: office()._compiled(2026, 2026)},
        1,
        progress,
        "compiled calendar",
        clock=process_time,
    )
    about = "three clocks, two holds, twenty events, at 200 instants"
    rows = (
        *(Row(name, cost, "us", None, about) for name, cost in evaluating.items()),
        Row("compile a year", compiling["compile"], "us", None, "its public holidays known already"),
        Row("five years compiled", _kilobytes(2024, 2028), "KB", None, "of memory"),
    )
    return Table("the engine", rows)


def _kilobytes(first_year: int, last_year: int) -> float:
    calendar = office()
    calendar._compiled(first_year, last_year)
    tracemalloc.start()
    try:
        line = calendar._compiled(first_year, last_year)
        size, _ = tracemalloc.get_traced_memory()
        assert line.starts
    finally:
        tracemalloc.stop()
    return size / 1024
