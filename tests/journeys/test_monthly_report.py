"""The month's attainment, on the first working day of the next one."""

from __future__ import annotations

from pathlib import Path

from bot.desk.tam import monthly
from tests.desk_file import account, desk_file
from tests.harness import ALICE, BOB, S2, DeskInMemory, PostedMessage, open_desk

IN_BERLIN = 'id = "dana"\nzone = "Europe/Berlin"\nquiet = "22:00-09:30"'
ACCOUNT = account().replace('tam = "dana"\n', 'tam = "dana"\nmonthly_report = true\n')
FILE = desk_file(accounts=[ACCOUNT]).replace('id = "dana"', IN_BERLIN)
FRIDAY = "2026-02-27T09:00:00Z"
"""The first of March 2026 is a Sunday, so the report is due on Monday the second."""


async def scheduled(folder: Path, file: str = FILE) -> DeskInMemory:
    desk = await open_desk(folder, FRIDAY, file)
    await monthly.schedule(desk.desk)
    return desk


def reports(desk: DeskInMemory, to: str) -> list[PostedMessage]:
    return [
        said for said in desk.posted if said.key and said.key.startswith("tam/monthly/") and to in said.key
    ]


async def test_the_figures_come_on_the_first_working_day_and_not_in_quiet_hours(tmp_path: Path) -> None:
    """To the TAM with the command for the whole, and to the channel because the account wants it."""
    desk = await scheduled(tmp_path)
    kept = await desk.submits(ALICE, "Bills are slow", S2)
    await desk.submits_form(BOB, "Reply", kept, text="We look into it")
    late = await desk.submits(ALICE, "Bills are late", S2)
    await desk.fast_forward(hours=5)
    await desk.submits_form(BOB, "Resolve", late, text="Sorry, done")
    await desk.forward_to("2026-03-02T08:29:00Z")
    assert reports(desk, "") == []
    await desk.forward_to("2026-03-02T08:32:00Z")
    (told,), (posted,) = reports(desk, "dana"), reports(desk, "channel")
    figures = (
        "Acme GmbH, support in February 2026\n"
        "Tickets: 2 opened, 1 of them resolved.\n"
        "Promises: 1 of 2 kept (50%).\n"
        "• S2 first response: 1 of 2 kept (50%)\n"
        f"Missed: {late} (first response, 1 h late)."
    )
    assert posted.text == figures
    assert told.text == (
        f"{figures}\n\nThe whole report, from where Frontline runs: "
        "frontline report --account acme --from 2026-02-01 --to 2026-03-01 --format html"
    )
    await monthly.schedule(desk.desk)
    await desk.fast_forward(days=20)
    assert len(reports(desk, "")) == 2, "a restart repeats none"


async def test_a_month_without_tickets_is_told_to_the_tam_only(tmp_path: Path) -> None:
    desk = await scheduled(tmp_path)
    await desk.forward_to("2026-03-02T08:32:00Z")
    (told,) = reports(desk, "")
    assert told.text.startswith(
        "Acme GmbH, support in February 2026\nNo ticket was opened.\n\nThe whole report"
    )


async def test_a_report_that_was_missed_is_sent_after_the_start(tmp_path: Path) -> None:
    desk = await scheduled(tmp_path)
    await desk.desk.store.cancel_timer(monthly.KIND, "acme")
    await desk.forward_to("2026-03-04T12:00:00Z")
    assert reports(desk, "") == []
    await monthly.schedule(desk.desk)
    await desk.fast_forward(minutes=2)
    assert len(reports(desk, "dana")) == 1
