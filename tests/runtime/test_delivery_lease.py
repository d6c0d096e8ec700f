"""What is sent under a hold on a lane has to be answered before the hold is over."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from bot.ports import Charge, Outgoing
from bot.runtime.delivery import SEND_TIMEOUT
from tests.harness import ACME, ALICE, S2, open_desk
from tests.journeys.conftest import FRIDAY_AFTERNOON
from tests.memory_store import MemoryStore
from tests.virtual_time import in_virtual_time, time_passes


@in_virtual_time
async def test_a_lease_that_took_too_long_to_get_is_not_used(tmp_path: Path) -> None:
    """A database that restarts answers after seconds: a call begun then would outlast the hold."""

    class Slow(MemoryStore):
        takes = SEND_TIMEOUT + 0.1

        async def begin(
            self, outgoing: Outgoing, charges: Sequence[Charge], now: datetime, until: datetime
        ) -> datetime | None:
            await time_passes(self.takes)
            return await super().begin(outgoing, charges, now, until)

    store = Slow()
    desk = await open_desk(tmp_path, FRIDAY_AFTERNOON, store=store)
    await desk.submits(ALICE, "Bills are slow", S2)
    assert desk.heard(ACME) == []
    assert store.outbox["ACME-1/customer"].tried_at is None, "it cannot have arrived"
    store.takes = 0
    desk.clock.at += timedelta(minutes=1)
    await desk.deliver()
    assert len(desk.heard(ACME)) == 1
