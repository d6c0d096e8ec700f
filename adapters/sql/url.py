"""DATABASE_URL, read."""

from __future__ import annotations

from pathlib import Path

from bot.ports import OperatorFault

ACCEPTED_URLS = (
    "write sqlite:///frontline.db, sqlite:////var/lib/frontline.db for an absolute path,"
    " or postgresql://USER:PASSWORD@HOST/DATABASE"
)


def is_postgres(url: str) -> bool:
    """Whether it names a PostgreSQL, in one of the ways that are usual."""
    scheme, separator, _ = url.strip().partition("://")
    return bool(separator) and scheme in ("postgresql", "postgres", "postgresql+psycopg")


def postgres_url(url: str) -> str:
    """A PostgreSQL's address as its own library reads it."""
    return f"postgresql://{url.strip().partition('://')[2]}"


def sqlite_path(url: str) -> Path | None:
    """The file of `sqlite:///…`; None for `sqlite://`, a database that is gone when it is closed.

    Raises DatabaseFault that shows the forms. Its text never repeats the URL, which may hold a password.
    """
    scheme, separator, rest = url.strip().partition("://")
    if scheme != "sqlite" or not separator:
        raise DatabaseFault(f"DATABASE_URL: no database address that Frontline knows; {ACCEPTED_URLS}")
    if rest in ("", "/", "/:memory:"):
        return None
    if not rest.startswith("/") or "?" in rest:
        raise DatabaseFault(
            f"DATABASE_URL: a file's address has three slashes and no options; {ACCEPTED_URLS}"
        )
    return Path(rest[1:])


class DatabaseFault(OperatorFault):
    """The database cannot be used as configured; the one-line text names the cure."""
