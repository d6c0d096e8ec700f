from __future__ import annotations

import pytest

from adapters.slack import Slack, SlackFault
from adapters.slack.outbound.web_api import SCOPES
from bot.model.address import MessageRef, Place, UserRef
from bot.model.views import Button, Notice
from bot.ports import ChatPlatform, PermanentFailure, TemporaryFailure
from demo.slack import FakeSlack
from tests.scripted_desk import StoppedClock
from tests.slack.conftest import Workspace

HELLO = Notice(("Hello",), buttons=(Button("go", "Go", "1"),))
ACME = Place("slack", "C0ACME")


def test_it_is_a_chat_platform() -> None:
    platform: ChatPlatform = Slack("xoxb-1", "secret", StoppedClock())
    assert platform.name == "slack"
    assert platform.is_group("S0SUPPORT")
    assert not platform.is_group("U0BOB")


async def test_a_post_a_reply_and_an_update(workspace: Workspace) -> None:
    ref = await workspace.ours.post(ACME, HELLO, None)
    reply = await workspace.ours.post(ACME, Notice(("Reply",)), ref)
    await workspace.ours.update(ref, Notice(("Changed",)))
    [top] = workspace.slack.messages(workspace.acme)
    assert ref == MessageRef(ACME, top.ts)
    assert workspace.slack.text_of(top) == "Changed"
    assert top.text == "Changed"
    assert not top.edited
    assert [m.ts for m in workspace.slack.thread(top)] == [reply.id]
    posted = next(call for call in workspace.slack.calls if call.method == "chat.postMessage")
    assert posted.args["unfurl_links"] is False
    assert not posted.args.keys() & {"link_names", "parse"}


async def test_blocks_get_new_ids_when_the_content_is_new(workspace: Workspace) -> None:
    ref = await workspace.ours.post(ACME, HELLO, None)
    [top] = workspace.slack.messages(workspace.acme)
    seen = []
    for view in (HELLO, HELLO, Notice(("Other",))):
        await workspace.ours.update(ref, view)
        seen.append([block["block_id"] for block in top.blocks])
    assert seen[0] == seen[1]
    assert not set(seen[1]) & set(seen[2])


async def test_direct_messages_open_the_conversation_once(workspace: Workspace) -> None:
    bob, ann = UserRef("slack", "T0VENDOR", "U0BOB"), UserRef("slack", "T0ACME", "U0ANN")
    first = await workspace.ours.post(bob, HELLO, None)
    await workspace.ours.post(bob, HELLO, first)
    await workspace.ours.post(ann, HELLO, None)
    assert first.place == Place("slack", workspace.slack.dm(workspace.bob).id, direct=True)
    assert len(workspace.slack.dms(workspace.bob)) == 2
    assert sum(call.method == "conversations.open" for call in workspace.slack.calls) == 2
    with pytest.raises(PermanentFailure):
        await workspace.ours.post(UserRef("teams", "x", "y"), HELLO, None)


@pytest.mark.parametrize(
    ("fault", "after"),
    [
        ({"status": 429, "retry_after": 17}, 17.0),
        ({"status": 500}, None),
        ({"status": 503}, None),
        ({"drop_connection": True}, None),
        ({"accept_then_drop": True}, None),
        *(
            ({"error": error}, after)
            for error, after in {
                "ratelimited": 1.0,
                "internal_error": None,
                "invalid_auth": None,
                "token_revoked": None,
                "not_authed": None,
                "account_inactive": None,
                "missing_scope": None,
            }.items()
        ),
    ],
)
async def test_temporary_failures_are_recognized(
    workspace: Workspace, fault: dict[str, str | int | bool], after: float | None
) -> None:
    workspace.slack.fail_next("chat.postMessage", **fault)  # type: ignore[arg-type]
    with pytest.raises(TemporaryFailure) as caught:
        await workspace.ours.post(ACME, HELLO, None)
    assert caught.value.retry_after == after
    assert "xoxb" not in str(caught.value)
    assert sum(call.method == "chat.postMessage" for call in workspace.slack.calls) == 1


@pytest.mark.parametrize(
    "error",
    [
        "block_mismatch",
        "cannot_dm_bot",
        "cant_update_message",
        "channel_not_found",
        "edit_window_closed",
        "invalid_blocks",
        "is_archived",
        "is_inactive",
        "message_not_found",
        "msg_too_long",
        "not_in_channel",
        "restricted_action",
        "user_not_found",
        "some_new_word",
    ],
)
async def test_permanent_failures_are_recognized(workspace: Workspace, error: str) -> None:
    ref = await workspace.ours.post(ACME, HELLO, None)
    workspace.slack.fail_next("chat.update", error=error)
    workspace.slack.fail_next("chat.postMessage", error=error)
    with pytest.raises(PermanentFailure, match=error):
        await workspace.ours.update(ref, HELLO)
    with pytest.raises(PermanentFailure, match=error):
        await workspace.ours.post(ACME, HELLO, None)


async def test_members_and_places(workspace: Workspace) -> None:
    slack, bob = workspace.slack, workspace.bob
    group = slack.group("support", [bob, workspace.alice])
    assert await workspace.ours.members(group.id) == {
        UserRef("slack", "T0VENDOR", "U0BOB"),
        UserRef("slack", "T0VENDOR", "U0ALICE"),
    }
    with pytest.raises(PermanentFailure, match="no_such_subteam"):
        await workspace.ours.members("S0NONE")
    many = [slack.channel(f"c{number}", [bob], private=number % 2 == 0).id for number in range(450)]
    slack.channel("without-us", [bob], bot=False)
    places = await workspace.ours.places_of(UserRef("slack", "T0VENDOR", bob.id))
    assert places == {Place("slack", channel) for channel in ["C0ACME", *many]}


@pytest.mark.parametrize(
    ("token", "words"),
    [
        ("", "is empty"),
        ("xapp-1-A", "app-level token"),
        ("xoxp-1", "a user's token"),
        ("xoxb-wrong", "invalid_auth"),
    ],
)
async def test_a_wrong_token_is_reported_with_a_fix(token: str, words: str) -> None:
    async with FakeSlack() as slack:
        ours = Slack(token, slack.signing_secret, StoppedClock(), api_url=slack.api_url)
        with pytest.raises(SlackFault, match=words) as caught:
            await ours.start()
        assert "OAuth & Permissions" in str(caught.value)
        assert "\n" not in str(caught.value)
        assert "wrong" not in str(caught.value)


async def test_missing_scopes_are_named() -> None:
    async with FakeSlack(scopes=sorted(SCOPES - {"chat:write", "commands"})) as slack:
        ours = Slack(slack.bot_token, slack.signing_secret, StoppedClock(), api_url=slack.api_url)
        with pytest.raises(SlackFault, match="chat:write, commands"):
            await ours.start()


async def test_all_scopes_suffice() -> None:
    async with FakeSlack(scopes=sorted(SCOPES)) as slack:
        ours = Slack(slack.bot_token, slack.signing_secret, StoppedClock(), api_url=slack.api_url.rstrip("/"))
        await ours.start()
        assert ours.identity.team == slack.workspace.team_id
        await ours.close()


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/api/", "http://nowhere.invalid/api/", "no url"])
async def test_an_unreachable_slack_is_reported(url: str) -> None:
    with pytest.raises(SlackFault, match="cannot be reached at"):
        await Slack("xoxb-1", "secret", StoppedClock(), api_url=url).start()


async def test_an_empty_secret_is_reported() -> None:
    with pytest.raises(SlackFault, match="SLACK_SIGNING_SECRET"):
        await Slack("xoxb-1", " ", StoppedClock()).start()
