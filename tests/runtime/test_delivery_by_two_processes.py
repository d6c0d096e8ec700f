"""Two deliveries of two processes over one database: each message is said once, in order, by either."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from adapters.sql.store import connect
from bot.clock import WakeSignal
from bot.desk.desk import Desk
from bot.model.address import MessageRef, Place, UserRef
from bot.model.views import Notice, View
from bot.ports import Change, Message, Priority
from bot.runtime.delivery import Delivery
from tests.harness import FakeChat, HeldClock, directory_of
from tests.journeys.conftest import FRIDAY_AFTERNOON
from tests.sql.samples import opened
from tests.waiting import turns

PLACES = [Place("slack", f"C{n}") for n in range(12)]
EACH = 6


class Yielding(FakeChat):
    """Lets others go on before it answers."""

    async def post(
        self, to: Place | UserRef, view: View, thread: MessageRef | None, key: str | None = None
    ) -> MessageRef:
        await turns(3)
        return await super().post(to, view, thread, key)


@pytest.mark.parametrize("database", ["sqlite", "postgres"])
async def test_two_processes_deliver_side_by_side(
    tmp_path: Path, request: pytest.FixtureRequest, database: str
) -> None:
    """Complaint 36: a scheduler and two processes, and every notice came twice."""
    file = f"sqlite:///{tmp_path / 'frontline.db'}"
    url = file if database == "sqlite" else str(request.getfixturevalue("postgres_url"))
    chat, clock = Yielding(), HeldClock(FRIDAY_AFTERNOON)
    said = tuple(
        Message(f"{place}/{n}", "ACME-1", place, Notice((str(n),)), Priority.STATE)
        for n in range(EACH)
        for place in PLACES
    )
    async with AsyncExitStack() as open_ones:
        stores = [await open_ones.enter_async_context(connect(url)) for _ in range(2)]
        await stores[0].open("e", "acme", lambda number: Change("ACME-1", 0, (opened(),), None, said))
        deliveries = []
        for store in stores:
            desk = Desk(store, clock, directory_of(tmp_path), {"slack": chat})
            deliveries.append(Delivery(desk, store, clock, WakeSignal()))
        while any(await asyncio.gather(*(delivery.deliver() for delivery in deliveries))):
            pass
    assert sorted(str(each.key) for each in chat.posted) == sorted(message.key for message in said)
    for place in PLACES:
        assert [each.text for each in chat.posted if each.to == place] == [str(n) for n in range(EACH)]
