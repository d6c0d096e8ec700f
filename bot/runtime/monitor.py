"""Checks, independently of the working loops, whether anything is overdue, and alerts agents."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from bot import telemetry
from bot.clock import SteadyClock, WakeSignal
from bot.desk.desk import Desk, try_lock
from bot.logs import log_fault
from bot.model.views import Notice
from bot.notify.cards import duration
from bot.ports import Clock, Message, PermanentFailure, Priority, TemporaryFailure
from bot.runtime import pager_test
from sla_core.promise import Tone

log = structlog.get_logger(__name__)

EVERY = timedelta(seconds=20)
"""Between checks, in real time."""
PROMISES_EVERY = timedelta(minutes=1)
"""Between two counts of the open promises, which read a row of each open ticket."""
MOST_COUNTED = 20_000
"""How many open tickets' promises are counted: the most urgent ones."""
MAX_WAKE_LAG = timedelta(seconds=30)
"""How late a wake-up or a timer may be before agents are alerted."""
MAX_MESSAGE_AGE = timedelta(seconds=60)
"""How long a message may wait before agents are alerted. Countdowns do not count."""
POST_TIMEOUT = 5.0
ALARM_LIFE = timedelta(days=1)
"""How long to try to deliver an alarm."""
TOPIC, ALARM = "auditor", "alarm"
"""Where the store records that agents were alerted. The topic is also the key prefix of alarms."""


@dataclass(frozen=True, slots=True)
class StoreStats:
    """Counts of a store. `waiting` and `oldest` are by priority; unknown ages are left out."""

    tickets: int
    clocks: int
    overdue: int
    waiting: Mapping[Priority, int]
    oldest: Mapping[Priority, datetime]
    late_timers: int = 0


class ProvableStore(Protocol):
    """A store that can be asked whether it keeps what is written."""

    async def write_fault(self) -> str | None:
        """Writes a value. Says why it was not kept, without hosts, users or secrets; None if it was."""
        ...


class StatsSource(ProvableStore, Protocol):
    """A store with statistics. They must be fast: they are read every few seconds."""

    async def store_stats(self, due_before: datetime) -> StoreStats:
        """The counts now. `overdue` and `late_timers`: tickets and timers that were due by `due_before`."""
        ...


