"""The demo in a browser: a local Slack-compatible workspace (local-slack, from npm) and the real desk."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import os
import platform
import shutil
import signal
import socket
import sys
import tarfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from bot.clock import SimulatedClock
from demo.stage import (
    ALICE,
    BOB,
    BOT_TOKEN,
    DANA,
    PATIENCE,
    SIGNING_SECRET,
    DemoFault,
    Scenario,
    a_local_slack,
    free_port,
    minutes,
    open_in_browser,
    running_desk,
)

PACKAGE, VERSION = "local-slack-linux-x64", "0.1.8"
SHA512 = "2BCTKxKajjZNWCSCj66Jq5VDScUDNpGZ1lA3281I8RvpDE4/ULCwC26TlcW6/4sPbSTs02Q3KjTiltJp3ZBEvg=="
DOWNLOAD_WITHIN = 180.0
BOT = "U0FRONTLINE"
USUAL_PORT = 39000

PAGE = Path(__file__).parent / "page"
"""What the local Slack loads first: it serves this machine only, and its page shows the desk's clock."""


def why_not() -> str | None:
    """Returns why the browser demo cannot run here, or None."""
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        return (
            f"the local Slack is packaged for linux-x64 only, and this is {sys.platform}-{platform.machine()}"
        )
    if shutil.which("npm") is None:
        return "npm is not installed, and the local Slack comes from there"
    return None


async def show(vendor: str, speed: float, folder: Path, say: Callable[[str], None], once: bool) -> None:
    """Runs until interrupted, or with `once` until both answer. Raises DemoFault."""
    scenario = Scenario.of(vendor)
    client = await _client(Path.home() / ".cache" / "frontline", say)
    slack_port, desk_port = usual_port(), free_port()
    slack = f"http://127.0.0.1:{slack_port}"
    desk = a_local_slack(f"{slack}/api/") | {"FRONTLINE_LOCAL_SLACK": str(scenario.zone)}
    file = scenario.desk_file(vendor)
    async with (
        _workspace(client, folder, slack_port, desk_port),
        running_desk(scenario, folder, file, desk_port, speed, desk) as clock,
    ):
        await asyncio.to_thread(show_clock, folder, clock, scenario)
        say(_script(slack, scenario, speed))
        if not once:
            await asyncio.to_thread(open_in_browser, slack)
            await interrupted()


def show_clock(folder: Path, clock: SimulatedClock, scenario: Scenario) -> None:
    """Lets the page show the desk's clock."""
    real, shown = (round(instant.timestamp() * 1000) for instant in (clock.real, clock.stage))
    shows = {"real": real, "shown": shown, "speed": clock.speed, "zone": str(scenario.zone)}
    part = folder / "clock.part"
    part.write_text(json.dumps(shows), encoding="utf-8")
    part.rename(folder / "clock.json")


async def interrupted() -> None:
    """Returns at Ctrl-C or SIGTERM."""
    received = asyncio.Event()
    for ending in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(ending, received.set)
    await received.wait()


def _script(address: str, scenario: Scenario, speed: float) -> str:
    usual, worst = scenario.severity, scenario.policy.worst
    soon = scenario.first_response(worst)
    missed = f"within {minutes(soon, speed)}" if soon else "as soon as its time is over"
    told = (
        "Dana, the account manager, is warned before: become Dana. Then all three hear of the breach."
        if scenario.plan.tam
        else "Then Alice and Bob hear of the breach."
    )
    vendor, weekend = scenario.policy.name, minutes(scenario.weekend, speed)
    return f"""
  A working desk: {vendor}, plan {scenario.plan.name}. It is {scenario.begins:%A, %H:%M} in {scenario.zone}.
  The clock at the top of the page runs {speed:g} times as fast; the weekend is {weekend} away.

      {address}

  1. You are Alice, a customer, in #acme. Type  /support Bill generation is slow  and choose:
{_listed(scenario.choices(usual))}
     The ticket is {usual.id}. Its card counts down, and "Open tickets" lists it.
  2. In "Act as" (top right) become Bob, an agent. In #triage press Acknowledge, then Reply.
     The card in #acme says that the first response was met, or how late it came.
  3. As Alice open another ticket, and choose:
{_listed(scenario.choices(worst))}
     It is {worst.id}. Do nothing: the first response is missed {missed}.
     {told}
  4. As Bob press Resolve in #triage. As Alice press Close or Reopen in #acme.

  Take your time: each step works later as well. If a card is paused, it is night at {vendor}.

  Slack shows more than this local one: there the form changes while you answer (questions that do not apply
  are hidden, and the severity and its first deadline are shown before you send it) and takes files, the
  list of open tickets is pinned, and each reader sees times in their own zone.

  Ctrl-C ends all of it; nothing stays behind but the downloaded client.
"""


def _listed(choices: Sequence[str]) -> str:
    return "\n".join(f"       - {choice}" for choice in choices)


