"""The two threads of a ticket, before real adapters: what passes between them, and what never does."""

from __future__ import annotations

import asyncio
import json

import pytest

from bot.model.views import Audience
from demo.slack import Ack, Message
from tests.platforms.conftest import Opened
from tests.platforms.on_slack import OnSlack
from tests.platforms.on_teams import OnTeams
from tests.platforms.story import KEY
from tests.teams.activities import activity, event, file


@pytest.mark.parametrize("name", ["slack", "teams", "console"])
async def test_what_agents_write_in_triage_never_reaches_the_customer(opened: Opened, name: str) -> None:
    """Complaint 35: internal by default, on every platform and for every author; Send shows it."""
    desk = await opened(name)
    for who in ("Bob", "Kim", "Eve"):
        await desk.agents.writes(who, "this customer again", desk.card(Audience.AGENTS))
    await desk.deliver()
    assert await desk.events() == ["Opened"]
    assert desk.words("/customer/") == []

    await desk.agent("Reply", "We look into it.")
    assert desk.words("/customer/") == ["ACME 1 Bob replied We look into it Alice"]


@pytest.mark.parametrize("name", ["slack", "teams"])
async def test_a24_an_agents_words_in_the_customers_thread_are_the_answer(opened: Opened, name: str) -> None:
    """A24: the receipt that the desk posts by itself is none."""
    desk = await opened(name)
    assert (await desk.desk.ticket(KEY)).first_answer_at is None
    assert "met Fri" not in desk.card_view(Audience.CUSTOMER).text

    await desk.writes("Bob", "Looking")
    assert (await desk.desk.ticket(KEY)).first_answer_at == desk.clock.now()
    assert "met" in desk.card_view(Audience.CUSTOMER).text


async def test_changes_and_files_on_slack(opened: Opened) -> None:
    desk = await opened("slack")
    workplace = desk.customers
    assert isinstance(workplace, OnSlack)
    slack, alice, root = (
        workplace.slack,
        workplace.people["Alice"],
        workplace.message(desk.card(Audience.CUSTOMER)),
    )
    said = await slack.say(alice, workplace.acme, "bill 4711 & <more>", root, ["error.log"])
    await slack.edit(alice, said, "bill 4712 *now*")
    await slack.unfurl(said)
    await slack.delete_message(alice, said)
    await slack.settle()
    await desk.deliver()

    wrote, changed, deleted = desk.told("/triage/")[1:]
    assert wrote.words.startswith("ACME 1 Alice wrote bill 4711 more file error log")
    assert changed.words == "ACME 1 Alice edited a message It now says bill 4712 now"
    assert deleted.words == "ACME 1 A message by Alice was deleted"
    assert [link for link in wrote.live if "slack.com/files" in link]
    assert [part for part in changed.live if part not in deleted.live] == []
    assert await desk.events() == ["Opened", "CustomerWrote", "Corrected", "Corrected"]


async def test_changes_and_files_on_teams(opened: Opened) -> None:
    desk = await opened("teams")
    workplace = desk.customers
    assert isinstance(workplace, OnTeams)
    service, root = workplace.microsoft.service, desk.card(Audience.CUSTOMER)
    where = workplace.at("Alice", f"{root.place.id};messageid={root.id}", id_="99")
    later = {**where, "channelData": {**where["channelData"], **event("editMessage")}}
    await workplace.send(activity(service, text="bill 4711", attachments=[file()], **where))
    await workplace.send(activity(service, "messageUpdate", text="bill 4711", **later))
    await workplace.send(activity(service, "messageUpdate", text="bill 4712 **now**", **later))
    await workplace.send(activity(service, "messageDelete", **later))
    await desk.deliver()

    wrote, changed, deleted = desk.told("/triage/")[1:]
    assert wrote.words.startswith("ACME 1 Alice wrote bill 4711 file error log")
    assert changed.words == "ACME 1 Alice edited a message It now says bill 4712 now"
    assert deleted.words == "ACME 1 A message by Alice was deleted"
    assert [link for link in wrote.live if "sharepoint.com" in link]
    assert await desk.events() == ["Opened", "CustomerWrote", "Corrected", "Corrected"]


def through(ack: Ack, team: str, bot: str) -> str:
    """The same event, as the installation of another organisation receives it."""
    body = json.loads(ack.request.body)
    body["authorizations"][0] |= {"team_id": team, "user_id": bot}
    return json.dumps(body)


