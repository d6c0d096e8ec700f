"""The app's own page, for each who may look at it."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.desk import routes
from bot.model.address import Actor, Place
from bot.model.inbound import Answer, Ask, HomeOpened, Press, Show
from bot.model.views import QueueBoard
from bot.ports import PermanentFailure
from tests.harness import (
    ACME,
    ALICE,
    BOB,
    DANA,
    S1,
    S2,
    DeskInMemory,
    FakeChat,
    answer_text,
    open_desk,
    person,
    rich_text,
)

FRIDAY = "2026-03-20T10:00:00Z"
HERE = Place("slack", "D0SOMEBODY", direct=True)


@pytest.fixture
async def desk(tmp_path: Path) -> DeskInMemory:
    return await open_desk(tmp_path, FRIDAY)


async def opens(desk: DeskInMemory, actor: Actor) -> Answer:
    return await routes.answer(desk.desk, HomeOpened(desk.envelope(), desk.clock.now(), actor, HERE))


async def page(desk: DeskInMemory, actor: Actor) -> QueueBoard:
    answer = await opens(desk, actor)
    assert isinstance(answer, Show)
    assert isinstance(answer.view, QueueBoard)
    return answer.view


def keys(board: QueueBoard) -> list[str]:
    return [row.key for section in board.sections for row in section.rows]


async def test_an_agent_sees_the_queue_and_who_is_on_call(desk: DeskInMemory) -> None:
    slow = await desk.submits(ALICE, "Bills are slow", S2)
    down = await desk.submits(ALICE, "All is down", S1)
    shown = await page(desk, BOB)
    assert (shown.title, keys(shown)) == ("Queue", [down, slow])
    assert shown.at == desk.clock.now()
    assert rich_text(shown.intro) == (
        "2 tickets are open, most critical first. To see one, write for example “status ACME-2”."
    )
    assert rich_text(shown.foot).split("\n") == [
        "Escalate pages these people, one step at a time:",
        "First line: Bob, then Eve",
        "Second line: Eve, then Bob",
        "Engineering: Kim",
        "Leadership: Mia",
        "The first line answers alarms as well as requests: an alarm opens a ticket like any other.",
    ]


async def test_off_hours_are_shown(desk: DeskInMemory) -> None:
    await desk.forward_to("2026-03-21T03:00:00Z")
    lines = rich_text((await page(desk, BOB)).foot).split("\n")
    assert lines[1:4] == [
        "First line: Bob, then Eve",
        "Second line: Eve, then Bob (off hours, except for S1)",
        "Engineering: Kim (off hours, except for S1)",
    ]


async def test_a_tam_sees_their_accounts(desk: DeskInMemory) -> None:
    slow = await desk.submits(ALICE, "Bills are slow", S2)
    shown = await page(desk, DANA)
    assert (shown.title, keys(shown)) == ("Your accounts", [slow])
    assert [button.label for button in shown.buttons] == ["All", "Due today", "Breached", "Waiting for us"]


async def test_a_customer_sees_their_tickets_and_gets_help_from_there(desk: DeskInMemory) -> None:
    desk.chat.in_channels[ALICE.user.id] = frozenset({ACME})
    assert rich_text((await page(desk, ALICE)).intro) == "You have no open tickets."
    slow = await desk.submits(ALICE, "Bills are slow", S2)
    shown = await page(desk, ALICE)
    assert (shown.title, keys(shown)) == ("Your tickets", [slow])

    [button] = shown.buttons
    assert button.label == "Get help"
    home = Place("slack", ALICE.user.id, direct=True)
    pressed = Press(desk.envelope(), desk.clock.now(), ALICE, home, None, button.action, button.value)
    asked = await desk.answers(pressed)
    assert isinstance(asked, Ask)
    await desk.sends(ALICE, asked.form, summary="Reports are slow", **S2)
    [_, second] = sorted(await desk.keys())
    assert Place.parse((await desk.ticket(second)).opened.channel) == ACME


async def test_a_person_without_an_account_sees_no_button(desk: DeskInMemory) -> None:
    shown = await page(desk, person("Zed", "T0ELSE"))
    assert rich_text(shown.intro) == "You are not in a customer's channel, so there are no tickets to show."
    assert (shown.sections, shown.buttons) == ((), ())


class Silent(FakeChat):
    async def places_of(self, user: object) -> frozenset[Place]:
        raise PermanentFailure("user_not_found")


async def test_the_page_says_if_the_platform_does_not_respond(desk: DeskInMemory) -> None:
    desk.desk.platforms["slack"] = Silent()
    assert "please mention me in the channel that you share with us" in answer_text(await opens(desk, ALICE))
