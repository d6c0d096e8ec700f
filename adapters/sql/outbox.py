"""Messages and their lanes: the methods of bot.ports.Outbox, each part of one transaction.

The three that every message needs take several messages at once, whose lanes share a transaction.

On PostgreSQL `now` is the caller's clock. Replicas whose clocks differ by less than a lease still exclude
each other: every claim has its own fence, and only the last to claim a lane can begin to send. To avoid
deadlocks, every function locks its messages before its lanes, and both in a fixed order.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any
from uuid import uuid4

import structlog
from sqlalchemy import Connection, Executable, Row, RowMapping, bindparam, literal_column, or_
from sqlmodel import col, delete, select, update

from adapters.sql.engines.engine import Insert, array, each_of, insert_into
from adapters.sql.lanes import CLAIM, LANES, NEXT_READY, TICKET_OF, charge_all, in_force
from adapters.sql.tables import (
    LaneRow,
    MessageState,
    OutboxRow,
    UnknownKind,
    Unreadable,
    instant,
    instant_or_none,
    message_body_of,
    micros,
    recipient_of,
)
from adapters.sql.writes import TARGET_REFUSED, drop_edits
from bot.model.address import MessageRef, Place
from bot.ports import COUNTDOWN_LANES, Charge, LeaseLost, Message, Outgoing, Priority

log = structlog.get_logger(__name__)

Values = dict[str, Any]

RETRY_UNREADABLE_AFTER = timedelta(minutes=1)
"""How long an unreadable message waits until the next attempt."""

_IS_MESSAGE = col(OutboxRow.key) == bindparam("message")
_HAS_FENCE = (col(LaneRow.lane) == bindparam("of"), col(LaneRow.fence) == bindparam("held_by"))
_MESSAGES = (
    select(OutboxRow)
    .where(col(OutboxRow.key).in_(select(each_of("keys").c.value)))
    .order_by(col(OutboxRow.id))
    .with_for_update()
)
_LANES = (
    select(LaneRow.lane, LaneRow.fence, LaneRow.sending, LaneRow.not_before)
    .where(col(LaneRow.lane).in_(select(each_of("lanes").c.value)))
    .order_by(col(LaneRow.lane))
    .with_for_update()
)
_UPDATE_MESSAGE = update(OutboxRow).where(_IS_MESSAGE)
_UPDATE_ROW = update(OutboxRow).where(col(OutboxRow.id) == bindparam("row"))
_DELETE_MESSAGE = delete(OutboxRow).where(_IS_MESSAGE)
_UPDATE_LANE = update(LaneRow).where(*_HAS_FENCE)
"""Column values. An update sets only the columns that have one."""
_FREE_LANE = delete(LaneRow).where(*_HAS_FENCE)
_FREE_LANE_OF = delete(LaneRow).where(
    col(LaneRow.lane) == bindparam("of"), col(LaneRow.sending) == bindparam("message")
)
KEY_OF = (
    select(OutboxRow.key)
    .where(
        col(OutboxRow.ref_place) == bindparam("place"),
        col(OutboxRow.ref_id) == bindparam("id"),
        col(OutboxRow.ref_id).is_not(None),
        col(OutboxRow.edits).is_(None),
    )
    .limit(literal_column("1"))
)
NEWEST_VERSION = (
    select(OutboxRow)
    .where(
        col(OutboxRow.ref_place) == bindparam("place"),
        col(OutboxRow.ref_id) == bindparam("id"),
        col(OutboxRow.ref_id).is_not(None),
    )
    .order_by(col(OutboxRow.id).desc())
    .limit(literal_column("1"))
)
POSTED = select(OutboxRow.key, OutboxRow.ref_place, OutboxRow.ref_direct, OutboxRow.ref_id).where(
    col(OutboxRow.key).in_(select(each_of("keys").c.value)), col(OutboxRow.ref_id).is_not(None)
)


@dataclass(frozen=True, slots=True)
class ClaimRequest:
    """The arguments of Outbox.claim."""

    lane: str
    now: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class BeginRequest:
    """The arguments of Outbox.begin."""

    outgoing: Outgoing
    charges: Sequence[Charge]
    now: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class SentReport:
    """The arguments of Outbox.sent."""

    key: str
    ref: MessageRef


@cache
def _take_lanes(dialect: str) -> Any:
    """Takes a lane unless it is held. Of two simultaneous attempts, only one succeeds."""
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
    ).execution_options(preserve_rowcount=True)


def lanes(db: Connection, ready_at: datetime, limit: int) -> list[str]:
    """Outbox.lanes."""
    return [*db.execute(LANES, {"now": micros(ready_at), "most": limit}).scalars()]


def claim(db: Connection, claims: Sequence[ClaimRequest]) -> list[Outgoing | None]:
    """Outbox.claim for several lanes. Of two claims of one lane, only the first succeeds.

    Defers messages that this version cannot read, so that they do not block their lanes.
    """
    now = max(each.now for each in claims)
    wanted, chosen = {each.lane for each in claims}, dict[str, Outgoing]()
    while wanted:
        given = {"lanes": array(wanted), "now": micros(now)}
        wanted = set()
        for row in db.execute(CLAIM, given).mappings().all():
            try:
                chosen[row["lane"]] = _outgoing(row, uuid4().hex)
            except Exception as fault:
                _defer_unreadable(db, row, fault, now + RETRY_UNREADABLE_AFTER)
                wanted.add(row["lane"])
    until = {each.lane: each.until for each in reversed(claims)}
    holds = [
        {
            "lane": lane,
            "fence": chosen[lane].fence,
            "now": micros(now),
            "until": micros(until[lane]),
            "message": chosen[lane].message.key,
        }
        for lane in sorted(chosen)
    ]
    if holds and db.execute(_take_lanes(db.dialect.name), holds).rowcount != len(holds):
        # Other processes claimed some of them first.
        fences = {held.fence for held in db.execute(_LANES, {"lanes": array(chosen)})}
        chosen = {lane: outgoing for lane, outgoing in chosen.items() if outgoing.fence in fences}
    return [chosen.pop(each.lane, None) for each in claims]


def begin(db: Connection, beginnings: Sequence[BeginRequest]) -> list[datetime | LeaseLost | None]:
    """Outbox.begin for several messages. Returns LeaseLost for a message instead of raising it."""
    messages = _locked_messages(db, [each.outgoing.message.key for each in beginnings])
    lanes = array(message["lane"] for message in messages.values())
    held = {lane.fence: lane for lane in db.execute(_LANES, {"lanes": lanes})}
    going = [each for each in beginnings if _may_go(each.outgoing, messages, held)]
    waits = charge_all(db, [(each.charges, each.now) for each in going])
    outcomes = {each.outgoing.fence: wait for each, wait in zip(going, waits, strict=True)}
    tried, renewed = list[Values](), list[Values]()
    for each in going:
        key, fence = each.outgoing.message.key, each.outgoing.fence
        if outcomes[fence] is not None:
            continue
        if messages[key]["tried_at"] is None:
            tried.append({"message": key, "tried_at": micros(each.now)})
        renewed.append({"of": held[fence].lane, "held_by": fence, "lease_until": micros(each.until)})
    _execute(db, _UPDATE_MESSAGE, tried)
    _execute(db, _UPDATE_LANE, renewed)
    fences = [each.outgoing.fence for each in beginnings]
    return [
        outcomes[fence] if fence in outcomes else LeaseLost(each.outgoing.message.key)
        for fence, each in zip(fences, beginnings, strict=True)
    ]


def sent(db: Connection, arrivals: Sequence[SentReport]) -> list[None]:
    """Outbox.sent for several messages. Raises LookupError for an unknown key."""
    messages = _stored_messages(db, [each.key for each in arrivals])
    edited = [message["edits"] for message in messages.values() if message["edits"] is not None]
    targets = _locked_messages(db, edited) if edited else {}
    moved, done, deleted = list[Values](), list[Values](), list[Values]()
    for each in arrivals:
        message, ref = messages[each.key], each.ref
        where = {"ref_place": str(ref.place), "ref_direct": ref.place.direct, "ref_id": ref.id}
        target = targets.get(message["edits"])
        if (
            target
            and target["ref_place"]
            and any(target[name] != where[name] for name in ("ref_place", "ref_id"))
        ):
            # Posted again: later edits go to the new post; the old one still leads to the ticket.
            moved.append({"message": message["edits"], **where})
            where = {name: target[name] for name in where}
        elif message["edits"] is not None and message["priority"] == Priority.COUNTDOWN:
            deleted.append({"message": each.key})
            continue
        done.append({"message": each.key, "state": MessageState.SENT, "why": None, **where})
    _execute(db, _UPDATE_MESSAGE, moved)
    _execute(db, _UPDATE_MESSAGE, done)
    _execute(db, _DELETE_MESSAGE, deleted)
    lanes = [{"of": messages[each.key]["lane"], "message": each.key} for each in arrivals]
    db.execute(_FREE_LANE_OF, sorted(lanes, key=lambda lane: lane["of"]))
    return [None] * len(arrivals)


def defer(
    db: Connection, outgoing: Outgoing, until: datetime, why: str, message_only: bool, maybe_delivered: bool
) -> None:
    """Outbox.defer."""
    key, fence = outgoing.message.key, outgoing.fence
    message = _locked_messages(db, [key]).get(key)
    held = next(
        (
            lane
            for lane in db.execute(_LANES, {"lanes": array([outgoing.message.lane])})
            if lane.fence == fence
        ),
        None,
    )
    if held is None:
        return
    if message and message["state"] == MessageState.WAITING:
        _defer(db, message, micros(until) if message_only else None, why, maybe_delivered)
    elif (
        message and message["state"] == MessageState.SUPERSEDED and message["priority"] == Priority.COUNTDOWN
    ):
        db.execute(_DELETE_MESSAGE, {"message": key})
    if message_only and held.not_before is None:
        db.execute(_FREE_LANE, {"of": held.lane, "held_by": fence})
        return
    free = {"of": held.lane, "held_by": fence, "fence": None, "lease_until": None, "sending": None}
    parked = {"not_before": micros(until), "priority": int(outgoing.message.priority)}
    db.execute(_UPDATE_LANE, free if message_only else free | parked)


def refused(db: Connection, key: str, why: str) -> None:
    """Outbox.refused. Raises LookupError."""
    message = _stored_messages(db, [key])[key]
    if message["state"] != MessageState.SENT:
        db.execute(_UPDATE_MESSAGE, {"message": key, "state": MessageState.REFUSED, "why": why})
    drop_edits(db, key, TARGET_REFUSED)
    db.execute(_FREE_LANE_OF, {"of": message["lane"], "message": key})


def next_ready(db: Connection, after: datetime) -> datetime | None:
    """Outbox.next_ready."""
    return instant_or_none(db.execute(NEXT_READY, {"after": micros(after)}).scalar())


def ticket_of(db: Connection, message: MessageRef) -> str | None:
    """Store.ticket_of."""
    return db.execute(TICKET_OF, {"place": str(message.place), "id": message.id}).scalar()


def key_of(db: Connection, message: MessageRef) -> str | None:
    """Outbox.key_of."""
    return db.execute(KEY_OF, {"place": str(message.place), "id": message.id}).scalar()


def newest_version(db: Connection, message: MessageRef) -> Message | None:
    """Outbox.newest_version."""
    found = db.execute(NEWEST_VERSION, {"place": str(message.place), "id": message.id}).mappings().first()
    return _message(found) if found else None


def posted(db: Connection, keys: Collection[str]) -> dict[str, MessageRef]:
    """Outbox.posted."""
    rows = db.execute(POSTED, {"keys": array(keys)}).all()
    refs = {key: _ref(place, direct, id_) for key, place, direct, id_ in rows}
    return {key: ref for key, ref in refs.items() if ref is not None}


def _may_go(outgoing: Outgoing, messages: Mapping[str, RowMapping], held: Mapping[str, Row[Any]]) -> bool:
    message, lane = messages.get(outgoing.message.key), held.get(outgoing.fence)
    if message is None or lane is None:
        return False
    return bool(message["state"] == MessageState.WAITING and lane.sending == message["key"])


def _execute(db: Connection, statement: Executable, rows: Sequence[Values]) -> None:
    """Executes the statement for all rows; does nothing if there are none."""
    if rows:
        db.execute(statement, rows)


def _locked_messages(db: Connection, keys: Iterable[str]) -> dict[str, RowMapping]:
    """Locks the messages with these keys and returns them by key."""
    return {row["key"]: row for row in db.execute(_MESSAGES, {"keys": array(keys)}).mappings()}


def _stored_messages(db: Connection, keys: Sequence[str]) -> dict[str, RowMapping]:
    """Like `_locked_messages`, but raises LookupError if one is missing."""
    messages = _locked_messages(db, keys)
    for key in keys:
        if key not in messages:
            raise LookupError(f'no message has the key "{key}"')
    return messages


def _defer_unreadable(db: Connection, row: RowMapping, fault: Exception, until: datetime) -> None:
    """Defers it without a fault: a newer version may have written it, and will send it."""
    why = str(fault) if isinstance(fault, UnknownKind | Unreadable) else type(fault).__name__
    log.error("a message cannot be read and waits", message=ascii(row["key"]), why=why)
    _defer(db, row, micros(until), why, maybe_delivered=True)


def _defer(db: Connection, message: RowMapping, until: int | None, why: str, maybe_delivered: bool) -> None:
    given = {"attempts": message["attempts"] + 1, "why": why, "not_before": until}
    if not maybe_delivered:
        given["tried_at"] = None
    db.execute(_UPDATE_ROW, {"row": message["id"], **given})


def _message(row: RowMapping) -> Message:
    """Raises ValueError if the row is damaged or was written by a newer version."""
    for name in ("key", "ticket", "thread", "edits"):
        (row[name] or "").encode()  # Damaged text from SQLite fails here, see engines/sqlite.py
    priority = Priority(row["priority"])
    return Message(
        row["key"],
        row["ticket"],
        recipient_of(row["recipient"]),
        message_body_of(row["body"]),
        priority,
        row["thread"],
        row["edits"],
        row["effect"],
        row["lane"].removeprefix(COUNTDOWN_LANES) if priority is Priority.COUNTDOWN else "",
        row["share"] or "",
    )


def _outgoing(row: RowMapping, fence: str) -> Outgoing:
    """Raises ValueError as `_message`."""
    return Outgoing(
        _message(row),
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
