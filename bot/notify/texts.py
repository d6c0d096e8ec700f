"""Every sentence about a ticket in one file. Each begins with the ticket's key."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from bot.model.views import Link, Part, Quote, RichText, Strong, When
from bot.notify.cards import METRIC_NAMES, who_works_on_it, with_clauses
from sla_core.engine import promises
from sla_core.events import (
    Alerted,
    Answered,
    Breached,
    Corrected,
    CustomerWrote,
    DueDateSet,
    Escalated,
    Event,
    Extended,
    Held,
    Kind,
    Opened,
    Reopened,
    Resolved,
    SeverityChanged,
    Undelivered,
    Warned,
    Who,
)
from sla_core.policy import Policy, Step
from sla_core.ticket import Ticket

HOW_A_HOLD_ENDS = "They go on as soon as you write here."
"""For the customer, after the text of a hold."""
IS_IT_SOLVED = "Is it solved? Then press Close on the card, otherwise Reopen."
"""For the customer, after the text of a resolution."""
LATE_FROM = timedelta(minutes=1)
"""From this delay on, a warning or a breach says how late it is."""
DOWN_FROM = timedelta(minutes=5)
"""From this delay on, the text says that the desk was down: a running desk is never this late."""


def with_key(key: str, *parts: Part) -> RichText:
    """A sentence with the ticket's key in front."""
    return (Strong(key), " ", *parts)


def intake_notes(key: str, notes: Sequence[str]) -> RichText:
    return with_key(key, f"Please note: {'; '.join(notes)}.")


def answered(key: str, event: Answered, policy: Policy) -> RichText:
    """An agent's message, for customer and triage."""
    match event.kind:
        case Kind.MILESTONE:
            milestone = next((m for m in policy.milestones if m.label == event.text), None)
            says = milestone.says if milestone else ""
            return with_key(key, Strong(event.text), f": {says.removesuffix('.')} ({event.by.name}).")
        case Kind.UPDATE:
            return with_key(key, f"update from {event.by.name}:", Quote(event.text))
        case Kind.REPLY:
            return with_key(key, f"{event.by.name} replied:", Quote(event.text))
        case Kind.MESSAGE:
            return with_key(key, f"{event.by.name} wrote in the customer's thread:", *_sent(event))


def new_ticket(ticket: Ticket, account: str) -> RichText:
    """To agents, below a new card: a card notifies nobody."""
    return with_key(ticket.key, f"New ticket from {account}, {ticket.severity} (proposed).")


def customer_wrote(key: str, event: CustomerWrote) -> RichText:
    return with_key(key, f"{event.by.name} wrote:", *_sent(event))


def _sent(event: Answered | CustomerWrote) -> Iterable[Part]:
    """The text, and a link to each file; only the file's name if its address is unknown."""
    if event.text.strip():
        yield Quote(event.text)
    yield from _files(event)


def _files(event: Opened | Answered | CustomerWrote) -> Iterable[Part]:
    if event.files:
        yield f" {'file' if len(event.files) == 1 else 'files'}: "
    for number, file in enumerate(event.files):
        yield from (", ",) if number else ()
        yield Link(file.url, file.name) if file.url else file.name


def attached_files(key: str, event: Opened) -> RichText:
    """Lists the files that came with the opening of a ticket."""
    return with_key(key, f"{event.by.name} sent{' a' if len(event.files) == 1 else ''}", *_files(event))


def corrected(key: str, event: Corrected) -> RichText:
    """Says what a message reads now. Platforms do not tell who deleted one, so the text does not either."""
    if event.text is None:
        return with_key(key, f"a message by {event.by.name} was deleted.")
    if not event.text:
        return with_key(key, f"{event.by.name} took the words out of a message.")
    return with_key(key, f"{event.by.name} changed a message:", Quote(event.text))


def details_added(key: str, event: CustomerWrote) -> RichText:
    return with_key(key, f"{event.by.name} added details:", *_sent(event))


def severity_changed(ticket: Ticket, before: str, event: SeverityChanged, policy: Policy) -> RichText:
    """Says how the severity changed, why, and what is promised now."""
    name = policy.severities[event.severity].name
    return with_key(
        ticket.key,
        f"{event.by.name} changed the severity from {before} to {event.severity} ({name}):",
        Quote(event.reason),
        *_promised(ticket, policy, event.at),
    )


