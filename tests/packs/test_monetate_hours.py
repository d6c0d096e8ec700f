"""Monetate's hours and promises: closed days by date, due instants by hand."""

from __future__ import annotations

import shutil
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from bot.cli.policy.check import warnings_of
from bot.cli.policy.explain import explanation
from sla_core.calendar import BusinessCalendar
from sla_core.catalog.load import PACKS, load
from sla_core.policy import Metric, Policy
from sla_core.promise import receipt
from tests.packs.test_monetate import monetate
from tests.sla_core.builders import NEW_YORK, local, utc

LONDON = "Europe/London"
PLANS = {"north-america": NEW_YORK, "europe": LONDON}


def hours_of(plan: str) -> BusinessCalendar:
    return monetate().calendar(plan, "office-hours")


def due(plan: str, severity: str, at: datetime) -> datetime:
    """When the one promise of such a ticket falls due, through the function behind `explain`."""
    (clock,) = explanation([monetate()], plan, severity, at).clocks
    return clock.due_at


# Calendars ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("plan", PLANS)
def test_three_days_a_year_are_closed_and_no_others(plan: str) -> None:
    """MON-27, MON-28 over 2024–2028, both regions alike; the Saturday holidays on the Friday before."""
    closed = []
    day = date(2024, 1, 1)
    while day < date(2029, 1, 1):
        if day.weekday() < 5 and not hours_of(plan).day_openings(day):
            closed.append(day.isoformat())
        day += timedelta(1)
    assert closed == [
        *("2024-01-01", "2024-11-28", "2024-12-25"),
        *("2025-01-01", "2025-11-27", "2025-12-25"),
        *("2026-01-01", "2026-11-26", "2026-12-25"),
        *("2027-01-01", "2027-11-25", "2027-12-24", "2027-12-31"),
        *("2028-11-23", "2028-12-25"),
    ]


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize(
    ("year", "days"),
    [
        (2024, ("11-27", "11-29", "12-02")),
        (2025, ("11-26", "11-28", "12-01")),
        (2026, ("11-25", "11-27", "11-30")),
        (2027, ("11-24", "11-26", "11-29")),
        (2028, ("11-22", "11-24", "11-27")),
    ],
)
def test_the_days_around_thanksgiving_are_working_days(plan: str, year: int, days: tuple[str, ...]) -> None:
    """MON-26: named one by one, with standard hours."""
    calendar = hours_of(plan)
    for day in days:
        assert date.fromisoformat(f"{year}-{day}") in calendar.closures.working
        assert calendar.is_open(local(f"{year}-{day} 09:00", PLANS[plan]))
        assert calendar.is_open(local(f"{year}-{day} 16:59", PLANS[plan]))


def test_a_list_that_an_operator_adds_does_not_close_them(tmp_path: Path) -> None:
    """MON-26: California takes the Friday after Thanksgiving off; Monetate does not."""
    ours = Path(shutil.copytree(PACKS / "monetate", tmp_path / "ours"))
    file = ours / "2024-01-01" / "calendars.toml"
    text = file.read_text(encoding="utf-8")
    thanksgiving = '{ country = "US", only = ["Thanksgiving Day"] }'
    california = '{ country = "US", subdivision = "CA" }'
    file.write_text(text.replace(thanksgiving, f"{thanksgiving}, {california}"), encoding="utf-8")
    (policy,) = load(ours)
    calendar = policy.calendar("north-america", "office-hours")
    assert calendar.is_open(local("2026-11-27 12:00", NEW_YORK))
    assert not calendar.is_open(local("2026-07-03 12:00", NEW_YORK))


@pytest.mark.parametrize(
    "day",
    ["2026-01-19", "2026-04-03", "2026-05-04", "2026-07-03", "2026-08-31", "2026-12-28", "2025-12-26"],
)
def test_other_holidays_of_both_countries_are_working_days(day: str) -> None:
    """MON-27: Martin Luther King Day, Good Friday, bank holidays, Independence Day, Boxing Day."""
    for plan, zone in PLANS.items():
        assert hours_of(plan).is_open(local(f"{day} 12:00", zone))


def test_christmas_2027_and_new_year_2028() -> None:
    """MON-28, A6: Friday 24 December 2027; Friday 31 December 2027, in the old year."""
    calendar = hours_of("north-america")
    for day, name in (("2027-12-24", "Christmas Day"), ("2027-12-31", "New Year's Day")):
        noon = local(f"{day} 12:00", NEW_YORK)
        assert calendar.why_closed(noon) == f"holiday: {name} (observed)"
    assert calendar.is_open(local("2027-12-27 12:00", NEW_YORK))
    assert calendar.is_open(local("2028-01-03 09:00", NEW_YORK))
    assert (
        hours_of("europe").why_closed(local("2022-12-26 12:00", LONDON)).endswith("Christmas Day (observed)")
    )


def test_the_vendor_may_choose_the_other_day(tmp_path: Path) -> None:
    """MON-28, A6: `chosen` names the Monday after for a year; check asks 90 days ahead until it does."""
    ours = Path(shutil.copytree(PACKS / "monetate", tmp_path / "ours"))
    file = ours / "2024-01-01" / "calendars.toml"
    christmas = 'on = "12-25", observed = true'
    chosen = f"{christmas}, chosen = {{ 2027 = 2027-12-27 }}"
    file.write_text(file.read_text(encoding="utf-8").replace(christmas, chosen), encoding="utf-8")
    (policy,) = load(ours)
    calendar = policy.calendar("europe", "office-hours")
    assert calendar.is_open(local("2027-12-24 12:00", LONDON))
    assert not calendar.is_open(local("2027-12-27 12:00", LONDON))

    def asked(of: Policy) -> set[str]:
        texts = warnings_of(of, date(2027, 10, 15))
        return {day for day in ("Christmas Day", "New Year's Day") for t in texts if f": {day} 20" in t}

    assert "Christmas Day" in asked(monetate())
    assert "Christmas Day" not in asked(policy)


