"""Messages of customers that nobody answers, on Slack and Teams (contract.md, "Unticketed messages")."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.model.address import MessageRef
from bot.model.views import Audience
from tests.harness import HeldClock
from tests.memory_store import MemoryStore
from tests.platforms.conftest import FRIDAY_AFTERNOON, OpenWorkplace
from tests.platforms.desk_files import ON_SLACK, ON_TEAMS
from tests.platforms.on_slack import OnSlack
from tests.platforms.on_teams import OnTeams, card_in, filled_in
from tests.platforms.story import KEY, S2, Story, open_story
from tests.platforms.test_links import address, links
from tests.platforms.test_other_apps import JIRA
from tests.platforms.workplace import DisplayedMessage
from tests.teams.activities import activity, invoke, mentioning


class Channel:
    """A customer's channel, where people write at the top level and in threads."""

    def __init__(self, desk: Story) -> None:
        self.desk = desk

    async def says(self, who: str, text: str, below: str | None = None) -> str:
        """The id of the message."""
        match self.desk.customers:
            case OnSlack() as on:
                root = on.message(MessageRef(on.channel, below)) if below else None
                id = (await on.slack.say(on.people[who], on.acme, text, root)).ts
                await on.slack.settle()
            case OnTeams() as on:
                id = str(next(on._numbers))
                where = on.at(who, f"{on.channel.id};messageid={below or id}", id)
                await on.send(activity(on.microsoft.service, text=text, **where))
            case _:
                raise AssertionError
        await self.desk.deliver()
        return id

    async def deletes(self, who: str, id: str) -> None:
        match self.desk.customers:
            case OnSlack() as on:
                await on.slack.delete_message(on.people[who], on.message(MessageRef(on.channel, id)))
                await on.slack.settle()
            case OnTeams() as on:
                where = on.at(who, f"{on.channel.id};messageid={id}", id)
                await on.send(activity(on.microsoft.service, "messageDelete", **where))
            case _:
                raise AssertionError
        await self.desk.deliver()

    async def edits(self, who: str, id: str, text: str) -> None:
        match self.desk.customers:
            case OnSlack() as on:
                await on.slack.edit(on.people[who], on.message(MessageRef(on.channel, id)), text)
                await on.slack.settle()
            case OnTeams() as on:
                where = on.at(who, f"{on.channel.id};messageid={id}", id)
                await on.send(activity(on.microsoft.service, "messageUpdate", text=text, **where))
            case _:
                raise AssertionError

    def lines(self) -> list[MessageRef]:
        return [
            said.ref
            for key, said in self.desk.store.outbox.items()
            if key.startswith("unticketed/") and said.ref and said.message.edits is None
            if self.desk.store.outbox[key].ref is not None
        ]

    def line(self) -> DisplayedMessage:
        [ref] = self.lines()
        return self.desk.agents.displayed(ref)


@pytest.fixture(params=["slack", "teams"])
async def channel(request: pytest.FixtureRequest, open_workplace: OpenWorkplace, tmp_path: Path) -> Channel:
    clock, store = HeldClock(FRIDAY_AFTERNOON), MemoryStore()
    on = await open_workplace(request.param, clock, store)
    file = ON_TEAMS if request.param == "teams" else ON_SLACK
    desk = await open_story(tmp_path, file, clock, store, [on])
    desk.desk.key_values = store
    return Channel(desk)


async def test_nobody_answers(channel: Channel) -> None:
    """A line in triage at top level, that mentions nobody and links to her message."""
    id = await channel.says("Alice", "Bills are *slow* <!here>")
    await channel.desk.wait_for_timers(minutes=9)
    assert channel.lines() == []
    await channel.desk.wait_for_timers(minutes=1)
    line = channel.line()
    assert line.words == "Alice of Acme GmbH wrote Bills are slow here Nobody has answered Open the message"
    assert line.labels == ("Open ticket", "Not a request")
    assert (line.place, line.thread) == (channel.desk.agents.triage.id, None)
    assert links(line) == [address(MessageRef(channel.desk.customers.channel, id))]
    assert not [each for each in line.live if "@" in each or "!" in each or "mentions" in each]


async def test_an_answer_in_its_thread_in_time(channel: Channel) -> None:
    id = await channel.says("Alice", "How do I export?")
    await channel.says("Bob", "Press Export", below=id)
    await channel.desk.wait_for_timers(hours=1)
    assert channel.lines() == []


async def test_an_answer_below_it_later(channel: Channel) -> None:
    await channel.says("Alice", "How do I export?")
    await channel.desk.wait_for_timers(minutes=10)
    await channel.says("Bob", "Press Export")
    assert "Bob answered" in channel.line().words
    assert channel.line().labels == ()


async def test_an_agent_opens_the_ticket_and_she_is_the_opener(channel: Channel) -> None:
    await channel.says("Alice", "Bills are slow")
    await channel.desk.wait_for_timers(minutes=10)
    [ref] = channel.lines()
    match channel.desk.agents:
        case OnSlack() as on:
            await on.slack.press(on.people["Bob"], on.message(ref), "Open ticket")
            sent = await on.slack.submit(on.people["Bob"], S2)
            assert not sent.errors
            await on.slack.settle()
        case OnTeams() as on:
            dialog = await on.opens_dialog("Bob", "Open ticket", ref)
            await on.task("task/submit", "Bob", on.triage.id, ref.id, filled_in(dialog, S2))
        case _:
            raise AssertionError
    await channel.desk.deliver()
    opened = (await channel.desk.desk.ticket(KEY)).opened
    assert (opened.summary, opened.by.name) == ("Bills are slow", "Bob")
    assert opened.words_of is not None
    assert opened.words_of.name == "Alice"
    assert "opened by Bob for Alice" in channel.desk.card_view(Audience.AGENTS).text
    assert f"This is now ticket {KEY}" in channel.line().text
    assert address(channel.desk.card(Audience.AGENTS)) in links(channel.line())
    assert channel.line().labels == ()
    await channel.desk.agent("Reply", "We look into it.")
    assert any("Alice" in each or "alice" in each.lower() for each in channel.desk.words("/customer/")[-1:])


