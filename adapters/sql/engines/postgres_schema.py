"""A PostgreSQL database as a migration finds it: its revision, a lock on it, its faults in plain words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import Connection, NullPool, create_engine
from sqlalchemy.exc import DBAPIError

from adapters.sql.engines.postgres import conninfo
from adapters.sql.fault import DatabaseFault
from adapters.sql.url import ACCEPTED_URLS

MIGRATION_LOCK = 0x66726F6E746C696E
"""`frontlin`: held by whoever migrates, to the end of its transaction."""
JOB_QUEUE_PREFIX = "procrastinate_"
"""What the tables of the work queue begin with; they are not the desk's."""


def revision(url: str) -> str | None:
    """The database's revision; None when it has no tables yet. Raises DatabaseFault."""
    with as_database_fault(url), psycopg.connect(conninfo(url), autocommit=True) as connection:
        (known,) = connection.execute("SELECT to_regclass('alembic_version')").fetchone() or (None,)
        if known is not None:
            row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
            return str(row[0]) if row else None
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()")
        if any(not name.startswith(JOB_QUEUE_PREFIX) for (name,) in tables):
            raise DatabaseFault(f"{described(url)}: is another program's database; change DATABASE_URL")
        return None


@contextmanager
def migrating(url: str) -> Iterator[Connection]:
    """A transaction in which nobody else migrates."""
    engine = create_engine(
        "postgresql+psycopg://", creator=lambda: psycopg.connect(conninfo(url)), poolclass=NullPool
    )
    try:
        with engine.begin() as connection:
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({MIGRATION_LOCK})")
            yield connection
    except DBAPIError as fault:
        raise (fault.orig if isinstance(fault.orig, psycopg.Error) else fault) from None
    finally:
        engine.dispose()


@contextmanager
def as_database_fault(url: str) -> Iterator[None]:
    """What PostgreSQL says, in one line that names the cure and never the password."""
    try:
        conninfo(url)
    except psycopg.ProgrammingError:
        raise DatabaseFault(f"DATABASE_URL: is no PostgreSQL address; {ACCEPTED_URLS}") from None
    try:
        yield
    except psycopg.OperationalError as fault:
        advice = "start it, or change DATABASE_URL"
        raise DatabaseFault(
            f"{described(url)}: cannot be reached ({_first_line(fault)}); {advice}"
        ) from fault
    except psycopg.Error as fault:
        raise DatabaseFault(f"{described(url)}: {_first_line(fault)}") from fault


def described(url: str) -> str:
    """The database by name and host, without who may use it."""
    parts = conninfo_to_dict(url)
    name = parts.get("dbname") or parts.get("user") or "its user's own"
    return f"PostgreSQL database {name} at {parts.get('host') or parts.get('hostaddr') or 'this machine'}"


def _first_line(fault: Exception) -> str:
    lines = str(fault).strip().splitlines()
    return lines[0] if lines else type(fault).__name__
