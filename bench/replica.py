"""A replica without requests: `python -m bench.replica URL FILE PLATFORM` wakes and delivers."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp

from adapters.sql.engines.engine import is_postgres, postgres_url
from bench.children import report
from bench.platform import PlatformClient
from bench.stock import open_desk
from bot.runtime.lane_dispatcher import WorkerPool
from bot.runtime.runtime import Runtime
from bot.telemetry import configure_logs


@asynccontextmanager
async def _worker_pool(url: str) -> AsyncIterator[WorkerPool | None]:
    if not is_postgres(url):
        yield None
        return
    from adapters import worker_pool
    from adapters.sql.engines.postgres import conninfo

    async with worker_pool.connect(conninfo(postgres_url(url))) as made:
        yield made


async def _run(url: str, file: Path, platform: str) -> None:
    configure_logs(quiet=True)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    connector = aiohttp.TCPConnector(limit=0)
    async with open_desk(url, file) as (store, desk), aiohttp.ClientSession(connector=connector) as session:
        desk.platforms["slack"] = PlatformClient(platform, session)
        runtime = Runtime(desk, store)
        store.on_change = runtime.store_changed
        async with _worker_pool(url) as runtime.worker_pool, runtime.running():
            report(ready=True)
            await stop.wait()


if __name__ == "__main__":
    asyncio.run(_run(sys.argv[1], Path(sys.argv[2]), sys.argv[3]))
