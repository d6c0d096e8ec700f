"""What the API shows, as JSON documents; their types are also its OpenAPI schema."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer, RootModel, WithJsonSchema

from bot.clock import parse_instant, utc_text
from bot.config.directory import Directory
from bot.config.settings import Account
from bot.model.queue import QueueSummary
from bot.notify.cards import queue_summary
from sla_core.engine import promises
from sla_core.events import Event, Rated, Resolved
from sla_core.policy import Metric, Policy
from sla_core.promise import Phase, Promise, countdown, receipt
from sla_core.ticket import State, Ticket

Instant = Annotated[
    datetime,
    PlainSerializer(utc_text, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2026-03-20T15:30:00Z"]}),
]
"""UTC in whole seconds, ending in Z."""


_INSTANT = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)")


def _given(text: object) -> datetime:
    if not isinstance(text, str) or not _INSTANT.fullmatch(text):
        raise ValueError("must be an instant with an offset, such as 2026-03-20T16:30:00+01:00")
    return parse_instant(text.upper())


GivenInstant = Annotated[
    datetime, BeforeValidator(_given), WithJsonSchema({"type": "string", "format": "date-time"})
]
"""An instant in a request."""


class Document(BaseModel):
    """What the API answers with."""

    model_config = ConfigDict(
        frozen=True,
        use_attribute_docstrings=True,
        json_schema_serialization_defaults_required=True,
        # To read the docstrings takes a fifth of a second, and most commands show no documents.
        defer_build=True,
    )


class RecordedEvent(RootModel[Event]):
    """An event with all that was recorded of it."""

    # A model of its own: otherwise each document that holds an event would read all docstrings again.

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True, defer_build=True)


def build() -> None:
    """Builds all documents now, so that no request waits for it and no two threads do it."""
    RecordedEvent.model_rebuild()
    _build(Document)


def _build(kind: type[Document]) -> None:
    for document in kind.__subclasses__():
        document.model_rebuild()
        _build(document)


class Due(Document):
    """The promise that is due first."""

    metric: Metric
    state: Phase
    due_at: Instant | None


class TicketSummary(Document):
    """A ticket in a list, as of its last change."""

    key: str
    account: str
    summary: str
    state: State
    severity: str
    opened_at: Instant
    ended_at: Instant | None
    """When it was resolved or closed."""
    owner: str | None
    next: Literal["we", "customer", "nobody"]
    """Whose turn it is."""
    due: Due | None


class TicketDocument(TicketSummary):
    """A whole ticket, except for its events and clocks."""

    vendor: str
    plan: str
    policy_version: str
    severity_confirmed: bool
    details: str
    answers: dict[str, list[str]]
    """The answers of the intake form, by question."""
    opened_by: str
    opened_by_agent: bool
    on_hold: bool
    resolution: str | None
    """What the customer read when it was last resolved."""
    rating: int | None
    events: int
    """How many events it has."""


class TicketPage(Document):
    tickets: list[TicketSummary]
    next_cursor: str | None
    """The `cursor` of the next page; null on the last one."""


class ReceiptLine(Document):
    """A stretch of time, and whether it counted."""

    from_: Annotated[Instant, WithJsonSchema({"type": "string", "format": "date-time"})]
    to: Instant
    counted_seconds: int
    why: str

    model_config = ConfigDict(
        serialize_by_alias=True, populate_by_name=True, alias_generator=lambda name: name.rstrip("_")
    )


class Clock(Document):
    """A promise as it runs on a ticket."""

    metric: Metric
    state: Phase
    severity: str
    started_at: Instant
    goal_at: Instant | None
    due_at: Instant | None
    """Null while the ticket is on hold."""
    strict_at: Instant | None
    met_at: Instant | None
    breached_at: Instant | None
    """When its breach was recorded."""
    clauses: list[str]
    says: str
    """The promise in plain words."""
    where: str
    """Where it stands in the vendor's document."""
    receipt: list[ReceiptLine]
    """How the deadline is computed; on hold, up to now."""


class Clocks(Document):
    ticket: str
    severity: str
    clocks: list[Clock]


class EventDocument(Document):
    """An event of a ticket, as it is recorded. `kind` is the name of its type."""

    seq: int
    kind: str
    event: RecordedEvent


class EventPage(Document):
    events: list[EventDocument]
    next_after: int | None
    """The `after` of the next page; null on the last one."""


class AccountDocument(Document):
    id: str
    name: str
    plan: str
    tam: str | None
    channels: list[str]


class Accounts(Document):
    accounts: list[AccountDocument]


class Opening(Document):
    """A ticket that was opened, and what the person who opened it is told."""

    ticket: TicketDocument
    says: str | None


class WebhookData(Document):
    """An event, and its ticket as it was right after it."""

    ticket: TicketDocument
    seq: int
    kind: str
    event: RecordedEvent


class WebhookDocument(Document):
    """What a webhook is sent."""

    type: str
    timestamp: Instant
    data: WebhookData


class WebhookState(Document):
    name: str
    events: list[str]
    accounts: list[str] | None
    failing_since: Instant | None
    """When it began to fail; null while it works."""
    switched_off_at: Instant | None


