"""Sentences about what happened to a ticket. Those of special subjects stand in the modules beside it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from bot.model.address import Location
from bot.model.views import Link, Part, Quote, RichText, Strong, When
from bot.notify import emergency_texts
from bot.notify.cards import METRIC_NAMES, duration, owner_text, severity_text, without_full_stop
from bot.text import in_sentence
from sla_core.engine import promises, targets_of
from sla_core.events import (
    FRONTLINE,
    Alerted,
    Answered,
    Breached,
    Closed,
    Corrected,
    CustomerWrote,
    DueDateSet,
    Escalated,
    Event,
    Extended,
    Held,
    Kind,
    Opened,
    Paged,
    Reopened,
    Resolved,
    SeverityChanged,
    Taken,
    Undelivered,
    Warned,
    Who,
)
from sla_core.paging import DELEGATED, SNOOZED, escalation_of
from sla_core.policy import Metric, Policy, Step, amount_text
from sla_core.ticket import Ticket

IS_IT_SOLVED = "If that fixed it, press Close on the card. If you still need help, press Reopen."
"""For the customer, after the text of a resolution."""
_ADDRESS = re.compile(r"https?://[^\s<>|\"“”]+")
MOST_LINKS, LONGEST_LINK = 5, 60
_TAKE_IT = "The first to read this, please press Acknowledge or Take it on the ticket's card."
LATE_FROM = timedelta(minutes=1)
"""From this delay on, a warning or a breach says how late it is."""
_MEETS = {
    Metric.FIRST_RESPONSE: "Reply",
    Metric.ASSIGNMENT: "Take it or Assign",
    Metric.NEXT_UPDATE: "Update",
    Metric.RESOLUTION: "Resolve",
    Metric.DUE_DATE: "Resolve",
}
"""The button of the agents' card that keeps a promise."""
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
            said = emergency_texts.milestone(event, without_full_stop(says))
            urgent = emergency_texts.why_urgent(event, policy)
            return with_key(key, Strong(event.text), f" ({event.by.name}): {said}", *urgent)
        case Kind.UPDATE:
            return with_key(key, f"Update from {event.by.name}:", Quote(event.text), *links(event.text))
        case Kind.REPLY:
            return with_key(key, f"{event.by.name} replied:", Quote(event.text), *links(event.text))
        case Kind.MESSAGE:
            return with_key(key, f"{event.by.name} wrote in the customer's thread:", *_sent(event))


def links(text: str) -> Iterator[Part]:
    """The addresses in an agent's words, to press: a quotation shows them as plain text."""
    found = list(dict.fromkeys(url.rstrip(".,;:!?)]}'\"") for url in _ADDRESS.findall(text)))[:MOST_LINKS]
    for url in found:
        yield "Links: " if url == found[0] else " · "
        yield Link(url, url if len(url) <= LONGEST_LINK else f"{url[: LONGEST_LINK - 1]}…")


def new_ticket(ticket: Ticket, account: str, policy: Policy) -> RichText:
    """To agents, below a new card: a card notifies nobody."""
    return with_key(ticket.key, f"New ticket from {account}, {severity_text(ticket, policy)}.")


def customer_wrote(key: str, event: CustomerWrote) -> RichText:
    return with_key(key, f"{event.by.name} wrote:", *_sent(event))


def _sent(event: Answered | CustomerWrote) -> Iterable[Part]:
    """The text, and a link to each file; only the file's name if its address is unknown."""
    if event.text.strip():
        yield Quote(event.text)
    yield from files(event)


def files(event: Opened | Answered | CustomerWrote) -> Iterable[Part]:
    """The names of its files, with links where their addresses are known."""
    if not event.files:
        return
    yield f" ({'file' if len(event.files) == 1 else 'files'}: "
    for number, file in enumerate(event.files):
        yield from (", ",) if number else ()
        yield Link(file.url, file.name) if file.url else file.name
    yield ")"


def attached_files(key: str, event: Opened) -> RichText:
    """Lists the files that came with the opening of a ticket."""
    return with_key(key, f"{event.by.name} attached", *files(event))


def corrected(key: str, event: Corrected) -> RichText:
    """Says what a message reads now. Platforms do not tell who deleted one, so the text does not either."""
    if event.text is None:
        return with_key(key, f"A message by {event.by.name} was deleted.")
    if not event.text:
        return with_key(key, f"{event.by.name} removed the text of a message.")
    return with_key(key, f"{event.by.name} edited a message. It now says:", Quote(event.text))


def details_added(key: str, event: CustomerWrote) -> RichText:
    return with_key(key, f"{event.by.name} added details:", *_sent(event))


