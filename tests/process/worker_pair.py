"""Two workers on one PostgreSQL with many timers between them, and a platform that counts what it hears."""

from __future__ import annotations

import asyncio
import signal
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import psycopg
from aiohttp import web

from adapters.sql.store import connect
from adapters.sql.tables import micros
from bot.clock import SimulatedClock, parse_instant, real_now
from bot.config.directory import Directory
from bot.config.settings import load_desk
from bot.desk.desk import Desk
from bot.runtime.delivery import SEND_TIMEOUT
from sla_core.engine import evaluate
from sla_core.events import Breached, Event, Opened, Warned, Who
from sla_core.ticket import fold
from tests.desk_file import account
from tests.harness import DESK_FILE, HeldClock
from tests.process.desk_process import environment
from tests.process.forked_process import ForkedProcess
from tests.waiting import PATIENCE, eventually, turns

FRIDAY = parse_instant("2026-03-20T16:00:00+01:00")
"""m3ter's Gold hours have been open for seven hours, and are for another six."""
ACCOUNTS = 20
RESPONSE = {"S1": timedelta(hours=1), "S2": timedelta(hours=4)}
SETTLED = timedelta(seconds=5)


@dataclass
class PlatformServer:
    """The platform's side: each post by its key. Answers overtake each other."""

    finds_posted: bool
    """Whether it can be asked what has arrived."""
    random: Random
    posts: dict[str, list[tuple[float, int]]] = field(default_factory=lambda: defaultdict(list))
    """When each was posted, and by which process."""
    url: str = ""
    calls: int = 0
    _holds_at: int = 0
    timed_out: Counter[str] = field(default_factory=Counter)
    """Posts that were held for so long that their sender gave up: it may post them again."""
    _holding: asyncio.Event = field(default_factory=asyncio.Event)
    _free: asyncio.Event = field(default_factory=asyncio.Event)
    _runner: web.AppRunner | None = None

    async def open(self) -> None:
        app = web.Application()
        for verb in (self.post, self.update, self.find):
            app.router.add_post(f"/{verb.__name__}", verb)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def close(self) -> None:
        if self._runner:
            await self._runner.cleanup()

    async def post(self, request: web.Request) -> web.Response:
        key = request.query["key"]
        self.posts[key].append((time.monotonic(), int(request.query["pid"])))
        return await self.update(request)

    async def update(self, request: web.Request) -> web.Response:
        self.calls += 1
        if self._holds_at and self.calls >= self._holds_at:
            self._holding.set()
            began = time.monotonic()
            await self._free.wait()
            if time.monotonic() - began >= SEND_TIMEOUT / 2:  # the sender counts from its lease
                self.timed_out[request.query["key"]] += 1
        await turns(self.random.randrange(20))
        return web.Response()

    def hold(self) -> None:
        """Answer a few calls more, and none after them until `resume_calls`."""
        self._holding.clear()
        self._free.clear()
        self._holds_at = self.calls + self.random.randrange(3, 12)

    async def call_held(self) -> None:
        """Returns when a call is held."""
        async with asyncio.timeout(PATIENCE):
            await self._holding.wait()

    def resume_calls(self) -> None:
        self._holds_at = 0
        self._free.set()

    async def find(self, request: web.Request) -> web.Response:
        return web.Response(text="yes" if self.finds_posted and request.query["key"] in self.posts else "")


@dataclass(frozen=True)
class Held:
    """A lane that was held when a worker went: under which fence, for which message."""

    lane: str
    fence: str
    key: str