async def test_an_event_of_a_shared_channel_acts_once_however_often_it_is_told(opened: Opened) -> None:
    """The app is installed on both sides: the event comes once or twice, and as many of them at once."""
    desk = await opened("slack")
    workplace = desk.customers
    assert isinstance(workplace, OnSlack)
    slack, wire = workplace.slack, workplace.slack._bot_client
    root, alice, bob = (
        workplace.message(desk.card(Audience.CUSTOMER)),
        workplace.people["Alice"],
        workplace.people["Bob"],
    )
    said = await slack.say(alice, workplace.acme, "bill 4711", root)
    written = next(ack for ack in reversed(slack.acks) if "bill 4711" in ack.request.body)
    changed = await slack.edit(alice, said, "bill 4712")
    for ack in (written, changed, await slack.archive(bob, workplace.acme)):
        again = [wire.sign(ack.kind, through(ack, "T0ACME", "U0ELSE"), "application/json") for _ in range(2)]
        await asyncio.gather(*map(wire.deliver, again))
    await desk.deliver()
    happened = await desk.events()
    assert [happened.count(name) for name in ("CustomerWrote", "Corrected")] == [1, 1]
    told = [slack.text_of(m) for m in slack.messages(workplace.agents)][1:]
    assert ["the channel was archived" in text for text in told] == [True]


# The life of a channel ------------------------------------------------------------------------


def helps(workplace: OnSlack) -> list[Message]:
    return [m for m in workplace.slack.messages(workplace.acme) if workplace.slack.buttons(m) == ["Get help"]]


async def test_get_help_comes_with_us_and_comes_back(opened: Opened) -> None:
    desk = await opened("slack")
    workplace = desk.customers
    assert isinstance(workplace, OnSlack)
    slack, bob = workplace.slack, workplace.people["Bob"]
    await slack.remove_bot(bob, workplace.acme)
    await slack.invite_bot(bob, workplace.acme)
    await desk.deliver()
    (standing,) = helps(workplace)
    await slack.delete_message(bob, standing)
    await slack.settle()
    await desk.deliver()
    (again,) = helps(workplace)
    assert again.ts != standing.ts
    triage = [slack.text_of(m) for m in slack.messages(workplace.agents)][1:]
    assert [text for text in triage if ": the app was removed from the channel. 1 ticket is open" in text]
    assert [text for text in triage if "again: the app is in the channel again" in text]
    assert len(slack.dms(workplace.people["Dana"])) == 2, "the TAM is told as well"


async def test_an_archived_channel_is_told_and_what_was_said_there_is_taken_back(opened: Opened) -> None:
    desk = await opened("slack")
    workplace = desk.customers
    assert isinstance(workplace, OnSlack)
    await workplace.slack.archive(workplace.people["Bob"], workplace.acme)
    await desk.agent("Reply", "We look into it.")

    assert (await desk.desk.ticket(KEY)).first_answer_at is None
    assert any("Bob s reply did not reach the customer" in text for text in desk.words("/triage/"))
    told = [workplace.slack.text_of(m) for m in workplace.slack.messages(workplace.agents)][1:]
    assert ["the channel was archived" in text for text in told] == [True]


async def test_threads_go_on_under_a_new_id(opened: Opened) -> None:
    desk = await opened("slack")
    workplace = desk.customers
    assert isinstance(workplace, OnSlack)
    root, alice = workplace.message(desk.card(Audience.CUSTOMER)), workplace.people["Alice"]
    await workplace.slack.change_id(workplace.people["Bob"], workplace.acme, "C0ACMENEW")

    await workplace.slack.say(alice, workplace.acme, "still slow", root)
    assert "CustomerWrote" in await desk.events()
    await desk.agent("Reply", "We look into it.")
    assert workplace.slack.text_of(workplace.slack.thread(root)[-1]).startswith("ACME-1 Bob replied")
    told = [workplace.slack.text_of(m) for m in workplace.slack.messages(workplace.agents)]
    assert any('replace "slack:C0ACME" by "slack:C0ACMENEW"' in text for text in told)


async def test_the_same_standing_message_is_not_posted_twice_on_teams(opened: Opened) -> None:
    desk = await opened("teams")
    workplace = desk.customers
    assert isinstance(workplace, OnTeams)
    for kind in ("channelDeleted", "channelRestored", "channelRestored"):
        where = workplace.at("Bob", workplace.channel.id)
        told = {**where, "channelData": {**where["channelData"], **event(kind, workplace.channel.id)}}
        await workplace.send(activity(workplace.microsoft.service, "conversationUpdate", **told))
    await desk.deliver()
    titles = [a["title"] for s in workplace.microsoft.sent_cards.values() for a in _buttons(s.card)]
    assert titles.count("Get help") == 1


def _buttons(card: dict[str, list[dict[str, list[dict[str, str]]]]]) -> list[dict[str, str]]:
    return [action for row in card["body"] for action in row.get("actions", [])]
