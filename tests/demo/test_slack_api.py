"""The Web API of the fake workspace refuses what Slack refuses."""

import json
from typing import Any

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from demo.slack import FakeSlack, RateLimits
from tests.demo.conftest import Clock, Desk


async def refused(call: Any) -> str:
    with pytest.raises(SlackApiError) as caught:
        await call
    return str(caught.value.response["error"])


async def test_tokens_methods_and_encodings(desk: Desk) -> None:
    url = desk.slack.api_url
    assert await refused(AsyncWebClient(token="xoxb-other", base_url=url).auth_test()) == "invalid_auth"
    assert await refused(desk.bot.client.api_call("pins.list")) == "unknown_method"
    assert (
        await refused(desk.bot.client.api_call("users.info", json={"user": "U0BOB"})) == "invalid_arguments"
    )
    assert (await desk.bot.client.auth_test())["bot_id"] == desk.slack.workspace.bot_id
    assert (await desk.bot.client.api_test(foo="1"))["args"] == {"foo": "1"}
    blocks = json.dumps([{"type": "divider"}])
    fields = {"token": desk.slack.bot_token, "channel": "C0ACME", "text": "form", "blocks": blocks}
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{url}chat.postMessage", data=fields) as response,
    ):
        assert (await response.json())["ok"] is True
    bare = {"channel": "C0ACME", "blocks": [{"type": "divider"}]}
    await desk.bot.client.api_call("chat.postMessage", json=bare)
    assert desk.slack.complaints == ["message with blocks but without text, so its notification is empty"]


async def test_where_a_bot_may_write(desk: Desk) -> None:
    slack, client = desk.slack, desk.bot.client
    away, old = slack.channel("away", [desk.alice], bot=False), slack.channel("old", [desk.alice])
    secret = slack.channel("secret", [desk.alice], bot=False, private=True)
    old.archived = True
    for channel, error in [
        ("C0NONE", "channel_not_found"),
        (away.id, "not_in_channel"),
        (old.id, "is_archived"),
        (secret.id, "channel_not_found"),
    ]:
        assert await refused(client.chat_postMessage(channel=channel, text="x")) == error
    await client.conversations_join(channel=away.id)
    await client.chat_postMessage(channel=away.id, text="x")
    stranger = slack.person("Sue", team="T0OTHER")
    assert await refused(client.conversations_open(users=stranger.id)) == "invalid_user_combination"
    assert (await client.conversations_open(users=desk.ann.id))["channel"]["id"] == "D0ANN"
    eve = slack.person("Eve")
    call = client.chat_postEphemeral(channel="C0ACME", user=eve.id, text="x")
    assert await refused(call) == "user_not_in_channel"
    sent = await client.chat_postMessage(channel=eve.id, text="directly")
    assert sent["channel"] == "D0EVE"


async def test_changing_and_deleting_messages(desk: Desk) -> None:
    slack, client = desk.slack, desk.bot.client
    theirs = await slack.say(desk.alice, desk.acme, "mine")
    assert (
        await refused(client.chat_update(channel="C0ACME", ts=theirs.ts, text="x")) == "cant_update_message"
    )
    assert await refused(client.chat_delete(channel="C0ACME", ts=theirs.ts)) == "cant_delete_message"
    assert await refused(client.chat_update(channel="C0ACME", ts="1.000000", text="x")) == "message_not_found"
    assert await refused(client.api_call("chat.postMessage", json={"channel": "C0ACME"})) == "no_text"
    metadata = {"event_type": "said", "event_payload": {"id": "1"}}
    sent = await client.chat_postMessage(
        channel="C0ACME", text="a", blocks=[{"type": "divider"}], metadata=metadata
    )
    long = client.chat_update(channel="C0ACME", ts=sent["ts"], text="x" * 4001)
    assert await refused(long) == "msg_too_long"
    await client.chat_update(channel="C0ACME", ts=sent["ts"], text="only text")
    message = slack.messages(desk.acme)[-1]
    assert (message.blocks, message.edited, message.metadata) == ([], True, metadata)
    link = await client.chat_getPermalink(channel="C0ACME", message_ts=sent["ts"])
    assert link["permalink"].endswith(f"/C0ACME/p{sent['ts'].replace('.', '')}")
    await client.reactions_add(channel="C0ACME", timestamp=sent["ts"], name="eyes")
    twice = client.reactions_add(channel="C0ACME", timestamp=sent["ts"], name="eyes")
    assert await refused(twice) == "already_reacted"
    await client.chat_delete(channel="C0ACME", ts=sent["ts"])
    assert await refused(client.chat_update(channel="C0ACME", ts=sent["ts"], text="x")) == "message_not_found"
    reply = await client.chat_postMessage(channel="C0ACME", text="orphan", thread_ts=sent["ts"])
    assert "thread_ts" not in reply["message"]
    assert "top level" in slack.complaints[-1]


async def test_reading_channels_and_people(desk: Desk) -> None:
    slack, client = desk.slack, desk.bot.client
    slack.group("support", [desk.bob])
    first = await client.conversations_members(channel="C0ACME", limit=3)
    cursor = first["response_metadata"]["next_cursor"]
    rest = await client.conversations_members(channel="C0ACME", cursor=cursor)
    assert first["members"] + rest["members"] == desk.acme.members
    info = (await client.conversations_info(channel="C0ACME"))["channel"]
    assert (info["is_ext_shared"], info["connected_team_ids"]) == (True, ["T0ACME"])
    listed = (await client.conversations_list(types=["public_channel", "private_channel"]))["channels"]
    assert [channel["id"] for channel in listed] == ["C0ACME"]
    assert "connected_team_ids" not in listed[0]
    assert (await client.usergroups_users_list(usergroup="S0SUPPORT"))["users"] == ["U0BOB"]
    assert (await client.usergroups_list(include_users=True))["usergroups"][0]["users"] == ["U0BOB"]
    assert await refused(client.usergroups_users_list(usergroup="S0NONE")) == "no_such_subteam"
    assert await refused(client.users_info(user="U0NONE")) == "user_not_found"
    bob = (await client.users_info(user="U0BOB"))["user"]
    assert (bob["real_name"], bob["profile"]["email"]) == ("Bob", "bob@vendor.example")
    mine = await client.users_conversations(user="U0ANN", types="public_channel,im")
    assert [channel["id"] for channel in mine["channels"]] == ["C0ACME"]


