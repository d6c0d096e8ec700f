"""A desk and a clock for tests of one adapter: the desk records what reaches it and answers as scripted."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from bot.model.inbound import Answer, Done, Inbound

NOON = datetime(2026, 3, 20, 12, 0, tzinfo=UTC)


class StoppedClock:
    """Always shows NOON."""

    def now(self) -> datetime:
        return NOON

    async def sleep_until(self, instant: datetime) -> None:
        raise AssertionError("an adapter does not sleep")


@dataclass
class ScriptedDesk:
    """Records each act in `heard` and returns `answer`: raises it if an exception, calls it if a function."""

    heard: list[Any] = field(default_factory=list)
    answer: Answer | Exception | Callable[[Inbound], Awaitable[Answer]] = field(default_factory=Done)

    async def __call__(self, inbound: Inbound) -> Answer:
        self.heard.append(inbound)
        if isinstance(self.answer, Exception):
            raise self.answer
        if isinstance(self.answer, Done) or not callable(self.answer):
            return self.answer
        return await self.answer(inbound)


async def ready() -> list[str]:
    """The readiness check of a web server that has nothing to report."""
    return []
