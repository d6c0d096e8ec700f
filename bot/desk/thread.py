"""A ticket's thread: what becomes of messages after they were written."""

from __future__ import annotations

from bot.desk.core import Desk
from bot.exchange import Answer, Done, Revised


async def revised(desk: Desk, act: Revised) -> Answer:
    return Done()
