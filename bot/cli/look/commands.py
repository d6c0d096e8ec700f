"""The command line of `demo` and `console`."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from bot.cli.app import TRY_OUT

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
    """Which demo to show."""

    vendor: str
    speed: float | None
    """How many times as fast the clock runs; None for the usual speed."""
    headless: bool
    teams: bool
    once: bool


def add_commands(
    app: typer.Typer,
    *,
    run_demo: Callable[[DemoOptions], int],
    run_console: Callable[[str], Coroutine[Any, Any, int]],
) -> None:
    @app.command(rich_help_panel=TRY_OUT, epilog=_DEMO)
    def demo(
        vendor: Annotated[str, typer.Option(metavar="V", help="Whose policy to play.")] = "m3ter",
        speed: Annotated[
            float | None,
            typer.Option(
                metavar="N", min=SLOWEST, max=FASTEST, help="How many times as fast the clock runs."
            ),
        ] = None,
        headless: Annotated[
            bool, typer.Option("--headless", help="No browser: play the story and print it.")
        ] = False,
        teams: Annotated[
            bool, typer.Option("--teams", help="Microsoft's Agents Playground instead of a Slack.")
        ] = False,
        once: Annotated[bool, typer.Option("--once", help="End when the story has been told once.")] = False,
    ) -> int:
        """Open a working desk on this machine (in a checkout of the source).

        Starts a local Slack-compatible workspace in the browser with a customer's channel, a triage channel
        and an account manager, and runs the real desk in it, on a clock that is sped up. Ctrl-C ends it all.
        """
        return run_demo(DemoOptions(vendor, speed, headless, teams, once))

    @app.command(rich_help_panel=TRY_OUT, epilog=_CONSOLE)
    def console(
        vendor: Annotated[
            str, typer.Option(metavar="V", help="Whose policy, if there is no desk's file.")
        ] = "m3ter",
    ) -> int:
        """Work the same desk in this terminal.

        Type /support, answer, press buttons, and look through other people's eyes. `help` lists what can be
        typed, `quit` or Ctrl-D ends it.
        """
        import asyncio

        return asyncio.run(run_console(vendor))
