"""The board of open tickets in the customer's channel, on every platform."""

from __future__ import annotations

import pytest

from bot.desk import ticket_board
from bot.model.address import MessageRef
from bot.ports import REMOVED
from tests.platforms.conftest import PLATFORMS, Opened
from tests.platforms.on_slack import OnSlack
from tests.platforms.story import KEY, Story
from tests.platforms.workplace import DisplayedMessage


async def refreshed(desk: Story) -> MessageRef:
    """The channel's board, after what its timer does."""
    await ticket_board.refresh(desk.desk, desk.customers.channel)
    await desk.deliver()
    newest = [ref for key, ref in boards(desk).items() if key.startswith(ticket_board.BOARDS)]
    return newest[-1]


def boards(desk: Story) -> dict[str, MessageRef]:
    return {
        key: said.ref
        for key, said in desk.store.outbox.items()
        if key.startswith(f"{ticket_board.BOARDS}/") and said.ref and said.message.edits is None
    }


def seen(desk: Story, board: MessageRef) -> DisplayedMessage:
    return desk.customers.displayed(board)


@pytest.mark.parametrize("name", PLATFORMS)
async def test_the_board_lives_as_long_as_something_is_open(opened: Opened, name: str) -> None:
    desk = await opened(name)
    board = await refreshed(desk)
    first = seen(desk, board)
    for words in ("Open tickets", KEY, "Bills are slow", "S2", "First response", "20 Mar 2026, 19:30"):
        assert words in first.text
    assert (first.place, first.thread, first.labels) == (desk.customers.channel.id, None, ())

    await desk.agent("Acknowledge")
    assert await refreshed(desk) == board
    assert "Bob" in seen(desk, board).text

    await desk.agent("Resolve", "The queue runs again.")
    removed = await refreshed(desk)
    assert removed.id == REMOVED
    with pytest.raises(LookupError):
        seen(desk, board)

    await desk.customer("Reopen")
    again = await refreshed(desk)
    assert again != board
    assert KEY in seen(desk, again).text


@pytest.mark.parametrize("name", ["slack", "teams"])
async def test_a_board_that_somebody_deleted_is_posted_again(opened: Opened, name: str) -> None:
    desk = await opened(name)
    board = await refreshed(desk)
    await desk.customers.ours.delete(board)
    await desk.agent("Acknowledge")
    again = await refreshed(desk)
    assert again != board
    assert KEY in seen(desk, again).text


@pytest.mark.parametrize("name", PLATFORMS)
async def test_a_board_notifies_nobody(opened: Opened, name: str) -> None:
    desk = await opened(name)
    shown = seen(desk, await refreshed(desk))
    assert not [live for live in shown.live if "mention" in live.lower()]


async def test_slack_pins_it(opened: Opened) -> None:
    desk = await opened("slack")
    workplace = desk.customers
    assert isinstance(workplace, OnSlack)
    board = await refreshed(desk)
    await workplace.ours.settle()
    assert workplace.message(board).pinned
    await desk.agent("Acknowledge")
    await refreshed(desk)
    assert len(workplace.slack.calls_to("pins.add")) == 1


@pytest.mark.parametrize("error", ["missing_scope", "too_many_pins", "restricted_action"])
async def test_a_board_that_cannot_be_pinned_is_read_all_the_same(opened: Opened, error: str) -> None:
    desk = await opened("slack")
    workplace = desk.customers
    assert isinstance(workplace, OnSlack)
    workplace.slack.fail_next("pins.add", error=error)
    board = await refreshed(desk)
    await workplace.ours.settle()
    assert not workplace.message(board).pinned
    assert KEY in seen(desk, board).text
