"""The servers of bench.opens. `python -m bench.open_servers ROLE FOLDER` reports its URL."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import re
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any

from aiohttp import web
from slack_bolt.adapter.aiohttp import to_aiohttp_response, to_bolt_request
from slack_bolt.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlmodel import SQLModel

from adapters.slack.adapter import Slack
from adapters.slack.rendering.block_kit import MrkdwnRenderer
from adapters.slack.rendering.modals import modal
from adapters.sql.store import connect
from bench.children import report
from bench.load import pinned
from bench.naive import orm_accounts, orm_open
from bench.opens import SECRET, SUMMARY, TICKETS
from bench.stock import ACCOUNTS, CAST, account_id, channel_id, desk_file
from bot.cli.app import GC_THRESHOLDS
from bot.clock import WallClock
from bot.config.directory import Directory
from bot.config.settings import load_desk
from bot.desk.desk import Desk
from bot.desk.routes import dispatch
from bot.model.address import Actor, Place, UserRef
from bot.model.forms import OPENING
from bot.model.inbound import Ask, Command
from bot.runtime import runtime
from bot.telemetry import configure_logs
from demo.slack import FakeSlack

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
EVENTS = "/slack/events"
A_SUBMISSION = {"type": "view_submission", "user": {"id": "U0ALICE", "team_id": "T0VENDOR"}}


@asynccontextmanager
async def ours(folder: Path) -> AsyncIterator[tuple[Handler, list[str]]]:
    configure_logs(quiet=True)
    file = desk_file(folder)
    async with FakeSlack(signing_secret=SECRET) as fake, connect(f"sqlite:///{folder}/{TICKETS}") as store:
        slack = Slack(fake.bot_token, SECRET, WallClock(), api_url=fake.api_url)
        desk = Desk(store, WallClock(), Directory(load_desk(file)), {"slack": slack})
        await slack.start()
        samples = [await _sample(desk, channel_id(nth)) for nth in range(ACCOUNTS)]
        gc.set_threshold(*GC_THRESHOLDS)
        runtime.freeze_loaded_objects()
        yield slack.routes(dispatch(desk))[0][2], samples
        await slack.close()


async def _sample(desk: Desk, channel: str) -> str:
    """Slack's request for the submitted, filled-in form of a channel."""
    alice = Actor(UserRef("slack", "T0VENDOR", "U0ALICE"), "T0VENDOR", "alice")
    asked = Command("sample", desk.clock.now(), alice, Place("slack", channel), "/support", SUMMARY)
    answer = await dispatch(desk)(asked)
    assert isinstance(answer, Ask)
    view: dict[str, Any] = modal(answer.form, MrkdwnRenderer())
    given = CAST.answers()
    values: dict[str, dict[str, Any]] = {}
    for block in view["blocks"]:
        if block["type"] == "input":
            action = block["element"]["action_id"]
            values[block["block_id"]] = {action: _entry(block["element"], given)}
    view |= {"id": "VIEWID", "hash": "1.a", "state": {"values": values}}
    # Each submission is of a form of its own: the same form sent again opens nothing.
    opening = answer.form.context[OPENING]
    return json.dumps({**A_SUBMISSION, "view": view}).replace(opening, "VIEWID")


def _entry(element: dict[str, Any], given: dict[str, str | list[str]]) -> dict[str, Any]:
    kind = element["type"]
    if kind == "plain_text_input":
        return {"type": kind, "value": element.get("initial_value", SUMMARY)}
    for option in element.get("options", ()):
        if option["value"] in given.values():
            return {"type": kind, "selected_option": option}
    return {"type": kind, "selected_option": None}


@asynccontextmanager
async def hello(folder: Path) -> AsyncIterator[tuple[Handler, list[str]]]:
    yield _bolt(False, _nothing), []


@asynccontextmanager
async def floor(folder: Path) -> AsyncIterator[tuple[Handler, list[str]]]:
    yield _bolt(True, _nothing), []


@asynccontextmanager
async def naive(folder: Path) -> AsyncIterator[tuple[Handler, list[str]]]:
    """The usual way of an ORM: a session for each request, objects, a commit."""
    engine = create_async_engine(f"sqlite+aiosqlite:///{folder}/{TICKETS}")
    async with engine.begin() as connection:
        await connection.exec_driver_sql("PRAGMA journal_mode=WAL")
        await connection.run_sync(SQLModel.metadata.create_all)
    accounts = [account_id(nth) for nth in range(ACCOUNTS)]
    await orm_accounts(engine, accounts)
    numbers = count()

    async def open_ticket(body: dict[str, Any]) -> None:
        async with AsyncSession(engine) as session:
            await orm_open(session, body["view"]["id"], accounts[next(numbers) % ACCOUNTS])

    yield _bolt(False, open_ticket), []
    await engine.dispose()


async def _nothing(body: dict[str, Any]) -> None:
    pass


def _bolt(before_response: bool, act: Callable[[dict[str, Any]], Awaitable[None]]) -> Handler:
    async def authorize(team_id: str | None, enterprise_id: str | None) -> AuthorizeResult:
        return AuthorizeResult(enterprise_id=None, team_id="T0VENDOR", bot_id="B0", bot_user_id="U0BOT")

    logger = logging.getLogger("bench.bolt")
    logger.setLevel(logging.CRITICAL)
    app = AsyncApp(
        signing_secret=SECRET, authorize=authorize, process_before_response=before_response, logger=logger
    )

    async def on_submission(ack: Callable[[], Awaitable[None]], body: dict[str, Any]) -> None:
        await act(body)
        await ack()

    app.view_submission(re.compile(""))(on_submission)

    async def receive(request: web.Request) -> web.StreamResponse:
        answer: web.StreamResponse = await to_aiohttp_response(
            await app.async_dispatch(await to_bolt_request(request))
        )
        return answer

    return receive


async def _serve(role: str, folder: Path) -> None:
    pinned(0)
    roles: dict[str, Callable[[Path], AbstractAsyncContextManager[tuple[Handler, list[str]]]]]
    roles = {"ours": ours, "hello": hello, "floor": floor, "naive": naive}
    async with roles[role](folder) as (handler, samples):
        app = web.Application()
        app.router.add_post(EVENTS, handler)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}{EVENTS}"
        report(url=url, samples=samples)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1], Path(sys.argv[2])))
