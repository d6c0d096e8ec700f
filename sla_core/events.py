"""The events of a ticket, which are all that is stored. Each has an instant and an actor."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from sla_core.policy import Metric, Origin, Term


@dataclass(frozen=True, slots=True)
class Who:
    """Who did something: an opaque platform address, and a name to show."""

    id: str
    name: str


THE_CLOCK = Who("clock", "the clock")
"""The actor of warnings, breaches, pages, handovers, courtesy updates and reminders."""
FRONTLINE = Who("clock", "Frontline")
"""The actor who closes a ticket after its customer has said nothing."""


@dataclass(frozen=True, slots=True)
class Opened:
    """The opening of a ticket, with the policy version, plan and terms in force then."""

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
    """Notes for agents about the intake: an overridden screening, a severity that occurs too often."""
    files: tuple[Attachment, ...] = ()
    asked_in: str = ""
    """The channel of the message or thread that it was asked from; empty if there is none."""
    asked_below: str = ""
    """The platform's id of that message, or of the first one of its thread."""
    earlier: tuple[str, ...] = ()
    """The account's other tickets of this severity in the quarter, oldest first, if the policy expects
    fewer."""
    contact: str = ""
    """The customer's first contact, by their id in the desk's file, who gets a direct message about it."""
    words_of: Who | None = None
    """The customer whose words began it, if an agent opened it from their message."""
    zone: str = ""
    """The customer's time zone, for hours that follow it; empty if the desk's file names none."""
    origin: Origin = Origin.CHAT
    """By which way the request came in; a policy may count it in other hours."""


@dataclass(frozen=True, slots=True)
class Acknowledged:
    at: datetime
    by: Who


@dataclass(frozen=True, slots=True)
class Taken:
    """An agent made themselves the owner, or another one (`to`)."""

    at: datetime
    by: Who
    to: Who | None = None
    """None: the owner is who did it."""

    @property
    def owner(self) -> Who:
        return self.to or self.by


class Kind(StrEnum):
    """How an agent answered the customer."""

    REPLY = "reply"
    UPDATE = "update"
    MILESTONE = "milestone"
    MESSAGE = "message"


class Turn(StrEnum):
    """Whose turn it is after an agent's answer."""

    WE = "we"
    CUSTOMER = "customer"


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file attached to a message. People with access can open it at `url`; empty: unknown."""

    name: str
    url: str
    id: str = ""
    """The platform's id of a file that is copied to the customer; empty for a file that they shared."""


@dataclass(frozen=True, slots=True)
class Answered:
    """An agent's message that the customer can see. The `text` of a milestone is its label."""

    at: datetime
    by: Who
    kind: Kind
    text: str
    files: tuple[Attachment, ...] = ()
    message: str = ""
    """The platform's id of what was written in the thread."""
    mitigation: str = ""
    """The label of the mitigation that an update tells of."""
    skipped: tuple[str, ...] = ()
    """The mitigations before it that had not been done."""
    urgent: str = ""
    """Why a fix is deployed during a code freeze: the reason given, or a severity that is always urgent."""
    deploys_on: date | None = None
    """The day on which a fix is deployed instead, because of a code freeze."""
    next: Turn | None = None
    """None in updates and milestones, and in answers of earlier releases: then a reply or a message was a
    question."""


VIA_FORM, VIA_APP = "form", "app"


@dataclass(frozen=True, slots=True)
class CustomerWrote:
    """A message from the customer; agents may add details by the form too.

    `via` is `thread`, `form`, or `app` if an app of theirs wrote in the thread, which changes no clock.
    """

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
    """A message in the customer's thread was edited, or deleted (`text` is None). It affects no clock."""

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
    """Whether the severity is lower because of a workaround and not because it was misjudged."""
    earlier: tuple[str, ...] = ()
    """As in Opened, for the new severity."""
    misjudged: bool = False
    """Whether the ticket never was of the severity before, as the agent says."""


@dataclass(frozen=True, slots=True)
class DueDateSet:
    """An agent promised this date. It replaces an earlier one."""

    at: datetime
    by: Who
    due_at: datetime


@dataclass(frozen=True, slots=True)
class Extended:
    """An agent granted an extension of the policy before the deadline."""

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
    """An escalation. It calls `step` of the escalation policy (None: nobody) at `calls_at` (None: now).

    `tell_customer` is False if an agent keeps it internal.
    """

    at: datetime
    by: Who
    reason: str
    by_agent: bool
    step: int | None = None
    calls_at: datetime | None = None
    tell_customer: bool = True


@dataclass(frozen=True, slots=True)
class CallRequested:
    """The customer asked to be called. It affects no clock.

    `suits` says when, in their words; `phone` is empty unless they gave a number; `person`, an id of the
    desk's file, was asked to call (None: nobody could be).
    """

    at: datetime
    by: Who
    suits: str
    phone: str = ""
    person: str | None = None


