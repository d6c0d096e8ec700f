"""Seasons: half-open days by the clocks of a zone, listed by date or the same in every year."""

from __future__ import annotations

from datetime import date, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from sla_core.hours.openings import Days, Season
from tests.sla_core.builders import utc

BERLIN = ZoneInfo("Europe/Berlin")
DATED = Days(date(2026, 11, 9), date(2026, 12, 7))
TURN_OF_THE_YEAR = Days((12, 20), (1, 7))


def test_the_first_day_is_in_and_the_last_is_not() -> None:
    days = [date(2026, 11, 8), date(2026, 11, 9), date(2026, 12, 6), date(2026, 12, 7)]
    assert [DATED.ends_on(day) for day in days] == [None, date(2026, 12, 7), date(2026, 12, 7), None]


def test_days_of_every_year_may_go_over_its_end() -> None:
    found = [
        TURN_OF_THE_YEAR.ends_on(day)
        for day in (date(2026, 12, 19), date(2026, 12, 20), date(2027, 1, 6), date(2027, 1, 7))
    ]
    assert found == [None, date(2027, 1, 7), date(2027, 1, 7), None]


def test_a_day_begins_by_the_clocks_of_the_zone() -> None:
    season = Season((DATED,), BERLIN)
    assert season.ends_on(utc("2026-11-08 22:59")) is None
    assert season.ends_on(utc("2026-11-08 23:00")) == date(2026, 12, 7)


def test_only_listed_dates_come_to_an_end() -> None:
    older = Days(date(2025, 11, 10), date(2025, 12, 8))
    assert Season((older, DATED), BERLIN).over_since(date(2026, 12, 6)) is None
    assert Season((DATED, older), BERLIN).over_since(date(2026, 12, 7)) == date(2026, 12, 7)
    assert Season((older, TURN_OF_THE_YEAR), BERLIN).over_since(date(2099, 1, 1)) is None


DAYS_OF_A_YEAR = st.dates(date(2023, 1, 1), date(2023, 12, 31)).map(lambda day: (day.month, day.day))


@given(DAYS_OF_A_YEAR, DAYS_OF_A_YEAR, st.dates(date(2000, 1, 1), date(2099, 12, 31)))
def test_every_year_agrees_with_walking_day_by_day(
    first: tuple[int, int], end: tuple[int, int], day: date
) -> None:
    """A second computation: back to the last day that begins or ends it, whichever came later."""
    if first == end:
        return
    back = day
    while (back.month, back.day) not in (first, end):
        back -= timedelta(1)
    assert (Days(first, end).ends_on(day) is not None) is ((back.month, back.day) == first)


def test_the_next_season_is_known_before_it_begins() -> None:
    """MON-31: by the clocks of the zone; of every year, also over the end of one."""
    season = Season((DATED, Days(date(2027, 11, 8), date(2027, 12, 6))), BERLIN)
    assert season.begins_after(utc("2026-11-08 22:59")) == (date(2026, 11, 9), date(2026, 12, 7))
    assert season.begins_after(utc("2026-11-08 23:00")) == (date(2027, 11, 8), date(2027, 12, 6))
    assert season.begins_after(utc("2027-11-08 00:00")) is None
    yearly = Season((TURN_OF_THE_YEAR, Days((1, 10), (1, 20))), BERLIN)
    assert yearly.begins_after(utc("2026-12-25 12:00")) == (date(2027, 1, 10), date(2027, 1, 20))
    assert yearly.begins_after(utc("2027-01-10 12:00")) == (date(2027, 12, 20), date(2028, 1, 7))
