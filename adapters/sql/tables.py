"""The tables, the same on both databases, and how events, messages and addresses become JSON text.

Instants are integers: microseconds since 1970, UTC. The kind of a stored value is its class's name.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Any, get_args, get_type_hints

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import BigInteger, Index, Integer, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from bot.model.address import Place, UserRef
from bot.model.queue import QueueSummary
from bot.model.views import Link, Mention, Notice, Quote, Strong, When
from bot.ports import Card, EventReport, MessageContent, StandingHelp, TicketBoard
from sla_core.events import Event

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
DEFAULT_ZERO = {"server_default": "0"}
"""For columns added later: the previous version does not set them while both run side by side."""


def micros(instant: datetime) -> int:
    """Converts an aware instant to its stored form: microseconds since 1970, UTC."""
    return (instant - EPOCH) // MICROSECOND


def instant(stored: int) -> datetime:
    """The reverse of `micros`: an aware instant in UTC."""
    return EPOCH + stored * MICROSECOND


def instant_or_none(stored: int | None) -> datetime | None:
    """Like `instant`, for a column that may be NULL."""
    return None if stored is None else instant(stored)


FAR_FUTURE = 2**62
"""An instant after all others."""


class MessageState(StrEnum):
    """The state of a message. A superseded one is no longer needed and never sent."""

    WAITING = "waiting"
    SENT = "sent"
    REFUSED = "refused"
    SUPERSEDED = "superseded"


class TicketRow(SQLModel, table=True):
    """A ticket's index row, computed from its events. `version` is their number."""

    __tablename__ = "ticket"
    __table_args__ = (
        UniqueConstraint("account", "number", name="ticket_of_account"),
        Index(
            "ticket_wake",
            "wake_at",
            "key",
            sqlite_where=text("wake_at IS NOT NULL"),
            postgresql_where=text("wake_at IS NOT NULL"),
        ),
        Index(
            "ticket_queue",
            "state",
            "rank",
            "turn_at",
            "opened_at",
            "key",
            sqlite_where=text("closed = 0"),
            postgresql_where=text("closed = 0"),
        ),
        Index(
            "ticket_unfinished",
            "account",
            "wake_at",
            sqlite_where=text("closed = 0"),
            postgresql_where=text("closed = 0"),
        ),
        Index("ticket_opened", "opened_at", "key"),
    )

    key: str = Field(primary_key=True)
    account: str
    number: int
    version: int
    wake_at: int | None = Field(default=None, sa_type=BigInteger)
    opened_at: int = Field(sa_type=BigInteger)
    closed: int = Field(default=0, sa_column_kwargs=DEFAULT_ZERO)
    """1 if the ticket is closed, else 0."""
    state: str = Field(default="open", sa_column_kwargs={"server_default": "open"})
    rank: int = Field(default=0, sa_column_kwargs=DEFAULT_ZERO)
    turn_at: int = Field(default=0, sa_type=BigInteger, sa_column_kwargs=DEFAULT_ZERO)
    """When the promise due next is due; `FAR_FUTURE` if none is."""
    summary: str | None = None
    """bot.ports.QueueSummary as JSON text, of the ticket at version `summarized`."""
    summarized: int = Field(default=0, sa_column_kwargs=DEFAULT_ZERO)


class EventRow(SQLModel, table=True):
    """An event. Rows are only ever added. `seq` counts from 1, `body` is JSON text of the class in `kind`."""

    __tablename__ = "event"

    ticket: str = Field(primary_key=True, foreign_key="ticket.key")
    seq: int = Field(primary_key=True, sa_type=Integer, sa_column_kwargs={"autoincrement": False})
    at: int = Field(sa_type=BigInteger)
    kind: str
    body: str
    hash: str | None = None
    """See adapters.sql.chain; None in rows of earlier versions."""


