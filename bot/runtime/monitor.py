"""Looks, apart from the loops that do the work, whether anything due was left lying, and says so."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from bot import telemetry
from bot.desk.desk import Desk, try_lock
from bot.model.views import Notice
from bot.ports import Clock, Message, PermanentFailure, Priority, TemporaryFailure
from bot.runtime import pager_test
from sla_core.countdown import Tone

log = structlog.get_logger(__name__)

EVERY = timedelta(seconds=20)
"""Between looks, in real time."""
MAX_WAKE_LAG = timedelta(seconds=30)
"""For a wake-up."""
MAX_MESSAGE_AGE = timedelta(seconds=60)
"""For a message, but for countdowns, which yield to all others."""
POST_TIMEOUT = 5.0
ALARM_LIFE = timedelta(days=1)
"""How long an alarm is worth saying."""
TOPIC, ALARM = "auditor", "alarm"
"""The note that agents were told; the keys of alarms begin with its topic."""


@dataclass(frozen=True, slots=True)
class StoreStats:
    """Counts of a store. `waiting` and `oldest` are by priority; an age that is not known is left out."""

    tickets: int
    clocks: int
    overdue: int
    waiting: Mapping[Priority, int]
    oldest: Mapping[Priority, datetime]
    late_timers: int = 0


class StatsSource(Protocol):
    """A store that can be counted, by indexes only: it is asked every few seconds."""

    async def store_stats(self, due_before: datetime) -> StoreStats:
        """`overdue` are the tickets whose wake-up came before then, `late_timers` the timers due by then."""
        ...


@dataclass
class LagMonitor:
    """`clock` is real time, as are the ages of messages; promises run on the desk's own clock."""

    desk: Desk
    store: StatsSource
    clock: Clock
    send_lane: Callable[[str], Awaitable[object]]
    """Delivers what waits in a lane: the loop that should may be what is broken."""
    _readings: deque[tuple[datetime, datetime]] = field(default_factory=deque)
    _behind_since: datetime | None = None
    _unreachable_since: datetime | None = None
    _unreachable_told: bool = False

    async def run(self) -> None:
        """What fell due while no desk ran is being worked off when it starts: that is no alarm yet."""
        now = self.clock.now()
        _export(await self.store.store_stats(self._due_before(now)), now)
        await self._export_pager_test()
        while True:
            await self.clock.sleep_until(self.clock.now() + EVERY)
            await self.check()

    async def check(self) -> list[str]:
        """What is left lying, a line each; agents are told when that begins and when it is over."""
        now = self.clock.now()
        try:
            counts = await self.store.store_stats(self._due_before(now))
        except Exception as error:  # that the database is away is what agents are to hear
            return await self._store_unreachable(error, now)
        await self._store_reachable()
        _export(counts, now)
        lines = list(_lag_lines(counts, now))
        if lines and self._behind_since is None:
            self._behind_since = now
            telemetry.alarms.inc()
            log.error("the desk is behind", what=lines)
        elif not lines and self._behind_since is not None:
            since, self._behind_since = self._behind_since, None
            log.info("the desk has caught up", since=since.isoformat())
        if bool(lines) != bool(await self.desk.key_values.get(TOPIC, ALARM)):
            await self._tell_agents_once(lines, now)
        await self._export_pager_test()
        return lines

    async def _tell_agents_once(self, lines: list[str], now: datetime) -> None:
        """Of several replicas one does."""
        async with try_lock(self.desk.key_values, TOPIC) as acquired:
            told = await self.desk.key_values.get(TOPIC, ALARM)
            if not acquired or bool(lines) == bool(told):
                return
            if lines:
                words = "Frontline is behind: " + " ".join(lines)
                await self._tell_agents(now.isoformat(), words, _ADVICE, Tone.ALARM)
                await self.desk.key_values.put(TOPIC, ALARM, now.isoformat())
            else:
                words = "Frontline has caught up."
                await self._tell_agents(f"{told}/over", words, "Nothing due is left lying.", Tone.DONE)
                await self.desk.key_values.delete(TOPIC, ALARM)

    async def _export_pager_test(self) -> None:
        try:
            await pager_test.export_arrivals(self.desk)
        except Exception:  # what is left lying matters more
            log.exception("when the pager was tested last cannot be told")

    async def _store_unreachable(self, error: Exception, now: datetime) -> list[str]:
        self._unreachable_since = self._unreachable_since or now
        log.error("the database cannot be asked", why=type(error).__name__)
        if now - self._unreachable_since <= MAX_MESSAGE_AGE:
            return []
        line = "Its database does not answer, so that nothing is decided or said."
        if not self._unreachable_told:
            self._unreachable_told = await self._post_now(
                f"Frontline is behind: {line} {_ADVICE}", Tone.ALARM
            )
        return [line]

    async def _store_reachable(self) -> None:
        told, self._unreachable_since, self._unreachable_told = self._unreachable_told, None, False
        if told:
            words = "Frontline's database answers again."
            now = self.clock.now().isoformat()
            await self._tell_agents(f"{now}/back", words, "What fell due is being told.", Tone.DONE)

    def _due_before(self, now: datetime) -> datetime:
        """What the desk's clock showed MAX_WAKE_LAG ago; a stage clock runs at a speed of its own."""
        self._readings.append((now, self.desk.clock.now()))
        while len(self._readings) > 1 and self._readings[1][0] <= now - MAX_WAKE_LAG:
            self._readings.popleft()
        real, shown = self._readings[0]
        return shown if real <= now - MAX_WAKE_LAG else shown - MAX_WAKE_LAG

    async def _tell_agents(self, key: str, what: str, advice: str, tone: Tone) -> None:
        """By the outbox, which tries again what does not arrive; delivered from here at once."""
        say = Notice((f"{what} {advice}",), tone)
        messages = [
            Message(f"{TOPIC}/{triage}/{key}", None, triage, say, Priority.PAGE)
            for triage in self.desk.triages()
        ]
        await self.desk.store.enqueue(messages)
        for message in messages:
            try:
                await self.send_lane(message.lane)
            except Exception:  # it is stored, and delivery may yet recover
                log.exception("an alarm could not be delivered", lane=message.lane)

    async def _post_now(self, words: str, tone: Tone) -> bool:
        """Straight to the platforms: without a database there is no outbox. Whether anybody heard."""
        heard = False
        for triage in self.desk.triages():
            try:
                async with asyncio.timeout(POST_TIMEOUT):
                    await self.desk.platforms[triage.platform].post(triage, Notice((words,), tone), None)
                heard = True
            except (TemporaryFailure, PermanentFailure, TimeoutError) as problem:
                log.error("agents could not be told", platform=triage.platform, why=str(problem))
        return heard


