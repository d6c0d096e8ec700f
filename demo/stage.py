"""A desk for the demo: a folder with a desk file, and the real `frontline serve` running in it."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import sys
import webbrowser
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import cached_property
from pathlib import Path

from adapters.sql.store import connect
from bot.cli.try_out import sample_desk_file, sample_plan
from bot.clock import SimulatedClock
from bot.faults import OperatorFault
from sla_core.calendar import BusinessCalendar
from sla_core.catalog.load import load
from sla_core.policy import Metric, Plan, Policy, Severity

MONDAY, OPENING = date(2026, 3, 16), time(10)
"""When the demo begins, in the vendor's zone. At the browser's speed the weekend is far away."""
PATIENCE = 20.0
"""Seconds to wait for the bot to start or stop."""

ALICE, BOB, DANA = ("U0ALICE", "Alice"), ("U0BOB", "Bob"), ("U0DANA", "Dana")
BOT_TOKEN, SIGNING_SECRET = "xoxb-frontline-demo", "frontline-demo-signing-secret"


class DemoFault(OperatorFault):
    """Why the demo cannot continue, and how to fix it."""


@dataclass(frozen=True)
class Scenario:
    """The vendor's policy, the plan of its sample customer, and the severity of the ticket."""

    policy: Policy
    plan: Plan
    severity: Severity

    @classmethod
    def of(cls, vendor: str) -> Scenario:
        """Raises Faults for an unknown vendor."""
        policy = load(vendor)[-1]
        plan = sample_plan(policy)
        reached = [s for s in policy.severities.values() if policy.triage_for(plan.id).example(s.id)]
        severities = [s for s in reached if policy.targets(s.id, (), plan.id)]
        return cls(policy, plan, severities[min(1, len(severities) - 1)])

    @cached_property
    def hours(self) -> BusinessCalendar | None:
        """The vendor's business hours; None if it is open around the clock."""
        of_plan = [self.policy.calendar(self.plan.id, name) for name in self.plan.calendars]
        all_hours = (*of_plan, *self.policy.calendars.values())
        return next((calendar for calendar in all_hours if not calendar.always_open), None)

    @property
    def zone(self) -> tzinfo:
        """The vendor's time zone."""
        return self.hours.zone if self.hours else UTC

    @property
    def begins(self) -> datetime:
        """Monday, 10:00 in the vendor's zone."""
        return datetime.combine(MONDAY, OPENING, self.zone)

    @property
    def weekend(self) -> timedelta:
        """How long after the beginning the first weekend begins."""
        return datetime.combine(MONDAY + timedelta(days=5), time(), self.zone) - self.begins

    def next_monday(self, now: datetime) -> datetime:
        """The next Monday, 10:00, that is no holiday, for a desk that lives in the present."""
        day = now.astimezone(self.zone).date()
        day += timedelta(days=-day.weekday() % 7)
        while True:
            at = datetime.combine(day, OPENING, self.zone)
            if at > now and (self.hours is None or self.hours.is_open(at)):
                return at
            day += timedelta(days=7)

    def first_response(self, severity: Severity) -> timedelta | None:
        """How long the first response may take on any day at any time; None if the hours matter."""
        for target in self.policy.targets(severity.id, (), self.plan.id):
            if target.metric is Metric.FIRST_RESPONSE and isinstance(target.limit, timedelta):
                calendar = self.policy.clock(self.plan.id, target)
                return target.limit if calendar.always_open else None
        return None

    def choices(self, severity: Severity) -> list[str]:
        """The options to choose in the form, one for each question, that lead to the severity."""
        found = self.policy.triage_for(self.plan.id).example(severity.id) or {}
        questions = [question for question in self.policy.triage.questions if found.get(question.id)]
        return [", ".join(map(question.label_of, found[question.id])) for question in questions]

    def answers(self) -> dict[str, str | list[str]]:
        """Returns answers to the intake questions that lead to the severity, by question id."""
        found = self.policy.triage_for(self.plan.id).example(self.severity.id) or {}
        many = {q.id for q in self.policy.triage.questions if q.kind == "choices"}
        return {id_: list(given) if id_ in many else given[0] for id_, given in found.items()}

    def desk_file(self, vendor: str) -> str:
        """Returns a frontline.toml with one customer, Acme, and the people of the story."""
        return sample_desk_file(vendor)


def a_local_slack(api: str) -> dict[str, str]:
    """Returns the environment of a desk that uses a Slack on this machine."""
    return {"SLACK_API_URL": api, "SLACK_BOT_TOKEN": BOT_TOKEN, "SLACK_SIGNING_SECRET": SIGNING_SECRET}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def open_in_browser(address: str) -> None:
    """Opens a page, if there is a desktop to open it on."""
    if sys.platform != "linux" or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        webbrowser.open(address)


def minutes(length: timedelta, speed: float) -> str:
    """How long it takes at this speed, in words."""
    count = max(round(length / timedelta(minutes=1) / speed), 1)
    return f"{count} minute{'' if count == 1 else 's'}"


REPLIES = Path(__file__).parent / "replies"
"""Saved replies, which agents choose in the form of `Reply`."""


@asynccontextmanager
async def running_desk(
    scenario: Scenario, folder: Path, desk_file: str, port: int, speed: float, more: Mapping[str, str]
) -> AsyncIterator[SimulatedClock]:
    """Runs `frontline serve` in `folder`, ready for requests; `more` configures its platform.

    Yields the desk's clock.
    """
    (folder / "frontline.toml").write_text(desk_file, encoding="utf-8")
    shutil.copytree(REPLIES, folder / REPLIES.name)
    log = folder / "frontline.log"
    inherited = {key: value for key, value in os.environ.items() if not key.lower().endswith("_proxy")}
    environment = {**inherited, **more} | {
        "FRONTLINE_CONFIG": str(folder / "frontline.toml"),
        "FRONTLINE_CLOCK": f"{scenario.begins.isoformat()}*{speed:g}",
        "DATABASE_URL": (database := f"sqlite:///{folder}/frontline.db"),
        "HOST": "127.0.0.1",
        "PORT": str(port),
    }
    with log.open("wb") as sink:
        bot = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bot", "serve", env=environment, stdout=sink, stderr=sink
        )
    try:
        await _listening(bot, port, log)
        async with connect(database, secondary=True) as store:
            clock = await store.simulated_clock(None)
        assert clock is not None, "the desk has stored it"
        yield clock
    finally:
        await _stopped(bot)


async def _listening(bot: asyncio.subprocess.Process, port: int, log: Path) -> None:
    try:
        async with asyncio.timeout(PATIENCE):
            while bot.returncode is None:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                except OSError:
                    await asyncio.sleep(0.05)
                else:
                    writer.close()
                    return
    except TimeoutError:
        pass
    logged = await asyncio.to_thread(log.read_text, encoding="utf-8")
    raise DemoFault(f"the desk did not start; its log: {logged}")


async def _stopped(bot: asyncio.subprocess.Process) -> None:
    if bot.returncode is not None:
        return
    bot.terminate()
    try:
        async with asyncio.timeout(PATIENCE):
            await bot.wait()
    except TimeoutError:
        bot.kill()
        await bot.wait()
