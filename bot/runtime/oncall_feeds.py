"""Fetches the calendars that say who is on call, and keeps the last good one of each."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from bot.config.environment import variable
from bot.config.oncall_calendar import OnCallFeed, UnreadableCalendar
from bot.ports import Clock, KeyValueStore, TemporaryFailure

log = structlog.get_logger(__name__)

TOPIC = "oncall_feed"
"""Where the last good calendars are stored, by role."""
FETCH_EVERY = timedelta(minutes=5)

Fetch = Callable[[str], Awaitable[str]]
"""Fetches the text at a URL. Raises TemporaryFailure that says what went wrong, without the URL."""
LastGood = Callable[[str], Awaitable[str | None]]
"""The stored calendar of a role."""


async def read_feeds(feeds: Mapping[str, OnCallFeed], fetch: Fetch, last_good: LastGood) -> list[str]:
    """Reads every feed. One that cannot be read keeps its calendar or gets the last good one.

    Returns what went wrong, a line for each feed.
    """
    await asyncio.gather(*(_read(role, feed, fetch, last_good) for role, feed in feeds.items()))
    return [f"rotas.{role}.calendar: {feed.problem}" for role, feed in feeds.items() if feed.problem]


async def _read(role: str, feed: OnCallFeed, fetch: Fetch, last_good: LastGood) -> None:
    try:
        await asyncio.to_thread(feed.read, await fetch(_url(feed.address)))
    except (TemporaryFailure, UnreadableCalendar) as problem:
        used = "its last good version is used"
        if feed.text is None and not await _restored(feed, await last_good(role)):
            used = "nobody is on call until it can be read"
        feed.problem = f"the feed cannot be read: {problem}; {used}"
    else:
        feed.problem = None


def _url(address: str) -> str:
    if address.startswith("$"):
        found = variable(address)
        if not found:
            raise TemporaryFailure(f"set {address[1:]} in the environment to its address")
        address = found
    return f"https://{address.removeprefix('webcal://')}" if address.startswith("webcal://") else address


async def _restored(feed: OnCallFeed, text: str | None) -> bool:
    try:
        await asyncio.to_thread(feed.read, text or "")
    except UnreadableCalendar:
        return False
    return True


@dataclass
class FeedRefresh:
    """The feeds of a running desk. Each replica reads them for itself."""

    feeds: Mapping[str, OnCallFeed]
    fetch: Fetch
    key_values: KeyValueStore
    real_clock: Clock
    _fetched_at: datetime | None = None

    async def learn(self) -> None:
        """Reads the feeds if they were read five minutes ago or more, and stores those that changed."""
        now = self.real_clock.now()
        if not self.feeds or (self._fetched_at and now < self._fetched_at + FETCH_EVERY):
            return
        self._fetched_at = now
        before = {role: feed.text for role, feed in self.feeds.items()}
        for problem in await read_feeds(self.feeds, self.fetch, self._last_good):
            log.warning(problem)
        for role, feed in self.feeds.items():
            if feed.text is not None and feed.text != before[role]:
                await self.key_values.put(TOPIC, role, feed.text)

    async def _last_good(self, role: str) -> str | None:
        return await self.key_values.get(TOPIC, role)
