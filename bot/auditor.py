"""Looks, apart from the loops that do the work, whether anything due was left lying, and says so."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from bot import drill, metrics
from bot.desk.alone import alone
from bot.desk.core import Desk
from bot.ports import Clock, Message, Never, NotNow, Priority
from bot.views import Notice
from sla_core.countdown import Tone

log = structlog.get_logger(__name__)

EVERY = timedelta(seconds=20)
"""Between looks, in real time."""
TOO_LATE = timedelta(seconds=30)
"""For a wake-up."""
TOO_OLD = timedelta(seconds=60)
"""For a message, but for countdowns, which yield to all others."""
SAY_WITHIN = 5.0
LIFE = timedelta(days=1)
"""How long an alarm is worth saying."""
TOPIC, ALARM = "auditor", "alarm"
"""The note that agents were told; the keys of alarms begin with its topic."""


@dataclass(frozen=True, slots=True)
class Census:
    """Counts of a store. `waiting` and `oldest` are by priority; an age that is not known is left out."""

    tickets: int
    clocks: int
    overdue: int
    waiting: Mapping[Priority, int]
    oldest: Mapping[Priority, datetime]
    late_timers: int = 0


class Counted(Protocol):
    """A store that can be counted, by indexes only: it is asked every few seconds."""

    async def census(self, due_before: datetime) -> Census:
        """`overdue` are the tickets whose wake-up came before then, `late_timers` the timers due by then."""
        ...


@dataclass
class Auditor:
    """`clock` is real time, as are the ages of messages; promises run on the desk's own clock."""

    desk: Desk
    store: Counted
    clock: Clock
    speak: Callable[[str], Awaitable[object]]
    """Delivers what waits in a lane: the loop that should may be what is broken."""
    _readings: deque[tuple[datetime, datetime]] = field(default_factory=deque)
    _alarmed_at: datetime | None = None
    _blind_since: datetime | None = None
    _blind_told: bool = False

    async def run(self) -> None:
        """What fell due while no desk ran is being worked off when it starts: that is no alarm yet."""
        now = self.clock.now()
        _measure(await self.store.census(self._long_ago(now)), now)
        await self._measure_drill()
        while True:
            await self.clock.sleep_until(self.clock.now() + EVERY)
            await self.look()

    async def look(self) -> list[str]:
        """What is left lying, a line each; agents are told when that begins and when it is over."""
        now = self.clock.now()
        try:
            census = await self.store.census(self._long_ago(now))
        except Exception as error:  # that the database is away is what agents are to hear
            return await self._blind(error, now)
        await self._seeing_again()
        _measure(census, now)
        lines = list(_behind(census, now))
        if lines and self._alarmed_at is None:
            self._alarmed_at = now
            metrics.alarms.inc()
            log.error("the desk is behind", what=lines)
        elif not lines and self._alarmed_at is not None:
            since, self._alarmed_at = self._alarmed_at, None
            log.info("the desk has caught up", since=since.isoformat())
        if bool(lines) != bool(await self.desk.notebook.noted(TOPIC, ALARM)):
            await self._tell_once(lines, now)
        await self._measure_drill()
        return lines

    async def _tell_once(self, lines: list[str], now: datetime) -> None:
        """Of several replicas one does."""
        async with alone(self.desk.notebook, TOPIC) as is_ours:
            told = await self.desk.notebook.noted(TOPIC, ALARM)
            if not is_ours or bool(lines) == bool(told):
                return
            if lines:
                words = "Frontline is behind: " + " ".join(lines)
                await self._tell(now.isoformat(), words, _ADVICE, Tone.ALARM)
                await self.desk.notebook.note(TOPIC, ALARM, now.isoformat())
            else:
                words = "Frontline has caught up."
                await self._tell(f"{told}/over", words, "Nothing due is left lying.", Tone.DONE)
                await self.desk.notebook.forget(TOPIC, ALARM)

    async def _measure_drill(self) -> None:
        try:
            await drill.measure(self.desk)
        except Exception:  # what is left lying matters more
            log.exception("when the pager was tested last cannot be told")

    async def _blind(self, error: Exception, now: datetime) -> list[str]:
        self._blind_since = self._blind_since or now
        log.error("the database cannot be asked", why=type(error).__name__)
        if now - self._blind_since <= TOO_OLD:
            return []
        line = "Its database does not answer, so that nothing is decided or said."
        if not self._blind_told:
            self._blind_told = await self._tell_at_once(f"Frontline is behind: {line} {_ADVICE}", Tone.ALARM)
        return [line]

    async def _seeing_again(self) -> None:
        told, self._blind_since, self._blind_told = self._blind_told, None, False
        if told:
            words = "Frontline's database answers again."
            now = self.clock.now().isoformat()
            await self._tell(f"{now}/back", words, "What fell due is being told.", Tone.DONE)

    def _long_ago(self, now: datetime) -> datetime:
        """What the desk's clock showed TOO_LATE ago; a stage clock runs at a speed of its own."""
        self._readings.append((now, self.desk.clock.now()))
        while len(self._readings) > 1 and self._readings[1][0] <= now - TOO_LATE:
            self._readings.popleft()
        real, shown = self._readings[0]
        return shown if real <= now - TOO_LATE else shown - TOO_LATE

    async def _tell(self, key: str, what: str, advice: str, tone: Tone) -> None:
        """By the outbox, which tries again what does not arrive; delivered from here at once."""
        say = Notice((f"{what} {advice}",), tone)
        messages = [
            Message(f"{TOPIC}/{triage}/{key}", None, triage, say, Priority.PAGE)
            for triage in self.desk.triages()
        ]
        await self.desk.store.enqueue(messages)
        for message in messages:
            try:
                await self.speak(message.lane)
            except Exception:  # it is stored, and delivery may yet recover
                log.exception("an alarm could not be delivered", lane=message.lane)

    async def _tell_at_once(self, words: str, tone: Tone) -> bool:
        """Straight to the platforms: without a database there is no outbox. Whether anybody heard."""
        heard = False
        for triage in self.desk.triages():
            try:
                async with asyncio.timeout(SAY_WITHIN):
                    await self.desk.platforms[triage.platform].post(triage, Notice((words,), tone), None)
                heard = True
            except (NotNow, Never, TimeoutError) as problem:
                log.error("agents could not be told", platform=triage.platform, why=str(problem))
        return heard


