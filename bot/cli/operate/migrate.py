"""What `frontline migrate` says."""

from __future__ import annotations

from collections.abc import Callable

from bot.cli.process import DONE


def run(url: str, revision: Callable[[str], str | None], migrate: Callable[[str], object]) -> int:
    """`revision` tells where the database at `url` is, `migrate` brings it to this version."""
    before = revision(url)
    migrate(url)
    after = revision(url)
    if before is None:
        print(f"The database was made, at revision {after}.")
    elif before == after:
        print(f"The database is at revision {after} already.")
    else:
        print(f"The database was brought from revision {before} to {after}.")
    return DONE
