"""The end of a ticket: `next` of a reply, the reminder, the announced closing, the rating (contract.md)."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.config.settings import load_desk
from bot.model.inbound import Show
from bot.model.views import Audience, Notice
from sla_core.catalog.load import Faults
from sla_core.events import Answered, Closed, Kind, Resolved, Turn, Who
from sla_core.ticket import State, after
from tests.harness import (
    ACME,
    ALICE,
    BOB,
    DESK_FILE,
    S2,
    S3,
    DeskInMemory,
    PostedMessage,
    answer_text,
    form_of,
    open_desk,
)
from tests.journeys.conftest import OpenDesk
from tests.journeys.test_who_is_notified import notified

MONDAY = "2026-03-23T12:00:00Z"
CLOSES = DESK_FILE.replace("channels = [", 'auto_close = "5 business days"\nchannels = [', 1)


async def resolved(desk: DeskInMemory) -> str:
    key = await desk.submits(ALICE, "Bills are slow", S2)
    await desk.submits_form(BOB, "Resolve", key, text="The queue runs again.")
    return key


def resolution(desk: DeskInMemory, key: str) -> PostedMessage:
    root = desk.card(key).ref
    return next(said for said in desk.posted if said.thread == root and "resolved this" in said.text)


def labels(message: PostedMessage) -> list[str]:
    assert isinstance(message.view, Notice)
    return [button.label for button in message.view.buttons]


async def rates(desk: DeskInMemory, key: str, label: str, who: object = ALICE) -> object:
    message = resolution(desk, key)
    assert isinstance(message.view, Notice)
    button = next(each for each in message.view.buttons if each.label == label)
    return await desk.presses_on(who, message, button)  # type: ignore[arg-type]


# Whose turn it is -------------------------------------------------------------------------------


@pytest.mark.parametrize(("turn", "up"), [({}, "m3ter Support"), ({"next": "customer"}, "you, please reply")])
async def test_a_reply_says_whose_turn_it_is(a_desk: OpenDesk, turn: dict[str, str], up: str) -> None:
    """It goes on unless the agent says that we wait; both meet the first response (A25)."""
    desk = await a_desk()
    key = await desk.submits(ALICE, "Bills are slow", S2)
    form = form_of(await desk.presses(BOB, "Reply", key))
    choice = form.fields[1]
    assert (choice.id, choice.label, [o.label for o in choice.options]) == (  # type: ignore[union-attr]
        "next",
        "Next",
        ["We go on", "We wait for the customer"],
    )
    await desk.sends(BOB, form, text="Which customer is it?", **turn)
    assert desk.card_view(key).next_up == up
    assert desk.standing(key)[0] == "met"


async def test_it_moves_no_clock(a_desk: OpenDesk) -> None:
    """The due instants are the same either way, also after days without an answer."""
    due = []
    for turn in ("we", "customer"):
        desk = await a_desk()
        key = await desk.submits(ALICE, "Bills are slow", S3)
        await desk.submits_form(BOB, "Reply", key, text="Which customer is it?", next=turn)
        await desk.fast_forward(days=4)
        due.append([line.due_at for line in desk.card_view(key).promises])
    assert due[0] == due[1]


async def test_her_next_message_sets_it_back(a_desk: OpenDesk) -> None:
    desk = await a_desk()
    key = await desk.submits(ALICE, "Bills are slow", S2)
    await desk.submits_form(BOB, "Reply", key, text="Which customer is it?", next="customer")
    await desk.writes(ALICE, "Customer 17", key)
    await desk.fast_forward(minutes=1)
    assert desk.card_view(key).next_up == "m3ter Support"


async def test_an_agents_plain_message_means_we_go_on(a_desk: OpenDesk) -> None:
    desk = await a_desk()
    key = await desk.submits(ALICE, "Bills are slow", S2)
    await desk.submits_form(BOB, "Reply", key, text="Which customer is it?", next="customer")
    await desk.writes(BOB, "Found it myself", key)
    await desk.fast_forward(days=14)
    assert desk.card_view(key).next_up == "m3ter Support"
    assert "Nudged" not in await desk.events(key)


# The reminder -----------------------------------------------------------------------------------


async def test_three_business_days_after_we_wait_she_is_reminded_once(a_desk: OpenDesk) -> None:
    """In the calendar of the first response: Monday noon to Thursday noon. It mentions her (A18: a nudge)."""
    desk = await a_desk(MONDAY)
    key = await desk.submits(ALICE, "Bills are slow", S3)
    await desk.submits_form(BOB, "Reply", key, text="Which customer is it?", next="customer")
    await desk.forward_to("2026-03-26T11:59:59Z")
    assert "Nudged" not in await desk.events(key)
    before = notified(desk)["Alice"]
    await desk.forward_to("2026-03-26T12:00:00Z")
    assert desk.thread(key)[-1] == (
        f"{key} We are still waiting for your answer to Bob's message: “Which customer is it?” "
        "Please reply here. @Alice"
    )
    assert notified(desk)["Alice"] == before + 1
    await desk.fast_forward(days=20)
    assert (await desk.events(key)).count("Nudged") == 1


async def test_after_a_resolution_too(a_desk: OpenDesk) -> None:
    """S2 counts in support hours: from Friday afternoon to Wednesday afternoon."""
    desk = await a_desk()
    key = await resolved(desk)
    await desk.forward_to("2026-03-25T15:29:59Z")
    assert "Nudged" not in await desk.events(key)
    await desk.forward_to("2026-03-25T15:30:00Z")
    assert desk.thread(key)[-1] == (
        f"{key} This ticket was resolved, and we have not heard whether that fixed it. If it did, press "
        "Close on the card. If you still need help, press Reopen. @Alice"
    )
    await desk.fast_forward(days=60)
    assert desk.card_view(key).state == "resolved"
    assert (await desk.events(key))[-1] == "Nudged"


@pytest.mark.parametrize("word", ["message", "details", "reopen", "close", "escalate"])
async def test_any_word_of_hers_ends_the_wait(a_desk: OpenDesk, word: str) -> None:
    desk = await a_desk()
    key = await desk.submits(ALICE, "Bills are slow", S2)
    await desk.submits_form(BOB, "Reply", key, text="Which customer?", next="customer")
    if word in ("reopen", "close"):
        await desk.submits_form(BOB, "Resolve", key, text="Runs again.")
    await desk.fast_forward(hours=1)
    match word:
        case "message":
            await desk.writes(ALICE, "Customer 17", key)
        case "details":
            await desk.submits_form(ALICE, "Add details", key, text="Customer 17")
        case "reopen":
            await desk.presses(ALICE, "Reopen", key)
        case "close":
            await desk.presses(ALICE, "Close", key)
        case _:
            await desk.submits_form(ALICE, "Escalate", key, text="Month end")
    await desk.fast_forward(days=14)
    assert "Nudged" not in await desk.events(key)


# The announced closing --------------------------------------------------------------------------


async def test_a_resolved_ticket_is_closed_after_five_business_days_without_a_word(tmp_path: Path) -> None:
    """Reminded after three, told after four, closed by Frontline after five. Each notice mentions her."""
    desk = await open_desk(tmp_path, MONDAY, CLOSES)
    key = await resolved(desk)
    before = notified(desk)["Alice"]
    await desk.forward_to("2026-03-27T12:00:00Z")
    assert desk.thread(key)[-1] == (
        f"{key} We will close this ticket Mon 30 Mar 11:00, because nobody has written here "
        "since it was resolved. "
        "To keep it from being closed, write here. If you still need help, press Reopen on the card. @Alice"
    )
    assert notified(desk)["Alice"] == before + 2
    await desk.forward_to("2026-03-30T10:59:59Z")
    assert desk.card_view(key).state == "resolved"
    await desk.forward_to("2026-03-30T11:00:00Z")
    assert desk.card_view(key).state == "closed"
    assert desk.thread(key)[-1] == (
        f"{key} Frontline closed this ticket, because nobody wrote after it was resolved. "
        "If you still need help, press Reopen on the card."
    )
    assert desk.thread(key, Audience.AGENTS)[-1] == (
        f"{key} Frontline closed this ticket, because nobody wrote after it was resolved."
    )
    assert (await desk.events(key))[-3:] == ["Nudged", "ClosingAnnounced", "Closed"]
    assert notified(desk)["Alice"] == before + 2
    await desk.presses(ALICE, "Reopen", key)
    assert desk.card_view(key).state == "open"


@pytest.mark.parametrize("late", [False, True])
async def test_a_word_after_the_announcement_keeps_it_resolved(tmp_path: Path, late: bool) -> None:
    desk = await open_desk(tmp_path, MONDAY, CLOSES)
    key = await resolved(desk)
    await desk.forward_to("2026-03-27T13:00:00Z" if late else "2026-03-23T13:00:00Z")
    await desk.writes(ALICE, "Let me check", key)
    await desk.fast_forward(days=30)
    assert desk.card_view(key).state == "resolved"


async def test_a_desk_that_was_down_still_tells_her_a_business_day_before(tmp_path: Path) -> None:
    """It comes back on Wednesday of the week after: only the announcement is said, not the reminder."""
    desk = await open_desk(tmp_path, MONDAY, CLOSES)
    key = await resolved(desk)
    await desk.restarts_after(days=9)
    assert (await desk.events(key))[-1] == "ClosingAnnounced"
    assert "Nudged" not in await desk.events(key)
    await desk.forward_to("2026-04-02T10:00:00Z")
    assert desk.card_view(key).state == "resolved"
    await desk.forward_to("2026-04-02T12:00:00Z")
    assert desk.card_view(key).state == "closed"


@pytest.mark.parametrize("text", ["5 days", "1 business day", "48h", "soon"])
def test_other_waits_are_faults_that_say_what_to_write(tmp_path: Path, text: str) -> None:
    file = tmp_path / "frontline.toml"
    file.write_text(CLOSES.replace("5 business days", text), encoding="utf-8")
    with pytest.raises(Faults) as wrong:
        load_desk(file)
    [fault] = wrong.value.faults
    assert "auto_close" in str(fault)
    assert "business days" in str(fault)


async def test_an_agent_closes_a_resolved_ticket(a_desk: OpenDesk) -> None:
    desk = await a_desk()
    key = await resolved(desk)
    await desk.presses(BOB, "Close", key)
    assert desk.card_view(key).state == "closed"
    await desk.fast_forward(days=14)
    assert (await desk.events(key))[-1] == "Closed"


# The rating -------------------------------------------------------------------------------------


async def test_the_resolution_can_be_rated_until_it_is_closed(a_desk: OpenDesk) -> None:
    desk = await a_desk()
    key = await resolved(desk)
    assert labels(resolution(desk, key)) == ["1", "2", "3", "4", "5"]
    assert ("Rating", "4 of 5") not in desk.card_view(key, Audience.AGENTS).facts
    before = notified(desk)
    await rates(desk, key, "2")
    await rates(desk, key, "4")
    assert ("Rating", "4 of 5") in desk.card_view(key, Audience.AGENTS).facts
    assert "You rated this 4 of 5." in resolution(desk, key).text
    assert (notified(desk), (await desk.ticket(key)).rating) == (before, 4)
    await desk.presses(ALICE, "Close", key)
    assert labels(resolution(desk, key)) == []
    assert "Rated 4 of 5." in resolution(desk, key).text
    assert ("Rating", "4 of 5") in desk.card_view(key, Audience.AGENTS).facts


async def test_only_the_customer_rates_and_only_what_is_resolved(a_desk: OpenDesk) -> None:
    desk = await a_desk()
    key = await resolved(desk)
    message = resolution(desk, key)
    assert isinstance(message.view, Notice)
    five = message.view.buttons[-1]
    refused = await desk.presses_on(BOB, message, five)
    assert isinstance(refused, Show)
    assert answer_text(refused) == f"Only the customer of {key} can do that."
    await desk.presses(ALICE, "Reopen", key)
    assert labels(message) == []
    assert answer_text(await desk.presses_on(ALICE, message, five)) == f"{key} is open again."
    await desk.submits_form(BOB, "Resolve", key, text="Now it does.")
    await desk.presses(ALICE, "Close", key)
    closed = answer_text(await desk.presses_on(ALICE, message, five))
    assert closed == f"{key} is closed, so its rating stays."
    assert (await desk.ticket(key)).rating is None


async def test_a_reopened_resolution_takes_its_rating_along(a_desk: OpenDesk) -> None:
    desk = await a_desk()
    key = await resolved(desk)
    await rates(desk, key, "1")
    await desk.presses(ALICE, "Reopen", key)
    assert (await desk.ticket(key)).rating is None
    assert "Rated 1 of 5." in resolution(desk, key).text


# What earlier releases recorded -----------------------------------------------------------------


async def test_old_answers_and_resolutions_fold_as_before(a_desk: OpenDesk) -> None:
    """A reply was a question then, and nobody was reminded, told or asked for a rating."""
    desk = await a_desk()
    key = await desk.submits(ALICE, "Bills are slow", S2)
    ticket, bob, now = await desk.ticket(key), Who("slack:T0VENDOR:U0BOB", "Bob"), desk.clock.now()
    replied = after(ticket, [Answered(now, bob, Kind.REPLY, "Which one?")])
    assert (replied.customers_turn, replied.waiting_since) == (True, None)
    ended = after(replied, [Resolved(now, bob, "Runs again.")])
    assert (ended.state, ended.waiting_since, ended.closes_at) == (State.RESOLVED, None, None)
    assert after(ended, [Closed(now, bob)]).rating is None
    assert after(ticket, [Answered(now, bob, Kind.REPLY, "Hm", next=Turn.WE)]).customers_turn is False


async def test_a_reply_form_of_the_last_release_means_we_go_on(a_desk: OpenDesk) -> None:
    """It has no field `next`."""
    desk = await a_desk()
    key = await desk.submits(ALICE, "Bills are slow", S2)
    form = form_of(await desk.presses(BOB, "Reply", key))
    from dataclasses import replace

    await desk.sends(BOB, replace(form, fields=form.fields[:1]), text="We look into it.")
    assert desk.card_view(key).next_up == "m3ter Support"
    assert desk.heard(ACME)
