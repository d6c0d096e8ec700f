"""The life of customers' channels: joined, left, archived, shared, moved."""

from __future__ import annotations

from bot.desk.core import Desk
from bot.exchange import Answer, ChannelTurned, Done


async def turned(desk: Desk, act: ChannelTurned) -> Answer:
    return Done()
