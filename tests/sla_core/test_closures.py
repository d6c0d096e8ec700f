"""Days on which nobody works: published holidays, named dates, observed days, working days."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from sla_core.catalog.load import Fault, Faults
from sla_core.hours.openings import AnnualDay, Closures, PublicHolidays
from tests.sla_core.builders import HOUR, business_hours, local

NO_DAYS_OFF = ("Workers' Day", "Constitution Day")
"""Days that the `holidays` package lists for Denmark as optional and that Monta does not take."""

DENMARK = PublicHolidays("DK", categories=("public", "optional"), excluding=frozenset(NO_DAYS_OFF))

THANKSGIVING = PublicHolidays("US", only=frozenset({"Thanksgiving Day"}))
COMPANY_DAYS = Closures(
    public=(THANKSGIVING,),
    annual=(
        AnnualDay("Christmas Day", 12, 25, observed=True),
        AnnualDay("New Year's Day", 1, 1, observed=True),
    ),
)
"""Monetate's three days (MON-27, MON-28)."""


def weekdays_of(closures: Closures, year: int) -> list[str]:
    return [day.isoformat() for day in closures.in_year(year) if day.weekday() < 5]


def test_the_danish_list_of_2024() -> None:
    """MTA-23, A12: the published rules give exactly the vendor's list."""
    assert weekdays_of(Closures(public=(DENMARK,)), 2024) == [
        "2024-01-01",
        "2024-03-28",
        "2024-03-29",
        "2024-04-01",
        "2024-05-09",
        "2024-05-20",
        "2024-12-24",
        "2024-12-25",
        "2024-12-26",
        "2024-12-31",
    ]
    assert weekdays_of(Closures(public=(DENMARK,)), 2025)[0] == "2025-01-01"


def test_easter_s_days_follow_it_to_2026() -> None:
    """A12: 2, 3, 6 April, 14 and 25 May; engine.md: Store Bededag is no holiday since 2024."""
    days = weekdays_of(Closures(public=(DENMARK,)), 2026)
    assert days[1:6] == ["2026-04-02", "2026-04-03", "2026-04-06", "2026-05-14", "2026-05-25"]
    assert "2026-05-01" not in days
    assert days[-3:] == ["2026-12-24", "2026-12-25", "2026-12-31"]


def test_unknown_holiday_names_are_reported() -> None:
    strange = PublicHolidays("DK", only=frozenset({"Store Bededag", "Christmas Day"}))
    assert strange.unknown_names(range(2024, 2027)) == ["Store Bededag"]
    assert DENMARK.unknown_names(range(2024, 2027)) == []


def test_an_unknown_country_is_reported() -> None:
    with pytest.raises(NotImplementedError, match="XX"):
        PublicHolidays("XX").in_year(2026)
    with pytest.raises((NotImplementedError, ValueError)):
        PublicHolidays("DK", categories=("imaginary",)).in_year(2026)
    with pytest.raises(NotImplementedError):
        PublicHolidays("US", subdivision="ZZ").in_year(2026)


def test_only_the_three_days() -> None:
    """MON-26, MON-27: other American holidays, and the days around Thanksgiving, are working days."""
    assert weekdays_of(COMPANY_DAYS, 2026) == ["2026-01-01", "2026-11-26", "2026-12-25"]
    calendar = business_hours("09:00", "17:00", zone="America/New_York", closures=COMPANY_DAYS)
    for day in ("2026-11-25", "2026-11-27", "2026-11-30", "2026-01-19", "2026-07-03"):
        assert calendar.is_open(local(f"{day} 12:00", "America/New_York"))
    assert not calendar.is_open(local("2026-11-26 12:00", "America/New_York"))


def test_a_holiday_on_a_weekend_is_observed_beside_it() -> None:
    """MON-28, A6: Saturday → the Friday before, Sunday → the Monday after."""
    assert "2027-12-24" in weekdays_of(COMPANY_DAYS, 2027)
    assert weekdays_of(COMPANY_DAYS, 2022) == ["2022-11-24", "2022-12-26"]
    assert weekdays_of(COMPANY_DAYS, 2023)[0] == "2023-01-02"


def test_new_year_s_day_is_observed_in_the_old_year() -> None:
    """MON-28: 1 January 2028 is a Saturday, so Friday 31 December 2027 is closed."""
    assert weekdays_of(COMPANY_DAYS, 2027)[-2:] == ["2027-12-24", "2027-12-31"]
    assert "2028-01-01" not in weekdays_of(COMPANY_DAYS, 2028)
    calendar = business_hours("09:00", "17:00", zone="America/New_York", closures=COMPANY_DAYS)
    assert calendar.why_closed(local("2027-12-31 12:00", "America/New_York")) == (
        "holiday: New Year's Day (observed)"
    )
    assert calendar.why_closed(local("2028-01-01 12:00", "America/New_York")) == "holiday: New Year's Day"


def test_the_vendor_may_choose_the_other_day() -> None:
    """A6: an operator may name the other day for a year."""
    monday = date(2027, 12, 27)
    christmas = AnnualDay("Christmas Day", 12, 25, observed=True, chosen={2027: monday})
    assert weekdays_of(Closures(annual=(christmas,)), 2027) == ["2027-12-27"]
    new_year = AnnualDay("New Year's Day", 1, 1, observed=True, chosen={2028: date(2028, 1, 3)})
    assert weekdays_of(Closures(annual=(new_year,)), 2027) == ["2027-01-01"]
    assert weekdays_of(Closures(annual=(new_year,)), 2028) == ["2028-01-03"]


