"""A PostgreSQL for the measurements: the one of our tests, told to keep on disk what it has committed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import sql

from tests.postgres import Postgres, running


@contextmanager
def server() -> Iterator[Postgres]:
    """While it lasts; on a socket in a folder of its own."""
    with running(durable=True) as made:
        yield made


def settle(url: str) -> None:
    """What a server does after a while by itself: statistics are drawn up, dead rows swept, pages written."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")
        connection.execute("CHECKPOINT")


def copied(server: Postgres, url: str, name: str) -> str:
    """The URL of a new database that holds what that one does."""
    template = str(psycopg.conninfo.conninfo_to_dict(url)["dbname"])
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        made = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy")
        connection.execute(made.format(sql.Identifier(name), sql.Identifier(template)))
    return server.url(name)
