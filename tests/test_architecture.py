"""The floors keep their directions, take their time from the clock port, and stay short.

Each check is also run on a fault that is planted on purpose, to show that it can fail: the import contracts
in a copy of the house, the others in an empty one.
"""

from __future__ import annotations

import ast
import functools
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
FLOORS = ("sla_core", "bot", "adapters")
PACKAGES = (*FLOORS, "demo")
CLOCK = "bot/clock.py"
COMPOSITION_ROOT = "bot.__main__"
LONGEST_FILE = 500
MOST_FILES_IN_A_FOLDER, MOST_FILES = 14, 296
MIGRATIONS = "adapters/sql/migrations/versions"
"""One file for each change of the tables, so their number only grows."""

WAITS_FOR = frozenset({"asyncio.wait_for", "asyncio.tasks.wait_for"})
SLEEPS = frozenset({"asyncio.sleep", "asyncio.tasks.sleep", "time.sleep"})
MAY_SLEEP = {
    "tests/virtual_time.py": "there a sleep takes no time",
    "tests/slack/test_reader.py": "it watches that Slack's door sleeps for nothing",
    "tests/waiting.py": "it asks again after a moment, for what no event announces",
}
"""Who sleeps, and why it depends on no machine's speed. All others wait with `eventually` and `turns`."""

WAITS = {
    "bot/clock.py": (4, "the clock is made of sleeps, and scheduler and delivery wait here for what is due"),
    "bot/runtime/runtime.py": (
        2,
        "a loop that failed rests; each process learns what others may have changed",
    ),
    "bot/runtime/monitor.py": (1, "it notices when the scheduler itself is broken"),
    "adapters/console/repl.py": (1, "it waits for what a person sees to settle"),
    "adapters/worker_pool.py": (1, "the database is away"),
    "adapters/sql/engines/postgres.py": (1, "the database is away"),
    "adapters/slack/setup.py": (1, "Slack asks frontline init to wait"),
    "adapters/slack/inbound/socket_mode.py": (1, "Slack's socket is away"),
    "adapters/teams/outbound/responder.py": (1, "Teams asks a reply to wait"),
}
"""How often each file sleeps, and why it may. All else is a durable timer (bot.ports.Timers)."""

SPEAKERS = {
    "bot/runtime/delivery.py": {"post": 1, "update": 1},
    "bot/runtime/monitor.py": {"post": 1},
    "bot/runtime/doctor.py": {"post": 1, "update": 1},
}
"""Who posts to a platform. Everything else goes through the outbox; the monitor cannot use the outbox to say
that the database is unavailable, and a test of every way to a person needs no database."""

WALL_CLOCKS = frozenset(
    {
        "datetime.date.today",
        "datetime.datetime.now",
        "datetime.datetime.today",
        "datetime.datetime.utcnow",
        "time.time",
        "time.time_ns",
    }
)


def sources(root: Path, packages: tuple[str, ...]) -> Iterator[Path]:
    for package in packages:
        yield from sorted(path for path in (root / package).rglob("*.py") if "node_modules" not in path.parts)


