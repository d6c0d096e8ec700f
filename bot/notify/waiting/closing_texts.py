"""Every sentence about the end of a ticket: reminders, the announcement that it closes, the rating."""

from __future__ import annotations

from bot.model.views import Button, Part, RichText, Strong, When
from bot.notify.history import rated
from sla_core.events import BEST_RATING, ClosingAnnounced
from sla_core.ticket import State, Ticket

RATE = "rate"
"""The action of the rating's buttons."""
HOW_WAS_IT = " How did we do? 1 is poor, 5 is very good."


def nudge(ticket: Ticket) -> RichText:
    """To a customer who has said nothing since a resolution or since we asked something."""
    if ticket.state is State.OPEN:
        return _with_key(ticket.key, "We are still waiting for your answer. Please reply here.")
    said = "This ticket was resolved, and we have not heard whether that fixed it. If it did, press Close on "
    return _with_key(ticket.key, f"{said}the card. If you still need help, press Reopen.")


def closing(key: str, event: ClosingAnnounced) -> RichText:
    """Announces that the ticket will be closed unless the customer says something."""
    return _with_key(
        key,
        "We will close this ticket ",
        When(event.closes_at),
        " unless you write here. If you still need help, press Reopen on the card.",
    )


def rating_in_words(rating: int | None) -> str:
    """Follows the text of a resolution while it can be rated."""
    return HOW_WAS_IT if rating is None else f" You rated this {rated(rating)}. You can still change it."


def final_rating(rating: int | None) -> str:
    """Follows the text of a resolution that can no longer be rated."""
    return "" if rating is None else f" Rated {rated(rating)}."


def rating_buttons(key: str) -> tuple[Button, ...]:
    return tuple(Button(RATE, str(number), f"{key}|{number}") for number in range(1, BEST_RATING + 1))


def _with_key(key: str, *parts: Part) -> RichText:
    return (Strong(key), " ", *parts)
