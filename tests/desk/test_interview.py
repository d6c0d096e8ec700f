"""The intake form asked question by question: by buttons and by writing, in a thread or directly."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bot.address import MessageRef, Place
from bot.desk import interview, offers, questions, routes
from bot.desk.core import Desk
from bot.exchange import Ask, Command, Done, Door, File, Press, Show
from bot.ports import Never, NotNow
from bot.views import Button, Notice
from sla_core.events import Opened
from tests.desk.talk import Talk
from tests.harness import ACME, ALICE, BOB, S3, SILVER, DeskInMemory, form_of, open_desk, person, plain, said
from tests.memory_store import MemoryStore

FRIDAY = "2026-03-20T15:30:00Z"
CAROL = person("Carol", "T0ACME")
DIRECT = Place("slack", "D0ALICE", direct=True)


@pytest.fixture
async def desk(tmp_path: Path) -> DeskInMemory:
    return await open_desk(tmp_path, FRIDAY)


@pytest.fixture
def talk(desk: DeskInMemory) -> Talk:
    return Talk(desk)


async def opened(desk: DeskInMemory, key: str = "ACME-1") -> Opened:
    return (await desk.ticket(key)).opened


async def test_each_question_is_asked_in_the_thread_until_there_is_a_ticket(talk: Talk) -> None:
    assert await talk.begins("Bills are slow") == Done()
    assert talk.question == "2 of 5: Details"
    await talk.writes("Since this morning")
    assert talk.question == "3 of 5: What is this about?"
    await talk.presses("Something is broken, slow or not as expected")
    assert "Production means live use" in plain(talk.asked)
    await talk.writes("a minor inconvenience with a workaround, or slower but usable")
    await talk.writes("2")
    assert "S3" in plain(talk.asked)
    assert talk.labels == ["Open ticket", "Back", "Cancel"]
    assert {said.thread for said in talk.desk.said} == {talk.about}

    assert await talk.presses("Open ticket") == Done()

    ticket = await opened(talk.desk)
    assert (ticket.summary, ticket.details) == ("Bills are slow", "Since this morning")
    assert ticket.severity == "S3"
    assert ticket.by.name == "Alice"


async def test_what_was_asked_keeps_its_answer_and_loses_its_buttons(talk: Talk) -> None:
    await talk.begins()
    first = talk.desk.said[-1]
    await talk.writes("Bills are slow")
    assert plain(first.view) == "Summary: “Bills are slow” "
    assert first.view.buttons == ()  # type: ignore[union-attr]


async def test_nobody_else_answers(talk: Talk) -> None:
    await talk.begins()
    before = talk.desk.heard()
    assert await talk.writes("I see that too", CAROL) == Done()
    assert "somebody else" in said(await talk.presses("Cancel", who=CAROL))
    assert talk.desk.heard() == before
    assert talk.question == "1 of 5: Summary"


async def test_two_people_are_asked_in_one_thread_each_on_their_own(talk: Talk) -> None:
    await talk.begins()
    offer = Notice((), buttons=(questions.begin_button(f'["{talk.about.id}", "Mine"]'),))  # type: ignore[union-attr]
    await talk.presses("Answer here", offer, CAROL)
    await talk.writes("Bills are slow")
    await talk.writes("Since yesterday", CAROL)
    await talk.writes("Since this morning")
    await talk.answers_all()
    await talk.presses("Open ticket")
    assert (await opened(talk.desk)).details == "Since this morning"


async def test_skip_back_keep_and_cancel(talk: Talk) -> None:
    await talk.begins("Bills are slow")
    assert talk.labels == ["Skip", "Back", "Cancel"]
    await talk.presses("Back")
    assert talk.question == "1 of 5: Summary"
    assert talk.labels == ["Keep", "Cancel"]
    await talk.writes("Invoices are slow")
    assert talk.question == "2 of 5: Details"
    await talk.presses("Skip")
    await talk.writes("back")
    assert talk.question == "2 of 5: Details"
    await talk.writes("skip")
    await talk.answers_all()
    await talk.presses("Back")
    assert talk.question == "5 of 5: Might confidentiality or privacy be breached?"
    await talk.presses("Keep")
    await talk.presses("Cancel")
    assert "Invoices are slow" in talk.desk.heard()[-1]
    assert await talk.desk.keys() == []
    assert await talk.writes("and now?") == Done(), "it is over"


async def test_it_goes_on_in_another_process(tmp_path: Path) -> None:
    store = MemoryStore()
    one = await open_desk(tmp_path, FRIDAY, store=store)
    one.desk.notebook = store
    talk = Talk(one)
    await talk.begins("Bills are slow")
    await talk.writes("Since this morning")

    one.desk = Desk(store, one.clock, one.desk.directory, one.desk.platforms, store)
    await talk.answers_all()
    await talk.presses("Open ticket")

    assert (await opened(one)).details == "Since this morning"


async def test_what_does_not_fit_is_said_beneath_the_question(talk: Talk) -> None:
    await talk.begins()
    await talk.writes("very " * 60 + "long")
    assert "200 fit here" in plain(talk.asked)
    await talk.writes("Bills are slow")
    await talk.writes("skip")
    await talk.writes("something else entirely")
    assert "a number up to 7" in plain(talk.asked)
    await talk.writes("8")
    assert talk.question == "3 of 5: What is this about?"
    await talk.writes("1.")
    assert talk.question.startswith("4 of 5")


async def test_what_the_plan_does_not_cover_is_said_there_and_nothing_is_lost(desk: DeskInMemory) -> None:
    talk = Talk(desk, place=SILVER)
    await talk.begins("Bills are slow")
    await talk.writes("Since this morning")
    await talk.answers_all()
    await talk.presses("Open ticket")
    assert "does not include support by chat" in plain(talk.asked)
    assert await desk.keys() == []
    for field_ in ("request", "production"):
        button = next(
            b for b in talk.asked.buttons if b.value.startswith("pick") and f"|{field_}|" in b.value
        )
        await talk.presses_it(button)
        if talk.labels[0] == "Open ticket":
            await talk.presses("Back")
            await talk.presses("Back")
    while talk.labels[0] != "Open ticket":
        await talk.presses("Keep")
    await talk.presses("Open ticket")
    ticket = await opened(desk, "SILVERLINE-1")
    assert (ticket.severity, ticket.summary, ticket.details) == ("S1", "Bills are slow", "Since this morning")


async def test_a_button_of_a_question_that_is_over_does_nothing(talk: Talk) -> None:
    await talk.begins("Bills are slow")
    await talk.writes("skip")
    first = talk.asked.buttons[0]
    await talk.presses_it(first)
    count = len(talk.desk.said)
    assert await talk.presses_it(first) == Done(), "pressed twice"
    other = Button(first.action, "", first.value.replace("incident", "feature"))
    assert "go on below" in said(await talk.presses_it(other))
    assert len(talk.desk.said) == count
    assert talk.question.startswith("4 of 5")


async def test_a_message_that_is_delivered_again_is_no_second_answer(talk: Talk) -> None:
    await talk.begins()
    await talk.writes("Bills are slow", id="one")
    await talk.writes("Bills are slow", id="one")
    assert talk.question == "2 of 5: Details"
    await talk.writes("Since this morning", id="two")
    assert await talk.writes("Since this morning", id="two") == Done()
    assert talk.question == "3 of 5: What is this about?"
    await talk.answers_all()
    await talk.presses("Open ticket")
    assert (await opened(talk.desk)).details == "Since this morning"


async def test_a_question_that_does_not_arrive_is_posted_again(talk: Talk) -> None:
    """What was answered is kept, and the order of what is said as well."""
    await talk.begins("Bills are slow")
    talk.desk.chat.failures += [NotNow("busy"), NotNow("asks to wait", 1.0)]
    assert await talk.writes("Since this morning") == Done()
    assert talk.question == "2 of 5: Details"
    await talk.desk.fast_forward(seconds=5)
    await talk.desk.fast_forward(seconds=5)
    assert talk.question == "3 of 5: What is this about?"
    await talk.answers_all()
    await talk.presses("Open ticket")
    assert (await opened(talk.desk)).details == "Since this morning"


async def test_who_cannot_be_asked_in_the_channel_learns_it_directly(talk: Talk) -> None:
    talk.desk.chat.failures.append(Never("not_in_channel"))
    await talk.begins("Bills are slow")
    (told,) = talk.desk.direct(ALICE)
    assert told.text.startswith("The questions that you began cannot be posted in that channel.")
    assert await talk.desk.desk.notebook.notes("interview") == {}


async def test_below_a_button_in_no_thread_the_questions_have_one_of_their_own(desk: DeskInMemory) -> None:
    """What others write there is nobody's ticket, and the thread is known by the message once it stands."""
    talk = Talk(desk)
    begin = Notice((), buttons=(questions.begin_button('["", "Bills are slow"]'),))
    await talk.presses("Answer here", begin)
    root, asked = desk.said
    assert root.thread is None
    assert asked.thread == root.ref
    talk.about = root.ref
    assert await talk.writes("I see that too", CAROL) == Done()
    await talk.writes("Since this morning")
    assert talk.question == "3 of 5: What is this about?"
    act = Command("other", desk.clock.now(), ALICE, ACME, Door.SHORTCUT, "Bills are slow", root.ref)
    assert "go on in its thread" in said(await desk.answers(act))
    await talk.answers_all()
    await talk.presses("Open ticket")
    assert (await opened(desk)).details == "Since this morning"


