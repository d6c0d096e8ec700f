"""What follows once a ticket's message is posted. Errors are only logged: nothing is lost by them."""

from __future__ import annotations

from datetime import datetime

import structlog

from bot.desk import help_position
from bot.desk.desk import Desk
from bot.model.address import Place
from bot.model.views import Audience, View
from bot.ports import Card, Outgoing

log = structlog.get_logger(__name__)


async def on_sent(desk: Desk, outgoing: Outgoing, view: View | None, now: datetime) -> None:
    """Links the two cards of a ticket, and counts a new card as standing below `Get help`."""
    message = outgoing.message
    try:
        await desk.link_cards(message, view)
        if message.edits is None and message.content == Card(Audience.CUSTOMER):
            assert isinstance(message.to, Place)
            await help_position.on_message(desk, message.to, message.key)
    except Exception:
        log.exception("could not link or count a ticket's card", message=message.key)