def test_working_days_win() -> None:
    """MON-26: days that the vendor names as open are open, even if a library says otherwise."""
    monday = date(2026, 4, 6)
    closures = Closures(public=(DENMARK,), dates={monday: "Stocktaking"}, working={monday: "Stocktaking"})
    assert monday not in closures.in_year(2026)
    assert business_hours(closures=closures).is_open(local("2026-04-06 12:00"))


def test_a_country_s_own_substitute_days_close() -> None:
    """Christmas 2027 falls on a weekend: British law moves both days, each under its own name."""
    britain = PublicHolidays("GB", subdivision="ENG")
    assert weekdays_of(Closures(public=(britain,)), 2027)[-2:] == ["2027-12-27", "2027-12-28"]
    only_christmas = PublicHolidays("GB", subdivision="ENG", only=frozenset({"Christmas Day"}))
    assert weekdays_of(Closures(public=(only_christmas,)), 2027) == ["2027-12-27"]
    without_boxing_day = PublicHolidays("GB", subdivision="ENG", excluding=frozenset({"Boxing Day"}))
    assert "2027-12-28" not in weekdays_of(Closures(public=(without_boxing_day,)), 2027)


def test_days_that_are_off_in_some_years_only() -> None:
    """Complaint 1: Chile's 17 September is a holiday where it falls on a Monday or a Friday only."""
    chile = Closures(public=(PublicHolidays("CL"),))
    assert "2025-09-17" not in weekdays_of(chile, 2025)
    assert "2027-09-17" in weekdays_of(chile, 2027)


def test_a_feed_cannot_add_days_that_the_policy_does_not_name() -> None:
    """Complaint 1: St. Martin and Volkstrauertag came with a feed and cost two days."""
    germany = Closures(public=(PublicHolidays("DE"),))
    silver = business_hours(closures=germany)
    assert silver.add_days(local("2025-11-10 12:00"), 4) == local("2025-11-14 12:00")
    assert all("Martin" not in name for name in germany.in_year(2025).values())


def test_dates_are_dates_in_every_zone() -> None:
    """Complaint 2: Chilean holidays a day early. Independence Day is the 18th by Santiago's own clocks."""
    chile = business_hours(zone="America/Santiago", closures=Closures(public=(PublicHolidays("CL"),)))
    assert chile.is_open(local("2026-09-17 17:59", "America/Santiago"))
    assert not chile.is_open(local("2026-09-18 10:00", "America/Santiago"))
    assert chile.why_closed(local("2026-09-18 23:59", "America/Santiago")).startswith("holiday: ")
    kiritimati = Closures(dates={date(2026, 7, 14): "National Day"})
    there = business_hours(zone="Pacific/Kiritimati", closures=kiritimati)
    assert not there.is_open(local("2026-07-14 12:00", "Pacific/Kiritimati"))
    assert there.is_open(local("2026-07-13 12:00", "Pacific/Kiritimati"))


def test_a_holiday_pushes_hours_and_days_alike() -> None:
    """MTA-23: over Easter 2026, Wednesday afternoon to Tuesday."""
    calendar = business_hours(
        "09:00", "17:00", zone="Europe/Copenhagen", closures=Closures(public=(DENMARK,))
    )
    wednesday = local("2026-04-01 16:00", "Europe/Copenhagen")
    assert calendar.add(wednesday, 2 * HOUR) == local("2026-04-07 10:00", "Europe/Copenhagen")
    assert calendar.add_days(wednesday, 1) == local("2026-04-07 16:00", "Europe/Copenhagen")


def test_rules_go_on_after_the_vendor_s_own_list_ends() -> None:
    """A12; engine.md: a list that ends in silence gave the wrong day."""
    closures = Closures(public=(DENMARK,), certified_until=date(2025, 1, 1))
    calendar = business_hours("09:00", "17:00", zone="Europe/Copenhagen", closures=closures)
    new_year_s_eve = local("2025-12-30 17:00", "Europe/Copenhagen")
    assert calendar.add(new_year_s_eve, 8 * HOUR) == local("2026-01-02 17:00", "Europe/Copenhagen")


def test_every_year_that_calendars_answer_for_has_its_holidays() -> None:
    for year in (1973, 2026, 2190):
        assert date(year, 12, 25) in COMPANY_DAYS.in_year(year)
        assert all(day.year == year for day in COMPANY_DAYS.in_year(year))
        assert list(COMPANY_DAYS.in_year(year)) == sorted(COMPANY_DAYS.in_year(year))


def test_an_error_is_one_line() -> None:
    assert str(Fault("a/b.toml", "key", "is wrong")) == "a/b.toml: key: is wrong"
    assert str(Fault("a/b.toml", "", "is wrong")) == "a/b.toml: is wrong"
    assert str(Faults([Fault("a", "b", "c"), Fault("d", "", "e")])) == "a: b: c\nd: e"


def test_days_between_christmas_and_new_year() -> None:
    """MON-28 across the year's end, in business days: Thursday 23 December 2027 to Tuesday the 28th."""
    calendar = business_hours("09:00", "17:00", zone="America/New_York", closures=COMPANY_DAYS)
    thursday = local("2027-12-23 12:00", "America/New_York")
    assert calendar.add_days(thursday, 2) == local("2027-12-28 12:00", "America/New_York")
    assert calendar.add_days(thursday, 5) == local("2028-01-03 12:00", "America/New_York")
    assert calendar.elapsed(thursday, thursday + timedelta(days=11)) == 5 * 8 * HOUR
