"""What people are shown, free of any platform's grammar. Every string is plain text: adapters escape it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from bot.model.address import UserRef
from sla_core.countdown import Phase, Tone


@dataclass(frozen=True, slots=True)
class Strong:
    """Words that stand out."""

    text: str


@dataclass(frozen=True, slots=True)
class When:
    """An instant, shown to each reader in their own zone, with a text that names the zone beside it."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Mention:
    """A person, called by their platform's mention; by name where the reader's platform is another."""

    user: UserRef
    name: str


@dataclass(frozen=True, slots=True)
class Quote:
    """Words that somebody typed, set off from ours."""

    text: str


@dataclass(frozen=True, slots=True)
class Link:
    url: str
    text: str


Part = str | Strong | When | Mention | Quote | Link
RichText = tuple[Part, ...]


class Style(StrEnum):
    PLAIN = "plain"
    PRIMARY = "primary"
    DANGER = "danger"


@dataclass(frozen=True, slots=True)
class Button:
    """`action` names what it does, `value` what it does it to; both come back with the press."""

    action: str
    label: str
    value: str
    style: Style = Style.PLAIN


class Audience(StrEnum):
    CUSTOMER = "customer"
    AGENTS = "agents"


@dataclass(frozen=True, slots=True)
class PromiseLine:
    """One promise on a card: `standing` is the bound, or `off hours`, `on hold`, `met`, `breached`."""

    label: str
    standing: str
    phase: Phase
    tone: Tone
    spent: float
    due_at: datetime | None = None
    goal_at: datetime | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class HistoryLine:
    """One line of a ticket's history: who did what, and when."""

    at: datetime
    what: str


@dataclass(frozen=True, slots=True)
class TicketCard:
    """A ticket's face. `facts` are label and text pairs; the agents' card has more of them.

    `history` is what happened last, newest last; `earlier` more happened before it.
    """

    key: str
    audience: Audience
    title: str
    state: str
    severity: str
    severity_name: str
    turn: str
    owner: str
    tone: Tone
    promises: tuple[PromiseLine, ...]
    facts: tuple[tuple[str, str], ...] = ()
    details: str = ""
    note: RichText = ()
    buttons: tuple[Button, ...] = ()
    history: tuple[HistoryLine, ...] = ()
    earlier: int = 0


@dataclass(frozen=True, slots=True)
class Notice:
    """A message: in a thread, in a direct conversation, or for one person only."""

    text: RichText
    tone: Tone = Tone.CALM
    buttons: tuple[Button, ...] = ()


@dataclass(frozen=True, slots=True)
class ReceiptRow:
    """A stretch of time; `counted` is in words, empty where it did not count."""

    start: datetime
    end: datetime
    why: str
    counted: str


@dataclass(frozen=True, slots=True)
class ReceiptTable:
    """How one deadline came about: the promise in plain words, its clause, and every stretch."""

    title: str
    says: str
    cites: str
    due_at: datetime | None
    rows: tuple[ReceiptRow, ...]
    zone: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """The answer to `Why?`: why this severity, and each promise's working."""

    key: str
    intro: RichText
    tables: tuple[ReceiptTable, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class GetHelp:
    """The standing message of a customer channel."""

    vendor: str
    buttons: tuple[Button, ...]


@dataclass(frozen=True, slots=True)
class QueueRow:
    """One ticket of a board; `promise` is the one that is due next, where anything is promised."""

    key: str
    title: str
    state: str
    severity: str
    severity_name: str
    turn: str
    owner: str
    tone: Tone
    promise: PromiseLine | None = None
    button: Button | None = None


@dataclass(frozen=True, slots=True)
class QueueSection:
    """Tickets under one heading, in the order in which their turn comes; `more` of them are not listed."""

    title: str
    rows: tuple[QueueRow, ...]
    lead: RichText = ()
    more: int = 0


@dataclass(frozen=True, slots=True)
class QueueBoard:
    """The open tickets that somebody has to do with, as they stood at `at`."""

    title: str
    at: datetime
    sections: tuple[QueueSection, ...]
    intro: RichText = ()
    buttons: tuple[Button, ...] = ()
    foot: RichText = ()
    """What is good to know and stands below the tickets."""


View = TicketCard | Notice | Receipt | GetHelp | QueueBoard