async def test_questions_that_an_earlier_version_began_go_on(desk: DeskInMemory) -> None:
    """It kept where it asked as notes, and the outbox did not know of its messages."""
    talk, notebook = Talk(desk), desk.desk.notebook
    begin = Notice((), buttons=(questions.begin_button('["", "Bills are slow"]'),))
    await talk.presses("Answer here", begin)
    ((name, text),) = (await notebook.notes("interview")).items()
    old = await desk.chat.post(ACME, Notice(("the questions follow in this thread",)), None)
    kept = json.loads(text) | {"thread": old.id, "question": "posted-2"}
    del kept["standing"], kept["ours"]
    await notebook.forget("interview", name)
    await notebook.note("interview", f"{ACME}/{old.id}/{ALICE.user}", json.dumps(kept))
    await notebook.note("interview-root", f"{ACME}/{old.id}", str(ALICE.user))
    await interview.take_over(desk.desk, notebook)
    assert await notebook.notes("interview-root") == {}
    talk.about = old
    assert await talk.writes("I see that too", CAROL) == Done()
    await talk.writes("Since this morning")
    assert talk.question == "3 of 5: What is this about?"
    assert desk.said[-1].thread == old


async def test_sent_twice_it_is_one_ticket(talk: Talk) -> None:
    await talk.begins("Bills are slow")
    await talk.writes("skip")
    await talk.answers_all()
    held = await talk.desk.desk.notebook.notes("interview")
    button = next(b for b in talk.asked.buttons if b.label == "Open ticket")
    await talk.presses_it(button)
    for name, text in held.items():
        await talk.desk.desk.notebook.note("interview", name, text)
    await talk.presses_it(button)
    assert await talk.desk.keys() == ["ACME-1"]


