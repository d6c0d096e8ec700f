"""The questions of the form in a thread of Slack, for those whose forms do not open."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.model.address import Place
from bot.notify import cards
from demo.slack import Message, Person
from sla_core.events import Opened
from tests.slack.desk_on_slack import ANSWERS, DeskOnSlack, a_ticket, desk_on_slack


@pytest.fixture
async def at(tmp_path: Path) -> AsyncIterator[DeskOnSlack]:
    async with desk_on_slack(tmp_path) as made:
        yield made


async def test_an_external_member_answers_in_the_thread_and_has_a_ticket(at: DeskOnSlack) -> None:
    xenia, gus = at.people["external"], at.people["guest"]
    said = await at.slack.say(xenia, at.acme, f"{at.slack.mention} Bills are slow")
    await at.settle()
    await at.slack.press(xenia, at.ours_in(at.acme)[-1], "Answer here")
    await at.slack.say(gus, at.acme, "I see that too", said)
    await at.slack.say(xenia, at.acme, "Since this morning", said)
    await at.settle()
    for typed in ("1", None, "2"):
        if typed:
            await at.slack.say(xenia, at.acme, typed, said)
        else:
            asked = at.ours_in(at.acme)[-1]
            label = next(label for label in at.slack.buttons(asked) if label.startswith("3."))
            await at.slack.press(xenia, asked, label)
        await at.settle()
    review = at.ours_in(at.acme)[-1]
    told = at.slack.text_of(review)
    assert "Bills are slow" in told
    assert "Since this morning" in told
    assert "S3" in told
    await at.slack.press(gus, review, "Open ticket")
    assert await at.store.tickets("acme") == []
    await at.slack.press(xenia, review, "Open ticket")
    await at.settle()
    assert await at.store.tickets("acme") == ["ACME-1"]
    (opened, *_) = await at.store.load("ACME-1")
    assert isinstance(opened, Opened)
    assert (opened.summary, opened.details) == ("Bills are slow", "Since this morning")


async def test_a_press_whose_form_does_not_open_leads_to_the_questions(at: DeskOnSlack) -> None:
    xenia = at.people["external"]
    await at.slack.say(xenia, at.acme, f"{at.slack.mention} Bills are slow")
    await at.settle()
    at.slack.fail_next("views.open", error="expired_trigger_id")
    await at.slack.press(xenia, at.ours_in(at.acme)[-1], "Get help")
    await at.settle()
    (private,) = at.slack.ephemerals(xenia)
    assert at.slack.buttons(private) == ["Get help", "Answer here"]
    await at.slack.press(xenia, private, "Answer here")
    await at.settle()
    assert "Details" in at.slack.text_of(at.ours_in(at.acme)[-1])


async def test_below_the_standing_button_the_questions_have_a_thread_of_their_own(at: DeskOnSlack) -> None:
    xenia, gus = at.people["external"], at.people["guest"]
    policy = at.desk.directory.policy_on(at.clock.now().date())
    await at.ours.post(Place("slack", at.acme.id), cards.get_help(policy), None)
    at.slack.fail_next("views.open", status=500)
    await at.slack.press(xenia, at.ours_in(at.acme)[-1], "Get help")
    await at.settle()
    (private,) = at.slack.ephemerals(xenia)
    await at.slack.press(xenia, private, "Answer here")
    await at.settle()
    root, asked = at.ours_in(at.acme)[-2:]
    assert asked.thread_ts == root.ts
    assert not root.is_reply
    await at.slack.say(gus, at.acme, "What is this?", root)
    await at.slack.say(xenia, at.acme, "Bills are slow", root)
    await at.settle()
    assert {ack.status for ack in at.slack.acks} == {200}, "nobody's words are refused"
    assert "Details" in at.slack.text_of(at.ours_in(at.acme)[-1])


async def test_questions_go_on_after_a_message_was_delivered_again(at: DeskOnSlack) -> None:
    xenia = at.people["external"]
    dm = at.slack.dm(xenia)
    await at.slack.say(xenia, dm, "Bills are slow")
    await at.settle()
    await at.slack.press(xenia, at.ours_in(dm)[-1], "Answer here")
    await at.settle()
    at.slack.fail_next("chat.postMessage", status=500)
    await at.slack.say(xenia, dm, "Since this morning")
    wrote = at.slack.acks[-1]
    await at.settle()
    assert {ack.status for ack in at.slack.acks} == {200}
    asked = at.ours_in(dm)[-1]
    assert "What is this about?" in at.slack.text_of(asked)
    count = len(at.ours_in(dm))
    await at.slack.redeliver(wrote, retry=True)
    await at.settle()
    assert len(at.ours_in(dm)) == count


async def answered_all(at: DeskOnSlack, who: Person, said: Message) -> Message:
    """Begun by the offer below the message; the review that follows the last answer."""
    await at.slack.press(who, at.ours_in(at.acme)[0], "Answer here")
    await at.settle()
    for typed in ("skip", "1", "3", "2"):
        await at.slack.say(who, at.acme, typed, said)
        await at.settle()
    return at.ours_in(at.acme)[-1]


async def test_at_the_end_review_and_offer_say_which_ticket_it_is(at: DeskOnSlack) -> None:
    xenia = at.people["external"]
    said = await at.slack.say(xenia, at.acme, f"{at.slack.mention} Bills are slow")
    await at.settle()
    review = await answered_all(at, xenia, said)
    await asyncio.gather(*(at.slack.press(xenia, review, "Open ticket") for _ in range(2)))
    await at.settle()
    assert await at.store.tickets("acme") == ["ACME-1"]
    assert "Your ticket is ACME-1." in at.slack.text_of(review)
    assert at.slack.text_of(review).endswith("Open ACME-1")
    offer = at.ours_in(at.acme)[0]
    assert at.slack.text_of(offer) == "✅ This is now ticket ACME-1. Open ACME-1"
    assert at.slack.buttons(offer) == [], "nobody tells it twice"
    assert "This conversation has ended." in at.private_answers(xenia)


@pytest.mark.parametrize("name", ["internal", "guest", "external"])
async def test_an_offer_that_led_to_a_ticket_leads_to_no_second_one(at: DeskOnSlack, name: str) -> None:
    who, xenia = at.people[name], at.people["external"]
    await at.slack.say(who, at.acme, f"{at.slack.mention} Bills are slow")
    await at.settle()
    (offer,) = at.ours_in(at.acme)
    assert await at.summary_in_form(who, offer) == "Bills are slow"
    await at.slack.choose(who, "What is this about?", ANSWERS["What is this about?"])
    await at.settle()
    assert (await at.slack.submit(who, ANSWERS)).sent
    await at.settle()
    assert at.slack.buttons(at.ours_in(at.acme)[0]) == [], "no dead button"
    await at.slack.say(xenia, at.acme, f"{at.slack.mention} Bills are slow")
    await at.settle()
    assert await at.summary_in_form(xenia, at.ours_in(at.acme)[-1]) == "Bills are slow", "but a new one may"


async def test_what_is_one_that_is_open_already_says_so_as_well(at: DeskOnSlack) -> None:
    xenia = at.people["external"]
    await a_ticket(at, at.people["internal"])
    said = await at.slack.say(xenia, at.acme, f"{at.slack.mention} Bills are slow")
    await at.settle()
    await at.slack.press(xenia, at.ours_in(at.acme)[-1], "Answer here")
    await at.slack.say(xenia, at.acme, "skip", said)
    await at.settle()
    while "ACME-1: Bills are slow" not in at.slack.text_of(at.ours_in(at.acme)[-1]):
        await at.slack.say(xenia, at.acme, "1", said)
        await at.settle()
    await at.slack.say(xenia, at.acme, "1", said)
    await at.settle()
    review = at.ours_in(at.acme)[-1]
    await at.slack.press(xenia, review, "Open ticket")
    await at.settle()
    assert await at.store.tickets("acme") == ["ACME-1"]
    assert "Your ticket is ACME-1." in at.slack.text_of(review)
