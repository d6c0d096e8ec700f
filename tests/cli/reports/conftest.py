"""A desk's database with a month of tickets, told by hand."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from adapters.sql.store import connect
from bot.ports import Change
from sla_core.events import THE_CLOCK, Answered, Breached, CustomerWrote, Event, Kind, Rated, Resolved, Who
from sla_core.policy import Metric
from tests.desk_file import account, desk_file
from tests.sla_core.builders import ANN, BOB, local, opened

MONITORING = Who("alerts::prod", "prod monitoring")


def history(severity: str, begun: str, *events: Event, account: str = "acme") -> tuple[Event, ...]:
    first = opened(local(begun), severity, "gold")
    return replace(first, account=account), *events


def reply(instant: str, by: Who = BOB) -> Answered:
    return Answered(local(instant), by, Kind.REPLY, "We look into it")


def missed(due: str, run: str) -> Breached:
    return Breached(local(due), THE_CLOCK, Metric.FIRST_RESPONSE, run, local(due))


STORED = {
    # Gold is open 10:00 to 22:00 in Berlin: 4 hours, answered after 30 minutes, and after 2 hours.
    "ACME-1": history("S2", "2026-03-09 10:00", reply("2026-03-09 10:30")),
    "ACME-2": history(
        "S2",
        "2026-03-10 10:00",
        reply("2026-03-10 12:00", replace(BOB, name="=1+1")),
        Resolved(local("2026-03-10 15:00"), BOB, "Done"),
        Rated(local("2026-03-10 16:00"), ANN, 4),
    ),
    # Due at 15:00, answered an hour late.
    "ACME-3": history(
        "S2",
        "2026-03-11 11:00",
        missed("2026-03-11 15:00", "first_response/S2/20260311T100000.000000Z"),
        reply("2026-03-11 16:00"),
    ),
    "ACME-4": (
        replace(opened(local("2026-03-12 03:00"), "S1", "gold"), by=MONITORING),
        reply("2026-03-12 03:20"),
        CustomerWrote(local("2026-03-12 05:00"), MONITORING, "Resolved at 05:00", "app"),
    ),
    "GLOBEX-1": history("S3", "2026-04-01 10:00", account="globex"),
}


def _as_told(change: Change, number: int) -> Change:
    return change


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """A folder with a desk's file of two accounts, and its database."""

    async def stores() -> None:
        async with connect(f"sqlite:///{tmp_path}/frontline.db") as store:
            for key, events in STORED.items():
                change = Change(key, 0, events, None, ())
                await store.open(f"open {key}", key.partition("-")[0].lower(), partial(_as_told, change))

    asyncio.run(stores())
    accounts = [account(), account("globex", "Globex", channel="slack:C0GLOBEX")]
    (tmp_path / "frontline.toml").write_text(desk_file(accounts=accounts), encoding="utf-8")
    return tmp_path
