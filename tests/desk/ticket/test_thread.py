"""A ticket's thread: what was changed or deleted later, what came as a file, and what stays in triage."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.model.address import Actor, MessageRef
from bot.model.inbound import Done, File, MessageChanged, Posted
from bot.model.views import Audience, Link, Mention, Notice, RichText
from sla_core.engine import countdowns
from sla_core.events import Answered, Attachment, Corrected, CustomerWrote
from sla_core.policy import Metric
from sla_core.promise import Phase
from tests.harness import (
    ACME,
    ALICE,
    BOB,
    DANA,
    DESK_FILE_WITH_HOLD,
    S1,
    S2,
    TRIAGE,
    DeskInMemory,
    done,
    open_desk,
    person,
)
from tests.journeys.conftest import FRIDAY_AFTERNOON, OpenDesk, a_desk
from tests.memory_store import MemoryStore

__all__ = ["a_desk"]

WORDS = MessageRef(ACME, "typed")


async def writes(
    desk: DeskInMemory, who: Actor, text: str, key: str, *files: File, audience: Audience = Audience.CUSTOMER
) -> None:
    """As `desk.writes`, under an id that we know."""
    root = desk.card(key, audience).ref
    ref = MessageRef(root.place, WORDS.id)
    act = Posted(desk.envelope(), desk.clock.now(), who, root.place, ref, text, root, files=files)
    assert done(await desk.answers(act))


async def revises(
    desk: DeskInMemory,
    who: Actor,
    text: str | None,
    key: str,
    envelope: str | None = None,
    audience: Audience = Audience.CUSTOMER,
) -> None:
    root = desk.card(key, audience).ref
    ref = MessageRef(root.place, WORDS.id)
    act = MessageChanged(envelope or desk.envelope(), desk.clock.now(), who, root.place, ref, text, root)
    assert done(await desk.answers(act))


async def clocks(desk: DeskInMemory, key: str) -> object:
    ticket = await desk.ticket(key)
    return countdowns(ticket, desk.desk.policy_of(ticket), desk.clock.now())


# What was changed later -----------------------------------------------------------------------


async def test_agents_see_a_change_and_the_history_keeps_both(a_desk: OpenDesk) -> None:
    desk = await a_desk()
    key = await desk.submits(ALICE, "Bills are late", S2)
    await writes(desk, ALICE, "It is bill 4711", key)

    await revises(desk, ALICE, "It is bill 4712", key)

    assert (
        desk.thread(key, Audience.AGENTS)[-1]
        == f"{key} Alice edited a message. It now says: “It is bill 4712” "
    )
    *_, written, corrected = (await desk.ticket(key)).history
    assert isinstance(written, CustomerWrote)
    assert isinstance(corrected, Corrected)
    assert (written.text, corrected.text) == ("It is bill 4711", "It is bill 4712")
    assert desk.thread(key) == [], "the customer sees it where it was changed"


async def test_agents_see_that_a_message_was_deleted_and_not_its_words_again(a_desk: OpenDesk) -> None:
    desk = await a_desk()
    key = await desk.submits(ALICE, "Bills are late", S2)
    await writes(desk, ALICE, "my password is 1234", key)

    await revises(desk, ALICE, None, key)

    assert desk.thread(key, Audience.AGENTS)[-1] == f"{key} A message by Alice was deleted."


@pytest.mark.parametrize("who", [ALICE, BOB])
@pytest.mark.parametrize("text", ["Otherwise", None])
async def test_an_edit_changes_no_clock(a_desk: OpenDesk, who: Actor, text: str | None) -> None:
    """Neither is an answer or a customer's turn won or lost by an edit; a replay gives the same."""
    desk = await a_desk(desk_file=DESK_FILE_WITH_HOLD)
    key = await desk.submits(ALICE, "Bills are late", S2)
    await writes(desk, who, "Which bill?", key)
    if who is BOB:
        await desk.submits_form(BOB, "Hold", key, text="your answer")
    await desk.fast_forward(hours=1)
    before, turn, held = await clocks(desk, key), desk.card_view(key).next_up, (await desk.ticket(key)).held

    await revises(desk, who, text, key)

    assert await clocks(desk, key) == before
    assert desk.card_view(key).next_up == turn
    assert (await desk.ticket(key)).held == held


