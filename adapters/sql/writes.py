"""What changes SQLite, each function a part of one transaction: hot, so prepared statements and no mapper."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import datetime

from adapters.sql.codec import EVENTS, recipient_text, say_text
from adapters.sql.fault import DatabaseFault
from adapters.sql.tables import instant, micros
from bot.address import MessageRef, Place, UserRef
from bot.clock import StageClock
from bot.ports import Appended, Change, Conflict, Message, NoSuchTicket, Priority, Seen
from sla_core.events import Event


def lane_of(to: Place | UserRef, priority: int) -> str:
    """Who waits behind whom: messages to the same place or person, pages among themselves."""
    return f"page:{to}" if priority == Priority.PAGE else str(to)


def open_ticket(
    db: sqlite3.Connection, envelope: str, account: str, draft: Callable[[int], Change], at: datetime
) -> Appended | Seen:
    """Store.open. Raises what `draft` raises, and ValueError for a draft that cannot be an opening."""
    if seen := _seen(db, envelope):
        return seen
    db.execute(
        "INSERT INTO account_number (account, last) VALUES (?, 1)"
        " ON CONFLICT (account) DO UPDATE SET last = last + 1",
        (account,),
    )
    (number,) = db.execute("SELECT last FROM account_number WHERE account = ?", (account,)).fetchone()
    change = draft(number)
    if change.version != 0 or not change.events:
        raise ValueError(f"{change.ticket} cannot be opened: its draft is no ticket's first change")
    made = db.execute(
        "INSERT INTO ticket (key, account, number, version, wake_at, opened_at) VALUES (?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (key) DO NOTHING",
        (
            change.ticket,
            account,
            number,
            len(change.events),
            change.wake_at and micros(change.wake_at),
            micros(change.events[0].at),
        ),
    )
    if not made.rowcount:
        raise ValueError(f"{change.ticket} cannot be opened: there is one already")
    return _keep(db, envelope, change, at)


def append(db: sqlite3.Connection, envelope: str | None, change: Change, at: datetime) -> Appended | Seen:
    """Store.append. Raises Conflict, NoSuchTicket."""
    if envelope is not None and (seen := _seen(db, envelope)):
        return seen
    moved = db.execute(
        "UPDATE ticket SET version = ?, wake_at = ? WHERE key = ? AND version = ?",
        (
            change.version + len(change.events),
            change.wake_at and micros(change.wake_at),
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
    for message in change.messages:
        _say(db, message)
    return Appended(change.ticket, change.version + len(change.events))


def _event(ticket: str, seq: int, event: Event) -> tuple[str, int, int, str, str]:
    return ticket, seq, micros(event.at), EVENTS.kind(event), EVENTS.text(event)


def _say(db: sqlite3.Connection, message: Message) -> None:
    row = db.execute(
        "INSERT INTO outbox"
        " (key, ticket, lane, recipient, priority, thread, edits, effect, body, state, attempts)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 'waiting', 0) ON CONFLICT (key) DO NOTHING",
        (
            message.key,
            message.ticket,
            lane_of(message.to, message.priority),
            recipient_text(message.to),
            message.priority,
            message.thread,
            message.edits,
            message.effect,
            say_text(message.say),
        ),
    )
    if row.rowcount and message.edits is not None and row.lastrowid is not None:
        _supersede(db, row.lastrowid, message, message.edits)


def _supersede(db: sqlite3.Connection, row: int, message: Message, target: str) -> None:
    """The newest edit takes the place of those that wait, and their urgency."""
    refused = db.execute("SELECT 1 FROM outbox WHERE key = ? AND state = 'refused'", (target,)).fetchone()
    if refused:
        _drop_edits(db, target, "what it edits was refused")
        return
    (urgent,) = db.execute(
        "SELECT min(priority) FROM outbox WHERE edits = ? AND state = 'waiting' AND id < ?", (target, row)
    ).fetchone()
    if urgent is None:
        return
    _drop_edits(db, target, "there is a newer edit", but=row)
    if urgent < message.priority:
        db.execute(
            "UPDATE outbox SET priority = ?, lane = ? WHERE id = ?",
            (urgent, lane_of(message.to, urgent), row),
        )


def _drop_edits(db: sqlite3.Connection, target: str, why: str, but: int = 0) -> None:
    db.execute(
        "UPDATE outbox SET state = 'superseded', why = ? WHERE edits = ? AND state = 'waiting' AND id <> ?",
        (why, target, but),
    )


def sent(db: sqlite3.Connection, key: str, ref: MessageRef) -> None:
    """Store.sent. Raises LookupError."""
    row, lane = _message(db, key)
    db.execute(
        "UPDATE outbox SET state = 'sent', why = NULL, ref_place = ?, ref_direct = ?, ref_id = ?"
        " WHERE id = ?",
        (str(ref.place), ref.place.direct, ref.id, row),
    )
    db.execute("DELETE FROM lane WHERE lane = ?", (lane,))


def park(db: sqlite3.Connection, key: str, until: datetime, why: str) -> None:
    """Store.park. Raises LookupError."""
    row, lane = _message(db, key)
    db.execute("UPDATE outbox SET attempts = attempts + 1, why = ? WHERE id = ?", (why, row))
    db.execute(
        "INSERT INTO lane (lane, not_before) VALUES (?, ?)"
        " ON CONFLICT (lane) DO UPDATE SET not_before = excluded.not_before",
        (lane, micros(until)),
    )


def refused(db: sqlite3.Connection, key: str, why: str) -> None:
    """Store.refused. Raises LookupError."""
    row, lane = _message(db, key)
    db.execute("UPDATE outbox SET state = 'refused', why = ? WHERE id = ? AND state <> 'sent'", (why, row))
    _drop_edits(db, key, "what it edits was refused")
    db.execute("DELETE FROM lane WHERE lane = ?", (lane,))


def _message(db: sqlite3.Connection, key: str) -> tuple[int, str]:
    """Its row and lane."""
    found = db.execute("SELECT id, lane FROM outbox WHERE key = ?", (key,)).fetchone()
    if found is None:
        raise LookupError(f'no message has the key "{key}"')
    return found[0], found[1]


def note(db: sqlite3.Connection, topic: str, key: str, value: str) -> None:
    """Notebook.note."""
    db.execute(
        "INSERT INTO note (topic, key, value) VALUES (?, ?, ?)"
        " ON CONFLICT (topic, key) DO UPDATE SET value = excluded.value",
        (topic, key, value),
    )


def stage(db: sqlite3.Connection, wanted: StageClock | None) -> StageClock | None:
    """The clock that this database lives on, `wanted` if it is new. Raises DatabaseFault."""
    found = db.execute("SELECT real, stage, speed FROM stage").fetchone()
    if found:
        stored = StageClock(instant(found[0]), instant(found[1]), found[2])
        if wanted and (wanted.stage, wanted.speed) != (stored.stage, stored.speed):
            raise DatabaseFault(
                f"FRONTLINE_CLOCK: this database lives on {stored.stage.isoformat()}*{stored.speed};"
                " set that, nothing, or another DATABASE_URL"
            )
        return stored
    if wanted is None:
        return None
    if db.execute("SELECT 1 FROM ticket LIMIT 1").fetchone():
        raise DatabaseFault(
            "FRONTLINE_CLOCK: this database has tickets in real time; unset it, or set another DATABASE_URL"
        )
    row = (micros(wanted.real), micros(wanted.stage), wanted.speed)
    db.execute("INSERT INTO stage (id, real, stage, speed) VALUES (1, ?, ?, ?)", row)
    return wanted
