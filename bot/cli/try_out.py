"""The commands `demo` and `console`, and their sample desk."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer

from bot.cli.app import TRY_OUT
from bot.clock import ManualClock
from bot.config.environment import read_environment
from bot.config.settings import DeskSettings, load_desk
from bot.desk.desk import Desk
from bot.runtime import scheduler
from sla_core.catalog.load import load, vendors
from sla_core.policy import Plan, Policy

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


def add_commands(
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


def desk_settings(vendor: str) -> DeskSettings:
    """The settings of frontline.toml, or of a sample desk of the vendor if there is no such file."""
    path = read_environment().frontline_config
    return load_desk(path) if path.is_file() else sample_desk(vendor)


def fast_forward(
    desk: Desk, clock: ManualClock, settle: Callable[[], Awaitable[None]]
) -> Callable[[timedelta], Awaitable[None]]:
    """Advances time from wake-up to wake-up, and delivers messages before the next, as the real loops do."""

    async def wait(length: timedelta) -> None:
        until = clock.now() + length
        while (wake := await desk.store.next_wake()) is not None and wake <= until:
            clock.advance_to(wake)
            await scheduler.wake_due_tickets(desk)
            await settle()
        clock.advance_to(until)

    return wait


def sample_plan(policy: Policy) -> Plan:
    """The last plan with chat, or the first plan if none has it."""
    plans = list(policy.plans.values())
    return next((plan for plan in reversed(plans) if plan.chat), plans[0])


def sample_desk_file(vendor: str) -> str:
    """The text of a frontline.toml for a pack or a folder. Raises Faults for an unknown vendor."""
    policy = load(vendor)[-1]
    plan = sample_plan(policy)
    rotas = "\n".join(f'{step.role} = ["bob"]' for step in policy.steps)
    tam = 'tam = "dana"' if plan.tam else ""
    return f"""{vendor_setting(vendor)}

[slack]
triage = "C0TRIAGE"
agents = ["U0BOB"]

[[people]]
id = "bob"
name = "Bob"
slack = "U0BOB"

[[people]]
id = "dana"
name = "Dana"
slack = "U0DANA"

[rotas]
{rotas}

[[accounts]]
id = "acme"
name = "Acme (sample customer)"
plan = "{plan.id}"
{tam}
channels = ["slack:C0ACME"]
"""


def sample_desk(vendor: str) -> DeskSettings:
    """The settings of the sample desk. Raises Faults for an unknown vendor."""
    with TemporaryDirectory(prefix="frontline-") as folder:
        file = Path(folder) / "frontline.toml"
        file.write_text(sample_desk_file(vendor), encoding="utf-8")
        return load_desk(file)


def vendor_setting(vendor: str) -> str:
    """The `vendor` line of a frontline.toml. A folder is written with its full path."""
    named = vendor if vendor in vendors() else str(Path(vendor).resolve())
    return f"vendor = {json.dumps(named, ensure_ascii=False)}"
