"""Writes the rows of a change: events with their hashes, messages, timers.

Of several waiting edits of one message, only the newest is sent.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from functools import cache
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, bindparam, func, tuple_
from sqlmodel import col, delete, select, update

from adapters.sql.engines.engine import insert_into, insert_new, lesser, outbox_ids
from adapters.sql.lanes import WAITING
from adapters.sql.tables import (
    EVENTS,
    EventRow,
    LaneRow,
    MessageState,
    OutboxRow,
    TimerRow,
    message_body_text,
    micros,
    recipient_text,
)
from bot.ports import (
    Change,
    Message,
    Priority,
    Timer,
)

NEWER_EDIT = "there is a newer edit"
TARGET_REFUSED = "what it edits was refused"

_KNOWN = select(OutboxRow.key).where(col(OutboxRow.key).in_(bindparam("keys", expanding=True)))
_REFUSED = _KNOWN.where(col(OutboxRow.state) == MessageState.REFUSED)
WAITING_EDITS = (
    select(OutboxRow.id, OutboxRow.key, OutboxRow.priority, OutboxRow.turn)
    .add_columns(col(OutboxRow.edits), col(OutboxRow.not_before))
    .where(col(OutboxRow.edits).in_(bindparam("targets", expanding=True)), col(OutboxRow.state) == WAITING)
    .order_by(col(OutboxRow.id))
    .with_for_update()
)
_SENDING = select(LaneRow.sending).where(col(LaneRow.sending).in_(bindparam("keys", expanding=True)))
_IN_LANE = (
    col(OutboxRow.lane) == bindparam("of"),
    col(OutboxRow.priority) == bindparam("urgency"),
    col(OutboxRow.state) == WAITING,
)
NEXT_TURN = select(func.min(OutboxRow.turn)).where(*_IN_LANE)
LAST_TURN = select(func.max(OutboxRow.turn)).where(*_IN_LANE, col(OutboxRow.share) == bindparam("owner"))
"""For one share, so that it reads one index entry. GROUP BY would read all waiting messages of the lane."""
_DELETE = delete(OutboxRow).where(col(OutboxRow.key).in_(bindparam("keys", expanding=True)))
_SUPERSEDE = (
    update(OutboxRow)
    .where(col(OutboxRow.key).in_(bindparam("keys", expanding=True)))
    .values(state=MessageState.SUPERSEDED, why=bindparam("reason"))
)

Row = dict[str, Any]


def store_messages(db: Connection, messages: Sequence[tuple[Message, str]], at: datetime) -> None:
    """Stores messages, each with its trace ID, in order. Ignores messages whose key is already stored."""
    if not messages:
        return
    ids = outbox_ids(db, len(messages))
    rows = [_row(id, message, trace, at) for id, (message, trace) in zip(ids, messages, strict=True)]
    _assign_turns(db, rows)
    if any(row["edits"] for row in rows):
        rows = _newest_edits(db, rows, {message.key: message for message, _ in messages})
    if rows:
        db.execute(insert_new(db.dialect.name, OutboxRow), rows)


def drop_edits(db: Connection, target: str, why: str) -> None:
    """Drops the waiting edits of a message. `why` says why they are no longer needed."""
    waiting = db.execute(WAITING_EDITS, {"targets": [target]})
    _drop(db, [(key, priority) for _, key, priority, *_ in waiting], why)


def _newest_edits(db: Connection, rows: Sequence[Row], messages: dict[str, Message]) -> list[Row]:
    """Drops the edits that new ones replace, and returns the rows to store."""
    edits = [row for row in rows if row["edits"]]
    targets = sorted({row["edits"] for row in edits})
    known = {*db.execute(_KNOWN, {"keys": [row["key"] for row in edits]}).scalars()}
    refused = {*db.execute(_REFUSED, {"keys": targets}).scalars()}
    stored: dict[str, list[Row]] = {target: [] for target in targets}
    for found in db.execute(WAITING_EDITS, {"targets": targets}).mappings():
        stored[found["edits"]].append({**found})
    newest: dict[str, Row] = {}
    replaced: list[Row] = []
    kept = []
    for row in rows:
        target = row["edits"]
        if target is not None:
            if row["key"] in known:
                continue
            known.add(row["key"])
            older = stored.pop(target, [])
            replaced += older
            if target in newest:
                older = [newest[target]]
                _supersede(newest[target], NEWER_EDIT)
            if older:
                _take_over_place(row, older, messages[row["key"]])
            newest[target] = row
            if target in refused:
                _supersede(row, TARGET_REFUSED)
        kept.append(row)
    _drop(db, [(row["key"], row["priority"]) for row in replaced], NEWER_EDIT)
    return [
        row
        for row in kept
        if row["state"] != MessageState.SUPERSEDED or row["priority"] != Priority.COUNTDOWN
    ]


def _assign_turns(db: Connection, rows: Sequence[Row]) -> None:
    """Gives turns to new messages of a shared lane, so that one busy share does not delay the others.

    A message comes one turn after the last of its own share, and never before the lane's next message
    (start-time fair queueing).
    """
    shared: dict[tuple[str, int], list[Row]] = {}
    for row in rows:
        if row["share"] is not None:
            shared.setdefault((row["lane"], row["priority"]), []).append(row)
    for (lane, priority), group in shared.items():
        given = {"of": lane, "urgency": priority}
        head = db.execute(NEXT_TURN, given).scalar()
        last: dict[str, int | None] = {
            share: db.execute(LAST_TURN, given | {"owner": share}).scalar()
            for share in sorted({row["share"] for row in group})
        }
        for row in group:
            ahead = [turn for turn in (head, last[row["share"]]) if turn is not None]
            # In an empty lane the turn is the id, as in lanes without shares.
            row["turn"] = last[row["share"]] = max(ahead) + 1 if ahead else row["turn"]


def _take_over_place(row: Row, older: Sequence[Row], message: Message) -> None:
    # Countdowns do not count here: nobody waits for one.
    awaited = [each for each in (row, *older) if each["priority"] != Priority.COUNTDOWN]
    row["not_before"] = min((each["not_before"] or 0 for each in awaited), default=0) or None
    urgent = min(row["priority"], *(each["priority"] for each in older))
    row["priority"] = urgent
    row["lane"] = replace(message, priority=Priority(urgent)).lane
    row["turn"] = min(each["turn"] for each in older)


def _supersede(row: Row, why: str) -> None:
    row["state"], row["why"] = MessageState.SUPERSEDED, why


def _drop(db: Connection, edits: Collection[tuple[str, int]], why: str) -> None:
    """Deletes countdowns, which only repeat the card; marks other edits as superseded.

    A countdown that is under way may still arrive, so its row stays as well.
    """
    if not edits:
        return
    countdowns = [key for key, priority in edits if priority == Priority.COUNTDOWN]
    if countdowns:
        countdowns = [*{*countdowns} - {*db.execute(_SENDING, {"keys": countdowns}).scalars()}]
        db.execute(_DELETE, {"keys": countdowns})
    if others := [key for key, _ in edits if key not in countdowns]:
        db.execute(_SUPERSEDE, {"keys": others, "reason": why})


def _row(id: int, message: Message, trace: str, at: datetime) -> Row:
    return {
        "id": id,
        "turn": id,
        "key": message.key,
        "ticket": message.ticket,
        "lane": message.lane,
        "recipient": recipient_text(message.to),
        "priority": int(message.priority),
        "thread": message.thread,
        "edits": message.edits,
        "effect": message.effect,
        "share": message.fairness_key or None,
        "body": message_body_text(message.content),
        "state": MessageState.SENT if message.posted else MessageState.WAITING,
        "ref_place": str(message.posted.place) if message.posted else None,
        "ref_direct": message.posted.place.direct if message.posted else None,
        "ref_id": message.posted.id if message.posted else None,
        "why": None,
        "attempts": 0,
        "not_before": micros(at + message.delay) if message.delay else None,
        "created_at": micros(at),
        "trace": trace,
    }


def store_timers(db: Connection, timers: Sequence[Timer]) -> None:
    """Sets timers before messages are stored, because a timer that fires locks both in this order."""
    earliest: dict[tuple[str, str], Timer] = {}
    for timer in timers:
        known = earliest.setdefault((timer.kind, timer.key), timer)
        earliest[timer.kind, timer.key] = min(known, timer, key=lambda each: each.due_at)
    if earliest:
        # In a fixed order, so that transactions do not deadlock.
        rows = [
            {"kind": kind, "key": key, "due_at": micros(timer.due_at), "payload": timer.payload}
            for (kind, key), timer in sorted(earliest.items())
        ]
        db.execute(_earlier_timers(db.dialect.name), rows)


@cache
def _earlier_timers(dialect: str) -> Any:
    """Sets timers. One that is due earlier keeps its instant."""
    timers = insert_into(dialect, TimerRow)
    return timers.on_conflict_do_update(
        index_elements=["kind", "key"],
        set_={
            "due_at": lesser(dialect, col(TimerRow.due_at), timers.excluded.due_at),
            "payload": timers.excluded.payload,
        },
    )


LAST_HASH = select(EventRow.ticket, EventRow.hash).where(
    col(EventRow.ticket) == bindparam("ticket"), col(EventRow.seq) == bindparam("seq")
)
"""For one event; a statement for several is put together each time, which takes as long as the rest."""


LAST_HASHES = select(EventRow.ticket, EventRow.hash).where(
    tuple_(col(EventRow.ticket), col(EventRow.seq)).in_(bindparam("events", expanding=True))
)


def event_hash(before: str, ticket: str, seq: int, at: int, kind: str, body: str) -> str:
    """The hash of an event. `before` is that of the event before it, empty for the first one."""
    text = f"{before}\n{ticket}\n{seq}\n{at}\n{kind}\n{body}"
    return sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def with_hashes(db: Connection, rows: Sequence[dict[str, Any]]) -> Sequence[dict[str, Any]]:
    """New event rows, each with its hash.

    The rows of a ticket are in order, and no other transaction adds to it meanwhile.
    """
    firsts = {row["ticket"]: row["seq"] for row in reversed(rows)}
    hashes = _hashes_before(db, [(ticket, seq - 1) for ticket, seq in firsts.items() if seq > 1])
    for row in rows:
        before = hashes.get(row["ticket"], "")
        row["hash"] = hashes[row["ticket"]] = event_hash(before, **row)
    return rows


def _hashes_before(db: Connection, events: Sequence[tuple[str, int]]) -> dict[str, str]:
    """By ticket, the hash of the event with this number; computed if an older version stored it."""
    if not events:
        return {}
    if len(events) == 1:
        found = db.execute(LAST_HASH, {"ticket": events[0][0], "seq": events[0][1]})
    else:
        found = db.execute(LAST_HASHES, {"events": [*events]})
    known = {ticket: hash_ for ticket, hash_ in found if hash_ is not None}
    if unhashed := [ticket for ticket, _ in events if ticket not in known]:
        for ticket, rows in stored_events(db, unhashed):
            for *_, hash_ in chained(ticket, rows):
                known[ticket] = hash_
    return known


def event_rows(change: Change) -> Iterable[dict[str, Any]]:
    for seq, event in enumerate(change.events, change.version + 1):
        yield {
            "ticket": change.ticket,
            "seq": seq,
            "at": micros(event.at),
            "kind": EVENTS.kind(event),
            "body": EVENTS.text(event),
        }


_HASHED_ROWS = (
    select(EventRow.ticket, EventRow.seq, EventRow.at, EventRow.kind)
    .add_columns(col(EventRow.body), col(EventRow.hash))
    .where(col(EventRow.ticket).in_(bindparam("tickets", expanding=True)))
    .order_by(col(EventRow.ticket), col(EventRow.seq))
)


HashedRow = tuple[int, int, str, str, str | None]
"""An event's number, instant, kind, body and hash."""


def stored_events(db: Connection, tickets: Collection[str]) -> Iterator[tuple[str, list[HashedRow]]]:
    found: dict[str, list[HashedRow]] = {ticket: [] for ticket in tickets}
    for ticket, *row in db.execute(_HASHED_ROWS, {"tickets": [*found]}):
        found[ticket].append(tuple(row))
    yield from found.items()


def chained(ticket: str, rows: Iterable[HashedRow]) -> Iterator[tuple[int, str | None, str, str]]:
    """Each event's number, its stored hash, what it should be, and what the next one builds on."""
    before = ""
    for seq, at, kind, body, stored in rows:
        expected = event_hash(before, ticket, seq, at, kind, body)
        before = stored or expected
        yield seq, stored, expected, before
