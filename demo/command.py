"""`frontline demo`: a working desk on this machine."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Coroutine
from datetime import datetime
from pathlib import Path
from typing import Any

from bot.cli.commands import DemoOptions
from bot.clock import real_now
from demo import browser, story, teams
from demo.stage import Scenario

HEADLESS_SPEED = 1200.0
BROWSER_SPEED = 60.0

RunConsole = Callable[[str, datetime], Coroutine[Any, Any, int]]
"""Runs the desk of a vendor in this terminal, from an instant on. Returns the exit code."""


def run(which: DemoOptions, run_console: RunConsole) -> int:
    """Runs the demo. Raises Faults for an unknown vendor, DemoFault if the demo fails."""
    platform = teams if which.teams else browser
    missing = None if which.headless else platform.why_not()
    if missing and not which.once:
        scenario = Scenario.of(which.vendor)
        _say(f"No browser demo here: {missing}.\n{_terminal_script(scenario)}")
        return asyncio.run(run_console(which.vendor, scenario.next_monday(real_now())))
    with tempfile.TemporaryDirectory(prefix="frontline-demo-") as folder:
        if missing:
            _say(f"No browser demo here: {missing}. A ticket's story in the terminal:")
        if which.headless or missing:
            asyncio.run(_play(which, Path(folder)))
        else:
            speed = which.speed or BROWSER_SPEED
            asyncio.run(platform.show(which.vendor, speed, Path(folder), _say, which.once))
    return 0


def _terminal_script(scenario: Scenario) -> str:
    return f"""
  The same desk in this terminal, on a Monday at 10:00 in {scenario.zone}:

  1. You are Alice, a customer. Type  /support Bill generation is slow  and answer the questions.
  2. Type  as bob  to become an agent. Press a button by its number or its label, such as  press Acknowledge.
  3. Type  wait 5h  and read what happens; then  as alice  and  as dana, to see what each of them got.

  help  lists all commands,  quit  ends the demo.
"""


async def _play(which: DemoOptions, folder: Path) -> None:
    while True:
        await story.play(which.vendor, which.speed or HEADLESS_SPEED, folder, _say)
        if which.once:
            return


def _say(text: str) -> None:
    print(text, flush=True)
