"""The thread or message that a ticket was asked from: what it is told, and what counts that is said there."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.model.address import MessageRef, Place
from bot.model.views import Audience
from demo.slack import Message
from sla_core.events import Opened as OpenedEvent
from tests.harness import HeldClock
from tests.memory_store import MemoryStore
from tests.platforms.conftest import FRIDAY_AFTERNOON, OpenWorkplace
from tests.platforms.desk_files import ON_SLACK, ON_TEAMS
from tests.platforms.on_slack import OnSlack
from tests.platforms.on_teams import OnTeams
from tests.platforms.story import KEY, S2, Story, open_story
from tests.platforms.test_links import address, links
from tests.teams.activities import activity, mentioning

TOLD = f"{KEY} was opened from this message. We will answer in that ticket's thread. Open {KEY}"


class OnSlackDesk:
    """A desk on Slack, where Alice has written something at the top level of her channel."""

    def __init__(self, desk: Story, said: Message) -> None:
        assert isinstance(desk.customers, OnSlack)
        self.desk, self.said, self.on = desk, said, desk.customers
        self.slack = desk.customers.slack

    def thread(self) -> list[str]:
        """What is said below Alice's message."""
        return [self.slack.text_of(each) for each in self.slack.thread(self.said)]

    async def says(self, who: str, text: str) -> None:
        await self.slack.say(self.on.people[who], self.on.acme, text, self.said)
        await self.settled()

    async def settled(self) -> None:
        await self.slack.settle()
        await self.on.ours.settle()
        await self.desk.deliver()

    async def reacts(self, who: str) -> None:
        """With a ticket; then the form from the message that the desk answers with."""
        await self.slack.react(self.on.people[who], self.said, "ticket")
        await self.settled()
        await self.sends_the_form(who)

    async def sends_the_form(self, who: str) -> None:
        below = self.slack.thread(self.said)
        offer = next(each for each in reversed(below) if "Get help" in self.slack.buttons(each))
        await self.slack.press(self.on.people[who], offer, "Get help")
        sent = await self.slack.submit(self.on.people[who], S2)
        assert sent.closed, sent.errors
        await self.settled()

    async def opened(self) -> OpenedEvent:
        return (await self.desk.desk.ticket(KEY)).opened


@pytest.fixture
async def slack(open_workplace: OpenWorkplace, tmp_path: Path) -> OnSlackDesk:
    clock, store = HeldClock(FRIDAY_AFTERNOON), MemoryStore()
    on = await open_workplace("slack", clock, store)
    assert isinstance(on, OnSlack)
    desk = await open_story(tmp_path, ON_SLACK, clock, store, [on])
    return OnSlackDesk(desk, await on.slack.say(on.people["Alice"], on.acme, "Bills are slow"))


async def test_a_reaction_takes_the_words_and_the_thread_is_told_the_key(slack: OnSlackDesk) -> None:
    await slack.reacts("Alice")
    opened = await slack.opened()
    assert opened.summary == "Bills are slow"
    assert (opened.asked_in, opened.asked_below) == ("slack:C0ACME", slack.said.ts)
    offer, told_key = slack.thread()
    assert "This is now ticket ACME-1." in offer
    assert told_key == TOLD
    assert [slack.slack.buttons(each) for each in slack.slack.thread(slack.said)] == [[], []]
    for below in slack.slack.thread(slack.said):
        shown = slack.on.displayed(MessageRef(slack.on.channel, below.ts))
        assert links(shown) == [address(slack.desk.card(Audience.CUSTOMER))]


async def test_a_shortcut_does_the_same_without_a_message_of_ours_in_between(slack: OnSlackDesk) -> None:
    bob = slack.on.people["Bob"]
    await slack.slack.shortcut(bob, slack.said, "open_ticket")
    assert (await slack.slack.submit(bob, S2)).closed
    await slack.settled()
    assert (await slack.opened()).summary == "Bills are slow"
    assert slack.thread() == [TOLD]


async def test_a_mention_in_a_thread_takes_the_words_of_the_thread(slack: OnSlackDesk) -> None:
    await slack.says("Alice", f"{slack.slack.mention} for all customers")
    await slack.sends_the_form("Alice")
    assert (await slack.opened()).summary == "Bills are slow\n\nfor all customers"


async def test_an_agents_words_there_are_an_answer_and_a_customers_reach_triage(slack: OnSlackDesk) -> None:
    desk = slack.desk
    await slack.reacts("Alice")
    await slack.says("Alice", "It got worse")
    assert desk.words("/triage/")[-1] == "ACME 1 Alice wrote It got worse Bob"
    assert (await desk.desk.ticket(KEY)).first_answer_at is None

    await slack.says("Bob", "Looking")
    assert (await desk.desk.ticket(KEY)).first_answer_at == desk.clock.now()
    assert desk.words("/triage/")[-1] == "ACME 1 Bob wrote in the customer s thread Looking"
    assert "met" in desk.card_view(Audience.CUSTOMER).text


