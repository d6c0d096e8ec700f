"""`frontline demo`: a working desk on this machine."""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from pathlib import Path

from demo import browser, story, teams
from demo.stage import StageFault
from sla_core.catalog.load import vendors

HEADLESS_SPEED = 1200.0
BROWSER_SPEED = 120.0

_ABOUT = """\
Starts a local Slack-compatible workspace in the browser, seeds a customer's channel, a triage channel and an
account manager, and runs the real desk against it with a clock that is sped up.

  frontline demo                       the desk in a browser; Ctrl-C ends it
  frontline demo --teams               the same desk in Microsoft's Agents Playground
  frontline demo --headless --once     the same story without a browser: prints what each person saw
"""


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "demo",
        help="a working desk on this machine",
        description=_ABOUT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--vendor", default="m3ter", metavar="V", help=f"one of {', '.join(vendors())}")
    parser.add_argument("--speed", type=_speed, metavar="N", help="how many times as fast the clock runs")
    parser.add_argument("--headless", action="store_true", help="no browser: play the story and print it")
    parser.add_argument(
        "--teams", action="store_true", help="Microsoft's Agents Playground instead of a Slack"
    )
    parser.add_argument("--once", action="store_true", help="end when the story has been told once")
    parser.set_defaults(run=run)


def _speed(text: str) -> float:
    speed = float(text)
    if not 1 <= speed <= 100_000:
        raise argparse.ArgumentTypeError("choose a speed from 1 to 100000")
    return speed


def run(args: argparse.Namespace) -> int:
    """Raises Faults for an unknown vendor, StageFault for what could not be shown."""
    with tempfile.TemporaryDirectory(prefix="frontline-demo-") as folder:
        asyncio.run(_run(args, Path(folder)))
    return 0


async def _run(args: argparse.Namespace, folder: Path) -> None:
    stage = teams if args.teams else browser
    missing = None if args.headless else stage.why_not()
    if missing:
        print(f"No browser demo here: {missing}. The same story in the terminal:", flush=True)
    if not args.headless and missing is None:
        await stage.show(args.vendor, args.speed or BROWSER_SPEED, folder, _say, args.once)
        return
    while True:
        await story.play(args.vendor, args.speed or HEADLESS_SPEED, folder, _say)
        if args.once or missing:
            return


def _say(text: str) -> None:
    print(text, flush=True)


__all__ = ["StageFault", "register", "run"]
