"""`frontline oncall`: who holds each role; and what `frontline check` says about the rotas."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from adapters.sql.store import connect
from bot.cli.policy.oncall import rota_warnings
from bot.config.settings import load_desk
from bot.runtime.oncall_feeds import TOPIC
from tests.cli.conftest import Outcome, Run
from tests.config.test_rotas import BOBS_WEEKS, EVES_WEEKS, LAYERS, LISTS, ROTATION, ics
from tests.desk_file import SLACK, TEAMS, desk_file
from tests.sla_core.oracle_oncall import utc

DESK = desk_file(rotas=LISTS)
FOUR_WEEKS = [utc("2026-01-06T12:00") + timedelta(days=days) for days in range(28)]


def write(folder: Path, text: str) -> Path:
    path = folder / "frontline.toml"
    path.write_text(text, encoding="utf-8")
    return path


def roles(said: Outcome) -> dict[str, tuple[str | None, str | None, str | None]]:
    assert (said.code, said.err) == (0, "")
    found = json.loads(said.out)["roles"]
    assert all(list(each) == ["role", "person", "until", "next"] for each in found)
    return {each["role"]: (each["person"], each["until"], each["next"]) for each in found}


def test_json_is_that_of_the_contract(run: Run, tmp_path: Path) -> None:
    """Every role of m3ter's escalation policy, in its order; instants in UTC."""
    write(tmp_path, DESK + ROTATION)
    said = run("oncall", "--at", "2026-01-06T13:00:00+01:00", "--json")
    assert json.loads(said.out)["at"] == "2026-01-06T12:00:00Z"
    assert roles(said) == {
        "first_line": ("bob", "2026-01-12T08:00:00Z", "eve"),
        "second_line": ("eve", None, "bob"),
        "engineering": ("kim", None, None),
        "leadership": ("mia", None, None),
    }
    assert list(roles(said)) == ["first_line", "second_line", "engineering", "leadership"]


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("2025-12-31T00:00:00Z", (None, "2026-01-05T08:00:00Z", "bob")),
        ("2026-03-29T12:00:00Z", ("eve", "2026-03-30T07:00:00Z", "bob")),
        ("2026-12-23T12:00:00Z", ("bob", "2026-12-24T08:00:00Z", "kim")),
        ("2026-12-24T08:00:00Z", ("kim", "2026-12-27T08:00:00Z", "bob")),
        ("2026-12-27T08:00:00Z", ("bob", "2026-12-28T08:00:00Z", "eve")),
    ],
    ids=["before it starts", "clock change", "cut by an override", "override", "after it"],
)
def test_a_rotation_at_an_instant(
    run: Run, tmp_path: Path, at: str, expected: tuple[str | None, str, str]
) -> None:
    write(tmp_path, DESK + ROTATION)
    assert roles(run("oncall", "--at", at, "--json"))["first_line"] == expected


def test_a_role_that_nobody_holds_is_there_without_a_person(run: Run, tmp_path: Path) -> None:
    write(tmp_path, desk_file(rotas={}))
    found = roles(run("oncall", "--json"))
    assert set(found.values()) == {(None, None, None)}
    assert len(found) == 4


def test_the_table_names_people_and_local_times(run: Run, tmp_path: Path) -> None:
    write(tmp_path, DESK + LAYERS)
    said = run("oncall", "--at", "2026-01-10T12:00:00Z")
    assert "On call at Sat 10 Jan 2026 12:00 UTC" in said.plain
    assert "first_line nobody Sat 10 Jan 2026 16:00 CET Kim" in said.plain
    assert "second_line Eve Bob" in said.plain
    gap = run("oncall", "--at", "2026-01-10T20:00:00Z")
    assert "first_line Kim Sun 11 Jan 2026 04:00 CET Kim from Sun 11 Jan 2026 16:00 CET" in gap.plain


def test_a_file_that_is_missing_or_wrong_is_a_fault(run: Run, tmp_path: Path) -> None:
    missing = run("oncall")
    assert (missing.code, missing.out) == (1, "")
    assert "frontline.toml: there is no such file" in missing.err
    write(tmp_path, DESK + ROTATION.replace("1 week", "weekly"))
    wrong = run("oncall", "--json")
    assert (wrong.code, wrong.out) == (1, "")
    assert wrong.faults == [
        'frontline.toml: rotas.first_line.turn: \'weekly\' is not a turn; write "1 week", "12 hours" or an '
        "RRULE (FREQ=WEEKLY;…)"
    ]
    assert run("oncall", "--at", "yesterday").code == 1


