"""What people do, and what we answer. Acks, triggers and response addresses stay in the adapters."""

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
    """The name of a Command that was not typed behind a slash."""

    MENTION = "mention"
    WORDS = "words"
    SHORTCUT = "shortcut"
    REACTION = "reaction"


@dataclass(frozen=True, slots=True)
class Command:
    """A slash command with its words. `key` is the envelope's own id: the same one twice is one act.

    What is not typed as a command but means one (a mention, a shortcut, a reaction) is one as well.
    """

    key: str
    at: datetime
    actor: Actor
    place: Place
    name: str
    text: str
    about: MessageRef | None = None
    """The message that it was asked on; what cannot be a form is asked in that message's thread."""


@dataclass(frozen=True, slots=True)
class Press:
    """A button, with what it carries and the message it stands on."""

    key: str
    at: datetime
    actor: Actor
    place: Place
    message: MessageRef | None
    action: str
    value: str


@dataclass(frozen=True, slots=True)
class Submission:
    """A form sent. `values` has every field: the option ids of a choice, else one text; none when empty."""

    key: str
    at: datetime
    actor: Actor
    form: str
    values: Answers
    context: Mapping[str, str] = field(default_factory=dict)
    files: tuple[File, ...] = ()


@dataclass(frozen=True, slots=True)
class FormChanged:
    """A choice was made in a form that is still open; `values` as in a Submission. Answer: the form anew."""

    key: str
    at: datetime
    actor: Actor
    form: str
    values: Answers
    context: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FormClosed:
    """A form was closed without being sent; `values` holds what is known of what had been typed."""

    key: str
    at: datetime
    actor: Actor
    form: str
    values: Answers
    context: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class File:
    """A file or picture that came with a message. `url` is where people who may see it open it."""

    name: str
    url: str


@dataclass(frozen=True, slots=True)
class Posted:
    """A message that a person wrote where the bot can read. `thread` is the message it replies to."""

    key: str
    at: datetime
    actor: Actor
    place: Place
    message: MessageRef
    text: str
    thread: MessageRef | None = None
    in_own_thread: bool = False
    """Whether that message is the desk's own."""
    files: tuple[File, ...] = ()
    mentions_bot: bool = False
    """Whether the bot is mentioned in it; a Command about the same message comes as well."""


@dataclass(frozen=True, slots=True)
class MessageChanged:
    """A person's earlier message was changed or, where `text` is None, deleted."""

    key: str
    at: datetime
    actor: Actor
    place: Place
    message: MessageRef
    text: str | None
    thread: MessageRef | None = None


@dataclass(frozen=True, slots=True)
class HomeOpened:
    """Somebody looks at the app's own page. Answer: Show what stands there for them.

    `place` is their direct conversation, to which presses on that page belong.
    """

    key: str
    at: datetime
    actor: Actor
    place: Place


class ChannelChange(StrEnum):
    """What became of a channel."""

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
    """The life of a channel that the bot is or was in. `moved_to` is its new address where it MOVED."""

    key: str
    at: datetime
    place: Place
    change: ChannelChange
    name: str = ""
    moved_to: Place | None = None


Inbound = (
    Command
    | Press
    | Submission
    | FormChanged
    | FormClosed
    | Posted
    | MessageChanged
    | HomeOpened
    | ChannelChanged
)


@dataclass(frozen=True, slots=True)
class Show:
    """Say this at once, to the one who acted only."""

    view: View


@dataclass(frozen=True, slots=True)
class Ask:
    """Open this form; as the answer to a submission: keep it open, with its errors."""

    form: Form
    fallback: Notice | None = None
    """What to say where the platform has no way to open it now; its buttons lead on."""


@dataclass(frozen=True, slots=True)
class Done:
    """Nothing to say here; what follows from the act is on its way."""

    duplicate: bool = False
    """Whether this act was done before, so that nothing was changed now."""


Answer = Show | Ask | Done
Dispatch = Callable[[Inbound], Awaitable[Answer]]