_ADVICE = "Please look at your tickets yourselves meanwhile; whoever runs the bot: see /readyz and its log."


def _lag_lines(counts: StoreStats, now: datetime) -> list[str]:
    lines = []
    for count, what in ((counts.overdue, "ticket"), (counts.late_timers, "timer")):
        if count:
            who = f"1 {what} has" if count == 1 else f"{count} {what}s have"
            lines.append(f"{who} been due for more than {MAX_WAKE_LAG.seconds} s.")
    late = [
        p for p, at in counts.oldest.items() if p is not Priority.COUNTDOWN and now - at > MAX_MESSAGE_AGE
    ]
    if late:
        age = max(now - counts.oldest[priority] for priority in late)
        count = sum(counts.waiting[priority] for priority in late)
        what = "1 message is" if count == 1 else f"{count} messages are"
        lines.append(f"{what} not delivered yet, the oldest for {_minutes(age)}.")
    return lines


def _minutes(age: timedelta) -> str:
    minutes = int(age.total_seconds()) // 60
    return "a minute" if minutes < 2 else f"{minutes} minutes"


def _export(counts: StoreStats, now: datetime) -> None:
    telemetry.tickets.set(counts.tickets)
    telemetry.clocks.set(counts.clocks)
    telemetry.overdue.set(counts.overdue)
    for priority in Priority:
        name, since = priority.name.lower(), counts.oldest.get(priority)
        telemetry.waiting.labels(name).set(counts.waiting.get(priority, 0))
        telemetry.oldest.labels(name).set((now - since).total_seconds() if since else 0)
