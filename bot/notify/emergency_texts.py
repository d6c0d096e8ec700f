"""What people read about disabled services, mitigations, code freezes, peak seasons and first contacts.

The texts of messages come after the ticket's key.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta

from bot.config.directory import Directory, back_on
from bot.config.settings import Account
from bot.model.views import Part, Quote, RichText, Strong
from bot.text import in_sentence
from sla_core.events import (
    Alerted,
    Answered,
    Event,
    Handover,
    Held,
    Paged,
    ServicesDisabled,
    ServicesEnabled,
    Taken,
)
from sla_core.paging import HANDOVER, handover_of
from sla_core.policy import FirstContact, Policy
from sla_core.ticket import State, Ticket

FIX_DEPLOYED = "Fix deployed"


def day_text(day: date) -> str:
    """`Mon 7 Dec 2026`."""
    return f"{day:%a} {day.day} {day:%b %Y}"


def last_day(end: date) -> str:
    """The last day of a freeze, of which `end` is the first day afterwards."""
    return day_text(end - timedelta(days=1))


def services_disabled(event: ServicesDisabled) -> RichText:
    """For the customer."""
    return (
        f"{event.by.name} has switched our services off for you for now:",
        Quote(event.reason),
        "We will tell you here when they are on again.",
    )


def services_disabled_for_us(event: ServicesDisabled) -> RichText:
    """For triage and the TAM."""
    return f"{event.by.name} disabled the customer's services:", Quote(event.reason)


def services_enabled(event: ServicesEnabled) -> RichText:
    """For the customer."""
    return f"{event.by.name} has switched our services on for you again:", Quote(event.reason)


def services_enabled_for_us(event: ServicesEnabled) -> RichText:
    """For triage and the TAM."""
    return f"{event.by.name} enabled the customer's services again:", Quote(event.reason)


def milestone(event: Answered, says: str) -> str:
    """What the customer reads of a milestone. `says` is the policy's sentence, without its full stop.

    A fix that waits for the end of a code freeze is not being deployed, so it gets a sentence of its own.
    """
    if event.deploys_on is not None:
        when = day_text(event.deploys_on)
        return f"We have a fix. Our code freeze allows only urgent ones, so we will deploy it on {when}."
    return f"{says}."


def why_urgent(event: Answered, policy: Policy) -> RichText:
    """Why a fix is deployed during a code freeze; empty if its severity is reason enough."""
    if not event.urgent or event.urgent in policy.severities:
        return ()
    return " It is urgent, so we are deploying it during our code freeze:", Quote(event.urgent)


def mitigation_done(event: Answered) -> RichText:
    """For triage: which mitigation an update tells of, and which ones it comes before."""
    if not event.mitigation:
        return ()
    were = "it was" if len(event.skipped) == 1 else "they were"
    asked = f" The policy asks for {' and '.join(event.skipped)} first; {were} not recorded as done."
    skipped = asked if event.skipped else ""
    return (f"Mitigation: {event.mitigation}.{skipped}",)


def opened_for_contact(contact: FirstContact | None, stands_in: bool) -> str:
    """To the customer's first contact, or to the person who stands in for them, as a ticket is opened."""
    role = in_sentence(contact.name) if contact else "first contact"
    you = "You stand in for" if stands_in else "You are"
    return f"A new ticket was opened. {you} the customer's {role}, so they may turn to you first."


def contact_on_card(ticket: Ticket, policy: Policy, directory: Directory, now: datetime) -> RichText:
    """For the customer's card: their first contact, or the backup meanwhile, and how to reach them.

    Nobody is mentioned: a card that is posted would notify them. Empty if the plan has no first contact.
    """
    plan = policy.plans[ticket.opened.plan]
    account = directory.settings.accounts.get(ticket.opened.account)
    contact = directory.first_contact(account, plan.id, policy)
    if plan.first_contact is None or account is None or contact is None:
        return ()
    begins = f"Your {in_sentence(plan.first_contact.name)}: "
    present = directory.present_contact(account, now)
    if present is None:
        return begins, contact.name, *away_note(directory, account, now)
    email = f", {present.email}" if present.email else ""
    return begins, f"{present.name}{email}", *away_note(directory, account, now)


def away_note(directory: Directory, account: Account, now: datetime) -> RichText:
    """What follows the name of the first contact or of who stands in; empty while the contact is there."""
    contact = directory.tam(account)
    if contact is None or not directory.is_away(contact, now):
        return ()
    whose = f"{contact.name} is away" if directory.present_contact(account, now) else "away"
    return (f" ({whose} until {day_text(back_on(contact, directory.away[contact.id]))})",)


def facts(ticket: Ticket) -> Iterator[tuple[str, str]]:
    """What both cards show: disabled services, and a fix that waits for the end of a freeze."""
    if ticket.services_disabled:
        why = ticket.services_disabled
        yield "Services", f"disabled by {why.by.name}: “{why.reason.strip()}”"
    if ticket.deploys_on and ticket.state is State.OPEN and FIX_DEPLOYED not in ticket.milestones:
        yield "Fix", f"to be deployed on {day_text(ticket.deploys_on)}, after the code freeze"


def freeze_fact(ticket: Ticket, policy: Policy, now: datetime) -> Iterator[tuple[str, str]]:
    """For agents, on a ticket that is not urgent by itself."""
    frozen = policy.freeze_at(now) if ticket.state is State.OPEN else None
    if frozen and ticket.severity not in frozen[0].urgent:
        yield "Code freeze", f"through {last_day(frozen[1])}, only urgent fixes are deployed"


def freeze_form(end: date) -> str:
    """What the form of a fix says that is not urgent by itself."""
    return (
        f"There is a code freeze through {last_day(end)}: only urgent fixes are deployed. Say why this one "
        "is urgent, or on which day after the freeze it will be deployed."
    )


def history(event: Answered) -> str:
    """What a line of history adds about a code freeze or a mitigation; usually empty."""
    if event.mitigation:
        skipped = f", before {', '.join(event.skipped)}" if event.skipped else ""
        return f": {event.mitigation}{skipped}"
    if event.deploys_on:
        return f", to be deployed on {day_text(event.deploys_on)}"
    return f", urgent during the code freeze ({event.urgent})" if event.urgent else ""


def is_handover(event: Paged) -> bool:
    return event.chain.startswith(f"{HANDOVER}@")


def who_left(ticket: Ticket, event: Paged, asks: bool) -> Sequence[Part]:
    """Says whose turn has ended, and `asks` the reader to take over; empty if the page has another reason."""
    handover = handover_of(event, ticket)
    please = "Please take over. " if asks else ""
    return (f"{handover.owner.name} is off duty now. {please}",) if handover else ()


def who_is_asked(person: Part, again: str) -> Sequence[Part]:
    """What such a page in triage ends with. `again` follows the second and later ones."""
    return (*((f"Asked{again}: ",) if again else ()), person, ", please take over.")


def assigned(key: str, event: Taken, owner: Sequence[Part]) -> RichText:
    """To agents: who was made the owner by somebody else."""
    return (Strong(key), f" {event.by.name} assigned this ticket to ", *owner, ".")


def why_over(event: Event, ticket: Ticket) -> str | None:
    """What a page says at its end after the event; None if handovers have no words of their own for it."""
    match event:
        case Handover():
            return f"{event.owner.name} is on duty again."
        case Held():
            return f"{event.by.name} put this ticket on hold, so nobody is paged."
        case Alerted(act="acknowledge") if ticket.handover is not None:
            return (
                f"{event.by.name} acknowledged this page. {ticket.handover.owner.name} still owns the ticket."
            )
        case _:
            return None