class Webhooks(Document):
    webhooks: list[WebhookState]


class Replay(Document):
    webhook: str
    queued: int
    """How many events are sent again."""


class ReportRow(Document):
    """The promises of one account, month, severity and metric, as in the CSV of `frontline report`."""

    account: str
    month: str
    """Of the tickets' opening in UTC, `YYYY-MM`."""
    severity: str
    metric: Metric
    total: int
    met: int
    breached: int
    open: int
    attainment: float | None
    """Met ones among those that are decided; null if none is."""
    median_seconds: int | None
    """Counted seconds until the answer; null without any."""
    worst_seconds: int | None


class Report(Document):
    """How the promises of a period's tickets were kept, as of an instant."""

    from_: date
    to: date
    """The day after the last one."""
    as_of: Instant
    rows: list[ReportRow]
    left_out: dict[str, str]
    """Tickets that cannot be computed, by key, and why."""

    model_config = ConfigDict(
        serialize_by_alias=True, populate_by_name=True, alias_generator=lambda name: name.rstrip("_")
    )


class FieldFault(Document):
    field: str
    says: str


class Problem(Document):
    """Why a request was refused (RFC 9457)."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    errors: list[FieldFault] = []


def summary_of(key: str, account: str, known: QueueSummary) -> TicketSummary:
    due = known.due
    return TicketSummary(
        key=key,
        account=account,
        summary=known.title,
        state=State(known.state),
        severity=known.severity,
        opened_at=known.opened_at,
        ended_at=known.ended_at,
        owner=known.owner or None,
        next=_next(known.state, known.customers_turn),
        due=Due(metric=due.metric, state=due.phase, due_at=due.due_at) if due else None,
    )


def _next(state: str, customers_turn: bool) -> Literal["we", "customer", "nobody"]:
    if state == State.CLOSED:
        return "nobody"
    return "customer" if customers_turn or state == State.RESOLVED else "we"


def ticket_document(ticket: Ticket, policy: Policy, now: datetime) -> TicketDocument:
    """The ticket at `now`."""
    opened = ticket.opened
    short = summary_of(ticket.key, opened.account, queue_summary(ticket, policy, now))
    resolutions = [event.text for event in ticket.history if isinstance(event, Resolved)]
    ratings = [event.rating for event in ticket.history if isinstance(event, Rated)]
    return TicketDocument(
        **dict(short),
        vendor=opened.vendor,
        plan=opened.plan,
        policy_version=opened.version,
        severity_confirmed=ticket.confirmed,
        details=opened.details,
        answers={question: list(given) for question, given in opened.answers.items() if given},
        opened_by=opened.by.name,
        opened_by_agent=opened.by_agent,
        on_hold=bool(ticket.held),
        resolution=resolutions[-1] if resolutions else None,
        rating=ratings[-1] if ratings else None,
        events=ticket.version,
    )


def clocks_of(ticket: Ticket, policy: Policy, now: datetime) -> Clocks:
    """Every promise of the ticket's present severity, in the order of `frontline explain`."""
    order = list(Metric)
    running = sorted(promises(ticket, policy), key=lambda promise: order.index(promise.metric))
    return Clocks(
        ticket=ticket.key, severity=ticket.severity, clocks=[_clock(ticket, each, now) for each in running]
    )


def _clock(ticket: Ticket, promise: Promise, now: datetime) -> Clock:
    breached_at = ticket.breached.get(promise.promise_id)
    source = promise.target.source
    until = max(promise.due_at or now, promise.started_at)
    return Clock(
        metric=promise.metric,
        state=countdown(promise, now, breached_at is not None).phase,
        severity=promise.severity,
        started_at=promise.started_at,
        goal_at=promise.goal_at,
        due_at=promise.due_at,
        strict_at=promise.strict_at,
        met_at=promise.met_at,
        breached_at=breached_at,
        clauses=list(source.clauses),
        says=source.says,
        where=source.where,
        receipt=[
            ReceiptLine(
                from_=stretch.span.start,
                to=stretch.span.end,
                counted_seconds=int(stretch.counted.total_seconds()),
                why=stretch.why,
            )
            for stretch in receipt(promise.calendar, promise.started_at, until, promise.gaps)
        ],
    )


def events_of(ticket: Ticket, after: int, limit: int) -> EventPage:
    """At most `limit` events, beginning behind event number `after`."""
    found = [*_events(ticket, after, limit)]
    is_last = after + limit >= ticket.version
    return EventPage(events=found, next_after=None if is_last else after + limit)


def _events(ticket: Ticket, after: int, limit: int) -> Iterator[EventDocument]:
    for seq, event in enumerate(ticket.history[after : after + limit], after + 1):
        yield EventDocument(seq=seq, kind=type(event).__name__, event=RecordedEvent(event))


def account_document(account: Account, directory: Directory) -> AccountDocument:
    tam = directory.tam(account)
    return AccountDocument(
        id=account.id,
        name=account.name,
        plan=account.plan,
        tam=tam.name if tam else None,
        channels=[str(channel) for channel in directory.channels_of(account)],
    )
