"""Delivers messages, one at a time in each lane, until the platform accepts them or rejects them for good."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Collection
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from random import Random

import structlog
from structlog.contextvars import bound_contextvars

from bot import spans, telemetry
from bot.clock import WakeSignal
from bot.desk.desk import Desk
from bot.model.address import MessageRef, Place
from bot.model.views import Audience, SharedFile, View
from bot.ports import (
    COUNTDOWN_LANES,
    LONGEST_BLOCK,
    LONGEST_DEFERRAL,
    REMOVED,
    Card,
    ChatPlatform,
    Clock,
    LeaseLost,
    Message,
    NotEditable,
    Outbox,
    Outgoing,
    PermanentFailure,
    Priority,
    StoreUnavailable,
    TemporaryFailure,
)
from bot.runtime import message_kinds
from bot.runtime.message_kinds import kind_of

log = structlog.get_logger(__name__)

MAX_LANES = 128
"""Lanes of one platform that send at the same time. Pages do not count."""
MAX_RETRYING_LANES = 64
"""How many of them may be lanes whose last try failed. Places that do not answer leave room for others."""
MAX_COUNTDOWN_LANES = 24
"""How many of them may be countdown lanes: many workspaces and conversations have one of their own."""
LEASE = timedelta(seconds=5)
"""How long a lane is held for one message. After that, another process may claim it."""
SEND_TIMEOUT = 4.0
"""Seconds from taking the lease to the platform's answer; shorter than LEASE, so that nobody else sends."""
FIRST_RETRY_DELAY = 1.0
LONGEST_RETRY_DELAY = 60.0
"""Seconds between tries, doubling from the first to the longest, unless the platform names a time."""
LONGEST_PAGE_RETRY_DELAY = 3.0
"""The same for pages, which must arrive within seconds after the platform is back."""
MAX_DOUBLINGS = 10
SHUTDOWN_TIMEOUT = 3.0
"""Seconds that messages being sent get to arrive when we stop: if cut off, they may arrive twice."""
RENDER_RETRIES = 4
"""How often to retry a message that cannot be rendered."""
OPERATOR_RETRY_DELAY = timedelta(minutes=1)
"""Between tries of what only an operator can fix."""
JITTER = timedelta(seconds=1)


class _RateLimited(Exception):
    """The rate limit is used up until `until`."""

    def __init__(self, until: datetime) -> None:
        super().__init__("what the platform lets through is used up")
        self.until = until


