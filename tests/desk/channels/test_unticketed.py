"""Customers' messages that belong to no ticket: one line in triage (contract.md, "Unticketed messages")."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest

from bot.desk.timed_work import TimedWork
from bot.model.address import Actor, MessageRef, Place
from bot.model.inbound import (
    Answer,
    ChannelChange,
    ChannelChanged,
    Command,
    Done,
    EntryPoint,
    MessageChanged,
    Posted,
)
from bot.model.views import Audience, Notice
from bot.ports import PermanentFailure
from bot.runtime.scheduler import fire_due_timers
from tests.desk_file import account, desk_file
from tests.harness import (
    ACME,
    ALICE,
    BOB,
    DESK_FILE,
    EVE,
    S2,
    TRIAGE,
    DeskInMemory,
    PostedMessage,
    answer_text,
    form_of,
    open_desk,
    person,
)
from tests.journeys.conftest import FRIDAY_AFTERNOON, OpenDesk, a_desk
from tests.journeys.test_who_is_notified import notified

__all__ = ["a_desk"]

CAROL = person("Carol", "T0ACME")


async def says(
    desk: DeskInMemory,
    who: Actor,
    text: str,
    place: Place = ACME,
    below: str | None = None,
    id: str | None = None,
    **more: bool,
) -> str:
    """A message at the top of the channel, or in the thread of another; its id."""
    ref = MessageRef(place, id or f"typed-{desk.envelope()}")
    thread = MessageRef(place, below) if below else None
    act = Posted(desk.envelope(), desk.clock.now(), who, place, ref, text, thread, **more)  # type: ignore[arg-type]
    assert isinstance(await desk.answers(act), Done)
    return ref.id


async def deletes(desk: DeskInMemory, id: str, place: Place = ACME) -> None:
    ref = MessageRef(place, id)
    await desk.answers(MessageChanged(desk.envelope(), desk.clock.now(), ALICE, place, ref, None))


def lines(desk: DeskInMemory) -> list[PostedMessage]:
    return [said for said in desk.posted if said.to == TRIAGE and (said.key or "").startswith("unticketed/")]


def texts(desk: DeskInMemory) -> list[str]:
    return [line.text for line in lines(desk)]


def labels(line: PostedMessage) -> list[str]:
    assert isinstance(line.view, Notice)
    return [button.label for button in line.view.buttons]


async def presses(desk: DeskInMemory, who: Actor, label: str) -> Answer:
    [line] = lines(desk)
    assert isinstance(line.view, Notice)
    button = next(each for each in line.view.buttons if each.label == label)
    return await desk.presses_on(who, line, button)


async def test_a_message_that_nobody_answers_is_one_quiet_line_after_ten_minutes(a_desk: OpenDesk) -> None:
    desk = await a_desk()
    await says(desk, ALICE, "Bills are slow again")
    await desk.fast_forward(minutes=9, seconds=59)
    assert texts(desk) == []
    await desk.fast_forward(seconds=1)
    [line] = lines(desk)
    assert line.text == (
        "Alice of Acme GmbH wrote: “Bills are slow again” Nobody has answered. "
        "It is in the channel of Acme GmbH."
    )
    assert labels(line) == ["Open ticket", "Not a request"]
    assert line.thread is None
    assert notified(desk) == Counter()
    await desk.fast_forward(hours=2)
    assert (texts(desk), line.edits) == ([line.text], 0)


async def test_the_line_leads_to_the_message(a_desk: OpenDesk) -> None:
    desk = await a_desk()
    desk.chat.links_begin = "https://acme.example"
    id = await says(desk, ALICE, "Bills are slow")
    await desk.fast_forward(minutes=10)
    assert f"https://acme.example/C0ACME/{id}" in str(lines(desk)[0].view)


async def test_messages_of_one_person_within_ten_minutes_are_one_line(a_desk: OpenDesk) -> None:
    desk = await a_desk()
    await says(desk, ALICE, "Hello")
    await desk.fast_forward(minutes=5)
    await says(desk, CAROL, "Me too")
    await desk.fast_forward(minutes=4)
    await says(desk, ALICE, "bills are slow")
    await desk.fast_forward(minutes=30)
    assert [text.partition("”")[0] for text in texts(desk)] == [
        "Alice of Acme GmbH wrote 2 messages: “Hello\nbills are slow",
        "Carol of Acme GmbH wrote: “Me too",
    ]


async def test_a_message_that_mentions_the_bot_joins_no_line(a_desk: OpenDesk) -> None:
    """It was answered with the form."""
    desk = await a_desk()
    await says(desk, ALICE, "Bills are slow")
    await says(desk, ALICE, "@Frontline hello", mentions_bot=True)
    await desk.fast_forward(minutes=10)
    assert [text.partition("”")[0] for text in texts(desk)] == ["Alice of Acme GmbH wrote: “Bills are slow"]


async def test_a_message_after_ten_minutes_has_a_line_of_its_own(a_desk: OpenDesk) -> None:
    desk = await a_desk()
    await says(desk, ALICE, "Hello")
    await desk.fast_forward(minutes=10)
    await says(desk, ALICE, "bills are slow")
    await desk.fast_forward(minutes=10)
    assert len(lines(desk)) == 2


@pytest.mark.parametrize("below", [False, True])
async def test_an_agent_who_answers_in_time_leaves_no_line(a_desk: OpenDesk, below: bool) -> None:
    """In its thread, or below it in the channel."""
    desk = await a_desk()
    id = await says(desk, ALICE, "How do I export?")
    await desk.fast_forward(minutes=9)
    await says(desk, BOB, "Press Export", below=id if below else None)
    await desk.fast_forward(hours=1)
    assert texts(desk) == []


@pytest.mark.parametrize("deleted", [False, True])
async def test_what_follows_an_ended_message_waits_ten_minutes_of_its_own(
    a_desk: OpenDesk, deleted: bool
) -> None:
    """Answered or deleted at five minutes; the next words, at nine, are not shown at ten."""
    desk = await a_desk()
    id = await says(desk, ALICE, "How do I export?")
    await desk.fast_forward(minutes=5)
    await (deletes(desk, id) if deleted else says(desk, BOB, "Press Export", below=id))
    await desk.fast_forward(minutes=4)
    await says(desk, ALICE, "And how do I import?")
    await desk.fast_forward(minutes=9, seconds=59)
    assert texts(desk) == []
    await desk.fast_forward(seconds=1)
    assert [text.partition("”")[0] for text in texts(desk)] == [
        "Alice of Acme GmbH wrote: “And how do I import?"
    ]


async def test_a_customer_does_not_answer_a_customer(a_desk: OpenDesk) -> None:
    """Nor does an agent's message above it, or in another thread."""
    desk = await a_desk()
    await says(desk, BOB, "Good afternoon")
    other = await says(desk, CAROL, "Hello")
    id = await says(desk, ALICE, "How do I export?")
    await says(desk, CAROL, "No idea", below=id)
    await says(desk, BOB, "Hello Carol", below=other)
    await desk.fast_forward(minutes=10)
    assert [text.partition(":")[0] for text in texts(desk)] == ["Alice of Acme GmbH wrote"]


