"""`frontline demo`: a working desk on this machine."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from bot.cli.commands import DemoOptions
from demo import browser, story, teams

HEADLESS_SPEED = 1200.0
BROWSER_SPEED = 120.0


def run(which: DemoOptions) -> int:
    """Runs the demo. Raises Faults for an unknown vendor, DemoFault if the demo fails."""
    with tempfile.TemporaryDirectory(prefix="frontline-demo-") as folder:
        asyncio.run(_run(which, Path(folder)))
    return 0


async def _run(which: DemoOptions, folder: Path) -> None:
    platform = teams if which.teams else browser
    missing = None if which.headless else platform.why_not()
    if missing:
        print(f"No browser demo here: {missing}. The same story in the terminal:", flush=True)
    if not which.headless and missing is None:
        await platform.show(which.vendor, which.speed or BROWSER_SPEED, folder, _say, which.once)
        return
    while True:
        await story.play(which.vendor, which.speed or HEADLESS_SPEED, folder, _say)
        if which.once or missing:
            return


def _say(text: str) -> None:
    print(text, flush=True)
