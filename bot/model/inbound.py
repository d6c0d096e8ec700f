"""What people do and what the desk answers. Acks, triggers and response URLs stay in the adapters."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from bot.model.address import Actor, MessageRef, Place
from bot.model.forms import Form
from bot.model.views import Notice, View
from sla_core.triage import Answers


class EntryPoint(StrEnum):
    """The name of a Command that is not a slash command."""

    MENTION = "mention"
    WORDS = "words"
    SHORTCUT = "shortcut"
    REACTION = "reaction"


@dataclass(frozen=True, slots=True)
class Command:
    """A slash command, or a mention, shortcut, reaction or message that means the same.

    `key` is the envelope's id: two acts with the same key are one act.
    """

    key: str
    at: datetime
    actor: Actor
    place: Place
    name: str
    text: str
    about: MessageRef | None = None
    """The message that it refers to. If no form can be opened, we ask in that message's thread."""
    quoted: str = ""
    """What `about` says, if that is another message than the one with `text`."""


@dataclass(frozen=True, slots=True)
class Press:
    """A pressed button, with its action and value and the message that it belongs to.

    `from_menu`: it was chosen in a menu, which shows the choice until its message is drawn again.
    """

    key: str
    at: datetime
    actor: Actor
    place: Place
    message: MessageRef | None
    action: str
    value: str
    from_menu: bool = False


@dataclass(frozen=True, slots=True)
class Submission:
    """A submitted form. `values` has every field: the option ids of a choice, or one text; () if empty."""

    key: str
    at: datetime
    actor: Actor
    form: str
    values: Answers
    context: Mapping[str, str] = field(default_factory=dict)
    files: tuple[File, ...] = ()
    place: Place | None = None
    """Where it was sent from. None if the platform lets only the person who opened a form send it."""
    message: MessageRef | None = None
    """The message that is the form, on platforms where it can be one of its own."""


@dataclass(frozen=True, slots=True)
class FormChanged:
    """A choice in a form that is still open. `values` as in a Submission. Answer: Ask, the updated form."""

    key: str
    at: datetime
    actor: Actor
    form: str
    values: Answers
    context: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FormClosed:
    """A form that was closed. `values` holds what is known of its fields.

    Answer: Show of the message that the form took the place of, or Done if there is none.
    """

    key: str
    at: datetime
    actor: Actor
    form: str
    values: Answers
    context: Mapping[str, str] = field(default_factory=dict)
    message: MessageRef | None = None
    """The message that the form took the place of, on platforms where it does."""


@dataclass(frozen=True, slots=True)
class File:
    """A file or picture attached to a message. People with access can open it at `url`.

    `id` is the platform's if a copy of it can be posted elsewhere; empty if not.
    """

    name: str
    url: str
    id: str = ""


@dataclass(frozen=True, slots=True)
class MessageAction:
    """An entry that a person chose in a message's menu; `action` says which, `text` what the message says."""

    key: str
    at: datetime
    actor: Actor
    place: Place
    action: str
    text: str
    thread: MessageRef | None
    """The message that it replies to."""
    author: Actor | None
    """Who wrote it; None if an app did."""
    files: tuple[File, ...] = ()


@dataclass(frozen=True, slots=True)
class Posted:
    """A person's message in a place that the bot can read. `thread` is the message it replies to."""

    key: str
    at: datetime
    actor: Actor
    place: Place
    message: MessageRef
    text: str
    thread: MessageRef | None = None
    in_own_thread: bool = False
    """Whether the desk posted the message in `thread`."""
    files: tuple[File, ...] = ()
    mentions_bot: bool = False
    """Whether it mentions the bot; then a Command about the same message arrives as well."""
    from_app: bool = False
    """Whether another app posted it and not a person. Only replies of apps arrive, and never our own."""


@dataclass(frozen=True, slots=True)
class MessageChanged:
    """A person edited a message, or deleted it (`text` is None)."""

    key: str
    at: datetime
    actor: Actor
    place: Place
    message: MessageRef
    text: str | None
    thread: MessageRef | None = None


@dataclass(frozen=True, slots=True)
class HomeOpened:
    """A person opened the app's home page. Answer: Show its content.

    `place` is their direct conversation with the bot, to which presses on that page belong.
    """

    key: str
    at: datetime
    actor: Actor
    place: Place


class ChannelChange(StrEnum):
    """How a channel changed."""

    JOINED = "joined"
    LEFT = "left"
    RENAMED = "renamed"
    ARCHIVED = "archived"
    UNARCHIVED = "unarchived"
    DELETED = "deleted"
    SHARED = "shared"
    UNSHARED = "unshared"
    MOVED = "moved"


@dataclass(frozen=True, slots=True)
class ChannelChanged:
    """A change of a channel that the bot is or was in. `moved_to` is the new address if it MOVED.

    `beside` are the other channels of a team that the bot JOINED as a whole.
    """

    key: str
    at: datetime
    place: Place
    change: ChannelChange
    name: str = ""
    moved_to: Place | None = None
    beside: tuple[Place, ...] = ()


@dataclass(frozen=True, slots=True)
class AlarmChanged:
    """A monitoring system's notification about one alarm: it fires, or it is resolved (since `ended_at`).

    `source` is the name of its `[[alerts]]`, `id` the system's own for the alarm. Answer: Done with the
    ticket, if there is one.
    """

    key: str
    at: datetime
    source: str
    id: str
    firing: bool
    summary: str = ""
    details: str = ""
    ended_at: datetime | None = None
    delivery: str = ""
    """The sender's id of the notification, the same if it is sent again; empty if it has none."""


@dataclass(frozen=True, slots=True)
class PagerAcknowledged:
    """Somebody acknowledged a page in a pager. `ticket` is the key that the pager names, known or not.

    `by` is their name there. `email` (their address) and `incident` are empty if the pager does not tell.
    """

    key: str
    at: datetime
    pager: str
    ticket: str
    by: str
    email: str = ""
    incident: str = ""


Inbound = (
    Command
    | Press
    | Submission
    | FormChanged
    | FormClosed
    | MessageAction
    | Posted
    | MessageChanged
    | HomeOpened
    | ChannelChanged
    | AlarmChanged
    | PagerAcknowledged
)


@dataclass(frozen=True, slots=True)
class Show:
    """Show this at once, to the actor only."""

    view: View
    public: bool = False
    """Whether everybody in the place may read it. Then it is posted there if it cannot be shown privately."""
    ticket: str = ""
    """The ticket that a submitted form opened, for platforms where the form is a message that others see."""


@dataclass(frozen=True, slots=True)
class Ask:
    """Open this form. As the answer to a submission: keep it open and show its errors."""

    form: Form
    fallback: Notice | None = None
    """What to show if the platform cannot open the form now. Its buttons offer other ways."""


@dataclass(frozen=True, slots=True)
class Done:
    """The act succeeded. Its messages are enqueued, and there is nothing else to show."""

    duplicate: bool = False
    """Whether the act was recorded before, so that nothing changed now."""
    ticket: str = ""
    """As in Show."""


Answer = Show | Ask | Done
Dispatch = Callable[[Inbound], Awaitable[Answer]]
