"""What people do, and what we answer. Acks, triggers and response addresses stay in the adapters."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from bot.address import Actor, MessageRef, Place
from bot.forms import Form
from bot.views import View
from sla_core.triage import Answers


@dataclass(frozen=True, slots=True)
class Command:
    """A slash command with its words. `key` is the envelope's own id: the same one twice is one act."""

    key: str
    at: datetime
    actor: Actor
    place: Place
    name: str
    text: str


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
    below_ours: bool = False
    """Whether that message is the desk's own."""


Inbound = Command | Press | Submission | Posted


@dataclass(frozen=True, slots=True)
class Show:
    """Say this at once, to the one who acted only."""

    view: View


@dataclass(frozen=True, slots=True)
class Ask:
    """Open this form; as the answer to a submission: keep it open, with its errors."""

    form: Form


@dataclass(frozen=True, slots=True)
class Done:
    """Nothing to say here; what follows from the act is on its way."""


Answer = Show | Ask | Done
Dispatch = Callable[[Inbound], Awaitable[Answer]]
