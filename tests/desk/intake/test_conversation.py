"""The intake form asked question by question: by buttons and by writing, in a thread or directly."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bot.desk import routes
from bot.desk.desk import Desk
from bot.desk.intake import conversation as conversations
from bot.desk.intake import conversation_steps, entry_points, prefill
from bot.model.address import MessageRef, Place
from bot.model.inbound import Ask, Command, Done, EntryPoint, File, Press, Show
from bot.model.views import Button, Notice
from bot.ports import PermanentFailure, TemporaryFailure
from sla_core.events import Opened
from tests.desk.intake.conversation import Conversation
from tests.harness import (
    ACME,
    ALICE,
    BOB,
    S3,
    SILVER,
    DeskInMemory,
    answer_text,
    form_of,
    open_desk,
    person,
    view_text,
)
from tests.memory_store import MemoryStore

FRIDAY = "2026-03-20T15:30:00Z"
CAROL = person("Carol", "T0ACME")
DIRECT = Place("slack", "D0ALICE", direct=True)


@pytest.fixture
async def desk(tmp_path: Path) -> DeskInMemory:
    return await open_desk(tmp_path, FRIDAY)


@pytest.fixture
def conversation(desk: DeskInMemory) -> Conversation:
    return Conversation(desk)


async def opened(desk: DeskInMemory, key: str = "ACME-1") -> Opened:
    return (await desk.ticket(key)).opened


async def test_each_question_is_asked_in_the_thread_until_there_is_a_ticket(
    conversation: Conversation,
) -> None:
    assert await conversation.starts("Bills are slow") == Done()
    assert conversation.question == "2 of 5: Details"
    await conversation.writes("Since this morning")
    assert conversation.question == "3 of 5: What is this about?"
    await conversation.presses("Something is broken, slow or not as expected")
    assert "Production means live use" in view_text(conversation.asked)
    await conversation.writes("a minor inconvenience with a workaround: a display glitch, for example")
    await conversation.writes("2")
    assert "S3" in view_text(conversation.asked)
    assert conversation.labels == ["Open ticket", "Back", "Cancel"]
    assert {said.thread for said in conversation.desk.posted} == {conversation.thread_root}

    assert await conversation.presses("Open ticket") == Done()

    ticket = await opened(conversation.desk)
    assert (ticket.summary, ticket.details) == ("Bills are slow", "Since this morning")
    assert ticket.severity == "S3"
    assert ticket.by.name == "Alice"


async def test_what_was_asked_keeps_its_answer_and_loses_its_buttons(conversation: Conversation) -> None:
    await conversation.starts()
    first = conversation.desk.posted[-1]
    await conversation.writes("Bills are slow")
    assert view_text(first.view) == "Summary: “Bills are slow” "
    assert first.view.buttons == ()  # type: ignore[union-attr]


async def test_other_people_cannot_answer(conversation: Conversation) -> None:
    await conversation.starts()
    before = conversation.desk.heard()
    assert await conversation.writes("I see that too", CAROL) == Done()
    assert "This conversation has ended." in answer_text(await conversation.presses("Cancel", who=CAROL))
    assert conversation.desk.heard() == before
    assert conversation.question == "1 of 5: Summary"


async def test_two_people_are_asked_in_one_thread_each_on_their_own(conversation: Conversation) -> None:
    await conversation.starts()
    assert conversation.thread_root
    value = f'["{conversation.thread_root.id}", "Mine"]'
    offer = Notice((), buttons=(entry_points.begin_button(value),))
    await conversation.presses("Answer here", offer, CAROL)
    await conversation.writes("Bills are slow")
    await conversation.writes("Since yesterday", CAROL)
    await conversation.writes("Since this morning")
    await conversation.answers_all()
    await conversation.presses("Open ticket")
    assert (await opened(conversation.desk)).details == "Since this morning"


async def test_skip_back_keep_and_cancel(conversation: Conversation) -> None:
    await conversation.starts("Bills are slow")
    assert conversation.labels == ["Skip", "Back", "Cancel"]
    await conversation.presses("Back")
    assert conversation.question == "1 of 5: Summary"
    assert conversation.labels == ["Keep", "Cancel"]
    await conversation.writes("Invoices are slow")
    assert conversation.question == "2 of 5: Details"
    await conversation.presses("Skip")
    await conversation.writes("back")
    assert conversation.question == "2 of 5: Details"
    await conversation.writes("skip")
    await conversation.answers_all()
    await conversation.presses("Back")
    assert conversation.question == "5 of 5: Might confidentiality or privacy be breached?"
    await conversation.presses("Keep")
    await conversation.presses("Cancel")
    assert "Invoices are slow" in conversation.desk.heard()[-1]
    assert await conversation.desk.keys() == []
    assert await conversation.writes("and now?") == Done(), "it is over"


async def test_a_conversation_continues_in_another_process(tmp_path: Path) -> None:
    store = MemoryStore()
    one = await open_desk(tmp_path, FRIDAY, store=store)
    one.desk.key_values = store
    conversation = Conversation(one)
    await conversation.starts("Bills are slow")
    await conversation.writes("Since this morning")

    one.desk = Desk(store, one.clock, one.desk.directory, one.desk.platforms, store)
    await conversation.answers_all()
    await conversation.presses("Open ticket")

    assert (await opened(one)).details == "Since this morning"


async def test_an_invalid_answer_is_explained_below_the_question(conversation: Conversation) -> None:
    await conversation.starts()
    await conversation.writes("very " * 60 + "long")
    assert "the limit is 200" in view_text(conversation.asked)
    await conversation.writes("Bills are slow")
    await conversation.writes("skip")
    await conversation.writes("something else entirely")
    assert "a number up to 7" in view_text(conversation.asked)
    await conversation.writes("8")
    assert conversation.question == "3 of 5: What is this about?"
    await conversation.writes("1.")
    assert conversation.question.startswith("4 of 5")


async def test_an_answer_outside_the_plan_is_explained_and_kept(desk: DeskInMemory) -> None:
    conversation = Conversation(desk, place=SILVER)
    await conversation.starts("Bills are slow")
    await conversation.writes("Since this morning")
    await conversation.answers_all()
    await conversation.presses("Open ticket")
    assert "please report this at" in view_text(conversation.asked)
    assert await desk.keys() == []
    for field_ in ("request", "production"):
        button = next(
            b for b in conversation.asked.buttons if b.value.startswith("pick") and f"|{field_}|" in b.value
        )
        await conversation.presses_button(button)
        if conversation.labels[0] == "Open ticket":
            await conversation.presses("Back")
            await conversation.presses("Back")
    while conversation.labels[0] != "Open ticket":
        await conversation.presses("Keep")
    await conversation.presses("Open ticket")
    ticket = await opened(desk, "SILVERLINE-1")
    assert (ticket.severity, ticket.summary, ticket.details) == ("S1", "Bills are slow", "Since this morning")


async def test_a_button_of_an_answered_question_does_nothing(conversation: Conversation) -> None:
    await conversation.starts("Bills are slow")
    await conversation.writes("skip")
    first = conversation.asked.buttons[0]
    await conversation.presses_button(first)
    count = len(conversation.desk.posted)
    assert await conversation.presses_button(first) == Done(), "pressed twice"
    other = Button(first.action, "", first.value.replace("incident", "feature"))
    assert "continue below" in answer_text(await conversation.presses_button(other))
    assert len(conversation.desk.posted) == count
    assert conversation.question.startswith("4 of 5")


async def test_a_redelivered_message_is_not_a_second_answer(conversation: Conversation) -> None:
    await conversation.starts()
    await conversation.writes("Bills are slow", id="one")
    await conversation.writes("Bills are slow", id="one")
    assert conversation.question == "2 of 5: Details"
    await conversation.writes("Since this morning", id="two")
    assert await conversation.writes("Since this morning", id="two") == Done()
    assert conversation.question == "3 of 5: What is this about?"
    await conversation.answers_all()
    await conversation.presses("Open ticket")
    assert (await opened(conversation.desk)).details == "Since this morning"


async def test_a_question_that_failed_is_posted_again(conversation: Conversation) -> None:
    """What was answered is kept, and the order of what is said as well."""
    await conversation.starts("Bills are slow")
    conversation.desk.chat.failures += [TemporaryFailure("busy"), TemporaryFailure("asks to wait", 1.0)]
    assert await conversation.writes("Since this morning") == Done()
    assert conversation.question == "2 of 5: Details"
    await conversation.desk.fast_forward(seconds=5)
    await conversation.desk.fast_forward(seconds=5)
    assert conversation.question == "3 of 5: What is this about?"
    await conversation.answers_all()
    await conversation.presses("Open ticket")
    assert (await opened(conversation.desk)).details == "Since this morning"


async def test_a_person_who_cannot_be_asked_in_the_channel_gets_a_direct_message(
    conversation: Conversation,
) -> None:
    conversation.desk.chat.failures.append(PermanentFailure("not_in_channel"))
    await conversation.starts("Bills are slow")
    (told,) = conversation.desk.direct(ALICE)
    assert told.text.startswith("I cannot post the questions in that channel.")
    assert await conversation.desk.desk.key_values.get_all("interview") == {}


async def test_below_a_button_in_no_thread_the_questions_have_one_of_their_own(desk: DeskInMemory) -> None:
    """What others write there is nobody's ticket, and the thread is known by the message once it stands."""
    conversation = Conversation(desk)
    begin = Notice((), buttons=(entry_points.begin_button('["", "Bills are slow"]'),))
    await conversation.presses("Answer here", begin)
    root, asked = desk.posted
    assert root.thread is None
    assert asked.thread == root.ref
    conversation.thread_root = root.ref
    assert await conversation.writes("I see that too", CAROL) == Done()
    await conversation.writes("Since this morning")
    assert conversation.question == "3 of 5: What is this about?"
    act = Command("other", desk.clock.now(), ALICE, ACME, EntryPoint.SHORTCUT, "Bills are slow", root.ref)
    assert "continue in its thread" in answer_text(await desk.answers(act))
    await conversation.answers_all()
    await conversation.presses("Open ticket")
    assert (await opened(desk)).details == "Since this morning"


