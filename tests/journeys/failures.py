"""What goes wrong around a desk: its process dies, the platform is slow, refuses, fails, loses an answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from random import Random

from bot.model.address import MessageRef, Place, UserRef
from bot.model.views import View
from bot.ports import TemporaryFailure
from tests.harness import FakeChat, PostedMessage
from tests.journeys.crash_points import Crash, CrashPoints
from tests.virtual_time import time_passes


@dataclass
class FailureRates:
    """How often things go wrong, of a thousand steps or calls."""

    crashes: float = 10
    limited: float = 20
    failed: float = 20
    lost: float = 15

    def clear(self) -> None:
        self.crashes = self.limited = self.failed = self.lost = 0


@dataclass
class UnreliableChat(FakeChat):
    """A platform that takes its time and fails now and then."""

    random: Random = field(default_factory=Random)
    failure_rates: FailureRates = field(default_factory=FailureRates)
    by_key: dict[str, PostedMessage] = field(default_factory=dict)
    """What was posted, by its key."""

    async def post(
        self, to: Place | UserRef, view: View, thread: MessageRef | None, key: str | None = None
    ) -> MessageRef:
        lost = await self._called()
        ref = await super().post(to, view, thread, key)
        if key is not None:
            self.by_key.setdefault(key, self.posted[-1])
        if lost:
            raise TemporaryFailure("connection reset", maybe_delivered=True)
        return ref

    async def update(self, message: MessageRef, view: View) -> None:
        lost = await self._called()
        said = self.posted[int(message.id) - 1]
        assert said.ref == message
        said.view = view
        said.edits += 1
        if lost:
            raise TemporaryFailure("connection reset", maybe_delivered=True)

    async def find(
        self, to: Place | UserRef, key: str, thread: MessageRef | None, since: datetime
    ) -> MessageRef | None:
        return self.by_key[key].ref if key in self.by_key else None

    async def _called(self) -> bool:
        """Whether the answer will be lost. Raises TemporaryFailure."""
        await time_passes(self.random.uniform(0.05, 0.3))
        fate = self.random.random() * 1000
        if fate < self.failure_rates.limited:
            raise TemporaryFailure("ratelimited", self.random.randint(1, 30))
        fate -= self.failure_rates.limited
        if fate < self.failure_rates.failed:
            raise TemporaryFailure("HTTP 500")
        return fate - self.failure_rates.failed < self.failure_rates.lost


class RandomCrashes(CrashPoints):
    """Kills at random, while there is weather."""

    def __init__(self, random: Random, failure_rates: FailureRates) -> None:
        super().__init__()
        self.random, self.failure_rates = random, failure_rates
        self._fatal = self._ahead()

    def step(self) -> None:
        self.steps += 1
        if self.steps < self._fatal or not self.failure_rates.crashes:
            return
        self._fatal = self.steps + self._ahead()
        raise Crash

    def _ahead(self) -> int:
        """Each step is as likely as any other to be the next fatal one."""
        return 1 + int(self.random.expovariate(self.failure_rates.crashes / 1000))