def _promised(ticket: Ticket, policy: Policy, now: datetime) -> Iterable[Part]:
    """When each promise is due. One that is overdue at `now` was breached before."""
    running = [promise for promise in promises(ticket, policy) if not promise.settled]
    if not promises(ticket, policy):
        yield "No time is promised for it."
    for promise in running:
        name = METRIC_NAMES[promise.metric]
        if promise.due_at is None:
            yield f"{name} is due once the hold ends. "
            continue
        if promise.due_at < now:
            yield from (f"{name} stays missed: it was due ", When(promise.due_at), ". ")
            continue
        yield f"{name} is due "
        yield When(promise.due_at)
        yield ", counted anew from this change. " if promise.rebased else ". "


def due_date_set(key: str, event: DueDateSet) -> RichText:
    return with_key(key, f"{event.by.name} promises to resolve this by ", When(event.due_at), ".")


def extended(ticket: Ticket, event: Extended, policy: Policy) -> RichText:
    """Says what extra time was granted, why, and the new deadline."""
    offered = (e for t in policy.targets(ticket.severity) for e in t.extensions)
    granted = next((e for e in offered if e.id == event.extension), None)
    clauses = ", ".join(granted.source.clauses) if granted else ""
    reason = f"{granted.label}: {granted.extra} more ({clauses}). " if granted else ""
    return with_key(
        ticket.key, f"{event.by.name} extended the time. {reason}", *_promised(ticket, policy, event.at)
    )


def held(key: str, event: Held) -> RichText:
    return with_key(key, f"{event.by.name} put the clocks on hold:", Quote(event.reason))


def resumed(key: str, by: Who) -> RichText:
    return with_key(key, f"the hold is over ({by.name}); the clocks go on.")


def escalated(key: str, event: Escalated) -> RichText:
    return with_key(key, f"{event.by.name} escalated this ticket:", Quote(event.reason))


def step_called(key: str, step: Step, people: Sequence[Part], at: datetime | None) -> RichText:
    """Says which step is called: at once, or when its hours begin."""
    named: list[Part] = []
    for person in people:
        named += [person, " "]
    if at is not None:
        return with_key(key, f"{step.name} is off hours and will be called ", When(at), ". ", *named)
    return with_key(key, f"{step.name} is called. ", *named)


def call_cancelled(key: str, step: Step, by: Who) -> RichText:
    return with_key(key, f"{step.name} will not be called any more: {by.name} is on it.")


def nobody_further(key: str, calling: Step | None) -> RichText:
    """Says why an agent's escalation calls nobody."""
    if calling is not None:
        return with_key(key, f"{calling.name} is being called already; the reason was added.")
    return with_key(key, "There is no further step to call; the account manager was told.")


def emergency(key: str, severity: str, people: Sequence[Part]) -> RichText:
    named: list[Part] = []
    for person in people:
        named += [person, " "]
    return with_key(key, f"this {severity} needs somebody now. ", *named)


def paged_off_hours(ticket: Ticket, step: Step, policy: Policy, now: datetime) -> RichText:
    """Says that people are called now, and what the policy promises."""
    return with_key(
        ticket.key,
        f"{step.name} is called now, though it is off hours for the written times. ",
        *_promised(ticket, policy, now),
    )


def first_contact(key: str, contact: str, people: Sequence[Part]) -> RichText:
    """Names the customer's first contact."""
    return with_key(key, f"{contact}, the customer's first contact: ", *people)


def resolved(key: str, event: Resolved) -> RichText:
    return with_key(key, f"{event.by.name} resolved this ticket:", Quote(event.text))


def closed(key: str, by: Who) -> RichText:
    return with_key(key, f"{by.name} closed this ticket.")


def reopened(key: str, event: Reopened) -> RichText:
    return with_key(key, f"{event.by.name} reopened this ticket; its clocks go on.")


def warned(ticket: Ticket, event: Warned, policy: Policy) -> RichText:
    """Says what is due when, what was promised, and how late this is told if it is late."""
    running = (promise.warn_at for promise in promises(ticket, policy) if promise.promise_id == event.run)
    return with_key(
        ticket.key,
        Strong(f"Warning: {METRIC_NAMES[event.metric].lower()} is due "),
        When(event.due_at),
        f".{_promise_says(ticket, event, policy)}{_lateness(ticket, event, next(running, None))}",
    )


