"""`[rotas]` of the desk's file: lists, rotations, layers, overrides and calendars, and their faults."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from bot.config.directory import Directory
from bot.config.settings import DeskSettings, load_desk
from bot.model.address import Actor, UserRef
from sla_core.catalog.load import Faults
from sla_core.oncall import ListRota, OnCall
from tests.desk_file import desk_file
from tests.harness import TEAM
from tests.sla_core.oracle_oncall import utc

LISTS = {"second_line": ["eve", "bob"], "engineering": ["kim"], "leadership": ["mia"]}
ROTATION = """
[rotas.first_line]
people   = ["bob", "eve"]
zone     = "Europe/Berlin"
starts   = 2026-01-05T09:00:00
turn     = "1 week"
[[rotas.first_line.override]]
person = "kim"
from = 2026-12-24T09:00:00
to   = 2026-12-27T09:00:00
"""
"""That of contract.md."""
LAYERS = """
[rotas.first_line]
zone = "Europe/Berlin"
[[rotas.first_line.layer]]
people = ["bob", "eve"]
starts = 2026-01-05T09:00:00
turn   = "1 week"
hours  = "08:00-20:00"
days   = ["mon", "tue", "wed", "thu", "fri"]
[[rotas.first_line.layer]]
people = ["kim"]
zone   = "America/New_York"
starts = 2026-01-05T09:00:00
turn   = "1 day"
hours  = "10:00-22:00"
"""
CALENDAR = """
[rotas.first_line]
calendar = "oncall.ics"
zone = "Europe/Berlin"
"""


def event(summary: str, *lines: str) -> str:
    return "\r\n".join(["BEGIN:VEVENT", f"UID:{summary}", f"SUMMARY:{summary}", *lines, "END:VEVENT"])


def ics(*events: str) -> str:
    begin = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Vendor//Rota//EN"]
    return "\r\n".join([*begin, *events, "END:VCALENDAR", ""])


BOBS_WEEKS = event(
    "On call: Bob",
    "DTSTART;TZID=Europe/Berlin:20260105T090000",
    "DTEND;TZID=Europe/Berlin:20260112T090000",
    "RRULE:FREQ=WEEKLY;INTERVAL=2",
)
EVES_WEEKS = event(
    "eve",
    "DTSTART;TZID=Europe/Berlin:20260112T090000",
    "DURATION:P7D",
    "RRULE:FREQ=WEEKLY;INTERVAL=2",
    "EXDATE;TZID=Europe/Berlin:20260209T090000",
)
KIMS_DAY = event(
    "Somebody stands in", "DTSTART;VALUE=DATE:20260115", "ATTENDEE;CN=Kim:MAILTO:Kim@Vendor.example"
)


def loaded(folder: Path, rotas: str, calendar: str | None = None) -> DeskSettings:
    path = folder / "frontline.toml"
    text = desk_file(rotas=LISTS).replace('name = "Kim"', 'name = "Kim"\nemail = "kim@vendor.example"')
    path.write_text(text + rotas, encoding="utf-8")
    if calendar is not None:
        (folder / "oncall.ics").write_text(calendar, encoding="utf-8")
    return load_desk(path)


def faults(folder: Path, rotas: str, calendar: str | None = None) -> list[str]:
    with pytest.raises(Faults) as wrong:
        loaded(folder, rotas, calendar)
    return [str(fault) for fault in wrong.value.faults]


def on_call(desk: DeskSettings, at: datetime) -> OnCall:
    return desk.rotas["first_line"].on_call(at)


def test_the_rotation_of_the_contract(tmp_path: Path) -> None:
    desk = loaded(tmp_path, ROTATION)
    assert on_call(desk, utc("2026-01-06T12:00")) == OnCall(
        "bob", utc("2026-01-12T08:00"), "eve", utc("2026-01-12T08:00")
    )
    assert on_call(desk, utc("2026-12-25T12:00")).person == "kim"
    assert desk.rotas["second_line"] == ListRota(("eve", "bob"))
    assert desk.warnings == ()


@pytest.mark.parametrize(
    ("turn", "until"),
    [
        ("12 hours", "2026-01-05T20:00"),
        ("1 day", "2026-01-06T08:00"),
        ("2 weeks", "2026-01-19T08:00"),
        ("FREQ=WEEKLY;BYDAY=MO,FR;BYHOUR=17", "2026-01-05T16:00"),
        ("RRULE:FREQ=MONTHLY;BYMONTHDAY=1", "2026-02-01T08:00"),
    ],
)
def test_a_turn_is_a_length_or_a_recurrence(tmp_path: Path, turn: str, until: str) -> None:
    desk = loaded(tmp_path, ROTATION.replace("1 week", turn))
    assert on_call(desk, utc("2026-01-05T08:00")).until == utc(until)


def test_layers_by_hours_and_weekdays(tmp_path: Path) -> None:
    """Berlin on weekdays, New York whenever Berlin is closed, as far as its hours go."""
    desk = loaded(tmp_path, LAYERS)
    friday, saturday = utc("2026-01-09T18:00"), utc("2026-01-10T12:00")
    assert on_call(desk, friday) == OnCall("bob", utc("2026-01-09T19:00"), "kim", utc("2026-01-09T19:00"))
    assert on_call(desk, saturday) == OnCall(None, utc("2026-01-10T15:00"), "kim", utc("2026-01-10T15:00"))
    assert on_call(desk, utc("2026-01-12T08:00")).person == "eve"


def test_everybody_whom_a_rota_may_name_is_an_agent(tmp_path: Path) -> None:
    """Kim only stands in over Christmas, and works tickets all year."""

    def is_agent(desk: DeskSettings, name: str) -> bool:
        user = UserRef("slack", TEAM, f"U0{name.upper()}")
        return Directory(desk).is_agent(Actor(user, TEAM, name))

    without_kim = "\n".join(ROTATION.splitlines()[:6])
    kim_only_stands_in = desk_file(rotas={**LISTS, "engineering": ["bob"]})
    path = tmp_path / "frontline.toml"
    for rotas, expected in ((ROTATION, True), (without_kim, False)):
        path.write_text(kim_only_stands_in + rotas, encoding="utf-8")
        assert is_agent(load_desk(path), "kim") is expected
    assert is_agent(loaded(tmp_path, CALENDAR, ics(KIMS_DAY)), "kim")
    assert not is_agent(loaded(tmp_path, CALENDAR, ics(KIMS_DAY)), "dana")


def test_the_directory_knows_who_is_paged_at_an_instant(tmp_path: Path) -> None:
    directory = Directory(loaded(tmp_path, ROTATION))

    def paged(role: str, at: str) -> list[str]:
        return [person.id for person in directory.rota(role, utc(at))]

    assert paged("first_line", "2026-01-06T00:00") == ["bob", "eve"]
    assert paged("first_line", "2026-01-13T00:00") == ["eve", "bob"]
    assert paged("first_line", "2026-12-25T00:00")[0] == "kim"
    assert paged("first_line", "2025-12-25T00:00") == []
    assert paged("second_line", "2025-12-25T00:00") == ["eve", "bob"]
    assert paged("nobody_has_this_role", "2026-01-06T00:00") == []
    assert directory.on_call("nobody_has_this_role", utc("2026-01-06T00:00")) == OnCall(None)


# Calendars ------------------------------------------------------------------------------------


def test_a_calendar_names_people_by_name_id_or_address(tmp_path: Path) -> None:
    """ "On call: Bob" by his name in it, "eve" by her id, Kim as an attendee, all day."""
    desk = loaded(tmp_path, CALENDAR, ics(BOBS_WEEKS, EVES_WEEKS, KIMS_DAY))
    assert on_call(desk, utc("2026-01-06T00:00")) == OnCall(
        "bob", utc("2026-01-12T08:00"), "eve", utc("2026-01-12T08:00")
    )
    assert on_call(desk, utc("2026-01-15T12:00")) == OnCall(
        "kim", utc("2026-01-15T23:00"), "eve", utc("2026-01-15T23:00")
    )
    assert desk.rotas["first_line"].paging_order(utc("2026-01-14T12:00")) == ["eve", "kim", "bob"]


def test_a_calendar_keeps_the_wall_time_over_a_clock_change(tmp_path: Path) -> None:
    desk = loaded(tmp_path, CALENDAR, ics(BOBS_WEEKS, EVES_WEEKS))
    assert on_call(desk, utc("2026-03-29T12:00")).until == utc("2026-03-30T07:00")
    assert on_call(desk, utc("2026-10-25T12:00")).until == utc("2026-10-26T08:00")


def test_a_left_out_week_and_a_cancelled_event_are_gaps(tmp_path: Path) -> None:
    cancelled = event("Lunch", "DTSTART:20260209T090000Z", "DTEND:20260216T090000Z", "STATUS:CANCELLED")
    desk = loaded(tmp_path, CALENDAR, ics(BOBS_WEEKS, EVES_WEEKS, cancelled))
    assert on_call(desk, utc("2026-02-10T00:00")) == OnCall(
        None, utc("2026-02-16T08:00"), "bob", utc("2026-02-16T08:00")
    )


def test_times_without_a_zone_are_in_the_rotas_zone(tmp_path: Path) -> None:
    floating = event("Bob", "DTSTART:20260105T090000", "DTEND:20260105T170000")
    desk = loaded(tmp_path, CALENDAR, ics(floating))
    assert on_call(desk, utc("2026-01-05T08:00")).until == utc("2026-01-05T16:00")
    in_utc = loaded(tmp_path, CALENDAR.replace('zone = "Europe/Berlin"', ""), ics(floating))
    assert on_call(in_utc, utc("2026-01-05T09:00")).until == utc("2026-01-05T17:00")


def test_an_override_comes_before_a_calendar(tmp_path: Path) -> None:
    override = ROTATION[ROTATION.index("[[") :]
    desk = loaded(tmp_path, CALENDAR + override, ics(BOBS_WEEKS, EVES_WEEKS))
    assert on_call(desk, utc("2026-12-25T12:00")).person == "kim"


@pytest.mark.parametrize(
    ("calendar", "says"),
    [
        (None, "oncall.ics cannot be read: No such file or directory; put it beside the desk's file"),
        ("<html>Sign in</html>", "oncall.ics: is not an iCalendar file; export the calendar as .ics"),
        (ics(), "oncall.ics: has no event; export the calendar that says who is on call"),
        (
            ics(event("Lunch", "DTSTART:20260105T090000Z")),
            'oncall.ics: the event "Lunch" of 2026-01-05 names nobody, or several people, of [[people]]',
        ),
        (
            ics(event("Bob and Eve", "DTSTART:20260105T090000Z")),
            'oncall.ics: the event "Bob and Eve" of 2026-01-05 names nobody, or several people',
        ),
        (ics(event("Bob")), 'oncall.ics: the event "Bob" has no start that can be read'),
        (ics(event("Bob", "DTSTART:2026")), 'oncall.ics: the event "Bob" has no start that can be read'),
        (
            ics(event("Bob", "DTSTART;TZID=Moon/Base:20260105T090000")),
            'the event "Bob" of 2026-01-05 has the unknown time zone "Moon/Base"',
        ),
        (
            ics(event("Bob", "DTSTART:20260105T090000Z", "RRULE:FREQ=SOMETIMES")),
            "oncall.ics: has an event that cannot be read",
        ),
        (
            ics(event("Bob", "DTSTART:20260105T090000Z", "RRULE:INTERVAL=2")),
            'the event "Bob" of 2026-01-05 repeats, but its RRULE does not say how often; write for example',
        ),
        (
            ics(event("Bob", "DTSTART:20260105T090000Z", "DTEND:20260105T170000Z", "DTEND:20260105T180000Z")),
            "oncall.ics: has an event that cannot be read",
        ),
        (
            ics(event("Bob", f"DTSTART;TZID=Europe/{'9' * 400}:20260105T090000")),
            "oncall.ics: is not an iCalendar file",
        ),
    ],
)
def test_a_calendar_that_cannot_be_used_is_a_fault(tmp_path: Path, calendar: str | None, says: str) -> None:
    (fault,) = faults(tmp_path, CALENDAR, calendar)
    assert fault.startswith("frontline.toml: rotas.first_line.calendar: ")
    assert says in fault


def test_a_calendar_in_latin_1_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "oncall.ics").write_bytes(ics(event("Jörg", "DTSTART:20260105T090000Z")).encode("latin-1"))
    (fault,) = faults(tmp_path, CALENDAR)
    assert "oncall.ics is not an iCalendar file: 'utf-8' codec" in fault


def test_a_name_that_two_people_share_is_not_matched(tmp_path: Path) -> None:
    path = tmp_path / "frontline.toml"
    path.write_text(desk_file(rotas=LISTS).replace('"Eve"', '"Bob"') + CALENDAR, encoding="utf-8")
    shared = event("Bob Smith", "DTSTART:20260105T090000Z", "DTEND:20260106T090000Z")
    (tmp_path / "oncall.ics").write_text(ics(shared), encoding="utf-8")
    assert on_call(load_desk(path), utc("2026-01-05T12:00")).person == "bob", "his id is still his own"


# Faults ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("was", "becomes", "key", "says"),
    [
        ('["bob", "eve"]', '["bob", "joe"]', "people", 'there is no person "joe"; known are bob, dana, eve'),
        ('["bob", "eve"]', "[]", "people", "names nobody; name at least one person"),
        ('"Europe/Berlin"', '"Berlin"', "zone", '"Berlin" is not a time zone'),
        ('zone     = "Europe/Berlin"\n', "", "zone", "is missing"),
        ("starts   = 2026-01-05T09:00:00\n", "", "starts", "is missing"),
        ("2026-01-05T09:00:00", "2026-01-05T09:00:00+01:00", "starts", "has an offset; write local time"),
        (
            "2026-01-05T09:00:00",
            '"soon"',
            "starts",
            "must be a date and time, without quotes; write",
        ),
        ('turn     = "1 week"\n', "", "turn", "is missing"),
        ('"1 week"', '"weekly"', "turn", '\'weekly\' is not a turn; write "1 week", "12 hours" or an RRULE'),
        ('"1 week"', '"0 weeks"', "turn", "'0 weeks' is not a turn"),
        ('"1 week"', "7", "turn", "7 is not a turn"),
        ('"1 week"', '"FREQ=WEEKLY;COUNT=3"', "turn", "must go on forever"),
        ('"1 week"', '"FREQ=MINUTELY"', "turn", "must go on forever and be no more often than hourly"),
        ('"1 week"', '"FREQ=WEEKLY;BYDAY=XX"', "turn", "cannot be read"),
        ('"1 week"', '"FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"', "turn", "has no handover after starts"),
        (
            'turn     = "1 week"',
            'turn = "1 week"\nhours = "8-20"',
            "hours",
            "'8-20' is not a part of the day",
        ),
        (
            'turn     = "1 week"',
            'turn = "1 week"\nhours = "08:00-25:00"',
            "hours",
            '"25:00" is not a time of',
        ),
        ('turn     = "1 week"', 'turn = "1 week"\ndays = ["monday"]', "days", "is not a weekday"),
        ('turn     = "1 week"', 'turn = "1 week"\nturns = 2', "turns", "is not a key that Frontline knows"),
        ('person = "kim"', 'person = "joe"', "override.1.person", 'there is no person "joe"; known are'),
        ("to   = 2026-12-27", "to   = 2026-12-23", "override.1.to", "is not after from"),
        ("to   = 2026-12-27T09:00:00", "", "override.1.to", "is missing"),
        ("to   = 2026-12-27T09:00:00", "to = 2026-12-27T09:00:00Z", "override.1.to", "has an offset"),
    ],
)
def test_each_fault_names_its_key(tmp_path: Path, was: str, becomes: str, key: str, says: str) -> None:
    assert was in ROTATION
    (fault,) = faults(tmp_path, ROTATION.replace(was, becomes))
    assert fault.startswith(f"frontline.toml: rotas.first_line.{key}: "), fault
    assert says in fault


def test_the_faults_of_a_layer_name_it(tmp_path: Path) -> None:
    found = faults(tmp_path, LAYERS.replace('["kim"]', '["joe"]').replace('turn   = "1 day"\n', ""))
    assert [fault.split(": ")[1] for fault in found] == [
        "rotas.first_line.layer.2.turn",
        "rotas.first_line.layer.2.people",
    ]
    (fault,) = faults(tmp_path, LAYERS.replace('zone = "Europe/Berlin"\n', ""))
    assert "rotas.first_line.layer.1.zone: is missing" in fault


def test_a_rota_has_one_form(tmp_path: Path) -> None:
    (both,) = faults(tmp_path, ROTATION.replace("people ", 'calendar = "oncall.ics"\npeople '))
    assert "rotas.first_line: has people and calendar; write people with zone, starts and turn; or a" in both
    (none,) = faults(tmp_path, '[rotas.first_line]\nzone = "Europe/Berlin"\n')
    assert "rotas.first_line: says nothing about who is on call; write people with" in none


def test_overrides_need_a_zone(tmp_path: Path) -> None:
    override = ROTATION[ROTATION.index("[[") :]
    no_zone = CALENDAR.replace('zone = "Europe/Berlin"\n', "") + override
    (fault,) = faults(tmp_path, no_zone, ics(BOBS_WEEKS))
    assert "rotas.first_line.zone: is missing; the times of an override are local times in it" in fault


def test_faults_of_several_rotas_and_other_parts_come_together(tmp_path: Path) -> None:
    path = tmp_path / "frontline.toml"
    wrong = desk_file(rotas={"engineering": ["joe"], "fourth_line": ["kim"]}).replace("C0ACME", "acme")
    path.write_text(wrong + ROTATION.replace("1 week", "weekly"), encoding="utf-8")
    with pytest.raises(Faults) as found:
        load_desk(path)
    assert {fault.key for fault in found.value.faults} == {
        "rotas.engineering",
        "rotas.fourth_line",
        "rotas.first_line.turn",
        "accounts.acme.channels",
    }


@pytest.mark.parametrize(
    ("rotas", "key"),
    [('rotas = "bob"', "rotas"), ('rotas.engineering = "kim"', "rotas.engineering")],
)
def test_rotas_of_another_form_are_faults(tmp_path: Path, rotas: str, key: str) -> None:
    path = tmp_path / "frontline.toml"
    path.write_text(f"{rotas}\n{desk_file(rotas={})}", encoding="utf-8")
    with pytest.raises(Faults) as found:
        load_desk(path)
    assert [fault.key for fault in found.value.faults] == [key]


def test_a_role_that_nobody_holds_is_a_warning(tmp_path: Path) -> None:
    """contract.md: a role of the pack that nobody holds is a warning that names it."""
    path = tmp_path / "frontline.toml"
    path.write_text(desk_file(rotas={**LISTS, "leadership": []}), encoding="utf-8")
    assert load_desk(path).warnings == (
        "rotas.first_line: nobody holds this role of the policy; name the people to call",
        "rotas.leadership: nobody holds this role of the policy; name the people to call",
    )
