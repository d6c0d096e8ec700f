"""The local Slack is as strict about tokens, codes and sockets as the real one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from demo.slack import FakeSlack
from demo.slack.web_api.apps import Apps

LINK = "https://slack.com/oauth/v2/authorize?client_id=1.2&scope=chat:write,commands&state=s"


@pytest.fixture
async def slack() -> AsyncIterator[FakeSlack]:
    async with FakeSlack(apps=Apps(rotates=True)) as made:
        yield made


async def call(slack: FakeSlack, method: str, token: str = "", **given: str) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.post(f"{slack.api_url}{method}", data=given) as answer,
    ):
        told: dict[str, Any] = await answer.json()
        return told


async def exchange(slack: FakeSlack, **given: str) -> dict[str, Any]:
    app = {"client_id": "1.2", "client_secret": "client-secret"}
    return await call(slack, "oauth.v2.access", **(app | given))


async def test_a_code_is_good_once(slack: FakeSlack) -> None:
    agreed = slack.apps.authorize(LINK, slack.workspace)
    assert agreed["state"] == "s"
    told = await exchange(slack, code=agreed["code"])
    assert (told["scope"], told["team"]["id"]) == ("chat:write,commands", "T0VENDOR")
    assert (await exchange(slack, code=agreed["code"]))["error"] == "code_already_used"
    assert (await exchange(slack, code="other"))["error"] == "invalid_code"
    assert (await exchange(slack, client_secret="x", code="other"))["error"] == "bad_client_secret"


async def test_a_refresh_token_is_good_once_and_two_tokens_live(slack: FakeSlack) -> None:
    told = await exchange(slack, code=slack.apps.authorize(LINK, slack.workspace)["code"])
    tokens = [told["access_token"]]
    for _ in range(2):
        given = {"grant_type": "refresh_token", "refresh_token": told["refresh_token"]}
        told = await exchange(slack, **given)
        tokens.append(told["access_token"])
        assert (await exchange(slack, **given))["error"] == "invalid_refresh_token"
    alive = [(await call(slack, "auth.test", token))["ok"] for token in tokens]
    assert alive == [False, True, True]


async def test_tokens_are_of_one_workspace(slack: FakeSlack) -> None:
    async with FakeSlack(bot_token="xoxb-acme", team_id="T0ACME", beside=slack) as acme:
        for token, team in ((slack.bot_token, "T0VENDOR"), ("xoxb-acme", "T0ACME")):
            assert (await call(slack, "auth.test", token))["team_id"] == team
        general = acme.channel("general", [])
        theirs = await call(slack, "conversations.info", slack.bot_token, channel=general.id)
        assert theirs["error"] == "channel_not_found"
        acme.apps.uninstall(acme.workspace)
        assert (await call(slack, "auth.test", "xoxb-acme"))["error"] == "account_inactive"
        assert (await call(slack, "auth.test", slack.bot_token))["ok"]


async def test_an_organisations_token_names_the_workspace(slack: FakeSlack) -> None:
    async with FakeSlack(bot_token="", team_id="T0WEST", beside=slack) as west:
        org = {"id": "E0MEGA", "name": "Mega"}
        both = [slack.workspace, west.workspace]
        agreed = slack.apps.authorize(LINK, slack.workspace, enterprise=org, org_wide=both)
        told = await exchange(slack, code=agreed["code"])
        assert (told["team"], told["is_enterprise_install"]) == (None, True)
        token = told["access_token"]
        assert (await call(slack, "users.conversations", token))["error"] == "missing_argument"
        assert (await call(slack, "users.conversations", token, team_id="T0WEST"))["ok"]
        elsewhere = await call(slack, "users.conversations", token, team_id="T0OTHER")
        assert elsewhere["error"] == "team_access_not_granted"


async def test_a_sockets_address_is_good_once(slack: FakeSlack) -> None:
    assert (await call(slack, "apps.connections.open", slack.bot_token))["error"] == "not_allowed_token_type"
    told = await call(slack, "apps.connections.open", slack.apps.app_token)
    async with aiohttp.ClientSession() as session:
        async with session.ws_connect(told["url"]) as socket:
            assert (await socket.receive_json())["type"] == "hello"
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await session.ws_connect(told["url"])