def severity_changed(ticket: Ticket, before: str, event: SeverityChanged, policy: Policy) -> RichText:
    """Says how the severity changed, why, and what is promised now."""
    severity = policy.severities[event.severity]
    now = f"{severity.shown} ({severity.name_beside})" if severity.name_beside else severity.shown
    if ticket.downgraded_from is not None:
        how = f"{event.by.name} put a workaround in place, so this is {now} and no longer"
        how += f" {policy.shown(before)}:"
    else:
        how = f"{event.by.name} changed the severity from {policy.shown(before)} to {now}:"
    return with_key(ticket.key, how, Quote(event.reason), *promised(ticket, policy, event.at))


def no_promise(policy: Policy) -> str:
    return f"{policy.name} promises no response time for this severity."


def promised(ticket: Ticket, policy: Policy, now: datetime) -> Iterable[Part]:
    """When each promise is due. One that is overdue at `now` was breached before."""
    running = [promise for promise in promises(ticket, policy) if not promise.settled]
    if not promises(ticket, policy):
        yield no_promise(policy)
    for promise in running:
        name = METRIC_NAMES[promise.metric]
        if promise.due_at is None:
            yield f"{name} is paused while the ticket is on hold. "
            continue
        if promise.due_at < now:
            yield from (f"{name} is overdue: it was due ", When(promise.due_at), ". ")
            continue
        yield f"{name} is due "
        yield When(promise.due_at)
        yield ", counted from this change. " if promise.rebased else ". "


def due_date_set(key: str, event: DueDateSet) -> RichText:
    return with_key(key, f"{event.by.name} set a due date: we will resolve this by ", When(event.due_at), ".")


def extended(ticket: Ticket, event: Extended, policy: Policy) -> RichText:
    """Says what extra time was granted, why, and the new deadline."""
    offered = (e for t in targets_of(ticket, policy, ticket.severity) for e in t.extensions)
    granted = next((e for e in offered if e.id == event.extension), None)
    reason = f"{granted.label}: {granted.extra} more. " if granted else ""
    return with_key(
        ticket.key, f"{event.by.name} extended the time. {reason}", *promised(ticket, policy, event.at)
    )


def held(key: str, event: Held) -> RichText:
    return with_key(key, f"{event.by.name} put this ticket on hold:", Quote(event.reason))


def how_a_hold_ends(ticket: Ticket, policy: Policy) -> str:
    """For the customer, after the text of a hold."""
    paused = "Its deadlines are paused until you reply here." if _has_deadlines(ticket, policy) else ""
    return f"{paused or 'Please reply here.'} If you disagree with the hold, say so in your reply."


def resumed(ticket: Ticket, policy: Policy, by: Who) -> RichText:
    running = " The deadlines are running again." if _has_deadlines(ticket, policy) else ""
    return with_key(ticket.key, f"{by.name} ended the hold.{running}")


def _has_deadlines(ticket: Ticket, policy: Policy) -> bool:
    """Whether a promise is still to be kept."""
    return any(not promise.settled for promise in promises(ticket, policy))


def escalated(key: str, event: Escalated) -> RichText:
    how = "" if event.tell_customer else " internally"
    return with_key(key, f"{event.by.name} escalated this ticket{how}:", Quote(event.reason))


def who_is_alerted(people: Sequence[str]) -> RichText:
    """For the customer, after the text of an escalation; empty if nobody is alerted."""
    return (f"{_named(people)} been alerted.",) if people else ()


def step_waits(key: str, step: Step, at: datetime) -> RichText:
    """Says that an escalation pages nobody before the hours of its step begin."""
    return with_key(key, f"{step.name} is outside its hours. We will page it ", When(at), ".")


def passed_over(key: str, empty: Sequence[Step], after: Step | None) -> RichText:
    """Says which steps have nobody on call, and which step comes `after` them; None: the last resort."""
    whom = " and ".join(in_sentence(step.name) for step in empty)
    then = f"{after.name} is" if after else "Leadership and the account manager are"
    return with_key(key, f"Nobody is on call for {whom}. {then} next.")


def call_cancelled(key: str, step: Step, event: Event, policy: Policy) -> RichText:
    has_ended = isinstance(event, Resolved | Closed)
    why = who_has_it(event, policy) if has_ended else f"{event.by.name} has answered."
    return with_key(key, f"{step.name} will not be paged: {why}")


def nobody_further(key: str) -> RichText:
    """Says why an agent's escalation pages nobody."""
    return with_key(key, "Nobody else was paged: the escalation policy has no more steps.")


def nobody_to_page(key: str, paged_before: bool) -> RichText:
    """Says that a chain of pages has nobody left."""
    if paged_before:
        return with_key(key, f"Nobody has answered, and nobody is left to page. {_TAKE_IT}")
    return with_key(key, f"Nobody is on call, so nobody was paged. {_TAKE_IT}")


