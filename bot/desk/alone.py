"""One replica at a time: for what is to be said once, and by no one in particular."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import uuid4

from bot.clock import real_now
from bot.ports import Notebook

LIFE = timedelta(minutes=1)
"""How long one that died meanwhile keeps the others from it; far longer than saying something takes."""


@asynccontextmanager
async def alone(notebook: Notebook, what: str) -> AsyncIterator[bool]:
    """Whether nobody else is at it. Look up again what was known before: they may just have ended."""
    holder, now = uuid4().hex, real_now()
    is_ours = await notebook.try_lock(what, holder, now + LIFE, now)
    try:
        yield is_ours
    finally:
        if is_ours:
            await notebook.unlock(what, holder)