def test_the_desks_file_may_be_elsewhere(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.setenv("FRONTLINE_CONFIG", str(write(elsewhere, DESK + ROTATION)))
    assert roles(run("oncall", "--at", "2026-01-06T12:00:00Z", "--json"))["first_line"][0] == "bob"


@pytest.mark.parametrize("rotas", [ROTATION, LAYERS], ids=["rotation", "layers"])
def test_the_calendar_of_a_role_says_the_same_when_read_back(run: Run, tmp_path: Path, rotas: str) -> None:
    """The iCalendar file that goes out is one that can come in."""
    before = load_desk(write(tmp_path, DESK + rotas)).rotas["first_line"]
    said = run("oncall", "--ics", "first_line", "--at", "2026-01-06T12:00:00Z")
    assert (said.code, said.err) == (0, "")
    (tmp_path / "oncall.ics").write_text(said.out, encoding="utf-8")
    after = load_desk(write(tmp_path, DESK + '[rotas.first_line]\ncalendar = "oncall.ics"\n')).rotas[
        "first_line"
    ]
    assert [after.on_call(at) for at in FOUR_WEEKS] == [before.on_call(at) for at in FOUR_WEEKS]


def test_the_calendar_keeps_the_ids_of_its_events(run: Run, tmp_path: Path) -> None:
    """A shift that has begun is the same event as yesterday, so a subscriber does not see it twice."""
    write(tmp_path, DESK + ROTATION)

    def ids(at: str) -> list[str]:
        lines = run("oncall", "--ics", "first_line", "--at", at).out.splitlines()
        return [line for line in lines if line.startswith("UID:")]

    assert ids("2026-01-06T12:00:00Z")[:2] == ids("2026-01-11T12:00:00Z")[:2]
    assert ids("2026-01-13T12:00:00Z")[0] == ids("2026-01-06T12:00:00Z")[1]


def test_the_calendar_of_an_unknown_role_is_a_fault(run: Run, tmp_path: Path) -> None:
    write(tmp_path, DESK + ROTATION)
    said = run("oncall", "--ics", "third_line")
    assert (said.code, said.out) == (1, "")
    assert '--ics: nobody holds a role "third_line"; [rotas] has' in said.err


# Feeds ----------------------------------------------------------------------------------------


@pytest.fixture
def address() -> Iterator[str]:
    """Where a calendar is: Bob and Eve by weeks."""

    class Calendar(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(ics(BOBS_WEEKS, EVES_WEEKS).encode())

        def log_message(self, format: str, *args: object) -> None:
            """Nothing, so that only the command is read."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Calendar) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/oncall.ics"
        server.shutdown()
        thread.join()


def fed(address: str) -> str:
    return f'{DESK}[rotas.first_line]\ncalendar = "{address}"\nzone = "Europe/Berlin"\n'


NOWHERE = "http://127.0.0.1:9/oncall.ics"


def test_a_calendar_is_fetched_from_its_address(run: Run, tmp_path: Path, address: str) -> None:
    write(tmp_path, fed(address))
    found = roles(run("oncall", "--at", "2026-01-13T12:00:00Z", "--json"))
    assert found["first_line"] == ("eve", "2026-01-19T08:00:00Z", "bob")
    assert not (tmp_path / "frontline.db").exists()


def test_a_calendar_that_cannot_be_fetched_is_a_fault(run: Run, tmp_path: Path) -> None:
    """The roles are shown all the same; nobody can tell who holds this one."""
    write(tmp_path, fed(NOWHERE))
    said = run("oncall", "--json")
    assert said.code == 1
    assert said.faults == [
        "frontline.toml: rotas.first_line.calendar: the feed cannot be read: it cannot be reached "
        "(ClientConnectorError); nobody is on call until it can be read"
    ]
    assert [each["person"] for each in json.loads(said.out)["roles"]] == [None, "eve", "kim", "mia"]
    assert not (tmp_path / "frontline.db").exists()


def test_the_calendar_that_the_desk_has_stored_takes_its_place(run: Run, tmp_path: Path) -> None:
    async def stored() -> None:
        async with connect(f"sqlite:///{tmp_path}/frontline.db") as store:
            await store.put(TOPIC, "first_line", ics(BOBS_WEEKS, EVES_WEEKS))

    asyncio.run(stored())
    write(tmp_path, fed(NOWHERE))
    said = run("oncall", "--at", "2026-01-13T12:00:00Z", "--json")
    assert said.code == 0
    assert "; its last good version is used" in said.err
    assert json.loads(said.out)["roles"][0]["person"] == "eve"


def test_check_warns_about_a_calendar_that_cannot_be_fetched(run: Run, tmp_path: Path, address: str) -> None:
    write(tmp_path, fed(NOWHERE))
    said = run("check", str(tmp_path))
    assert said.code == 0
    assert "warning frontline.toml: rotas.first_line.calendar: the feed cannot be read" in said.plain
    write(tmp_path, fed(address))
    assert "the feed cannot be read" not in run("check", str(tmp_path)).plain


# frontline check ------------------------------------------------------------------------------


def warnings(folder: Path, text: str, now: str = "2026-01-06T12:00") -> list[str]:
    return [*rota_warnings(load_desk(write(folder, text)), utc(now))]


def test_a_rota_without_gaps_gives_no_warning(tmp_path: Path) -> None:
    assert warnings(tmp_path, DESK + ROTATION) == []


def test_each_gap_of_the_next_90_days_names_role_from_and_to(tmp_path: Path) -> None:
    assert warnings(tmp_path, DESK + ROTATION, "2026-01-01T12:00") == [
        "rotas.first_line: nobody is on call from Thu 1 Jan 2026 13:00 CET to Mon 5 Jan 2026 09:00 CET"
    ]
    assert warnings(tmp_path, DESK + ROTATION, "2025-09-01T12:00") == [
        "rotas.first_line: nobody is on call from Mon 1 Sep 2025 14:00 CEST to Sun 30 Nov 2025 13:00 CET"
    ]


def test_many_gaps_are_counted_after_the_third(tmp_path: Path) -> None:
    """On weekdays nobody is there from four to eight in the morning, until New York is on summer time."""
    found = warnings(tmp_path, DESK + LAYERS)
    assert found[0] == (
        "rotas.first_line: nobody is on call from Wed 7 Jan 2026 04:00 CET to Wed 7 Jan 2026 08:00 CET"
    )
    assert len(found) == 4
    assert found[3] == "rotas.first_line: nobody is on call 87 more times until Mon 6 Apr 2026 08:00 CEST"


def test_people_who_cannot_be_reached_are_named_with_their_turns(tmp_path: Path) -> None:
    """Eve has no Slack account. A page address is a way to reach her."""
    no_slack = (DESK + ROTATION).replace('slack = "U0EVE"', "")
    found = warnings(tmp_path, no_slack)
    assert found[0] == (
        "rotas.second_line: eve cannot be reached on Slack, but is on call "
        "from Tue 6 Jan 2026 12:00 UTC to Mon 6 Apr 2026 12:00 UTC"
    )
    assert found[1] == (
        "rotas.first_line: eve cannot be reached on Slack, but is on call "
        "from Mon 12 Jan 2026 09:00 CET to Mon 19 Jan 2026 09:00 CET"
    )
    assert found[-1].endswith("but is on call 4 more times until Mon 6 Apr 2026 14:00 CEST")
    phone = 'name = "Eve"\npage = ["$EVE_PAGER"]'
    assert warnings(tmp_path, no_slack.replace('name = "Eve"', phone)) == []


def test_one_of_two_platforms_is_enough(tmp_path: Path) -> None:
    both = desk_file(chats=(SLACK, TEAMS), rotas=LISTS) + ROTATION
    assert warnings(tmp_path, both) == []
    (eve, *_) = warnings(tmp_path, both.replace('slack = "U0EVE"', ""))
    assert "eve cannot be reached on Slack or Teams, but" in eve


def test_check_prints_the_warnings(run: Run, tmp_path: Path) -> None:
    write(tmp_path, DESK + LAYERS)
    said = run("check", str(tmp_path))
    assert said.code == 0
    assert "warning frontline.toml: rotas.first_line: nobody is on call from" in said.plain
