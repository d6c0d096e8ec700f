"""A notebook in memory, for a desk that has nothing to remember beyond its own end."""

from __future__ import annotations

from datetime import datetime


class Pad:
    """A Notebook of dicts."""

    def __init__(self) -> None:
        self.pages: dict[str, dict[str, str]] = {}
        self.locks: dict[str, tuple[str, datetime]] = {}

    async def note(self, topic: str, key: str, value: str) -> None:
        self.pages.setdefault(topic, {})[key] = value

    async def noted(self, topic: str, key: str) -> str | None:
        return self.pages.get(topic, {}).get(key)

    async def notes(self, topic: str) -> dict[str, str]:
        return dict(self.pages.get(topic, {}))

    async def forget(self, topic: str, key: str) -> None:
        self.pages.get(topic, {}).pop(key, None)

    async def try_lock(self, name: str, holder: str, until: datetime, now: datetime) -> bool:
        held = self.locks.get(name)
        if held is not None and held[0] != holder and held[1] > now:
            return False
        self.locks[name] = (holder, until)
        return True

    async def unlock(self, name: str, holder: str) -> None:
        if name in self.locks and self.locks[name][0] == holder:
            del self.locks[name]
