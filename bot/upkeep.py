"""Lets go of what can no longer matter, a little at a time, so that nobody waits for it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from bot.ports import Clock

log = structlog.get_logger(__name__)

EVERY = timedelta(hours=1)
KIND = "upkeep"
"""Of its timer."""
AT_A_TIME = 100
BREATH = timedelta(milliseconds=100)
"""Between two handfuls: whoever writes goes first."""
ACTS = timedelta(days=30)
"""How long an act is known by its envelope. Platforms deliver again for hours, and never for days."""
ENDLESS = {
    "carried": timedelta(days=30),
    "channel-turn": timedelta(days=30),
    "draft": timedelta(days=1),
    "interview": timedelta(days=1),
    "offer": timedelta(days=30),
    "slack-install-used": timedelta(days=1),
    "slack-renewal": timedelta(days=1),
}
"""Topics whose values the version before stores without an end, and how long these stay from now on."""


class Shelf(Protocol):
    """A store that lets go of what is old. Instants are real time; each verb is one short transaction."""

    async def forget_acts(self, before: datetime, limit: int) -> int:
        """Let go of envelopes of acts done before then, oldest first; how many these were."""
        ...

    async def forget_expired(self, now: datetime, limit: int) -> int:
        """Delete values and locks that have expired, oldest first; how many these were."""
        ...

    async def let_expire(self, topic: str, expires_at: datetime, limit: int) -> int:
        """Values of the topic that have no end expire then; how many these were."""
        ...


@dataclass
class Upkeep:
    """`clock` is real time."""

    shelf: Shelf
    clock: Clock

    async def do(self) -> timedelta:
        """Deletes one batch of what is old. Returns after how long there is more to do."""
        return BREATH if await self.look() else EVERY

    async def look(self) -> int:
        """Deletes at most `AT_A_TIME` of each; how many rows were deleted, or given an end."""
        now = self.clock.now()
        acts = await self.shelf.forget_acts(now - ACTS, AT_A_TIME)
        ended = 0
        for topic, life in ENDLESS.items():
            ended += await self.shelf.let_expire(topic, now + life, AT_A_TIME)
        expired = await self.shelf.forget_expired(now, AT_A_TIME)
        if acts or expired:
            log.info("upkeep", acts=acts, expired=expired)
        return acts + ended + expired
