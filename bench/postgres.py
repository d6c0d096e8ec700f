"""A PostgreSQL for the benchmarks: that of our tests, with fsync on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import sql

from tests.postgres import Postgres, running


@contextmanager
def server() -> Iterator[Postgres]:
    """Runs a server on a socket in a temporary folder."""
    with running(durable=True) as made:
        yield made


def settle(url: str) -> None:
    """Does what a server does by itself after a while: ANALYZE, VACUUM and a checkpoint."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")
        connection.execute("CHECKPOINT")


def copied(server: Postgres, url: str, name: str) -> str:
    """Copies a database and returns the URL of the copy."""
    template = str(psycopg.conninfo.conninfo_to_dict(url)["dbname"])
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        made = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy")
        connection.execute(made.format(sql.Identifier(name), sql.Identifier(template)))
    return server.url(name)
