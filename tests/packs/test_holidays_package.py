"""Closed days from the `holidays` package: half days, working days, and names with a mark in brackets.

The package itself is the judge: each country and category, read without our code.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable
from datetime import date, timedelta
from pathlib import Path

import holidays
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sla_core.calendar import BusinessCalendar
from sla_core.hours.openings import Closures, PublicHolidays
from sla_core.promise import receipt
from tests.packs.operator_pack import OperatorPack
from tests.sla_core.builders import HOUR, business_hours, local, utc

YEARS = range(2024, 2029)
AFTERNOON = re.compile(r"\((from \d+(am|pm)|afternoon)\)$", re.IGNORECASE)
MARKS = re.compile(r" \((estimated|observed|observed, estimated|in lieu|substitute day|from \d+pm)\)$")
ENTITIES = [
    (country, category)
    for country in holidays.list_supported_countries(include_aliases=False)
    for category in getattr(holidays, country).supported_categories
]


def open_with(zone: str, *rules: PublicHolidays, half_days: timedelta | None = None) -> BusinessCalendar:
    return business_hours("09:00", "17:00", zone=zone, closures=Closures(rules, half_days=half_days))


# Half days ------------------------------------------------------------------------------------------


def test_a_half_day_closes_at_the_hour_that_its_name_gives() -> None:
    """Issue 19: Iceland's Christmas Eve closes at 13:00, and the receipt says why the rest does not count."""
    iceland = open_with("Atlantic/Reykjavik", PublicHolidays("IS", categories=("public", "half_day")))
    assert iceland.add(utc("2026-12-24 09:00"), 2 * HOUR) == utc("2026-12-24 11:00")
    assert iceland.closing(utc("2026-12-24 09:00")) == utc("2026-12-24 13:00")
    start = utc("2026-12-24 12:00")
    lines = receipt(iceland, start, iceland.add(start, 2 * HOUR))
    assert [line.why for line in lines] == [
        "open",
        "holiday: Christmas Eve (from 1pm)",
        "holiday: Christmas Day",
        "holiday: Second Day of Christmas",
        "weekend",
        "night",
        "open",
    ]


def test_a_half_day_without_an_hour_closes_when_the_operator_says(tmp_path: Path) -> None:
    """Greece names no hour. Without `half_days`, the dates are a fault."""
    closed = '[silver-hours.closed]\npublic = [{ country = "GR", categories = ["public", "half_day"] }]'
    (fault,) = OperatorPack(tmp_path / "ours").add(closed).faults()
    assert fault.startswith(
        "calendars.toml: silver-hours.closed.half_days: do not say when they close: "
        "2020-12-24 Christmas Eve, 2020-12-31 New Year's Eve, "
    )
    assert fault.endswith('more; write half_days = "13:00"')
    ours = OperatorPack(tmp_path / "said" / "ours").add(f'{closed}\nhalf_days = "12:30"').calendar()
    assert ours.closing(local("2026-12-24 11:00")) == local("2026-12-24 12:30")


def test_a_single_date_under_early_wins_over_the_half_day(tmp_path: Path) -> None:
    closed = '[silver-hours.closed]\npublic = [{ country = "IS", categories = ["half_day"] }]'
    early = f'{closed}\nearly = {{ 2026-12-24 = "15:00" }}'
    ours = OperatorPack(tmp_path / "ours").add(early).calendar()
    assert ours.closing(local("2026-12-24 11:00")) == local("2026-12-24 15:00")
    assert ours.closing(local("2026-12-31 11:00")) == local("2026-12-31 13:00")


def test_a_name_that_says_afternoon_is_a_half_day_in_every_category() -> None:
    """Sweden's banks close at 14:00 on some eves, Luxembourg's in the afternoon of Christmas Eve."""
    sweden = open_with("Europe/Stockholm", PublicHolidays("SE", categories=("bank",)))
    assert sweden.closing(local("2026-04-02 10:00", "Europe/Stockholm")) == local(
        "2026-04-02 14:00", "Europe/Stockholm"
    )
    luxembourg = Closures((PublicHolidays("LU", categories=("bank",)),))
    assert luxembourg.half_days_without_hour([2026]) == {date(2026, 12, 24): "Christmas Eve (afternoon)"}


def test_a_day_that_closes_as_a_whole_is_no_half_day() -> None:
    """Turkey's Eid begins on the afternoon of the eve; a public holiday on the same date closes all of it."""
    rule = PublicHolidays("TR", categories=("public", "half_day"))
    closures = Closures((rule,), dates={date(2026, 10, 28): "Stocktaking"})
    assert date(2026, 10, 28) in rule.half_days_in(2026)
    assert date(2026, 10, 28) not in closures.half_days_in(2026)


def test_a_working_day_of_the_package_stays_open() -> None:
    """Ukraine's Independence Day is a working day; Finland's is a flag day, and a holiday as well."""
    both = ("public", "workday")
    ukraine = open_with("Europe/Kyiv", PublicHolidays("UA", categories=both))
    assert ukraine.is_open(local("2026-08-24 12:00", "Europe/Kyiv"))
    finland = open_with("Europe/Helsinki", PublicHolidays("FI", categories=both))
    assert not finland.is_open(local("2027-12-06 12:00", "Europe/Helsinki"))


def test_half_days_of_one_end_are_a_fault(tmp_path: Path) -> None:
    ends = '[gold-hours.closed_at_opening_end]\npublic = [{ country = "IS", categories = ["half_day"] }]'
    (fault,) = OperatorPack(tmp_path / "ours").add(ends).faults()
    assert fault == (
        "calendars.toml: gold-hours.closed_at_opening_end.public: takes whole days only; "
        'write "half_day" under `gold-hours.closed.public`'
    )


