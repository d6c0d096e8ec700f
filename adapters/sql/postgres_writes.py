"""What changes tickets on PostgreSQL, each function one transaction that may be begun anew."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from psycopg import AsyncConnection

from adapters.sql import histories
from adapters.sql.postgres_kept import KEEP, SAY, WOKEN, Kept, params, rounds
from adapters.sql.postgres_pool import transaction
from adapters.sql.stage import begun, continued
from adapters.sql.tables import micros
from bot.clock import StageClock
from bot.ports import Appended, Change, Conflict, Decision, NoSuchTicket, Seen
from sla_core.events import Event

# The rows of the accounts are locked by this to the end: nobody else is given numbers of theirs meanwhile.
NUMBERS = """
    WITH asked AS MATERIALIZED (
        SELECT * FROM json_to_recordset(%(asked)s::json) AS asked (envelope text, account text)),
    seen AS MATERIALIZED (
        SELECT envelope, inbox.ticket FROM inbox JOIN asked USING (envelope)),
    wanted AS (
        SELECT account, count(*) AS number FROM asked
        WHERE envelope NOT IN (SELECT envelope FROM seen) GROUP BY account ORDER BY account),
    counted AS (
        INSERT INTO account_number (account, last) SELECT account, number FROM wanted
        ON CONFLICT (account) DO UPDATE SET last = account_number.last + excluded.last
        RETURNING account, last)
    SELECT envelope, ticket, NULL, NULL FROM seen UNION ALL SELECT NULL, NULL, account, last FROM counted
"""
STANDS = """
    SELECT (SELECT ticket FROM inbox WHERE envelope = %(envelope)s::text),
           (SELECT version FROM ticket WHERE key = %(ticket)s)
"""
DUE = """
    WITH due AS MATERIALIZED (
        SELECT key, wake_at, version FROM ticket WHERE wake_at <= %(now)s AND key <> ALL (%(but)s::text[])
        ORDER BY wake_at, key LIMIT %(most)s FOR NO KEY UPDATE SKIP LOCKED)
    SELECT due.key, due.version, event.seq, event.kind, event.body
    FROM due LEFT JOIN event ON event.ticket = due.key
    ORDER BY due.wake_at, due.key, event.seq