@dataclass
class LagMonitor:
    """Alerts agents when the desk is behind. `clock` and the ages of messages are real time."""

    desk: Desk
    store: StatsSource
    clock: Clock
    send_lane: Callable[[str], Awaitable[object]]
    """Delivers a lane's messages, because the delivery loop may be what is broken."""
    write_proof: WriteProof | None = None
    """Shared with /readyz; None: one of its own."""
    _readings: deque[tuple[datetime, datetime]] = field(default_factory=deque)
    _behind_since: datetime | None = None
    _unreachable_since: datetime | None = None
    _told_unreachable: bool = False
    _told_of_jump: bool = False
    _promises_at: datetime | None = None
    _write_proof: WriteProof = field(init=False)
    _suspicion: WakeSignal = field(default_factory=WakeSignal)

    def __post_init__(self) -> None:
        self._write_proof = self.write_proof or WriteProof(self.store, self.clock)

    async def run(self) -> None:
        """Checks until cancelled, after each EVERY and after a suspicion.

        The first check comes after EVERY, so that a desk can catch up first.
        """
        now = self.clock.now()
        _export(await self.store.store_stats(self._due_before(now)), now)
        await self._export_pager_test()
        await self._export_promises(now)
        while True:
            await self._suspicion.wait(self.clock, self.clock.now() + EVERY)
            await self.check()
            await self.clock.sleep_until(self.clock.now() + GOOD_FOR)

    def suspect(self) -> None:
        """A write has failed: checks now, unless it is known already that the store is unwell."""
        if self._unreachable_since is None:
            self._suspicion.trigger()

    async def _export_promises(self, now: datetime) -> None:
        if self._promises_at is not None and now - self._promises_at < PROMISES_EVERY:
            return
        self._promises_at = now
        try:
            page = await self.desk.store.queue(None, MOST_COUNTED)
        except Exception:  # a metric must not stop the checks
            log.exception("could not count the open promises")
            return
        found = Counter(
            (entry.summary.severity, metric)
            for entry in page.entries
            if entry.summary is not None
            for metric in entry.summary.running
        )
        telemetry.open_promises.clear()
        for (severity, metric), count in found.items():
            telemetry.open_promises.labels(severity, metric).set(count)

    async def check(self) -> list[str]:
        """Checks once and alerts agents when a delay begins or ends. Returns a line for each delay."""
        now = self.clock.now()
        try:
            counts = await self.store.store_stats(self._due_before(now))
        except Exception as error:  # agents are alerted that the database is down
            return await self._store_unreachable("does not answer", type(error).__name__, now)
        if unwritable := await self._write_proof.fault():
            return await self._store_unreachable("cannot be written", unwritable, now)
        await self._store_reachable()
        await self._tell_of_jump(now)
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
        await self._export_promises(now)
        return lines

    async def _tell_of_jump(self, now: datetime) -> None:
        jumped = clock_fault(self.desk.clock)
        if jumped and not self._told_of_jump:
            log.error("the clock jumped", what=jumped)
            words = f"{jumped[0].upper()}{jumped[1:]}."
            advice = "For the operator: check the time of this machine (NTP)."
            await self._tell_agents(f"clock/{now.isoformat()}", words, advice, Tone.WARN)
        self._told_of_jump = bool(jumped)

    async def _tell_agents_once(self, lines: list[str], now: datetime) -> None:
        """Alerts agents from one of several replicas."""
        async with try_lock(self.desk.key_values, TOPIC) as acquired:
            told = await self.desk.key_values.get(TOPIC, ALARM)
            if not acquired or bool(lines) == bool(told):
                return
            if lines:
                words = f"Frontline is behind: {_LATE} {_ADVICE}"
                await self._tell_agents(now.isoformat(), words, _for_operators(lines), Tone.ALARM)
                await self.desk.key_values.put(TOPIC, ALARM, now.isoformat())
            else:
                words = "Frontline has caught up."
                await self._tell_agents(f"{told}/over", words, "Nothing is overdue.", Tone.DONE)
                await self.desk.key_values.delete(TOPIC, ALARM)

    async def _export_pager_test(self) -> None:
        try:
            await pager_test.export_arrivals(self.desk)
        except Exception:  # a metric must not stop the checks
            log_fault(log, "could not read when the pager was last tested")

    async def _store_unreachable(self, what: str, why: str, now: datetime) -> list[str]:
        """`what` is wrong with it: `does not answer` or `cannot be written`."""
        self._unreachable_since = self._unreachable_since or now
        log.error("the database is unwell", what=what, why=why)
        if now - self._unreachable_since <= MAX_MESSAGE_AGE:
            return []
        line = f"Its database {what}."
        if not self._told_unreachable:
            words = f"Frontline is behind: {_STOPPED} {_ADVICE} {_for_operators([line])}"
            self._told_unreachable = await self._post_now(words, Tone.ALARM)
        return [line]

    async def _store_reachable(self) -> None:
        told, self._unreachable_since, self._told_unreachable = self._told_unreachable, None, False
        if told:
            words = "Frontline works again."
            now = self.clock.now().isoformat()
            await self._tell_agents(f"{now}/back", words, "Overdue notices are being sent now.", Tone.DONE)

    def _due_before(self, now: datetime) -> datetime:
        """What the desk's clock showed MAX_WAKE_LAG ago. A simulated clock may run faster than real time."""
        self._readings.append((now, self.desk.clock.now()))
        while len(self._readings) > 1 and self._readings[1][0] <= now - MAX_WAKE_LAG:
            self._readings.popleft()
        real, shown = self._readings[0]
        return shown if real <= now - MAX_WAKE_LAG else shown - MAX_WAKE_LAG

    async def _tell_agents(self, key: str, what: str, advice: str, tone: Tone) -> None:
        """Stores messages to triage in the outbox, which retries them, and delivers them at once."""
        say = Notice((f"{what} {advice}",), tone)
        messages = [
            Message(f"{TOPIC}/{triage}/{key}", None, triage, say, Priority.PAGE)
            for triage in self.desk.triages()
        ]
        await self.desk.store.enqueue(messages)
        for message in messages:
            try:
                await self.send_lane(message.lane)
            except Exception:  # it is stored, and delivery may recover
                log_fault(log, "could not deliver an alarm", lane=message.lane)

    async def _post_now(self, words: str, tone: Tone) -> bool:
        """Posts to triage without the outbox, for when the database is down. Whether any post succeeded."""
        posted = False
        for triage in self.desk.triages():
            try:
                async with asyncio.timeout(POST_TIMEOUT):
                    await self.desk.platforms[triage.platform].post(triage, Notice((words,), tone), None)
                posted = True
            except (TemporaryFailure, PermanentFailure, TimeoutError) as problem:
                log.error("could not alert agents", platform=triage.platform, why=str(problem))
        return posted


