"""Lanes on SQLite: who speaks for a place, what it says next, what that costs. Parts of a transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import uuid4

import structlog

from adapters.sql.bounds import PAID_AHEAD, READ_AGAIN_AFTER
from adapters.sql.codec import UnknownKind, Unreadable
from adapters.sql.histories import is_undecodable
from adapters.sql.reads import CLAIM, NEXT_OF, outgoing
from adapters.sql.tables import MICROSECOND, instant, micros
from adapters.sql.writes import drop_edits
from bot.address import MessageRef
from bot.ports import LONGEST_SHUT, Cost, Outgoing, Overtaken, Priority

log = structlog.get_logger(__name__)


def claim(db: sqlite3.Connection, lane: str, now: datetime, until: datetime) -> Outgoing | None:
    """Outbox.claim."""
    fence, given = uuid4().hex, {"lane": lane, "now": micros(now)}
    while True:
        row: dict[str, Any] = {}
        try:
            cursor = db.execute(CLAIM, given)
            found = cursor.fetchone()
            if found is None:
                return None
            row = dict(zip((column[0] for column in cursor.description), found, strict=True))
            claimed = outgoing(row, fence)
            break
        except Exception as fault:  # what this version cannot read must not hold up its lane
            if isinstance(fault, sqlite3.Error) and not is_undecodable(fault):
                raise
            _set_aside(db, given, row.get("key"), fault, now + READ_AGAIN_AFTER)
    db.execute(
        "INSERT INTO lane (lane, fence, lease_until, sending) VALUES (:lane, :fence, :until, :key)"
        " ON CONFLICT (lane) DO UPDATE SET"
        " fence = excluded.fence, lease_until = excluded.lease_until, sending = excluded.sending",
        {"lane": lane, "fence": fence, "until": micros(until), "key": row["key"]},
    )
    return claimed


def _set_aside(
    db: sqlite3.Connection, given: dict[str, Any], key: str | None, fault: Exception, until: datetime
) -> None:
    """A newer version may have written it, and will send it; or its key cannot even be read."""
    (row,) = db.execute(NEXT_OF, given).fetchone()
    why = str(fault) if isinstance(fault, UnknownKind | Unreadable) else type(fault).__name__
    log.error("a message cannot be read and waits", message=key or f"row {row} of outbox", why=why)
    db.execute(
        "UPDATE outbox SET attempts = attempts + 1, why = ?, not_before = ? WHERE id = ?",
        (why, micros(until), row),
    )


def begin(
    db: sqlite3.Connection, outgoing: Outgoing, costs: Sequence[Cost], now: datetime, until: datetime
) -> datetime | None:
    """Outbox.begin. Raises Overtaken."""
    key = outgoing.message.key
    held = db.execute(
        "SELECT 1 FROM lane l JOIN outbox o ON o.key = l.sending"
        " WHERE l.fence = ? AND o.key = ? AND o.state = 'waiting'",
        (outgoing.fence, key),
    ).fetchone()
    if held is None:
        raise Overtaken(key)
    if (enough := _enough(db, costs, micros(now))) is not None:
        return instant(enough)
    db.execute("UPDATE outbox SET tried_at = coalesce(tried_at, ?) WHERE key = ?", (micros(now), key))
    db.execute("UPDATE lane SET lease_until = ? WHERE fence = ?", (micros(until), outgoing.fence))
    return None


def _enough(db: sqlite3.Connection, costs: Sequence[Cost], now: int) -> int | None:
    """When all can be paid; None: they are, all at once."""
    later, paid = [], []
    for cost in costs:
        found = db.execute(
            "SELECT full_until, shut_until FROM bucket WHERE bucket = ?", (cost.bucket,)
        ).fetchone()
        full, shut = found or (0, 0)
        if shut > now + LONGEST_SHUT // MICROSECOND:
            shut = 0
        every = cost.every // MICROSECOND
        if not now <= full <= now + every * cost.burst + PAID_AHEAD // MICROSECOND:
            full = now
        full += every
        enough = max(shut, full - every * cost.burst)
        if enough > now:
            later.append(enough)
        paid.append((cost.bucket, full))
    if later:
        return max(later)
    db.executemany(
        "INSERT INTO bucket (bucket, full_until) VALUES (?, ?)"
        " ON CONFLICT (bucket) DO UPDATE SET full_until = excluded.full_until, shut_until = 0",
        paid,
    )
    return None


def shut(db: sqlite3.Connection, buckets: Collection[str], until: datetime) -> None:
    """Outbox.shut."""
    db.executemany(
        "INSERT INTO bucket (bucket, shut_until) VALUES (?, ?)"
        " ON CONFLICT (bucket) DO UPDATE SET shut_until = max(shut_until, excluded.shut_until)",
        [(bucket, micros(until)) for bucket in buckets],
    )


def sent(db: sqlite3.Connection, key: str, ref: MessageRef) -> None:
    """Outbox.sent. Raises LookupError."""
    found = db.execute("SELECT edits, priority FROM outbox WHERE key = ?", (key,)).fetchone()
    if found is None:
        raise LookupError(f'no message has the key "{key}"')
    edits, priority = found
    where: tuple[str | bool | None, ...] = (str(ref.place), ref.place.direct, ref.id)
    if edits is not None:
        before = db.execute(
            "SELECT ref_place, ref_direct, ref_id FROM outbox WHERE key = ?", (edits,)
        ).fetchone()
        if before is not None and before[0] is not None and (before[0], before[2]) != (where[0], where[2]):
            # Posted anew: from now on that one is edited, and the old one still leads to the ticket.
            db.execute(
                "UPDATE outbox SET ref_place = ?, ref_direct = ?, ref_id = ? WHERE key = ?", (*where, edits)
            )
            where = before
        elif priority == Priority.COUNTDOWN:
            db.execute("DELETE FROM outbox WHERE key = ?", (key,))
    db.execute(
        "UPDATE outbox SET state = 'sent', why = NULL, ref_place = ?, ref_direct = ?, ref_id = ?"
        " WHERE key = ?",
        (*where, key),
    )
    _let_go(db, key)


def put_off(
    db: sqlite3.Connection, outgoing: Outgoing, until: datetime, why: str, alone: bool, unsure: bool
) -> None:
    """Outbox.put_off."""
    message = outgoing.message
    held = db.execute("SELECT lane FROM lane WHERE fence = ?", (outgoing.fence,)).fetchone()
    if held is None:
        return
    db.execute(
        "UPDATE outbox SET attempts = attempts + 1, why = ?,"
        " tried_at = CASE WHEN ? THEN tried_at END, not_before = ? WHERE key = ? AND state = 'waiting'",
        (why, unsure, micros(until) if alone else None, message.key),
    )
    db.execute(
        "DELETE FROM outbox WHERE key = ? AND state = 'superseded' AND priority = ?",
        (message.key, Priority.COUNTDOWN),
    )
    db.execute("UPDATE lane SET fence = NULL, lease_until = NULL, sending = NULL WHERE lane = ?", held)
    if not alone:
        db.execute(
            "UPDATE lane SET not_before = ?, priority = ? WHERE lane = ?",
            (micros(until), message.priority, *held),
        )
    db.execute("DELETE FROM lane WHERE lane = ? AND not_before IS NULL", held)


def refused(db: sqlite3.Connection, key: str, why: str) -> None:
    """Outbox.refused. Raises LookupError."""
    done = db.execute(
        "UPDATE outbox SET state = CASE WHEN state = 'sent' THEN state ELSE 'refused' END,"
        " why = CASE WHEN state = 'sent' THEN why ELSE ? END WHERE key = ?",
        (why, key),
    )
    if not done.rowcount:
        raise LookupError(f'no message has the key "{key}"')
    drop_edits(db, key, "what it edits was refused")
    _let_go(db, key)


def _let_go(db: sqlite3.Connection, key: str) -> None:
    db.execute("DELETE FROM lane WHERE sending = ?", (key,))
