"""The commands `serve`, `doctor`, `migrate` and `teams-package`, and the output of the last two."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from bot.cli.app import DONE, OPERATE, print_faults
from bot.config.environment import read_environment

_TEAMS_PACKAGE = """\b
Examples:
  frontline teams-package --website https://vendor.example
  frontline teams-package --website https://vendor.example --version 1.0.1
"""


@dataclass(frozen=True, slots=True)
class TeamsPackage:
    """The publisher and version in the Teams app package."""

    website: str
    developer: str
    version: str


def add_commands(
    app: typer.Typer,
    *,
    run_serve: Callable[[], Coroutine[Any, Any, int]],
    run_doctor: Callable[[], Coroutine[Any, Any, int]],
    run_migrate: Callable[[bool], int],
    write_teams_package: Callable[[TeamsPackage, Path], int],
) -> None:
    @app.command(rich_help_panel=OPERATE)
    def serve() -> int:
        """Run the bot: HTTP server, SLA wake-ups, delivery.

        Secrets and addresses come from the environment, everything else from ./frontline.toml
        (FRONTLINE_CONFIG). Several processes can share one PostgreSQL. Ctrl-C or SIGTERM stops it cleanly.
        """
        import asyncio

        return asyncio.run(run_serve())

    @app.command(rich_help_panel=OPERATE)
    def doctor() -> int:
        """Test tokens, scopes, channels, database and clock.

        Says what to do about each fault.
        """
        import asyncio

        return asyncio.run(run_doctor())

    @app.command(rich_help_panel=OPERATE)
    def migrate(
        rebuild: Annotated[
            bool, typer.Option("--rebuild", help="Then check and correct every index row.")
        ] = False,
    ) -> int:
        """Bring the database to this version.

        Creates the database if it does not exist. --rebuild computes each ticket's index row again from its
        events and the policy (FRONTLINE_CONFIG); the desk may keep running.
        """
        return run_migrate(rebuild)

    @app.command(rich_help_panel=OPERATE, epilog=_TEAMS_PACKAGE)
    def teams_package(
        website: Annotated[str, typer.Option(metavar="URL", help="Your website, shown in Teams.")],
        developer: Annotated[str, typer.Option(metavar="NAME", help="The publisher's name.")] = "Frontline",
        version: Annotated[str, typer.Option(metavar="V", help="Raise it for each upload.")] = "1.0.0",
        out: Annotated[Path, typer.Option(metavar="FILE", help="Where to write it.")] = Path(
            "frontline-teams.zip"
        ),
    ) -> int:
        """Write the Teams app package (zip).

        The app's ID is MICROSOFT_APP_ID.
        """
        return write_teams_package(TeamsPackage(website, developer, version), out)


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
