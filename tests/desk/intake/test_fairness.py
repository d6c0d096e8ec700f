"""Beyond a rate that no honest use reaches, a form waits; what was typed is kept, and emergencies pass."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from bot.model.inbound import Ask
from tests.harness import ACME, ALICE, DESK_FILE, S1, S2, DeskInMemory, HeldClock, open_desk
from tests.journeys.conftest import FRIDAY_AFTERNOON

LIMITS = "\n[limits]\nopens_per_person = 3\nopens_per_account = 5\n"


@pytest.fixture
async def desk(tmp_path: Path) -> DeskInMemory:
    desk = await open_desk(tmp_path, FRIDAY_AFTERNOON, DESK_FILE + LIMITS)
    desk.desk.real_clock = HeldClock(FRIDAY_AFTERNOON)
    return desk


async def test_the_fourth_ticket_of_an_hour_waits_and_keeps_its_words(desk: DeskInMemory) -> None:
    for number in range(3):
        await desk.submits(ALICE, f"Something else is wrong, number {number}", S2)
    form = await desk.asks_for_help(ALICE, ACME)
    refused = await desk.sends(ALICE, form, summary="Yet another thing", details="All of it", **S2)
    assert isinstance(refused, Ask)
    says = (
        "You or your colleagues have opened too many tickets in the last hour. Your text "
        "stays in this form: please send it again in 1 h 1 min."
    )
    assert refused.form.errors == {"summary": says}
    fields = {field.id: field for field in refused.form.fields}
    assert (fields["summary"].value, fields["details"].value) == ("Yet another thing", "All of it")
    assert len(await desk.keys()) == 3

    clock = desk.desk.real_clock
    assert isinstance(clock, HeldClock)
    clock.at += timedelta(hours=1)
    assert not isinstance(await desk.sends(ALICE, refused.form, summary="Yet another thing", **S2), Ask)
    assert len(await desk.keys()) == 4


async def test_an_emergency_is_never_refused(desk: DeskInMemory) -> None:
    for number in range(3):
        await desk.submits(ALICE, f"Something else is wrong, number {number}", S2)
    await desk.submits(ALICE, "All is down", S1)
    await desk.submits(ALICE, "All is down again", S1)
    assert len(await desk.keys()) == 5