class OutboxRow(SQLModel, table=True):
    """A message, kept for ever: keys are never reused. `recipient` and `body` are JSON text.

    Only countdowns are deleted when they are done, because they only repeat the card.
    """

    __tablename__ = "outbox"
    __table_args__ = (
        Index(
            "outbox_waiting",
            "lane",
            "priority",
            "turn",
            "id",
            sqlite_where=text("state = 'waiting'"),
            postgresql_where=text("state = 'waiting'"),
        ),
        Index(
            "outbox_shared",
            "lane",
            "priority",
            "share",
            "turn",
            sqlite_where=text("state = 'waiting' AND share IS NOT NULL"),
            postgresql_where=text("state = 'waiting' AND share IS NOT NULL"),
        ),
        Index(
            "outbox_edited",
            "edits",
            sqlite_where=text("state = 'waiting' AND edits IS NOT NULL"),
            postgresql_where=text("state = 'waiting' AND edits IS NOT NULL"),
        ),
        Index(
            "outbox_put_off",
            "not_before",
            sqlite_where=text("state = 'waiting' AND not_before IS NOT NULL"),
            postgresql_where=text("state = 'waiting' AND not_before IS NOT NULL"),
        ),
        Index(
            "outbox_posted",
            "ref_place",
            "ref_id",
            sqlite_where=text("ref_id IS NOT NULL"),
            postgresql_where=text("ref_id IS NOT NULL"),
        ),
        {"sqlite_autoincrement": True},
    )

    id: int | None = Field(
        default=None, primary_key=True, sa_type=BigInteger().with_variant(Integer, "sqlite")
    )
    key: str = Field(unique=True)
    ticket: str | None = Field(default=None, foreign_key="ticket.key")
    """None for a message that belongs to no ticket."""
    lane: str
    recipient: str
    priority: int
    thread: str | None = None
    edits: str | None = None
    effect: int | None = None
    body: str
    state: str = MessageState.WAITING
    attempts: int = 0
    why: str | None = None
    ref_place: str | None = None
    ref_direct: bool | None = None
    ref_id: str | None = None
    turn: int = Field(default=0, sa_type=BigInteger, sa_column_kwargs=DEFAULT_ZERO)
    """Its place in the lane. An edit that replaces another takes over its turn."""
    not_before: int | None = Field(default=None, sa_type=BigInteger)
    tried_at: int | None = Field(default=None, sa_type=BigInteger)
    """When an attempt was made whose outcome is unknown: the message may have arrived."""
    share: str | None = None
    """The account it belongs to, in a lane where accounts take turns."""
    created_at: int = Field(default=0, sa_type=BigInteger, sa_column_kwargs=DEFAULT_ZERO)
    """0 in rows older than this column."""
    trace: str | None = None


class LaneRow(SQLModel, table=True):
    """A lane that is leased for one message (`sending`) until `lease_until`, or deferred until `not_before`.

    A deferred lane still sends messages more urgent than `priority`. Deleted when neither applies.
    """

    __tablename__ = "lane"

    lane: str = Field(primary_key=True)
    not_before: int | None = Field(default=None, sa_type=BigInteger)
    priority: int = Field(default=0, sa_column_kwargs=DEFAULT_ZERO)
    fence: str | None = None
    lease_until: int | None = Field(default=None, sa_type=BigInteger)
    sending: str | None = None


class BucketRow(SQLModel, table=True):
    """A rate limit bucket: used up until `full_until`, blocked by the platform until `shut_until`."""

    __tablename__ = "bucket"

    bucket: str = Field(primary_key=True)
    full_until: int = Field(default=0, sa_type=BigInteger, sa_column_kwargs=DEFAULT_ZERO)
    shut_until: int = Field(default=0, sa_type=BigInteger, sa_column_kwargs=DEFAULT_ZERO)


class InboxRow(SQLModel, table=True):
    """The envelope of a completed act; `at` is real time."""

    __tablename__ = "inbox"
    __table_args__ = (Index("inbox_at", "at"),)

    envelope: str = Field(primary_key=True)
    ticket: str = Field(foreign_key="ticket.key")
    at: int = Field(sa_type=BigInteger)


class AccountNumberRow(SQLModel, table=True):
    """The last ticket number of an account."""

    __tablename__ = "account_number"

    account: str = Field(primary_key=True)
    last: int


