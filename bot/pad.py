"""A key-value store in memory, for a desk that has nothing to remember beyond its own end."""

from __future__ import annotations

from datetime import datetime

from bot.clock import WallClock
from bot.ports import Clock


class InMemoryKeyValueStore:
    """A KeyValueStore of dicts."""

    def __init__(self) -> None:
        self.real_clock: Clock = WallClock()
        """Says what has expired."""
        self.topics: dict[str, dict[str, str]] = {}
        self.expiries: dict[tuple[str, str], datetime] = {}
        self.locks: dict[str, tuple[str, datetime]] = {}

    async def put(self, topic: str, key: str, value: str, expires_at: datetime | None = None) -> None:
        self._delete_expired()
        self._delete(topic, key)
        self.topics.setdefault(topic, {})[key] = value
        if expires_at is not None:
            self.expiries[topic, key] = expires_at

    async def get(self, topic: str, key: str) -> str | None:
        self._delete_expired()
        return self.topics.get(topic, {}).get(key)

    async def get_all(self, topic: str) -> dict[str, str]:
        self._delete_expired()
        return dict(self.topics.get(topic, {}))

    async def delete(self, topic: str, key: str) -> None:
        self._delete(topic, key)

    async def try_lock(self, name: str, holder: str, until: datetime, now: datetime) -> bool:
        held = self.locks.get(name)
        if held is not None and held[0] != holder and held[1] > now:
            return False
        self.locks[name] = (holder, until)
        return True

    async def unlock(self, name: str, holder: str) -> None:
        if name in self.locks and self.locks[name][0] == holder:
            del self.locks[name]

    def _delete_expired(self) -> None:
        now = self.real_clock.now()
        for topic, key in [name for name, expires_at in self.expiries.items() if expires_at <= now]:
            self._delete(topic, key)

    def _delete(self, topic: str, key: str) -> None:
        self.topics.get(topic, {}).pop(key, None)
        self.expiries.pop((topic, key), None)
