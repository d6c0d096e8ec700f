"""Proves that the store keeps what is written, for /readyz and for the monitor."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from bot.faults import OperatorFault
from bot.ports import Clock, KeyValueStore

log = structlog.get_logger(__name__)

TOPIC, KEY = "write_proof", "last"
TIMEOUT = 3.0
"""Seconds that a write may take."""
GOOD_FOR = timedelta(seconds=1)
"""How long a result stands, so that frequent questions do not become frequent writes."""
_OF_SQLITE = "sqlite3"


@dataclass
class WriteProof:
    """Writes a value, at most once for each GOOD_FOR. `clock` is real time."""

    key_values: KeyValueStore
    clock: Clock
    _found: str | None = None
    _asked_at: datetime | None = None
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def fault(self) -> str | None:
        """Why the store cannot be written, in words that show no secret; None if it can."""
        async with self._lock:
            now = self.clock.now()
            if self._asked_at is None or not timedelta(0) <= now - self._asked_at < GOOD_FOR:
                self._found = await self._try(now)
                self._asked_at = self.clock.now()
            return self._found

    async def _try(self, now: datetime) -> str | None:
        try:
            async with asyncio.timeout(TIMEOUT):
                await self.key_values.put(TOPIC, KEY, now.isoformat())
        except TimeoutError:
            why = f"no answer within {TIMEOUT:g} s"
        except Exception as error:
            why = _words(error)
            log.error("the database cannot be written", why=why, kind=type(error).__name__)
        else:
            return None
        return f"the database cannot be written: {why}"


def _words(error: Exception) -> str:
    """What went wrong. Other drivers' texts may name hosts and users, so their kind must do."""
    if isinstance(error, OperatorFault) or type(error).__module__ == _OF_SQLITE:
        return str(error)
    return f"{type(error).__name__}; the log says more"
