"""Every entry point, for an internal member, a guest and a member of the customer's own workspace."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from adapters.slack import Slack
from adapters.web import WebServer
from bot.desk.channels import ensure_help_messages
from bot.desk.routes import dispatch
from bot.model.inbound import Command
from demo.slack import SlackError
from demo.slack.payloads import message_event
from sla_core.events import Opened
from tests.scripted_desk import ready
from tests.slack.conftest import Workspace
from tests.slack.desk_on_slack import ANSWERS, DeskOnSlack, a_ticket, desk_on_slack

WHO = ("internal", "guest", "external")
WORDS = "Bills <@U0BOB> are slow & wrong"


@pytest.fixture
async def at(tmp_path: Path) -> AsyncIterator[DeskOnSlack]:
    async with desk_on_slack(tmp_path) as made:
        yield made


# The standing message -------------------------------------------------------------------------


@pytest.mark.parametrize("name", WHO)
async def test_get_help_opens_the_form_as_often_as_it_is_pressed(at: DeskOnSlack, name: str) -> None:
    who = at.people[name]
    await ensure_help_messages(at.desk, at.store)
    await at.settle()
    (standing,) = at.ours_in(at.acme)
    for summary in ("Bills are slow", "Nobody can log in"):
        await at.slack.press(who, standing, "Get help")
        assert (await at.slack.submit(who, {"Summary": summary, **ANSWERS})).sent
    assert await at.store.tickets("acme") == ["ACME-2", "ACME-1"]


# Mentions -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", WHO)
async def test_a_mention_is_answered_once_in_its_thread(at: DeskOnSlack, name: str) -> None:
    who = at.people[name]
    said = await at.slack.say(who, at.acme, f"{at.slack.mention}, {WORDS}")
    await at.settle()
    (offer,) = at.ours_in(at.acme)
    assert offer.thread_ts == said.ts
    assert at.slack.buttons(offer) == ["Get help", "Answer here"]
    assert who.id in str(offer.blocks), "it calls whoever asked"
    assert await at.summary_in_form(who, offer) == "Bills @Bob are slow & wrong"


async def test_a_redelivered_mention_is_not_answered_again(at: DeskOnSlack) -> None:
    said = await at.slack.say(at.people["external"], at.acme, f"{at.slack.mention} Bills are slow")
    mention = next(ack for ack in at.slack.acks if ack.kind == "app_mention")
    await at.slack.redeliver(mention)
    await at.slack.redeliver(mention, retry=True)
    edited = message_event(at.slack.workspace, said, "app_mention") | {
        "edited": {"user": said.user, "ts": "1.2"}
    }
    await at.slack.event(edited, at.people["external"])
    await at.settle()
    assert len(at.ours_in(at.acme)) == 1


async def test_another_process_sees_the_answer_of_the_first(at: DeskOnSlack) -> None:
    await at.slack.say(at.people["external"], at.acme, f"{at.slack.mention} Bills are slow")
    mention = next(ack for ack in at.slack.acks if ack.kind == "app_mention")
    other = Slack(at.slack.bot_token, at.slack.signing_secret, at.clock, api_url=at.slack.api_url)
    await other.start()
    server = WebServer("127.0.0.1", 0, other.routes(dispatch(at.desk)), ready)
    await server.start()
    try:
        at.slack.bot_url = f"{server.address}/slack/events"
        assert (await at.slack.redeliver(mention, retry=True)).status == 200
        await at.settle()
    finally:
        await other.close()
        await server.stop()
    assert len(at.ours_in(at.acme)) == 1


@pytest.mark.parametrize(
    "fault",
    [{"status": 500}, {"status": 429}, {"drop_connection": True}, {"accept_then_drop": True}],
    ids=["error", "busy", "dropped", "taken and dropped"],
)
async def test_an_answer_that_slack_refused_is_sent_on_redelivery(
    at: DeskOnSlack, fault: dict[str, int | bool]
) -> None:
    at.slack.fail_next("chat.postMessage", **fault)  # type: ignore[arg-type]
    await at.slack.say(at.people["external"], at.acme, f"{at.slack.mention} Bills are slow")
    await at.settle()
    assert [ack.status for ack in at.slack.acks if ack.kind == "app_mention"] == [503, 200]
    assert len(at.ours_in(at.acme)) == 1


async def test_if_slack_refuses_the_reply_the_offer_is_private(at: DeskOnSlack) -> None:
    xenia = at.people["external"]
    at.slack.fail_next("chat.postMessage", error="restricted_action")
    await at.slack.say(xenia, at.acme, f"{at.slack.mention} Bills are slow")
    await at.settle()
    (private,) = at.slack.ephemerals(xenia)
    assert await at.summary_in_form(xenia, private) == "Bills are slow"


async def test_bots_and_the_bot_itself_are_not_answered(at: DeskOnSlack) -> None:
    text = f"{at.slack.mention} Bills are slow"
    other = {"type": "app_mention", "user": "U0OTHER", "bot_id": "B0OTHER", "text": text}
    await at.slack.event(other | {"ts": "1.2", "channel": at.acme.id})
    await at.slack.event(
        {**other, "type": "message", "text": "support: x", "ts": "1.3", "channel": at.acme.id}
    )
    await at.slack.event(
        {"type": "app_mention", "user": at.slack.bot.id, "text": text, "ts": "1.4", "channel": at.acme.id}
    )
    await at.settle()
    assert at.ours_in(at.acme) == []
    assert {ack.status for ack in at.slack.acks} == {200}


async def test_a_mention_in_a_tickets_thread_is_just_a_message_of_it(at: DeskOnSlack) -> None:
    ines, xenia = at.people["internal"], at.people["external"]
    card = await a_ticket(at, ines)
    before = len(at.ours_in(at.acme))
    await at.slack.say(xenia, at.acme, f"{at.slack.mention} it is worse now", card)
    await at.slack.say(xenia, at.acme, "support: worse still", card)
    await at.settle()
    assert len(at.ours_in(at.acme)) == before
    assert [type(event).__name__ for event in await at.store.load("ACME-1")][-2:] == ["CustomerWrote"] * 2


@pytest.mark.parametrize("name", [*WHO, "bob"])
async def test_a_command_in_a_tickets_thread_is_not_part_of_the_ticket(at: DeskOnSlack, name: str) -> None:
    card = await a_ticket(at, at.people["internal"])
    await at.slack.say(at.people[name], at.acme, f"{at.slack.mention} status ACME-1", card)
    await at.settle()
    assert "Bills are slow" in at.private_answers(at.people[name])
    (opened,) = await at.store.load("ACME-1")
    assert isinstance(opened, Opened), "an agent has not answered by this"


async def test_a_mention_where_no_account_is_served_says_so_privately(at: DeskOnSlack) -> None:
    await at.slack.say(at.people["internal"], at.lounge, f"{at.slack.mention} hello")
    await at.settle()
    assert "This channel is not set up for support yet." in at.private_answers(at.people["internal"])
    assert at.ours_in(at.lounge) == []


async def test_a_private_answer_appears_where_the_person_wrote(at: DeskOnSlack) -> None:
    xenia = at.people["external"]
    root = await at.slack.say(xenia, at.acme, f"{at.slack.mention} help")
    await at.settle()
    await at.slack.say(xenia, at.acme, f"{at.slack.mention} help", root)
    await at.settle()
    assert [private.thread_ts for private in at.slack.ephemerals(xenia)] == [None, root.ts]


# Reactions ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", WHO)
@pytest.mark.parametrize("emoji", ["ticket", "admission_tickets"])
async def test_a_ticket_reaction_offers_a_form_with_the_messages_text(
    at: DeskOnSlack, name: str, emoji: str
) -> None:
    author, who = at.people["external"], at.people[name]
    said = await at.slack.say(author, at.acme, WORDS)
    await at.slack.react(who, said, emoji)
    await at.settle()
    (offer,) = at.ours_in(at.acme)
    assert offer.thread_ts == said.ts
    assert await at.summary_in_form(who, offer) == "Bills @Bob are slow & wrong"


async def test_a_reaction_to_a_reply_is_answered_in_its_thread(at: DeskOnSlack) -> None:
    ines = at.people["internal"]
    root = await at.slack.say(ines, at.acme, "Good morning")
    reply = await at.slack.say(ines, at.acme, "Bills are slow", root)
    await at.slack.react(ines, reply, "ticket")
    await at.settle()
    (offer,) = at.ours_in(at.acme)
    assert offer.thread_ts == root.ts
    assert await at.summary_in_form(ines, offer) == "Bills are slow"


async def test_repeated_reactions_get_one_offer(at: DeskOnSlack) -> None:
    said = await at.slack.say(at.people["external"], at.acme, "Bills are slow")
    for name in WHO:
        ack = await at.slack.react(at.people[name], said, "ticket")
        await at.slack.redeliver(ack, retry=True)
    await at.settle()
    assert len(at.ours_in(at.acme)) == 1


async def test_a_reaction_gets_an_offer_even_without_the_text(at: DeskOnSlack) -> None:
    ines = at.people["internal"]
    said = await at.slack.say(ines, at.acme, "Bills are slow")
    at.slack.fail_next("conversations.replies", error="missing_scope")
    await at.slack.react(ines, said, "ticket")
    await at.settle()
    (offer,) = at.ours_in(at.acme)
    assert await at.summary_in_form(ines, offer) == ""


async def test_other_reactions_and_other_channels_are_ignored(at: DeskOnSlack) -> None:
    ines = at.people["internal"]
    await at.slack.react(ines, await at.slack.say(ines, at.acme, "hello"), "eyes")
    await at.slack.react(ines, await at.slack.say(ines, at.lounge, "tonight?"), "ticket")
    await at.slack.say(ines, at.lounge, "support: our team at the match")
    await at.settle()
    assert at.ours_in(at.acme) == at.ours_in(at.lounge) == []
    assert at.slack.ephemerals(ines) == []


async def test_a_reaction_on_a_tickets_card_names_the_ticket(at: DeskOnSlack) -> None:
    ines = at.people["internal"]
    card = await a_ticket(at, ines)
    await at.slack.react(ines, card, "ticket")
    await at.settle()
    assert "This is about ACME-1." in at.private_answers(ines)


async def test_a_reaction_has_the_home_team_that_slack_reports(workspace: Workspace) -> None:
    said = await workspace.slack.say(workspace.ann, workspace.acme, "Bills are slow")
    for who in (workspace.bob, workspace.ann):
        await workspace.slack.react(who, said, "ticket")
    reacted = [act for act in workspace.desk.heard if isinstance(act, Command)]
    homes = [(act.actor.user.home, act.actor.team, act.actor.name) for act in reacted]
    assert homes == [("T0VENDOR", "T0VENDOR", "Bob Miller"), ("T0ACME", "T0VENDOR", "Ann Acme")]


# Words ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", WHO)
async def test_a_message_that_starts_with_support_colon_gets_an_offer(at: DeskOnSlack, name: str) -> None:
    who = at.people[name]
    said = await at.slack.say(who, at.acme, "SUPPORT:  Bills are slow")
    await at.settle()
    (offer,) = at.ours_in(at.acme)
    assert offer.thread_ts == said.ts
    assert await at.summary_in_form(who, offer) == "Bills are slow"


async def test_a_support_message_with_a_mention_gets_one_offer(at: DeskOnSlack) -> None:
    await at.slack.say(at.people["external"], at.acme, f"support: {at.slack.mention} Bills are slow")
    await at.settle()
    assert len(at.ours_in(at.acme)) == 1


@pytest.mark.parametrize("name", WHO)
async def test_a_direct_message_is_answered_in_the_conversation(at: DeskOnSlack, name: str) -> None:
    who = at.people[name]
    await at.slack.say(who, at.slack.dm(who), "Bills are slow")
    await at.settle()
    (offer,) = at.ours_in(at.slack.dm(who))
    assert not offer.is_reply
    assert await at.summary_in_form(who, offer) == "Bills are slow"
    assert (await at.slack.submit(who, {"Summary": "Bills are slow", **ANSWERS})).sent
    await at.settle()
    assert await at.store.tickets("acme") == ["ACME-1"]


async def test_a_long_text_is_kept_complete(at: DeskOnSlack) -> None:
    xenia = at.people["external"]
    words = "Bills are slow. " * 150
    await at.slack.say(xenia, at.slack.dm(xenia), words)
    await at.settle()
    (offer,) = at.ours_in(at.slack.dm(xenia))
    await at.slack.press(xenia, offer, "Get help")
    view = at.slack.modal_of(xenia)
    assert view is not None
    assert view.input("Details").value == words.strip()


# Commands and shortcuts -----------------------------------------------------------------------


@pytest.mark.parametrize("name", ["internal", "guest"])
async def test_any_configured_command_opens_the_form(at: DeskOnSlack, name: str) -> None:
    who = at.people[name]
    await at.slack.command(who, at.acme, "/acme-support", "Bills are slow")
    view = at.slack.modal_of(who)
    assert view is not None
    assert view.input("Summary").value == "Bills are slow"


async def test_members_of_another_workspace_have_no_commands_and_no_shortcuts(at: DeskOnSlack) -> None:
    xenia = at.people["external"]
    reply = await at.slack.command(xenia, at.acme, "/support", "Bills are slow")
    assert reply.shown == "/support is not a valid command."
    said = await at.slack.say(xenia, at.acme, "Bills are slow")
    with pytest.raises(SlackError):
        await at.slack.shortcut(xenia, said, "ticket_about_message")
    with pytest.raises(SlackError):
        await at.slack.global_shortcut(xenia, "get_help")


@pytest.mark.parametrize("name", ["internal", "guest", "bob"])
async def test_a_messages_shortcut_opens_the_form_with_its_words(at: DeskOnSlack, name: str) -> None:
    who = at.people[name]
    said = await at.slack.say(at.people["external"], at.acme, "help")
    await at.slack.shortcut(who, said, "ticket_about_message")
    view = at.slack.modal_of(who)
    assert view is not None
    assert view.input("Summary").value == "help", "a message is no word for the desk"


async def test_a_shortcut_on_a_tickets_card_names_the_ticket(at: DeskOnSlack) -> None:
    ines = at.people["internal"]
    card = await a_ticket(at, ines)
    await at.slack.shortcut(ines, card, "ticket_about_message")
    view = at.slack.modal_of(ines)
    assert view is not None
    assert "ACME-1" in str(view.blocks)


@pytest.mark.parametrize("name", ["internal", "guest"])
async def test_the_global_shortcut_opens_the_form(at: DeskOnSlack, name: str) -> None:
    who = at.people[name]
    await at.slack.global_shortcut(who, "get_help")
    view = at.slack.modal_of(who)
    assert view is not None
    assert (await at.slack.submit(who, {"Summary": "Bills are slow", **ANSWERS})).sent
    await at.settle()
    assert await at.store.tickets("acme") == ["ACME-1"]


async def test_a_shortcut_that_cannot_open_its_form_sends_a_message(at: DeskOnSlack) -> None:
    ines = at.people["internal"]
    for error in ("expired_trigger_id", "expired_trigger_id"):
        at.slack.fail_next("views.open", error=error)
        await at.slack.global_shortcut(ines, "get_help")
    said = await at.slack.say(at.people["external"], at.acme, "Bills are slow")
    at.slack.fail_next("views.open", status=500)
    await at.slack.shortcut(ines, said, "ticket_about_message")
    await at.settle()
    assert [at.slack.buttons(m) for m in at.slack.dms(ines)] == [["Get help", "Answer here"]] * 2
    (private,) = at.slack.ephemerals(ines)
    assert at.slack.buttons(private) == ["Get help", "Answer here"]
    assert await at.summary_in_form(ines, private) == "Bills are slow"