@pytest.mark.parametrize("below", [False, True])
async def test_a_late_answer_takes_the_buttons_of_the_line(a_desk: OpenDesk, below: bool) -> None:
    desk = await a_desk()
    await says(desk, ALICE, "Hello")
    id = await says(desk, ALICE, "How do I export?")
    await desk.fast_forward(minutes=20)
    await says(desk, BOB, "Press Export", below=id if below else None)
    [line] = lines(desk)
    assert "Bob answered." in line.text
    assert "Nobody" not in line.text
    assert labels(line) == []
    await says(desk, EVE, "As Bob says")
    assert "Bob answered." in line.text


async def test_not_a_request_ends_it(a_desk: OpenDesk) -> None:
    desk = await a_desk()
    await says(desk, ALICE, "Thanks!")
    await desk.fast_forward(minutes=10)
    assert isinstance(await presses(desk, BOB, "Not a request"), Done)
    [line] = lines(desk)
    assert "Bob marked this as not a request." in line.text
    assert labels(line) == []


async def test_only_agents_press_its_buttons(a_desk: OpenDesk) -> None:
    desk = await a_desk()
    await says(desk, ALICE, "Bills are slow")
    await desk.fast_forward(minutes=10)
    for label in ("Open ticket", "Not a request"):
        assert answer_text(await presses(desk, ALICE, label)) == "Only agents of m3ter Support can do that."
    assert labels(lines(desk)[0]) == ["Open ticket", "Not a request"]