def imported_names(tree: ast.Module, package: list[str]) -> Iterator[tuple[str, str, int]]:
    """Every import as (name in this file, dotted name it stands for, line)."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                local = alias.asname or alias.name.partition(".")[0]
                yield local, alias.name if alias.asname else local, node.lineno
                yield alias.name, alias.name, node.lineno
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            origin = ".".join([*above, *([node.module] if node.module else [])])
            for alias in node.names:
                yield alias.asname or alias.name, f"{origin}.{alias.name}", node.lineno


@functools.cache
def uses(source: str, package: tuple[str, ...]) -> list[tuple[str, int]]:
    """Every dotted name a file imports or mentions, as its canonical name, with the line."""
    tree = ast.parse(source)
    stands_for: dict[str, str] = {}
    found = []
    for local, canonical, line in imported_names(tree, [*package]):
        stands_for[local] = canonical
        found.append((canonical, line))
    for node in ast.walk(tree):
        if not isinstance(node, ast.Attribute):
            continue
        trail: list[str] = []
        inner: ast.expr = node
        while isinstance(inner, ast.Attribute):
            trail.insert(0, inner.attr)
            inner = inner.value
        if isinstance(inner, ast.Name) and inner.id in stands_for:
            found.append((".".join([stands_for[inner.id], *trail]), node.lineno))
    return found


def uses_in(root: Path, packages: tuple[str, ...], names: frozenset[str]) -> Iterator[tuple[str, int, str]]:
    """Where a file uses one of these names, or something inside it."""
    words = {name.rpartition(".")[2] for name in names}
    for path in sources(root, packages):
        source, place = path.read_text(encoding="utf-8"), path.relative_to(root)
        if not any(word in source for word in words):
            continue
        for name, line in uses(source, place.parent.parts):
            if name in names or any(name.startswith(f"{each}.") for each in names):
                yield place.as_posix(), line, name


def wall_clock_faults(root: Path) -> set[str]:
    return {
        f"{place}:{line} reads {name}"
        for place, line, name in uses_in(root, FLOORS, WALL_CLOCKS)
        if place != CLOCK
    }


def wait_for_faults(root: Path) -> set[str]:
    # asyncio.wait_for can swallow a cancellation (Python 3.11) and runs its awaitable in a task of its own.
    return {
        f"{place}:{line} uses {name}; asyncio.timeout is the way"
        for place, line, name in uses_in(root, PACKAGES, WAITS_FOR)
    }


def sleep_faults(root: Path) -> set[str]:
    return {
        f"{place}:{line} uses {name}; see tests/waiting.py and tests/virtual_time.py"
        for place, line, name in uses_in(root, ("tests",), SLEEPS)
        if place not in MAY_SLEEP
    }


def waits(root: Path) -> dict[str, int]:
    """How often each file of the desk sleeps, or names a sleep."""
    found: Counter[str] = Counter()
    for path in sources(root, FLOORS):
        place, source = path.relative_to(root), path.read_text(encoding="utf-8")
        if "sleep" not in source:
            continue
        found[place.as_posix()] += sum(
            isinstance(node, ast.Attribute) and node.attr == "sleep_until"
            for node in ast.walk(ast.parse(source))
        ) + sum(name in SLEEPS for name, _ in uses(source, place.parent.parts))
    return {place: count for place, count in found.items() if count}


def speakers(root: Path) -> dict[str, dict[str, int]]:
    """How often each file of the desk awaits something's `post` or `update`."""
    found: dict[str, Counter[str]] = {}
    for path in sources(root, ("bot",)):
        source = path.read_text(encoding="utf-8")
        if ".post(" not in source and ".update(" not in source:
            continue
        for node in ast.walk(ast.parse(source)):
            call = node.value if isinstance(node, ast.Await) else None
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute):
                if call.func.attr in ("post", "update"):
                    found.setdefault(path.relative_to(root).as_posix(), Counter())[call.func.attr] += 1
    return {place: dict(counts) for place, counts in found.items()}


def composition_root_faults(root: Path) -> set[str]:
    return {
        f"{place}:{line} imports {name}"
        for place, line, name in uses_in(root, PACKAGES, frozenset({COMPOSITION_ROOT}))
    }


def length_faults(root: Path) -> set[str]:
    faults = set()
    for path in sources(root, FLOORS):
        place = path.relative_to(root).as_posix()
        lines = len(path.read_text(encoding="utf-8").splitlines())
        if lines > LONGEST_FILE and not place.startswith(f"{MIGRATIONS}/"):
            faults.add(f"{place} has {lines} lines")
    return faults


def file_count_faults(root: Path) -> set[str]:
    """Folders with too many Python files, and the three floors if they have too many together."""
    folders = Counter(path.parent.relative_to(root).as_posix() for path in sources(root, PACKAGES))
    files = sum(1 for _ in sources(root, FLOORS))
    faults = {
        f"{folder} has {count} files"
        for folder, count in folders.items()
        if count > MOST_FILES_IN_A_FOLDER and folder != MIGRATIONS
    }
    return faults | ({f"{files} files in all"} if files > MOST_FILES else set())


