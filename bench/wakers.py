"""The workers of bench.wakes: `python -m bench.wakers ROLE URL FILE` reports each wake-up.

Ours report when the commit that woke a ticket has returned, the peers' when their handler begins. The
peers' tables say when they recorded a job as done.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

from bench.children import report
from bench.stock import open_desk
from bot.clock import real_now
from bot.ports import Change, DecideWake
from bot.runtime.runtime import POLL_EVERY
from bot.runtime.scheduler import BATCH_SIZE
from bot.telemetry import configure_logs
from sla_core.events import CustomerWrote, Event, Who

TASK = "fire"
POLL = 0.5
"""Seconds between polls of procrastinate's worker; its default is 5."""
CONCURRENCY = 20
_ANN = Who("slack:T0VENDOR:U0ANN", "Ann")


async def index(url: str, file: Path) -> None:
    """Our index of wake-ups alone: each decision is one event."""

    def decide(key: str, history: tuple[Event, ...]) -> Change:
        return Change(key, len(history), (CustomerWrote(real_now(), _ANN, "due"),), None, ())

    await _woken(url, file, decide)


async def desk(url: str, file: Path) -> None:
    """The whole desk: promises, events, messages and new cards."""
    await _woken(url, file, None)


async def _woken(url: str, file: Path, decide: DecideWake | None) -> None:
    """Wakes tickets as bot.runtime.scheduler does, and reports each commit."""
    async with open_desk(url, file) as (store, made):
        await made.store.wake(made.clock.now() - timedelta(days=1), 1, (), decide or made.change_on_wake)
        report(ready=True)
        while True:
            while keys := await store.wake(made.clock.now(), BATCH_SIZE, (), decide or made.change_on_wake):
                report(at=time.time(), keys=keys)
            # Polls, as replicas do: commits of other processes send no wake signal.
            soon = made.clock.now() + POLL_EVERY
            await made.clock.sleep_until(min(await store.next_wake() or soon, soon))


async def pgqueuer(url: str, file: Path) -> None:
    import asyncpg
    from pgqueuer import AsyncpgDriver, PgQueuer
    from pgqueuer.models import Job

    queue = PgQueuer(AsyncpgDriver(await asyncpg.connect(url)))

    @queue.entrypoint(TASK)  # type: ignore[untyped-decorator]
    async def fire(job: Job) -> None:
        report(at=time.time(), keys=[(job.payload or b"").decode()])

    report(ready=True)
    await queue.run(
        dequeue_timeout=timedelta(seconds=0.1), batch_size=CONCURRENCY, log_aggregation_interval=timedelta(0)
    )


async def procrastinate(url: str, file: Path) -> None:
    from procrastinate import App, PsycopgConnector

    app = App(connector=PsycopgConnector(conninfo=url, max_size=10))

    @app.task(name=TASK)
    async def fire(nth: int) -> None:
        report(at=time.time(), keys=[str(nth)])

    async with app.open_async():
        report(ready=True)
        await app.run_worker_async(
            concurrency=CONCURRENCY,
            fetch_job_polling_interval=POLL,
            install_signal_handlers=False,
        )


ROLES: dict[str, Callable[[str, Path], Awaitable[None]]] = {
    "index": index,
    "desk": desk,
    "pgqueuer": pgqueuer,
    "procrastinate": procrastinate,
}


async def _work(role: str, url: str, file: Path) -> None:
    configure_logs(quiet=True)
    await ROLES[role](url, file)


if __name__ == "__main__":
    asyncio.run(_work(sys.argv[1], sys.argv[2], Path(sys.argv[3])))