async def test_answer_here_pressed_again_shows_the_question_again(talk: Talk) -> None:
    await talk.begins("Bills are slow")
    await talk.writes("skip")
    offer = Notice((), buttons=(questions.begin_button(f'["{talk.about.id}", "Bills are slow"]'),))  # type: ignore[union-attr]
    await talk.presses("Answer here", offer)
    assert talk.question == "3 of 5: What is this about?"


async def test_after_a_day_it_is_over(talk: Talk) -> None:
    await talk.begins("Bills are slow")
    talk.desk.real_time_passes(days=1)
    count = len(talk.desk.said)
    await talk.writes("Good morning")
    assert len(talk.desk.said) == count


async def test_in_a_direct_conversation_with_two_accounts(desk: DeskInMemory) -> None:
    desk.chat.in_channels["U0ALICE"] = frozenset({ACME, SILVER})
    talk = Talk(desk, place=DIRECT)
    await talk.begins("Bills are slow")
    assert talk.question == "1 of 6: Account"
    await talk.writes("acme gmbh")
    await talk.writes("skip")
    await talk.answers_all()
    answer = await talk.presses("Open ticket")
    assert "ACME-1 is open in the channel of Acme GmbH" in said(answer)


async def test_at_the_end_words_are_not_lost_in_silence(talk: Talk) -> None:
    await talk.begins("Bills are slow")
    await talk.writes("skip")
    await talk.answers_all()
    await talk.writes("It is month end")
    assert "not part of it" in plain(talk.asked)
    await talk.presses("Back")
    await talk.presses("Keep")
    await talk.writes("open ticket")
    assert (await opened(talk.desk)).summary == "Bills are slow"


