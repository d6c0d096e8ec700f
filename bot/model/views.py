"""Platform-independent views. Every string is plain text, which adapters escape."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from bot.model.address import UserRef
from sla_core.promise import Phase, Tone


@dataclass(frozen=True, slots=True)
class Strong:
    """Emphasized text."""

    text: str


@dataclass(frozen=True, slots=True)
class When:
    """An instant, shown in each reader's own time zone, with a fallback text that names its zone."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Mention:
    """A mention of a person; only their name on another platform than theirs."""

    user: UserRef
    name: str


@dataclass(frozen=True, slots=True)
class Quote:
    """Text that a person typed, shown as a quote."""

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
    """A button. `action` says what it does, `value` to what. A press returns both."""

    action: str
    label: str
    value: str
    style: Style = Style.PLAIN


class Audience(StrEnum):
    CUSTOMER = "customer"
    AGENTS = "agents"


@dataclass(frozen=True, slots=True)
class PromiseLine:
    """A promise on a card: `standing`, then the instant `standing_at` if it has one, then `then`.

    `less than 4 h left`, `on hold`, `breached` · `met` and when · `breached`, then how late the answer came ·
    `paused until` and when, then the bound.
    """

    label: str
    standing: str
    phase: Phase
    tone: Tone
    spent: float
    due_at: datetime | None = None
    goal_at: datetime | None = None
    note: str | None = None
    standing_at: datetime | None = None
    then: str = ""


@dataclass(frozen=True, slots=True)
class HistoryLine:
    """One line of a ticket's history: who did what, and when."""

    at: datetime
    what: str


@dataclass(frozen=True, slots=True)
class Menu:
    """Buttons behind one label, for what is done less often."""

    label: str
    buttons: tuple[Button, ...]


@dataclass(frozen=True, slots=True)
class LastWords:
    """What the customer wrote last."""

    by: str
    at: datetime
    text: str


@dataclass(frozen=True, slots=True)
class TicketCard:
    """A ticket's card, in the order in which it is read.

    `severity` is the vendor's id, with `(proposed)` until it is confirmed. `next_up` says whose turn it is;
    empty once the ticket is closed. `about` (account, plan, TAM, opener) and `last_words` are for agents.
    `facts` and `answers` are pairs of label and text. `history` is the last lines, newest last; `earlier`
    is the number of lines before them.
    """

    key: str
    audience: Audience
    title: str
    state: str
    severity: str
    severity_name: str
    next_up: str
    owner: str
    tone: Tone
    promises: tuple[PromiseLine, ...]
    about: tuple[str, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    last_words: LastWords | None = None
    contact: RichText = ()
    """The customer's first contact, and how to reach them."""
    details: str = ""
    answers: tuple[tuple[str, str], ...] = ()
    note: RichText = ()
    buttons: tuple[Button, ...] = ()
    menus: tuple[Menu, ...] = ()
    history: tuple[HistoryLine, ...] = ()
    earlier: int = 0
    customers_thread: RichText = ()
    """On the agents' card: a link to the customer's thread, or the name of its channel."""
    drawn_at: datetime | None = None
    """When this version was drawn. Menus begin without a choice in each version."""

    @property
    def status(self) -> tuple[str, ...]:
        """The line below the title: severity, the vendor's name for it, state, owner."""
        named = filter(None, (self.severity, self.severity_name, self.state))
        return (*named, f"Owner: {self.owner}") if self.owner else tuple(named)

    @property
    def in_menus(self) -> tuple[Button, ...]:
        """The buttons of all menus."""
        return tuple(button for menu in self.menus for button in menu.buttons)


@dataclass(frozen=True, slots=True)
class Notice:
    """A message: in a thread, in a direct conversation, or visible to one person only."""

    text: RichText
    tone: Tone = Tone.CALM
    buttons: tuple[Button, ...] = ()
    author: Mention | None = None
    """Under whose name and picture it is posted, where a platform lets an app do that. Its text names them
    as well. It must never be edited: an edit takes the name away."""


@dataclass(frozen=True, slots=True)
class SharedFile:
    """A copy of a file that an agent uploaded, posted under the agent's name. `id` is the platform's."""

    name: str
    id: str
    author: Mention


@dataclass(frozen=True, slots=True)
class ReceiptRow:
    """A stretch of time. `counted` is the counted time in words; empty if it did not count."""

    start: datetime
    end: datetime
    why: str
    counted: str


@dataclass(frozen=True, slots=True)
class ReceiptTable:
    """How a deadline is computed: the promise in plain words, its clauses, and every stretch of time."""

    title: str
    says: str
    cites: str
    due_at: datetime | None
    rows: tuple[ReceiptRow, ...]
    zone: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """The answer to `Why?`: why the ticket has its severity, and how each deadline is computed."""

    key: str
    intro: RichText
    tables: tuple[ReceiptTable, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class GetHelp:
    """The `Get help` message of a customer channel."""

    vendor: str
    buttons: tuple[Button, ...]


@dataclass(frozen=True, slots=True)
class QueueRow:
    """One ticket of a board. `promise` is the one due next, if any."""

    key: str
    title: str
    state: str
    severity: str
    severity_name: str
    next_up: str
    owner: str
    tone: Tone
    promise: PromiseLine | None = None
    button: Button | None = None
    card: Link | str = ""
    """A link to the ticket's card, or the name of its channel."""


@dataclass(frozen=True, slots=True)
class QueueSection:
    """Tickets under one heading, most urgent first. `more` is the number of tickets not listed."""

    title: str
    rows: tuple[QueueRow, ...]
    lead: RichText = ()
    more: int = 0


@dataclass(frozen=True, slots=True)
class QueueBoard:
    """A person's open tickets, as of `at`."""

    title: str
    at: datetime
    sections: tuple[QueueSection, ...]
    intro: RichText = ()
    buttons: tuple[Button, ...] = ()
    foot: RichText = ()
    """Text below the tickets."""


View = TicketCard | Notice | SharedFile | Receipt | GetHelp | QueueBoard


@dataclass(frozen=True, slots=True)
class Card:
    """A ticket's card. It is rendered when it is sent, so it never shows an outdated state."""

    audience: Audience


@dataclass(frozen=True, slots=True)
class StandingHelp:
    """The `Get help` message of a customer channel. It is rendered when it is sent."""


@dataclass(frozen=True, slots=True)
class TicketBoard:
    """The board of a customer channel's open tickets. It is rendered when it is sent."""


@dataclass(frozen=True, slots=True)
class EventReport:
    """An event of a ticket, by its number, for a webhook. It is rendered when it is sent."""

    ticket: str
    seq: int


MessageContent = Card | Notice | SharedFile | StandingHelp | TicketBoard | EventReport
