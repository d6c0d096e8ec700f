"""What `serve`, `migrate` and `teams-package` do beside the work itself."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from bot.cli.app import DONE, print_faults
from bot.config.environment import read_environment

if TYPE_CHECKING:
    from rich.console import Console

    from bot.config.directory import Directory
    from bot.desk.index import Index
    from bot.ports import Clock
    from bot.reports.event_chain import EventChain

    class StoredIndex(Index, EventChain, Protocol):
        """The index rows, and the hashes of events."""


def report_migration(
    url: str, revision: Callable[[str], str | None], migrate: Callable[[str], object]
) -> int:
    """Migrates the database at `url` and prints the result. Returns the exit code."""
    before = revision(url)
    migrate(url)
    after = revision(url)
    if before is None:
        print(f"The database was created at revision {after}.")
    elif before == after:
        print(f"The database is already at revision {after}.")
    else:
        print(f"The database was migrated from revision {before} to {after}.")
    return DONE


def stop_signal() -> asyncio.Event:
    """Set by the first SIGINT or SIGTERM from now on."""
    stop = asyncio.Event()
    for ending in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(ending, stop.set)
    return stop


def write_teams_package(out: Path, package_for: Callable[[str], bytes]) -> int:
    """Writes the package that `package_for` builds for an app ID; its ValueError says what Teams refuses."""
    app_id = read_environment().microsoft_app_id
    if app_id is None:
        return print_faults(
            "environment: MICROSOFT_APP_ID: is not set; copy it from the app's registration in Entra"
        )
    try:
        package = package_for(app_id)
    except ValueError as wrong:
        return print_faults(f"teams-package: {wrong}")
    try:
        out.write_bytes(package)
    except OSError as wrong:
        return print_faults(
            f"--out: {out} cannot be written: {wrong.strerror}; create its folder, or choose another file"
        )
    print(f"Wrote {out}. Upload it in Teams (Apps, Manage your apps) or in its admin center.")
    return DONE


async def rebuild_index(index: StoredIndex, directory: Directory, clock: Clock, progress: Console) -> int:
    """Adds missing hashes of events and corrects all index rows, with bars on `progress`.

    Reports unreadable tickets as faults.
    """
    from bot.cli.progress import progress_bar
    from bot.desk.index import rebuild
    from bot.reports.event_chain import add_hashes

    with progress_bar("Hashes of events", await index.index_size(), progress) as told:
        if added := await add_hashes(index, told):
            print(f"{added} events of an older version got their hash.")

    with progress_bar("Index rows", await index.index_size(), progress) as told:
        done = await rebuild(index, directory, clock, told)
    if done.wrong:
        print(f"{done.wrong} of {done.rows} index rows were wrong and have been corrected.")
    else:
        print(f"None of {done.rows} index rows was wrong.")
    if not done.unreadable:
        return DONE
    return print_faults(
        *(f"{ticket}: its index row is unchanged: {why}" for ticket, why in done.unreadable.items())
    )