async def test_what_was_answered_before_the_opening_counts_for_nothing(slack: OnSlackDesk) -> None:
    await slack.says("Bob", "Have you tried again?")
    await slack.reacts("Alice")
    assert (await slack.desk.desk.ticket(KEY)).first_answer_at is None
    assert await slack.desk.events() == ["Opened"]


async def test_it_hears_once_of_the_resolution_and_of_nothing_else(slack: OnSlackDesk) -> None:
    desk = slack.desk
    await slack.reacts("Alice")
    before = len(slack.thread())
    await desk.agent("Reply", "We look into it.")
    await desk.customer("Escalate", "Month end is today")
    assert slack.thread()[before:] == []
    for _ in range(2):
        await desk.agent("Resolve", "The queue runs again.")
        await desk.customer("Reopen")
    (told,) = slack.thread()[before:]
    assert told.split() == f"{KEY} Bob resolved this ticket: > The queue runs again. Open {KEY}".split()


async def test_a_thread_of_ours_is_nobodys(slack: OnSlackDesk) -> None:
    """The next person who asks below `Get help` is not in the first one's ticket."""
    on = slack.on
    await slack.slack.remove_bot(on.people["Bob"], on.acme)
    await slack.slack.invite_bot(on.people["Bob"], on.acme)
    await slack.settled()
    slack.said = slack.slack.messages(on.acme)[-1]
    assert slack.slack.buttons(slack.said) == ["Get help"]
    await slack.says("Alice", f"{slack.slack.mention} Bills are slow")
    await slack.sends_the_form("Alice")
    assert (await slack.opened()).asked_below == ""
    await slack.says("Bob", "Looking")
    assert await slack.desk.events() == ["Opened"]


async def test_a_thread_in_triage_is_told_and_stays_internal(slack: OnSlackDesk) -> None:
    on, bob = slack.on, slack.on.people["Bob"]
    slack.said = await slack.slack.say(bob, on.agents, "Acme says that bills are slow")
    await slack.slack.shortcut(bob, slack.said, "open_ticket")
    assert not (await slack.slack.submit(bob, S2)).errors
    await slack.settled()
    assert slack.thread() == [TOLD]
    told = MessageRef(on.triage, slack.slack.thread(slack.said)[-1].ts)
    assert links(on.displayed(told)) == [address(slack.desk.card(Audience.AGENTS))]

    await slack.slack.say(bob, on.agents, "this customer again", slack.said)
    await slack.settled()
    assert await slack.desk.events() == ["Opened"]


# Teams ----------------------------------------------------------------------------------------


@pytest.fixture
async def teams(open_workplace: OpenWorkplace, tmp_path: Path) -> tuple[Story, OnTeams]:
    clock, store = HeldClock(FRIDAY_AFTERNOON), MemoryStore()
    on = await open_workplace("teams", clock, store)
    assert isinstance(on, OnTeams)
    return await open_story(tmp_path, ON_TEAMS, clock, store, [on]), on


async def test_on_teams_the_thread_of_a_mention_is_told_and_heard(teams: tuple[Story, OnTeams]) -> None:
    desk, on = teams
    await desk.opens("Alice", "Bills are slow")
    opened = (await desk.desk.ticket(KEY)).opened
    root = MessageRef(Place("teams", on.channel.id), opened.asked_below)
    told = [on.displayed(MessageRef(on.channel, id_)) for id_ in on.microsoft.sent_cards]
    (told_key,) = [each for each in told if each.thread == root.id and "was opened from" in each.text]
    assert links(told_key) == [address(desk.card(Audience.CUSTOMER))]

    await on.writes("Alice", "It got worse", root)
    await on.writes("Bob", "Looking", root)
    await desk.deliver()
    assert await desk.events() == ["Opened", "CustomerWrote", "Answered"]

    await desk.agent("Resolve", "The queue runs again.")
    told = [on.displayed(MessageRef(on.channel, id_)) for id_ in on.microsoft.sent_cards]
    resolved = [each for each in told if each.thread == root.id and "resolved this ticket" in each.text]
    assert len(resolved) == 1


async def test_on_teams_a_mention_of_us_there_belongs_to_the_ticket(teams: tuple[Story, OnTeams]) -> None:
    desk, on = teams
    await desk.opens("Alice", "Bills are slow")
    root = (await desk.desk.ticket(KEY)).opened.asked_below
    where = on.at("Alice", f"{on.channel.id};messageid={root}")
    await on.send(mentioning(on.microsoft.service, "it got worse", **where))
    assert await desk.events() == ["Opened", "CustomerWrote"]


async def test_on_teams_a_chat_without_threads_is_told_nothing(teams: tuple[Story, OnTeams]) -> None:
    _, on = teams
    service = on.microsoft.service
    await on.send(activity(service, text="support Bills are slow", **on.at("Alice", "a:1chat-with-alice")))
    held = list(on.microsoft.sent_cards.values())[-1].card["actions"][0]["data"]
    assert "asked" not in str(held)
