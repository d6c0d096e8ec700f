"""A peak season: the note in the TAM's forecast before it; the form and the cards during it."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.desk.tam import forecast
from tests.desk_file import account, desk_file
from tests.harness import ALICE, BOB, DANA, EVE, TRIAGE, DeskInMemory, open_desk, rich_text
from tests.journeys.test_tam_forecast import forecasts

EMERGENCY = {"category": "error", "impact": "yes", "reason": "no"}
ORDINARY = {"category": "error", "impact": "no", "reason": "no"}
FILE = desk_file(
    "monetate",
    rotas={"on_call": ["bob", "eve"], "leadership": []},
    accounts=[account(plan="north-america")],
).replace('id = "dana"', 'id = "dana"\nzone = "Europe/London"')
SAYS = (
    "Peak season from Mon 9 Nov 2026 to Sun 6 Dec 2026. In the weeks around Thanksgiving the daily traffic "
    "may reach three times that of August and September on average, six times at its peak.\n"
    "On these days, there is a code freeze: only urgent fixes are deployed.\n"
    "On call when it begins: Bob (On-call Support engineer).\n"
    "Nobody is on call then: Leadership.\n"
    "You have no backup for Acme GmbH."
)


async def before_the_season(folder: Path, at: str = "2026-10-30T20:00:00Z", file: str = FILE) -> DeskInMemory:
    desk = await open_desk(folder, at, file)
    await forecast.schedule(desk.desk)
    await desk.fast_forward(minutes=2)
    return desk


async def test_a_week_before_it_one_forecast_says_how_ready_her_accounts_are(tmp_path: Path) -> None:
    """MON-31: on her first working morning of that week, also where nothing else is to be said, and once."""
    desk = await before_the_season(tmp_path)
    await desk.forward_to("2026-11-02T07:59:59Z")
    assert forecasts(desk) == []
    await desk.forward_to("2026-11-02T08:00:00Z")
    assert [said.text for said in forecasts(desk)] == [SAYS]
    await desk.forward_to("2026-11-20T09:00:00Z")
    assert len(forecasts(desk)) == 1


async def test_it_lists_what_is_still_open_below_the_day_s_own_lines(tmp_path: Path) -> None:
    """MON-31: never more than one message; a desk that starts within the week says it on the next morning."""
    desk = await before_the_season(tmp_path, "2026-11-04T21:00:00Z")
    due = await desk.submits(ALICE, "The banner is wrong", ORDINARY)
    key = await desk.submits(ALICE, "The footer is wrong", ORDINARY)
    await desk.submits_form(BOB, "Reply", key, text="We look into it.")
    ended = await desk.submits(ALICE, "A typo", ORDINARY)
    await desk.submits_form(BOB, "Resolve", ended, text="Corrected")
    await desk.forward_to("2026-11-05T08:00:00Z")
    (said,) = forecasts(desk)
    today, season = said.text.split("\n\nPeak season")
    assert "On call: Bob (On-call Support engineer)." in today
    assert season.endswith(f"\nAlso open:\n{key} Acme GmbH, standard: The footer is wrong")
    assert due in today
    assert due not in season
    assert ended not in season


async def test_while_she_is_away_her_backup_reads_it(tmp_path: Path) -> None:
    """MON-31: and nobody is told that there is no backup."""
    file = FILE.replace('tam = "dana"\n', 'tam = "dana"\ntam_backup = "eve"\n')
    desk = await before_the_season(tmp_path, file=file)
    await desk.command(DANA, TRIAGE, "away until 2026-11-07")
    await desk.forward_to("2026-11-02T09:00:00Z")
    (said,) = forecasts(desk)
    assert said in desk.direct(EVE)
    assert "no backup" not in said.text


@pytest.mark.parametrize(
    ("at", "is_on"),
    [
        ("2026-11-09T04:59:00Z", False),
        ("2026-11-09T05:00:00Z", True),
        ("2026-12-07T04:59:00Z", True),
        ("2026-12-07T05:00:00Z", False),
    ],
)
async def test_the_form_and_open_cards_say_so_between_the_two_dates(
    tmp_path: Path, at: str, is_on: bool
) -> None:
    """MON-31: by the clocks in New York."""
    desk = await open_desk(tmp_path, at, FILE)
    form = await desk.asks_for_help(ALICE)
    key = await desk.submits(ALICE, "Broken images", EMERGENCY)
    facts = "".join(text for _, text in desk.card_view(key).facts)
    assert ("Peak season" in rich_text(form.intro), "Peak season" in facts) == (is_on, is_on)
