"""Parses DATABASE_URL."""

from __future__ import annotations

from pathlib import Path

from bot.ports import OperatorFault

ACCEPTED_URLS = (
    "write sqlite:///frontline.db, sqlite:////var/lib/frontline.db for an absolute path,"
    " or postgresql://USER:PASSWORD@HOST/DATABASE"
)


def is_postgres(url: str) -> bool:
    """Whether the URL has one of the usual PostgreSQL schemes."""
    scheme, separator, _ = url.strip().partition("://")
    return bool(separator) and scheme in ("postgresql", "postgres", "postgresql+psycopg")


def postgres_url(url: str) -> str:
    """The URL with the scheme that PostgreSQL's own library reads."""
    return f"postgresql://{url.strip().partition('://')[2]}"


def sqlite_path(url: str) -> Path | None:
    """The file of `sqlite:///…`, or None for `sqlite://`, a temporary database.

    Raises DatabaseFault, which shows the accepted forms and never the URL, as it may hold a password.
    """
    scheme, separator, rest = url.strip().partition("://")
    if scheme != "sqlite" or not separator:
        raise DatabaseFault(f"DATABASE_URL: is not a supported database address; {ACCEPTED_URLS}")
    if rest in ("", "/", "/:memory:"):
        return None
    if not rest.startswith("/") or "?" in rest:
        raise DatabaseFault(
            f"DATABASE_URL: a file's address has three slashes and no options; {ACCEPTED_URLS}"
        )
    return Path(rest[1:])


class DatabaseFault(OperatorFault):
    """The database cannot be used as configured. One line says how to fix it."""
