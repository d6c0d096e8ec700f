"""A command imports what it needs, when it runs. Modules are counted, not seconds."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

EXPLAIN = ("--vendor", "m3ter", "--plan", "gold", "--severity", "S2", "--at", "2026-03-20T16:30:00+01:00")
STAGE = {"demo", "tests"}
PLATFORMS = {"adapters", "aiohttp", "apprise", "botbuilder", "slack_bolt", "slack_sdk"}
DATABASES = {"alembic", "procrastinate", "psycopg", "sqlalchemy", "sqlite3", "sqlmodel"}
SERVING = {"cryptography", "jwt", "prometheus_client", "pydantic_settings", "structlog"}
CALENDARS = {"dateutil", "icalendar", "recurring_ical_events"}
"""Only for policies with an .ics file, and rotas with a calendar."""
HELPFUL = {"asyncio", "holidays", "pydantic", "rich", "sla_core"}
"""What commands need, and their help does not."""

PROGRAM = """\
import json, sys
from bot.__main__ import main
code = main(sys.argv[1:])
print(json.dumps([code, sorted(sys.modules)]), file=sys.stderr)
"""


def loaded(folder: Path, *words: str) -> set[str]:
    """Every module that is there once the command has ended."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *words], cwd=folder, capture_output=True, text=True, check=True
    )
    code, modules = json.loads(done.stderr)
    assert code == 0
    return set(modules)


@pytest.mark.parametrize(
    ("words", "needless", "most"),
    [
        (("--help",), STAGE | PLATFORMS | DATABASES | SERVING | HELPFUL, 220),
        (("--version",), STAGE | PLATFORMS | DATABASES | SERVING | HELPFUL, 260),
        (
            ("explain", *EXPLAIN),
            STAGE | PLATFORMS | DATABASES | SERVING | {"dateutil", "holidays"} | CALENDARS,
            480,
        ),
        (("questions", *EXPLAIN[:4]), STAGE | PLATFORMS | DATABASES | SERVING | CALENDARS, 480),
        (("check", "m3ter"), STAGE | PLATFORMS | DATABASES | SERVING | CALENDARS, 500),
        (("migrate",), STAGE | (PLATFORMS - {"adapters"}) | {"procrastinate", "psycopg", "rich"}, 900),
    ],
    ids=["help", "version", "explain", "questions", "check", "migrate"],
)
def test_a_command_loads_what_it_needs(
    tmp_path: Path, words: tuple[str, ...], needless: set[str], most: int
) -> None:
    modules = loaded(tmp_path, *words)
    assert {name.partition(".")[0] for name in modules} & needless == set()
    assert len(modules) <= most
