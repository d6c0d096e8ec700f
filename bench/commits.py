"""Opens tickets in the store alone: durable transactions a second.

The peer is SQLModel's ORM with async sessions, which writes as many rows of the same tables.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from functools import partial
from itertools import count
from pathlib import Path
from statistics import median

from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlmodel import SQLModel

from adapters.sql.store import connect
from bench import postgres
from bench.measure import Progress
from bench.naive import orm_accounts, orm_open
from bench.report import Gate, Report, Row, Table
from bench.stock import FRIDAY, opened
from bot.model.address import Place
from bot.model.views import Audience
from bot.ports import Card, Change, Message, Priority

OURS_FILE, OURS_SHARED = "Frontline, SQLite FULL", "Frontline, PostgreSQL"
ORM_FILE, ORM_ASYNCPG, ORM_PSYCOPG = "ORM, aiosqlite", "ORM, asyncpg", "ORM, psycopg"
ACCOUNTS = [f"acc{nth}" for nth in range(16)]
"""Several, so that callers do not wait for the row with an account's last number."""
ROUNDS = 5
SECONDS = 0.8
TASKS = (1, 16)

Open = Callable[[int], Awaitable[object]]
"""Opens one ticket, with a number that is used only once."""


def run(progress: Progress) -> Report:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="frontline-bench-")))
        server = stack.enter_context(postgres.server())
        rates = asyncio.run(_rates(folder, (server.fresh(), server.fresh(), server.fresh()), progress))
    tables = tuple(
        table
        for tasks in TASKS
        for table in (
            _table(f"SQLite, tasks: {tasks}", rates[tasks], (OURS_FILE, ORM_FILE)),
            _table(f"PostgreSQL, tasks: {tasks}", rates[tasks], (OURS_SHARED, ORM_ASYNCPG, ORM_PSYCOPG)),
        )
    )
    return Report(
        "commits",
        f"opening a ticket: index, event, two messages, envelope, number; medians of {ROUNDS} rounds",
        tables,
        _gates(rates[16]),
        _NOTES,
    )


_NOTES = (
    "sixteen accounts, so that callers do not wait for the row with an account's last number",
    "the PostgreSQL gates compare with the ORM on the same driver, psycopg",
    "caller and store in one process, as in the desk; the PostgreSQL server is on the same two cores",
)


async def _rates(folder: Path, urls: tuple[str, str, str], progress: Progress) -> dict[int, dict[str, float]]:
    async with AsyncExitStack() as stack:
        enter, bare = stack.enter_async_context, [url.partition("://")[2] for url in urls]
        opens = {
            OURS_FILE: await enter(_ours(f"sqlite:///{folder}/ours.db")),
            ORM_FILE: await enter(_mapper(f"sqlite+aiosqlite:///{folder}/orm.db")),
            OURS_SHARED: await enter(_ours(urls[0])),
            ORM_ASYNCPG: await enter(_mapper(f"postgresql+asyncpg://{bare[1]}")),
            ORM_PSYCOPG: await enter(_mapper(f"postgresql+psycopg://{bare[2]}")),
        }
        found: dict[int, dict[str, list[float]]] = {n: {name: [] for name in opens} for n in TASKS}
        numbers = count(1)
        for number in range(ROUNDS):
            for name, each in opens.items():
                progress.say(f"commits: round {number + 1} of {ROUNDS}, {name}")
                for tasks in TASKS:
                    found[tasks][name].append(await _rate(each, tasks, numbers))
    return {n: {name: median(rates) for name, rates in by.items()} for n, by in found.items()}


async def _rate(open_one: Open, tasks: int, numbers: count[int]) -> float:
    """Commits a second."""
    done, until = 0, time.perf_counter() + SECONDS

    async def caller() -> None:
        nonlocal done
        while time.perf_counter() < until:
            await open_one(next(numbers))
            done += 1

    begun = time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(tasks)))
    return done / (time.perf_counter() - begun)


@asynccontextmanager
async def _ours(url: str) -> AsyncIterator[Open]:
    async with connect(url) as store:

        async def open_one(nth: int) -> None:
            account = ACCOUNTS[nth % len(ACCOUNTS)]
            await store.open(f"e-{nth}", account, partial(_draft, account))

        yield open_one


def _draft(account: str, number: int) -> Change:
    key = f"{account.upper()}-{number}"
    said = (Audience.CUSTOMER, "C0ACME"), (Audience.AGENTS, "C0TRIAGE")
    messages = tuple(
        Message(f"{key}/{audience}", key, Place("slack", where), Card(audience), Priority.STATE)
        for audience, where in said
    )
    return Change(key, 0, (opened(account, "C0ACME"),), FRIDAY, messages)


@asynccontextmanager
async def _mapper(url: str) -> AsyncIterator[Open]:
    engine = create_async_engine(url, pool_size=16)
    if url.startswith("sqlite"):
        async with engine.begin() as connection:
            await connection.exec_driver_sql("PRAGMA journal_mode=WAL")
            await connection.run_sync(SQLModel.metadata.create_all)
    await orm_accounts(engine, ACCOUNTS)

    async def open_one(nth: int) -> None:
        async with AsyncSession(engine) as session:
            await orm_open(session, f"e-{nth}", ACCOUNTS[nth % len(ACCOUNTS)])

    yield open_one
    await engine.dispose()


def _table(title: str, rates: Mapping[str, float], names: tuple[str, ...]) -> Table:
    ours = rates[names[0]]
    rows = [
        Row(name, 1e6 / rates[name], "us", ours / rates[name], f"{rates[name]:,.0f} a second")
        for name in names
    ]
    return Table(title, tuple(rows))


def _gates(rates: Mapping[str, float]) -> tuple[Gate, ...]:
    file = rates[OURS_FILE] / rates[ORM_FILE]
    shared = rates[OURS_SHARED] / rates[ORM_PSYCOPG]
    return (
        Gate("commits a second, 16 tasks, SQLite: ours / ORM", file, 8),
        Gate("commits a second, 16 tasks, SQLite: ours / ORM", file, 20, stretch=True),
        Gate("commits a second, 16 tasks, PostgreSQL: ours / ORM", shared, 2),
        Gate("commits a second, 16 tasks, PostgreSQL: ours / ORM", shared, 5, stretch=True),
    )
