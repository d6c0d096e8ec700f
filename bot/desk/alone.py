"""One replica at a time: for what is to be said once, and by no one in particular."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import uuid4

from bot.clock import real_now
from bot.ports import KeyValueStore

LOCK_LIFE = timedelta(minutes=1)
"""How long one that died meanwhile keeps the others from it; far longer than saying something takes."""


@asynccontextmanager
async def try_lock(key_values: KeyValueStore, what: str) -> AsyncIterator[bool]:
    """Whether nobody else is at it. Look up again what was known before: they may just have ended."""
    holder, now = uuid4().hex, real_now()
    acquired = await key_values.try_lock(what, holder, now + LOCK_LIFE, now)
    try:
        yield acquired
    finally:
        if acquired:
            await key_values.unlock(what, holder)
