"""Sentences about silence: the draft of an update, its offer to an agent, and what a missed update means.

Also what breaks a silence outside business hours: who was paged, and the courtesy updates.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from bot.model.views import Part, Quote, RichText, Strong, When
from bot.notify import history, texts
from bot.notify.cards import METRIC_NAMES
from bot.notify.texts import promised, with_key
from bot.text import named_time, one_line
from sla_core.engine import next_courtesy_at, promises
from sla_core.events import Answered, Breached, Event, Kind, LastWarned, Undelivered, Warned
from sla_core.policy import Metric, Policy, amount_text
from sla_core.ticket import Ticket, evolve, fold

CUSTOMER = "you"
"""The `reader` of a text that the customer reads."""
QUOTED = 300
"""How many characters of the last words a draft repeats."""


def draft(ticket: Ticket, policy: Policy) -> str:
    """An update that says only what has happened by the end of the ticket's history.

    It repeats the last words to the customer, but not an earlier draft that was sent as it was.
    """
    undone = {event.seq for event in ticket.history if isinstance(event, Undelivered)}
    then, words, written = fold(ticket.key, ticket.history[:1]), None, ""
    for seq, event in enumerate(ticket.history[1:], start=2):
        if seq in undone:
            continue
        then = evolve(then, event)
        if isinstance(event, Warned) and event.metric is Metric.NEXT_UPDATE:
            written = "\n".join(_lines(then, words, policy))
        elif isinstance(event, Answered) and event.kind is not Kind.MILESTONE and event.text.strip():
            words = words if event.text == written else event
    return "\n".join(_lines(then, words, policy))


def _lines(ticket: Ticket, words: Answered | None, policy: Policy) -> Iterator[str]:
    if ticket.owner is not None:
        yield "We are still working on this."
    else:
        seen = ticket.acknowledged_by
        yield f"{seen.name} has seen your report." if seen else "We have your report."
        yield "There is no news yet."
    zone = policy.zone(ticket.opened.plan)
    if words is not None:
        said = one_line(words.text)
        said = said if len(said) <= QUOTED else f"{said[:QUOTED].rstrip()} …"
        yield f"Last message from {words.by.name}, {named_time(words.at, zone)}: “{said}”"
    if ticket.milestones:
        yield f"Milestones so far: {', '.join(ticket.milestones)}."
    for promise in promises(ticket, policy):
        if promise.metric is Metric.NEXT_UPDATE and not promise.settled:
            of_ours = "" if promise.calendar.always_open else " of our support hours"
            yield f"Next update: within {amount_text(promise.limit)}{of_ours}."


def offer(ticket: Ticket, event: Warned, account: str, text: str, policy: Policy) -> RichText:
    """Offers a draft to the agent who is to write next."""
    return with_key(
        ticket.key,
        Strong(f"{policy.shown(ticket.severity)} for {account}"),
        f": {ticket.opened.summary}. {METRIC_NAMES[event.metric]} is due ",
        When(event.due_at),
        *silence(ticket, "the customer"),
        " Press Send to post this draft as it is, or Update to edit it first:",
        Quote(text),
    )


def silence(ticket: Ticket, reader: str) -> RichText:
    """Continues a sentence: since when nobody has written to `reader`."""
    since: datetime | None = ticket.last_update_at
    if since is None:
        return (f". Nobody has written to {reader} yet.",)
    return (f". Nobody has written to {reader} since ", When(since), ".")


def last_warning(ticket: Ticket, event: LastWarned) -> RichText:
    """To the TAM, before a silence clock is missed."""
    return with_key(
        ticket.key,
        Strong(f"Warning: {METRIC_NAMES[event.metric].lower()} is due "),
        When(event.due_at),
        *silence(ticket, "the customer"),
    )


def breached(
    ticket: Ticket, event: Breached, policy: Policy, reader: str, alerted: Sequence[str]
) -> RichText:
    """What was missed; of an update, also since when nobody has written to `reader`.

    `alerted` names people as the reader knows them.
    """
    does = "answer you" if event.metric is Metric.FIRST_RESPONSE else "write to you"
    then = f" They will {does} here." if reader == CUSTOMER else ""
    said = texts.breached(ticket, event, policy, alerted, then)
    return (*said, *_missed_in_a_row(ticket, reader)) if event.metric is Metric.NEXT_UPDATE else said


def _missed_in_a_row(ticket: Ticket, reader: str) -> RichText:
    """After the text of a missed update: since when it is silent, and how many were missed before it."""
    count = ticket.missed_updates
    row = (f" We have now missed {count} updates in a row.",) if count > 1 else ()
    _, *rest = silence(ticket, reader)
    begin = " Nobody has written to " + (f"{reader} since " if rest else f"{reader} yet.")
    return (begin, *rest, *row)


def draft_ends(event: Event, policy: Policy) -> str:
    """What a draft says at its end once it needs no answer any more."""
    if isinstance(event, Warned):
        return "There is a newer draft."
    return f"{history.line(event, policy)}."


def draft_over(key: str, event: Event, policy: Policy) -> str:
    """The answer to Send on a draft that is out of date."""
    return f"{key}: this draft was not sent. {draft_ends(event, policy)}"


def paged_off_hours(ticket: Ticket, person: str, policy: Policy, now: datetime) -> RichText:
    """Says who has been paged although no promised time counts yet, from when it counts, and what follows."""
    courtesy, follows_at = policy.severities[ticket.severity].courtesy, _follows_at(ticket, policy, now)
    then: tuple[Part, ...] = ()
    if courtesy is not None and follows_at is not None:
        every = "hour" if courtesy.every == timedelta(hours=1) else amount_text(courtesy.every)
        until = f"Until our support hours begin, we will write here every {every}, the next time by "
        then = (until, When(follows_at), ".")
    return with_key(
        ticket.key,
        f"{person} has been paged, although it is outside our support hours. ",
        *_counts_from(ticket, policy, now),
        *promised(ticket, policy, now),
        *then,
    )


def courtesy(ticket: Ticket, who: str, policy: Policy, now: datetime) -> RichText:
    """A courtesy update: `who` has it or was paged, what is due when, and when the next one follows."""
    follows_at = _follows_at(ticket, policy, now)
    then: tuple[Part, ...] = ("We will write here again by ", When(follows_at or now), ".")
    if follows_at is None:
        then = ("This is our last regular message before our support hours begin.",)
    return with_key(
        ticket.key,
        f"{who} ",
        *_counts_from(ticket, policy, now),
        *promised(ticket, policy, now),
        *then,
    )


def who_was_paged(people: Sequence[str], goes_on: bool) -> str:
    """For the customer: who got a page and has not answered it, and whether we page again."""
    if not people:
        return "We are paging our team." if goes_on else "Nobody on our team has answered yet."
    *before, last = people
    have = "have" if before else "has"
    named = f"{', '.join(before)} and {last}" if before else last
    more = "; we are still trying to reach our team" if goes_on else ""
    return f"{named} {have} been paged and {have} not answered yet{more}."


def _follows_at(ticket: Ticket, policy: Policy, now: datetime) -> datetime | None:
    running = [promise for promise in promises(ticket, policy) if not promise.settled]
    return next_courtesy_at(ticket, policy, running, now)


def _counts_from(ticket: Ticket, policy: Policy, now: datetime) -> RichText:
    """From when the time of the promises counts that can still be kept; empty if it counts already."""
    opens = [
        promise.calendar.next_opening(now)
        for promise in promises(ticket, policy)
        if not (promise.settled or promise.calendar.is_open(now))
        and (promise.due_at is None or promise.due_at >= now)
    ]
    return (
        ("Our response times count from ", When(min(opens)), ", when our support hours begin. ")
        if opens
        else ()
    )
