"""An agent's file is uploaded again for the customer; a lost answer is not retried blindly."""

from __future__ import annotations

from typing import Any

import pytest

from adapters.slack.outbound.web_api import FILE_UPLOADS, SCOPES
from adapters.slack.workspaces import file_copies
from bot.model.views import Mention, SharedFile
from bot.ports import PermanentFailure, TemporaryFailure
from demo.slack import FakeSlack
from tests.slack.test_author import ACME, BOB, slack_with


def upload(slack: FakeSlack, content: bytes = b"log lines") -> SharedFile:
    file = slack.workspace.upload(BOB.id, "error.log")
    file.content = content
    return SharedFile("error.log", file.id, Mention(BOB, "Bob"))


def shared(slack: FakeSlack) -> list[tuple[str, bytes, str]]:
    messages = slack.workspace.channels[ACME.id].messages
    return [(file.name, file.content, message.username) for message in messages for file in message.files]


async def test_a_copy_is_a_message_under_the_agents_name() -> None:
    async with slack_with(SCOPES) as (slack, ours):
        await ours.post(ACME, upload(slack), None, "key")
        assert shared(slack) == [("error.log", b"log lines", "Bob")]


@pytest.mark.parametrize(
    "fault", [{"accept_then_drop": True}, {"drop_connection": True}, {"error": "internal_error"}]
)
async def test_a_lost_answer_is_told(fault: dict[str, Any]) -> None:
    """Whether the copy arrived cannot be looked up, so a person has to look."""
    async with slack_with(SCOPES) as (slack, ours):
        slack.fail_next("files.completeUploadExternal", **fault)
        with pytest.raises(PermanentFailure, match=r"error\.log: Slack did not say whether it arrived"):
            await ours.post(ACME, upload(slack), None, "key")
        assert len(shared(slack)) <= 1


async def test_what_is_in_no_channel_yet_is_tried_again() -> None:
    """The upload is not repeated once it is done; a limit of Slack's is waited for."""
    async with slack_with(SCOPES) as (slack, ours):
        file = upload(slack)
        slack.fail_next("files.getUploadURLExternal", drop_connection=True)
        slack.fail_next("files.completeUploadExternal", status=429)
        for _ in range(2):
            with pytest.raises(TemporaryFailure) as busy:
                await ours.post(ACME, file, None, "key")
            assert not busy.value.maybe_delivered or "could not be copied" in str(busy.value)
        await ours.post(ACME, file, None, "key")
        assert len(shared(slack)) == 1
        assert sum(call.method == "files.getUploadURLExternal" for call in slack.calls) == 2


@pytest.mark.parametrize(
    ("breaks", "why"),
    [("scope", "lacks the scope files:write"), ("gone", "file_not_found"), ("large", "larger than 0 MB")],
)
async def test_what_can_never_be_copied(breaks: str, why: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with slack_with(SCOPES - {FILE_UPLOADS} if breaks == "scope" else SCOPES) as (slack, ours):
        file = upload(slack)
        if breaks == "gone":
            slack.workspace.files.clear()
        if breaks == "large":
            monkeypatch.setattr(file_copies, "LARGEST", 3)
        with pytest.raises(PermanentFailure, match=why):
            await ours.post(ACME, file, None, "key")
        assert shared(slack) == []


async def test_the_token_goes_to_slack_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    assert file_copies._is_slacks("https://files.slack.com/files-pri/T-F/a.log", "https://slack.com/api/")
    for url in ("https://evil.example/slack.com", "http://files.slack.com/x", "https://notslack.com/x"):
        assert not file_copies._is_slacks(url, "https://slack.com/api/")
