"""The tables, the same on every database. Instants are integers: microseconds since 1970, UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from enum import StrEnum

from sqlalchemy import BigInteger, Index, Integer, UniqueConstraint, text
from sqlmodel import Field, SQLModel

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def micros(instant: datetime) -> int:
    """An aware instant as it is stored: microseconds since 1970, UTC."""
    return (instant - EPOCH) // MICROSECOND


def instant(stored: int) -> datetime:
    """The reverse of `micros`; aware, UTC."""
    return EPOCH + stored * MICROSECOND


class State(StrEnum):
    """Where a message stands. Superseded: nobody needs to see it any more."""

    WAITING = "waiting"
    SENT = "sent"
    REFUSED = "refused"
    SUPERSEDED = "superseded"


class TicketRow(SQLModel, table=True):
    """A ticket's index: the truth is in its events. `version` is how many there are."""

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
    )

    key: str = Field(primary_key=True)
    account: str
    number: int
    version: int
    wake_at: int | None = Field(default=None, sa_type=BigInteger)
    opened_at: int = Field(sa_type=BigInteger)


class EventRow(SQLModel, table=True):
    """What happened; only ever added to. `seq` counts from 1, `body` is JSON text of the class in `kind`."""

    __tablename__ = "event"

    ticket: str = Field(primary_key=True, foreign_key="ticket.key")
    seq: int = Field(primary_key=True, sa_type=Integer, sa_column_kwargs={"autoincrement": False})
    at: int = Field(sa_type=BigInteger)
    kind: str
    body: str


class OutboxRow(SQLModel, table=True):
    """A message, for ever: a key is never used again. `recipient` and `body` are JSON text."""

    __tablename__ = "outbox"
    __table_args__ = (
        Index(
            "outbox_waiting",
            "lane",
            "priority",
            "id",
            sqlite_where=text("state = 'waiting'"),
            postgresql_where=text("state = 'waiting'"),
        ),
        Index(
            "outbox_edits",
            "edits",
            sqlite_where=text("state = 'waiting'"),
            postgresql_where=text("state = 'waiting'"),
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
    ticket: str = Field(foreign_key="ticket.key")
    lane: str
    recipient: str
    priority: int
    thread: str | None = None
    edits: str | None = None
    effect: int | None = None
    body: str
    state: str = State.WAITING
    attempts: int = 0
    why: str | None = None
    ref_place: str | None = None
    ref_direct: bool | None = None
    ref_id: str | None = None


class LaneRow(SQLModel, table=True):
    """A place or person that we were asked to leave alone until `not_before`."""

    __tablename__ = "lane"

    lane: str = Field(primary_key=True)
    not_before: int = Field(sa_type=BigInteger)


class InboxRow(SQLModel, table=True):
    """An act that was done, by its envelope; `at` is real time."""

    __tablename__ = "inbox"

    envelope: str = Field(primary_key=True)
    ticket: str = Field(foreign_key="ticket.key")
    at: int = Field(sa_type=BigInteger)


class AccountNumberRow(SQLModel, table=True):
    """The last ticket number that an account was given."""

    __tablename__ = "account_number"

    account: str = Field(primary_key=True)
    last: int


class NoteRow(SQLModel, table=True):
    """What an adapter remembers, such as where a conversation is reached."""

    __tablename__ = "note"

    topic: str = Field(primary_key=True)
    key: str = Field(primary_key=True)
    value: str


class StageRow(SQLModel, table=True):
    """The stage clock that this database lives on: one row, or none when it lives in real time."""

    __tablename__ = "stage"

    id: int = Field(primary_key=True, sa_type=Integer, sa_column_kwargs={"autoincrement": False})
    real: int = Field(sa_type=BigInteger)
    stage: int = Field(sa_type=BigInteger)
    speed: float
