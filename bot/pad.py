"""A notebook in memory, for a desk that has nothing to remember beyond its own end."""

from __future__ import annotations


class Pad:
    """A Notebook of dicts."""

    def __init__(self) -> None:
        self._pages: dict[str, dict[str, str]] = {}

    async def note(self, topic: str, key: str, value: str) -> None:
        self._pages.setdefault(topic, {})[key] = value

    async def noted(self, topic: str, key: str) -> str | None:
        return self._pages.get(topic, {}).get(key)

    async def notes(self, topic: str) -> dict[str, str]:
        return dict(self._pages.get(topic, {}))

    async def forget(self, topic: str, key: str) -> None:
        self._pages.get(topic, {}).pop(key, None)
