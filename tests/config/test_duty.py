"""`[paging]` of the desk's file, and who is paged behind each role."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.config.directory import DeskDuty
from sla_core.catalog.load import Faults
from sla_core.events import THE_CLOCK, Who
from tests.desk_file import account, desk_file, entra
from tests.harness import DESK_FILE, directory_of

FRIDAY = datetime(2026, 3, 20, 10, tzinfo=UTC)
FIRST_LINE = """
[rotas.first_line]
people = ["bob", "eve"]
zone = "UTC"
starts = 2026-03-20T08:00:00
turn = "8 hours"
[[rotas.first_line.override]]
person = "kim"
from = 2026-03-20T11:00:00
to = 2026-03-20T12:00:00
"""


def duty(folder: Path, file: str = DESK_FILE) -> DeskDuty:
    return DeskDuty(directory_of(folder, file))


def test_a_page_waits_five_minutes_and_is_tried_twice_by_default(tmp_path: Path) -> None:
    """A5."""
    found = duty(tmp_path)
    assert (found.repeat, found.tries) == (timedelta(minutes=5), 2)


def test_the_desk_may_say_otherwise(tmp_path: Path) -> None:
    found = duty(tmp_path, DESK_FILE + '\n[paging]\nrepeat = "10m"\ntries = 3\n')
    assert (found.repeat, found.tries) == (timedelta(minutes=10), 3)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('repeat = "1 business day"', "'1 business day' is not a time to wait for an answer"),
        ('repeat = "25h"', 'write "5m" or at most "24h"'),
        ("repeat = 5", "is not a length of time"),
        ("tries = 0", "paging.tries"),
        ("ways = 1", "paging.ways"),
    ],
)
def test_other_values_are_faults(tmp_path: Path, line: str, says: str) -> None:
    with pytest.raises(Faults) as wrong:
        duty(tmp_path, f"{DESK_FILE}\n[paging]\n{line}\n")
    assert says in "\n".join(map(str, wrong.value.faults))


def test_a_list_is_paged_in_its_order(tmp_path: Path) -> None:
    assert duty(tmp_path).on_call("first_line", FRIDAY) == ["bob", "eve"]
    assert duty(tmp_path).on_call("nobody_holds_this", FRIDAY) == []


def test_who_takes_turns_and_whose_turn_it_is(tmp_path: Path) -> None:
    """M3-17: a list has no turns; an override ends the turn that it cuts."""
    file = desk_file(rotas={"leadership": ["mia"]}) + FIRST_LINE
    found = duty(tmp_path, file)
    assert found.in_turn("first_line") == {"bob", "eve", "kim"}
    assert found.in_turn("leadership") == frozenset()
    assert found.in_turn("nobody_holds_this") == frozenset()
    now = found.on_turn("first_line", FRIDAY)
    assert (now.person, now.until) == ("bob", FRIDAY + timedelta(hours=1))
    assert found.on_turn("first_line", FRIDAY + timedelta(hours=1)).person == "kim"
    later = found.on_turn("first_line", FRIDAY + timedelta(hours=2))
    assert (later.person, later.until) == ("bob", datetime(2026, 3, 20, 16, tzinfo=UTC))
    assert found.on_turn("leadership", FRIDAY).until is None


def test_the_last_resort_is_leadership_and_the_accounts_tam(tmp_path: Path) -> None:
    assert duty(tmp_path).last_resort("acme", FRIDAY) == ["mia", "dana"]
    assert duty(tmp_path, desk_file(accounts=[account(tam=None)])).last_resort("acme", FRIDAY) == ["mia"]
    assert duty(tmp_path, desk_file(rotas={})).last_resort("acme", FRIDAY) == ["dana"]
    assert duty(tmp_path).last_resort("an account that has left", FRIDAY) == ["mia"]


@pytest.mark.parametrize(
    ("backup", "leads", "away", "paged"),
    [
        ("eve", True, ["dana"], ["mia", "eve"]),
        ("eve", True, ["dana", "eve"], ["mia"]),
        (None, True, ["dana"], ["mia"]),
        (None, False, ["dana"], ["dana"]),
    ],
)
def test_a_tam_who_is_away_is_the_last_resort_only_if_nobody_else_is(
    tmp_path: Path, backup: str | None, leads: bool, away: list[str], paged: list[str]
) -> None:
    tam = 'tam = "dana"\n'
    acme = account().replace(tam, f'{tam}tam_backup = "{backup}"\n') if backup else account()
    found = duty(tmp_path, desk_file(accounts=[acme]) if leads else desk_file(accounts=[acme], rotas={}))
    found.directory.away = dict.fromkeys(away, FRIDAY + timedelta(days=1))
    assert found.last_resort("acme", FRIDAY) == paged


def test_whoever_acted_is_known_by_their_account_on_any_platform(tmp_path: Path) -> None:
    found = duty(tmp_path, desk_file(platforms=["slack", "teams"]))
    assert found.person_behind(Who("slack:T0VENDOR:U0BOB", "Bob")) == "bob"
    assert found.person_behind(Who(f"teams:tenant:{entra('bob')}", "Bob")) == "bob"
    assert found.person_behind(Who("slack:T0ACME:U0ALICE", "Alice")) is None
    assert found.person_behind(THE_CLOCK) is None
