"""`Get help` stays in sight: posted again below once more than twenty messages stand below it."""

from __future__ import annotations

import pytest

from bot.desk.channels import ensure_help_messages
from bot.model.views import GetHelp
from tests.desk.channels.test_unticketed import deletes, says
from tests.harness import ACME, ALICE, BOB, S2, TRIAGE, DeskInMemory, PostedMessage
from tests.journeys.conftest import OpenDesk, a_desk

__all__ = ["a_desk"]


async def busy_desk(a_desk: OpenDesk, messages: int) -> DeskInMemory:
    desk = await a_desk()
    await checked(desk)
    await chatter(desk, messages)
    return desk


async def checked(desk: DeskInMemory) -> None:
    await ensure_help_messages(desk.desk, desk.desk.key_values)
    await desk.deliver()


async def chatter(desk: DeskInMemory, messages: int) -> list[str]:
    return [await says(desk, (ALICE, BOB)[number % 2], f"Message {number}") for number in range(messages)]


def helps(desk: DeskInMemory) -> list[PostedMessage]:
    return [said for said in desk.posted if isinstance(said.view, GetHelp) and said.to == ACME]


async def test_after_more_than_twenty_messages_and_ten_quiet_minutes_it_moves(
    a_desk: OpenDesk,
) -> None:
    """The new one is posted before the old one is deleted."""
    desk = await busy_desk(a_desk, 21)
    [old] = helps(desk)
    await desk.fast_forward(minutes=9, seconds=59)
    assert helps(desk) == [old]
    await desk.fast_forward(seconds=1)
    [new] = helps(desk)
    assert new.ref != old.ref
    assert [said for said in desk.posted if said.to == ACME][-1] == new
    await desk.fast_forward(hours=3)
    await checked(desk)
    assert helps(desk) == [new]


async def test_twenty_are_not_enough(a_desk: OpenDesk) -> None:
    desk = await busy_desk(a_desk, 20)
    [old] = helps(desk)
    await desk.fast_forward(hours=2)
    assert helps(desk) == [old]


async def test_it_waits_until_nobody_writes(a_desk: OpenDesk) -> None:
    desk = await busy_desk(a_desk, 21)
    [old] = helps(desk)
    for _ in range(5):
        await desk.fast_forward(minutes=9)
        await says(desk, ALICE, "and another thing")
    assert helps(desk) == [old]
    await desk.fast_forward(minutes=10)
    assert helps(desk) != [old]


async def test_at_most_once_an_hour(a_desk: OpenDesk) -> None:
    desk = await busy_desk(a_desk, 21)
    await desk.fast_forward(minutes=10)
    [first] = helps(desk)
    await chatter(desk, 25)
    await desk.fast_forward(minutes=59)
    assert helps(desk) == [first]
    await desk.fast_forward(minutes=1)
    assert helps(desk) != [first]
    assert len(helps(desk)) == 1


async def test_cards_count_and_threads_and_other_channels_do_not(a_desk: OpenDesk) -> None:
    desk = await busy_desk(a_desk, 20)
    [old] = helps(desk)
    await says(desk, ALICE, "in a thread", below="typed-1")
    await says(desk, BOB, "elsewhere", place=TRIAGE)
    await desk.fast_forward(minutes=20)
    assert helps(desk) == [old]
    await desk.submits(ALICE, "Bills are slow", S2)
    await desk.fast_forward(minutes=10)
    assert helps(desk) != [old]


async def test_a_deleted_message_does_not_count(a_desk: OpenDesk) -> None:
    desk = await busy_desk(a_desk, 0)
    [old] = helps(desk)
    ids = await chatter(desk, 21)
    await deletes(desk, ids[3])
    await desk.fast_forward(minutes=20)
    assert helps(desk) == [old]


async def test_the_button_of_the_new_one_acts(a_desk: OpenDesk) -> None:
    desk = await busy_desk(a_desk, 21)
    await desk.fast_forward(minutes=10)
    [new] = helps(desk)
    assert isinstance(new.view, GetHelp)
    await desk.presses_on(ALICE, new, new.view.buttons[0])


@pytest.mark.parametrize("lost_after", ["get-help-key", "get-help-moved"])
async def test_a_crash_in_between_leaves_one_message(a_desk: OpenDesk, lost_after: str) -> None:
    """The process dies before it has stored which message is the channel's, or when it was moved."""
    desk = await busy_desk(a_desk, 21)
    [old] = helps(desk)
    put = desk.desk.key_values.put
    crashes = [lost_after]

    async def dying(topic: str, *rest: object) -> None:
        if topic in crashes:
            crashes.remove(topic)
            raise OSError("killed")
        await put(topic, *rest)  # type: ignore[arg-type]

    desk.desk.key_values.put = dying  # type: ignore[method-assign, assignment]
    await desk.fast_forward(minutes=15)
    assert crashes == []
    [new] = helps(desk)
    assert new.ref != old.ref
    await checked(desk)
    assert helps(desk) == [new]