class KeyValueRow(SQLModel, table=True):
    """A small value of the key-value store, such as the reference of a conversation."""

    __tablename__ = "note"
    __table_args__ = (
        Index(
            "note_expires",
            "expires_at",
            sqlite_where=text("expires_at IS NOT NULL"),
            postgresql_where=text("expires_at IS NOT NULL"),
        ),
    )

    topic: str = Field(primary_key=True)
    key: str = Field(primary_key=True)
    value: str
    at: int = Field(default=0, sa_type=BigInteger, sa_column_kwargs=DEFAULT_ZERO)
    """Only the previous version uses it, which may run beside this one."""
    expires_at: int | None = Field(default=None, sa_type=BigInteger)
    """From then on the value is ignored and the lock is free; retention deletes the row."""


class TimerRow(SQLModel, table=True):
    """Work due at an instant that belongs to no ticket. The format of `payload` depends on the kind."""

    __tablename__ = "timer"
    __table_args__ = (Index("timer_due", "due_at"),)

    kind: str = Field(primary_key=True)
    key: str = Field(primary_key=True)
    due_at: int = Field(sa_type=BigInteger)
    payload: str = ""


class SimulatedClockRow(SQLModel, table=True):
    """The simulated clock that this database runs on: one row, or none if it runs in real time."""

    __tablename__ = "stage"

    id: int = Field(primary_key=True, sa_type=Integer, sa_column_kwargs={"autoincrement": False})
    real: int = Field(sa_type=BigInteger)
    stage: int = Field(sa_type=BigInteger)
    speed: float


class TokenRow(SQLModel, table=True):
    """A token of the API; `accounts` is a JSON list, or NULL for all accounts."""

    __tablename__ = "api_token"
    __table_args__ = (UniqueConstraint("digest", name="token_digest"),)

    name: str = Field(primary_key=True)
    digest: str
    scope: str
    accounts: str | None = None
    made_at: int = Field(sa_type=BigInteger)
    expires_at: int | None = Field(default=None, sa_type=BigInteger)


class UnknownKind(ValueError):
    """The database holds a kind that this version has no class for."""


class Unreadable(ValueError):
    """A stored value does not fit this version's class. The text says where, and never repeats the value."""


class Codec:
    """JSON of a closed set of dataclasses. Later fields need defaults, because old rows lack them."""

    def __init__(self, what: str, classes: tuple[Any, ...]) -> None:
        self._what = what
        self._adapters: dict[str, TypeAdapter[Any]] = {cls.__name__: TypeAdapter(cls) for cls in classes}
        self._instants = {cls.__name__: _instants(cls) for cls in classes}

    def kind(self, value: object) -> str:
        """The name that the value is stored under. Raises UnknownKind."""
        name = type(value).__name__
        self._adapter(name)
        return name

    def text(self, value: object) -> str:
        """The value's fields as JSON text, without its kind."""
        return self._adapter(type(value).__name__).dump_json(value).decode()

    def value(self, kind: str, text: str) -> Any:
        """The reverse of `kind` and `text`. Raises UnknownKind, Unreadable."""
        try:
            value = self._adapter(kind).validate_json(text)
        except ValidationError as wrong:
            raise self._unreadable(kind, wrong) from None
        for name in self._instants[kind]:
            # Pydantic's own UTC is ten times as slow to compare as Python's, and clocks compare often.
            if (instant := getattr(value, name)) is not None:
                object.__setattr__(value, name, self._in_utc(kind, instant))
        return value

    def _in_utc(self, kind: str, instant: datetime) -> datetime:
        try:
            return instant.astimezone(UTC)
        except OverflowError:
            raise Unreadable(f'an instant in the {self._what} "{kind}" is out of range') from None

    def fields(self, value: object) -> dict[str, Any]:
        """The value as a JSON object that carries its kind."""
        dumped = self._adapter(kind := type(value).__name__).dump_python(value, mode="json")
        return {"kind": kind, **dumped}

    def from_fields(self, fields: dict[str, Any]) -> Any:
        """The reverse of `fields`; does not change its argument. Raises UnknownKind, Unreadable."""
        kind = fields["kind"]
        try:
            return self._adapter(kind).validate_python(
                {n: value for n, value in fields.items() if n != "kind"}
            )
        except ValidationError as wrong:
            raise self._unreadable(kind, wrong) from None

    def _unreadable(self, kind: str, wrong: ValidationError) -> Unreadable:
        """Without Pydantic's own text, which would put the stored value into the log."""
        faults = wrong.errors(include_url=False, include_context=False, include_input=False)
        where = ", ".join(
            f"{'.'.join(map(str, fault['loc'])) or 'the whole value'}: {fault['type']}" for fault in faults
        )
        return Unreadable(f'this version cannot read the {self._what} "{kind}" ({where}); update Frontline')

    def _adapter(self, kind: str) -> TypeAdapter[Any]:
        try:
            return self._adapters[kind]
        except KeyError:
            raise UnknownKind(f'unknown {self._what} "{kind}"; update Frontline') from None