@dataclass
class Delivery:
    """Sends the messages of the outbox. `clock` is real time."""

    desk: Desk
    outbox: Outbox
    clock: Clock
    wake_signal: WakeSignal
    random: Random = field(default_factory=Random)
    render_failures: Counter[str] = field(default_factory=Counter)
    """How often each message failed to render. Waiting for its turn is not a try."""
    stopping: bool = False
    """Lanes send no further message: one that is cut off might arrive twice."""
    retrying: set[str] = field(default_factory=set)
    """Lanes whose last try failed."""
    backoff: LaneBackoff = field(init=False)
    """Delays the lanes for which the store failed."""

    def __post_init__(self) -> None:
        self.backoff = LaneBackoff(self.clock)

    async def run(self) -> None:
        """Delivers until cancelled, each lane at its own pace: a slow or failing lane delays no other.

        Raises the last error if several lanes have failed and no other lane is running.
        """
        busy: dict[str, asyncio.Task[int]] = {}
        self.stopping = False
        try:
            while True:
                fault = _remove_finished(busy)
                now = self.clock.now()
                await self._begin(busy, now)
                backing_off = self.backoff.active()
                if fault is not None and not busy and len(backing_off) > 1:
                    raise fault
                ready = await self.outbox.next_ready(now)
                await self.wake_signal.wait(self.clock, _earliest(ready, *backing_off.values()))
        finally:
            self.stopping = True
            await _wait_for_sends(busy.values())

    async def _begin(self, busy: dict[str, asyncio.Task[int]], now: datetime) -> None:
        backing_off = self.backoff.active()
        for lane in await self.outbox.lanes(now, 2 * MAX_LANES + len(busy) + len(backing_off)):
            if lane in busy or lane in backing_off or self.must_wait(lane, busy):
                continue
            busy[lane] = task = asyncio.create_task(self.send_lane(lane))
            task.add_done_callback(lambda _: self.wake_signal.trigger())

    def must_wait(self, lane: str, busy: Collection[str]) -> bool:
        """Whether the limit of busy lanes for its platform and kind is reached. Pages never wait."""
        kind, platform = _kind_and_platform(lane)
        if kind == "page":
            return False
        others = [each for each in busy if _kind_and_platform(each)[1] == platform]
        return (
            len(others) >= MAX_LANES
            or (
                kind == "countdown"
                and sum(each.startswith(COUNTDOWN_LANES) for each in others) >= MAX_COUNTDOWN_LANES
            )
            or (lane in self.retrying and len(self.retrying.intersection(others)) >= MAX_RETRYING_LANES)
        )

    async def deliver(self) -> int:
        """Sends what is ready in every lane, once. Returns how many messages were tried."""
        lanes = await self.outbox.lanes(self.clock.now(), MAX_LANES)
        return sum(await asyncio.gather(*map(self.send_lane, lanes)))

    async def send_lane(self, lane: str) -> int:
        """Sends a lane's messages until none is ready. Returns how many were tried.

        Raises what the store raises. The lane then backs off, unless the store is unavailable.
        """
        tried = 0
        try:
            while not self.stopping and (outgoing := await self._claim(lane)):
                tried += 1
                with bound_contextvars(trace=outgoing.trace, ticket=outgoing.message.ticket), _span(outgoing):
                    await self._send(outgoing)
        except StoreUnavailable:
            raise
        except Exception:
            self.backoff.failed(lane)
            raise
        self.backoff.succeeded(lane)
        return tried

    async def _claim(self, lane: str) -> Outgoing | None:
        now = self.clock.now()
        return await self.outbox.claim(lane, now, now + LEASE)

    async def _send(self, outgoing: Outgoing) -> None:
        message = outgoing.message
        platform = self.desk.platforms.get(message.to.platform)
        if platform is None:
            await self._give_up(outgoing, f"{message.to.platform} is not connected")
            return
        kind = kind_of(message)
        if kind.is_expired(outgoing, self.clock.now()):
            await self._give_up(outgoing, "it is too late to say it")
            return
        try:
            ref, view = await self._post_or_find(platform, outgoing)
        except LeaseLost:
            _count(message, "overtaken")
            log.info("overtaken, or there is a newer edit", message=message.key)
            await self.outbox.defer(outgoing, self.clock.now(), "overtaken", message_only=True)
        except _RateLimited as wait:
            _count(message, "unpaid")
            # The countdowns behind this one wait for the same rate limit, so their whole lane waits.
            message_only = outgoing.edits is not None and message.priority != Priority.COUNTDOWN
            until = wait.until + JITTER * self.random.random() if message_only else wait.until
            maybe_delivered = outgoing.tried_at is not None
            await self.outbox.defer(
                outgoing,
                self._capped(until),
                str(wait),
                message_only=message_only,
                maybe_delivered=maybe_delivered,
            )
        except TemporaryFailure as busy:
            self.retrying.add(message.lane)
            await self._defer(platform, outgoing, busy)
        except PermanentFailure as refusal:
            await self._give_up(outgoing, str(refusal))
        except StoreUnavailable:
            # The message is not to blame. The lane is free again when its lease ends.
            raise
        except Exception as bug:  # a message that cannot be rendered must not stop the others
            log.exception("could not render or send a message", message=message.key)
            self.render_failures[message.key] += 1
            if self.render_failures[message.key] <= RENDER_RETRIES:
                await self._defer(
                    platform, outgoing, TemporaryFailure(type(bug).__name__, maybe_delivered=True)
                )
            else:
                await self._give_up(outgoing, "it cannot be drawn; the log says why")
        else:
            _count(message, "sent")
            self.retrying.discard(message.lane)
            self.render_failures.pop(message.key, None)
            if outgoing.decided_at is not None:
                late = (self.clock.now() - outgoing.decided_at).total_seconds()
                telemetry.delivery_late.labels(message.to.platform, message.priority.name.lower()).observe(
                    late
                )
            await message_kinds.record(self.desk, message)
            await self.outbox.sent(message.key, ref)
            await kind.on_sent(self.desk, outgoing, view, self.clock.now())

    async def _post_or_find(
        self, platform: ChatPlatform, outgoing: Outgoing
    ) -> tuple[MessageRef, View | None]:
        """Sends it unless an earlier try arrived, whose view is not known.

        Raises LeaseLost, _RateLimited and platform failures.
        """
        message, addressed = outgoing.message, self._with_current_addresses(outgoing)
        if isinstance(message.content, SharedFile) and outgoing.tried_at is not None:
            raise PermanentFailure(f"{message.content.name}: it is not known whether it arrived")
        if addressed.edits is None and (found := await _find_earlier_try(platform, addressed)):
            return found, None
        view = await kind_of(message).draw(self.desk, message)
        charges, now = platform.charges(message.to, addressed.edits, message.priority), self.clock.now()
        loop = asyncio.get_running_loop()
        answer_by = loop.time() + SEND_TIMEOUT
        if (until := await self.outbox.begin(outgoing, charges, now, now + LEASE)) is not None:
            raise _RateLimited(until)
        if loop.time() >= answer_by:
            raise TemporaryFailure("our hold on the lane took too long to get, and is over soon")
        try:
            async with asyncio.timeout_at(answer_by):
                return await _post_or_edit(platform, addressed, view), view
        except TimeoutError:
            raise TemporaryFailure("no answer in time", maybe_delivered=True) from None

    def _with_current_addresses(self, outgoing: Outgoing) -> Outgoing:
        """The same, with the current ids of its channels. A message that was removed has nothing to edit."""
        to, current_address = outgoing.message.to, self.desk.directory.current_address
        refs = (
            ref and replace(ref, place=current_address(ref.place))
            for ref in (outgoing.thread, outgoing.edits)
        )
        thread, edits = refs
        message = (
            replace(outgoing.message, to=current_address(to)) if isinstance(to, Place) else outgoing.message
        )
        posted = edits if edits is None or edits.id != REMOVED else None
        return replace(outgoing, message=message, thread=thread, edits=posted)

    async def _defer(self, platform: ChatPlatform, outgoing: Outgoing, busy: TemporaryFailure) -> None:
        message, until = outgoing.message, self._retry_at(outgoing, busy.retry_after)
        log.warning("not delivered yet", message=message.key, why=str(busy), again_at=until.isoformat())
        _count(message, "put_off")
        limited = busy.retry_after is not None
        if limited:
            charges = platform.charges(message.to, outgoing.edits, message.priority)
            shut_until = min(until, self.clock.now() + LONGEST_BLOCK)
            await self.outbox.block_until(
                [charge.bucket for charge in charges if charge.held_by_retry_after], shut_until
            )
        # An edit delays nothing behind it, except other countdowns when the platform limits them.
        message_only = outgoing.edits is not None and not (limited and message.priority == Priority.COUNTDOWN)
        maybe_delivered = busy.maybe_delivered or outgoing.tried_at is not None
        await self.outbox.defer(
            outgoing,
            self._capped(until),
            str(busy),
            message_only=message_only,
            maybe_delivered=maybe_delivered,
        )

    async def _give_up(self, outgoing: Outgoing, why: str) -> None:
        """Undoes the message's effect, then marks it as refused. A crash in between repeats both safely."""
        message = outgoing.message
        kind = kind_of(message)
        self.render_failures.pop(message.key, None)
        if _must_arrive(message) or kind.must_arrive(self.desk, outgoing, self.clock.now()):
            log.error("could not reach agents in triage; is the bot in the channel?", why=why)
            await self.outbox.defer(outgoing, self.clock.now() + OPERATOR_RETRY_DELAY, why, message_only=True)
            return
        _count(message, "refused")
        report = log.warning if kind.retried_later else log.error
        report("rejected for good", message=message.key, to=str(message.to), why=why)
        try:
            await self.desk.record_undelivered(message, why)
            await kind.on_refused(self.desk, message, why)
        except Exception:  # the message must still not be retried forever
            log.exception("could not record that a message was rejected", message=message.key)
        await self.outbox.refused(message.key, why)

    def _capped(self, until: datetime) -> datetime:
        """`until`, but at most LONGEST_DEFERRAL from now. A blocked bucket may delay it further."""
        return min(until, self.clock.now() + LONGEST_DEFERRAL)

    def _retry_at(self, outgoing: Outgoing, after: float | None) -> datetime:
        """When to try again: at least `after` seconds from now, with jitter between lanes."""
        if after is not None:
            return self.clock.now() + timedelta(seconds=after) + JITTER * self.random.random()
        paging = outgoing.message.priority is Priority.PAGE
        longest = LONGEST_PAGE_RETRY_DELAY if paging else LONGEST_RETRY_DELAY
        pause = min(FIRST_RETRY_DELAY * 2 ** min(outgoing.attempts, MAX_DOUBLINGS), longest)
        return self.clock.now() + timedelta(seconds=pause * self.random.uniform(1.0, 1.2))