# Early closings of night shifts ---------------------------------------------------------------------


def test_an_early_closing_shortens_the_shift_that_begins_on_that_date() -> None:
    """Issue 19: 22:00 to 06:00, on 24 December until 02:00 of the next day."""
    night = business_hours(
        "22:00", "06:00", zone="Europe/London", early={date(2026, 12, 24): timedelta(hours=2)}
    )
    assert night.add(utc("2026-12-24 21:00"), 2 * HOUR) == utc("2026-12-25 00:00")
    assert night.closing(utc("2026-12-24 23:00")) == utc("2026-12-25 02:00")
    assert night.closing(utc("2026-12-23 23:00")) == utc("2026-12-24 06:00")
    evening = business_hours(
        "22:00", "06:00", zone="Europe/London", early={date(2026, 12, 24): timedelta(hours=23)}
    )
    assert evening.closing(utc("2026-12-24 22:00")) == utc("2026-12-24 23:00")


@settings(max_examples=12, deadline=None)
@given(opens=st.integers(1, 23), lasts=st.integers(1, 23), cut=st.integers(1, 23))
def test_an_early_closing_never_reaches_another_shift(opens: int, lasts: int, cut: int) -> None:
    """Walked hour by hour: hours after the cut are gone, all others of the week are as they were."""
    day, closes = date(2026, 6, 17), (opens + lasts) % 24
    clocks = f"{opens:02}:00", f"{closes:02}:00"
    usual = business_hours(*clocks, zone="UTC")
    short = business_hours(*clocks, zone="UTC", early={day: timedelta(hours=cut)})
    start = utc("2026-06-17 00:00") + opens * HOUR
    kept = lasts
    if opens + lasts <= 24:
        kept = min(max(cut - opens, 0), lasts)
    elif cut <= closes:
        kept = 24 - opens + cut
    else:
        kept = max(cut - opens, 0)
    for hour in range(-48, 72):
        at = start + hour * HOUR
        expected = usual.is_open(at) and not kept <= hour < lasts
        assert short.is_open(at) == expected, at


# Names with a mark ----------------------------------------------------------------------------------


def test_a_name_stands_for_the_same_name_with_a_mark() -> None:
    """Issue 19: the moon decides, so the package marks the Emirates' Eid as estimated."""
    left_out = frozenset({"Eid al-Fitr", "Eid al-Fitr Holiday"})
    emirates = open_with("Asia/Dubai", PublicHolidays("AE", excluding=left_out))
    start = local("2027-03-09 09:00", "Asia/Dubai")
    assert emirates.add(start, 2 * HOUR) == utc("2027-03-09 07:00")
    only = open_with("Asia/Dubai", PublicHolidays("AE", only=left_out))
    assert not only.is_open(start)


def test_a_name_of_its_own_is_not_a_mark() -> None:
    """India has Dussehra and, on other days, `Dussehra (Saptami)`: to close one is not to close the other."""
    both = ("optional", "public")
    rule = PublicHolidays("IN", categories=both, only=frozenset({"Dussehra"}))
    assert {name for year in YEARS for name in rule.in_year(year).values()} == {"Dussehra"}
    assert rule.unknown_names(YEARS) == []


def test_only_and_excluding_together() -> None:
    """`only` lists what may close a day, `excluding` takes single ones out again."""
    rule = PublicHolidays(
        "DK", only=frozenset({"Christmas Day", "Easter Monday"}), excluding=frozenset({"Easter Monday"})
    )
    assert list(rule.in_year(2026).values()) == ["Christmas Day"]


# Every country and category -------------------------------------------------------------------------


def judge(country: str, category: str, years: range = YEARS) -> None:
    """What we close is what the package publishes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        days = holidays.country_holidays(country, years=years, categories=(category,), language="en_US")
    rule = PublicHolidays(country, categories=(category,))
    found = {day: name for year in years for day, name in rule.in_year(year).items()}
    halves = {day: half for year in years for day, half in rule.half_days_in(year).items()}
    if category == "workday":
        assert (found, halves) == ({}, {})
        return
    published = {day: name for day, name in days.items() if day.year in years}
    if category == "half_day":
        assert not found
        assert {day: half.name for day, half in halves.items()} == {
            day: name.split("; ")[-1] for day, name in published.items()
        }
        return
    whole = {
        day: "; ".join(part for part in name.split("; ") if not AFTERNOON.search(part))
        for day, name in published.items()
    }
    assert found == {day: name for day, name in whole.items() if name}
    assert {*found, *halves} == {*published}
    for bare in marked_names(published.values()):
        without = PublicHolidays(country, categories=(category,), excluding=frozenset({bare}))
        left = {name for year in years for name in without.in_year(year).values()}
        parts = {part for name in left for part in name.split("; ")}
        assert not parts & {bare, f"{bare} (estimated)", f"{bare} (observed)"}


def marked_names(names: Iterable[str]) -> set[str]:
    parts = {part for name in names for part in name.split("; ")}
    return {MARKS.sub("", part) for part in parts if MARKS.search(part)}


@settings(max_examples=12, deadline=None)
@given(entity=st.sampled_from(ENTITIES), year=st.sampled_from(list(YEARS)))
def test_a_country_closes_as_the_package_says(entity: tuple[str, str], year: int) -> None:
    judge(*entity, range(year, year + 1))


@pytest.mark.soak
def test_every_country_closes_as_the_package_says() -> None:
    for country, category in ENTITIES:
        judge(country, category)