_LATE = "warnings, pages and other messages may come late."
_STOPPED = "nothing can be recorded or sent."
_ADVICE = "Please check your tickets yourselves until we tell you here that it works again."


def _for_operators(lines: Sequence[str]) -> str:
    return f"For the operator: {' '.join(lines)} See /readyz and the log."


def clock_fault(clock: Clock) -> str | None:
    """Says that this machine's clock has jumped, while deadlines do not follow it yet; else None."""
    jump = clock.jump if isinstance(clock, SteadyClock) else None
    if jump is None:
        return None
    direction = "ahead" if jump > timedelta(0) else "back"
    return (
        f"this machine's clock was set {direction} by {duration(abs(jump))}; "
        "deadlines follow it once it has held for a minute"
    )


def _lag_lines(counts: StoreStats, now: datetime) -> list[str]:
    lines = []
    late_by = f"more than {MAX_WAKE_LAG.seconds} s late."
    if counts.overdue:
        who = "1 ticket is" if counts.overdue == 1 else f"{counts.overdue} tickets are"
        lines.append(f"{who} handled {late_by}")
    if counts.late_timers:
        who = (
            "1 scheduled task is" if counts.late_timers == 1 else f"{counts.late_timers} scheduled tasks are"
        )
        lines.append(f"{who} {late_by}")
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


TIMEOUT = 3.0
"""Seconds that a write may take."""
GOOD_FOR = timedelta(seconds=1)
"""How long a result stands, so that frequent questions do not become frequent writes."""


@dataclass
class WriteProof:
    """Writes a value, at most once for each GOOD_FOR. `clock` is real time."""

    store: ProvableStore
    clock: Clock
    _found: str | None = None
    _asked_at: datetime | None = None
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def fault(self) -> str | None:
        """Why the store cannot be written, in words that show no secret; None if it can."""
        async with self._lock:
            now = self.clock.now()
            if self._asked_at is None or not timedelta(0) <= now - self._asked_at < GOOD_FOR:
                self._found = await self._try()
                self._asked_at = self.clock.now()
            return self._found

    def forget(self) -> None:
        """The next question writes, however soon it comes: a write of the desk has failed."""
        self._asked_at = None

    async def _try(self) -> str | None:
        try:
            async with asyncio.timeout(TIMEOUT):
                why = await self.store.write_fault()
        except TimeoutError:
            why = f"no answer within {TIMEOUT:g} s"
        if why is None:
            return None
        log.error("the database cannot be written", why=why)
        return f"the database cannot be written: {why}"
