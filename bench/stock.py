"""Creates many tickets: the desk opens one for each account, and the database multiplies them."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import psycopg

from adapters.sql.engines.engine import is_postgres, sqlite_path
from adapters.sql.store import SqlStore, connect
from adapters.sql.tables import micros
from bot.clock import SimulatedClock, WallClock, parse_instant
from bot.config.directory import Directory
from bot.config.settings import load_desk
from bot.desk.desk import Desk
from bot.ports import Clock
from demo.stage import Scenario
from sla_core.engine import evaluate
from sla_core.events import Opened, Warned, Who
from sla_core.ticket import fold

ACCOUNTS = 200
FRIDAY = parse_instant("2026-03-20T10:00:00+01:00")
"""An instant at which m3ter's Gold hours last another twelve hours."""
CAST = Scenario.of("m3ter")
FAR = timedelta(days=30)


def account_id(nth: int) -> str:
    return f"acc{nth:03}"


def channel_id(nth: int) -> str:
    return f"C0ACC{nth:03}"


def desk_file(folder: Path, accounts: int = ACCOUNTS) -> Path:
    """Writes the file of a desk with `accounts` customers, each with a channel."""
    text = (
        CAST.desk_file("m3ter")
        + "\n[limits]\nopens_per_person = 10_000_000\nopens_per_account = 10_000_000\n"
    )
    tam = 'tam = "dana"\n' if CAST.plan.tam else ""
    for nth in range(accounts):
        text += (
            f'\n[[accounts]]\nid = "{account_id(nth)}"\nname = "Customer {nth}"\nplan = "{CAST.plan.id}"\n'
            f'{tam}channels = ["slack:{channel_id(nth)}"]\n'
        )
    file = folder / "frontline.toml"
    file.write_text(text, encoding="utf-8")
    return file


def opened(account: str, channel: str, at: datetime = FRIDAY) -> Opened:
    """The first event, as the form creates it."""
    return Opened(
        at=at,
        by=Who("slack:T0VENDOR:U0ALICE", "Alice"),
        account=account,
        vendor="m3ter",
        plan=CAST.plan.id,
        version=CAST.policy.version,
        severity=CAST.severity.id,
        clause="M3-08",
        why="a workaround is missing",
        summary="Bills are slow since this morning",
        details="Every bill takes a minute. " * 20,
        answers={},
        channel=f"slack:{channel}",
    )


def warned_at() -> datetime:
    """When a ticket opened at FRIDAY has its first warning."""
    history = (opened(account_id(0), channel_id(0)),)
    ticket, now = fold("A-1", history), FRIDAY
    while True:
        found = evaluate(ticket, CAST.policy, now)
        if any(isinstance(event, Warned) for event in found.events):
            return now
        assert found.wake_at is not None
        assert found.wake_at > now
        now = found.wake_at


def desk(store: SqlStore, file: Path, clock: Clock) -> Desk:
    return Desk(store, clock, Directory(load_desk(file)), key_values=store)


class _Held:
    """A clock that always shows FRIDAY."""

    def now(self) -> datetime:
        return FRIDAY

    async def sleep_until(self, instant: datetime) -> None:
        raise AssertionError("nothing sleeps while tickets are created")


async def stock(url: str, file: Path, tickets: int, due: int, due_at: datetime, accounts: int) -> None:
    """Stores `tickets` open tickets, `due` of them with a wake-up at `due_at`, with their cards posted.

    Both numbers are rounded down to whole tickets an account.
    """
    async with connect(url) as store:
        made = desk(store, file, _Held())
        for nth in range(accounts):
            account = made.directory.settings.accounts[account_id(nth)]
            act = partial(opened, account.id, channel_id(nth))
            await made.open(f"first-{nth}", account, act)
    many, early = tickets // accounts, due // accounts
    far = micros(due_at + FAR)
    _execute(
        url,
        *_multiplied(many),
        f"UPDATE account_number SET last = {many}",
        "UPDATE outbox SET state = 'sent', ref_place = lane, ref_direct = false, ref_id = 'r-' || id",
        "DELETE FROM outbox WHERE priority = 0",
        f"UPDATE ticket SET wake_at = CASE WHEN number <= {early} THEN {micros(due_at)} ELSE {far} END",
    )


def _multiplied(many: int) -> tuple[str, ...]:
    numbers = f"WITH RECURSIVE n (n) AS (SELECT 2 UNION ALL SELECT n + 1 FROM n WHERE n < {many})"
    key = "upper(t.account) || '-' || n.n"
    return (
        f"{numbers} INSERT INTO ticket (key, account, number, version, wake_at, opened_at, closed,"
        " state, rank, turn_at, summary, summarized)"
        f" SELECT {key}, account, n, version, wake_at, opened_at, closed,"
        " state, rank, turn_at, summary, summarized FROM ticket t, n WHERE number = 1",
        f"{numbers} INSERT INTO event (ticket, seq, at, kind, body)"
        f" SELECT {key}, e.seq, e.at, e.kind, e.body"
        " FROM ticket t JOIN event e ON e.ticket = t.key, n WHERE number = 1",
        f"{numbers} INSERT INTO outbox"
        " (key, ticket, lane, recipient, priority, thread, edits, effect, body, state, attempts, turn)"
        f" SELECT replace(o.key, t.key, {key}), {key}, lane, recipient, priority,"
        f" replace(thread, t.key, {key}), replace(edits, t.key, {key}), effect, body, o.state, attempts, turn"
        " FROM ticket t JOIN outbox o ON o.ticket = t.key, n WHERE number = 1",
    )


def stage(url: str, clock: SimulatedClock) -> None:
    """Sets the clock that the database runs on."""
    real, shown = micros(clock.real), micros(clock.stage)
    _execute(
        url,
        "DELETE FROM stage",
        f"INSERT INTO stage (id, real, stage, speed) VALUES (1, {real}, {shown}, {clock.speed})",
    )


def arm(url: str, first: int, last: int, at: datetime) -> None:
    """Sets the wake-up of every account's tickets with these numbers."""
    _execute(url, f"UPDATE ticket SET wake_at = {micros(at)} WHERE number BETWEEN {first} AND {last}")


def found(url: str, query: str) -> list[tuple[object, ...]]:
    """Queries a database directly, without the store."""
    if is_postgres(url):
        with psycopg.connect(url) as connection:
            return connection.execute(query.encode()).fetchall()
    path = sqlite_path(url)
    assert path is not None
    file = sqlite3.connect(path)
    try:
        return file.execute(query).fetchall()
    finally:
        file.close()


def _execute(url: str, *statements: str) -> None:
    if is_postgres(url):
        with psycopg.connect(url) as connection:
            for statement in statements:
                connection.execute(statement.encode())
        return
    path = sqlite_path(url)
    assert path is not None
    file = sqlite3.connect(path)
    try:
        for statement in statements:
            file.execute(statement)
        file.commit()
    finally:
        file.close()


@asynccontextmanager
async def open_desk(url: str, file: Path) -> AsyncIterator[tuple[SqlStore, Desk]]:
    """Yields a store, and a desk on its clock."""
    async with connect(url) as store:
        yield store, desk(store, file, await store.simulated_clock(None) or WallClock())
