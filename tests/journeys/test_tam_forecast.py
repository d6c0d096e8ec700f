"""The forecast on a TAM's working mornings, and the line at the end of her day."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.sql.store import connect
from bot.desk.desk import Desk
from bot.desk.tam import forecast
from bot.desk.timed_work import AGAIN_AFTER, TimedWork
from bot.model.views import Notice
from bot.ports import ChatPlatform
from bot.runtime.scheduler import fire_due_timers
from tests.desk_file import account, desk_file
from tests.harness import (
    ALICE,
    BOB,
    DANA,
    EVE,
    S2,
    S3,
    TRIAGE,
    DeskInMemory,
    FakeChat,
    HeldClock,
    PostedMessage,
    directory_of,
    open_desk,
)
from tests.packs import test_monta as monta

THURSDAY_NIGHT = "2026-03-19T20:00:00Z"
IN_BERLIN = 'id = "dana"\nzone = "Europe/Berlin"'
FILE = desk_file(
    accounts=[account().replace('tam = "dana"\n', 'tam = "dana"\ntam_backup = "eve"\n')]
).replace('id = "dana"', IN_BERLIN)


async def scheduled(folder: Path, at: str = THURSDAY_NIGHT, file: str = FILE) -> DeskInMemory:
    desk = await open_desk(folder, at, file)
    await forecast.schedule(desk.desk)
    await desk.fast_forward(minutes=2)
    return desk


def forecasts(desk: DeskInMemory) -> list[PostedMessage]:
    return [said for said in desk.posted if said.key and said.key.startswith("tam/forecast/")]


async def test_a_morning_names_what_falls_due_and_who_is_on_call(tmp_path: Path) -> None:
    """At eight in her zone, with the next forecast's time, and one message over all her accounts."""
    desk = await scheduled(tmp_path, "2026-03-19T19:58:00Z")
    key = await desk.submits(ALICE, "Bills are slow", S2)
    await desk.forward_to("2026-03-20T06:59:59Z")
    assert forecasts(desk) == []
    await desk.forward_to("2026-03-20T07:00:00Z")
    (said,) = forecasts(desk)
    assert said.to == DANA.user or said in desk.direct(DANA)
    assert said.text == (
        "Due before your next forecast, Mon 23 Mar 07:00:\n"
        f"{key} Acme GmbH, S2: Bills are slow, first response due Fri 20 Mar 12:00\n\n"
        "On call: Bob (First line), Eve (Second line), Kim (Engineering), Mia (Leadership)."
    )


async def test_nothing_to_say_is_no_message(tmp_path: Path) -> None:
    desk = await scheduled(tmp_path)
    await desk.fast_forward(days=10)
    assert desk.direct(DANA) == []


async def test_a_weekend_has_no_forecast(tmp_path: Path) -> None:
    """Friday's covers what is due until Monday's."""
    desk = await scheduled(tmp_path, "2026-03-20T20:00:00Z")
    await desk.submits(ALICE, "Bills are slow", S3)
    await desk.forward_to("2026-03-23T06:59:00Z")
    assert forecasts(desk) == []
    await desk.forward_to("2026-03-23T07:01:00Z")
    assert len(forecasts(desk)) == 1


async def test_what_was_missed_is_in_the_next_one_with_where_it_stands(tmp_path: Path) -> None:
    desk = await scheduled(tmp_path)
    key = await desk.submits(ALICE, "Bills are slow", S2)
    await desk.forward_to("2026-03-20T13:00:00Z")
    await desk.submits_form(BOB, "Reply", key, text="Sorry. Which one?", next="customer")
    await desk.forward_to("2026-03-23T07:00:00Z")
    monday = forecasts(desk)[-1].text
    assert f"Missed since your last forecast:\n{key} Acme GmbH, S2: Bills are slow" in monday
    assert "open, waiting for the customer, owner Bob" in monday
    await desk.forward_to("2026-03-24T07:00:00Z")
    assert len(forecasts(desk)) == 2, "a miss is reported once"


async def test_a_miss_of_a_closed_ticket_is_reported_too(tmp_path: Path) -> None:
    desk = await scheduled(tmp_path)
    key = await desk.submits(ALICE, "Bills are slow", S2)
    await desk.forward_to("2026-03-20T13:00:00Z")
    await desk.submits_form(BOB, "Resolve", key, text="Restarted")
    await desk.presses(ALICE, "Close", key)
    await desk.forward_to("2026-03-23T07:00:00Z")
    assert f"{key} Acme GmbH, S2: Bills are slow: now closed" in forecasts(desk)[-1].text


async def test_a_holiday_that_delays_a_deadline_is_named(tmp_path: Path) -> None:
    """Easter stands between Tuesday and the first response of a question, five business days away."""
    file = monta.DESK_FILE.replace('id = "dana"', 'id = "dana"\nzone = "Europe/Copenhagen"')
    desk = await scheduled(tmp_path, "2026-03-31T08:00:00Z", file)
    key = await desk.submits(ALICE, "How do exports work?", monta.P4)
    await desk.forward_to("2026-04-01T06:00:00Z")
    (said,) = forecasts(desk)
    assert "Later than it looks, because of a holiday:\n" in said.text
    assert f"{key} Acme Charging, P4: How do exports work?, first response due" in said.text
    assert "(Maundy Thursday, Good Friday, Easter Monday)" in said.text


