"""Messages and their lanes: the verbs of bot.ports.Outbox, each a part of one transaction.

On PostgreSQL `now` is the caller's clock. Replicas whose clocks differ by less than a lease still exclude
each other: every claim has its own fence, and only the last to claim a lane can begin to send. Every verb
locks its messages before its lane, so that no two wait for each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any
from uuid import uuid4

import structlog
from sqlalchemy import Connection, RowMapping, bindparam, or_
from sqlmodel import col, delete, select, update

from adapters.sql import rate_limits
from adapters.sql.codec import UnknownKind, Unreadable, recipient_of, say_of
from adapters.sql.edits import TARGET_REFUSED, drop_edits
from adapters.sql.engines.dialect import Insert, insert_into
from adapters.sql.tables import LaneRow, OutboxRow, State, instant, instant_or_none, micros
from adapters.sql.waiting import CLAIM, LANES, NEXT_READY, TICKET_OF, in_force
from bot.address import MessageRef, Place
from bot.ports import COUNTDOWNS, Cost, Message, Outgoing, Overtaken, Priority

log = structlog.get_logger(__name__)

READ_AGAIN_AFTER = timedelta(minutes=1)
"""How long a message that cannot be read is left alone."""

_IS_MESSAGE = col(OutboxRow.key) == bindparam("message")
_HOLDS = col(LaneRow.fence) == bindparam("held_by")
_MESSAGE = select(OutboxRow).where(_IS_MESSAGE).with_for_update()
_HELD_LANE = select(LaneRow.lane, LaneRow.not_before, LaneRow.sending).where(_HOLDS).with_for_update()
_UPDATE_MESSAGE = update(OutboxRow).where(_IS_MESSAGE)
_UPDATE_ROW = update(OutboxRow).where(col(OutboxRow.id) == bindparam("row"))
_DELETE_MESSAGE = delete(OutboxRow).where(_IS_MESSAGE)
_UPDATE_LANE = update(LaneRow).where(_HOLDS)
"""An update sets the columns that it is given values for."""
_FREE_LANE = delete(LaneRow).where(_HOLDS)
_FREE_LANE_OF = delete(LaneRow).where(col(LaneRow.sending) == bindparam("message"))


@cache
def _hold(dialect: str) -> Any:
    """Takes a lane that nobody holds. Of two that try at once the second finds it held."""
    taken: Insert = insert_into(dialect, LaneRow).values(
        lane=bindparam("lane"),
        fence=bindparam("fence"),
        lease_until=bindparam("until"),
        sending=bindparam("message"),
    )
    until = col(LaneRow.lease_until)
    return taken.on_conflict_do_update(
        index_elements=["lane"],
        set_={name: taken.excluded[name] for name in ("fence", "lease_until", "sending")},
        where=or_(until.is_(None), ~in_force(until)),
    ).returning(col(LaneRow.lane))


def lanes(db: Connection, ready_at: datetime, limit: int) -> list[str]:
    """Outbox.lanes."""
    return [*db.execute(LANES, {"now": micros(ready_at), "most": limit}).scalars()]


def claim(db: Connection, lane: str, now: datetime, until: datetime) -> Outgoing | None:
    """Outbox.claim. Sets aside messages that this version cannot read: they do not hold up their lane."""
    fence = uuid4().hex
    while True:
        row = db.execute(CLAIM, {"lane": lane, "now": micros(now)}).mappings().one_or_none()
        if row is None:
            return None
        try:
            claimed = _outgoing(row, fence)
        except Exception as fault:
            _set_aside(db, row, fault, now + READ_AGAIN_AFTER)
            continue
        given = {"lane": lane, "fence": fence, "now": micros(now), "until": micros(until)}
        held = db.execute(_hold(db.dialect.name), given | {"message": row["key"]}).one_or_none()
        return claimed if held else None


def begin(
    db: Connection, outgoing: Outgoing, costs: Sequence[Cost], now: datetime, until: datetime
) -> datetime | None:
    """Outbox.begin. Raises Overtaken."""
    key = outgoing.message.key
    message = db.execute(_MESSAGE, {"message": key}).mappings().one_or_none()
    held = db.execute(_HELD_LANE, {"held_by": outgoing.fence}).one_or_none()
    if held is None or held.sending != key or message is None or message["state"] != State.WAITING:
        raise Overtaken(key)
    if (enough := rate_limits.pay(db, costs, now)) is not None:
        return enough
    if message["tried_at"] is None:
        db.execute(_UPDATE_MESSAGE, {"message": key, "tried_at": micros(now)})
    db.execute(_UPDATE_LANE, {"held_by": outgoing.fence, "lease_until": micros(until)})
    return None


def sent(db: Connection, key: str, ref: MessageRef) -> None:
    """Outbox.sent. Raises LookupError."""
    message = _known(db, key)
    where = {"ref_place": str(ref.place), "ref_direct": ref.place.direct, "ref_id": ref.id}
    target = None
    if message["edits"] is not None:
        target = db.execute(_MESSAGE, {"message": message["edits"]}).mappings().one_or_none()
    if (
        target
        and target["ref_place"]
        and any(target[name] != where[name] for name in ("ref_place", "ref_id"))
    ):
        # Posted anew: from now on that one is edited, and the old one still leads to the ticket.
        db.execute(_UPDATE_MESSAGE, {"message": message["edits"], **where})
        where = {name: target[name] for name in where}
    elif message["edits"] is not None and message["priority"] == Priority.COUNTDOWN:
        db.execute(_DELETE_MESSAGE, {"message": key})
    db.execute(_UPDATE_MESSAGE, {"message": key, "state": State.SENT, "why": None, **where})
    db.execute(_FREE_LANE_OF, {"message": key})


def put_off(db: Connection, outgoing: Outgoing, until: datetime, why: str, alone: bool, unsure: bool) -> None:
    """Outbox.put_off."""
    message = db.execute(_MESSAGE, {"message": outgoing.message.key}).mappings().one_or_none()
    held = db.execute(_HELD_LANE, {"held_by": outgoing.fence}).one_or_none()
    if held is None:
        return
    if message and message["state"] == State.WAITING:
        _put_off(db, message, micros(until) if alone else None, why, unsure)
    elif message and message["state"] == State.SUPERSEDED and message["priority"] == Priority.COUNTDOWN:
        db.execute(_DELETE_MESSAGE, {"message": outgoing.message.key})
    if alone and held.not_before is None:
        db.execute(_FREE_LANE, {"held_by": outgoing.fence})
        return
    free = {"held_by": outgoing.fence, "fence": None, "lease_until": None, "sending": None}
    parked = {"not_before": micros(until), "priority": int(outgoing.message.priority)}
    db.execute(_UPDATE_LANE, free if alone else free | parked)


def refused(db: Connection, key: str, why: str) -> None:
    """Outbox.refused. Raises LookupError."""
    if _known(db, key)["state"] != State.SENT:
        db.execute(_UPDATE_MESSAGE, {"message": key, "state": State.REFUSED, "why": why})
    drop_edits(db, key, TARGET_REFUSED)
    db.execute(_FREE_LANE_OF, {"message": key})


def next_ready(db: Connection, after: datetime) -> datetime | None:
    """Outbox.next_ready."""
    return instant_or_none(db.execute(NEXT_READY, {"after": micros(after)}).scalar())


def ticket_of(db: Connection, message: MessageRef) -> str | None:
    """Store.ticket_of."""
    return db.execute(TICKET_OF, {"place": str(message.place), "id": message.id}).scalar()


def _known(db: Connection, key: str) -> RowMapping:
    message = db.execute(_MESSAGE, {"message": key}).mappings().one_or_none()
    if message is None:
        raise LookupError(f'no message has the key "{key}"')
    return message


def _set_aside(db: Connection, row: RowMapping, fault: Exception, until: datetime) -> None:
    """A newer version may have written it, and will send it."""
    why = str(fault) if isinstance(fault, UnknownKind | Unreadable) else type(fault).__name__
    log.error("a message cannot be read and waits", message=ascii(row["key"]), why=why)
    _put_off(db, row, micros(until), why, unsure=True)


def _put_off(db: Connection, message: RowMapping, until: int | None, why: str, unsure: bool) -> None:
    given = {"attempts": message["attempts"] + 1, "why": why, "not_before": until}
    if not unsure:
        given["tried_at"] = None
    db.execute(_UPDATE_ROW, {"row": message["id"], **given})


def _outgoing(row: RowMapping, fence: str) -> Outgoing:
    """Raises ValueError if the row is damaged or of a newer version."""
    for name in ("key", "ticket", "thread", "edits"):
        (row[name] or "").encode()  # SQLite hands out damaged text, see engines/sqlite.py
    priority = Priority(row["priority"])
    message = Message(
        row["key"],
        row["ticket"],
        recipient_of(row["recipient"]),
        say_of(row["body"]),
        priority,
        row["thread"],
        row["edits"],
        row["effect"],
        row["lane"].removeprefix(COUNTDOWNS) if priority is Priority.COUNTDOWN else "",
        row["share"] or "",
    )
    return Outgoing(
        message,
        row["attempts"],
        _ref(row["thread_place"], row["thread_direct"], row["thread_id"]),
        _ref(row["edits_place"], row["edits_direct"], row["edits_id"]),
        fence,
        instant_or_none(row["tried_at"]),
        row["trace"] or "",
        instant(row["created_at"]) if row["created_at"] else None,
    )


def _ref(place: str | None, direct: bool | None, id_: str | None) -> MessageRef | None:
    if place is None or id_ is None:
        return None
    platform, _, channel = place.partition(":")
    return MessageRef(Place(platform, channel, bool(direct)), id_)