async def test_an_edit_without_a_new_text_is_ignored(a_desk: OpenDesk) -> None:
    """A preview of a link makes such an event; so does the same one delivered again."""
    desk = await a_desk()
    key = await desk.submits(ALICE, "Bills are late", S2)
    await writes(desk, ALICE, "see https://x.example", key)
    await revises(desk, ALICE, "see https://x.example ", key)
    await revises(desk, ALICE, "see https://y.example", key, "twice")
    await revises(desk, ALICE, "see https://y.example", key, "twice")
    await revises(desk, ALICE, "see https://y.example", key)
    await revises(desk, ALICE, None, key)
    await revises(desk, ALICE, None, key)

    assert (await desk.events(key)).count("Corrected") == 2


async def test_edits_in_triage_stay_internal(a_desk: OpenDesk) -> None:
    desk = await a_desk()
    key = await desk.submits(ALICE, "Bills are late", S2)
    await writes(desk, BOB, "they are wrong again", key, audience=Audience.AGENTS)
    await revises(desk, BOB, "let us look", key, audience=Audience.AGENTS)

    assert await desk.events(key) == ["Opened"]
    assert len(desk.heard(ACME)) == 1


async def test_edits_outside_tickets_are_ignored(a_desk: OpenDesk) -> None:
    desk = await a_desk()
    key = await desk.submits(ALICE, "Bills are late", S2)
    before = len(desk.posted)
    for thread in (None, MessageRef(ACME, "lunch")):
        act = MessageChanged(desk.envelope(), desk.clock.now(), ALICE, ACME, WORDS, "Pizza?", thread)
        assert done(await desk.answers(act))

    assert await desk.events(key) == ["Opened"]
    assert len(desk.posted) == before


async def test_a_deleted_unknown_message_is_ignored(a_desk: OpenDesk) -> None:
    desk = await a_desk()
    key = await desk.submits(ALICE, "Bills are late", S2)
    await revises(desk, ALICE, None, key)
    assert await desk.events(key) == ["Opened"]


# Files ----------------------------------------------------------------------------------------


LOG = File("error.log", "https://files.example/error.log")


async def test_files_reach_agents_by_name_and_link(a_desk: OpenDesk) -> None:
    desk = await a_desk()
    key = await desk.submits(ALICE, "Bills are late", S2)
    await writes(desk, ALICE, "here", key, LOG, File("secret.txt", ""))

    told = [said for said in desk.posted if said.thread == desk.card(key, Audience.AGENTS).ref][-1]
    assert isinstance(told.view, Notice)
    assert Link(LOG.url, LOG.name) in told.view.text
    assert told.text == f"{key} Alice wrote: “here”  (files: error.log, secret.txt) @Bob"
    written = await desk.last(key)
    assert isinstance(written, CustomerWrote)
    assert written.files == (Attachment(LOG.name, LOG.url), Attachment("secret.txt", ""))


async def test_a_file_without_text_is_a_message(a_desk: OpenDesk) -> None:
    desk = await a_desk()
    key = await desk.submits(ALICE, "Bills are late", S2)
    await writes(desk, BOB, "", key, LOG)
    answered = await desk.last(key)
    assert isinstance(answered, Answered)
    assert desk.card_view(key).next_up == "m3ter Support"

    await writes(desk, ALICE, " ", key, LOG)
    assert isinstance(await desk.last(key), CustomerWrote)
    assert desk.card_view(key).next_up == "m3ter Support"
    assert desk.thread(key, Audience.AGENTS)[-1] == f"{key} Alice wrote: (file: error.log) @Bob"


# What counts as an answer ---------------------------------------------------------------------


async def test_a24_only_a_humans_words_meet_the_response_clock(a_desk: OpenDesk) -> None:
    """A24: an automatic receipt is no response; a human's message that the customer sees is."""
    desk = await a_desk()
    key = await desk.submits(ALICE, "All is down", S1)
    await desk.fast_forward(minutes=1)
    assert desk.heard(ACME), "the receipt stands there"
    assert (await desk.ticket(key)).first_answer_at is None

    for label in ("Acknowledge", "Take it"):
        assert done(await desk.presses(BOB, label, key))
    await writes(desk, BOB, "is anyone on this?", key, audience=Audience.AGENTS)
    await writes(desk, ALICE, "hello?", key)
    await desk.fast_forward(hours=3)
    assert "Breached" in await desk.events(key), "what the clock says by itself is no response either"
    assert (await desk.ticket(key)).first_answer_at is None

    await writes(desk, BOB, "I am looking into it", key)
    ticket = await desk.ticket(key)
    assert ticket.first_answer_at == desk.clock.now()
    shown = countdowns(ticket, desk.desk.policy_of(ticket), desk.clock.now())
    assert [c.phase for c in shown if c.metric is Metric.FIRST_RESPONSE] == [Phase.BREACHED]


