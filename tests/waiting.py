"""Waiting in tests: for a condition, never for a length of time."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, overload

T = TypeVar("T")

PATIENCE = 60.0
"""Seconds for anything that must happen at all. Only a test that fails uses them up."""
POLL_EVERY = 0.01
"""Seconds until it is asked again."""


@overload
async def eventually(
    question: Callable[[], Awaitable[T]], within: float = PATIENCE, every: float = POLL_EVERY
) -> T: ...
@overload
async def eventually(question: Callable[[], T], within: float = PATIENCE, every: float = POLL_EVERY) -> T: ...
async def eventually(question: Callable[[], Any], within: float = PATIENCE, every: float = POLL_EVERY) -> Any:
    """The first truthy answer, asked again and again: for what no event announces.

    What another process or a database does is such a thing. Raises AssertionError with the last answer.
    """
    answer = None
    try:
        async with asyncio.timeout(within):
            while True:
                answer = question()
                if inspect.isawaitable(answer):
                    answer = await answer
                if answer:
                    return answer
                await asyncio.sleep(every)
    except TimeoutError:
        raise AssertionError(f"not within {within:g} s; the last answer was {answer!r}") from None


async def turns(number: int) -> None:
    """Lets every other task run, so many turns of the loop."""
    for _ in range(number):
        await asyncio.sleep(0)
