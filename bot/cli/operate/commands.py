"""The command line of `serve`, `doctor`, `migrate` and `teams-package`."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from bot.cli.app import OPERATE

_TEAMS_PACKAGE = """\b
Examples:
  frontline teams-package --website https://vendor.example
  frontline teams-package --website https://vendor.example --version 1.0.1
"""


@dataclass(frozen=True, slots=True)
class TeamsPackage:
    """What the Teams app package says of its maker."""

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
        (FRONTLINE_CONFIG). Several may run on one PostgreSQL. Ctrl-C or SIGTERM stops it cleanly.
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
            bool, typer.Option("--rebuild", help="Then check every ticket's index row, and mend it.")
        ] = False,
    ) -> int:
        """Bring the database to this version.

        A database that does not exist yet is made. --rebuild sets the index row of each ticket right by its
        events and the policy (FRONTLINE_CONFIG); the desk may run meanwhile.
        """
        return run_migrate(rebuild)

    @app.command(rich_help_panel=OPERATE, epilog=_TEAMS_PACKAGE)
    def teams_package(
        website: Annotated[str, typer.Option(metavar="URL", help="Your own page, shown in Teams.")],
        developer: Annotated[
            str, typer.Option(metavar="NAME", help="Who is named as its maker.")
        ] = "Frontline",
        version: Annotated[str, typer.Option(metavar="V", help="Each upload needs a higher one.")] = "1.0.0",
        out: Annotated[Path, typer.Option(metavar="FILE", help="Where to write it.")] = Path(
            "frontline-teams.zip"
        ),
    ) -> int:
        """Write the Teams app package (zip).

        The app's id is that of MICROSOFT_APP_ID.
        """
        return write_teams_package(TeamsPackage(website, developer, version), out)
