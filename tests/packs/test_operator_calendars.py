"""Closed days that an operator adds: half days, each end's own holidays. Lists: test_lists_of_days.py."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest

from bot.cli.policy.check import check_path, warnings_of
from sla_core.calendar import BusinessCalendar
from sla_core.hours.openings import Closures, EndClosures
from sla_core.promise import receipt
from tests.packs.operator_pack import VERSION, OperatorPack, event
from tests.sla_core.builders import BERLIN, HOUR, NEW_YORK, gold, hours, local


@pytest.fixture
def ours(tmp_path: Path) -> OperatorPack:
    return OperatorPack(tmp_path / "ours")


# Half days ----------------------------------------------------------------------------------------


def test_a_half_day_closes_early(ours: OperatorPack) -> None:
    """Complaint 11: 24 December until 15:00. Two hours from 14:00 go over Christmas to Monday."""
    calendar = ours.add(
        '[silver-hours.closed]\npublic = [{ country = "DE" }]\nearly = { 2026-12-24 = "15:00" }'
    ).calendar()
    assert calendar.is_open(local("2026-12-24 14:59"))
    assert not calendar.is_open(local("2026-12-24 15:00"))
    assert calendar.why_closed(local("2026-12-24 15:30")) == "night"
    assert calendar.add(local("2026-12-24 14:00"), 2 * HOUR) == local("2026-12-28 11:00")
    assert calendar.add_days(local("2026-12-23 17:00"), 1) == local("2026-12-24 15:00")


def test_a_half_day_between_two_zones_closes_by_the_closing_end(ours: OperatorPack) -> None:
    """A14: at 15:00 in New York."""
    calendar = ours.add('[gold-hours.closed]\nearly = { 2026-12-24 = "15:00" }').calendar("gold-hours")
    (span,) = calendar.day_openings(date(2026, 12, 24))
    assert (span.start, span.end) == (local("2026-12-24 10:00"), local("2026-12-24 15:00", NEW_YORK))


def test_a_half_day_that_is_no_time_of_day(ours: OperatorPack) -> None:
    (fault,) = ours.add('[silver-hours.closed]\nearly = { 2026-12-24 = "noon" }').faults()
    assert (
        fault == "calendars.toml: silver-hours.closed.early.2026-12-24: "
        "'noon' is not a time of day; write \"15:00\""
    )


# Each end's own holidays --------------------------------------------------------------------------

GERMANY, AMERICA = date(2026, 10, 5), date(2026, 10, 12)
BOTH = date(2026, 12, 25)


def two_ends(shared_from: timedelta | None = None, working: date | None = None) -> BusinessCalendar:
    """Gold's hours; Germany closes one Monday, America another, both Christmas."""
    ends = EndClosures(
        Closures(dates={GERMANY: "Day off", BOTH: "Weihnachten"}),
        Closures(dates={AMERICA: "Columbus Day", BOTH: "Christmas Day"}),
        shared_from,
    )
    own = Closures(working={working: "we work"}) if working else Closures()
    return BusinessCalendar((hours("10:00", f"17:00 {NEW_YORK}"),), own, ends=ends)


def test_a_day_that_both_ends_close_is_closed() -> None:
    """A15."""
    assert two_ends().day_openings(BOTH) == []
    assert two_ends().why_closed(local("2026-12-25 12:00")) == "holiday: Weihnachten; Christmas Day"


def test_a_day_that_only_the_opening_end_closes_keeps_the_shared_part() -> None:
    """A15: it opens when the closing end does, by that end's clocks, and says why it did not before."""
    (span,) = two_ends().day_openings(GERMANY)
    assert (span.start, span.end) == (
        local("2026-10-05 10:00", NEW_YORK),
        local("2026-10-05 17:00", NEW_YORK),
    )
    (span,) = two_ends(shared_from=9 * HOUR).day_openings(GERMANY)
    assert span.start == local("2026-10-05 09:00", NEW_YORK)
    calendar = two_ends()
    assert calendar.why_closed(local("2026-10-05 12:00")) == "holiday: Day off"
    assert calendar.why_closed(local("2026-10-05 23:30")) == "night"
    assert calendar.add(local("2026-10-05 10:00"), HOUR) == local("2026-10-05 11:00", NEW_YORK)


def test_a_day_that_only_the_closing_end_closes_keeps_its_hours() -> None:
    """A15: closed only if both ends' lists close it."""
    assert two_ends().day_openings(AMERICA) == gold().day_openings(AMERICA)