def _remove_finished(busy: dict[str, asyncio.Task[int]]) -> BaseException | None:
    """Removes finished lanes. Returns the error of the last one that failed, or None."""
    fault = None
    for lane, task in [*busy.items()]:
        if task.done():
            del busy[lane]
            if (error := task.exception()) is not None:
                log.error("a lane failed", lane=lane, exc_info=error)
                fault = error
    return fault


def _kind_and_platform(lane: str) -> tuple[str, str]:
    """`page`, `countdown`, `file` or an empty string, and the platform: the first parts of Message.lane."""
    first, _, rest = lane.partition(":")
    return (first, rest.partition(":")[0]) if first in ("page", "countdown", "file") else ("", first)


def _earliest(*instants: datetime | None) -> datetime | None:
    return min((at for at in instants if at is not None), default=None)


def _span(outgoing: Outgoing) -> AbstractContextManager[None]:
    message, priority = outgoing.message, outgoing.message.priority.name.lower()
    known: spans.Known = {spans.PLATFORM: message.to.platform, spans.PRIORITY: priority}
    known |= {spans.TRACE: outgoing.trace, **spans.about(message.ticket)}
    return spans.span(spans.Work.DELIVERY, f"deliver to {message.to.platform}", known)


def _count(message: Message, outcome: str) -> None:
    spans.note(spans.OUTCOME, outcome)
    telemetry.deliveries.labels(message.to.platform, message.priority.name.lower(), outcome).inc()