_ADVICE = "Please look at your tickets yourselves meanwhile; whoever runs the bot: see /readyz and its log."


def _behind(census: Census, now: datetime) -> list[str]:
    lines = []
    for count, what in ((census.overdue, "ticket"), (census.late_timers, "timer")):
        if count:
            who = f"1 {what} has" if count == 1 else f"{count} {what}s have"
            lines.append(f"{who} been due for more than {TOO_LATE.seconds} s.")
    late = [p for p, at in census.oldest.items() if p is not Priority.COUNTDOWN and now - at > TOO_OLD]
    if late:
        age = max(now - census.oldest[priority] for priority in late)
        count = sum(census.waiting[priority] for priority in late)
        what = "1 message is" if count == 1 else f"{count} messages are"
        lines.append(f"{what} not delivered yet, the oldest for {_minutes(age)}.")
    return lines


def _minutes(age: timedelta) -> str:
    minutes = int(age.total_seconds()) // 60
    return "a minute" if minutes < 2 else f"{minutes} minutes"


def _measure(census: Census, now: datetime) -> None:
    metrics.tickets.set(census.tickets)
    metrics.clocks.set(census.clocks)
    metrics.overdue.set(census.overdue)
    for priority in Priority:
        name, since = priority.name.lower(), census.oldest.get(priority)
        metrics.waiting.labels(name).set(census.waiting.get(priority, 0))
        metrics.oldest.labels(name).set((now - since).total_seconds() if since else 0)
