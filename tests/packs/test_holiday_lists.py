"""Closed days from an iCalendar file beside a pack's calendars."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest

from bot.cli.policy.check import warnings_of
from sla_core.catalog import ics
from sla_core.hours.openings import ListedDays
from tests.packs.operator_pack import VERSION, OperatorPack, calendar_file, event
from tests.sla_core.builders import HOUR, local

CLOSED = '[silver-hours.closed]\nics = "holidays.ics"'


@pytest.fixture
def ours(tmp_path: Path) -> OperatorPack:
    return OperatorPack(tmp_path / "ours")


def listed(*lines: str) -> ListedDays:
    found = ics.read(calendar_file(event(*lines)))
    assert found.faults == []
    assert found.days is not None
    return found.days


def test_a_list_closes_its_days(ours: OperatorPack) -> None:
    """One day, a stretch whose end is the first open day, and a day of every year; the rest stays open."""
    calendar = (
        ours.add(CLOSED)
        .with_ics(
            event("DTSTART;VALUE=DATE:20260714", "DTEND;VALUE=DATE:20260715", summary="Summer party"),
            event("DTSTART;VALUE=DATE:20261229", "DTEND;VALUE=DATE:20270102", summary="Between the years"),
            event("DTSTART;VALUE=DATE:20200501", "RRULE:FREQ=YEARLY", summary="Day of\\, or off\\; work"),
        )
        .calendar()
    )
    closed = [
        day for day in (date(2026, 1, 1) + timedelta(n) for n in range(400)) if not calendar.day_openings(day)
    ]
    assert [day.isoformat() for day in closed if day.weekday() < 5] == [
        *("2026-05-01", "2026-07-14", "2026-12-29", "2026-12-30", "2026-12-31", "2027-01-01")
    ]
    assert calendar.why_closed(local("2026-05-01 12:00")) == "holiday: Day of, or off; work"
    assert calendar.is_open(local("2026-07-15 10:00"))
    assert calendar.add(local("2026-12-28 17:00"), 2 * HOUR) == local("2027-01-04 11:00")


def test_a_listed_day_is_a_date_in_every_zone(ours: OperatorPack) -> None:
    """Complaint 2: no day moves because of a zone."""
    text = CLOSED + '\n[gold-hours.closed]\nics = ["holidays.ics"]'
    policy = ours.add(text).with_ics(event("DTSTART;VALUE=DATE:20260714")).policy()
    for name in ("silver-hours", "gold-hours"):
        calendar = policy.calendars[name]
        assert not calendar.day_openings(date(2026, 7, 14))
        assert calendar.day_openings(date(2026, 7, 13))
        assert calendar.day_openings(date(2026, 7, 15))


def test_working_days_win_over_a_list(ours: OperatorPack) -> None:
    """MON-26, complaint 1: a feed never has the last word."""
    text = f'{CLOSED}\nworking = {{ 2026-11-11 = "we work" }}'
    calendar = ours.add(text).with_ics(event("DTSTART;VALUE=DATE:20261111", summary="St. Martin")).calendar()
    assert calendar.is_open(local("2026-11-11 12:00"))


@pytest.mark.parametrize(
    ("lines", "year", "days"),
    [
        (["DTSTART;VALUE=DATE:20260105"], 2026, ["2026-01-05"]),
        (["DTSTART:20260105"], 2026, ["2026-01-05"]),
        (["DTSTART;VALUE=DATE:20260105", "DURATION:P2D"], 2026, ["2026-01-05", "2026-01-06"]),
        (["DTSTART;VALUE=DATE:20261231", "DURATION:P2D"], 2027, ["2027-01-01"]),
        (
            ["DTSTART;VALUE=DATE:20201231", "DURATION:P2D", "RRULE:FREQ=YEARLY"],
            2027,
            ["2027-01-01", "2027-12-31"],
        ),
        (["DTSTART;VALUE=DATE:20240229", "RRULE:FREQ=YEARLY"], 2028, ["2028-02-29"]),
        (["DTSTART;VALUE=DATE:20240229", "RRULE:FREQ=YEARLY"], 2026, []),
        (["DTSTART;VALUE=DATE:20251127", "RRULE:FREQ=YEARLY;BYMONTH=11;BYDAY=4TH"], 2026, ["2026-11-26"]),
        (["DTSTART;VALUE=DATE:20250714", "RRULE:FREQ=YEARLY;UNTIL=20260714"], 2026, ["2026-07-14"]),
        (["DTSTART;VALUE=DATE:20250714", "RRULE:FREQ=YEARLY;UNTIL=20260713T235959Z"], 2026, []),
        (["DTSTART;VALUE=DATE:20250714", "RRULE:FREQ=YEARLY;COUNT=2"], 2027, []),
        (["DTSTART;VALUE=DATE:20250714", "RRULE:FREQ=YEARLY;INTERVAL=2"], 2027, ["2027-07-14"]),
        (
            ["DTSTART;VALUE=DATE:20250714", "RRULE:FREQ=YEARLY", "EXDATE;VALUE=DATE:20260714,20270714"],
            2027,
            [],
        ),
        (
            ["DTSTART;VALUE=DATE:20250714", "RRULE:FREQ=YEARLY", "EXDATE;VALUE=DATE:20260714"],
            2025,
            ["2025-07-14"],
        ),
    ],
)
def test_the_forms_a_day_may_have(lines: list[str], year: int, days: list[str]) -> None:
    assert [day.isoformat() for day in listed(*lines).in_year(year)] == days


def test_what_other_programs_write_around_an_event() -> None:
    """Long lines are folded, alarms and zones lie within, cancelled events stay open."""
    text = calendar_file(
        "BEGIN:VTIMEZONE\nTZID:Europe/Berlin\nEND:VTIMEZONE",
        "BEGIN:VEVENT\nUID:1\nSUMMARY;LANGUAGE=de:Betriebs\n ausflug\\nan den See\nTRANSP:TRANSPARENT",
        'ATTENDEE;CN="Doe: Jane":mailto:jane@example.com\nDTSTART;VALUE=DATE:20260605',
        "BEGIN:VALARM\nTRIGGER:-PT15M\nDTSTART:nonsense\nEND:VALARM\nEND:VEVENT",
        event("STATUS:CANCELLED", "DTSTART:20260606T090000Z"),
    )
    found = ics.read(text)
    assert found.faults == []
    assert found.days is not None
    assert found.days.in_year(2026) == {date(2026, 6, 5): "Betriebsausflug an den See"}


def test_a_list_that_ends_is_certified_until_the_end_of_its_last_year(ours: OperatorPack) -> None:
    """A12: a list that ends in silence gave the wrong day; check says so once it has run out."""
    policy = ours.add(CLOSED).with_ics(event("DTSTART;VALUE=DATE:20260714")).policy()
    said = [text for text in warnings_of(policy, date(2027, 1, 1)) if "silver-hours" in text]
    assert len(said) == 1
    assert "its holidays were certified until 2026-12-31, which is past" in said[0]
    assert not any("silver-hours" in text for text in warnings_of(policy, date(2026, 12, 31)))


def test_a_list_with_rules_ends_when_the_operator_says(ours: OperatorPack) -> None:
    """A12."""
    text = f"{CLOSED}\ncertified_until = 2028-12-31"
    every_year = event("DTSTART;VALUE=DATE:20250714", "RRULE:FREQ=YEARLY")
    calendar = ours.add(text).with_ics(every_year).calendar()
    assert calendar.closures.certified_until == date(2028, 12, 31)
    assert listed("DTSTART;VALUE=DATE:20250714", "RRULE:FREQ=YEARLY").certified_until is None
    assert not calendar.day_openings(date(2190, 7, 14))


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (["DTSTART:20260714T090000Z"], "line 5: DTSTART 11:00 of 2026-07-14 is not a whole day; make"),
        (
            ["DTSTART;VALUE=DATE:20260732"],
            "line 5: DTSTART cannot be read (Wrong date format 20260732)",
        ),
        ([], "line 3: the event has no DTSTART; write DTSTART;VALUE=DATE:20261224"),
        (["DTSTART:20260714", "DTSTART:20260715"], "line 6: there is more than one DTSTART in this event"),
        (["DTSTART:20260714", "DTEND:20260712"], "line 3: the event lasts -2 days; its end is the first"),
        (["DTSTART:20260714", "DTEND:20280714"], "line 3: the event lasts 731 days"),
        (
            ["DTSTART:20260714", "DURATION:PT4H"],
            "line 6: DURATION 4:00:00 is not a number of days; write P1D",
        ),
        (
            ["DTSTART:20260714T000000", "DTEND:20260714T000000"],
            "line 3: the event of 2026-07-14 lasts no day",
        ),
        (
            ["DTSTART:20260714", "DTEND:20260714T170000"],
            "line 6: DTEND 17:00 of 2026-07-14 is not the end of",
        ),
        (["DTSTART:20260714", "RRULE:FREQ=HOURLY"], "line 6: RRULE with HOURLY closes no whole days"),
        (["DTSTART:20260714", "RRULE:FREQ=YEARLY;INTERVAL=0"], "line 6: RRULE with INTERVAL=0 cannot be"),
        (["DTSTART:20260714", "RRULE:FREQ=YEARLY;COUNT=-1"], "line 6: RRULE with COUNT=-1 cannot be counted"),
        (["DTSTART:02260714"], "line 5: DTSTART 0226-07-14 is not between 1900 and 2200; fix the year"),
        (["DTSTART:20260714", "RRULE:COUNT=2"], "line 6: RRULE"),
        (
            ["DTSTART:20260714", "RRULE:FREQ=YEARLY;BYHOUR=9"],
            "line 6: RRULE with YEARLY closes no whole days",
        ),
        (["DTSTART:20260714", "RRULE:FREQ=YEARLY;BYDAY=XX"], "line 6: RRULE cannot be read"),
        (["DTSTART:20260714", "RRULE:FREQ=YEARLY;UNTIL=soon"], "line 6: RRULE cannot be read"),
        (["DTSTART:20260714", "RRULE:FREQ=YEARLY;BYDAY=1MO;BYMONTH=1"], "does not include its own first day"),
        (["DTSTART:20260714", "EXRULE:FREQ=YEARLY"], "line 6: EXRULE is not supported"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_line_and_a_cure(
    ours: OperatorPack, lines: list[str], says: str
) -> None:
    (fault,) = ours.add(CLOSED).with_ics(event(*lines)).faults()
    assert fault.startswith("holidays.ics: line ")
    assert says in fault


def test_every_fault_of_a_list_at_once(ours: OperatorPack) -> None:
    found = ours.add(CLOSED).with_ics(event("DTSTART:1"), event("DTSTART:2"), event(summary=" ")).faults()
    assert [fault.split(": ")[1] for fault in found] == ["line 5", "line 9", "line 11"]
    assert "has no SUMMARY" in found[-1]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "line 1: lists no event"),
        ("hello", 'line 1: "hello" is not a line of an iCalendar file'),
        ("<html>:", 'line 1: "<html>:" is not a line'),
        ("BEGIN:VEVENT", "line 1: an iCalendar file begins with BEGIN:VCALENDAR"),
        ("BEGIN:VCALENDAR\nBEGIN:VEVENT\nEND:VCALENDAR", "line 3: END:VCALENDAR has no matching BEGIN"),
        ("BEGIN:VCALENDAR\nBEGIN:VEVENT", "line 2: the file ends inside VEVENT"),
        ("BEGIN:VCALENDAR\nEND:VCALENDAR", "line 1: lists no event"),
    ],
)
def test_files_that_are_no_list(ours: OperatorPack, text: str, says: str) -> None:
    (ours.folder / VERSION / "holidays.ics").write_text(text, encoding="utf-8")
    (fault,) = ours.add(CLOSED).faults()
    assert fault.startswith(f"holidays.ics: {says}")


@pytest.mark.parametrize("name", ["missing.ics", "../policy.toml", "/etc/hosts"])
def test_a_list_lies_beside_the_calendars(ours: OperatorPack, name: str) -> None:
    (fault,) = ours.add(f'[silver-hours.closed]\nics = "{name}"').faults()
    assert fault.startswith(f'calendars.toml: silver-hours.closed.ics: there is no file "{name}" beside')
