"""What changes SQLite, each function a part of one transaction: hot, so prepared statements and no mapper."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import datetime

from adapters.sql import histories
from adapters.sql.codec import EVENTS, recipient_text, say_text
from adapters.sql.stage import begun, continued
from adapters.sql.tables import micros
from bot.clock import StageClock
from bot.ports import Appended, Change, Conflict, Decision, Message, NoSuchTicket, Priority, Seen, trace_of
from sla_core.events import Event

# Its turn is its id, which SQLite would name only afterwards. `WHERE true` sets the two clauses apart.
_SAY = """
    INSERT INTO outbox
    (id, turn, key, ticket, lane, recipient, priority, thread, edits, effect, body, state, attempts,
     created_at, trace)
    SELECT next, next, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'waiting', 0, ?, ?
    FROM (SELECT 1 + max(coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'outbox'), 0),
                         coalesce((SELECT max(id) FROM outbox), 0)) AS next)
    WHERE true ON CONFLICT (key) DO NOTHING
"""


def open_ticket(
    db: sqlite3.Connection, envelope: str, account: str, draft: Callable[[int], Change], at: datetime
) -> Appended | Seen:
    """Store.open. Raises what `draft` raises, and ValueError for a draft that cannot be an opening."""
    seen, last = db.execute(
        "SELECT (SELECT ticket FROM inbox WHERE envelope = ?),"
        " (SELECT last FROM account_number WHERE account = ?)",
        (envelope, account),
    ).fetchone()
    if seen is not None:
        return Seen(seen)
    number = (last or 0) + 1
    change = draft(number)
    if change.version != 0 or not change.events:
        raise ValueError(f"{change.ticket} cannot be opened: its draft is no ticket's first change")
    made = db.execute(
        "INSERT INTO ticket (key, account, number, version, wake_at, opened_at, closed)"
        " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (key) DO NOTHING",
        (
            change.ticket,
            account,
            number,
            len(change.events),
            change.wake_at and micros(change.wake_at),
            micros(change.events[0].at),
            change.closed,
        ),
    )
    if not made.rowcount:
        raise ValueError(f"{change.ticket} cannot be opened: there is one already")
    db.execute(
        "INSERT INTO account_number (account, last) VALUES (?, ?)"
        " ON CONFLICT (account) DO UPDATE SET last = excluded.last",
        (account, number),
    )
    return _keep(db, envelope, change, at)


def append(db: sqlite3.Connection, envelope: str | None, change: Change, at: datetime) -> Appended | Seen:
    """Store.append. Raises Conflict, NoSuchTicket."""
    if envelope is not None and (seen := _seen(db, envelope)):
        return seen
    moved = db.execute(
        "UPDATE ticket SET version = ?, wake_at = ?, closed = ? WHERE key = ? AND version = ?",
        (
            change.version + len(change.events),
            change.wake_at and micros(change.wake_at),
            change.closed,
            change.ticket,
            change.version,
        ),
    )
    if not moved.rowcount:
        found = db.execute("SELECT version FROM ticket WHERE key = ?", (change.ticket,)).fetchone()
        if found is None:
            raise NoSuchTicket(change.ticket)
        raise Conflict(f"{change.ticket} has {found[0]} events, not {change.version}")
    return _keep(db, envelope, change, at)


def wake(
    db: sqlite3.Connection,
    now: datetime,
    limit: int,
    but: Collection[str],
    decide: Decision,
    at: datetime,
) -> list[str]:
    """Store.wake."""
    due = db.execute(
        "SELECT key, version FROM ticket WHERE wake_at <= ? ORDER BY wake_at, key LIMIT ?",
        (micros(now), limit + len(but)),
    ).fetchall()
    claimed = [each for each in due if each[0] not in but][:limit]
    for key, version in claimed:
        history = _history(db, key, version)
        change = None if history is None else decide(key, history)
        if change is not None:
            append(db, None, change, at)
    return [key for key, _ in claimed]


def _history(db: sqlite3.Connection, ticket: str, version: int) -> tuple[Event, ...] | None:
    """None: it cannot be read, or not be relied on."""
    asked = "SELECT seq, kind, body FROM event WHERE ticket = ? ORDER BY seq"
    try:
        return histories.history(ticket, version, db.execute(asked, (ticket,)).fetchall())
    except sqlite3.OperationalError as fault:
        if not histories.is_undecodable(fault):
            raise
        histories.cannot_be_read(ticket, fault)
        return None


def _seen(db: sqlite3.Connection, envelope: str) -> Seen | None:
    found = db.execute("SELECT ticket FROM inbox WHERE envelope = ?", (envelope,)).fetchone()
    return Seen(found[0]) if found else None


def _keep(db: sqlite3.Connection, envelope: str | None, change: Change, at: datetime) -> Appended:
    if envelope is not None:
        db.execute("INSERT INTO inbox VALUES (?, ?, ?)", (envelope, change.ticket, micros(at)))
    db.executemany(
        "INSERT INTO event (ticket, seq, at, kind, body) VALUES (?, ?, ?, ?, ?)",
        [_event(change.ticket, seq, event) for seq, event in enumerate(change.events, change.version + 1)],
    )
    trace = trace_of(envelope, change)
    for message in change.messages:
        _say(db, message, trace, at)
    return Appended(change.ticket, change.version + len(change.events))


def _event(ticket: str, seq: int, event: Event) -> tuple[str, int, int, str, str]:
    return ticket, seq, micros(event.at), EVENTS.kind(event), EVENTS.text(event)


def _say(db: sqlite3.Connection, message: Message, trace: str, at: datetime) -> None:
    row = db.execute(
        _SAY,
        (
            message.key,
            message.ticket,
            message.lane,
            recipient_text(message.to),
            message.priority,
            message.thread,
            message.edits,
            message.effect,
            say_text(message.say),
            micros(at),
            trace,
        ),
    )
    if row.rowcount and message.edits is not None and row.lastrowid is not None:
        _supersede(db, row.lastrowid, message, message.edits)


def _supersede(db: sqlite3.Connection, row: int, message: Message, target: str) -> None:
    """The newest edit takes the place of those that wait, their turn and their urgency."""
    refused = db.execute("SELECT 1 FROM outbox WHERE key = ? AND state = 'refused'", (target,)).fetchone()
    if refused:
        drop_edits(db, target, "what it edits was refused")
        return
    urgent, turn = db.execute(
        "SELECT min(priority), min(turn) FROM outbox WHERE edits = ? AND state = 'waiting' AND id < ?",
        (target, row),
    ).fetchone()
    if urgent is None:
        return
    drop_edits(db, target, "there is a newer edit", but=row)
    lane = replace(message, priority=Priority(min(urgent, message.priority))).lane
    db.execute(
        "UPDATE outbox SET priority = ?, lane = ?, turn = ? WHERE id = ?",
        (min(urgent, message.priority), lane, turn, row),
    )


def drop_edits(db: sqlite3.Connection, target: str, why: str, but: int = 0) -> None:
    """Edits that nobody needs to see any more; one that is under way may still arrive, and its row stays."""
    db.execute(
        "DELETE FROM outbox WHERE edits = ? AND state = 'waiting' AND id <> ? AND priority = ?"
        " AND NOT EXISTS (SELECT 1 FROM lane WHERE lane.sending = outbox.key)",
        (target, but, Priority.COUNTDOWN),
    )
    db.execute(
        "UPDATE outbox SET state = 'superseded', why = ? WHERE edits = ? AND state = 'waiting' AND id <> ?",
        (why, target, but),
    )


def note(db: sqlite3.Connection, topic: str, key: str, value: str) -> None:
    """Notebook.note."""
    db.execute(
        "INSERT INTO note (topic, key, value) VALUES (?, ?, ?)"
        " ON CONFLICT (topic, key) DO UPDATE SET value = excluded.value",
        (topic, key, value),
    )


def forget(db: sqlite3.Connection, topic: str, key: str) -> None:
    """Notebook.forget."""
    db.execute("DELETE FROM note WHERE topic = ? AND key = ?", (topic, key))


def stage(db: sqlite3.Connection, wanted: StageClock | None) -> StageClock | None:
    """The clock that this database lives on, `wanted` if it is new. Raises DatabaseFault."""
    found = db.execute("SELECT real, stage, speed FROM stage").fetchone()
    if found:
        return continued(found, wanted)
    if wanted is not None:
        used = db.execute("SELECT 1 FROM ticket LIMIT 1").fetchone() is not None
        row = begun(wanted, used=used)
        db.execute("INSERT INTO stage (id, real, stage, speed) VALUES (1, ?, ?, ?)", row)
    return wanted