async def test_questions_that_an_earlier_version_began_go_on(desk: DeskInMemory) -> None:
    """It kept where it asked as notes, and the outbox did not know of its messages."""
    conversation, key_values = Conversation(desk), desk.desk.key_values
    begin = Notice((), buttons=(entry_points.begin_button('["", "Bills are slow"]'),))
    await conversation.presses("Answer here", begin)
    ((name, text),) = (await key_values.get_all("interview")).items()
    old = await desk.chat.post(ACME, Notice(("the questions follow in this thread",)), None)
    kept = json.loads(text) | {"thread": old.id, "question": "posted-2"}
    del kept["standing"], kept["ours"]
    await key_values.delete("interview", name)
    await key_values.put("interview", f"{ACME}/{old.id}/{ALICE.user}", json.dumps(kept))
    await key_values.put("interview-root", f"{ACME}/{old.id}", str(ALICE.user))
    await conversations.adopt_stored_roots(desk.desk, key_values)
    assert await key_values.get_all("interview-root") == {}
    conversation.thread_root = old
    assert await conversation.writes("I see that too", CAROL) == Done()
    await conversation.writes("Since this morning")
    assert conversation.question == "3 of 5: What is this about?"
    assert desk.posted[-1].thread == old


async def test_a_conversation_sent_twice_is_one_ticket(conversation: Conversation) -> None:
    await conversation.starts("Bills are slow")
    await conversation.writes("skip")
    await conversation.answers_all()
    held = await conversation.desk.desk.key_values.get_all("interview")
    button = next(b for b in conversation.asked.buttons if b.label == "Open ticket")
    await conversation.presses_button(button)
    for name, text in held.items():
        await conversation.desk.desk.key_values.put("interview", name, text)
    await conversation.presses_button(button)
    assert await conversation.desk.keys() == ["ACME-1"]


