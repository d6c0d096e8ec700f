"""Records that a platform accepted a page, so that a text may say that somebody was paged."""

from __future__ import annotations

import structlog

from bot.desk.desk import Desk
from bot.fault_log import log_fault
from bot.notify.pages import page_of
from bot.ports import Message, StoreUnavailable

log = structlog.get_logger(__name__)


async def record(desk: Desk, message: Message) -> None:
    """Records it if the message is a page, before the message is stored as sent.

    A crash in between repeats both. Raises StoreUnavailable.
    """
    seq = page_of(message, desk.directory.settings.people)
    if message.ticket is None or seq is None:
        return
    try:
        await desk.record_accepted_page(message.ticket, seq)
    except StoreUnavailable:
        raise
    except Exception:  # the page must still not be sent again
        log_fault(log, "could not record that a page arrived", message=message.key)