def breached(ticket: Ticket, event: Breached, policy: Policy) -> RichText:
    """Says what was due when, what was promised, and how late this is told if it is late."""
    return with_key(
        ticket.key,
        Strong(f"Breached: {METRIC_NAMES[event.metric].lower()} was due "),
        When(event.due_at),
        f".{_promise_says(ticket, event, policy)}{_lateness(ticket, event, event.due_at)}",
    )


def ticket_in_short(ticket: Ticket, account: str) -> RichText:
    """Describes the ticket for a reader who does not see its card."""
    owner, seen_by = ticket.owner, ticket.acknowledged_by
    working = who_works_on_it(owner.name if owner else "", seen_by.name if seen_by else "")
    return (
        f" {account}, {ticket.severity}:",
        Quote(ticket.opened.summary),
        f"{working[0].upper()}{working[1:]}.",
    )


def _lateness(ticket: Ticket, event: Warned | Breached, fell_due_at: datetime | None) -> str:
    """Says how late a warning or breach is told, and why; empty if it is in time."""
    late = event.at - fell_due_at if fell_due_at else timedelta(0)
    if late < LATE_FROM:
        return ""
    told = f" Told {_length(late)} late"
    if any(isinstance(each, Undelivered) and each.at == event.at for each in ticket.history):
        return f"{told}: what seemed to keep it was never delivered."
    return f"{told}: the desk was not running." if late >= DOWN_FROM else f"{told}."


def _length(length: timedelta) -> str:
    """`3 h`, `1 h 5 min`, `2 days`."""
    minutes = int(length.total_seconds()) // 60
    if minutes >= 48 * 60:
        return f"{minutes // (24 * 60)} days"
    parts = ((minutes // 60, "h"), (minutes % 60, "min"))
    return " ".join(f"{count} {unit}" for count, unit in parts if count)


def _promise_says(ticket: Ticket, event: Warned | Breached, policy: Policy) -> str:
    for target in policy.targets(ticket.severity, ticket.opened.terms):
        if target.metric is event.metric:
            return f" Promised: {with_clauses(target.source.says, target.source.clauses)}."
    return ""


def alerted(key: str, event: Alerted, to: str) -> RichText:
    """Says, for triage, how a person answered a direct message."""
    match event.act:
        case "call":
            return with_key(key, f"{event.by.name} will call the customer.")
        case "delegate":
            return with_key(key, f"{event.by.name} handed the direct message on to {to}.")
        case "snooze" if event.until:
            return with_key(key, f"{event.by.name} will be reminded ", When(event.until), ".")
        case _:
            return with_key(key, f"{event.by.name} has seen the direct message.")


def delegated(ticket: Ticket, event: Alerted) -> RichText:
    return with_key(ticket.key, f"{event.by.name} asks you to look after this ticket.")


def reminder(ticket: Ticket) -> RichText:
    return with_key(ticket.key, f"Reminder: this ticket is still {ticket.state}.")


def undelivered(key: str, taken_back: Event | None, event: Undelivered) -> RichText:
    """Says what could not be delivered, and which event no longer counts because of it."""
    match taken_back:
        case Answered():
            what = f"the {taken_back.kind} of {taken_back.by.name}"
        case Resolved():
            what = f"the resolution by {taken_back.by.name}"
        case SeverityChanged():
            what = f"the change of severity by {taken_back.by.name}"
        case Held():
            what = f"the hold by {taken_back.by.name}"
        case DueDateSet():
            what = f"the due date set by {taken_back.by.name}"
        case Extended():
            what = f"the extra time granted by {taken_back.by.name}"
        case _:
            return with_key(
                key, Strong("Not delivered: "), f"{_message_name(key, event.message)} ({event.reason})."
            )
    return with_key(
        key,
        Strong("Not delivered: "),
        f"{what} could not be shown to the customer ({event.reason}), so it does not count. "
        "Please reach them another way.",
    )


def _message_name(key: str, message: str) -> str:
    """A message in words, by the last part of its key."""
    what = message.removeprefix(f"{key}/")
    if what == "customer":
        return "the ticket's card in the customer's channel"
    if "/dm/" in what:
        return f"a direct message to {what.rpartition('/dm/')[2]}"
    return "a message in the customer's thread"