class WorkerPair:
    """Tickets whose first response falls due, one after another, over `lasting` seconds."""

    def __init__(self, folder: Path, url: str, seed: int, *, finds_posted: bool) -> None:
        self.folder, self.url, self.random = folder, url, Random(seed)
        self.platform = PlatformServer(finds_posted, self.random)
        self.file = folder / "frontline.toml"
        self.file.write_text(DESK_FILE + "".join(map(_account, range(ACCOUNTS))), encoding="utf-8")
        self.two: list[ForkedProcess] = []
        self.held: list[Held] = []
        """All that was under way whenever a worker went."""
        self.gone: list[tuple[float, int]] = []
        """When each was killed or frozen, and which process it was."""
        self.recoveries: list[float] = []
        self._watched: list[asyncio.Task[None]] = []
        self._logs: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> WorkerPair:
        await self.platform.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        for watch in self._watched:
            watch.cancel()
        for process in self.two:
            if process.returncode is None:
                process.kill()
                await process.wait()
        await asyncio.gather(*self._logs)
        await self.platform.close()

    # What they work on -----------------------------------------------------------------------

    async def stock(self, tickets: int, lasting: float) -> None:
        """So many tickets; the clock begins to run when they are all there."""
        async with connect(self.url) as store:
            desk = Desk(store, clock := HeldClock(FRIDAY.isoformat()), Directory(load_desk(self.file)))
            for nth in range(tickets):
                severity = "S1" if nth % 3 == 0 else "S2"
                due = FRIDAY + timedelta(seconds=lasting * (nth + 1) / tickets)
                clock.at = due - RESPONSE[severity]
                account = desk.directory.settings.accounts[f"acc{nth % ACCOUNTS}"]
                draft = partial(
                    _opened, account.id, severity, clock.at, desk.directory.policy_on(FRIDAY.date()).version
                )
                await desk.open(f"open {nth}", account, draft)
            await store.simulated_clock(None)
        shown = SimulatedClock(real_now(), FRIDAY, 1.0)
        await self._database(
            "INSERT INTO stage (id, real, stage, speed) VALUES (1, %s, %s, 1)",
            micros(shown.real),
            micros(shown.stage),
        )

    # The workers -----------------------------------------------------------------------------

    async def starts(self) -> None:
        words = (self.url, str(self.file), self.platform.url)
        module = "tests.process.worker_process"
        process = await ForkedProcess.start(words, self.folder, environment(), module)
        self.two.append(process)
        async with asyncio.timeout(PATIENCE):
            if await process.stdout.readline() != b"ready\n":
                raise AssertionError(f"it ended at once: {(await process.stderr.read()).decode()}")
        self._logs.append(asyncio.create_task(self._logged(process)))

    async def _logged(self, process: ForkedProcess) -> None:
        """Else a worker with much to say would wait for a reader."""
        with (self.folder / "workers.log").open("ab") as log:
            async for line in process.stderr:
                log.write(line)

    async def kills_one(self) -> None:
        """SIGKILL to one of the two, whichever, while a call is held; another takes its place."""
        await self.platform.call_held()
        victim = self.two.pop(self.random.randrange(2))
        victim.kill()
        await victim.wait()
        await self._watch(victim.pid)
        self.platform.resume_calls()
        await self.starts()

    async def freezes_one(self) -> None:
        """Freezes the worker until the other one has taken over its work."""
        await self.platform.call_held()
        victim = self.random.choice(self.two)
        victim.send_signal(signal.SIGSTOP)
        recovered = await self._watch(victim.pid)
        self.platform.resume_calls()
        await recovered
        victim.send_signal(signal.SIGCONT)

    async def _watch(self, pid: int) -> asyncio.Task[None]:
        """From now on, until everything that this one had in hand is in another's."""
        asked = "SELECT lane, fence, sending FROM lane WHERE sending IS NOT NULL AND fence IS NOT NULL"
        self.gone.append((time.monotonic(), pid))
        held = [Held(*map(str, row)) for row in await self._database(asked)]
        self.held += held
        watch = asyncio.create_task(self._recovered(set(held), time.monotonic()))
        self._watched.append(watch)
        return watch

    async def _recovered(self, held: set[Held], since: float) -> None:
        asked = "SELECT lane, fence FROM lane WHERE fence IS NOT NULL"

        async def in_other_hands() -> bool:
            fences = {(str(lane), str(fence)) for lane, fence in await self._database(asked)}
            return not any((each.lane, each.fence) in fences for each in held)

        await eventually(in_other_hands, every=0.1)
        self.recoveries.append(time.monotonic() - since)

    async def stops(self) -> list[int]:
        """SIGTERM to both; their exit codes."""
        for process in self.two:
            process.terminate()
        async with asyncio.timeout(PATIENCE):
            return [await process.wait() for process in self.two]

    # The outcome -----------------------------------------------------------------------------

    async def quiet(self, within: float) -> None:
        """Waits until all tickets breached, only countdowns are unsent and no dead worker has a job."""
        asked = (
            "SELECT (SELECT count(*) FROM ticket) - (SELECT count(DISTINCT ticket) FROM event WHERE kind ="
            " 'Breached') + (SELECT count(*) FROM outbox WHERE state = 'waiting' AND priority < 4)"
        )

        async def all_done() -> bool:
            return await self._database(asked) == [(0,)]

        try:
            await eventually(all_done, within, every=0.2)
        except AssertionError:
            raise AssertionError(await self._left_lying()) from None
        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(*self._watched)

    async def _left_lying(self) -> list[list[tuple[Any, ...]]]:
        """The state of what should be finished by now."""
        asked = (
            "SELECT lane, count(*), min(key), max(why) FROM outbox WHERE state = 'waiting' GROUP BY lane",
            "SELECT * FROM lane",
            "SELECT lock, status, worker_id FROM procrastinate_jobs",
            "SELECT id, now() - last_heartbeat FROM procrastinate_workers",
            "SELECT state, wait_event, now() - state_change, left(query, 60) FROM pg_stat_activity"
            " WHERE datname = current_database() AND state <> 'idle'",
            "SELECT key FROM ticket WHERE key NOT IN (SELECT ticket FROM event WHERE kind = 'Breached')",
        )
        return [await self._database(each) for each in asked]

    async def histories(self) -> dict[str, tuple[Event, ...]]:
        async with connect(self.url) as store:
            keys = [key for nth in range(ACCOUNTS) for key in await store.tickets(f"acc{nth}")]
            return {key: await store.load(key) for key in keys}

    async def decided(self, tickets: int) -> Counter[str]:
        """How many of each; each was decided once, in its time, and nothing was left out."""
        shown = FRIDAY + (real_now() - await self._begun()) - SETTLED
        histories, settings = await self.histories(), load_desk(self.file)
        assert len(histories) == tickets
        fired: Counter[str] = Counter()
        for key, events in histories.items():
            told = [event for event in events if isinstance(event, Warned | Breached)]
            once = Counter((type(event), event.metric, event.run) for event in told)
            assert set(once.values()) <= {1}, (key, once)
            assert all(event.at >= event.due_at for event in told if isinstance(event, Breached))
            ticket = fold(key, events)
            policy = Directory(settings).policy(ticket.opened.version)
            assert evaluate(ticket, policy, max(shown, events[-1].at)).events == (), key
            fired.update(type(event).__name__ for event in told)
        return fired

    async def said(self) -> dict[str, int]:
        """What was posted more than once. All that was decided was posted, and nothing else."""
        asked = "SELECT key FROM outbox WHERE edits IS NULL AND state <> 'superseded'"
        decided = {str(key) for (key,) in await self._database(asked)}
        assert decided == set(self.platform.posts)
        repeated = {key: len(posts) - 1 for key, posts in self.platform.posts.items() if len(posts) > 1}
        in_hand = Counter(held.key for held in self.held) + self.platform.timed_out
        unasked = [key for key, times in repeated.items() if times > in_hand[key]]
        assert not unasked, [(key, in_hand[key], self.platform.posts[key], self.gone) for key in unasked]
        return repeated

    async def latest_delay(self) -> float:
        """Seconds from a breach's instant to its commit, of the latest."""
        events = [event for each in (await self.histories()).values() for event in each]
        return max((e.at - e.due_at).total_seconds() for e in events if isinstance(e, Breached))

    async def _begun(self) -> datetime:
        async with connect(self.url) as store:
            clock = await store.simulated_clock(None)
        assert clock is not None
        return clock.real

    async def _database(self, asked: str, *given: Any) -> list[tuple[Any, ...]]:
        """Past the store; it may be away for a while."""

        def run() -> list[tuple[Any, ...]]:
            with psycopg.connect(self.url, autocommit=True) as connection:
                cursor = connection.execute(asked.encode(), given)
                return cursor.fetchall() if cursor.description else []

        async def answered() -> list[list[tuple[Any, ...]]]:
            try:
                return [await asyncio.to_thread(run)]
            except psycopg.OperationalError:
                return []

        rows: list[list[tuple[Any, ...]]] = await eventually(answered, every=0.2)
        return rows[0]


def _account(nth: int) -> str:
    return account(f"acc{nth}", f"Customer {nth}", channel=f"slack:C0ACC{nth}")


def _opened(account: str, severity: str, at: datetime, version: str) -> Opened:
    return Opened(
        at=at,
        by=Who("slack:T0ACME:U0ALICE", "Alice"),
        account=account,
        vendor="m3ter",
        plan="gold",
        version=version,
        severity=severity,
        clause="M3-08",
        why="production is down",
        summary="Bills are slow",
        details="",
        answers={},
        channel=f"slack:C0ACC{account.removeprefix('acc')}",
    )
