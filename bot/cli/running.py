"""The command line of what runs the bot or prepares it: serve, console, doctor, migrate, teams-package."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bot.cli.commands import Subparsers

_SAYS = {
    "serve": "run the bot: HTTP server, SLA wake-ups, delivery",
    "console": "the same desk in a terminal: type /support, answer, press buttons",
    "doctor": "test tokens, scopes, channels, database, clock; say what to do about each fault",
    "migrate": "bring the database to this version",
    "teams-package": "write the Teams app package (zip)",
}


def register(subparsers: Subparsers, runs: Mapping[str, Callable[[Namespace], int]]) -> None:
    """Add these commands; `runs` says by name what each does, and gives its exit code."""
    parsers = {name: subparsers.add_parser(name, help=says) for name, says in _SAYS.items()}
    for name, parser in parsers.items():
        parser.set_defaults(run=runs[name])
    parsers["console"].add_argument(
        "--vendor", default="m3ter", metavar="V", help="whose policy, without a desk's file"
    )
    package = parsers["teams-package"]
    package.add_argument("--website", required=True, metavar="URL", help="your own page, shown in Teams")
    package.add_argument("--developer", default="Frontline", metavar="NAME", help="who is named as its maker")
    package.add_argument("--version", default="1.0.0", metavar="V", help="each upload needs a higher one")
    package.add_argument("--out", type=Path, default=Path("frontline-teams.zip"), metavar="FILE")