def _instants(cls: Any) -> tuple[str, ...]:
    """The names of the fields that hold an instant."""
    hints = get_type_hints(cls)
    return tuple(
        each.name for each in fields(cls) if datetime in (hints[each.name], *get_args(hints[each.name]))
    )


EVENTS = Codec("event", get_args(Event))
_MESSAGE_BODIES = Codec("message", get_args(MessageContent))
_PARTS = Codec("part of a text", (Strong, When, Mention, Quote, Link))
_SUMMARY = TypeAdapter(QueueSummary)
_RECIPIENTS = Codec("recipient", (Place, UserRef))


def summary_text(summary: QueueSummary) -> str:
    """What a queue shows of a ticket, as JSON text."""
    return _SUMMARY.dump_json(summary, exclude_defaults=True).decode()


def summary_of(text: str) -> QueueSummary | None:
    """The reverse of `summary_text`. Returns None if another version wrote it in another form."""
    try:
        return _SUMMARY.validate_json(text)
    except ValidationError:
        return None


def message_body_text(say: MessageContent) -> str:
    """What a message says, as JSON text."""
    if not isinstance(say, Notice):
        return _drawn_text(say)
    fields = _MESSAGE_BODIES.fields(say)
    # Strong and Quote have the same fields: only the kind tells them apart.
    fields["text"] = [part if isinstance(part, str) else _PARTS.fields(part) for part in say.text]
    return json.dumps(fields)


@lru_cache
def _drawn_text(say: Card | StandingHelp | TicketBoard | EventReport) -> str:
    return json.dumps(_MESSAGE_BODIES.fields(say))


def message_body_of(text: str) -> MessageContent:
    """The reverse of `message_body_text`. Raises UnknownKind."""
    fields = json.loads(text)
    if fields["kind"] == Notice.__name__:
        parts = (part if isinstance(part, str) else _PARTS.from_fields(part) for part in fields["text"])
        fields["text"] = tuple(parts)
    said: MessageContent = _MESSAGE_BODIES.from_fields(fields)
    return said


@lru_cache(maxsize=4096)
def recipient_text(to: Place | UserRef) -> str:
    """A message's recipient as JSON text."""
    return json.dumps(_RECIPIENTS.fields(to))


def recipient_of(text: str) -> Place | UserRef:
    """The reverse of `recipient_text`. Raises UnknownKind."""
    to: Place | UserRef = _RECIPIENTS.from_fields(json.loads(text))
    return to


StoredEvent = tuple[int, str, str]
"""An event's number, kind and body."""


def events_of(version: int, rows: Sequence[StoredEvent]) -> tuple[Event, ...]:
    """The events in `rows`, which must number `version`. Raises ValueError; see `unreadable_reason`."""
    if [seq for seq, _, _ in rows] != [*range(1, version + 1)]:
        raise Unreadable(
            f"its row counts {version} events, but {len(rows)} are stored: its tables are of different"
            " moments; restore the whole database from one backup"
        )
    return tuple(EVENTS.value(kind, body) for _, kind, body in rows)
