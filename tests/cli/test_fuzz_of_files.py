"""Whatever stands in a file, the answer is a fault that names it: never a traceback."""

from __future__ import annotations

import random
import re
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.clock import parse_instant
from bot.config.oncall_calendar import OnCallCalendar, UnreadableCalendar
from bot.config.settings import load_desk
from sla_core.catalog.load import Faults, load
from tests.cli.conftest import Run
from tests.harness import DESK_FILE

PACKS = Path(__file__).resolve().parents[2] / "sla_core" / "catalog" / "packs"
CALENDAR = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//x//y//EN
BEGIN:VEVENT
UID:1
DTSTART;TZID=Europe/Berlin:20260105T090000
DTEND;TZID=Europe/Berlin:20260112T090000
RRULE:FREQ=WEEKLY;INTERVAL=2;UNTIL=20270101T000000Z
EXDATE;TZID=Europe/Berlin:20260119T090000
SUMMARY:Bob
END:VEVENT
END:VCALENDAR
"""
PIECES = [
    "",
    '"',
    "=",
    "[",
    "]]",
    "\n",
    "\0",
    "é",
    "-1",
    "1e999",
    "nan",
    "2026-02-30",
    "99:99",
    "true",
    "{}",
    "'''",
]
PIECES += [
    "9" * 400,
    "\u202e",
    "[[",
    "= =",
    "FREQ=YEARLY;COUNT=0",
    "Europe/Nowhere",
    "P1D",
    "24:00",
    "0h",
    "-5m",
]


VALUES = [
    '""',
    '"x"',
    "0",
    "-1",
    "1e400",
    "nan",
    "[]",
    "[[]]",
    "{}",
    "{a = 1}",
    "true",
    "2026-01-01",
    "07:00:00",
]
VALUES += [
    '"999999999h"',
    '"24:00"',
    '[1, "a"]',
    '"\\u0000"',
    '"9" ',
    '"' + "y" * 3000 + '"',
    '["", ""]',
    "9" * 30,
]
_VALUE = re.compile(r"(?<== )[^\n]+")


TICKETS = """opened,severity,responded,resolved,ticket
2026-03-20T16:30:00+01:00,S2,2026-03-20T17:00:00+01:00,2026-03-23T10:00:00+01:00,ACME-1
2026-03-21T09:00:00Z,S1,,2026-03-21T11:30:00Z,"ACME-2, again"
2026-03-24T08:00:00Z,S3,2026-03-25T08:00:00Z,,ACME-3
"""


def with_other_values(text: str, seed: int) -> str:
    """The same file, still TOML, with values of other kinds and sizes."""
    chance = random.Random(seed)
    for _ in range(chance.randint(1, 2)):
        found = chance.choice([*_VALUE.finditer(text)])
        text = text[: found.start()] + chance.choice(VALUES) + text[found.end() :]
    return text


def garbled(text: str, seed: int) -> str:
    """The text with some of its parts cut, doubled, swapped or replaced."""
    chance = random.Random(seed)
    for _ in range(chance.randint(1, 6)):
        if not text:
            break
        begin = chance.randrange(len(text))
        end = min(len(text), begin + chance.choice([0, 1, 3, 12, 80]))
        piece = chance.choice([*PIECES, text[begin:end] * 2, text[end : end + 20]])
        text = text[:begin] + piece + text[end:]
    return text


def survives(read: Callable[[], object], *refusals: type[Exception]) -> None:
    with suppress(*refusals):
        read()


@pytest.mark.parametrize("base", range(4))
def test_a_garbled_desk_file(tmp_path: Path, base: int) -> None:
    file = tmp_path / "frontline.toml"
    for seed in range(150 * base, 150 * base + 150):
        for change in (garbled, with_other_values):
            file.write_text(change(DESK_FILE, seed), encoding="utf-8")
            survives(lambda: load_desk(file), Faults)


@pytest.mark.parametrize(
    "seeds", [range(20), pytest.param(range(20, 200), marks=pytest.mark.soak)], ids=["few", "many"]
)
@pytest.mark.parametrize("vendor", ["m3ter", "monetate", "monta", "commerceup"])
def test_a_garbled_policy(tmp_path: Path, vendor: str, seeds: range) -> None:
    copy = tmp_path / vendor
    shutil.copytree(PACKS / vendor, copy)
    files = sorted(copy.rglob("*.toml"))
    for seed in seeds:
        file = files[seed % len(files)]
        before = file.read_text(encoding="utf-8")
        change = garbled if seed % 3 == 0 else with_other_values
        file.write_text(change(before, seed), encoding="utf-8")
        survives(lambda: load(copy), Faults)
        file.write_text(before, encoding="utf-8")


@given(seed=st.integers(0, 2**32))
def test_a_garbled_calendar(seed: int) -> None:
    from datetime import UTC, datetime, timedelta
    from zoneinfo import ZoneInfo

    from sla_core.calendar import Span

    begin = datetime(2026, 1, 1, tzinfo=UTC)

    def read() -> object:
        calendar = OnCallCalendar(garbled(CALENDAR, seed), {"bob": "bob"}, ZoneInfo("UTC"))
        return [*calendar.shifts(Span(begin, begin + timedelta(days=90)))]

    survives(read, UnreadableCalendar)


@given(
    text=st.text(max_size=40) | st.integers(0, 2**32).map(lambda n: garbled("2026-03-20T16:30:00+01:00", n))
)
def test_a_garbled_instant(text: str) -> None:
    survives(lambda: parse_instant(text), ValueError)


def test_a_garbled_table_of_tickets(run: Run, tmp_path: Path) -> None:
    """What can be understood is replayed; what cannot is a fault that names the file."""
    file, words = tmp_path / "tickets.csv", ("simulate", "--vendor", "m3ter", "--plan", "gold")
    codes = set()
    for seed in range(60):
        text = garbled(TICKETS, seed)
        file.write_bytes(text.encode() if seed % 10 else text.encode("utf-16"))
        said = run(*words, "--tickets", str(file), "--until", "2026-04-01T00:00:00Z", "--json")
        assert said.code in (0, 1), said
        assert said.code == 0 or "tickets.csv" in said.err
        codes.add(said.code)
    assert codes == {0, 1}
