"""The demo for Teams: Microsoft's Agents Playground (from npm) and the real desk."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

from bot.cli.try_out import vendor_setting
from bot.clock import SimulatedClock
from demo.browser import DOWNLOAD_WITHIN, answers, interrupted, usual_port
from demo.stage import DemoFault, Scenario, free_port, open_in_browser, running_desk

PACKAGE, VERSION = "@microsoft/m365agentsplayground", "0.2.28"
ALEX = "00000000-0000-0000-0000-0000000000020"
"""The Entra object id of the Playground's only person."""
CUSTOMERS, AGENTS = "team-id", "channel-announcements-id"
"""The Playground's channels General and Announcements."""

# The Playground listens on every address and has no option for it; this preload keeps it on this machine.
LOOPBACK_ONLY = """\
const { Server } = require("net");
const listen = Server.prototype.listen;
Server.prototype.listen = function (...args) {
  const [first, second] = args;
  if (first && typeof first === "object" && first.port !== undefined && !first.host)
    args[0] = { ...first, host: "127.0.0.1" };
  else if (/^\\d+$/.test(String(first)) && typeof second !== "string") args.splice(1, 0, "127.0.0.1");
  return listen.apply(this, args);
};
"""


def why_not() -> str | None:
    """Returns why the Teams demo cannot run here, or None."""
    if shutil.which("npm") is None or shutil.which("node") is None:
        return "npm and Node.js are not installed, and the Agents Playground needs both"
    return None


async def show(vendor: str, speed: float, folder: Path, say: Callable[[str], None], once: bool) -> None:
    """Runs until interrupted, or with `once` until both answer. Raises DemoFault."""
    scenario = Scenario.of(vendor)
    program = await _playground(Path.home() / ".cache" / "frontline", say)
    port, desk_port = usual_port(), free_port()
    desk = {"FRONTLINE_TEAMS_ANONYMOUS": "1", "SLACK_API_URL": "http://127.0.0.1:9/api/"}
    async with (
        running_desk(scenario, folder, desk_file(vendor, scenario), desk_port, speed, desk) as clock,
        _running(program, folder, port, desk_port),
    ):
        address = f"http://127.0.0.1:{port}"
        say(_script(address, scenario, speed))
        if not once:
            await asyncio.to_thread(open_in_browser, address)
            telling = asyncio.create_task(_tell_hours(clock, scenario, say))
            await interrupted()
            telling.cancel()


async def _tell_hours(clock: SimulatedClock, scenario: Scenario, say: Callable[[str], None]) -> None:
    """Says each hour of the desk's clock, which the Playground cannot show."""
    hour = clock.stage
    while True:
        say(f"  {hour.astimezone(scenario.zone):%A, %H:%M}")
        hour += timedelta(hours=1)
        await clock.sleep_until(hour)


def desk_file(vendor: str, scenario: Scenario) -> str:
    """Returns a frontline.toml in which Alex, the Playground's only person, has every role."""
    rotas = "\n".join(f'{step.role} = ["alex"]' for step in scenario.policy.steps)
    tam = 'tam = "alex"' if scenario.plan.tam else ""
    return f"""{vendor_setting(vendor)}

[teams]
triage = "{AGENTS}"
agents = ["{ALEX}"]

[[people]]
id = "alex"
name = "Alex"
teams = "{ALEX}"

[rotas]
{rotas}

[[accounts]]
id = "acme"
name = "Acme (sample customer)"
plan = "{scenario.plan.id}"
{tam}
channels = ["teams:{CUSTOMERS}"]
"""


def _script(address: str, scenario: Scenario, speed: float) -> str:
    policy, plan = scenario.policy.name, scenario.plan.name
    return f"""
  A working desk for Teams: {policy}, plan {plan}. It is {scenario.begins:%A, %H:%M} in {scenario.zone}.
  The clock runs {speed:g} times as fast; each of its hours is printed here.

      {address}

  1. Open the channel Announcements once (triage), then General (the customer's channel).
  2. In General post  @Test Bot support Bill generation is slow  and answer the questions on the card.
  3. In Announcements press Acknowledge, then wait: the card counts down, and the account manager is warned
     in Personal Chat. The breach comes in both channels.
  4. In Announcements press Reply and Resolve; both work after the breach as well.

  The Playground has one person and no dialogs, so forms are cards. Ctrl-C ends all of it.
"""


async def _playground(cache: Path, say: Callable[[str], None]) -> Path:
    """Returns the Playground's program, installed once."""
    home = cache / f"playground-{VERSION}"
    program = home / "node_modules" / ".bin" / "agentsplayground"
    if program.exists():
        return program
    say(f"  installing the Agents Playground ({PACKAGE} {VERSION}) …")
    await asyncio.to_thread(home.mkdir, parents=True, exist_ok=True)
    command = ("npm", "install", "--silent", "--no-audit", "--prefix", str(home), f"{PACKAGE}@{VERSION}")
    npm = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
    )
    try:
        async with asyncio.timeout(DOWNLOAD_WITHIN):
            _, errors = await npm.communicate()
    except TimeoutError:
        npm.kill()
        await npm.wait()
        raise DemoFault(f"npm did not deliver {PACKAGE} within {DOWNLOAD_WITHIN:g} s; try again") from None
    if npm.returncode or not program.exists():
        raise DemoFault(f"npm could not install {PACKAGE}: {errors.decode(errors='replace').strip()}")
    return program


@asynccontextmanager
async def _running(program: Path, folder: Path, port: int, desk_port: int) -> AsyncIterator[None]:
    (folder / "loopback.js").write_text(LOOPBACK_ONLY, encoding="utf-8")
    inherited = {key: value for key, value in os.environ.items() if not key.lower().endswith("_proxy")}
    environment = inherited | {
        "NODE_OPTIONS": f"--require {folder / 'loopback.js'}",
        "TEAMSAPPTESTER_BROWSER": "none",
    }
    endpoint = f"http://127.0.0.1:{desk_port}/api/messages"
    arguments = ("start", "-e", endpoint, "-c", "msteams", "-p", str(port), "--disable-telemetry")
    with (folder / "playground.log").open("wb") as sink:
        process = await asyncio.create_subprocess_exec(
            str(program), *arguments, cwd=folder, env=environment, stdout=sink, stderr=sink
        )
    try:
        await answers(process, f"http://127.0.0.1:{port}/_internal/v1/config", "the Agents Playground")
        yield
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()
