"""What a monitoring system reports on the ticket that its alarm opened, in words for agents."""

from __future__ import annotations

from bot.config.alerts import is_monitoring
from bot.model.views import Quote, RichText
from bot.notify.texts import with_key
from sla_core.events import CustomerWrote

FIRING, AGAIN, RESOLVED = "Firing: ", "Firing again: ", "Resolved at "
"""What a report begins with: other content, the alarm after it was resolved, its end."""


def fires_again(event: CustomerWrote) -> bool:
    """Whether somebody has to look: the alarm was over, and its ticket is still open."""
    return is_monitoring(event.by) and event.text.startswith(AGAIN)


def report(key: str, event: CustomerWrote) -> RichText:
    return with_key(key, f"{event.by.name}:", Quote(event.text))
