"""Where messages lead: from notices and rows to the card, from the agents' card to the customer's thread."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from bot.desk import ticket_board
from bot.desk.channels import channel_link
from bot.model.address import Actor, MessageRef, Place
from bot.model.inbound import Command, Show
from bot.model.views import Audience, Link, Notice
from bot.ports import Card
from tests.harness import HeldClock
from tests.memory_store import MemoryStore
from tests.platforms.conftest import FRIDAY_AFTERNOON, Opened, OpenWorkplace
from tests.platforms.desk_files import ON_SLACK, ON_TEAMS
from tests.platforms.on_slack import OnSlack
from tests.platforms.on_teams import GROUP, OnTeams
from tests.platforms.story import KEY, Story, open_story
from tests.platforms.workplace import DisplayedMessage
from tests.teams.activities import activity
from tests.teams.fake_connector import TENANT

BOTH = pytest.mark.parametrize("name", ["slack", "teams"])
_URL = re.compile(r"https://[^\s>|]+")


def links(displayed: DisplayedMessage) -> list[str]:
    """The addresses in a message, in no particular order."""
    return [url.replace("&amp;", "&") for part in displayed.live for url in _URL.findall(part)]


def address(ref: MessageRef) -> str:
    """Where Slack and Teams show a message."""
    if ref.place.platform == "slack":
        return f"https://vendor.slack.com/archives/{ref.place.id}/p{ref.id.replace('.', '')}"
    channel = ref.place.id.replace(":", "%3A").replace("@", "%40")
    asks = f"tenantId={TENANT}&groupId={GROUP}&parentMessageId={ref.id}"
    return f"https://teams.microsoft.com/l/message/{channel}/{ref.id}?{asks}"


def address_of_channel(place: Place) -> str:
    if place.platform == "slack":
        return f"https://vendor.slack.com/archives/{place.id}"
    channel = place.id.replace(":", "%3A").replace("@", "%40")
    return f"https://teams.microsoft.com/l/channel/{channel}/channel?tenantId={TENANT}&groupId={GROUP}"


def link_edits(desk: Story) -> int:
    """How often the agents' card was edited so far, or is about to be."""
    edits = [said for said in desk.store.outbox.values() if said.message.edits == f"{KEY}/agents"]
    return len([each for each in edits if each.message.content == Card(Audience.AGENTS)])


@BOTH
async def test_the_agents_card_leads_to_the_customers_thread_and_not_back(opened: Opened, name: str) -> None:
    desk = await opened(name)
    assert links(desk.card_view(Audience.AGENTS)) == [address(desk.card(Audience.CUSTOMER))]
    assert links(desk.card_view(Audience.CUSTOMER)) == []
    assert link_edits(desk) <= 1, "one edit brings the link"

    await desk.agent("Acknowledge")
    assert links(desk.card_view(Audience.AGENTS)) == [address(desk.card(Audience.CUSTOMER))]


@BOTH
async def test_a_direct_message_leads_to_the_agents_card(opened: Opened, name: str) -> None:
    desk = await opened(name)
    await desk.wait(hours=5)
    card = address(desk.card(Audience.AGENTS))
    assert [links(told) for told in desk.told("/dm/dana")] == [[card]] * 4, "warning, breach, each again"
    assert [links(told) for told in desk.told("/triage/")] == [[]] * 3, "they stand in the card's own thread"
    assert [links(told) for told in desk.told("/customer/")] == [[]]

    await desk.tam("Acknowledge")
    assert [links(told) for told in desk.told("/dm/dana")] == [[card]] * 4, "answered, and still a way there"


async def test_rows_lead_to_the_card_that_their_readers_see_on_slack(opened: Opened) -> None:
    desk = await opened("slack")
    on = desk.customers
    assert isinstance(on, OnSlack)
    for who, audience in (("Alice", Audience.CUSTOMER), ("Bob", Audience.AGENTS), ("Dana", Audience.AGENTS)):
        await on.slack.open_home(on.people[who])
        await on.ours.settle()
        home = on.slack.home_of(on.people[who])
        assert home is not None
        assert f"*<{address(desk.card(audience))}|{KEY}>* Bills are slow" in str(home.blocks)
    listed = await on.slack.command(on.people["Alice"], on.acme, "/support", "list")
    assert KEY in listed.shown
    assert "C0TRIAGE" not in str(on.slack.ephemerals(on.people["Alice"])[-1].blocks)


async def test_rows_lead_to_the_agents_card_on_teams(opened: Opened) -> None:
    desk = await opened("teams")
    on = desk.customers
    assert isinstance(on, OnTeams)
    await on.send(activity(on.microsoft.service, text="list", **on.at("Bob", "a:1chat-with-bob")))
    shown = str(list(on.microsoft.sent_cards.values())[-1].card)
    assert address(desk.card(Audience.AGENTS)) in shown