async def test_answer_here_pressed_again_shows_the_question_again(conversation: Conversation) -> None:
    await conversation.starts("Bills are slow")
    await conversation.writes("skip")
    assert conversation.thread_root
    value = f'["{conversation.thread_root.id}", "Bills are slow"]'
    offer = Notice((), buttons=(entry_points.begin_button(value),))
    await conversation.presses("Answer here", offer)
    assert conversation.question == "3 of 5: What is this about?"


async def test_a_conversation_expires_after_a_day(conversation: Conversation) -> None:
    await conversation.starts("Bills are slow")
    conversation.desk.real_time_passes(days=1)
    count = len(conversation.desk.posted)
    await conversation.writes("Good morning")
    assert len(conversation.desk.posted) == count


async def test_in_a_direct_conversation_with_two_accounts(desk: DeskInMemory) -> None:
    desk.chat.in_channels["U0ALICE"] = frozenset({ACME, SILVER})
    conversation = Conversation(desk, place=DIRECT)
    await conversation.starts("Bills are slow")
    assert conversation.question == "1 of 6: Account"
    await conversation.writes("acme gmbh")
    await conversation.writes("skip")
    await conversation.answers_all()
    desk.chat.links_begin = "https://chat.example"
    answer = await conversation.presses("Open ticket")
    assert "ACME-1 was opened in the channel of Acme GmbH" in answer_text(answer)
    (review,) = [text for text in desk.heard(DIRECT) if "Your ticket is ACME-1." in text]
    assert review.endswith("Please continue in the thread of its card. Open ACME-1")


