"""The app's own page: an agent's queue, a TAM's accounts, a customer's tickets."""

from __future__ import annotations

from bot.desk.core import Desk
from bot.exchange import Answer, Done, HomeOpened


async def opened(desk: Desk, act: HomeOpened) -> Answer:
    return Done()