async def test_where_teams_never_named_the_group_the_channel_is_named(
    open_workplace: OpenWorkplace, tmp_path: Path
) -> None:
    clock, store = HeldClock(FRIDAY_AFTERNOON), MemoryStore()
    on = await open_workplace("teams", clock, store)
    assert isinstance(on, OnTeams)
    on.ours._references._teams.clear()
    store.topics["teams.team"].clear()
    desk = await open_story(tmp_path, ON_TEAMS, clock, store, [on])
    await desk.opens("Alice", "Bills are slow")
    assert "The customer's thread is in the channel of Acme GmbH." in desk.card_view(Audience.AGENTS).text
    assert link_edits(desk) == 0

    await desk.wait(hours=5)
    assert {words.endswith("Its card is in triage") for words in desk.words("/dm/")} == {True}
    await on.send(activity(on.microsoft.service, text="list", **on.at("Bob", "a:1chat-with-bob")))
    assert "in triage" in str(list(on.microsoft.sent_cards.values())[-1].card)

    await on.installed()
    await desk.agent("Acknowledge")
    assert links(desk.card_view(Audience.AGENTS)) == [address(desk.card(Audience.CUSTOMER))]


@pytest.mark.parametrize("last", ["customer", "agents"])
async def test_a_link_known_after_both_cards_were_posted_comes_in_one_edit(
    open_workplace: OpenWorkplace, tmp_path: Path, last: str
) -> None:
    clock, store = HeldClock(FRIDAY_AFTERNOON), MemoryStore()
    on = await open_workplace("slack", clock, store)
    assert isinstance(on, OnSlack)
    desk = await open_story(tmp_path, ON_SLACK, clock, store, [on])
    on.slack.fail_next("chat.postMessage", status=429, retry_after=30, channel=channel_of(on, last))
    await desk.opens("Alice", "Bills are slow")
    assert links(desk.card_view(Audience.AGENTS)) == [address(desk.card(Audience.CUSTOMER))]
    assert link_edits(desk) == (1 if last == "customer" else 0), "a card drawn with its link needs no edit"


def channel_of(on: OnSlack, audience: str) -> str:
    return on.acme.id if audience == "customer" else on.agents.id


@BOTH
async def test_the_answers_of_commands_lead_there_too(opened: Opened, name: str) -> None:
    """To the card, or before it is posted to its channel."""
    desk = await opened(name)
    channel = desk.customers.channel
    assert await channel_link(desk.desk, channel) == Link(
        address_of_channel(channel), "the channel of Acme GmbH"
    )

    await desk.agent("Resolve", "It was a slow query.")
    alice = Actor(desk.customers.user("Alice"), "", "Alice")
    closes = Command("closes", desk.clock.at, alice, channel, "/support", f"close {KEY}")
    answer = await desk.customers.dispatch(closes)
    assert isinstance(answer, Show)
    assert isinstance(answer.view, Notice)
    card = Link(address(desk.card(Audience.CUSTOMER)), f"Open {KEY}")
    assert answer.view.text == (f"{KEY} is closed.", " ", card)


@BOTH
async def test_the_boards_rows_lead_to_the_customers_card(opened: Opened, name: str) -> None:
    """Each row to the card that its readers see, and nowhere else."""
    desk = await opened(name)
    await ticket_board.refresh(desk.desk, desk.customers.channel)
    await desk.deliver()
    (board,) = [
        said.ref
        for key, said in desk.store.outbox.items()
        if key.startswith(f"{ticket_board.BOARDS}/") and said.ref and said.message.edits is None
    ]
    shown = desk.customers.displayed(board)
    assert f"{KEY} Bills are slow" in " ".join(shown.text.split())
    assert links(shown) == [address(desk.card(Audience.CUSTOMER))]

    await desk.agent("Acknowledge")
    await ticket_board.refresh(desk.desk, desk.customers.channel)
    await desk.deliver()
    assert links(desk.customers.displayed(board)) == [address(desk.card(Audience.CUSTOMER))]


@BOTH
async def test_the_longest_card_keeps_its_link(opened: Opened, name: str) -> None:
    desk = await opened(name)
    ticket = await desk.desk.ticket(KEY)
    card = replace(await desk.desk.card(ticket, Audience.AGENTS), details="All is slow. " * 10_000)
    posted = await desk.agents.ours.post(desk.agents.triage, card, None)
    assert links(desk.agents.displayed(posted)) == [address(desk.card(Audience.CUSTOMER))]
