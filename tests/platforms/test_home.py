"""The Home tab of Slack before the real desk: what a customer, an agent and a TAM do with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from demo.slack import View
from tests.harness import HeldClock
from tests.memory_store import MemoryStore
from tests.platforms.conftest import FRIDAY_AFTERNOON, OpenWorkplace
from tests.platforms.desk_files import ON_SLACK, ON_TEAMS
from tests.platforms.on_slack import OnSlack
from tests.platforms.on_teams import OnTeams
from tests.platforms.story import S2, Story, open_story
from tests.teams.activities import activity


@pytest.fixture
async def desk(open_workplace: OpenWorkplace, tmp_path: Path) -> Story:
    clock, store = HeldClock(FRIDAY_AFTERNOON), MemoryStore()
    return await open_story(tmp_path, ON_SLACK, clock, store, [await open_workplace("slack", clock, store)])


def workplace(desk: Story) -> OnSlack:
    assert isinstance(desk.customers, OnSlack)
    return desk.customers


async def opens_home(desk: Story, who: str) -> View:
    slack, person = workplace(desk).slack, workplace(desk).people[who]
    await slack.open_home(person)
    await workplace(desk).ours.settle()
    shown = slack.home_of(person)
    assert shown is not None
    return shown


async def test_help_is_got_from_the_home_tab_and_the_ticket_is_seen_there(desk: Story) -> None:
    slack, alice = workplace(desk).slack, workplace(desk).people["Alice"]
    shown = await opens_home(desk, "Alice")
    assert "You have no open tickets." in str(shown.blocks)
    assert shown.buttons() == ["Get help"]

    await slack.press(alice, shown, "Get help")
    sent = await slack.submit(alice, {"summary": "Bills are slow", **S2})
    assert not sent.errors
    await desk.deliver()
    assert [message.channel for message in slack.messages(workplace(desk).acme)] == ["C0ACME"]
    assert "ACME-1>* Bills are slow" in str((await opens_home(desk, "Alice")).blocks)


async def test_an_agent_takes_a_ticket_from_the_home_tab(desk: Story) -> None:
    slack, bob = workplace(desk).slack, workplace(desk).people["Bob"]
    await desk.opens("Alice", "Bills are slow")
    shown = await opens_home(desk, "Bob")
    assert "1 ticket is open" in str(shown.blocks)
    assert "*First line:* Bob, then Eve" in str(shown.blocks)

    await slack.press(bob, shown, "Take it")
    await workplace(desk).ours.settle()
    again = slack.home_of(bob)
    assert again is not None
    assert again.buttons() == ["All", "Mine", "Unassigned", "Unanswered", "Breached"]
    await slack.press(bob, again, "Unassigned")
    await workplace(desk).ours.settle()
    filtered = slack.home_of(bob)
    assert filtered is not None
    assert "No open tickets under “Unassigned”." in str(filtered.blocks)
    assert "Owner: Bob · Next: m3ter Support" in str(again.blocks)

    # The other window of the same person still shows the button.
    await slack.press(bob, shown, "Take it")
    modal = await slack.until(lambda: slack.modal_of(bob))
    assert modal is not None
    assert "You already own ACME-1." in str(modal.blocks)


async def test_the_same_is_told_in_triage_and_in_direct_messages(desk: Story) -> None:
    slack, people = workplace(desk).slack, workplace(desk).people
    await desk.opens("Alice", "Bills are slow")
    told = await slack.command(people["Bob"], workplace(desk).agents, "/support", "list")
    assert "ACME-1 Bills are slow" in told.shown
    dana = people["Dana"]
    await slack.say(dana, slack.dm(dana), "list")
    await slack.settle()
    await workplace(desk).ours.settle()
    assert "Due next: ACME-1" in slack.text_of(slack.dms(dana)[-1])


async def test_on_teams_the_personal_chat_lists_it(open_workplace: OpenWorkplace, tmp_path: Path) -> None:
    clock, store = HeldClock(FRIDAY_AFTERNOON), MemoryStore()
    on = await open_workplace("teams", clock, store)
    assert isinstance(on, OnTeams)
    desk = await open_story(tmp_path, ON_TEAMS, clock, store, [on])
    await desk.opens("Alice", "Bills are slow")
    for who, title in (("Bob", "Queue"), ("Dana", "Your accounts")):
        service = on.microsoft.service
        await on.send(activity(service, text="list", **on.at(who, f"a:1chat-with-{who.lower()}")))
        card = str(list(on.microsoft.sent_cards.values())[-1].card)
        assert title in card
        assert "Bills are slow" in card


async def test_a_tam_sees_what_is_due_next_on_their_account(desk: Story) -> None:
    await desk.opens("Alice", "Bills are slow")
    shown = await opens_home(desk, "Dana")
    assert "*Acme GmbH*" in str(shown.blocks)
    assert "Due next: *ACME-1* <!date^" in str(shown.blocks)
