"""Files of closed days as calendar programs, offices and governments write them."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import recurring_ical_events
from hypothesis import given, settings
from hypothesis import strategies as st
from icalendar import Calendar

from bot.cli.policy.check import warnings_of
from sla_core.catalog import ics
from tests.packs.operator_pack import VERSION, OperatorPack, calendar_file, event

BERLIN = ZoneInfo("Europe/Berlin")
CLOSED = '[silver-hours.closed]\nics = "holidays.ics"'


@pytest.fixture
def ours(tmp_path_factory: pytest.TempPathFactory) -> OperatorPack:
    return OperatorPack(tmp_path_factory.mktemp("pack") / "ours")


def closed(*events: str, years: range = range(2023, 2031), leave_out: bool = False) -> list[str]:
    found = ics.read(calendar_file(*events), BERLIN, leave_out)
    assert found.faults == []
    days = [day for year in years for day in (found.days.in_year(year) if found.days else ())]
    return [day.isoformat() for day in days]


@pytest.mark.parametrize(
    ("lines", "days"),
    [
        # All official files of France: the end is the day itself.
        (["DTSTART;VALUE=DATE:20261111", "DTEND;VALUE=DATE:20261111"], ["2026-11-11"]),
        (
            ["DTSTART;TZID=Europe/Paris:20261224T000000", "DTEND;TZID=Europe/Paris:20261226T000000"],
            ["2026-12-24", "2026-12-25"],
        ),
        (["DTSTART:20261223T230000Z", "DTEND:20261224T230000Z"], ["2026-12-24"]),
        (["DTSTART:20261224T000000", "DTEND:20261224T235959"], ["2026-12-24"]),
        (["DTSTART;VALUE=DATE:20261224", "DTEND:20261224T230000Z"], ["2026-12-24"]),
        (
            ["DTSTART;VALUE=DATE:20261224", "DTEND;TZID=Europe/Berlin:20261226T000000"],
            ["2026-12-24", "2026-12-25"],
        ),
        (
            ["DTSTART;VALUE=DATE:20270501", "RRULE:FREQ=MONTHLY;INTERVAL=12"],
            ["2027-05-01", "2028-05-01", "2029-05-01", "2030-05-01"],
        ),
        (
            ["DTSTART;VALUE=DATE:20230302", "RRULE:FREQ=YEARLY;UNTIL=20260301T230000Z"],
            ["2023-03-02", "2024-03-02", "2025-03-02", "2026-03-02"],
        ),
        (
            [
                "DTSTART;TZID=W. Europe Standard Time:20280101T000000",
                "DTEND;TZID=W. Europe Standard Time:20280102T000000",
                "RRULE:FREQ=YEARLY;UNTIL=20291231T230000Z",
            ],
            ["2028-01-01", "2029-01-01", "2030-01-01"],
        ),
        (
            ["DTSTART;VALUE=DATE:20260105", "RRULE:FREQ=YEARLY;COUNT=3", "EXDATE:20270104T230000Z"],
            ["2026-01-05", "2028-01-05"],
        ),
        (["DTSTART;VALUE=DATE:20260105", "RDATE;VALUE=DATE:20260216"], ["2026-01-05", "2026-02-16"]),
    ],
)
def test_the_forms_that_programs_write(lines: list[str], days: list[str]) -> None:
    assert closed(event(*lines)) == days


def test_outlook_s_last_year_is_kept_in_the_hours_of_a_desk(ours: OperatorPack) -> None:
    """UNTIL in UTC is read by the clocks of the calendar: 2 March 2026 is closed in Berlin."""
    series = event("DTSTART;VALUE=DATE:20230302", "RRULE:FREQ=YEARLY;UNTIL=20260301T230000Z")
    calendar = ours.add(CLOSED).with_ics(series).calendar()
    assert not calendar.day_openings(date(2026, 3, 2))
    assert calendar.day_openings(date(2027, 3, 2))


def test_of_one_event_the_newest_counts() -> None:
    """A file may hold every version of an event; the highest SEQUENCE is in force, wherever it stands."""
    newer = event("UID:party", "SEQUENCE:2", "DTSTART;VALUE=DATE:20260715")
    older = event("UID:party", "SEQUENCE:1", "DTSTART;VALUE=DATE:20260714")
    assert closed(newer, older) == closed(older, newer) == ["2026-07-15"]
    gone = event("UID:party", "SEQUENCE:3", "STATUS:CANCELLED", "DTSTART;VALUE=DATE:20260715")
    assert closed(newer, gone, older) == []
    (fault,) = ics.read(calendar_file(older, older.replace("0714", "0716"))).faults
    assert fault == (9, f"{fault[1]}")
    assert "give it a UID of its own" in fault[1]


def test_single_days_of_a_series_are_cancelled_or_moved() -> None:
    series = event("UID:s", "DTSTART;VALUE=DATE:20260105", "RRULE:FREQ=YEARLY;COUNT=4")
    cancelled = event(
        "UID:s", "RECURRENCE-ID;VALUE=DATE:20270105", "STATUS:CANCELLED", "DTSTART;VALUE=DATE:20270105"
    )
    moved = event("UID:s", "RECURRENCE-ID;VALUE=DATE:20280105", "DTSTART;VALUE=DATE:20280107")
    assert closed(series, cancelled, moved) == ["2026-01-05", "2028-01-07", "2029-01-05"]
    all_gone = event("UID:s", "SEQUENCE:1", "STATUS:CANCELLED", "DTSTART;VALUE=DATE:20260105")
    assert closed(series, moved, all_gone) == []


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "iso-8859-1", "utf-16"])
def test_every_encoding_that_programs_save_in(ours: OperatorPack, encoding: str) -> None:
    text = calendar_file(event("DTSTART;VALUE=DATE:20260501", summary="Fête du Travail"))
    (ours.folder / VERSION / "holidays.ics").write_bytes(text.encode(encoding))
    closures = ours.add(CLOSED).calendar().closures
    assert closures.in_year(2026) == {date(2026, 5, 1): "Fête du Travail"}


def test_what_is_not_a_day_is_left_out_by_name_if_the_operator_says_so(ours: OperatorPack) -> None:
    """By default it is a fault; in neither case is it ignored in silence."""
    events = (
        event("DTSTART;VALUE=DATE:20260501"),
        event("DTSTART:20261224T130000", "DTEND:20261224T180000", summary="Half of Christmas Eve"),
        event("UID:s", "DTSTART;VALUE=DATE:20260105", "RRULE:FREQ=YEARLY;COUNT=3"),
        event(
            "UID:s", "RECURRENCE-ID;VALUE=DATE:20270105", "DTSTART:20270105T130000", "DTEND:20270105T180000"
        ),
    )
    faults = ours.add(CLOSED).with_ics(*events).faults()
    assert [fault.split(": ")[1] for fault in faults] == ["line 9", "line 22"]
    policy = ours.add('ics_not_days = "leave out"').policy()
    assert [*policy.calendars["silver-hours"].closures.in_year(2026)] == [date(2026, 1, 5), date(2026, 5, 1)]
    assert [*policy.calendars["silver-hours"].closures.in_year(2027)] == []
    told = [text for text in warnings_of(policy, date(2026, 3, 1)) if "left out" in text]
    assert "holidays.ics, line 9: DTSTART 13:00 of 2026-12-24 is not a whole day" in told[0]
    assert "holidays.ics, line 22" in told[1]


RULES = st.builds(
    "FREQ={};INTERVAL={}{}".format,
    st.sampled_from(["YEARLY", "MONTHLY"]),
    st.sampled_from([1, 2, 12]),
    st.sampled_from(["", ";COUNT=3", ";UNTIL=20280301", ";UNTIL=20280301T230000Z"]),
)
EVENTS = st.tuples(
    st.dates(date(2024, 1, 1), date(2027, 12, 31)), st.integers(1, 5), st.none() | RULES, st.booleans()
)


@settings(max_examples=60, deadline=None)
@given(st.lists(EVENTS, min_size=1, max_size=5))
def test_any_file_closes_what_the_library_recurs(made: list[tuple[date, int, str | None, bool]]) -> None:
    """Against the library, which reads the same file by itself, with its events as midnights in Berlin."""

    def lines(first: date, days: int, rule: str | None, timed: bool) -> list[str]:
        form = ";TZID=Europe/Berlin:{:%Y%m%d}T000000" if timed else ";VALUE=DATE:{:%Y%m%d}"
        end = first + timedelta(days=days)
        recurs = [f"RRULE:{rule}"] if rule else []
        return [f"DTSTART{form.format(first)}", f"DTEND{form.format(end)}", *recurs]

    def text(timed: bool) -> str:
        return calendar_file(
            *(event(f"UID:{n}", *lines(*each[:3], timed or each[3])) for n, each in enumerate(made))
        )

    found = ics.read(text(timed=False), BERLIN)
    assert found.faults == []
    assert found.days is not None
    theirs: set[date] = set()
    for occurrence in recurring_ical_events.of(Calendar.from_ical(text(timed=True))).between(2024, 2031):
        start, end = occurrence["DTSTART"].dt, occurrence["DTEND"].dt
        assert isinstance(start, datetime)
        theirs |= {start.date() + timedelta(n) for n in range((end.date() - start.date()).days)}
    ours = {day for year in range(2024, 2031) for day in found.days.in_year(year)}
    assert ours == {day for day in theirs if 2024 <= day.year <= 2030}
