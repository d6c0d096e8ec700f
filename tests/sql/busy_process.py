"""Opens tickets and adds to them until it is killed; prints each one that the store said it has."""

from __future__ import annotations

import asyncio
import itertools
import sys
from datetime import timedelta

from adapters.sql.store import connect
from bot.ports import Change
from tests.sql.samples import NOON, answered, message, opened


async def work(url: str, tasks: int) -> None:
    async with connect(url) as store:

        async def worker(name: int) -> None:
            for round_ in itertools.count():
                act = f"{name}/{round_}"

                def draft(number: int, act: str = act) -> Change:
                    key = f"ACME-{number}"
                    wake_at = NOON + timedelta(minutes=number)
                    return Change(key, 0, (opened(act),), wake_at, (message(f"{act} card", ticket=key),))

                ticket = (await store.open(act, "acme", draft)).ticket
                print("opened", ticket, act, flush=True)
                said = message(f"{act} reply", ticket=ticket, thread=f"{act} card")
                await store.append(f"{act} reply", Change(ticket, 1, (answered(act),), None, (said,)))
                print("answered", ticket, act, flush=True)

        await asyncio.gather(*(worker(name) for name in range(tasks)))


if __name__ == "__main__":
    asyncio.run(work(sys.argv[1], int(sys.argv[2])))