async def test_an_agent_opens_it_from_her_message_itself(channel: Channel) -> None:
    """By the shortcut on the message, before there is a line."""
    id = await channel.says("Alice", "Bills are slow")
    match channel.desk.customers:
        case OnSlack() as on:
            message = on.message(MessageRef(on.channel, id))
            await on.slack.shortcut(on.people["Bob"], message, "open_ticket")
            assert not (await on.slack.submit(on.people["Bob"], S2)).errors
            await on.slack.settle()
        case OnTeams() as on:
            payload = {"id": id, "body": {"content": "Bills are slow"}}
            value = {"commandId": "support", "commandContext": "message", "messagePayload": payload}
            where, service = on.at("Bob", on.channel.id), on.microsoft.service
            opened = await on.send(invoke(service, "composeExtension/fetchTask", value, **where))
            sent = {"commandId": "support", "data": filled_in(card_in(opened), S2)}
            await on.send(
                invoke(service, "composeExtension/submitAction", sent, **on.at("Bob", on.channel.id))
            )
        case _:
            raise AssertionError
    await channel.desk.deliver()
    ticket = (await channel.desk.desk.ticket(KEY)).opened
    assert (ticket.summary, ticket.asked_below) == ("Bills are slow", id)
    assert ticket.words_of is not None
    assert ticket.words_of.name == "Alice"
    await channel.desk.wait_for_timers(hours=1)
    assert channel.lines() == []


async def test_not_a_request(channel: Channel) -> None:
    await channel.says("Alice", "Thank you!")
    await channel.desk.wait_for_timers(minutes=10)
    [ref] = channel.lines()
    await channel.desk.agents.presses("Bob", "Not a request", ref)
    await channel.desk.deliver()
    assert "Bob marked this as not a request" in channel.line().words
    assert channel.line().labels == ()


async def test_she_deletes_it(channel: Channel) -> None:
    id = await channel.says("Alice", "Oops, wrong channel")
    await channel.desk.wait_for_timers(minutes=10)
    [ref] = channel.lines()
    await channel.deletes("Alice", id)
    with pytest.raises(LookupError):
        channel.desk.agents.displayed(ref)


async def test_an_edit_does_not_count(channel: Channel) -> None:
    """It neither begins the ten minutes again nor makes a line of an answered message."""
    id = await channel.says("Alice", "How do I export?")
    await channel.says("Bob", "Press Export")
    await channel.edits("Alice", id, "How do I export all?")
    await channel.desk.wait_for_timers(hours=1)
    assert channel.lines() == []


async def test_joins_pins_edits_and_a_customers_app_start_no_line(channel: Channel) -> None:
    """And nobody hears of them: nothing at all is posted."""
    await channel.says("Bob", "Welcome")
    said = len(channel.desk.store.outbox)
    match channel.desk.customers:
        case OnSlack() as on:
            alice, place = on.people["Alice"].id, on.channel.id
            for number, message in enumerate(
                (
                    {"subtype": "channel_join", "user": alice, "text": f"<@{alice}> has joined the channel"},
                    {"subtype": "pinned_item", "user": alice, "text": "pinned a message"},
                    {"subtype": "channel_topic", "user": alice, "text": "set the topic: bills"},
                    {"subtype": "bot_message", "text": "BILL-7 is blocked", **JIRA},
                    {"text": "BILL-8 is blocked", **JIRA},
                )
            ):
                await on.slack.event(
                    {"type": "message", "channel": place, "ts": f"1774020600.00{number}", **message}
                )
            await on.slack.settle()
        case OnTeams() as on:
            place, service = on.channel.id, on.microsoft.service
            app = {"id": "28:jira", "name": "Acme Jira", "role": "bot"}
            where = on.at("Alice", f"{place};messageid=71", "71")
            await on.send(activity(service, text="BILL-7 is blocked", **{**where, "from": app}))
            where = on.at("Alice", f"{place};messageid=72", "72")
            await on.send(activity(service, "messageReaction", reactionsAdded=[{"type": "like"}], **where))
            joined = [on.account_json("Alice")]
            where = on.at("Alice", place, "73")
            await on.send(activity(service, "conversationUpdate", membersAdded=joined, **where))
        case _:
            raise AssertionError
    await channel.desk.wait_for_timers(hours=1)
    assert channel.lines() == []
    assert len(channel.desk.store.outbox) == said


async def test_a_mention_is_answered_with_the_form(channel: Channel) -> None:
    match channel.desk.customers:
        case OnSlack() as on:
            await channel.says("Alice", f"{on.slack.mention} bills are slow")
        case OnTeams() as on:
            where = on.at("Alice", f"{on.channel.id};messageid=1", "1")
            await on.send(mentioning(on.microsoft.service, "bills are slow", **where))
        case _:
            raise AssertionError
    await channel.desk.wait_for_timers(hours=1)
    assert channel.lines() == []
