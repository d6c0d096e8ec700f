"""The tables, the same on both databases. Instants are integers: microseconds since 1970, UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from enum import StrEnum

from sqlalchemy import BigInteger, Index, Integer, UniqueConstraint, text
from sqlmodel import Field, SQLModel

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
