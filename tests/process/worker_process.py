"""A desk without requests: `python -m tests.process.worker_process URL FILE WIRE` wakes and delivers."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from aiohttp import ClientError, ClientSession

from adapters import worker_pool
from adapters.sql.engines.engine import postgres_url
from adapters.sql.engines.postgres import conninfo
from adapters.sql.store import connect
from bot.config.directory import Directory
from bot.config.settings import load_desk
from bot.desk.desk import Desk
from bot.model.address import Location, MessageRef, Place, UserRef
from bot.model.views import View
from bot.ports import Charge, Priority, TemporaryFailure
from bot.runtime.runtime import Runtime
from bot.telemetry import configure_logs


class HttpPlatform:
    """bot.ports.ChatPlatform over HTTP to the test, without any limit."""

    name = "slack"

    def __init__(self, platform: str, session: ClientSession) -> None:
        self._url, self._session = platform, session

    async def post(
        self, to: Place | UserRef, view: View, thread: MessageRef | None, key: str | None = None
    ) -> MessageRef:
        await self._asked("post", where=str(to), key=key or "")
        return self._ref(to, key or "")

    async def update(self, message: MessageRef, view: View) -> None:
        await self._asked("update", where=str(message.place), key=message.id)

    async def delete(self, message: MessageRef) -> None:
        await self._asked("delete", where=str(message.place), key=message.id)

    async def find(
        self, to: Place | UserRef, key: str, thread: MessageRef | None, since: object
    ) -> MessageRef | None:
        return self._ref(to, key) if await self._asked("find", key=key) else None

    async def _asked(self, verb: str, **what: str) -> str:
        try:
            asked = {**what, "pid": str(os.getpid())}
            async with self._session.post(f"{self._url}/{verb}", params=asked) as answer:
                return await answer.text()
        except ClientError as fault:
            raise TemporaryFailure(type(fault).__name__, maybe_delivered=True) from None

    @staticmethod
    def _ref(to: Place | UserRef, key: str) -> MessageRef:
        return MessageRef(to if isinstance(to, Place) else Place("slack", to.id, direct=True), key)

    async def location(self, message: MessageRef) -> Location:
        return Location()

    def charges(self, to: Place | UserRef, edits: MessageRef | None, priority: Priority) -> Sequence[Charge]:
        return ()

    def is_group(self, id: str) -> bool:
        return False

    async def members(self, group: str) -> frozenset[UserRef]:
        return frozenset()

    async def places_of(self, user: UserRef) -> frozenset[Place]:
        return frozenset()

    async def name_of(self, user: UserRef, place: Place) -> str:
        return user.id


async def run(url: str, file: Path, platform: str) -> None:
    """Until SIGTERM."""
    configure_logs(quiet=True)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with connect(url) as store, ClientSession() as session:
        clock = await store.simulated_clock(None)
        assert clock is not None
        desk = Desk(
            store, clock, Directory(load_desk(file)), {"slack": HttpPlatform(platform, session)}, store
        )
        runtime = Runtime(desk, store)
        store.on_change = runtime.store_changed
        async with worker_pool.connect(conninfo(postgres_url(url))) as runtime.worker_pool, runtime.running():
            print("ready", flush=True)
            await stop.wait()


if __name__ == "__main__":
    asyncio.run(run(sys.argv[1], Path(sys.argv[2]), sys.argv[3]))
