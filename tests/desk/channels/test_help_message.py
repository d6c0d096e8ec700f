"""The standing `Get help` of a customer channel: once in each, remembered, and never in the way."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from bot.clock import real_now
from bot.desk.channels import ensure_help_messages
from bot.desk.desk import LOCK_LIFE
from bot.model.address import Place
from bot.model.views import GetHelp
from bot.ports import PermanentFailure
from tests.harness import ACME, ALICE, SILVER, DeskInMemory, form_of
from tests.journeys.conftest import OpenDesk, a_desk
from tests.waiting import turns

__all__ = ["a_desk"]


async def round_(desk: DeskInMemory) -> None:
    await ensure_help_messages(desk.desk, desk.desk.key_values)
    await desk.deliver()


async def test_the_help_message_is_posted_once_per_customer_channel(a_desk: OpenDesk) -> None:
    desk = await a_desk()
    for _ in range(2):
        await round_(desk)
    assert [said.to for said in desk.posted if isinstance(said.view, GetHelp)] == [ACME, SILVER]


async def test_a_channel_that_refuses_is_retried(a_desk: OpenDesk) -> None:
    desk = await a_desk()
    desk.chat.failures.append(PermanentFailure("is_archived"))
    await round_(desk)
    assert [said.to for said in desk.posted] == [SILVER]
    await round_(desk)
    assert [said.to for said in desk.posted] == [SILVER, ACME]


async def test_a_missing_message_in_a_refusing_channel_waits_for_the_next_round(
    a_desk: OpenDesk,
) -> None:
    desk = await a_desk()
    await round_(desk)
    await desk.fast_forward(hours=2)
    desk.chat.failures += [PermanentFailure("not_in_channel")] * 4
    await round_(desk)
    assert desk.chat.failures == [], "two edits, and two messages in their place"
    assert [said.to for said in desk.posted] == [ACME, SILVER]
    await round_(desk)
    assert [said.to for said in desk.posted] == [ACME, SILVER] * 2


async def test_its_button_opens_the_form(a_desk: OpenDesk) -> None:
    desk = await a_desk()
    await round_(desk)
    (said, *_) = desk.posted
    assert isinstance(said.view, GetHelp)
    (button,) = said.view.buttons
    assert (button.label, said.to) == ("Get help", Place("slack", "C0ACME"))

    form = form_of(await desk.presses_on(ALICE, said, button))

    assert form.fields[0].label == "Summary"


@pytest.mark.parametrize("late", range(8))
async def test_one_of_two_replicas_posts_it(a_desk: OpenDesk, late: int) -> None:
    one, other = await a_desk(), await a_desk()
    other.desk.store, key_values = one.desk.store, one.desk.key_values

    async def takes_care(replica: DeskInMemory, steps: int) -> None:
        await turns(steps)
        await ensure_help_messages(replica.desk, key_values)

    await asyncio.gather(takes_care(one, 0), takes_care(other, late * 9))
    await takes_care(other, 0)
    await one.deliver()

    assert [said.to for said in one.posted] == [ACME, SILVER]


async def test_a_replica_that_dies_while_posting_delays_it_by_a_minute(a_desk: OpenDesk) -> None:
    desk = await a_desk()
    for place, ago in ((ACME, timedelta(0)), (SILVER, LOCK_LIFE)):
        began = real_now() - ago
        assert await desk.desk.key_values.try_lock(f"get-help {place}", "dead", began + LOCK_LIFE, began)

    await round_(desk)

    assert [said.to for said in desk.posted] == [SILVER]
