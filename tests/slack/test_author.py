"""Replies under the agent's own name and picture, where the app has the scope (platforms.md 1.9)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from adapters.slack import Slack
from adapters.slack.outbound.web_api import AUTHOR, SCOPES
from bot.config.settings import DeskSettings
from bot.model.address import Place, UserRef
from bot.model.views import Mention, Notice
from demo.slack import FakeSlack, Message
from tests.harness import DESK_FILE, directory_of
from tests.scripted_desk import StoppedClock

ACME = Place("slack", "C0ACME")
BOB = UserRef("slack", "T0VENDOR", "U0BOB")
REPLY = Notice(("Bob replied: Hello",), author=Mention(BOB, "Bob"))


@asynccontextmanager
async def slack_with(scopes: frozenset[str]) -> AsyncIterator[tuple[FakeSlack, Slack]]:
    async with FakeSlack(scopes=sorted(scopes)) as slack:
        slack.channel("acme", [slack.person("Alice"), slack.person("Bob")], id=ACME.id)
        ours = Slack(slack.bot_token, slack.signing_secret, StoppedClock(), api_url=slack.api_url)
        await ours.start()
        yield slack, ours
        await ours.close()


def only(slack: FakeSlack) -> Message:
    [message] = slack.workspace.channels[ACME.id].messages
    return message


async def test_the_name_and_the_picture() -> None:
    """The picture is asked for once. Other messages carry the app's name."""
    async with slack_with(SCOPES) as (slack, ours):
        for _ in range(2):
            await ours.post(ACME, REPLY, None, "key")
        await ours.post(ACME, Notice(("Opened",)), None)
        first, second, plain = slack.workspace.channels[ACME.id].messages
        assert (first.username, second.username, plain.username) == ("Bob", "Bob", "")
        assert first.icon_url == second.icon_url == "https://avatars.example/U0BOB-72.png"
        assert sum(call.method == "users.info" for call in slack.calls) == 1
        assert "Bob replied" in slack.text_of(first)


async def test_without_the_scope_all_else_works() -> None:
    async with slack_with(SCOPES - {AUTHOR}) as (slack, ours):
        await ours.post(ACME, REPLY, None)
        assert (only(slack).username, only(slack).icon_url) == ("", "")
        assert "Bob replied" in slack.text_of(only(slack))


@pytest.mark.parametrize("who", [BOB, UserRef("teams", "tenant", "1")])
async def test_a_missing_picture_stops_no_reply(who: UserRef) -> None:
    """Slack fails, or the agent works on Teams."""
    async with slack_with(SCOPES) as (slack, ours):
        slack.fail_next("users.info", error="user_not_found")
        await ours.post(ACME, Notice(("Hello",), author=Mention(who, "B" * 90)), None)
        assert (len(only(slack).username), only(slack).icon_url) == (80, "")


@pytest.mark.parametrize(("lacks", "says"), [(AUTHOR, "agent's name and picture"), ("pins:write", "pinned")])
async def test_doctor_says_what_a_scope_gives(lacks: str, says: str, settings: DeskSettings) -> None:
    async with slack_with(SCOPES - {lacks}) as (_, ours):
        findings = [each.says async for each in ours.examine(settings)]
    assert any("with all required scopes" in each for each in findings)
    assert [each for each in findings if f"without {lacks}" in each and says in each]


async def test_doctor_is_content_with_all_of_them(settings: DeskSettings) -> None:
    async with slack_with(SCOPES) as (_, ours):
        findings = [each.says async for each in ours.examine(settings)]
    assert not [each for each in findings if "without" in each]


@pytest.fixture
def settings(tmp_path_factory: pytest.TempPathFactory) -> DeskSettings:
    return directory_of(tmp_path_factory.mktemp("desk"), DESK_FILE).settings