def test_the_receipt_of_a_shortened_day() -> None:
    """A15: the morning is a holiday, the evening a night."""
    calendar = two_ends()
    start = local("2026-10-02 22:00")
    stretches = receipt(calendar, start, calendar.add(start, 4 * HOUR))
    assert [(stretch.why, stretch.counted) for stretch in stretches] == [
        ("open", HOUR),
        ("night", 0 * HOUR),
        ("weekend", 0 * HOUR),
        ("holiday: Day off", 0 * HOUR),
        ("open", 3 * HOUR),
    ]


def test_a_working_day_wins_over_either_end() -> None:
    """MON-26: what is named as open is open for all of its hours."""
    for day in (GERMANY, BOTH):
        assert two_ends(working=day).day_openings(day) == gold().day_openings(day)


def test_a_shared_part_that_would_be_empty_is_closed() -> None:
    assert two_ends(shared_from=18 * HOUR).day_openings(GERMANY) == []
    assert two_ends(shared_from=18 * HOUR).why_closed(local("2026-10-05 12:00")) == "holiday: Day off"


ENDS = """
shared_from = "09:00"
[gold-hours.closed_at_opening_end]
public = [{ country = "DE" }]
[gold-hours.closed_at_closing_end]
public = [{ country = "US" }]
certified_until = 2026-06-30
"""


def with_ends(ours: OperatorPack, name: str = "gold-hours") -> OperatorPack:
    """The two ends' lists beneath a calendar's own lines."""
    file = ours.folder / VERSION / "calendars.toml"
    text = file.read_text(encoding="utf-8")
    head, mark, rest = text.partition(f"[{name}]\n")
    own, opened, hours_ = rest.partition(f"[[{name}.open]]")
    first, _, tables = ENDS.strip().partition("\n")
    ours_ends = tables.replace("gold-hours", name)
    file.write_text(f"{head}{mark}{first}\n{own}{opened}{hours_}\n{ours_ends}\n", encoding="utf-8")
    return ours


def test_the_ends_in_a_pack_and_what_check_says_of_them(ours: OperatorPack) -> None:
    """A15: Ascension Day is Germany's alone, Thanksgiving America's alone, Christmas Day both ends'."""
    policy = with_ends(ours).policy()
    calendar = policy.calendars["gold-hours"]
    (span,) = calendar.day_openings(date(2026, 5, 14))
    assert span.start == local("2026-05-14 09:00", NEW_YORK)
    assert calendar.day_openings(date(2026, 12, 25)) == []
    assert calendar.day_openings(date(2026, 11, 26)) == gold().day_openings(date(2026, 11, 26))
    said = [text for text in warnings_of(policy, date(2026, 7, 1)) if "gold-hours: " in text]
    assert [text.partition("gold-hours: ")[2] for text in said] == [
        "its holidays were certified until 2026-06-30, which is past; later ones follow the rules",
        f"a holiday at both ends closes it; one of {BERLIN} alone opens it at 09:00 {NEW_YORK}, "
        f"one of {NEW_YORK} alone leaves its hours as they are",
    ]


def test_ends_are_for_hours_between_two_zones(ours: OperatorPack) -> None:
    (fault,) = with_ends(ours, "silver-hours").faults()
    assert fault == (
        "calendars.toml: silver-hours.closed_at_opening_end: "
        "is for hours that open in one zone and close in another; use `closed` instead"
    )


def test_settings_that_would_do_nothing_are_faults(ours: OperatorPack) -> None:
    file = ours.folder / VERSION / "calendars.toml"
    text = file.read_text(encoding="utf-8").replace("always = true", "always = true\nclosed = { dates = {} }")
    file.write_text(text.replace("[silver-hours]", '[silver-hours]\nshared_from = "09:00"'), encoding="utf-8")
    assert [fault.split(": ")[1] for fault in ours.faults()] == [
        "around-the-clock",
        "silver-hours.shared_from",
    ]


def test_a_list_for_one_end_only(ours: OperatorPack) -> None:
    """A15, with the operator's own list: all of its days keep the shared part, and none is closed."""
    text = '[gold-hours.closed_at_opening_end]\nics = "berlin.ics"'
    ours.add(text).with_ics(event("DTSTART;VALUE=DATE:20261225"), name="berlin.ics")
    (span,) = ours.calendar("gold-hours").day_openings(BOTH)
    assert span.start == local("2026-12-25 10:00", NEW_YORK)
    assert check_path(str(ours.folder), lambda _: []).faults == []
