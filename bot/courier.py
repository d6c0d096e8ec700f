"""Delivers what was said: in each place one message at a time, until the platform has it or never will."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random

import structlog

from bot.address import MessageRef
from bot.bell import Bell
from bot.desk.core import Desk
from bot.ports import ChatPlatform, Clock, Message, Never, NotNow, Outgoing

log = structlog.get_logger(__name__)

AT_ONCE = 16
"""Messages on their way at the same time, each in another place."""
FIRST_PAUSE = 1.0
LONGEST_PAUSE = 300.0
"""Seconds between tries, doubling from the first to the longest, when the platform names no time itself."""


@dataclass
class Courier:
    """`clock` is real time: it measures what platforms ask us to wait."""

    desk: Desk
    clock: Clock
    bell: Bell
    random: Random = field(default_factory=Random)

    async def run(self) -> None:
        """Deliver for ever."""
        while True:
            if not await self.deliver():
                await self.bell.wait(self.clock, await self.desk.store.next_ready())

    async def deliver(self) -> int:
        """Send the next message of every place that may speak now; how many were tried."""
        heads = await self.desk.store.unsent(self.clock.now(), AT_ONCE)
        await asyncio.gather(*(self._send(outgoing) for outgoing in heads))
        return len(heads)

    async def _send(self, outgoing: Outgoing) -> None:
        message = outgoing.message
        platform = self.desk.platforms.get(message.to.platform)
        if platform is None:
            await self._give_up(message, f"{message.to.platform} is not connected")
            return
        try:
            ref = await self._speak(platform, outgoing)
        except NotNow as busy:
            until = self._again_at(outgoing.attempts, busy.after)
            log.warning("not delivered yet", message=message.key, why=str(busy), again_at=until.isoformat())
            await self.desk.store.park(message.key, until, str(busy))
        except Never as refusal:
            await self._give_up(message, str(refusal))
        else:
            await self.desk.store.sent(message.key, ref)

    async def _speak(self, platform: ChatPlatform, outgoing: Outgoing) -> MessageRef:
        view = await self.desk.draw(outgoing.message)
        if outgoing.edits is not None:
            await platform.update(outgoing.edits, view)
            return outgoing.edits
        return await platform.post(outgoing.message.to, view, outgoing.thread)

    async def _give_up(self, message: Message, why: str) -> None:
        """The effect is taken back before the message is: a crash in between repeats both, harmlessly."""
        log.error("refused for good", message=message.key, to=str(message.to), why=why)
        await self.desk.undeliverable(message, why)
        await self.desk.store.refused(message.key, why)

    def _again_at(self, attempts: int, after: float | None) -> datetime:
        pause = min(FIRST_PAUSE * 2**attempts, LONGEST_PAUSE) if after is None else after
        return self.clock.now() + timedelta(seconds=pause * self.random.uniform(1.0, 1.2))
