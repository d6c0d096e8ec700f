"""The desk behind `demo` and `console`: whose it is, and how its time passes."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

from bot.clock import ManualClock
from bot.config.environment import read_environment
from bot.config.settings import DeskSettings, load_desk
from bot.desk.desk import Desk
from bot.desk.timed_work import TimedWork
from bot.faults import OperatorFault
from bot.ports import KeyValueStore
from bot.runtime import scheduler
from sla_core.catalog.load import load, vendors
from sla_core.policy import Plan, Policy


def desk_settings(vendor: str) -> DeskSettings:
    """The settings of frontline.toml, or of a sample desk of the vendor if there is no such file.

    Without pagers, `page` addresses and webhooks: what is tried out pages nobody.
    """
    path = read_environment().frontline_config
    settings = load_desk(path) if path.is_file() else sample_desk(vendor)
    people = {person.id: replace(person, page=()) for person in settings.people.values()}
    return replace(settings, people=people, pagers={}, webhooks=())


def console_database() -> str:
    """DATABASE_URL where that is set, else a temporary database."""
    env = read_environment()
    return env.database_url if "database_url" in env.model_fields_set else "sqlite://"


class ConsoleStore(KeyValueStore, Protocol):
    """What the console asks of its database before it begins."""

    async def index_size(self) -> int:
        """The number of tickets."""


@asynccontextmanager
async def remembered_time(store: ConsoleStore, clock: ManualClock) -> AsyncIterator[None]:
    """Begins no earlier than the last session on this database ended, whose clock may have been ahead.

    Raises OperatorFault if the tickets are those of a desk: its waiting messages would go to the terminal.
    """
    if last := await store.get("console", "ended_at"):
        clock.advance_to(datetime.fromisoformat(last))
    elif await store.index_size():
        raise OperatorFault(
            "DATABASE_URL: has the tickets of a desk, and the console would print the messages that wait "
            "for its customers; name another database, such as sqlite:///console.db"
        )
    await store.put("console", "ended_at", clock.now().isoformat())
    try:
        yield
    finally:
        await store.put("console", "ended_at", clock.now().isoformat())


def fast_forward(
    desk: Desk, clock: ManualClock, settle: Callable[[], Awaitable[None]]
) -> Callable[[timedelta], Awaitable[None]]:
    """Advances time from one due instant to the next, and delivers messages before it, as the loops do."""
    timed_work = TimedWork(desk)

    async def next_due() -> datetime | None:
        due = (await desk.store.next_wake(), await desk.store.next_timer())
        return min((at for at in due if at is not None), default=None)

    async def wait(length: timedelta) -> None:
        until = clock.now() + length
        while (due := await next_due()) is not None and due <= until:
            clock.advance_to(due)
            await scheduler.wake_due_tickets(desk)
            await scheduler.fire_due_timers(desk, timed_work.handlers)
            await timed_work.do_what_is_due()
            await settle()
        clock.advance_to(until)

    return wait


def sample_plan(policy: Policy) -> Plan:
    """The last plan with chat, or the first plan if none has it."""
    plans = list(policy.plans.values())
    return next((plan for plan in reversed(plans) if plan.chat), plans[0])


def sample_desk_file(vendor: str) -> str:
    """The text of a frontline.toml for a pack or a folder. Raises Faults for an unknown vendor."""
    policy = load(vendor)[-1]
    plan = sample_plan(policy)
    rotas = "\n".join(f'{step.role} = ["bob"]' for step in policy.steps)
    tam = 'tam = "dana"' if plan.tam else ""
    return f"""{vendor_setting(vendor)}

[slack]
triage = "C0TRIAGE"
agents = ["U0BOB"]

[[people]]
id = "bob"
name = "Bob"
slack = "U0BOB"

[[people]]
id = "dana"
name = "Dana"
slack = "U0DANA"

[rotas]
{rotas}

[[accounts]]
id = "acme"
name = "Acme (sample customer)"
plan = "{plan.id}"
{tam}
channels = ["slack:C0ACME"]
"""


def sample_desk(vendor: str) -> DeskSettings:
    """The settings of the sample desk. Raises Faults for an unknown vendor."""
    with TemporaryDirectory(prefix="frontline-") as folder:
        file = Path(folder) / "frontline.toml"
        file.write_text(sample_desk_file(vendor), encoding="utf-8")
        return load_desk(file)


def vendor_setting(vendor: str) -> str:
    """The `vendor` line of a frontline.toml. A folder is written with its full path."""
    named = vendor if vendor in vendors() else str(Path(vendor).resolve())
    return f"vendor = {json.dumps(named, ensure_ascii=False)}"
