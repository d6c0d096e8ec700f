"""Small tickets and messages for the store's tests."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from bot.model.address import MessageRef, Place, UserRef
from bot.model.views import Audience, Notice
from bot.ports import Card, Change, Message, Priority
from sla_core.events import Answered, CustomerWrote, Event, Kind, Opened, Who

NOON = datetime(2026, 3, 20, 12, tzinfo=UTC)
ANN = Who("slack:T0ACME:U0ANN", "Ann")
BOB = Who("slack:T0VENDOR:U0BOB", "Bob")
ACME = Place("slack", "C0ACME")
TRIAGE = Place("slack", "C0TRIAGE")
DANA = UserRef("slack", "T0VENDOR", "U0DANA")


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


def opened(summary: str = "Nothing works") -> Opened:
    return Opened(
        at=NOON,
        by=ANN,
        account="acme",
        vendor="m3ter",
        plan="gold",
        version="2025-02-10",
        severity="S2",
        clause="M3-08",
        why="a workaround is missing",
        summary=summary,
        details="",
        answers={"impact": ("some",)},
        channel=str(ACME),
    )


def wrote(text: str = "Hello?", minutes: float = 1) -> CustomerWrote:
    return CustomerWrote(at(minutes), ANN, text)


def answered(text: str = "On it", minutes: float = 2) -> Answered:
    return Answered(at(minutes), BOB, Kind.REPLY, text)


def message(
    key: str,
    to: Place | UserRef = ACME,
    priority: Priority = Priority.STATE,
    ticket: str = "ACME-1",
    thread: str | None = None,
    edits: str | None = None,
    effect: int | None = None,
) -> Message:
    say = Card(Audience.CUSTOMER) if thread is None else Notice((f"This is {key}",))
    return Message(key, ticket, to, say, priority, thread, edits, effect)


def opening(
    *messages: Message, wake_at: datetime | None = None, account: str = "acme"
) -> Callable[[int], Change]:
    return lambda number: Change(f"{account.upper()}-{number}", 0, (opened(),), wake_at, messages)


def change(
    version: int,
    *messages: Message,
    events: tuple[Event, ...] = (),
    ticket: str = "ACME-1",
    wake_at: datetime | None = None,
) -> Change:
    return Change(ticket, version, events, wake_at, messages)


def ref(id_: str, place: Place = ACME) -> MessageRef:
    return MessageRef(place, id_)