async def test_text_after_the_end_gets_an_answer(conversation: Conversation) -> None:
    await conversation.starts("Bills are slow")
    await conversation.writes("skip")
    await conversation.answers_all()
    await conversation.writes("It is month end")
    assert "Your last message is not one of your answers." in view_text(conversation.asked)
    await conversation.presses("Back")
    await conversation.presses("Keep")
    await conversation.writes("open ticket")
    assert (await opened(conversation.desk)).summary == "Bills are slow"


async def test_a_mention_among_the_answers_is_one_of_them(conversation: Conversation) -> None:
    await conversation.starts("Bills are slow")
    act = Command(
        "other",
        conversation.desk.clock.now(),
        ALICE,
        ACME,
        EntryPoint.MENTION,
        "Since this morning",
        conversation.thread_root,
    )
    assert await conversation.desk.answers(act) == Done()


@pytest.mark.parametrize("door", [EntryPoint.SHORTCUT, EntryPoint.REACTION])
async def test_asking_again_points_to_the_open_conversation(
    conversation: Conversation, door: EntryPoint
) -> None:
    await conversation.starts("Bills are slow")
    act = Command(
        "other", conversation.desk.clock.now(), ALICE, ACME, door, "Bills are slow", conversation.thread_root
    )
    assert "continue in its thread" in answer_text(await conversation.desk.answers(act))


async def test_the_outcome_of_an_offer_is_kept_for_a_month(desk: DeskInMemory) -> None:
    def button(offer: str) -> Press:
        ref = MessageRef(ACME, offer)
        return Press(desk.envelope(), desk.clock.now(), ALICE, ACME, ref, "get_help", '["1.2", "Bills"]')

    await prefill.record_ticket(desk.desk, ACME, "offer", "ACME-1")
    desk.real_time_passes(days=29)
    assert "ACME-1" in answer_text(await desk.answers(button("offer")))
    desk.real_time_passes(days=30)
    assert isinstance(await desk.answers(button("offer")), Ask)


async def test_two_forms_of_two_quick_presses_are_one_ticket(desk: DeskInMemory) -> None:
    ref = MessageRef(ACME, "offer")
    forms = []
    for _ in range(2):
        now, value = desk.clock.now(), '["1.2", "Bills are slow"]'
        press = Press(desk.envelope(), now, ALICE, ACME, ref, "get_help", value)
        forms.append(form_of(await desk.answers(press)))
    assert await desk.sends(ALICE, forms[0], **S3) == Done(ticket="ACME-1")
    desk.chat.links_begin = "https://chat.example"
    told = answer_text(await desk.sends(ALICE, forms[1], **S3))
    assert told.startswith("This is already ticket ACME-1.")
    assert told.endswith("Open ACME-1")
    assert await desk.sends(ALICE, forms[1], **(S3 | {"details": "Another thing"})) == Done(ticket="ACME-2")
    assert await desk.keys() == ["ACME-2", "ACME-1"]


async def test_files_are_attached_to_the_ticket(conversation: Conversation) -> None:
    await conversation.starts("Bills are slow")
    await conversation.writes("", files=(File("error.log", "https://files.example/1"),))
    assert conversation.question == "3 of 5: What is this about?"
    await conversation.answers_all()
    assert "error.log" in view_text(conversation.asked)


async def test_an_agent_asked_in_the_customers_channel_opens_it_for_them(desk: DeskInMemory) -> None:
    conversation = Conversation(desk, who=BOB)
    await conversation.starts("Bills are slow")
    await conversation.writes("skip")
    await conversation.answers_all()
    await conversation.presses("Open ticket")
    assert (await opened(desk)).by_agent


async def test_a_malformed_button_value_changes_nothing(desk: DeskInMemory) -> None:
    """A malformed value starts nothing."""
    for value in ("", "begin|{", "begin|kept:x", "pick", "send||", "|", "back|x|y|z"):
        act = Press(desk.envelope(), desk.clock.now(), ALICE, ACME, None, conversation_steps.ACTION, value)
        answer = await routes.answer(desk.desk, act)
        assert isinstance(answer, Show | Done)