async def test_a_deletion_removes_the_line_and_half_a_deletion_half_of_it(a_desk: OpenDesk) -> None:
    desk = await a_desk()
    first, second = await says(desk, ALICE, "Oops, wrong channel"), await says(desk, ALICE, "sorry")
    await desk.fast_forward(minutes=10)
    await deletes(desk, first)
    assert texts(desk)[0].startswith("Alice of Acme GmbH wrote: “sorry”")
    await deletes(desk, second)
    assert texts(desk) == []


async def test_a_message_that_is_deleted_in_time_leaves_no_line(a_desk: OpenDesk) -> None:
    desk = await a_desk()
    await deletes(desk, await says(desk, ALICE, "Oops"))
    await desk.fast_forward(hours=1)
    assert texts(desk) == []


async def test_an_answered_line_is_removed_too(a_desk: OpenDesk) -> None:
    desk = await a_desk()
    id = await says(desk, ALICE, "Oops")
    await desk.fast_forward(minutes=10)
    await says(desk, BOB, "Hm?")
    await deletes(desk, id)
    assert texts(desk) == []


async def test_open_ticket_takes_her_words_and_makes_her_the_opener(a_desk: OpenDesk) -> None:
    """Bob opens it in triage. Alice is mentioned in what agents say, and her message is told the key."""
    desk = await a_desk()
    id = await says(desk, ALICE, "Bills are slow")
    await says(desk, ALICE, "for all customers")
    await desk.fast_forward(minutes=10)
    form = form_of(await presses(desk, BOB, "Open ticket"))
    assert "account" not in [field.id for field in form.fields]
    await desk.sends(BOB, form, **S2)
    opened = (await desk.ticket("ACME-1")).opened
    assert opened.summary == "Bills are slow\n\nfor all customers"
    assert (opened.channel, opened.asked_in, opened.asked_below) == ("slack:C0ACME", "slack:C0ACME", id)
    assert "opened by Bob for Alice" in desk.card_view("ACME-1", Audience.AGENTS).about
    [line] = lines(desk)
    assert "This is now ticket ACME-1." in line.text
    assert labels(line) == []
    assert notified(desk) == Counter()
    await desk.submits_form(BOB, "Reply", "ACME-1", text="We look into it.")
    assert notified(desk) == {"Alice": 1}
    told = [said for said in desk.posted if said.thread == MessageRef(ACME, id)]
    assert [said.text.partition(".")[0] for said in told] == ["ACME-1 was opened from this message"]


async def test_a_ticket_asked_from_the_message_in_time_leaves_no_line(a_desk: OpenDesk) -> None:
    """Alice herself, with a reaction on her message."""
    desk = await a_desk()
    id = await says(desk, ALICE, "Bills are slow")
    await opens_from(desk, ALICE, id)
    await desk.fast_forward(hours=1)
    assert texts(desk) == []
    assert (await desk.ticket("ACME-1")).opened.words_of is None


async def test_an_agents_shortcut_on_her_message_makes_her_the_opener(a_desk: OpenDesk) -> None:
    desk = await a_desk()
    id = await says(desk, ALICE, "Bills are slow")
    await desk.fast_forward(minutes=10)
    await opens_from(desk, BOB, id)
    opened = (await desk.ticket("ACME-1")).opened
    assert (opened.by.name, opened.words_of and opened.words_of.name) == ("Bob", "Alice")
    assert "This is now ticket ACME-1." in texts(desk)[0]


async def opens_from(desk: DeskInMemory, who: Actor, message: str) -> None:
    about = MessageRef(ACME, message)
    act = Command(desk.envelope(), desk.clock.now(), who, ACME, EntryPoint.SHORTCUT, "Bills are slow", about)
    await desk.sends(who, form_of(await desk.answers(act)), **S2)


async def test_a_line_whose_message_has_a_ticket_already_opens_no_second_one(a_desk: OpenDesk) -> None:
    """A ticket was opened from another process, which died before it edited the line."""
    desk = await a_desk()
    id = await says(desk, ALICE, "Bills are slow")
    await desk.fast_forward(minutes=10)
    [line] = lines(desk)
    assert isinstance(line.view, Notice)
    button = line.view.buttons[0]
    await opens_from(desk, ALICE, id)
    await desk.desk.key_values.delete("unticketed-end slack:C0ACME", id)
    desk.chat.links_begin = "https://chat.example"
    told = answer_text(await desk.presses_on(BOB, line, button))
    assert told.startswith("This is already ticket ACME-1.")
    assert told.endswith("Open ACME-1")
    assert len(await desk.keys()) == 1