async def test_history_and_replies(desk: Desk) -> None:
    client = desk.bot.client
    top = await client.chat_postMessage(channel="C0ACME", text="top")
    metadata = {"event_type": "said", "event_payload": {"id": "7"}}
    for number in range(3):
        await client.chat_postMessage(
            channel="C0ACME", text=f"reply {number}", thread_ts=top["ts"], metadata=metadata
        )
    await client.chat_postMessage(channel="C0ACME", text="later")
    history = await client.conversations_history(channel="C0ACME")
    assert [message["text"] for message in history["messages"]] == ["later", "top"]
    assert history["messages"][1]["reply_count"] == 3
    one = await client.conversations_replies(
        channel="C0ACME", ts=top["ts"], limit=2, include_all_metadata=True
    )
    assert [message["text"] for message in one["messages"]] == ["top", "reply 0", "reply 1"]
    assert one["messages"][1]["metadata"] == metadata
    cursor = one["response_metadata"]["next_cursor"]
    two = await client.conversations_replies(channel="C0ACME", ts=top["ts"], limit=2, cursor=cursor)
    assert [message["text"] for message in two["messages"]] == ["top", "reply 2"]
    since = await client.conversations_history(channel="C0ACME", oldest=top["ts"])
    assert [message["text"] for message in since["messages"]] == ["later"]
    assert await refused(client.conversations_replies(channel="C0ACME", ts="1.0")) == "thread_not_found"


async def test_failures_on_demand(desk: Desk) -> None:
    slack, client = desk.slack, desk.bot.client
    slack.fail_next("chat.postMessage", error="is_archived", channel="C0OTHER")
    slack.fail_next("chat.postMessage", status=429, retry_after=7)
    with pytest.raises(SlackApiError) as limited:
        await client.chat_postMessage(channel="C0ACME", text="x")
    assert limited.value.response.headers["Retry-After"] == "7"
    slack.fail_next("chat.postMessage", status=500)
    with pytest.raises(SlackApiError) as broken:
        await client.chat_postMessage(channel="C0ACME", text="x")
    assert broken.value.response.status_code == 500

    careful = AsyncWebClient(token=slack.bot_token, base_url=slack.api_url, retry_handlers=[])
    slack.fail_next("chat.postMessage", drop_connection=True)
    with pytest.raises(aiohttp.ClientError):
        await careful.chat_postMessage(channel="C0ACME", text="lost")
    assert slack.messages(desk.acme) == []
    slack.fail_next("chat.postMessage", accept_then_drop=True)
    with pytest.raises(aiohttp.ClientError):
        await careful.chat_postMessage(channel="C0ACME", text="taken")
    assert [message.text for message in slack.messages(desk.acme)] == ["taken"]
    await client.chat_postMessage(channel="C0ACME", text="clear sky")


async def test_rate_limits_and_scopes() -> None:
    clock = Clock()
    limits = RateLimits({"chat.update": 2}, clock=clock)
    async with FakeSlack(rate_limits=limits, scopes=["chat:write"]) as slack:
        slack.channel("acme")
        slack.channel("other")
        client = AsyncWebClient(token=slack.bot_token, base_url=slack.api_url)
        sent = await client.chat_postMessage(channel="C0ACME", text="x")
        assert await refused(client.chat_postMessage(channel="C0ACME", text="x")) == "ratelimited"
        await client.chat_postMessage(channel="C0OTHER", text="x")
        for text in "ab":
            await client.chat_update(channel="C0ACME", ts=sent["ts"], text=text)
        clock.now = 20.0
        with pytest.raises(SlackApiError) as limited:
            await client.chat_update(channel="C0ACME", ts=sent["ts"], text="c")
        assert limited.value.response.headers["Retry-After"] == "40"
        clock.now = 60.0
        await client.chat_update(channel="C0ACME", ts=sent["ts"], text="c")
        assert await refused(client.users_info(user="U0X")) == "missing_scope"


async def test_bad_blocks_and_views_are_refused_with_pointers(desk: Desk) -> None:
    header = {"type": "header", "text": {"type": "mrkdwn", "text": "x"}}
    with pytest.raises(SlackApiError) as caught:
        await desk.bot.client.chat_postMessage(channel="C0ACME", text="x", blocks=[header])
    assert caught.value.response["error"] == "invalid_blocks"
    [fault] = caught.value.response["response_metadata"]["messages"]
    assert fault == "[ERROR] must be one of: plain_text [json-pointer:/blocks/0/text/type]"
    assert (
        await refused(desk.bot.client.views_publish(user_id="U0BOB", view={"type": "home"}))
        == "invalid_arguments"
    )
    await desk.bot.client.views_publish(user_id="U0BOB", view={"type": "home", "blocks": []})
    assert desk.slack.home_of(desk.bob) is not None
    assert (
        await refused(desk.bot.client.views_open(trigger_id="1.2.3", view={"type": "modal"}))
        == "invalid_arguments"
    )
