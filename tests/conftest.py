"""What every test may ask for."""

from __future__ import annotations

import gc
import math
import os
import sys
from collections.abc import Iterator
from zlib import crc32

import pytest
import structlog
from hypothesis import HealthCheck, settings

from tests.postgres import NoPostgres, Postgres, running

# Of the hundreds of thousands of objects that are loaded and collected, none is garbage. Not to look for any
# until all are there, and never among them, saves a third of the collection's time.
gc.disable()


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop() -> None:
    gc.freeze()
    gc.enable()


settings.register_profile(
    "quick",
    max_examples=25,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("soak", settings.get_profile("quick"), max_examples=500, derandomize=False)
settings.load_profile("quick")

# The default draws each exception with its local variables in a frame: a second of work a time.
structlog.configure(
    processors=[
        structlog.processors.add_log_level,
        structlog.processors.format_exc_info,
        structlog.processors.KeyValueRenderer(key_order=["event"]),
    ]
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mixes the files, each kept whole, so that tests that wait and tests that compute share the cores.

    Each worker begins with a share of the list. The tests of processes, which wait longest, stand in the
    first part of each share, so that no worker is alone with them at the end.
    """
    shares = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))

    def place(item: pytest.Item) -> float:
        file = item.nodeid.partition("::")[0]
        within, share = math.modf(crc32(file.encode()) / 2**32 * shares)
        return share + within * (0.6 if file.startswith("tests/process/") else 1.0)

    items.sort(key=place)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A server of our own, in each process that runs tests, started when the first test asks for it."""
    try:
        with running() as server:
            yield server
    except NoPostgres as why:
        if sys.platform.startswith("linux"):
            pytest.fail(f"PostgreSQL must be tested here: {why}", pytrace=False)
        pytest.skip(str(why))


@pytest.fixture
def postgres_url(postgres: Postgres) -> Iterator[str]:
    """DATABASE_URL of a database of the test's own, with the tables of this version."""
    url = postgres.fresh()
    yield url
    postgres.drop(url)


@pytest.fixture
def empty_postgres_url(postgres: Postgres) -> Iterator[str]:
    """DATABASE_URL of a database of the test's own, without any table."""
    url = postgres.empty()
    yield url
    postgres.drop(url)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Prints the figures that tests recorded as their `report`."""
    for passed in terminalreporter.stats.get("passed", []):
        for name, report in passed.user_properties:
            if name == "report":
                terminalreporter.write_line(str(report))
