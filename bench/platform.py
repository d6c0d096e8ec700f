"""A chat platform that only counts: it waits before it answers a send, and records arrivals."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime

import aiohttp
from aiohttp import web

from adapters.slack.outbound import web_api
from bot.model.address import Location, MessageRef, Place, UserRef
from bot.model.views import Notice, View
from bot.ports import Charge, Priority, TemporaryFailure

SEND = 0.005
"""Seconds for one send."""


@dataclass(frozen=True, slots=True)
class Sent:
    at: float
    where: str
    key: str
    edit: bool


@dataclass
class Counting:
    """The server. `sent` is in the order of arrival."""

    send: float = SEND
    hanging: frozenset[str] = frozenset()
    """Places whose calls are never answered."""
    sent: list[Sent] = field(default_factory=list)
    url: str = ""
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    async def take(self, request: web.Request) -> web.Response:
        said = request.query
        self.sent.append(Sent(time.time(), said["where"], said["key"], "edit" in said))
        self._news.set()
        await self._answers(said["where"], self.send)
        return web.Response(text=said["key"])

    async def find(self, request: web.Request) -> web.Response:
        known = next((sent for sent in self.sent if sent.key == request.query["key"]), None)
        if known is not None:
            await self._answers(known.where, 0)
        return web.Response(text="found" if known else "")

    async def _answers(self, where: str, within: float) -> None:
        await asyncio.sleep(within if where not in self.hanging else 3_600)

    async def until(self, number: int, within: float) -> None:
        """Waits until `number` messages have come. Raises TimeoutError."""
        async with asyncio.timeout(within):
            while len(self.sent) < number:
                self._news.clear()
                await self._news.wait()

    def repeats(self) -> int:
        """How many posts came more than once."""
        posts = Counter(sent.key for sent in self.sent if not sent.edit)
        return sum(number - 1 for number in posts.values())

    def by_place(self) -> dict[str, list[Sent]]:
        places: dict[str, list[Sent]] = defaultdict(list)
        for sent in self.sent:
            places[sent.where].append(sent)
        return places


@asynccontextmanager
async def counting(send: float = SEND) -> AsyncIterator[Counting]:
    """Runs a server on loopback."""
    made = Counting(send)
    app = web.Application()
    app.router.add_post("/say", made.take)
    app.router.add_get("/find", made.find)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield made
    finally:
        await runner.cleanup()


class PlatformClient:
    """The client: bot.ports.ChatPlatform without rate limits. Use it in one event loop."""

    name = "slack"

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self._url, self._session = url, session

    async def post(
        self, to: Place | UserRef, view: View, thread: MessageRef | None, key: str | None = None
    ) -> MessageRef:
        place = to if isinstance(to, Place) else Place("slack", to.id, direct=True)
        await self._say({"where": str(place), "key": key or ""})
        return MessageRef(place, f"r-{key}")

    async def update(self, message: MessageRef, view: View) -> None:
        await self._say({"where": str(message.place), "key": message.id, "edit": "1"})

    async def delete(self, message: MessageRef) -> None:
        await self._say({"where": str(message.place), "key": message.id, "delete": "1"})

    async def _say(self, said: dict[str, str]) -> None:
        try:
            async with self._session.post(f"{self._url}/say", params=said) as answer:
                await answer.read()
        except aiohttp.ClientError as fault:
            raise TemporaryFailure(str(fault), maybe_delivered=True) from None

    async def find(
        self, to: Place | UserRef, key: str, thread: MessageRef | None, since: datetime
    ) -> MessageRef | None:
        async with self._session.get(f"{self._url}/find", params={"key": key}) as answer:
            there = await answer.text()
        place = to if isinstance(to, Place) else Place("slack", to.id, direct=True)
        return MessageRef(place, f"r-{key}") if there else None

    async def location(self, message: MessageRef) -> Location:
        return Location()

    def charges(self, to: Place | UserRef, edits: MessageRef | None, priority: Priority) -> Sequence[Charge]:
        return ()

    def is_group(self, id: str) -> bool:
        return False

    async def members(self, group: str) -> frozenset[UserRef]:
        return frozenset()

    async def places_of(self, user: UserRef) -> frozenset[Place]:
        return frozenset()

    async def name_of(self, user: UserRef, place: Place) -> str:
        return user.id


@dataclass
class RateLimitedPlatform:
    """An in-process platform with Slack's rate limits. Records each send with the desk's time."""

    clock: HeldClock
    edits: list[datetime] = field(default_factory=list)
    posts: dict[str, datetime] = field(default_factory=dict)
    name: str = "slack"

    async def post(
        self, to: Place | UserRef, view: View, thread: MessageRef | None, key: str | None = None
    ) -> MessageRef:
        place = to if isinstance(to, Place) else Place("slack", to.id, direct=True)
        self.posts[key or ""] = self.clock.now()
        return MessageRef(place, f"r-{key}")

    async def update(self, message: MessageRef, view: View) -> None:
        assert not isinstance(view, Notice)
        self.edits.append(self.clock.now())

    async def delete(self, message: MessageRef) -> None:
        raise AssertionError("no ticket ends here")

    async def find(
        self, to: Place | UserRef, key: str, thread: MessageRef | None, since: datetime
    ) -> MessageRef | None:
        return None

    async def location(self, message: MessageRef) -> Location:
        return Location()

    def charges(self, to: Place | UserRef, edits: MessageRef | None, priority: Priority) -> Sequence[Charge]:
        return web_api.charges("T0VENDOR", to.id, edits is not None, priority)

    def is_group(self, id: str) -> bool:
        return False

    async def members(self, group: str) -> frozenset[UserRef]:
        return frozenset()

    async def places_of(self, user: UserRef) -> frozenset[Place]:
        return frozenset()

    async def name_of(self, user: UserRef, place: Place) -> str:
        return user.id


class HeldClock:
    """A clock that moves only with `leap`."""

    def __init__(self, at: datetime) -> None:
        self._at = at

    def now(self) -> datetime:
        return self._at

    def leap(self, at: datetime) -> None:
        self._at = max(self._at, at)

    async def sleep_until(self, instant: datetime) -> None:
        self.leap(instant)


def most_within(instants: Collection[datetime], seconds: float) -> int:
    """The highest number of instants within any `seconds`."""
    ordered, first, most = sorted(instants), 0, 0
    for last, instant in enumerate(ordered):
        while (instant - ordered[first]).total_seconds() >= seconds:
            first += 1
        most = max(most, last - first + 1)
    return most