"""
HISTORY = "SELECT seq, kind, body FROM event WHERE ticket = %(ticket)s ORDER BY seq"
AT_A_STRETCH = 50
"""Decisions after which others in this process have their turn."""


@dataclass(frozen=True, slots=True)
class Opening:
    """An act that opens a ticket."""

    envelope: str
    account: str
    draft: Callable[[int], Change]


@dataclass(frozen=True, slots=True)
class Appending:
    """An act on a ticket, or what the clock did."""

    envelope: str | None
    change: Change


Act = Opening | Appending
Outcome = Appended | Seen | Conflict | NoSuchTicket


async def keep(db: AsyncConnection, acts: Sequence[Act], at: datetime) -> list[Outcome]:
    """Store.open and Store.append of several at once: all different envelopes and different tickets.

    Raises for all of them what a draft raises, ValueError for a draft that cannot be an opening, and
    UniqueViolation when another process is a moment quicker with one of them.
    """
    openings = [act for act in acts if isinstance(act, Opening)]
    appendings = [Kept(act.envelope, act.change) for act in acts if isinstance(act, Appending)]
    if not openings and len(said := rounds(appendings)) == 1:
        asked = await db.execute(KEEP, params(appendings, micros(at)) | {"messages": said[0]})
        return await _outcomes(db, acts, {}, {}, {key for (key,) in await asked.fetchall()})
    async with transaction(db):
        seen, drafts = await _drafted(db, openings)
        kept, moved = [*drafts.values(), *appendings], set[str]()
        for nth, messages in enumerate(rounds(kept)):
            if nth == 0:
                asked = await db.execute(KEEP, params(kept, micros(at)) | {"messages": messages})
                moved = {key for (key,) in await asked.fetchall()}
            else:
                await db.execute(SAY, {"messages": messages, "at": micros(at), "moved": [*moved]})
    return await _outcomes(db, acts, seen, drafts, moved)


async def _drafted(db: AsyncConnection, openings: list[Opening]) -> tuple[dict[str, str], dict[str, Kept]]:
    """The tickets of those that were done already, and what is to be kept for the others, by envelope."""
    if not openings:
        return {}, {}
    asked = [{"envelope": act.envelope, "account": act.account} for act in openings]
    found = await (await db.execute(NUMBERS, {"asked": json.dumps(asked)})).fetchall()
    seen = {envelope: ticket for envelope, ticket, _, _ in found if envelope is not None}
    new = [act for act in openings if act.envelope not in seen]
    wanted = Counter(act.account for act in new)
    numbers = {account: last - wanted[account] for _, _, account, last in found if account is not None}
    drafts = {}
    for act in new:
        numbers[act.account] += 1
        change = act.draft(number := numbers[act.account])
        if change.version != 0 or not change.events:
            raise ValueError(f"{change.ticket} cannot be opened: its draft is no ticket's first change")
        drafts[act.envelope] = Kept(act.envelope, change, act.account, number)
    return seen, drafts


async def _outcomes(
    db: AsyncConnection, acts: Sequence[Act], seen: dict[str, str], drafts: dict[str, Kept], moved: set[str]
) -> list[Outcome]:
    outcomes: list[Outcome] = []
    for act in acts:
        if isinstance(act, Opening) and act.envelope in seen:
            outcomes.append(Seen(seen[act.envelope]))
            continue
        change = drafts[act.envelope].change if isinstance(act, Opening) else act.change
        if change.ticket in moved:
            outcomes.append(Appended(change.ticket, change.version + len(change.events)))
        else:
            outcomes.append(await stands(db, act.envelope, change))
    return outcomes


async def stands(db: AsyncConnection, envelope: str | None, change: Change) -> Seen | Conflict | NoSuchTicket:
    """Why a change was not kept."""
    asked = await db.execute(STANDS, {"envelope": envelope, "ticket": change.ticket})
    ((seen, version),) = await asked.fetchall()
    if seen is not None:
        return Seen(seen)
    if version is None:
        return NoSuchTicket(change.ticket)
    return Conflict(f"{change.ticket} has {version} events, not {change.version}")


async def wake(
    db: AsyncConnection, now: datetime, limit: int, but: Collection[str], decide: Decision, at: datetime
) -> list[str]:
    """Store.wake: tickets that another process has claimed meanwhile are passed over."""
    async with transaction(db, long=True):
        asked = await db.execute(DUE, {"now": micros(now), "most": limit, "but": [*but]})
        found = await asked.fetchall()
        keys, changes = list[str](), list[Kept]()
        for (key, version), rows in groupby(found, lambda row: row[:2]):
            if keys and len(keys) % AT_A_STRETCH == 0:
                await asyncio.sleep(0)
            keys.append(key)
            history = await _read(db, key, version, [row[2:] for row in rows])
            if history is not None and (change := decide(key, history)) is not None:
                changes.append(Kept(None, change))
        first, *others = rounds(changes)
        kept = await db.execute(WOKEN, params(changes, micros(at)) | {"messages": first})
        for messages in others:
            await db.execute(SAY, {"messages": messages, "at": micros(at), "moved": keys})
    if len(await kept.fetchall()) != len(changes):
        raise Conflict("what was decided for a ticket did not belong to its version, and was not kept")
    return keys


async def _read(
    db: AsyncConnection, key: str, version: int, rows: list[histories.Row]
) -> tuple[Event, ...] | None:
    """None: it cannot be read, or not be relied on."""
    if len(rows) != version or rows[0][0] is None:
        # It moved on between the look at the tables and the lock on its row, or has no events.
        rows = await (await db.execute(HISTORY, {"ticket": key})).fetchall()
    return histories.history(key, version, rows)


async def note(db: AsyncConnection, topic: str, key: str, value: str) -> None:
    """Notebook.note."""
    await db.execute(
        "INSERT INTO note (topic, key, value) VALUES (%s, %s, %s)"
        " ON CONFLICT (topic, key) DO UPDATE SET value = excluded.value",
        (topic, key, value),
    )


async def forget(db: AsyncConnection, topic: str, key: str) -> None:
    """Notebook.forget."""
    await db.execute("DELETE FROM note WHERE topic = %s AND key = %s", (topic, key))


async def stage(db: AsyncConnection, wanted: StageClock | None) -> StageClock | None:
    """The clock that this database lives on, `wanted` if it is new. Raises DatabaseFault."""
    async with db.transaction():
        await db.execute("LOCK TABLE stage IN SHARE ROW EXCLUSIVE MODE")
        found = await (await db.execute("SELECT real, stage, speed FROM stage")).fetchone()
        if found:
            return continued(found, wanted)
        if wanted is not None:
            used = await (await db.execute("SELECT 1 FROM ticket LIMIT 1")).fetchone() is not None
            row = begun(wanted, used=used)
            await db.execute("INSERT INTO stage (id, real, stage, speed) VALUES (1, %s, %s, %s)", row)
    return wanted