def lint_imports(root: Path) -> subprocess.CompletedProcess[str]:
    program = "import sys; from importlinter.cli import lint_imports_command as lint; sys.exit(lint())"
    return subprocess.run(
        [sys.executable, "-c", program, "--no-logo", "--no-cache"],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    root = tmp_path / "house"
    root.mkdir()
    shutil.copy(REPOSITORY / "pyproject.toml", root)
    unneeded = shutil.ignore_patterns("__pycache__", "node_modules")
    for package in PACKAGES:
        shutil.copytree(REPOSITORY / package, root / package, ignore=unneeded)
    for adapter in ("console", "slack", "sql"):
        room = root / "adapters" / adapter
        room.mkdir(exist_ok=True)
        (room / "__init__.py").touch()
    return root


def put(root: Path, place: str, source: str) -> None:
    path = root / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(source, encoding="utf-8")


def test_imports_keep_their_contracts() -> None:
    result = lint_imports(REPOSITORY)
    assert result.returncode == 0, result.stdout + result.stderr


def test_nothing_imports_the_roof() -> None:
    assert composition_root_faults(REPOSITORY) == set()


def test_time_comes_from_the_clock_port() -> None:
    assert wall_clock_faults(REPOSITORY) == set()


def test_waits_are_bounded_by_asyncio_timeout() -> None:
    assert wait_for_faults(REPOSITORY) == set()


def test_no_test_sleeps() -> None:
    assert sleep_faults(REPOSITORY) == set()


def test_only_these_wait_all_else_is_a_timer() -> None:
    assert waits(REPOSITORY) == {place: count for place, (count, _) in WAITS.items()}


def test_only_delivery_speaks_to_platforms() -> None:
    assert speakers(REPOSITORY) == SPEAKERS


def test_files_stay_short() -> None:
    assert length_faults(REPOSITORY) == set()


def test_folders_stay_small() -> None:
    assert file_count_faults(REPOSITORY) == set()


BREACHES = [
    (
        "sla_core/one.py",
        "import adapters.slack\n",
        "Imports only point down",
        "sla_core.one -> adapters.slack",
    ),
    ("sla_core/two.py", "import bot\n", "Imports only point down", "sla_core.two -> bot"),
    ("bot/one.py", "from adapters import sql\n", "Imports only point down", "bot.one -> adapters.sql"),
    ("adapters/one.py", "import demo\n", "Imports only point down", "adapters.one -> demo"),
    (
        "adapters/slack/one.py",
        "def late() -> None:\n    from ..sql import __name__\n",
        "Adapters do not import each other",
        "adapters.slack.one -> adapters.sql",
    ),
    (
        "adapters/slack/two.py",
        "import adapters.console\n",
        "Adapters do not import each other",
        "adapters.slack.two -> adapters.console",
    ),
    (
        "sla_core/three.py",
        "import asyncio\n",
        "The core is not async and does no I/O",
        "sla_core.three -> asyncio",
    ),
    (
        "sla_core/four.py",
        "from sqlmodel import Field\n",
        "The core is not async and does no I/O",
        "sla_core.four -> sqlmodel",
    ),
    (
        "bot/two.py",
        "import slack_bolt.async_app\n",
        "The desk is independent of platforms and databases",
        "bot.two -> slack_bolt",
    ),
    (
        "adapters/slack/three.py",
        "import botbuilder.core\n",
        "Only the Teams adapter imports botbuilder",
        "adapters.slack.three -> botbuilder",
    ),
    (
        "adapters/teams/one.py",
        "from slack_bolt.async_app import AsyncApp\n",
        "Only the Slack adapter imports Bolt",
        "adapters.teams.one -> slack_bolt",
    ),
    (
        "adapters/web/one.py",
        "import apprise\n",
        "Only the pager adapter imports Apprise",
        "adapters.web.one -> apprise",
    ),
    ("bot/hen.py", "import bot.egg\n", "No cycles", "No cycles are allowed in bot."),
    ("bot/egg.py", "import bot.hen\n", "No cycles", "(1 import)"),
]


def test_each_breach_of_a_contract_is_found(copy: Path) -> None:
    for place, source, _, _ in BREACHES:
        put(copy, place, source)
    result = lint_imports(copy)
    assert result.returncode != 0
    for _, _, contract, evidence in BREACHES:
        assert f"{contract} BROKEN" in result.stdout
        assert evidence in result.stdout


def test_the_roof_may_see_every_floor(copy: Path) -> None:
    before = lint_imports(copy)
    with (copy / "bot" / "__main__.py").open("a", encoding="utf-8") as roof:
        roof.write("\nimport adapters.slack, adapters.sql, demo, sla_core, sqlmodel\n")
    after = lint_imports(copy)
    assert after.returncode == before.returncode == 0, before.stdout + after.stdout


@pytest.mark.parametrize(
    "source",
    [
        "import bot.__main__\n",
        "from bot import __main__\n",
        "from bot.__main__ import main\n",
        "from . import __main__ as roof\n",
        "from .__main__ import main\n",
    ],
)
def test_an_import_of_the_roof_is_found(tmp_path: Path, source: str) -> None:
    put(tmp_path, "bot/broken.py", source)
    assert any(fault.startswith("bot/broken.py:1 ") for fault in composition_root_faults(tmp_path))


@pytest.mark.parametrize("floor", FLOORS)
@pytest.mark.parametrize(
    "source",
    [
        "import datetime\nx = datetime.datetime.now()\n",
        "import datetime as dt\nx = dt.datetime.now(dt.UTC)\n",
        "import datetime as dt\nx = dt.date.today()\n",
        "from datetime import datetime\nx = datetime.utcnow()\n",
        "from datetime import datetime as instant\nx = instant.today()\n",
        "from datetime import date\nx = date.today()\n",
        "from datetime import datetime\nfactory = datetime.now\n",
        "def f():\n    import time; return time.time()\n",
        "import time as t\nx = t.time_ns()\n",
        "if True:\n    from time import time\n",
    ],
)
def test_a_read_of_the_wall_clock_is_found(tmp_path: Path, floor: str, source: str) -> None:
    put(tmp_path, f"{floor}/broken.py", source)
    assert any(fault.startswith(f"{floor}/broken.py:2 ") for fault in wall_clock_faults(tmp_path))


def test_only_the_clock_file_may_read_the_wall_clock(tmp_path: Path) -> None:
    source = "from datetime import UTC, datetime\nx = datetime.now(UTC)\n"
    put(tmp_path, CLOCK, source)
    put(tmp_path, "sla_core/clock.py", source)
    places = {fault.partition(":")[0] for fault in wall_clock_faults(tmp_path)}
    assert CLOCK not in places
    assert "sla_core/clock.py" in places


@pytest.mark.parametrize(
    "source",
    ["import asyncio\nx = asyncio.wait_for\n", "import sys\nfrom asyncio import wait_for as bounded\n"],
)
def test_a_use_of_wait_for_is_found(tmp_path: Path, source: str) -> None:
    put(tmp_path, "adapters/broken.py", source)
    assert any(fault.startswith("adapters/broken.py:2 ") for fault in wait_for_faults(tmp_path))


@pytest.mark.parametrize(
    "source",
    ["import asyncio\nx = asyncio.sleep\n", "import sys\nfrom time import sleep as wait\n"],
)
def test_a_sleep_in_a_test_is_found(tmp_path: Path, source: str) -> None:
    put(tmp_path, "tests/test_broken.py", source)
    put(tmp_path, "tests/waiting.py", source)
    (fault,) = sleep_faults(tmp_path)
    assert fault.startswith("tests/test_broken.py:2 ")


@pytest.mark.parametrize(
    "source",
    [
        "import asyncio\nx = asyncio.sleep(1)\n",
        "from time import sleep\n",
        "async def f(clock):\n    await clock.sleep_until(0)\n",
    ],
)
def test_a_loop_that_waits_by_itself_is_found(tmp_path: Path, source: str) -> None:
    put(tmp_path, "adapters/broken.py", source)
    assert waits(tmp_path) == {"adapters/broken.py": 1}


def test_who_speaks_past_the_outbox_is_found(tmp_path: Path) -> None:
    put(
        tmp_path,
        "bot/desk/broken.py",
        "async def f(desk):\n    return await desk.platforms['slack'].post(1, 2)\n",
    )
    assert speakers(tmp_path) == {"bot/desk/broken.py": {"post": 1}}


def test_a_long_file_is_found(tmp_path: Path) -> None:
    put(tmp_path, "bot/broken.py", "x = 1\n" * (LONGEST_FILE + 1))
    put(tmp_path, "bot/fits.py", "x = 1\n" * LONGEST_FILE)
    put(tmp_path, f"{MIGRATIONS}/0001_begin.py", "x = 1\n" * (LONGEST_FILE + 1))
    faults = length_faults(tmp_path)
    assert f"bot/broken.py has {LONGEST_FILE + 1} lines" in faults
    assert not any("fits" in fault or "versions" in fault for fault in faults)


def test_a_full_folder_is_found(tmp_path: Path) -> None:
    for number in range(MOST_FILES_IN_A_FOLDER + 1):
        put(tmp_path, f"{MIGRATIONS}/{number:04}_change.py", "")
        put(tmp_path, f"bot/full/file_{number}.py", "")
        if number:
            put(tmp_path, f"bot/fits/file_{number}.py", "")
    assert file_count_faults(tmp_path) == {f"bot/full has {MOST_FILES_IN_A_FOLDER + 1} files"}


def test_too_many_files_are_found(tmp_path: Path) -> None:
    for number in range(MOST_FILES):
        put(tmp_path, f"adapters/new_{number}/__init__.py", "")
    assert file_count_faults(tmp_path) == set()
    put(tmp_path, "adapters/one_more/__init__.py", "")
    assert file_count_faults(tmp_path) == {f"{MOST_FILES + 1} files in all"}
