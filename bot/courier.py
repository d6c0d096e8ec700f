"""Delivers what was said: in each place one message at a time, until the platform has it or never will."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from random import Random

import structlog
from structlog.contextvars import bound_contextvars

from bot import metrics
from bot.address import MessageRef, Place
from bot.bell import Bell
from bot.desk.core import Desk
from bot.ports import (
    COUNTDOWNS,
    LONGEST_SHUT,
    MOST_AHEAD,
    Away,
    CannotEdit,
    Card,
    ChatPlatform,
    Clock,
    Message,
    Never,
    NotNow,
    Outbox,
    Outgoing,
    Overtaken,
    Priority,
)
from bot.rests import Rests
from bot.unticketed import kind_of
from bot.views import Audience, View

log = structlog.get_logger(__name__)

AT_ONCE = 128
"""Lanes of one platform that speak at the same time; pages go beyond it."""
RETRIES_AT_ONCE = 64
"""Of these at most so many whose last try failed: places that hang leave room for all others."""
COUNTDOWNS_AT_ONCE = 24
"""Of these at most so many count down: what really happened finds room beside any number of workspaces."""
LEASE = timedelta(seconds=5)
"""How long a lane is held for one message; whoever has not begun to send by then is overtaken."""
SEND_WITHIN = 4.0
"""Seconds from asking for the lease to the platform's answer: when it is over, somebody else may send."""
FIRST_PAUSE = 1.0
LONGEST_PAUSE = 60.0
"""Seconds between tries, doubling from the first to the longest, when the platform names no time itself."""
LONGEST_PAUSE_OF_A_PAGE = 3.0
"""Somebody is being called: it is there seconds after the platform is."""
MOST_DOUBLINGS = 10
LAST_WORDS = 3.0
"""Seconds that messages on their way have to arrive when we stop: cut off, they would be said twice."""
BUG_TRIES = 4
"""How often a message that cannot be drawn is tried again."""
MEND_WITHIN = timedelta(minutes=1)
"""Between tries of what only an operator can mend."""
A_MOMENT = timedelta(seconds=1)


class _Unpaid(Exception):
    """What the platform lets through is used up until then."""

    def __init__(self, until: datetime) -> None:
        super().__init__("what the platform lets through is used up")
        self.until = until