async def test_the_end_of_the_day_is_an_edit_and_only_if_something_changed(tmp_path: Path) -> None:
    """Never more than one message a day: an edit notifies nobody."""
    desk = await scheduled(tmp_path)
    kept = await desk.submits(ALICE, "Bills are slow", S2)
    missed = await desk.submits(ALICE, "Exports are slow", S2)
    await desk.forward_to("2026-03-20T08:00:00Z")
    (said,) = forecasts(desk)
    await desk.submits_form(BOB, "Reply", kept, text="We look into it.")
    await desk.forward_to("2026-03-20T15:59:00Z")
    assert "Since this morning" not in said.text
    await desk.forward_to("2026-03-20T16:02:00Z")
    assert said.text.endswith(f"Since this morning: kept: {kept}; missed: {missed}.")
    assert len(forecasts(desk)) == 1
    assert said.edits == 1


async def test_a_quiet_day_leaves_the_message_as_it_is(tmp_path: Path) -> None:
    desk = await scheduled(tmp_path)
    key = await desk.submits(ALICE, "How do I export?", S3)
    await desk.submits_form(ALICE, "Escalate", key, text="Month end")
    await desk.forward_to("2026-03-20T17:00:00Z")
    assert all(said.edits == 0 for said in forecasts(desk))


async def test_quiet_hours_delay_it_until_they_end(tmp_path: Path) -> None:
    late = FILE.replace(IN_BERLIN, f'{IN_BERLIN}\nquiet = "20:00-09:30"')
    desk = await scheduled(tmp_path, file=late)
    await desk.submits(ALICE, "Bills are slow", S2)
    await desk.forward_to("2026-03-20T08:29:59Z")
    assert forecasts(desk) == []
    await desk.forward_to("2026-03-20T08:30:00Z")
    assert len(forecasts(desk)) == 1


async def test_while_she_is_away_her_backup_gets_it(tmp_path: Path) -> None:
    desk = await scheduled(tmp_path)
    await desk.command(DANA, TRIAGE, "away until 2026-03-27")
    await desk.submits(ALICE, "Bills are slow", S2)
    await desk.forward_to("2026-03-20T09:00:00Z")
    assert [said.to for said in forecasts(desk)] == [desk.direct(EVE)[-1].to]


@pytest.mark.parametrize("hours", [2, 7])
async def test_a_forecast_missed_while_the_desk_was_down_is_made_up_for(tmp_path: Path, hours: int) -> None:
    desk = await scheduled(tmp_path)
    await desk.submits(ALICE, "Bills are slow", S2)
    desk.clock.at = desk.clock.at.replace(day=20, hour=7 + hours)
    await forecast.schedule(desk.desk)
    await desk.fast_forward(minutes=2)
    assert len(forecasts(desk)) == 1


async def test_a_restart_at_noon_sends_no_second_one(tmp_path: Path) -> None:
    """Nor one where the morning had nothing to say."""
    desk = await scheduled(tmp_path)
    await desk.forward_to("2026-03-20T10:00:00Z")
    await desk.submits(ALICE, "Bills are slow", S2)
    await forecast.schedule(desk.desk)
    await desk.fast_forward(minutes=30)
    assert forecasts(desk) == []


async def test_the_first_start_at_noon_sends_none(tmp_path: Path) -> None:
    desk = await open_desk(tmp_path, "2026-03-20T10:00:00Z", FILE)
    await desk.submits(ALICE, "Bills are slow", S2)
    await forecast.schedule(desk.desk)
    await desk.fast_forward(minutes=30)
    assert forecasts(desk) == []


async def test_replicas_send_one(tmp_path: Path) -> None:
    clock, chat = HeldClock("2026-03-19T18:00:00Z"), FakeChat()
    platforms: dict[str, ChatPlatform] = {"slack": chat}
    async with connect(f"sqlite:///{tmp_path}/desk.db") as store:
        desks = [
            Desk(store, clock, directory_of(tmp_path, FILE), platforms, key_values=store) for _ in range(2)
        ]
        running = DeskInMemory(desks[0], store, clock, chat)
        await forecast.schedule(desks[0])
        await running.submits(ALICE, "Bills are slow", S2)
        clock.at = clock.at.replace(day=20, hour=7)
        workers = [TimedWork(desk) for desk in desks]
        for desk in desks:
            await forecast.schedule(desk)
        for _ in range(2):
            for desk, worker in zip(desks, workers, strict=True):
                await fire_due_timers(desk, worker.handlers)
                await worker.do_what_is_due()
            clock.at += AGAIN_AFTER
        await running.deliver()
    assert len(forecasts(running)) == 1
    assert isinstance(forecasts(running)[0].view, Notice)
