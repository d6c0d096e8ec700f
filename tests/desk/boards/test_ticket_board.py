"""The board of a customer channel: one message with what is open there, there only while something is."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from bot.desk import ticket_board
from bot.desk.desk import LOCK_LIFE
from bot.desk.timed_work import TimedWork
from bot.model.address import MessageRef, Place
from bot.model.inbound import ChannelChange, ChannelChanged, MessageChanged
from bot.model.views import Audience, Mention, QueueBoard, TicketCard
from bot.ports import PermanentFailure, TemporaryFailure
from bot.runtime.scheduler import fire_due_timers
from tests.desk_file import account, chat, desk_file
from tests.harness import (
    ACME,
    ALICE,
    BOB,
    S1,
    S2,
    S3,
    SILVER,
    TRIAGE,
    DeskInMemory,
    PostedMessage,
    directory_of,
    done,
)
from tests.journeys.conftest import OpenDesk, a_desk
from tests.waiting import turns

__all__ = ["a_desk"]

NEW, SECOND = Place("slack", "C0ACMENEW"), Place("slack", "C0ACMETWO")
VENDOR = [chat("slack", "C0TRIAGE", ["U0BOB"])]
TWO_CHANNELS = desk_file(
    chats=VENDOR,
    accounts=[account().replace('["slack:C0ACME"]', '["slack:C0ACME", "slack:C0ACMETWO"]')],
)


def without_board(file: str) -> str:
    return file.replace('channels = ["slack:C0ACME"]', 'channels = ["slack:C0ACME"]\nboard = false')


def boards(desk: DeskInMemory, place: Place = ACME) -> list[PostedMessage]:
    return [said for said in desk.posted if isinstance(said.view, QueueBoard) and said.to == place]


def view(desk: DeskInMemory, place: Place = ACME) -> QueueBoard:
    shown = desk.board(place).view
    assert isinstance(shown, QueueBoard)
    return shown


def keys(desk: DeskInMemory) -> list[str]:
    [section] = view(desk).sections
    return [row.key for row in section.rows]


async def a_moment(desk: DeskInMemory) -> None:
    """As long as a board waits for further changes."""
    await desk.fast_forward(seconds=6)


async def checked(desk: DeskInMemory) -> None:
    """What housekeeping does every hour."""
    await ticket_board.refresh_all(desk.desk)
    await desk.deliver()


async def resolve(desk: DeskInMemory, key: str) -> None:
    await desk.submits_form(BOB, "Resolve", key, text="It runs again.")


# What it shows --------------------------------------------------------------------------------


async def test_it_comes_with_the_first_ticket_and_goes_with_the_last(a_desk: OpenDesk) -> None:
    desk = await a_desk()
    first = await desk.submits(ALICE, "Bills are slow", S2)
    assert boards(desk) == []
    await a_moment(desk)
    assert view(desk).title == "Open tickets"
    second = await desk.submits(ALICE, "Bills are late", S2)
    await a_moment(desk)
    assert keys(desk) == [first, second]
    await resolve(desk, first)
    await a_moment(desk)
    assert keys(desk) == [second]
    await resolve(desk, second)
    await a_moment(desk)
    assert boards(desk) == []
    await desk.presses(ALICE, "Reopen", second)
    await a_moment(desk)
    assert keys(desk) == [second]


async def test_a_row_says_whose_turn_it_is_and_what_is_due_first(a_desk: OpenDesk) -> None:
    desk = await a_desk()
    key = await desk.submits(ALICE, "Bills are slow", S2)
    await a_moment(desk)
    [section] = view(desk).sections
    [row] = section.rows
    assert (row.key, row.title, row.severity, row.state) == (key, "Bills are slow", "S2", "open")
    assert row.next_up
    assert row.promise is not None
    [first, *_] = desk.card_view(key).promises
    assert (row.promise.label, row.promise.due_at) == (first.label, first.due_at)
    assert row.promise.standing == first.standing
    assert row.button is None, "customers and agents read the same message"
    assert row.card, "it leads to the ticket"


async def test_the_most_urgent_come_first_and_those_after_twenty_are_counted(a_desk: OpenDesk) -> None:
    desk = await a_desk()
    for number in range(21):
        await desk.submits(ALICE, f"Bill {number} is slow", S3)
    urgent = await desk.submits(ALICE, "All is down", S1)
    await a_moment(desk)
    [section] = view(desk).sections
    assert (len(section.rows), section.rows[0].key, section.more) == (20, urgent, 2)


async def test_a_bound_is_edited_when_the_card_is_and_nothing_else_is(a_desk: OpenDesk) -> None:
    desk = await a_desk()
    key = await desk.submits(ALICE, "Bills are slow", S2)
    for _ in range(12):
        await desk.fast_forward(minutes=30)
        await a_moment(desk)
        [section] = view(desk).sections
        [row] = section.rows
        assert row.promise is not None
        assert row.promise.standing == desk.standing(key)[0]
    edits = desk.board().edits
    assert 0 < edits <= desk.card(key).edits
    await checked(desk)
    assert desk.board().edits == edits, "it shows the same"


async def test_several_changes_are_one_edit(a_desk: OpenDesk) -> None:
    desk = await a_desk()
    key = await desk.submits(ALICE, "Bills are slow", S2)
    await a_moment(desk)
    edits = desk.board().edits
    for text in ("It got worse", "Much worse", "All is down"):
        await desk.writes(ALICE, text, key)
    await desk.presses(BOB, "Acknowledge", key)
    await a_moment(desk)
    assert desk.board().edits == edits + 1


async def test_it_mentions_nobody_and_stands_in_no_thread(a_desk: OpenDesk) -> None:
    desk = await a_desk()
    await desk.submits(ALICE, "Bills are slow", S2)
    await a_moment(desk)
    shown = view(desk)
    assert desk.board().thread is None
    texts = (shown.intro, shown.foot, *(section.lead for section in shown.sections))
    assert not any(isinstance(part, Mention) for text in texts for part in text)


# Where it stands ------------------------------------------------------------------------------


async def test_each_channel_has_its_own(a_desk: OpenDesk) -> None:
    desk = await a_desk()
    await desk.submits(ALICE, "Bills are slow", S2)
    await a_moment(desk)
    assert boards(desk, SILVER) == []
    assert boards(desk, TRIAGE) == []


async def test_a_second_channel_of_the_account_shows_its_own_tickets(a_desk: OpenDesk) -> None:
    desk = await a_desk(desk_file=TWO_CHANNELS)
    await desk.submits(ALICE, "Bills are slow", S2)
    await a_moment(desk)
    assert boards(desk, SECOND) == []
    second = await desk.submits(ALICE, "Bills are late", S2, SECOND)
    await a_moment(desk)
    [section] = view(desk, SECOND).sections
    assert [row.key for row in section.rows] == [second]
    assert len(keys(desk)) == 1


async def test_a_setting_turns_it_off(a_desk: OpenDesk) -> None:
    desk = await a_desk(desk_file=without_board(desk_file(chats=VENDOR)))
    await desk.submits(ALICE, "Bills are slow", S2)
    await desk.fast_forward(hours=3)
    await checked(desk)
    assert boards(desk) == []


async def test_a_board_that_is_turned_off_or_on_follows_after_a_restart(
    a_desk: OpenDesk, tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = desk_file(chats=VENDOR)
    desk = await a_desk(desk_file=file)
    await desk.submits(ALICE, "Bills are slow", S2)
    await a_moment(desk)
    assert len(boards(desk)) == 1
    desk.desk.directory = directory_of(tmp_path_factory.mktemp("off"), without_board(file))
    await checked(desk)
    assert boards(desk) == []
    desk.desk.directory = directory_of(tmp_path_factory.mktemp("on"), file)
    await checked(desk)
    assert len(boards(desk)) == 1


async def test_it_follows_its_channel(a_desk: OpenDesk) -> None:
    desk = await a_desk()
    key = await desk.submits(ALICE, "Bills are slow", S2)
    await a_moment(desk)
    for said in desk.posted:
        if said.ref.place == ACME:
            said.ref, said.to = MessageRef(NEW, said.ref.id), NEW
    act = ChannelChanged(desk.envelope(), desk.clock.now(), ACME, ChannelChange.MOVED, moved_to=NEW)
    assert done(await desk.answers(act))
    await desk.presses(BOB, "Acknowledge", key)
    await a_moment(desk)
    assert boards(desk) == []
    [section] = view(desk, NEW).sections
    assert "Bob" in section.rows[0].owner
    await resolve(desk, key)
    await a_moment(desk)
    assert boards(desk, NEW) == []


# What goes wrong ------------------------------------------------------------------------------


async def deleted_by_somebody(desk: DeskInMemory) -> MessageRef:
    ref = desk.board().ref
    desk.chat.posted[:] = [said for said in desk.chat.posted if said.ref != ref]
    return ref


async def test_a_deleted_board_is_posted_again_at_once(a_desk: OpenDesk) -> None:
    desk = await a_desk()
    await desk.submits(ALICE, "Bills are slow", S2)
    await a_moment(desk)
    gone = await deleted_by_somebody(desk)
    act = MessageChanged(desk.envelope(), desk.clock.now(), ALICE, ACME, gone, None, None)
    assert done(await desk.answers(act))
    assert desk.board().ref != gone


async def test_a_deleted_board_is_posted_again_with_the_next_edit(a_desk: OpenDesk) -> None:
    """Teams does not tell of a deletion."""
    desk = await a_desk()
    key = await desk.submits(ALICE, "Bills are slow", S2)
    await a_moment(desk)
    await deleted_by_somebody(desk)
    await desk.presses(BOB, "Acknowledge", key)
    await a_moment(desk)
    assert keys(desk) == [key]
    await resolve(desk, key)
    await a_moment(desk)
    assert boards(desk) == []


async def test_our_own_removal_is_no_deletion(a_desk: OpenDesk) -> None:
    desk = await a_desk()
    key = await desk.submits(ALICE, "Bills are slow", S2)
    await a_moment(desk)
    gone = desk.board().ref
    await resolve(desk, key)
    await a_moment(desk)
    act = MessageChanged(desk.envelope(), desk.clock.now(), BOB, ACME, gone, None, None)
    assert done(await desk.answers(act))
    await desk.fast_forward(minutes=5)
    assert boards(desk) == []


async def test_a_channel_that_refuses_it_gets_it_later(a_desk: OpenDesk) -> None:
    desk = await a_desk()
    await desk.submits(ALICE, "Bills are slow", S2)
    desk.chat.failures.append(PermanentFailure("is_archived"))
    await a_moment(desk)
    assert boards(desk) == []
    await checked(desk)
    assert len(boards(desk)) == 1


async def test_a_refused_edit_or_removal_is_tried_again(a_desk: OpenDesk) -> None:
    desk = await a_desk()
    key = await desk.submits(ALICE, "Bills are slow", S2)
    await a_moment(desk)
    await desk.presses(BOB, "Acknowledge", key)
    desk.chat.failures.append(PermanentFailure("is_archived"))
    await a_moment(desk)
    await checked(desk)
    [section] = view(desk).sections
    assert "Bob" in section.rows[0].owner
    await resolve(desk, key)
    desk.chat.failures.append(PermanentFailure("is_archived"))
    await a_moment(desk)
    assert len(boards(desk)) == 1
    await checked(desk)
    assert boards(desk) == []


async def test_one_whose_answer_is_lost_is_not_posted_twice(a_desk: OpenDesk) -> None:
    desk = await a_desk()
    key = await desk.submits(ALICE, "Bills are slow", S2)
    desk.chat.lost.append(TemporaryFailure("connection reset", maybe_delivered=True))
    await a_moment(desk)
    await desk.fast_forward(minutes=2)
    assert keys(desk) == [key]


async def test_a_ticket_that_ends_before_its_board_is_posted_needs_none(a_desk: OpenDesk) -> None:
    desk = await a_desk()
    key = await desk.submits(ALICE, "Bills are slow", S2)
    desk.clock.at += timedelta(seconds=6)
    await desk.wake_due()
    await desk.submits_form(BOB, "Resolve", key, text="It runs again.")
    await a_moment(desk)
    assert boards(desk) == []
    await desk.presses(ALICE, "Reopen", key)
    await a_moment(desk)
    assert keys(desk) == [key]


@pytest.mark.parametrize("late", range(8))
async def test_two_replicas_keep_one_board(a_desk: OpenDesk, late: int) -> None:
    one, other = await a_desk(), await a_desk()
    other.desk.store, other.desk.key_values = one.desk.store, one.desk.key_values
    key = await one.submits(ALICE, "Bills are slow", S2)

    async def refreshes(replica: DeskInMemory, steps: int) -> None:
        await turns(steps)
        await ticket_board.refresh(replica.desk, ACME)

    await asyncio.gather(refreshes(one, 0), refreshes(other, late * 5))
    await refreshes(other, 0)
    await one.deliver()

    assert keys(one) == [key]


async def test_a_process_that_dies_while_refreshing_delays_it_by_a_minute(a_desk: OpenDesk) -> None:
    desk = await a_desk()
    key = await desk.submits(ALICE, "Bills are slow", S2)
    desk.clock.at += timedelta(seconds=6)
    dies = TimedWork(desk.desk)
    await fire_due_timers(desk.desk, dies.handlers)
    await a_moment(desk)
    assert boards(desk) == []
    await desk.fast_forward(seconds=LOCK_LIFE.total_seconds() + 30)
    assert keys(desk) == [key]


async def test_the_card_stays_where_it_was(a_desk: OpenDesk) -> None:
    desk = await a_desk()
    key = await desk.submits(ALICE, "Bills are slow", S2)
    await a_moment(desk)
    assert isinstance(desk.card(key, Audience.CUSTOMER).view, TicketCard)
    assert [type(said.view) for said in desk.posted if said.to == ACME] == [TicketCard, QueueBoard]