@dataclass
class Courier:
    """`clock` is real time: it measures what platforms ask us to wait."""

    desk: Desk
    outbox: Outbox
    clock: Clock
    bell: Bell
    random: Random = field(default_factory=Random)
    bugs: Counter[str] = field(default_factory=Counter)
    """How often a message could not be drawn; waiting for its turn is no try."""
    stopping: bool = False
    """No lane says another message: what we have to leave in the middle might be said twice."""
    retrying: set[str] = field(default_factory=set)
    """Lanes whose last try failed."""
    rests: Rests = field(init=False)
    """The lanes that the store has failed."""

    def __post_init__(self) -> None:
        self.rests = Rests(self.clock)

    async def run(self) -> None:
        """Deliver for ever, each place at its own pace: one that is slow or fails holds up no other.

        Raises what the store raised when it has failed several lanes, and all that have something to say.
        """
        busy: dict[str, asyncio.Task[int]] = {}
        self.stopping = False
        try:
            while True:
                fault = _ended(busy)
                now = self.clock.now()
                await self._begin(busy, now)
                resting = self.rests.under_way()
                if fault is not None and not busy and len(resting) > 1:
                    raise fault
                ready = await self.outbox.next_ready(now)
                await self.bell.wait(self.clock, _earliest(ready, *resting.values()))
        finally:
            self.stopping = True
            await _arrived(busy.values())

    async def _begin(self, busy: dict[str, asyncio.Task[int]], now: datetime) -> None:
        resting = self.rests.under_way()
        for lane in await self.outbox.lanes(now, 2 * AT_ONCE + len(busy) + len(resting)):
            if lane in busy or lane in resting or self.yields(lane, busy):
                continue
            busy[lane] = task = asyncio.create_task(self.speak(lane))
            task.add_done_callback(lambda _: self.bell.ring())

    def yields(self, lane: str, busy: Collection[str]) -> bool:
        """Whether as many lanes of its platform and kind speak already as may."""
        kind, platform = _kind_and_platform(lane)
        if kind == "page":
            return False
        others = [each for each in busy if _kind_and_platform(each)[1] == platform]
        return (
            len(others) >= AT_ONCE
            or (
                kind == "countdown"
                and sum(each.startswith(COUNTDOWNS) for each in others) >= COUNTDOWNS_AT_ONCE
            )
            or (lane in self.retrying and len(self.retrying.intersection(others)) >= RETRIES_AT_ONCE)
        )

    async def deliver(self) -> int:
        """Let every lane speak that may now; how many messages were tried."""
        lanes = await self.outbox.lanes(self.clock.now(), AT_ONCE)
        return sum(await asyncio.gather(*map(self.speak, lanes)))

    async def speak(self, lane: str) -> int:
        """Say what waits in a lane until nothing of it may go now; how many messages were tried.

        Raises what the store raises; the lane is then to rest.
        """
        tried = 0
        try:
            while not self.stopping and (outgoing := await self._claimed(lane)):
                tried += 1
                with bound_contextvars(trace=outgoing.trace, ticket=outgoing.message.ticket):
                    await self._send(outgoing)
        except Away:
            raise
        except Exception:
            self.rests.begin(lane)
            raise
        self.rests.end(lane)
        return tried

    async def _claimed(self, lane: str) -> Outgoing | None:
        now = self.clock.now()
        return await self.outbox.claim(lane, now, now + LEASE)

    async def _send(self, outgoing: Outgoing) -> None:
        message = outgoing.message
        platform = self.desk.platforms.get(message.to.platform)
        if platform is None:
            await self._give_up(outgoing, f"{message.to.platform} is not connected")
            return
        kind = kind_of(message)
        if kind.is_over(outgoing, self.clock.now()):
            await self._give_up(outgoing, "it is too late to say it")
            return
        try:
            ref = await self._said(platform, outgoing)
        except Overtaken:
            _count(message, "overtaken")
            log.info("overtaken, or there is a newer edit", message=message.key)
            await self.outbox.put_off(outgoing, self.clock.now(), "overtaken", alone=True)
        except _Unpaid as wait:
            _count(message, "unpaid")
            # A countdown that cannot be paid for is a sign for all that wait behind it.
            alone = outgoing.edits is not None and message.priority != Priority.COUNTDOWN
            until = wait.until + A_MOMENT * self.random.random() if alone else wait.until
            unsure = outgoing.tried_at is not None
            await self.outbox.put_off(outgoing, self._soon(until), str(wait), alone=alone, unsure=unsure)
        except NotNow as busy:
            self.retrying.add(message.lane)
            await self._put_off(platform, outgoing, busy)
        except Never as refusal:
            await self._give_up(outgoing, str(refusal))
        except Away:
            # It is nobody's fault here; the lane is free again when its lease is over.
            raise
        except Exception as bug:  # one message that cannot be drawn must not take all others with it
            log.exception("a message could not be drawn or sent", message=message.key)
            self.bugs[message.key] += 1
            if self.bugs[message.key] <= BUG_TRIES:
                await self._put_off(platform, outgoing, NotNow(type(bug).__name__, unsure=True))
            else:
                await self._give_up(outgoing, "it cannot be drawn; the log says why")
        else:
            _count(message, "sent")
            self.retrying.discard(message.lane)
            self.bugs.pop(message.key, None)
            if outgoing.said_at is not None:
                late = (self.clock.now() - outgoing.said_at).total_seconds()
                metrics.delivery_late.labels(message.to.platform, message.priority.name.lower()).observe(late)
            await self.outbox.sent(message.key, ref)
            await kind.arrived(self.desk, outgoing, self.clock.now())

    async def _said(self, platform: ChatPlatform, outgoing: Outgoing) -> MessageRef:
        """Raises Overtaken, _Unpaid, NotNow, Never."""
        message, addressed = outgoing.message, self._addressed(outgoing)
        if outgoing.edits is None and (found := await _found(platform, addressed)):
            return found
        view = await self.desk.draw(message)
        costs, now = platform.costs(message.to, outgoing.edits, message.priority), self.clock.now()
        loop = asyncio.get_running_loop()
        answer_by = loop.time() + SEND_WITHIN
        if (until := await self.outbox.begin(outgoing, costs, now, now + LEASE)) is not None:
            raise _Unpaid(until)
        if loop.time() >= answer_by:
            raise NotNow("our hold on the lane took too long to get, and is over soon")
        try:
            async with asyncio.timeout_at(answer_by):
                return await _spoken(platform, addressed, view)
        except TimeoutError:
            raise NotNow("no answer in time", unsure=True) from None

    def _addressed(self, outgoing: Outgoing) -> Outgoing:
        """With the addresses of today: some channels change their id in mid-life."""
        to, now_at = outgoing.message.to, self.desk.directory.now_at
        refs = (ref and replace(ref, place=now_at(ref.place)) for ref in (outgoing.thread, outgoing.edits))
        thread, edits = refs
        message = replace(outgoing.message, to=now_at(to)) if isinstance(to, Place) else outgoing.message
        return replace(outgoing, message=message, thread=thread, edits=edits)

    async def _put_off(self, platform: ChatPlatform, outgoing: Outgoing, busy: NotNow) -> None:
        message, until = outgoing.message, self._again_at(outgoing, busy.after)
        log.warning("not delivered yet", message=message.key, why=str(busy), again_at=until.isoformat())
        _count(message, "put_off")
        limited = busy.after is not None
        if limited:
            costs = platform.costs(message.to, outgoing.edits, message.priority)
            shut_until = min(until, self.clock.now() + LONGEST_SHUT)
            await self.outbox.shut([cost.bucket for cost in costs if cost.stops], shut_until)
        # Nobody waits for an edit, except for other countdowns when the platform has had enough of them.
        alone = outgoing.edits is not None and not (limited and message.priority == Priority.COUNTDOWN)
        unsure = busy.unsure or outgoing.tried_at is not None
        await self.outbox.put_off(outgoing, self._soon(until), str(busy), alone=alone, unsure=unsure)

    async def _give_up(self, outgoing: Outgoing, why: str) -> None:
        """The effect is taken back before the message is: a crash in between repeats both, harmlessly."""
        message = outgoing.message
        kind = kind_of(message)
        self.bugs.pop(message.key, None)
        if _must_arrive(message) or kind.must_arrive(self.desk, outgoing, self.clock.now()):
            log.error("agents cannot be reached in triage; is the bot in the channel?", why=why)
            await self.outbox.put_off(outgoing, self.clock.now() + MEND_WITHIN, why, alone=True)
            return
        _count(message, "refused")
        log.error("refused for good", message=message.key, to=str(message.to), why=why)
        try:
            await self.desk.undeliverable(message, why)
            await kind.refused(self.desk, message, why)
        except Exception:  # what cannot be told must still not be tried for ever
            log.exception("a refusal could not be told", message=message.key)
        await self.outbox.refused(message.key, why)

    def _soon(self, until: datetime) -> datetime:
        """Then at the latest it is tried again; a bucket that is shut for longer says so itself."""
        return min(until, self.clock.now() + MOST_AHEAD)

    def _again_at(self, outgoing: Outgoing, after: float | None) -> datetime:
        """Never before `after`, and no two lanes in step."""
        if after is not None:
            return self.clock.now() + timedelta(seconds=after) + A_MOMENT * self.random.random()
        paging = outgoing.message.priority is Priority.PAGE
        longest = LONGEST_PAUSE_OF_A_PAGE if paging else LONGEST_PAUSE
        pause = min(FIRST_PAUSE * 2 ** min(outgoing.attempts, MOST_DOUBLINGS), longest)
        return self.clock.now() + timedelta(seconds=pause * self.random.uniform(1.0, 1.2))


