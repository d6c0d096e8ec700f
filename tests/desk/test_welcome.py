"""The standing `Get help` of a customer channel: once in each, remembered, and never in the way."""

from __future__ import annotations

from bot.address import Place
from bot.desk.welcome import keep_help_posted
from bot.ports import Never
from bot.views import GetHelp
from tests.harness import ACME, ALICE, SILVER, form_of
from tests.journeys.conftest import OpenDesk, a_desk
from tests.memory_store import MemoryStore

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
