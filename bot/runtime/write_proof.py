"""Proves that the store keeps what is written, for /readyz and for the monitor."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from bot.ports import Clock

log = structlog.get_logger(__name__)

TIMEOUT = 3.0
"""Seconds that a write may take."""
GOOD_FOR = timedelta(seconds=1)
"""How long a result stands, so that frequent questions do not become frequent writes."""


class ProvableStore(Protocol):
    """A store that can be asked whether it keeps what is written."""

    async def write_fault(self) -> str | None:
        """Writes a value. Says why it was not kept, without hosts, users or secrets; None if it was."""
        ...


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