def test_the_observed_day_is_a_rule_and_no_list() -> None:
    """MON-28: it goes on for years that nobody has written down."""
    christmas, new_year = hours_of("europe").closures.annual
    assert list(christmas.of_year(2033)) == [date(2033, 12, 25), date(2033, 12, 26)]
    assert list(new_year.of_year(2034)) == [date(2034, 1, 1), date(2034, 1, 2)]


# Promises -----------------------------------------------------------------------------------------


def test_what_is_promised() -> None:
    """MON-4, MON-25, A5: an answer to ordinary requests, hourly news in an emergency, nothing else."""
    policy = monetate()
    promised = {
        s.id: [(t.metric, str(t.limit), t.calendar) for t in s.targets] for s in policy.severities.values()
    }
    assert promised == {
        "S1": [(Metric.NEXT_UPDATE, "1:00:00", "around-the-clock")],
        "standard": [(Metric.FIRST_RESPONSE, "1 business day", "office-hours")],
    }
    assert policy.worst.id == "S1"
    assert {plan.wording for plan in policy.plans.values()} == {"aim"}
    assert not any(plan.hold for plan in policy.plans.values())


ORDINARY = [
    ("north-america", "2026-03-20 16:30", "2026-03-23 16:30"),  # Friday afternoon: the same hour on Monday
    ("north-america", "2026-03-20 18:00", "2026-03-23 17:00"),  # Friday evening waits for Monday, all of it
    ("north-america", "2026-03-20 17:00", "2026-03-23 17:00"),  # the closing second is outside
    ("north-america", "2026-03-23 09:00", "2026-03-23 17:00"),  # at the opening: that day's close
    ("north-america", "2026-03-06 16:00", "2026-03-09 16:00"),  # America's clocks go forward between
    ("north-america", "2026-10-30 10:00", "2026-11-02 10:00"),  # and back
    ("europe", "2026-03-27 12:00", "2026-03-30 12:00"),  # Britain's go forward
    ("europe", "2026-10-23 12:00", "2026-10-26 12:00"),  # and back
    ("north-america", "2026-11-25 15:00", "2026-11-27 15:00"),  # Thanksgiving between
    ("europe", "2026-11-26 10:00", "2026-11-27 17:00"),  # on Thanksgiving, closed in Europe too
    ("europe", "2026-11-27 16:00", "2026-11-30 16:00"),  # Friday to Cyber Monday, both open
    ("north-america", "2027-12-23 12:00", "2027-12-27 12:00"),  # the observed Christmas between
    ("europe", "2027-12-30 16:00", "2028-01-03 16:00"),  # the observed New Year, in the old year
    ("europe", "2024-02-28 11:00", "2024-02-29 11:00"),  # a leap day
    ("europe", "2026-05-01 11:00", "2026-05-04 11:00"),  # a British bank holiday is a working day
]


@pytest.mark.parametrize(("plan", "submitted", "expected"), ORDINARY)
def test_an_ordinary_request_within_one_business_day(plan: str, submitted: str, expected: str) -> None:
    """MON-3, MON-4, A1, A3, by each region's own clocks."""
    zone = PLANS[plan]
    assert due(plan, "standard", local(submitted, zone)) == local(expected, zone)


def test_the_same_instants_in_utc() -> None:
    """MON-3: what the clock changes do to them, by hand."""
    assert due("north-america", "standard", utc("2026-03-06 21:00")) == utc("2026-03-09 20:00")
    assert due("north-america", "standard", utc("2026-10-30 14:00")) == utc("2026-11-02 15:00")
    assert due("europe", "standard", utc("2026-03-27 12:00")) == utc("2026-03-30 11:00")
    assert due("europe", "standard", utc("2026-10-23 11:00")) == utc("2026-10-26 12:00")
    assert due("north-america", "standard", utc("2026-03-20 22:00")) == utc("2026-03-23 21:00")


def test_each_region_by_its_own_day() -> None:
    """MON-3, A2: the windows are not merged; at 10:00 UTC in winter only Europe is at work."""
    tuesday = utc("2026-01-13 10:00")
    assert due("europe", "standard", tuesday) == utc("2026-01-14 10:00")
    assert due("north-america", "standard", tuesday) == utc("2026-01-13 22:00")


def test_the_receipt_names_the_days_that_did_not_count() -> None:
    """MON-28: across the year's end."""
    start = utc("2027-12-30 16:00")
    stretches = receipt(hours_of("europe"), start, utc("2028-01-03 16:00"))
    assert [stretch.why for stretch in stretches] == [
        "open",
        "night",
        "holiday: New Year's Day (observed)",
        "holiday: New Year's Day",
        "weekend",
        "night",
        "open",
    ]
    assert sum((stretch.counted for stretch in stretches), timedelta(0)) == timedelta(hours=8)


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize(
    "at", ["2026-03-08 06:30", "2026-11-01 05:30", "2026-03-29 00:30", "2026-11-26 12:00", "2027-12-25 23:30"]
)
def test_an_emergency_hears_within_the_hour_at_any_time(plan: str, at: str) -> None:
    """MON-25, MON-29: nights, clock changes and holidays count like any other hour."""
    assert due(plan, "S1", utc(at)) == utc(at) + timedelta(hours=1)
