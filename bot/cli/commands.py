"""The command lines of `demo`, `console`, `init`, `serve`, `doctor`, `migrate` and `teams-package`.

What they run is imported when it runs.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from bot.cli.app import OPERATE, TRY_OUT

_DEMO = """\b
Examples:
  frontline demo                       the desk in a browser
  frontline demo --teams               the same desk in Microsoft's Agents Playground
  frontline demo --headless --once     the same story without a browser: prints what each person saw
"""
_CONSOLE = """\b
Examples:
  frontline console                    the desk of ./frontline.toml (FRONTLINE_CONFIG), if there is one
  frontline console --vendor monta     without such a file, a sample desk of that vendor
"""

SLOWEST, FASTEST = 1, 100_000


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """The options of `demo`."""

    vendor: str
    speed: float | None
    """The clock's speed-up factor; None for the default."""
    headless: bool
    teams: bool
    once: bool


def add_try_out(
    app: typer.Typer,
    *,
    run_demo: Callable[[DemoOptions], int],
    run_console: Callable[[str], Coroutine[Any, Any, int]],
) -> None:
    @app.command(rich_help_panel=TRY_OUT, epilog=_DEMO)
    def demo(
        vendor: Annotated[str, typer.Option(metavar="V", help="Vendor whose policy to use.")] = "m3ter",
        speed: Annotated[
            float | None,
            typer.Option(metavar="N", min=SLOWEST, max=FASTEST, help="Speed-up factor of the clock."),
        ] = None,
        headless: Annotated[
            bool, typer.Option("--headless", help="No browser: play the story and print it.")
        ] = False,
        teams: Annotated[
            bool, typer.Option("--teams", help="Microsoft's Agents Playground instead of a Slack.")
        ] = False,
        once: Annotated[bool, typer.Option("--once", help="End after the story.")] = False,
    ) -> int:
        """Open a working desk on this machine (in a checkout of the source).

        Starts a local Slack-compatible workspace in the browser, with a customer's channel, a triage channel
        and an account manager, and runs the real desk in it with a faster clock. Ctrl-C stops everything.
        """
        return run_demo(DemoOptions(vendor, speed, headless, teams, once))

    @app.command(rich_help_panel=TRY_OUT, epilog=_CONSOLE)
    def console(
        vendor: Annotated[
            str, typer.Option(metavar="V", help="Vendor, if there is no frontline.toml.")
        ] = "m3ter",
    ) -> int:
        """Work the same desk in this terminal.

        Type /support, answer, press buttons, and become other people. `help` lists the commands, `quit` or
        Ctrl-D ends the session.
        """
        import asyncio

        return asyncio.run(run_console(vendor))


_INIT = """\b
Examples:
  frontline init                       asks, and checks each answer
  frontline init --answers desk.toml   takes the answers from a file, secrets from the environment
"""
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


def add_operate(
    app: typer.Typer,
    *,
    run_init: Callable[[Path | None, bool], int],
    run_serve: Callable[[], Coroutine[Any, Any, int]],
    run_doctor: Callable[[str | None], Coroutine[Any, Any, int]],
    run_migrate: Callable[[bool], int],
    write_teams_package: Callable[[TeamsPackage, Path], int],
) -> None:
    @app.command(rich_help_panel=OPERATE, epilog=_INIT)
    def init(
        answers: Annotated[
            Path | None, typer.Option(metavar="FILE", help="Answers in TOML, for scripts.")
        ] = None,
        force: Annotated[
            bool, typer.Option("--force", help="Replace frontline.toml and .env; copies are kept.")
        ] = False,
    ) -> int:
        """Connect a desk: write its file, secrets and app manifest.

        Asks for vendor, platform and first customer, finds channels and people by name, and runs the doctor.
        Writes ./frontline.toml (FRONTLINE_CONFIG), and beside it .env and slack-manifest.yml.
        """
        return run_init(answers, force)

    @app.command(rich_help_panel=OPERATE)
    def serve() -> int:
        """Run the bot: HTTP server, SLA wake-ups, delivery.

        Secrets and addresses come from the environment, or .env beside ./frontline.toml (FRONTLINE_CONFIG),
        everything else from that file. Several processes can share one PostgreSQL. Ctrl-C or SIGTERM stops
        it cleanly.
        """
        import asyncio

        return asyncio.run(run_serve())

    @app.command(rich_help_panel=OPERATE)
    def doctor(
        page: Annotated[
            str | None,
            typer.Option(metavar="PERSON", help="Send this person a test page by every way instead."),
        ] = None,
    ) -> int:
        """Test tokens, scopes, channels, database and clock.

        Says what to do about each fault. --page takes the id of a person in frontline.toml; the test page
        says that there is nothing to do.
        """
        import asyncio

        return asyncio.run(run_doctor(page))

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
