"""Several desks on one PostgreSQL, each with a gate of its own, so that it is known who calls Slack."""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from pathlib import Path
from random import Random

from adapters.sql.store import connect
from adapters.sql.tables import EPOCH
from bot.ports import Priority
from demo.slack import Message
from sla_core.events import Event
from tests.process.desk_process import HASTY, DeskProcess
from tests.process.live_site import LiveSite
from tests.process.slack_proxy import CallFilter, HeldCall, SlackProxy

FRIDAY_MORNING = "2026-03-20T10:00:00+01:00"
"""m3ter's Gold hours are open for another twelve hours."""


class Replicas(LiveSite):
    """A house whose desks share their work; what people do goes to any of those that are alive."""

    def __init__(self, folder: Path, database: str, speed: float = 1, module: str = HASTY) -> None:
        super().__init__(folder, speed, at=FRIDAY_MORNING)
        self._database, self._module = database, module
        self.desks: list[DeskProcess] = []
        self.proxies: list[SlackProxy] = []
        self.dead: set[int] = set()
        self.random = Random(7)

    @property
    def database(self) -> str:
        return self._database

    async def __aenter__(self) -> Replicas:
        await super().__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        for desk in self.desks:
            await desk.kill()
        for proxy in self.proxies:
            await proxy.close()
        await super().__aexit__(None, None, None)

    async def joined(self, number: int = 1, **other: str) -> None:
        """So many more replicas, all at once."""
        proxies = [SlackProxy(self.slack) for _ in range(number)]
        for proxy in proxies:
            await proxy.open()
        given = self.environment | other
        self.proxies += proxies
        async with asyncio.TaskGroup() as group:
            starting = [
                group.create_task(
                    DeskProcess.start(self.folder, self._module, **given | {"SLACK_API_URL": proxy.url})
                )
                for proxy in proxies
            ]
        self.desks += [task.result() for task in starting]
        self.turn()

    @property
    def environment(self) -> dict[str, str]:
        return {name: value for name, value in super().environment.items() if name != "SLACK_API_URL"}

    @property
    def alive(self) -> list[int]:
        return [nth for nth in range(len(self.desks)) if nth not in self.dead]

    def turn(self, to: int | None = None) -> None:
        """What people do next goes to this one, or to any that is alive."""
        self.slack.bot_url = self.desks[self.random.choice(self.alive) if to is None else to].events

    async def kills(self, nth: int) -> None:
        self.dead.add(nth)
        self.turn()
        await self.desks[nth].kill()

    def freezes(self, nth: int) -> None:
        """Freezes the process; its connections stay open."""
        self.dead.add(nth)
        self.turn()
        self.desks[nth].process.send_signal(signal.SIGSTOP)

    def thaws(self, nth: int) -> None:
        self.desks[nth].process.send_signal(signal.SIGCONT)
        self.dead.discard(nth)

    def hold_all(self, matches: CallFilter, *, after: bool = False) -> list[HeldCall]:
        """Hold the next such call of each replica."""
        return [proxy.hold(matches, after=after) for proxy in self.proxies]

    def release_all(self) -> None:
        for proxy in self.proxies:
            proxy.release_all()

    async def histories(self) -> dict[str, tuple[Event, ...]]:
        """Every ticket with its events, also while desks run."""
        async with connect(self.database) as store:
            keys = [key for account in ("acme", "silverline") for key in await store.tickets(account)]
            return {key: await store.load(key) for key in reversed(keys)}

    async def has_said_all(self) -> bool:
        """Whether nothing waits but countdowns, which may always wait."""
        async with connect(self.database) as store:
            waiting = (await store.store_stats(EPOCH)).waiting
        return not any(number for priority, number in waiting.items() if priority != Priority.COUNTDOWN)

    def repeats(self, messages: list[Message]) -> int:
        """How many of these were said before, word for word."""
        return sum(number - 1 for number in Counter(self.text(message) for message in messages).values())
