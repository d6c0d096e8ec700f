"""A message whose answer was lost is found by its mark; what cannot be edited says so; what calls cost."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from adapters.slack import adapter
from bot.model.address import MessageRef, Place
from bot.model.views import Notice
from bot.ports import NotEditable, PermanentFailure, Priority, TemporaryFailure
from tests.slack.conftest import Workspace

HELLO = Notice(("Hello.",))
KEY = "ACME-1/customer/2/reply"


def acme(workspace: Workspace) -> Place:
    return Place("slack", workspace.acme.id)


def just_now() -> datetime:
    return datetime.now(UTC)


async def lost(workspace: Workspace, to: Place, thread: MessageRef | None = None) -> datetime:
    """Post a message that arrives although its answer does not; when that was begun."""
    begun = just_now()
    workspace.slack.fail_next("chat.postMessage", accept_then_drop=True)
    with pytest.raises(TemporaryFailure) as fault:
        await workspace.ours.post(to, HELLO, thread, KEY)
    assert fault.value.maybe_delivered
    return begun


async def test_a_message_with_a_lost_response_is_found(workspace: Workspace) -> None:
    begun = await lost(workspace, acme(workspace))
    found = await workspace.ours.find(acme(workspace), KEY, None, begun)
    (arrived,) = workspace.acme.messages
    assert found == MessageRef(acme(workspace), arrived.ts)


async def test_it_is_found_in_its_thread(workspace: Workspace) -> None:
    root = await workspace.ours.post(acme(workspace), HELLO, None, "root")
    begun = await lost(workspace, acme(workspace), root)
    found = await workspace.ours.find(acme(workspace), KEY, root, begun)
    assert found == MessageRef(acme(workspace), workspace.acme.messages[-1].ts)
    assert await workspace.ours.find(acme(workspace), KEY, None, begun) is None, "not at the top"


async def test_it_is_found_in_a_direct_conversation(workspace: Workspace) -> None:
    bob = workspace.slack.dm(workspace.bob)
    begun = await lost(workspace, Place("slack", bob.id, True))
    found = await workspace.ours.find(Place("slack", bob.id, True), KEY, None, begun)
    assert found is not None
    assert found.id == bob.messages[-1].ts


async def test_a_message_that_did_not_arrive_is_not_found(workspace: Workspace) -> None:
    begun = just_now()
    workspace.slack.fail_next("chat.postMessage", drop_connection=True)
    with pytest.raises(TemporaryFailure):
        await workspace.ours.post(acme(workspace), HELLO, None, KEY)
    await workspace.ours.post(acme(workspace), HELLO, None, "another key")
    assert await workspace.ours.find(acme(workspace), KEY, None, begun) is None


async def test_it_is_found_behind_many_others(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adapter, "_PAGE", 3)
    begun = await lost(workspace, acme(workspace))
    for _ in range(7):
        await workspace.slack.say(workspace.alice, workspace.acme, "and another thing")
    found = await workspace.ours.find(acme(workspace), KEY, None, begun)
    assert found == MessageRef(acme(workspace), workspace.acme.messages[0].ts)


async def test_messages_before_the_first_attempt_are_not_searched(workspace: Workspace) -> None:
    await lost(workspace, acme(workspace))
    later = just_now() + timedelta(minutes=5)
    assert await workspace.ours.find(acme(workspace), KEY, None, later) is None


async def test_the_metadata_reveals_nothing(workspace: Workspace) -> None:
    """Everyone in the channel can read it, so it contains neither a key nor an account."""
    await workspace.ours.post(acme(workspace), HELLO, None, KEY)
    (said,) = workspace.acme.messages
    assert said.metadata is not None
    shown = json.dumps(said.metadata)
    assert not [part for part in KEY.split("/") if part in shown and not part.isdigit()]
    assert set(said.metadata["event_payload"]) == {"mark"}
    assert len(said.metadata["event_payload"]["mark"]) == 32


@pytest.mark.parametrize("error", ["message_not_found", "edit_window_closed", "cant_update_message"])
async def test_a_message_that_cannot_be_edited_any_more(workspace: Workspace, error: str) -> None:
    ref = await workspace.ours.post(acme(workspace), HELLO, None)
    workspace.slack.fail_next("chat.update", error=error)
    with pytest.raises(NotEditable, match=error):
        await workspace.ours.update(ref, HELLO)


async def test_an_archived_channel_takes_nothing_at_all(workspace: Workspace) -> None:
    """A successor would be refused as well."""
    ref = await workspace.ours.post(acme(workspace), HELLO, None)
    workspace.slack.fail_next("chat.update", error="is_inactive")
    with pytest.raises(PermanentFailure) as refusal:
        await workspace.ours.update(ref, HELLO)
    assert not isinstance(refusal.value, NotEditable)


async def test_a_limit_says_for_how_long(workspace: Workspace) -> None:
    workspace.slack.fail_next("chat.postMessage", status=429, retry_after=17)
    with pytest.raises(TemporaryFailure) as busy:
        await workspace.ours.post(acme(workspace), HELLO, None)
    assert (busy.value.retry_after, busy.value.maybe_delivered) == (17, False)


@pytest.mark.parametrize(("error", "maybe_delivered"), [("fatal_error", True), ("ratelimited", False)])
async def test_a_failure_within_slack_may_have_come_after_the_deed(
    workspace: Workspace, error: str, maybe_delivered: bool
) -> None:
    workspace.slack.fail_next("chat.postMessage", error=error)
    with pytest.raises(TemporaryFailure) as fault:
        await workspace.ours.post(acme(workspace), HELLO, None, KEY)
    assert fault.value.maybe_delivered is maybe_delivered


async def test_each_call_is_charged_to_its_rate_limits(workspace: Workspace) -> None:
    """Buckets of this workspace only; countdowns have one more, so that they leave something to the rest."""
    to, ours = acme(workspace), workspace.ours
    ref = MessageRef(to, "1")
    post = {charge.bucket: charge for charge in ours.charges(to, None, Priority.STATE)}
    page = {charge.bucket: charge for charge in ours.charges(to, None, Priority.PAGE)}
    edit = {charge.bucket: charge for charge in ours.charges(to, ref, Priority.STATE)}
    countdown = {charge.bucket: charge for charge in ours.charges(to, ref, Priority.COUNTDOWN)}
    team = ours.identity.team
    assert all(team in bucket for bucket in (*post, *page, *edit, *countdown))
    assert set(post) == set(page)
    assert all(page[bucket].burst > post[bucket].burst for bucket in post)
    assert set(edit) < set(countdown)
    assert not set(post) & set(edit)
    (only,) = set(countdown) - set(edit)
    assert timedelta(minutes=1) / countdown[only].every <= 24
    (shared,) = edit.values()
    assert timedelta(minutes=1) / shared.every + shared.burst <= 50, "its tier, in any minute"