def page(
    ticket: Ticket, account: str, policy: Policy, event: Paged, before: str = "", after: Sequence[Part] = ()
) -> RichText:
    """A page: the reason of an escalation, what it is, for whom, since when, and by when it is due."""
    escalated = escalation_of(event, ticket)
    reason: Sequence[Part] = emergency_texts.who_left(ticket, event, asks=not after)
    if escalated is not None:
        reason = (f"{escalated.by.name} escalated this ticket:", Quote(escalated.reason))
    first = next((p for p in promises(ticket, policy) if not p.settled and p.due_at), None)
    due: tuple[Part, ...] = ()
    if first is not None and first.due_at is not None and first.due_at >= event.at:
        due = (f"; {METRIC_NAMES[first.metric].lower()} is due ", When(first.due_at))
    return with_key(
        ticket.key,
        *((before,) if before else ()),
        *reason,
        Strong(f"{policy.shown(ticket.severity)} for {account}"),
        f": {ticket.opened.summary}. Reported ",
        When(ticket.opened.at),
        *due,
        ". " if after else ".",
        *after,
    )


def why_paged(event: Paged, policy: Policy, again: str = "") -> str:
    """What a page begins with where it is not the first step's first: for the person who is paged."""
    if event.chain == DELEGATED:
        return f"{event.by.name} asks you to take over. "
    if event.chain == SNOOZED:
        return "Your snooze is over, and nobody has acknowledged the page yet. "
    if event.step == len(policy.steps):
        return "Nobody has acknowledged a page yet. "
    return f"You are paged{again}. " if again else ""


def paged_again(number: int, most: int | None) -> str:
    """` again (2 of 3)` for the second of three pages; ` again` if they never end; empty for the first."""
    if number < 2:
        return ""
    return f" again ({number} of {most})" if most else " again"


def was_paged(event: Paged, policy: Policy, person: Part, again: str = "") -> Sequence[Part]:
    """What a page in triage ends with: who was paged, as whom, and whether `paged_again`."""
    if event.chain == DELEGATED:
        return (f"{event.by.name} asked ", person, " to take over.")
    if emergency_texts.is_handover(event):
        return emergency_texts.who_is_asked(person, again)
    if 0 < event.step < len(policy.steps):
        return (f"Paged {in_sentence(policy.steps[event.step].name)}{again}: ", person, ".")
    return (f"Paged{again}: ", person, ".")


def who_has_it(event: Event, policy: Policy) -> str:
    """What a page says at its end once it needs no answer any more."""
    name = event.owner.name if isinstance(event, Taken) else event.by.name
    match event:
        case Alerted(act="call"):
            return f"{name} will call the customer."
        case Resolved():
            return f"{name} resolved this ticket."
        case Closed():
            return f"{name} closed this ticket."
        case SeverityChanged():
            return f"{name} changed the severity to {policy.shown(event.severity)}, so nobody else is paged."
        case _:
            return f"{name} has this ticket."


def first_contact(key: str, contact: str, people: Sequence[Part]) -> RichText:
    """Names the customer's first contact."""
    return with_key(key, f"The customer's {in_sentence(contact)}: ", *people)


def resolved(key: str, event: Resolved) -> RichText:
    return with_key(key, f"{event.by.name} resolved this ticket:", Quote(event.text))


def closed(key: str, by: Who) -> RichText:
    """Says who closed it; for the desk itself, also why."""
    why = ", because nobody wrote after it was resolved" if by == FRONTLINE else ""
    return with_key(key, f"{by.name} closed this ticket{why}.")


def reopened(ticket: Ticket, policy: Policy, event: Reopened) -> RichText:
    running = " Its deadlines are running again." if _has_deadlines(ticket, policy) else ""
    return with_key(ticket.key, f"{event.by.name} reopened this ticket.{running}")


def what_to_do(event: Warned) -> str:
    """To the agent who is to act on a warning; empty if no button alone keeps the promise."""
    button = _MEETS.get(event.metric)
    return f" Please press {button} on the ticket's card." if button else ""


def warned(ticket: Ticket, event: Warned, policy: Policy, advice: str = "") -> RichText:
    """Says what is due when, what to do about it, and how late this is said if it is late."""
    running = (promise.warn_at for promise in promises(ticket, policy) if promise.promise_id == event.run)
    return with_key(
        ticket.key,
        Strong(f"Warning: {METRIC_NAMES[event.metric].lower()} is due "),
        When(event.due_at),
        f".{advice}{_lateness(ticket, event, next(running, None))}",
    )


