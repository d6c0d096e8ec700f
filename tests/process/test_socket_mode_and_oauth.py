"""The real process with Socket Mode, and with OAuth installations."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from pathlib import Path
from typing import Any

import aiohttp

from demo.slack import Channel, FakeSlack
from tests.harness import DESK_FILE
from tests.process.desk_process import DeskProcess, frontline

ANSWERS = {"Summary": "The printer burns"}
KEY, OTHER_KEY = (b64encode(letter * 32).decode() for letter in (b"k", b"o"))


def vendor(**how: Any) -> FakeSlack:
    slack = FakeSlack(**how)
    bob = slack.person("Bob")
    for name in ("Dana", "Eve", "Mia", "Kim"):
        slack.person(name)
    slack.group("support", [bob], id="S0SUPPORT")
    slack.channel("triage", [bob], id="C0TRIAGE")
    return slack


async def opens_a_ticket(slack: FakeSlack, channel: Channel) -> None:
    """With the first choice of every question."""
    [name] = [member for member in channel.members if member != slack.bot.id]
    person = slack.workspace.users[name]
    await slack.command(person, channel, "/support", "The printer burns")
    view = slack.modal_of(person)
    assert view is not None
    asked = [entry for entry in view.inputs() if not entry.optional and entry.options]
    chosen = {entry.label: entry.options[0] for entry in asked}
    assert (await slack.submit(person, {**ANSWERS, **chosen})).closed


async def seen(slack: FakeSlack, channel: Channel, words: str) -> None:
    await slack.until(lambda: any(words in slack.text_of(m) for m in slack.messages(channel)))


async def test_a_ticket_over_a_socket_without_a_public_address(tmp_path: Path) -> None:
    (tmp_path / "frontline.toml").write_text(DESK_FILE, encoding="utf-8")
    async with vendor(over_socket=True) as slack:
        acme = slack.channel("acme", [slack.person("Alice")], id="C0ACME")
        desk = await DeskProcess.start(
            tmp_path,
            SLACK_API_URL=slack.api_url,
            SLACK_BOT_TOKEN=slack.bot_token,
            SLACK_APP_TOKEN=slack.apps.app_token,
        )
        try:
            await slack.until(lambda: slack.sockets.live)
            await opens_a_ticket(slack, acme)
            await seen(slack, acme, "ACME-1")
            await seen(slack, slack.workspace.channels["C0TRIAGE"], "ACME-1")
            async with aiohttp.ClientSession() as session, session.post(desk.events, data="x") as answer:
                assert answer.status == 404, "nothing unsigned is let in beside the socket"
            await slack.settle()
            assert await desk.stop() == 0
            assert desk.troubles() == []
        finally:
            await desk.kill()


async def test_two_installed_workspaces_survive_a_restart(tmp_path: Path) -> None:
    (tmp_path / "frontline.toml").write_text(DESK_FILE, encoding="utf-8")
    async with (
        vendor(bot_token="") as home,
        FakeSlack(bot_token="", team_id="T0ACME", domain="acme", bot_name="Desk", beside=home) as theirs,
        aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as browser,
    ):
        acme = theirs.channel("acme", [theirs.person("Ann")], id="C0ACME")
        given = {
            "SLACK_API_URL": home.api_url,
            "SLACK_CLIENT_ID": home.apps.client_id,
            "SLACK_CLIENT_SECRET": home.apps.client_secret,
            "SLACK_SIGNING_SECRET": home.signing_secret,
            "FRONTLINE_SECRET_KEY": KEY,
        }
        desk = await DeskProcess.start(tmp_path, **given)
        try:
            for slack in (home, theirs):
                slack.bot_url = desk.events
                async with browser.get(f"{desk.address}/slack/install", allow_redirects=False) as begun:
                    agreed = slack.apps.authorize(begun.headers["Location"], slack.workspace)
                async with browser.get(f"{desk.address}/slack/oauth_redirect", params=agreed) as answer:
                    assert "Frontline is installed in" in await answer.text()
            assert await desk.stop() == 0

            desk = await DeskProcess.start(tmp_path, **given)
            home.bot_url = theirs.bot_url = desk.events
            await opens_a_ticket(theirs, acme)
            await seen(theirs, acme, "ACME-1")
            await seen(home, home.workspace.channels["C0TRIAGE"], "ACME-1")
            for slack in (home, theirs):
                await slack.settle()
            assert await desk.stop() == 0
            assert desk.troubles() == []
        finally:
            await desk.kill()

        lost = await frontline("serve", folder=tmp_path, **{**given, "FRONTLINE_SECRET_KEY": OTHER_KEY})
        assert (lost.code, len(lost.faults)) == (1, 1), lost.err
        assert "FRONTLINE_SECRET_KEY does not decrypt the stored installation T0ACME" in lost.err
        database = (tmp_path / "frontline.db").read_bytes()
        assert not any(token.encode() in database for token in home.apps.grants)


async def test_contradictory_settings_are_refused_with_a_fix(tmp_path: Path) -> None:
    (tmp_path / "frontline.toml").write_text(DESK_FILE, encoding="utf-8")
    app = {"SLACK_CLIENT_ID": "1.2", "SLACK_CLIENT_SECRET": "client-secret", "SLACK_SIGNING_SECRET": "s"}
    cases = {
        "SLACK_BOT_TOKEN: is for one workspace": {
            **app,
            "FRONTLINE_SECRET_KEY": KEY,
            "SLACK_BOT_TOKEN": "xoxb-1",
        },
        "FRONTLINE_SECRET_KEY: is not set": app,
        "FRONTLINE_SECRET_KEY: has a part that is not a key": {**app, "FRONTLINE_SECRET_KEY": "hunter2"},
        "SLACK_CLIENT_SECRET: is not set": {**app, "FRONTLINE_SECRET_KEY": KEY, "SLACK_CLIENT_SECRET": ""},
        "SLACK_APP_TOKEN: is not an app-level": {"SLACK_BOT_TOKEN": "xoxb-1", "SLACK_APP_TOKEN": "xoxb-2"},
    }
    ended = await asyncio.gather(*(frontline("serve", folder=tmp_path, **case) for case in cases.values()))
    for says, end in zip(cases, ended, strict=True):
        assert (end.code, len(end.faults)) == (1, 1), end.err
        assert says in end.err
        assert "hunter2" not in end.err
