"""A notebook in memory, for a desk that has nothing to remember beyond its own end."""

from __future__ import annotations

from datetime import datetime

from bot.clock import WallClock
from bot.ports import Clock


class Pad:
    """A Notebook of dicts."""

    def __init__(self) -> None:
        self.real_clock: Clock = WallClock()
        """Says what has expired."""
        self.pages: dict[str, dict[str, str]] = {}
        self.expiries: dict[tuple[str, str], datetime] = {}
        self.locks: dict[str, tuple[str, datetime]] = {}

    async def note(self, topic: str, key: str, value: str, expires_at: datetime | None = None) -> None:
        self._forget_expired()
        self._forget(topic, key)
        self.pages.setdefault(topic, {})[key] = value
        if expires_at is not None:
            self.expiries[topic, key] = expires_at

    async def noted(self, topic: str, key: str) -> str | None:
        self._forget_expired()
        return self.pages.get(topic, {}).get(key)

    async def notes(self, topic: str) -> dict[str, str]:
        self._forget_expired()
        return dict(self.pages.get(topic, {}))

    async def forget(self, topic: str, key: str) -> None:
        self._forget(topic, key)

    async def try_lock(self, name: str, holder: str, until: datetime, now: datetime) -> bool:
        held = self.locks.get(name)
        if held is not None and held[0] != holder and held[1] > now:
            return False
        self.locks[name] = (holder, until)
        return True

    async def unlock(self, name: str, holder: str) -> None:
        if name in self.locks and self.locks[name][0] == holder:
            del self.locks[name]

    def _forget_expired(self) -> None:
        now = self.real_clock.now()
        for topic, key in [name for name, expires_at in self.expiries.items() if expires_at <= now]:
            self._forget(topic, key)

    def _forget(self, topic: str, key: str) -> None:
        self.pages.get(topic, {}).pop(key, None)
        self.expiries.pop((topic, key), None)