def breached(
    ticket: Ticket, event: Breached, policy: Policy, alerted: Sequence[str], then: str = ""
) -> RichText:
    """Says what we missed, who has been alerted (by name), what they do `then`, and what is due next.

    Says how late this is said if it is late.
    """
    who = f" {_named(alerted)} been alerted.{then}" if alerted else ""
    return with_key(
        ticket.key,
        Strong(f"We missed the {_missed(ticket, event, policy)}"),
        ", due ",
        When(event.due_at),
        f".{who}",
        *_due_after(ticket, event, policy),
        _lateness(ticket, event, event.due_at),
    )


def _missed(ticket: Ticket, event: Breached, policy: Policy) -> str:
    """`1-hour first response`, `3-business-day resolution`, `hourly update`; else only `due date`."""
    name = METRIC_NAMES[event.metric].lower()
    targets = targets_of(ticket, policy, ticket.severity)
    limit = next((target.limit for target in targets if target.metric is event.metric), None)
    if limit is None:
        return name
    if event.metric is Metric.NEXT_UPDATE:
        hourly = limit == timedelta(hours=1)
        return "hourly update" if hourly else f"update promised every {amount_text(limit)}"
    if not isinstance(limit, timedelta):
        return f"{str(limit).removesuffix('s').replace(' ', '-')} {name}"
    minutes = int(limit / timedelta(minutes=1))
    return f"{minutes // 60}-hour {name}" if minutes % 60 == 0 else f"{minutes}-minute {name}"


def _named(people: Sequence[str]) -> str:
    """`Bob has`, `The on-call agent and Dana have`."""
    *before, last = people
    names = f"{', '.join(before)} and {last} have" if before else f"{last} has"
    return f"{names[0].upper()}{names[1:]}"


def _due_after(ticket: Ticket, event: Breached, policy: Policy) -> Iterable[Part]:
    """The next promise that is still to be kept, if there is one."""
    ahead = [p for p in promises(ticket, policy) if not p.settled and p.due_at and p.due_at > event.at]
    due = min(ahead, key=lambda promise: promise.due_at or event.at, default=None)
    if due is not None and due.due_at is not None:
        yield f" The {METRIC_NAMES[due.metric].lower()} is due "
        yield When(due.due_at)
        yield "."


def where_the_card_is(key: str, location: Location) -> RichText:
    """A link to a ticket's card, for the end of a message elsewhere; else the name of its channel."""
    if location.url:
        return " ", Link(location.url, f"Open {key}")
    return (f" Its card is in {location.channel}.",) if location.channel else ()


def where_the_thread_is(location: Location) -> RichText:
    """Where the customer reads and writes, for the agents' card."""
    if location.url:
        return (Link(location.url, "Open the customer's thread"),)
    return (f"The customer's thread is in {location.channel}.",) if location.channel else ()


def opened_in(key: str, channel: Part) -> RichText:
    """To whoever opened a ticket from elsewhere."""
    return f"{key} was opened in ", channel, "."


def asked(key: str) -> RichText:
    """To the thread that a ticket was asked from."""
    return with_key(key, "was opened from this message. We will answer in that ticket's thread.")


def ticket_in_short(ticket: Ticket, account: str, policy: Policy) -> RichText:
    """Describes the ticket for a reader who does not see its card."""
    owner, seen_by = ticket.owner, ticket.acknowledged_by
    owned = owner_text(owner.name if owner else "", seen_by.name if seen_by else "")
    return (
        f" {account}, {policy.shown(ticket.severity)}:",
        Quote(ticket.opened.summary),
        f"Owner: {owned}.",
    )


def _lateness(ticket: Ticket, event: Warned | Breached, fell_due_at: datetime | None) -> str:
    """Says how late a warning or breach is said, and why; empty if it is in time."""
    late = event.at - fell_due_at if fell_due_at else timedelta(0)
    if late < LATE_FROM:
        return ""
    sent = f" Sent {duration(late)} late"
    if any(isinstance(each, Undelivered) and each.at == event.at for each in ticket.history):
        return f"{sent}: an answer that seemed to be in time was never delivered."
    return f"{sent} because Frontline was down." if late >= DOWN_FROM else f"{sent}."


def alerted(key: str, event: Alerted, to: str) -> RichText:
    """Says, for triage, how a person answered a direct message."""
    what = "page" if event.page else "alert"
    match event.act:
        case "call":
            return with_key(key, f"{event.by.name} will call the customer.")
        case "delegate":
            return with_key(key, f"{event.by.name} asked {to} to take over this ticket.")
        case "snooze" if event.until:
            why: tuple[Part, ...] = (":", Quote(event.reason)) if event.reason else (".",)
            return with_key(key, f"{event.by.name} snoozed the {what} until ", When(event.until), *why)
        case _:
            return with_key(key, f"{event.by.name} acknowledged the {what}.")


def delegated(ticket: Ticket, event: Alerted) -> RichText:
    return with_key(ticket.key, f"{event.by.name} asked you to take over this ticket.")
