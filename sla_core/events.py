"""What can happen to a ticket. Each event is a fact with its instant and its doer; nothing else is stored."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sla_core.policy import Metric, Term


@dataclass(frozen=True, slots=True)
class Who:
    """Who did something: a platform address that means nothing here, and the name people read."""

    id: str
    name: str


THE_CLOCK = Who("clock", "the clock")
"""Who warns and breaches."""


@dataclass(frozen=True, slots=True)
class Opened:
    """All that later reading of the ticket depends on, as it stood when it was opened."""

    at: datetime
    by: Who
    account: str
    vendor: str
    plan: str
    version: str
    severity: str
    clause: str
    why: str
    summary: str
    details: str
    answers: dict[str, tuple[str, ...]]
    channel: str
    by_agent: bool = False
    terms: tuple[Term, ...] = ()
    may_hold: bool = False
    exception: str | None = None
    """Why it was accepted although the plan does not include this channel."""
    notes: tuple[str, ...] = ()
    """What agents should know of how it was opened: a screening set aside, a class seen too often."""
    files: tuple[Attachment, ...] = ()


@dataclass(frozen=True, slots=True)
class Acknowledged:
    at: datetime
    by: Who


@dataclass(frozen=True, slots=True)
class Taken:
    at: datetime
    by: Who


class Kind(StrEnum):
    """How an agent spoke to the customer."""

    REPLY = "reply"
    UPDATE = "update"
    MILESTONE = "milestone"
    MESSAGE = "message"


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that came with a message. `url` is where people who may see it open it; empty: unknown."""

    name: str
    url: str


@dataclass(frozen=True, slots=True)
class Answered:
    """A human's words that the customer can see. `text` of a milestone is its label."""

    at: datetime
    by: Who
    kind: Kind
    text: str
    files: tuple[Attachment, ...] = ()
    message: str = ""
    """The platform's id of what was written in the thread."""


@dataclass(frozen=True, slots=True)
class CustomerWrote:
    """`via` tells a message in the thread from details added by a form, which an agent may add too."""

    at: datetime
    by: Who
    text: str
    via: str = "thread"
    by_agent: bool = False
    files: tuple[Attachment, ...] = ()
    message: str = ""
    """The platform's id of what was written in the thread."""


@dataclass(frozen=True, slots=True)
class Corrected:
    """A message of the customer's thread reads otherwise now, or is deleted; no clock hears of it."""

    at: datetime
    by: Who
    message: str
    text: str | None


@dataclass(frozen=True, slots=True)
class SeverityChanged:
    at: datetime
    by: Who
    severity: str
    reason: str
    workaround: bool = False
    """Whether it is milder because a workaround is in place, not because it was misjudged."""


@dataclass(frozen=True, slots=True)
class DueDateSet:
    """An agent promises this date; a later one replaces it."""

    at: datetime
    by: Who
    due_at: datetime


@dataclass(frozen=True, slots=True)
class Extended:
    """An agent granted the extra time that the policy names, before the deadline."""

    at: datetime
    by: Who
    extension: str


@dataclass(frozen=True, slots=True)
class Held:
    at: datetime
    by: Who
    reason: str


@dataclass(frozen=True, slots=True)
class Resumed:
    at: datetime
    by: Who


@dataclass(frozen=True, slots=True)
class Escalated:
    """`step` is the step of the escalation policy that this calls, at `calls_at`; None: nobody new."""

    at: datetime
    by: Who
    reason: str
    by_agent: bool
    step: int | None = None
    calls_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Called:
    """A step of the escalation policy was called, because its window has opened."""

    at: datetime
    by: Who
    step: int


@dataclass(frozen=True, slots=True)
class Resolved:
    at: datetime
    by: Who
    text: str


@dataclass(frozen=True, slots=True)
class Closed:
    at: datetime
    by: Who


@dataclass(frozen=True, slots=True)
class Reopened:
    at: datetime
    by: Who
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Warned:
    """Most of a promise's time is spent. `run` tells this promise from later ones of the same metric."""

    at: datetime
    by: Who
    metric: Metric
    run: str
    due_at: datetime


@dataclass(frozen=True, slots=True)
class Breached:
    """A promise was not kept by `due_at`; recorded once for each run, and never taken back."""

    at: datetime
    by: Who
    metric: Metric
    run: str
    due_at: datetime


@dataclass(frozen=True, slots=True)
class Undelivered:
    """A platform refused a message for good. If it carried out event `seq`, that event no longer counts."""

    at: datetime
    by: Who
    message: str
    reason: str
    seq: int | None = None


@dataclass(frozen=True, slots=True)
class Alerted:
    """What became of a direct message: `acknowledge`, `call`, `delegate` (to a person), `snooze` (until).

    `by.id` is their platform address; `person` and `to` are ids of the desk's file.
    """

    at: datetime
    by: Who
    act: str
    person: str
    to: str | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Reminded:
    """A snoozed direct message came back."""

    at: datetime
    by: Who
    to: str


Event = (
    Opened
    | Acknowledged
    | Taken
    | Answered
    | CustomerWrote
    | Corrected
    | SeverityChanged
    | DueDateSet
    | Extended
    | Held
    | Resumed
    | Escalated
    | Called
    | Resolved
    | Closed
    | Reopened
    | Warned
    | Breached
    | Undelivered
    | Alerted
    | Reminded
)
