"""The agents' card ends with what happened last."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from adapters.sql.tables import EVENTS
from bot.model.views import Audience
from bot.notify import history
from sla_core.catalog.load import load
from tests.harness import ALICE, BOB, NO_CLOCK, S1, S2, DeskInMemory, open_desk
from tests.sql.test_codec import golden

FRIDAY = "2026-03-20T10:00:00Z"


@pytest.fixture
async def desk(tmp_path: Path) -> DeskInMemory:
    return await open_desk(tmp_path, FRIDAY)


def lines(desk: DeskInMemory, key: str, audience: Audience = Audience.AGENTS) -> list[str]:
    return [f"{each.at:%H:%M} {each.what}" for each in desk.card_view(key, audience).history]


async def test_history_lines_name_person_action_and_time_newest_last(desk: DeskInMemory) -> None:
    key = await desk.submits(ALICE, "Bills are slow", S2)
    await desk.fast_forward(minutes=10)
    await desk.presses(BOB, "Take it", key)
    await desk.fast_forward(minutes=10)
    await desk.submits_form(BOB, "Reply", key, text="We look into it.")
    await desk.writes(ALICE, "Thanks!", key)
    assert lines(desk, key) == [
        "10:00 Alice opened this, proposed as S2",
        "10:10 Bob took this",
        "10:20 Bob replied",
        "10:20 Alice wrote",
    ]
    assert desk.card_view(key, Audience.AGENTS).earlier == 0


async def test_omitted_lines_are_counted(desk: DeskInMemory) -> None:
    key = await desk.submits(ALICE, "All is down", S1)
    await desk.presses(BOB, "Acknowledge", key)
    await desk.writes(ALICE, "Hurry!", key)
    await desk.submits_form(BOB, "Escalate", key, text="It is all of them.")
    await desk.submits_form(BOB, "Update", key, text="Nearly there.")
    await desk.submits_form(BOB, "Resolve", key, text="It runs.")
    await desk.presses(ALICE, "Close", key)
    card_view = desk.card_view(key, Audience.AGENTS)
    assert [each.what for each in card_view.history] == [
        "Bob escalated this internally",
        "Eve was paged",
        "Bob sent an update",
        "Bob resolved this",
        "Alice closed this",
    ]
    assert card_view.earlier == 5


async def test_warnings_and_breaches_have_lines(desk: DeskInMemory) -> None:
    key = await desk.submits(ALICE, "Bills are slow", S2)
    await desk.fast_forward(hours=4)
    assert lines(desk, key)[1:] == ["13:00 Warning: first response", "14:00 Missed: first response"]


async def test_a_general_request_is_proposed_by_its_name(desk: DeskInMemory) -> None:
    """M3-18: the ID is `none`."""
    key = await desk.submits(ALICE, "Could bills be green?", NO_CLOCK)
    assert lines(desk, key) == ["10:00 Alice opened this, proposed as General request"]


async def test_customers_do_not_see_the_history(desk: DeskInMemory) -> None:
    key = await desk.submits(ALICE, "Bills are slow", S2)
    await desk.presses(BOB, "Take it", key)
    assert lines(desk, key, Audience.CUSTOMER) == []


@pytest.mark.parametrize("row", golden("events.json"), ids=lambda row: row["kind"])
def test_each_event_has_its_line(row: dict[str, object]) -> None:
    event = EVENTS.value(str(row["kind"]), json.dumps(row["body"]))
    told = history.line(event, load("m3ter")[-1])
    assert told == " ".join(told.split())
    assert 5 < len(told) < 80
    assert "_" not in told