async def test_ignore_shows_nothing(tmp_path: Path) -> None:
    file = DESK_FILE.replace("channels = [", 'unticketed = "ignore"\nchannels = [')
    desk = await open_desk(tmp_path, FRIDAY_AFTERNOON, file)
    await says(desk, ALICE, "Bills are slow")
    await desk.fast_forward(hours=1)
    assert texts(desk) == []


async def test_apps_agents_mentions_and_empty_messages_never_count(a_desk: OpenDesk) -> None:
    desk = await a_desk()
    await says(desk, ALICE, "deployed", from_app=True)
    await says(desk, BOB, "Maintenance tonight")
    await says(desk, ALICE, "  ")
    await says(desk, ALICE, "@Frontline list", mentions_bot=True)
    await says(desk, ALICE, "Anybody here?", place=TRIAGE)
    await desk.fast_forward(hours=1)
    assert texts(desk) == []


async def test_ten_minutes_are_counted_in_the_calendar_of_the_first_response(tmp_path: Path) -> None:
    """Monta answers every class in business hours only: a message on Friday night waits until Monday."""
    file = desk_file("monta", rotas={}, accounts=[account(plan="partner", tam=None)])
    desk = await open_desk(tmp_path, "2026-03-20T22:00:00Z", file)
    await says(desk, ALICE, "Bills are slow")
    policy = desk.desk.directory.settings.policies[-1]
    opens = policy.calendar("partner", "business-hours").next_opening(desk.clock.now())
    assert opens > desk.clock.now() + timedelta(hours=48)
    await desk.forward_to(opens + timedelta(minutes=9, seconds=59))
    assert texts(desk) == []
    await desk.fast_forward(seconds=1)
    assert len(lines(desk)) == 1


async def test_a_redelivered_message_stays_one_and_an_ended_one_ended(a_desk: OpenDesk) -> None:
    desk = await a_desk()
    id = await says(desk, ALICE, "Bills are slow")
    await says(desk, ALICE, "Bills are slow", id=id)
    await says(desk, BOB, "Looking")
    await says(desk, ALICE, "Bills are slow", id=id)
    await desk.fast_forward(hours=1)
    assert texts(desk) == []


async def test_restarts_and_replicas_change_nothing(a_desk: OpenDesk) -> None:
    """One process takes the message, the desk is down for an hour, and two others come up."""
    first = await a_desk()
    await says(first, ALICE, "Bills are slow")
    others = [await a_desk(), await a_desk()]
    for each in others:
        each.desk.store, each.desk.key_values = first.desk.store, first.desk.key_values
        each.delivery.outbox = first.delivery.outbox
        each.desk.platforms = first.desk.platforms
    for each in others:
        await each.restarts_after(hours=1)
    assert len(lines(first)) == 1
    await says(others[0], BOB, "Looking")
    assert "Bob answered." in texts(first)[0]


async def test_a_process_that_dies_when_the_timer_fires_delays_the_line_by_a_minute(a_desk: OpenDesk) -> None:
    desk = await a_desk()
    await says(desk, ALICE, "Bills are slow")
    desk.clock.at += timedelta(minutes=10)
    await fire_due_timers(desk.desk, TimedWork(desk.desk).handlers)
    await desk.deliver()
    assert texts(desk) == []
    await desk.fast_forward(minutes=2)
    assert len(lines(desk)) == 1


async def test_a_line_that_triage_rejects_comes_later(a_desk: OpenDesk) -> None:
    desk = await a_desk()
    await says(desk, ALICE, "Bills are slow")
    desk.chat.failures = [PermanentFailure("channel_not_found")]
    await desk.fast_forward(minutes=10)
    assert texts(desk) == []
    await desk.fast_forward(minutes=11)
    assert len(lines(desk)) == 1


async def test_a_channel_that_moves_takes_its_messages_along(a_desk: OpenDesk) -> None:
    desk = await a_desk()
    id = await says(desk, ALICE, "Bills are slow")
    new = Place("slack", "C0NEW")
    act = ChannelChanged(desk.envelope(), desk.clock.now(), ACME, ChannelChange.MOVED, moved_to=new)
    await desk.answers(act)
    await desk.fast_forward(minutes=10)
    assert len(lines(desk)) == 1
    await says(desk, BOB, "Looking", place=new, below=id)
    assert "Bob answered." in texts(desk)[0]