async def _client(cache: Path, say: Callable[[str], None]) -> Path:
    """Returns the binary of the local Slack, downloaded once and verified."""
    found = cache / f"{PACKAGE}-{VERSION}"
    if found.exists():
        return found
    say(f"  downloading the local Slack ({PACKAGE} {VERSION}) …")
    await asyncio.to_thread(cache.mkdir, parents=True, exist_ok=True)
    packed = cache / f"{PACKAGE}-{VERSION}.tgz"
    await _npm_pack(cache)
    digest = await asyncio.to_thread(_sha512, packed)
    if digest != SHA512:
        packed.unlink()
        raise DemoFault(f"{packed.name} does not match the expected checksum; it was deleted and not run")
    await asyncio.to_thread(_unpack, packed, found)
    return found


async def _npm_pack(cache: Path) -> None:
    quiet = asyncio.subprocess.DEVNULL
    command = ("npm", "pack", "--silent", f"{PACKAGE}@{VERSION}", "--pack-destination", str(cache))
    npm = await asyncio.create_subprocess_exec(*command, stdout=quiet, stderr=asyncio.subprocess.PIPE)
    try:
        async with asyncio.timeout(DOWNLOAD_WITHIN):
            _, errors = await npm.communicate()
    except TimeoutError:
        npm.kill()
        await npm.wait()
        raise DemoFault(f"npm did not deliver {PACKAGE} within {DOWNLOAD_WITHIN:g} s; try again") from None
    if npm.returncode:
        raise DemoFault(f"npm could not download {PACKAGE}: {errors.decode(errors='replace').strip()}")


def _sha512(file: Path) -> str:
    return base64.b64encode(hashlib.sha512(file.read_bytes()).digest()).decode()


def _unpack(packed: Path, to: Path) -> None:
    part = to.with_suffix(".part")
    with tarfile.open(packed) as archive:
        member = archive.extractfile("package/bin/local-slack")
        if member is None:
            raise DemoFault(f"{packed.name} contains no binary")
        part.write_bytes(member.read())
    part.chmod(0o755)
    part.rename(to)
    packed.unlink()


def usual_port() -> int:
    """Returns the usual port, so that the address stays the same, or a free one if it is taken."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", USUAL_PORT))
        except OSError:
            return free_port()
        return USUAL_PORT


@asynccontextmanager
async def _workspace(client: Path, folder: Path, port: int, desk_port: int) -> AsyncIterator[None]:
    (folder / "slack.json").write_text(json.dumps(_seed(desk_port), indent=1), encoding="utf-8")
    environment = {key: value for key, value in os.environ.items() if not key.lower().endswith("_proxy")}
    environment |= {"BUN_OPTIONS": f"--preload={PAGE / 'preload.js'}", "DO_NOT_TRACK": "1"}
    arguments = (
        "--config",
        "slack.json",
        "--port",
        str(port),
        "--base-host",
        "127.0.0.1",
        "--files-dir",
        "files",
    )
    with (folder / "slack.log").open("wb") as sink:
        process = await asyncio.create_subprocess_exec(
            str(client), *arguments, cwd=folder, env=environment, stdout=sink, stderr=sink
        )
    try:
        await answers(process, f"http://127.0.0.1:{port}/_control/state", "the local Slack")
        yield
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()


async def answers(process: asyncio.subprocess.Process, address: str, what: str) -> None:
    """Returns once `address` answers 200. Raises DemoFault if it does not in time."""
    try:
        async with asyncio.timeout(PATIENCE), aiohttp.ClientSession(trust_env=False) as http:
            while process.returncode is None:
                try:
                    async with http.get(address) as answer:
                        if answer.status == 200:
                            return
                except aiohttp.ClientError:
                    await asyncio.sleep(0.1)
    except TimeoutError:
        pass
    raise DemoFault(f"{what} did not start here; run the demo again, or with --headless")


def _seed(desk_port: int) -> dict[str, Any]:
    people = (
        (*ALICE, "Alice (Acme, customer)", "America/New_York"),
        (*BOB, "Bob (agent)", "Europe/Berlin"),
        (*DANA, "Dana (account manager)", "Europe/London"),
    )
    return {
        "workspace": {"name": "Frontline demo", "domain": "frontline-demo", "teamId": "T0DEMO"},
        "apps": [
            {
                "appId": "A0FRONTLINE",
                "botUserId": BOT,
                "botName": "frontline",
                "botToken": BOT_TOKEN,
                "appToken": "xapp-frontline-demo",
                "signingSecret": SIGNING_SECRET,
                "mode": "events",
                "requestUrl": f"http://127.0.0.1:{desk_port}/slack/events",
            }
        ],
        "users": [
            {"id": id_, "name": name.lower(), "real_name": shown, "tz": tz} for id_, name, shown, tz in people
        ],
        "channels": [
            {"id": "C0ACME", "name": "acme", "members": [ALICE[0], BOB[0], DANA[0], BOT]},
            {"id": "C0TRIAGE", "name": "triage", "is_private": False, "members": [BOB[0], DANA[0], BOT]},
            {
                "id": "D0DANA",
                "name": "dm-dana",
                "is_channel": False,
                "is_private": True,
                "is_im": True,
                "members": [DANA[0], BOT],
            },
        ],
    }
