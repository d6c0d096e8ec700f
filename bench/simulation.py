"""How many days of a desk are simulated a second of processor time, with crashes, faults and checks.

The whole desk in virtual time: real loops, real SQL on SQLite in memory, a process that dies at any step of
its input and output, a platform that fails. Each run ends with the checks of engine.md, test 1. Processor
time, because everything runs on one core and other load should not count.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from time import process_time

from bench.measure import Progress, silence
from bench.report import Gate, Report, Row, Table
from bot.config.settings import DeskSettings, load_desk
from tests.journeys.crash_points import FILE
from tests.journeys.inline_sqlite import InlineSqlite, InspectableMemoryStore
from tests.journeys.simulation import Outcome, RunSize, Simulation

QUIET = RunSize(tickets=8)
BUSY = RunSize(tickets=50, fewest=1, most=1, crashes=2.5)
"""As many tickets and crashes a month as in engine.md, and one act for each ticket."""
GATE, STRETCH = 500, 1000


@dataclass(slots=True)
class Course:
    """Runs of one kind, and their time."""

    name: str
    size: RunSize
    seeds: int
    in_sqlite: bool = True
    seconds: float = 0.0
    outcomes: list[Outcome] = field(default_factory=list)

    def run(self, settings: DeskSettings, seed: int) -> Outcome:
        store = InlineSqlite() if self.in_sqlite else InspectableMemoryStore()
        begun = process_time()
        outcome = Simulation(settings, seed, self.size, store).run()
        self.seconds += process_time() - begun
        return outcome

    @property
    def days_a_second(self) -> float:
        return self.size.days * len(self.outcomes) / self.seconds

    def row(self) -> Row:
        runs = len(self.outcomes)
        crashes, steps, events, delivered = (
            sum(counted) / runs
            for counted in zip(
                *((o.crashes, o.steps, o.events, o.delivered) for o in self.outcomes), strict=True
            )
        )
        a_month = (
            f"a month: {self.size.tickets} tickets, {events:.0f} events, {delivered:.0f} deliveries, "
            f"{steps:,.0f} steps of I/O, {crashes:.0f} crashes; {runs} seeds"
        )
        return Row(self.name, self.days_a_second, "days/s", None, a_month)


def run(progress: Progress) -> Report:
    quiet = Course("8 tickets, 4 to 14 acts each, SQLite", QUIET, 60)
    courses = (
        quiet,
        Course("the same, store of dicts", QUIET, 60, in_sqlite=False),
        Course("50 tickets, one act each, SQLite", BUSY, 10),
    )
    with tempfile.TemporaryDirectory() as folder, silence():
        path = Path(folder) / "frontline.toml"
        path.write_text(FILE, encoding="utf-8")
        settings = load_desk(path)
        Simulation(settings, 0, QUIET).run()
        for seed in range(max(course.seeds for course in courses)):
            progress.say(f"simulation: seed {seed}")
            for course in courses:
                if seed < course.seeds:
                    course.outcomes.append(course.run(settings, seed))
        again = [Simulation(settings, seed, QUIET).run() for seed in range(10)]
    unlike = sum(told != first for told, first in zip(again, quiet.outcomes, strict=False))
    busy = courses[-1]
    return Report(
        "simulation",
        "days of a whole desk, with crashes and faults, a second of processor time",
        (Table("simulated days a second of processor time", tuple(course.row() for course in courses)),),
        (
            Gate("50 tickets a month, as engine.md has", busy.days_a_second, GATE, "/s"),
            Gate("8 tickets a month", quiet.days_a_second, GATE, "/s"),
            Gate("8 tickets a month", quiet.days_a_second, STRETCH, "/s", stretch=True),
            Gate("of ten seeds, those that differed in a second run", unlike, 0, "", at_most=True),
        ),
        ("deliveries are messages and edits of cards; a call to the store or the platform is two steps",),
    )
