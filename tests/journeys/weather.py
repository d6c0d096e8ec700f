"""What goes wrong around a desk: its process dies, the platform is slow, refuses, fails, loses an answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from random import Random

from bot.address import MessageRef, Place, UserRef
from bot.ports import NotNow
from bot.views import View
from tests.harness import FakeChat, Said
from tests.journeys.crashing import Crash, Wire
from tests.virtual_time import time_passes


@dataclass
class Weather:
    """How often things go wrong, of a thousand steps or calls."""

    crashes: float = 10
    limited: float = 20
    failed: float = 20
    lost: float = 15

    def clear(self) -> None:
        self.crashes = self.limited = self.failed = self.lost = 0


@dataclass
class Doubtful(FakeChat):
    """A platform that takes its time and fails now and then."""

    random: Random = field(default_factory=Random)
    weather: Weather = field(default_factory=Weather)
    under: dict[str, Said] = field(default_factory=dict)
    """What was posted, by its key."""

    async def post(
        self, to: Place | UserRef, view: View, thread: MessageRef | None, key: str | None = None
    ) -> MessageRef:
        lost = await self._called()
        ref = await super().post(to, view, thread, key)
        if key is not None:
            self.under.setdefault(key, self.said[-1])
        if lost:
            raise NotNow("connection reset", unsure=True)
        return ref

    async def update(self, message: MessageRef, view: View) -> None:
        lost = await self._called()
        said = self.said[int(message.id) - 1]
        assert said.ref == message
        said.view = view
        said.edits += 1
        if lost:
            raise NotNow("connection reset", unsure=True)

    async def find(
        self, to: Place | UserRef, key: str, thread: MessageRef | None, since: datetime
    ) -> MessageRef | None:
        return self.under[key].ref if key in self.under else None

    async def _called(self) -> bool:
        """Whether the answer will be lost. Raises NotNow."""
        await time_passes(self.random.uniform(0.05, 0.3))
        fate = self.random.random() * 1000
        if fate < self.weather.limited:
            raise NotNow("ratelimited", self.random.randint(1, 30))
        fate -= self.weather.limited
        if fate < self.weather.failed:
            raise NotNow("HTTP 500")
        return fate - self.weather.failed < self.weather.lost


class Weathered(Wire):
    """Kills at random, while there is weather."""

    def __init__(self, random: Random, weather: Weather) -> None:
        super().__init__()
        self.random, self.weather = random, weather
        self._fatal = self._ahead()

    def step(self) -> None:
        self.steps += 1
        if self.steps < self._fatal or not self.weather.crashes:
            return
        self._fatal = self.steps + self._ahead()
        raise Crash

    def _ahead(self) -> int:
        """Each step is as likely as any other to be the next fatal one."""
        return 1 + int(self.random.expovariate(self.weather.crashes / 1000))
