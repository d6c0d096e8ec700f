"""What pages say when a ticket needs somebody on duty and its owner's turn has ended."""

from __future__ import annotations

from collections.abc import Sequence

from bot.model.views import Part
from sla_core.events import Alerted, Event, Handover, Held, Paged
from sla_core.paging import HANDOVER, handover_of
from sla_core.ticket import Ticket


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
