"""A gate between the desk and Slack: it lets calls pass, or holds them before or after Slack has heard."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count

from aiohttp import ClientError, ClientSession, web

from demo.slack import FakeSlack
from tests.waiting import PATIENCE

CallFilter = Callable[[str, str], bool]
"""Whether a call is meant, by its method and its body."""


@dataclass
class HeldCall:
    """One call that is held, once it has come."""

    matches: CallFilter
    after: bool
    """Whether Slack has heard it already, so that only the answer is held."""
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    release: asyncio.Event = field(default_factory=asyncio.Event)


class SlackProxy:
    """Serves the Web API on loopback in front of a FakeSlack."""

    def __init__(self, slack: FakeSlack) -> None:
        self.slack = slack
        self.url = ""
        self.calls = 0
        """How many have come."""
        self._holds: list[HeldCall] = []
        self._runner: web.AppRunner | None = None
        self._session: ClientSession | None = None

    async def open(self) -> None:
        self._session = ClientSession()
        app = web.Application(client_max_size=2**22)
        app.router.add_post("/api/{method}", self._pass)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/api/"

    async def close(self) -> None:
        self.release_all()
        if self._runner:
            await self._runner.cleanup()
        if self._session:
            await self._session.close()

    def hold(self, matches: CallFilter, *, after: bool = False) -> HeldCall:
        """Hold the next call that is meant, until it is let or the desk is gone."""
        self._holds.append(HeldCall(matches, after))
        return self._holds[-1]

    def release_all(self) -> None:
        for hold in self._holds:
            hold.release.set()
        self._holds.clear()

    async def _pass(self, request: web.Request) -> web.Response:
        body, method = await request.read(), request.match_info["method"]
        self.calls += 1
        hold = next((h for h in self._holds if h.matches(method, body.decode())), None)
        if hold:
            self._holds.remove(hold)
        if hold and not hold.after:
            hold.arrived.set()
            # A desk that disconnects cancels this, and the call never reaches Slack.
            await hold.release.wait()
        assert self._session
        headers = {n: v for n, v in request.headers.items() if n in ("Content-Type", "Authorization")}
        try:
            async with self._session.post(
                f"{self.slack.api_url}{method}", data=body, headers=headers
            ) as said:
                answer, status = await said.read(), said.status
                kept = {n: v for n, v in said.headers.items() if n in ("Retry-After", "X-OAuth-Scopes")}
        except ClientError:
            raise web.HTTPBadGateway from None
        if hold and hold.after:
            hold.arrived.set()
            await hold.release.wait()
        return web.Response(body=answer, status=status, headers=kept, content_type="application/json")


async def first_to_come(holds: Sequence[HeldCall], within: float = PATIENCE) -> int:
    """The first of these holds to receive a call. Raises TimeoutError if none does."""
    waiting = [asyncio.create_task(hold.arrived.wait()) for hold in holds]
    done, late = await asyncio.wait(waiting, timeout=within, return_when=asyncio.FIRST_COMPLETED)
    for task in late:
        task.cancel()
    if not done:
        raise TimeoutError(f"nobody called within {within:g} s")
    return next(nth for nth, task in enumerate(waiting) if task in done)


def calls_saying(words: str, method: str = "chat.postMessage") -> CallFilter:
    return lambda called, body: called == method and words in body


def nth_call(number: int) -> CallFilter:
    """Whichever call comes so many calls from now."""
    come = count(1)
    return lambda called, body: next(come) == number


def calls_of(method: str) -> CallFilter:
    return lambda called, body: called == method