def _must_arrive(message: Message) -> bool:
    """Whether it is an agents' card. It is retried until it arrives: without it, nobody sees the ticket."""
    return message.content == Card(Audience.AGENTS) and message.edits is None


async def _find_earlier_try(platform: ChatPlatform, outgoing: Outgoing) -> MessageRef | None:
    """The message of an earlier try if it arrived although its answer was lost. Raises TemporaryFailure."""
    message = outgoing.message
    if outgoing.tried_at is None:
        return None
    try:
        async with asyncio.timeout(SEND_TIMEOUT):
            found = await platform.find(message.to, message.key, outgoing.thread, outgoing.tried_at)
    except TimeoutError:
        raise TemporaryFailure("no answer in time to whether it arrived") from None
    except PermanentFailure as why:
        log.warning("could not look for an earlier try", message=message.key, why=str(why))
        return None
    if found is not None:
        _count(message, "found")
        log.info("had arrived, though its answer was lost", message=message.key)
    return found


async def _post_or_edit(platform: ChatPlatform, outgoing: Outgoing, view: View | None) -> MessageRef:
    """Posts or edits the message; removes it if there is nothing to show.

    Posts an edit as a new message if the old one can no longer be edited.
    """
    message = outgoing.message
    if view is None:
        assert isinstance(message.to, Place), "no direct message is removed"
        if outgoing.edits is not None:
            await platform.delete(outgoing.edits)
        return MessageRef(message.to, REMOVED)
    if outgoing.edits is not None:
        try:
            await platform.update(outgoing.edits, view)
            return outgoing.edits
        except NotEditable as gone:
            if not kind_of(message).repost_if_gone:
                raise
            log.warning("posted a new message instead of editing", message=message.key, why=str(gone))
            if found := await _find_earlier_try(platform, outgoing):
                return found
    return await platform.post(message.to, view, outgoing.thread, message.key)


async def _wait_for_sends(under_way: Collection[asyncio.Task[int]]) -> None:
    """Waits for messages that are being sent, and cancels those that take too long."""
    if not under_way:
        return
    _, late = await asyncio.wait(under_way, timeout=SHUTDOWN_TIMEOUT)
    for task in late:
        task.cancel()
    await asyncio.gather(*under_way, return_exceptions=True)


FIRST_BACKOFF = timedelta(seconds=1)
LONGEST_BACKOFF = timedelta(seconds=4)
"""Doubling from the first to the longest; short, because the whole store may be down only briefly."""


@dataclass
class LaneBackoff:
    """Delays lanes after failures. `clock` is real time."""

    clock: Clock
    _failures: Counter[str] = field(default_factory=Counter)
    _until: dict[str, datetime] = field(default_factory=dict)

    def failed(self, lane: str) -> None:
        """Records that a lane failed."""
        self._failures[lane] += 1
        length = FIRST_BACKOFF * 2 ** min(self._failures[lane] - 1, 9)
        self._until[lane] = self.clock.now() + min(length, LONGEST_BACKOFF)

    def succeeded(self, lane: str) -> None:
        """Ends a lane's backoff."""
        self._failures.pop(lane, None)
        self._until.pop(lane, None)

    def active(self) -> dict[str, datetime]:
        """The lanes that are backing off, and until when. Setting the clock back ends a backoff."""
        now = self.clock.now()
        return {lane: until for lane, until in self._until.items() if now < until <= now + LONGEST_BACKOFF}
