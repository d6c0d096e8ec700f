"""The standing `Get help` of a customer channel: once in each, remembered, and never in the way."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from bot.address import MessageRef, Place, UserRef
from bot.clock import real_now
from bot.desk import alone
from bot.desk.welcome import keep_help_posted
from bot.ports import Never
from bot.views import GetHelp, View
from tests.harness import ACME, ALICE, SILVER, DeskInMemory, FakeChat, form_of
from tests.journeys.conftest import OpenDesk, a_desk
from tests.memory_store import MemoryStore
from tests.waiting import turns

__all__ = ["a_desk"]


async def test_it_is_posted_once_in_each_customer_channel(a_desk: OpenDesk) -> None:
    desk, notebook = await a_desk(), MemoryStore()

    assert await keep_help_posted(desk.desk, notebook) == []
    assert await keep_help_posted(desk.desk, notebook) == []

    assert [said.to for said in desk.said if isinstance(said.view, GetHelp)] == [ACME, SILVER]


async def test_a_channel_that_refuses_is_named_and_tried_again(a_desk: OpenDesk) -> None:
    desk, notebook = await a_desk(), MemoryStore()
    desk.chat.failures.append(Never("is_archived"))

    (line,) = await keep_help_posted(desk.desk, notebook)
    assert line == "Get help cannot be posted in slack:C0ACME of acme: is_archived"

    assert await keep_help_posted(desk.desk, notebook) == []
    assert [said.to for said in desk.said] == [SILVER, ACME]


async def test_its_button_opens_the_form(a_desk: OpenDesk) -> None:
    desk = await a_desk()
    await keep_help_posted(desk.desk, MemoryStore())
    (said, *_) = desk.said
    assert isinstance(said.view, GetHelp)
    (button,) = said.view.buttons
    assert (button.label, said.to) == ("Get help", Place("slack", "C0ACME"))

    form = form_of(await desk.presses_on(ALICE, said, button))

    assert form.fields[0].label == "Summary"


class Slow(FakeChat):
    """Takes its time to say something."""

    async def post(
        self, to: Place | UserRef, view: View, thread: MessageRef | None, key: str | None = None
    ) -> MessageRef:
        await turns(20)
        return await super().post(to, view, thread, key)


@pytest.mark.parametrize("late", range(8))
async def test_of_two_replicas_one_posts_it(a_desk: OpenDesk, late: int) -> None:
    one, other, notebook, chat = await a_desk(), await a_desk(), MemoryStore(), Slow()

    async def takes_care(replica: DeskInMemory, steps: int) -> None:
        replica.desk.platforms["slack"] = chat
        await turns(steps)
        assert await keep_help_posted(replica.desk, notebook) == []

    await asyncio.gather(takes_care(one, 0), takes_care(other, late * 9))
    await takes_care(other, 0)

    assert sorted(str(said.to) for said in chat.said) == sorted(map(str, (ACME, SILVER)))
    assert notebook.locks == {}


async def test_one_that_died_over_it_holds_it_up_for_a_minute(a_desk: OpenDesk) -> None:
    desk, notebook = await a_desk(), MemoryStore()
    for place, ago in ((ACME, timedelta(0)), (SILVER, alone.LIFE)):
        began = real_now() - ago
        assert await notebook.try_lock(f"get-help {place}", "dead", began + alone.LIFE, began)

    assert await keep_help_posted(desk.desk, notebook) == []

    assert [said.to for said in desk.said] == [SILVER]