def _ended(busy: dict[str, asyncio.Task[int]]) -> BaseException | None:
    """Clear away the lanes that have spoken; why the last of those failed that did."""
    fault = None
    for lane, task in [*busy.items()]:
        if task.done():
            del busy[lane]
            if (error := task.exception()) is not None:
                log.error("a lane could not speak", lane=lane, exc_info=error)
                fault = error
    return fault


def _kind_and_platform(lane: str) -> tuple[str, str]:
    """`page`, `countdown` or nothing, and the platform: the beginning of Message.lane."""
    first, _, rest = lane.partition(":")
    return (first, rest.partition(":")[0]) if first in ("page", "countdown") else ("", first)


def _earliest(*instants: datetime | None) -> datetime | None:
    return min((at for at in instants if at is not None), default=None)


def _count(message: Message, outcome: str) -> None:
    metrics.deliveries.labels(message.to.platform, message.priority.name.lower(), outcome).inc()


def _must_arrive(message: Message) -> bool:
    """The agents' card is kept until the bot is let into triage: without it nobody would work the ticket."""
    return message.say == Card(Audience.AGENTS) and message.edits is None


async def _found(platform: ChatPlatform, outgoing: Outgoing) -> MessageRef | None:
    """Where an earlier try of this message has arrived, though its answer was lost. Raises NotNow."""
    message = outgoing.message
    if outgoing.tried_at is None:
        return None
    try:
        async with asyncio.timeout(SEND_WITHIN):
            found = await platform.find(message.to, message.key, outgoing.thread, outgoing.tried_at)
    except TimeoutError:
        raise NotNow("no answer in time to whether it arrived") from None
    except Never as why:
        log.warning("cannot be looked for", message=message.key, why=str(why))
        return None
    if found is not None:
        _count(message, "found")
        log.info("had arrived, though its answer was lost", message=message.key)
    return found


async def _spoken(platform: ChatPlatform, outgoing: Outgoing, view: View) -> MessageRef:
    """Posted or edited; what cannot be edited any more is posted anew."""
    message = outgoing.message
    if outgoing.edits is not None:
        try:
            await platform.update(outgoing.edits, view)
            return outgoing.edits
        except CannotEdit as gone:
            if not kind_of(message).posted_anew:
                raise
            log.warning("posted anew instead of edited", message=message.key, why=str(gone))
            if found := await _found(platform, outgoing):
                return found
    return await platform.post(message.to, view, outgoing.thread, message.key)


async def _arrived(under_way: Collection[asyncio.Task[int]]) -> None:
    """Wait for what is on its way, and give up what takes too long."""
    if not under_way:
        return
    _, late = await asyncio.wait(under_way, timeout=LAST_WORDS)
    for task in late:
        task.cancel()
    await asyncio.gather(*under_way, return_exceptions=True)