@dataclass(frozen=True, slots=True)
class Paged:
    """A person was paged by a chain of `sla_core.paging`; None: nobody, and the chain ends.

    `step` is the step of the escalation policy; the number of steps for the last resort; -1 for a page that
    a person delegated or snoozed. `skipped` were passed over before this page and count as tried. If all
    of the last resort are skipped, its chain goes on after all.
    """

    at: datetime
    by: Who
    chain: str
    step: int
    person: str | None
    skipped: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PageAccepted:
    """A platform accepted the first message of a chain that reaches this person."""

    at: datetime
    by: Who
    chain: str
    person: str


@dataclass(frozen=True, slots=True)
class Handover:
    """The turn of `owner`, who has the ticket, has ended, so the people of `step` are asked to take over.

    If `step` is None, `owner` is on duty again before somebody else took it.
    """

    at: datetime
    by: Who
    owner: Who
    step: int | None


@dataclass(frozen=True, slots=True)
class Called:
    """A step of the escalation policy was called when its hours began. Earlier releases recorded this."""

    at: datetime
    by: Who
    step: int


@dataclass(frozen=True, slots=True)
class ServicesDisabled:
    """An agent disabled the customer's services because of this ticket. It affects no clock."""

    at: datetime
    by: Who
    reason: str


@dataclass(frozen=True, slots=True)
class ServicesEnabled:
    """An agent enabled them again."""

    at: datetime
    by: Who
    reason: str


@dataclass(frozen=True, slots=True)
class Resolved:
    at: datetime
    by: Who
    text: str
    follow_up: bool = False
    """Whether it can be rated, and a customer who says nothing is reminded. Not so in earlier releases."""
    close_after: int | None = None
    """After how many business days without a word it is closed; None: never."""


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
    """Most of a promise's time is spent. `run` is its Promise.promise_id."""

    at: datetime
    by: Who
    metric: Metric
    run: str
    due_at: datetime


@dataclass(frozen=True, slots=True)
class LastWarned:
    """Half the time between the warning of a silence clock and `due_at` is spent, and nobody has written."""

    at: datetime
    by: Who
    metric: Metric
    run: str
    due_at: datetime


@dataclass(frozen=True, slots=True)
class CourtesyTold:
    """Outside the hours of its promises, the customer was told how the ticket stands. It affects no clock."""

    at: datetime
    by: Who


@dataclass(frozen=True, slots=True)
class Breached:
    """A promise was not kept by `due_at`. Recorded once for each `run`, and never undone."""

    at: datetime
    by: Who
    metric: Metric
    run: str
    due_at: datetime


@dataclass(frozen=True, slots=True)
class Undelivered:
    """A platform rejected a message for good. If the message carried event `seq`, that event is undone."""

    at: datetime
    by: Who
    message: str
    reason: str
    seq: int | None = None


@dataclass(frozen=True, slots=True)
class Alerted:
    """A person's answer to a direct message: `acknowledge`, `call`, `delegate` (`to`), `snooze` (`until`).

    `by.id` is their platform address. `person` and `to` are ids in the desk's file.
    """

    at: datetime
    by: Who
    act: str
    person: str
    to: str | None = None
    until: datetime | None = None
    page: bool = False
    """Whether the message was a page. Only an answer to a page stops paging."""
    reason: str = ""
    """Why it was snoozed, if they said so."""


@dataclass(frozen=True, slots=True)
class Notified:
    """A direct message about event number `of` went to a person; with `until`, it is held back until then.

    `why` is one of the reasons in `sla_core.alerts`. `instead_of` is away until `back_at`. People are ids of
    the desk's file.
    """

    at: datetime
    by: Who
    of: int
    person: str
    why: str = ""
    until: datetime | None = None
    instead_of: str | None = None
    back_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Reminded:
    """A snoozed direct message was sent again."""

    at: datetime
    by: Who
    to: str


@dataclass(frozen=True, slots=True)
class Nudged:
    """A customer who has said nothing was reminded."""

    at: datetime
    by: Who


@dataclass(frozen=True, slots=True)
class ClosingAnnounced:
    """A customer who has said nothing was told when the resolved ticket will be closed."""

    at: datetime
    by: Who
    closes_at: datetime


BEST_RATING = 5


@dataclass(frozen=True, slots=True)
class Rated:
    """The customer rated the resolution, from 1 to `BEST_RATING`; the last one counts."""

    at: datetime
    by: Who
    rating: int


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
    | CallRequested
    | Paged
    | PageAccepted
    | Handover
    | Called
    | Resolved
    | Closed
    | Reopened
    | Warned
    | LastWarned
    | CourtesyTold
    | Breached
    | Undelivered
    | Alerted
    | Notified
    | Reminded
    | ServicesDisabled
    | ServicesEnabled
    | Nudged
    | ClosingAnnounced
    | Rated
)
