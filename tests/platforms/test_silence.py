"""Silence on real adapters: the draft in the agent's direct message, and what becomes of its buttons."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import pytest

from adapters.sql.store import connect
from bot.desk.desk import Desk
from bot.model.views import Audience
from bot.ports import ChatPlatform
from bot.runtime.scheduler import wake_due_tickets
from tests.harness import ALICE, BOB, DeskInMemory, FakeChat, HeldClock, directory_of
from tests.memory_store import MemoryStore
from tests.platforms.conftest import FRIDAY_AFTERNOON, OpenWorkplace
from tests.platforms.desk_files import monetate_desk
from tests.platforms.on_slack import OnSlack
from tests.platforms.on_teams import OnTeams
from tests.platforms.story import Story, open_story
from tests.platforms.workplace import Answers, DisplayedMessage

CHATS = ("slack", "teams")
EMERGENCY: Answers = {"category": "error", "impact": "yes", "reason": "no"}
Emergency = Callable[[str], Awaitable[Story]]


@pytest.fixture
def emergency(open_workplace: OpenWorkplace, tmp_path: Path) -> Emergency:
    """A Monetate emergency of Alice's that Bob has taken."""

    async def on(name: str) -> Story:
        clock, store = HeldClock(FRIDAY_AFTERNOON), MemoryStore()
        workplace = await open_workplace(name, clock, store)
        desk = await open_story(tmp_path, monetate_desk(name), clock, store, [workplace])
        desk.desk.key_values = store
        await opens_emergency(desk)
        await desk.agent("Acknowledge")
        await desk.agent("Take it")
        return desk

    return on


async def opens_emergency(desk: Story) -> None:
    house = desk.customers
    if not isinstance(house, OnSlack):
        await desk.opens("Alice", "Broken images", EMERGENCY)
        return
    alice = house.people["Alice"]
    await house.slack.command(alice, house.acme, "/support", "Broken images")
    await house.slack.choose(alice, "impact", "yes")  # the next question depends on it
    await house.ours.settle()
    assert (await house.slack.submit(alice, EMERGENCY)).errors == {}
    await house.slack.close_modal(alice)
    await desk.deliver()


async def form_of_draft(desk: Story) -> str:
    """The form behind Update, with what stands in its fields."""
    draft, house = desk.refs("/draft/")[-1], desk.agents
    if isinstance(house, OnTeams):
        return json.dumps(await house.opens_dialog("Bob", "Update", draft))
    assert isinstance(house, OnSlack)
    bob = house.people["Bob"]
    await house.slack.press(bob, house.message(draft), "Update")
    modal = house.slack.modal_of(bob)
    assert modal is not None
    await house.slack.close_modal(bob)
    return str(modal.blocks)


def drafts(desk: Story) -> list[DisplayedMessage]:
    return desk.told("/draft/")


async def press_draft(desk: Story, label: str, text: str | None = None) -> str:
    told = await desk.agents.presses("Bob", label, desk.refs("/draft/")[-1], text)
    await desk.deliver()
    return told


@pytest.mark.parametrize("name", CHATS)
async def test_five_silent_hours(emergency: Emergency, name: str) -> None:
    """MON-25: of each hour one draft, one warning to the TAM, and one honest line to the customer."""
    desk = await emergency(name)
    await desk.wait(hours=5, seconds=1)
    assert (await desk.events()).count("Breached") == 5
    assert len(drafts(desk)) == 5
    assert sum("Warning next update is due" in words for words in desk.words("/dm/dana")) == 5
    lines = [words for words in desk.words("/customer/") if "We missed the hourly update" in words]
    assert len(lines) == 5
    assert "Nobody has written to you yet We have now missed 5 updates in a row" in lines[-1]
    assert [draft.labels for draft in drafts(desk)] == [(), (), (), (), ("Send", "Update")]
    assert "missed 5 times since our last message" in desk.card_view(Audience.CUSTOMER).words


@pytest.mark.parametrize("name", CHATS)
async def test_one_click_sends_the_draft(emergency: Emergency, name: str) -> None:
    """MON-25: it reaches the customer as an update of Bob's, and its buttons go."""
    desk = await emergency(name)
    await desk.wait(minutes=45)
    (draft,) = drafts(desk)
    assert "Press Send to post this draft as it is" in draft.words
    assert draft.labels == ("Send", "Update")
    told = await press_draft(desk, "Send")
    assert "the update was sent to the customer" in told
    assert (
        "ACME 1 Update from Bob We are still working on this Next update within 1 hour"
        in desk.words("/customer/")[-1]
    )
    (draft,) = drafts(desk)
    assert draft.labels == ()
    assert "Bob sent an update" in draft.words
    await desk.wait(minutes=59)
    assert "Breached" not in await desk.events()


@pytest.mark.parametrize("name", CHATS)
async def test_the_draft_can_be_edited_before_it_is_sent(emergency: Emergency, name: str) -> None:
    """MON-25: Update opens the form with the draft in it."""
    desk = await emergency(name)
    await desk.wait(minutes=45)
    assert "We are still working on this." in await form_of_draft(desk)
    await press_draft(desk, "Update", "Two of five servers are back.")
    assert "Two of five servers are back" in desk.words("/customer/")[-1]
    assert drafts(desk)[0].labels == ()


@pytest.mark.parametrize("name", CHATS)
async def test_a_milestone_takes_the_buttons_and_begins_the_hour_again(
    emergency: Emergency, name: str
) -> None:
    """MON-17, MON-25: Investigating tells the customer that a person is at work; Take it alone did not."""
    desk = await emergency(name)
    assert desk.words("/customer/") == []
    await desk.wait(minutes=45)
    await desk.agent("Investigating")
    assert "Investigating Bob We are actively investigating this now" in desk.words("/customer/")[-1]
    (draft,) = drafts(desk)
    assert draft.labels == ()
    assert "Bob told the customer Investigating" in draft.words
    await desk.wait(minutes=44)
    assert len(drafts(desk)) == 1
    await desk.wait(minutes=1)
    assert "Milestones so far Investigating" in drafts(desk)[1].words


# Restarts and replicas ------------------------------------------------------------------------


async def test_restarts_and_two_workers_change_nothing(tmp_path: Path) -> None:
    """MON-25: each wake-up in a process that has nothing but the database, with a second one beside it."""
    url, clock, chat = f"sqlite:///{tmp_path}/desk.db", HeldClock(FRIDAY_AFTERNOON), FakeChat()
    end = clock.at + timedelta(hours=3, seconds=1)
    while clock.at < end:
        async with connect(url) as store:
            platforms: dict[str, ChatPlatform] = {"slack": chat}
            one, other = (
                Desk(store, clock, directory_of(tmp_path, monetate_desk("slack")), platforms)
                for _ in range(2)
            )
            running = DeskInMemory(one, store, clock, chat)
            if not await store.tickets("acme"):
                key = await running.submits(ALICE, "Broken images", EMERGENCY)
                await running.presses(BOB, "Investigating", key)
            for desk in (one, other, one):
                await wake_due_tickets(desk)
                await running.deliver()
            clock.at = max(clock.at, await store.next_wake() or end)
            events = await running.events(key)
    counted = [events.count(kind) for kind in ("Warned", "LastWarned", "Breached")]
    assert counted == [3, 3, 3]
    keys = [said.key for said in chat.posted]
    assert len(keys) == len(set(keys))
    assert sum("/draft/" in (name or "") for name in keys) == 3
    assert sum("/dm/dana" in (name or "") for name in keys) == 7, "two of each hour, one again"