async def test_a_mention_among_the_answers_is_one_of_them(talk: Talk) -> None:
    await talk.begins("Bills are slow")
    act = Command("other", talk.desk.clock.now(), ALICE, ACME, Door.MENTION, "Since this morning", talk.about)
    assert await talk.desk.answers(act) == Done()


@pytest.mark.parametrize("door", [Door.SHORTCUT, Door.REACTION])
async def test_who_asks_for_it_again_meanwhile_is_told_where_to_go_on(talk: Talk, door: Door) -> None:
    await talk.begins("Bills are slow")
    act = Command("other", talk.desk.clock.now(), ALICE, ACME, door, "Bills are slow", talk.about)
    assert "go on in its thread" in said(await talk.desk.answers(act))


async def test_what_came_of_an_offer_is_known_for_a_month(desk: DeskInMemory) -> None:
    def button(offer: str) -> Press:
        ref = MessageRef(ACME, offer)
        return Press(desk.envelope(), desk.clock.now(), ALICE, ACME, ref, "get_help", '["1.2", "Bills"]')

    await offers.took(desk.desk, ACME, "offer", "ACME-1")
    desk.real_time_passes(days=29)
    assert "ACME-1" in said(await desk.answers(button("offer")))
    desk.real_time_passes(days=30)
    assert isinstance(await desk.answers(button("offer")), Ask)


async def test_two_forms_of_two_quick_presses_are_one_ticket(desk: DeskInMemory) -> None:
    ref = MessageRef(ACME, "offer")
    forms = []
    for _ in range(2):
        now, value = desk.clock.now(), '["1.2", "Bills are slow"]'
        press = Press(desk.envelope(), now, ALICE, ACME, ref, "get_help", value)
        forms.append(form_of(await desk.answers(press)))
    assert await desk.sends(ALICE, forms[0], **S3) == Done()
    assert "This is in ACME-1 already" in said(await desk.sends(ALICE, forms[1], **S3))
    assert await desk.sends(ALICE, forms[1], **(S3 | {"details": "Another thing"})) == Done()
    assert await desk.keys() == ["ACME-2", "ACME-1"]


async def test_files_come_along(talk: Talk) -> None:
    await talk.begins("Bills are slow")
    await talk.writes("", files=(File("error.log", "https://files.example/1"),))
    assert talk.question == "3 of 5: What is this about?"
    await talk.answers_all()
    assert "error.log" in plain(talk.asked)


async def test_an_agent_asked_in_the_customers_channel_opens_it_for_them(desk: DeskInMemory) -> None:
    talk = Talk(desk, who=BOB)
    await talk.begins("Bills are slow")
    await talk.writes("skip")
    await talk.answers_all()
    await talk.presses("Open ticket")
    assert (await opened(desk)).by_agent


async def test_what_the_button_holds_is_only_words(desk: DeskInMemory) -> None:
    """A value that is none of ours begins with nothing."""
    for value in ("", "begin|{", "begin|kept:x", "pick", "send||", "|", "back|x|y|z"):
        act = Press(desk.envelope(), desk.clock.now(), ALICE, ACME, None, questions.ACTION, value)
        answer = await routes.answer(desk.desk, act)
        assert isinstance(answer, Show | Done)
