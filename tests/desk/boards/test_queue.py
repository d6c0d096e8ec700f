"""What is open, in the order of its turn: for agents, for those who look after accounts, for customers."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from bot.desk import home, queue
from bot.model.address import Actor, Place
from bot.model.inbound import Answer, Show
from bot.model.views import QueueBoard, QueueRow, Strong, When
from bot.ports import TemporaryFailure
from sla_core.promise import Tone
from tests.desk_file import account
from tests.harness import (
    ACME,
    ALICE,
    BOB,
    DANA,
    DESK_FILE,
    DESK_FILE_WITH_HOLD,
    NO_CLOCK,
    S1,
    S2,
    S3,
    SILVER,
    TRIAGE,
    DeskInMemory,
    FakeChat,
    answer_text,
    open_desk,
    person,
)
from tests.memory_store import MemoryStore

FRIDAY = "2026-03-20T10:00:00Z"
SAM = person("Sam", "T0SILVER")
DM = Place("slack", "D0", direct=True)
ZETA = account("zeta", "Zeta AG", channel="slack:C0ZETA")


@pytest.fixture
async def desk(tmp_path: Path) -> DeskInMemory:
    return await open_desk(tmp_path, FRIDAY)


def board(answer: Answer) -> QueueBoard:
    assert isinstance(answer, Show), answer
    assert isinstance(answer.view, QueueBoard), answer.view
    return answer.view


async def seen(desk: DeskInMemory, actor: Actor, place: Place) -> QueueBoard:
    return board(await home.listing(desk.desk, actor, place))


async def told(desk: DeskInMemory, actor: Actor, place: Place) -> str:
    return answer_text(await home.listing(desk.desk, actor, place))


def rows(shown: QueueBoard) -> list[QueueRow]:
    return [row for section in shown.sections for row in section.rows]


def keys(shown: QueueBoard) -> list[str]:
    return [row.key for row in rows(shown)]


# The queue -------------------------------------------------------------------------------------


async def test_tickets_are_sorted_by_severity_then_due_time(desk: DeskInMemory) -> None:
    """MTA-11, for every vendor alike."""
    idea = await desk.submits(ALICE, "An idea", NO_CLOCK)
    minor = await desk.submits(ALICE, "A typo", S3)
    first = await desk.submits(ALICE, "Bills are slow", S2)
    await desk.fast_forward(minutes=30)
    second = await desk.submits(ALICE, "Reports are slow", S2)
    await desk.fast_forward(minutes=30)
    down = await desk.submits(SAM, "All is down", S1, SILVER)

    assert keys(await seen(desk, BOB, TRIAGE)) == [down, first, second, minor, idea]

    await desk.submits_form(BOB, "Reply", first, text="We look into it.")
    assert keys(await seen(desk, BOB, TRIAGE)) == [down, second, first, minor, idea]


async def test_overdue_tickets_come_first_within_their_severity(desk: DeskInMemory) -> None:
    late = await desk.submits(ALICE, "Bills are slow", S2)
    await desk.fast_forward(days=4)
    fresh = await desk.submits(ALICE, "Reports are slow", S2)
    shown = await seen(desk, BOB, TRIAGE)
    assert keys(shown) == [late, fresh]
    overdue = rows(shown)[0]
    assert (overdue.tone, overdue.promise and overdue.promise.standing) == (Tone.ALARM, "breached")


async def test_tickets_on_hold_come_last_within_their_severity(tmp_path: Path) -> None:
    desk = await open_desk(
        tmp_path,
        FRIDAY,
        DESK_FILE_WITH_HOLD,
    )
    held = await desk.submits(ALICE, "Bills are slow", S2)
    await desk.fast_forward(minutes=5)
    other = await desk.submits(ALICE, "Reports are slow", S2)
    await desk.submits_form(BOB, "Hold", held, text="We wait for your file.")
    shown = await seen(desk, BOB, TRIAGE)
    assert keys(shown) == [other, held]
    assert rows(shown)[1].state == "on hold"


async def test_each_row_shows_owner_turn_and_next_deadline(desk: DeskInMemory) -> None:
    key = await desk.submits(ALICE, "Bills are slow", S2)
    [row] = rows(await seen(desk, BOB, TRIAGE))
    card_view = desk.card_view(key)
    assert (row.key, row.title, row.severity, row.severity_name) == (
        key,
        "Bills are slow",
        "S2",
        card_view.severity_name,
    )
    assert (row.state, row.next_up, row.owner) == ("open", "m3ter Support", "unassigned")
    assert row.promise == card_view.promises[0]
    assert row.button
    assert (row.button.label, row.button.value) == ("Take it", key)


async def test_a_ticket_is_taken_from_the_queue(desk: DeskInMemory) -> None:
    await desk.submits(ALICE, "Bills are slow", S2)
    [row] = rows(await seen(desk, BOB, DM))
    assert row.button
    message = replace(desk.posted[0], ref=replace(desk.posted[0].ref, place=DM))
    await desk.presses_on(BOB, message, row.button)
    [row] = rows(await seen(desk, BOB, DM))
    assert (row.owner, row.button) == ("Bob", None)


async def test_a_customer_cannot_take_a_ticket(desk: DeskInMemory) -> None:
    key = await desk.submits(ALICE, "Bills are slow", S2)
    [row] = rows(await seen(desk, BOB, TRIAGE))
    assert row.button
    message = replace(desk.posted[0], ref=replace(desk.posted[0].ref, place=DM))
    assert (
        answer_text(await desk.presses_on(ALICE, message, row.button)) == "Only agents of m3ter can do that."
    )
    assert (await desk.ticket(key)).owner is None


async def test_resolved_tickets_are_not_in_the_queue(desk: DeskInMemory) -> None:
    key = await desk.submits(ALICE, "Bills are slow", S2)
    await desk.submits_form(BOB, "Resolve", key, text="Done.")
    assert await told(desk, BOB, TRIAGE) == "No open tickets."


async def test_a_customer_in_triage_sees_no_queue(desk: DeskInMemory) -> None:
    await desk.submits(ALICE, "Bills are slow", S2)
    assert await told(desk, ALICE, TRIAGE) == "Only agents can see the queue."


async def test_a_long_queue_is_cut_with_its_count(
    desk: DeskInMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        await desk.submits(ALICE, f"Number {number}", S2)
    monkeypatch.setattr(queue, "MAX_ROWS", 3)
    [section] = (await seen(desk, BOB, TRIAGE)).sections
    assert ([row.key for row in section.rows], section.more) == (["ACME-1", "ACME-2", "ACME-3"], 2)

    shown = await seen(desk, BOB, TRIAGE)
    assert "".join(str(part) for part in shown.intro) == (
        "5 tickets are open, most critical first. To see one, write for example “status ACME-1”."
    )


async def test_a_customer_with_more_tickets_than_a_board_holds_is_told(
    desk: DeskInMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        await desk.submits(ALICE, f"Number {number}", S2)
    monkeypatch.setattr(queue, "MAX_ENTRIES", 4)
    shown = await seen(desk, ALICE, ACME)
    assert "".join(str(part) for part in shown.intro) == (
        "Open tickets, most critical first. Showing the 4 most urgent of 5."
    )


async def test_a_ticket_that_an_older_version_changed_is_read_from_its_events(desk: DeskInMemory) -> None:
    """During a deploy both run, and the older one writes no summaries."""
    late = await desk.submits(ALICE, "Old", S2)
    await desk.fast_forward(minutes=5)
    down = await desk.submits(SAM, "All is down", S1, SILVER)
    resolved = await desk.submits(ALICE, "Solved", S2)
    await desk.submits_form(BOB, "Resolve", resolved, text="Done.")
    before = await seen(desk, BOB, TRIAGE)
    store = desk.desk.store
    assert isinstance(store, MemoryStore)
    for key in (late, resolved):
        store.tickets_by_key[key].summary = None
    assert keys(await seen(desk, BOB, TRIAGE)) == keys(before) == [down, late]


async def test_a_ticket_whose_policy_is_gone_is_shown_as_it_was(desk: DeskInMemory) -> None:
    key = await desk.submits(ALICE, "Old", S2)
    other = await desk.submits(ALICE, "New", S2)
    store = desk.desk.store
    assert isinstance(store, MemoryStore)
    store.tickets_by_key[key].events[0] = replace((await desk.ticket(key)).opened, version="1999-01-01")
    shown = await seen(desk, BOB, TRIAGE)
    assert keys(shown) == [key, other]


# Those who look after accounts -----------------------------------------------------------------


async def test_a_tam_sees_their_accounts_with_what_is_due_next_on_top(tmp_path: Path) -> None:
    desk = await open_desk(tmp_path, FRIDAY, DESK_FILE + ZETA)
    minor = await desk.submits(ALICE, "A typo", S3)
    slow = await desk.submits(ALICE, "Bills are slow", S2)
    down = await desk.submits(person("Zoe", "T0ZETA"), "All is down", S1, Place("slack", "C0ZETA"))
    other = await desk.submits(SAM, "Not hers", S1, SILVER)
    for key in (down, other):
        await desk.presses(BOB, "Acknowledge", key)  # otherwise somebody is paged every five minutes

    shown = await seen(desk, DANA, DM)
    assert shown.title == "Your accounts"
    assert [(part.title, [row.key for row in part.rows]) for part in shown.sections] == [
        ("Zeta AG", [down]),
        ("Acme GmbH", [slow, minor]),
    ]
    due = rows(shown)[1].promise
    assert due is not None
    assert due.due_at is not None
    assert shown.sections[1].lead == ("Due next: ", Strong(slow), " ", When(due.due_at), ".")
    await desk.fast_forward(days=9)
    assert (await seen(desk, DANA, DM)).sections[0].lead[0] == "Overdue: "
    assert keys(await seen(desk, DANA, TRIAGE)) == keys(shown)


async def test_a_tam_without_open_tickets_sees_that(desk: DeskInMemory) -> None:
    assert await told(desk, DANA, DM) == "No open tickets."


# Customers -------------------------------------------------------------------------------------


async def test_a_channel_lists_its_accounts_tickets_to_anybody_there(desk: DeskInMemory) -> None:
    slow = await desk.submits(ALICE, "Bills are slow", S2)
    down = await desk.submits(ALICE, "All is down", S1)
    await desk.submits(SAM, "Elsewhere", S1, SILVER)
    for anybody in (ALICE, person("Carl", "T0ACME"), BOB):
        shown = await seen(desk, anybody, ACME)
        assert shown.title == "Tickets of Acme GmbH"
        assert keys(shown) == [down, slow]
        assert [row.button for row in rows(shown)] == [None, None]
        assert rows(shown)[0].next_up == "m3ter Support"


async def test_what_was_resolved_lately_waits_for_the_customer(desk: DeskInMemory) -> None:
    first = await desk.submits(ALICE, "Bills are slow", S2)
    second = await desk.submits(ALICE, "Reports are slow", S2)
    third = await desk.submits(ALICE, "All is slow", S2)
    await desk.submits_form(BOB, "Resolve", first, text="Done.")
    await desk.fast_forward(hours=1)
    await desk.submits_form(BOB, "Resolve", second, text="Done.")
    await desk.presses(ALICE, "Close", second)

    shown = await seen(desk, ALICE, ACME)
    assert [(part.title, [row.key for row in part.rows]) for part in shown.sections] == [
        ("", [third]),
        ("Resolved: please close or reopen", [first]),
    ]
    resolved = rows(shown)[1]
    assert (resolved.state, resolved.tone, resolved.promise) == ("resolved", Tone.DONE, None)

    assert shown.intro == ("Open tickets, most critical first.",)

    await desk.submits_form(ALICE, "Close", third)
    shown = await seen(desk, ALICE, ACME)
    assert (keys(shown), shown.intro) == ([first], ("Acme GmbH has no open tickets.",))
    desk.clock.at += timedelta(days=15)
    assert await told(desk, ALICE, ACME) == "Acme GmbH has no open tickets."


async def test_a_channel_without_tickets_says_so(desk: DeskInMemory) -> None:
    assert await told(desk, ALICE, ACME) == "Acme GmbH has no open tickets."
    assert "This channel is not set up for support yet." in await told(desk, ALICE, Place("slack", "C0OTHER"))


async def test_in_a_direct_message_a_customer_sees_the_accounts_they_share(desk: DeskInMemory) -> None:
    mine = await desk.submits(ALICE, "Bills are slow", S2)
    theirs = await desk.submits(SAM, "All is down", S1, SILVER)
    assert (
        await told(desk, ALICE, DM) == "You are not in a customer's channel, so there are no tickets to show."
    )

    desk.chat.in_channels[ALICE.user.id] = frozenset({ACME})
    shown = await seen(desk, ALICE, DM)
    assert (keys(shown), shown.sections[0].title) == ([mine], "")

    desk.chat.in_channels[ALICE.user.id] = frozenset({ACME, SILVER})
    shown = await seen(desk, ALICE, DM)
    assert [(part.title, [row.key for row in part.rows]) for part in shown.sections] == [
        ("Acme GmbH", [mine]),
        ("Silverline Ltd", [theirs]),
    ]


class Silent(FakeChat):
    async def places_of(self, user: object) -> frozenset[Place]:
        raise TemporaryFailure("rate limited")


async def test_an_unresponsive_platform_is_not_shown_as_an_empty_queue(desk: DeskInMemory) -> None:
    desk.desk.platforms["slack"] = Silent()
    assert await told(desk, ALICE, DM) == (
        "I cannot see right now which channels you are in; please try again in a minute."
    )
    desk.desk.platforms.clear()
    assert "not in a customer's channel" in await told(desk, ALICE, DM)