async def test_a24_a_reply_in_time_meets_it(a_desk: OpenDesk) -> None:
    desk = await a_desk()
    key = await desk.submits(ALICE, "Bills are late", S2)
    await desk.fast_forward(minutes=20)
    await writes(desk, BOB, "Looking", key)
    assert desk.standing(key)[0] == "met"


async def test_what_agents_write_in_triage_never_reaches_the_customer(a_desk: OpenDesk) -> None:
    """Complaint 35: internal by default; only Send shows it."""
    desk = await a_desk()
    key = await desk.submits(ALICE, "Bills are late", S2)
    before = desk.heard(ACME), desk.thread(key)
    for who in (BOB, person("Kim"), person("Gwen")):
        await writes(desk, who, "this customer again", key, audience=Audience.AGENTS)
    loose = Posted(desk.envelope(), desk.clock.now(), BOB, TRIAGE, MessageRef(TRIAGE, "9"), f"{key} again")
    assert isinstance(await desk.answers(loose), Done)

    assert (desk.heard(ACME), desk.thread(key)) == before
    assert await desk.events(key) == ["Opened"]

    await desk.submits_form(BOB, "Reply", key, text="We are on it")
    assert desk.thread(key) == [f"{key} Bob replied: “We are on it”  @Alice"]


# Mentions -------------------------------------------------------------------------------------


def mentioned(text: RichText) -> set[str]:
    return {part.name for part in text if isinstance(part, Mention)}


def calls(desk: DeskInMemory) -> list[set[str]]:
    """The people mentioned in each triage message that mentions anyone."""
    every = [mentioned(s.view.text) for s in desk.posted if s.to == TRIAGE and isinstance(s.view, Notice)]
    return [names for names in every if names]


async def test_the_person_who_acts_is_not_mentioned(a_desk: OpenDesk) -> None:
    """Complaint 28: Bob is on call first; he escalates, and is not mentioned for it."""
    desk = await a_desk()
    key = await desk.submits(ALICE, "All is down", S1)
    assert calls(desk) == [{"Bob"}, {"Kim"}]

    await desk.submits_form(BOB, "Escalate", key, text="I need more hands")
    assert calls(desk)[2:] == [{"Eve"}], "engineering is paged beside the first line, so second line is next"


async def test_an_agent_who_opens_an_emergency_is_not_paged_for_it(a_desk: OpenDesk) -> None:
    desk = await a_desk()
    await desk.submits(BOB, "All is down", S1, place=ACME)
    assert "Bob" not in calls(desk)[-1]
    assert calls(desk)[-1], "the others are"


async def test_the_person_who_resolves_gets_no_message_about_it(a_desk: OpenDesk) -> None:
    """Complaint 28: Dana is the TAM and was told of the escalation; she resolves it herself."""
    desk = await a_desk()
    key = await desk.submits(ALICE, "Bills are late", S2)
    await desk.submits_form(ALICE, "Escalate", key, text="please")
    before = len(desk.direct(DANA))
    await desk.submits_form(DANA, "Resolve", key, place=TRIAGE, text="Paid")
    assert len(desk.direct(DANA)) == before

    await desk.presses(ALICE, "Reopen", key)
    assert len(desk.direct(DANA)) == before + 1, "of what others do she hears"


async def test_ten_quick_messages_edit_each_card_once(tmp_path: Path) -> None:
    """Slack takes 50 edits a minute from a workspace; a conversation must not use them up."""
    store = MemoryStore()
    desk = await open_desk(tmp_path, FRIDAY_AFTERNOON, store=store)
    store.clock = desk.clock
    key = await desk.submits(ALICE, "Nothing works", S1)
    cards = [desk.card(key, audience) for audience in Audience]
    for nth in range(10):
        await desk.writes((ALICE, BOB)[nth % 2], f"Message {nth}", key)
        await desk.fast_forward(seconds=0.4)
    assert [card.edits for card in cards] == [0, 0]
    await desk.fast_forward(seconds=1)
    assert [card.edits for card in cards] == [1, 1]
    await desk.writes(ALICE, "And now?", key)
    await desk.presses(BOB, "Take it", key)
    assert [card.edits for card in cards] == [2, 2], "Bob waits to see what he has done"
    await desk.fast_forward(minutes=1)
    assert [card.edits for card in cards] == [2, 2], "and the message is on the card already"
