"""Delivers what was said: in each place one message at a time, until the platform has it or never will."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random

import structlog

from bot.address import MessageRef, Place, UserRef
from bot.bell import Bell
from bot.desk.core import Desk
from bot.ports import Card, ChatPlatform, Clock, Message, Never, NotNow, Outgoing, Priority
from bot.views import Audience

log = structlog.get_logger(__name__)

AT_ONCE = 16
"""Messages on their way at the same time, each in another place; pages go beyond it."""
FIRST_PAUSE = 1.0
LONGEST_PAUSE = 300.0
"""Seconds between tries, doubling from the first to the longest, when the platform names no time itself."""
MOST_DOUBLINGS = 10
LAST_WORDS = 3.0
BUG_TRIES = 4
"""How often a message that cannot be drawn is tried again."""
MEND_WITHIN = timedelta(minutes=1)
"""Between tries of what only an operator can mend."""
"""Seconds that messages on their way have to arrive when we stop: cut off, they would be said twice."""
A_MOMENT = timedelta(seconds=1)

Lane = tuple[bool, Place | UserRef]


@dataclass
class Courier:
    """`clock` is real time: it measures what platforms ask us to wait."""

    desk: Desk
    clock: Clock
    bell: Bell
    random: Random = field(default_factory=Random)

    async def run(self) -> None:
        """Deliver for ever, each place at its own pace: one that is slow to answer holds up no other."""
        busy: dict[Lane, asyncio.Task[None]] = {}
        try:
            while True:
                for lane, task in [*busy.items()]:
                    if task.done():
                        del busy[lane]
                        task.result()
                await self._begin(busy)
                await self.bell.wait(self.clock, await self._next_ready())
        finally:
            await _arrived(busy.values())

    async def _begin(self, busy: dict[Lane, asyncio.Task[None]]) -> None:
        """Send the next message of every place where none is on its way."""
        for outgoing in await self.desk.store.unsent(self.clock.now(), AT_ONCE + len(busy)):
            lane = _lane(outgoing.message)
            paging, _ = lane
            if lane not in busy and (paging or len(busy) < AT_ONCE):
                busy[lane] = task = asyncio.create_task(self._send(outgoing))
                task.add_done_callback(lambda _: self.bell.ring())

    async def _next_ready(self) -> datetime | None:
        """When to look again. What is ready already is on its way; its end rings the bell."""
        ready, now = await self.desk.store.next_ready(), self.clock.now()
        return ready if ready is None or ready > now else now + A_MOMENT

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
            await self._put_off(outgoing, str(busy), busy.after)
        except Never as refusal:
            await self._give_up(message, str(refusal))
        except Exception as bug:  # one message that cannot be drawn must not take all others with it
            log.exception("a message could not be drawn or sent", message=message.key)
            if outgoing.attempts < BUG_TRIES:
                await self._put_off(outgoing, type(bug).__name__)
            else:
                await self._give_up(message, "it cannot be drawn; the log says why")
        else:
            await self.desk.store.sent(message.key, ref)

    async def _speak(self, platform: ChatPlatform, outgoing: Outgoing) -> MessageRef:
        view = await self.desk.draw(outgoing.message)
        if outgoing.edits is not None:
            await platform.update(outgoing.edits, view)
            return outgoing.edits
        return await platform.post(outgoing.message.to, view, outgoing.thread)

    async def _put_off(self, outgoing: Outgoing, why: str, after: float | None = None) -> None:
        key, until = outgoing.message.key, self._again_at(outgoing.attempts, after)
        log.warning("not delivered yet", message=key, why=why, again_at=until.isoformat())
        await self.desk.store.park(key, until, why)

    async def _give_up(self, message: Message, why: str) -> None:
        """The effect is taken back before the message is: a crash in between repeats both, harmlessly."""
        if _must_arrive(message):
            log.error("agents cannot be reached in triage; is the bot in the channel?", why=why)
            await self.desk.store.park(message.key, self.clock.now() + MEND_WITHIN, why)
            return
        log.error("refused for good", message=message.key, to=str(message.to), why=why)
        try:
            await self.desk.undeliverable(message, why)
        except Exception:  # what cannot be told must still not be tried for ever
            log.exception("a refusal could not be told", message=message.key)
        await self.desk.store.refused(message.key, why)

    def _again_at(self, attempts: int, after: float | None) -> datetime:
        pause = (
            min(FIRST_PAUSE * 2 ** min(attempts, MOST_DOUBLINGS), LONGEST_PAUSE) if after is None else after
        )
        return self.clock.now() + timedelta(seconds=pause * self.random.uniform(1.0, 1.2))


def _must_arrive(message: Message) -> bool:
    """The agents' card is kept until the bot is let into triage: without it nobody would work the ticket."""
    return message.say == Card(Audience.AGENTS) and message.edits is None


def _lane(message: Message) -> Lane:
    """Whom it would keep waiting: messages to the same place or person, pages among themselves."""
    return message.priority == Priority.PAGE, message.to


async def _arrived(under_way: Collection[asyncio.Task[None]]) -> None:
    """Wait for what is on its way, and give up what takes too long."""
    if not under_way:
        return
    _, late = await asyncio.wait(under_way, timeout=LAST_WORDS)
    for task in late:
        task.cancel()
    await asyncio.gather(*under_way, return_exceptions=True)
