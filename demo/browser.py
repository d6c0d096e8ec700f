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
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

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
    running_desk,
)

PACKAGE, VERSION = "local-slack-linux-x64", "0.1.8"
SHA512 = "2BCTKxKajjZNWCSCj66Jq5VDScUDNpGZ1lA3281I8RvpDE4/ULCwC26TlcW6/4sPbSTs02Q3KjTiltJp3ZBEvg=="
DOWNLOAD_WITHIN = 180.0
BOT = "U0FRONTLINE"
USUAL_PORT = 39000

# The binary listens on every address and has no option for it; this preload keeps it on this machine.
LOOPBACK_ONLY = """\
const serve = Bun.serve;
Bun.serve = (options) => serve.call(Bun, { ...options, hostname: "127.0.0.1" });
"""


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
    desk = a_local_slack(f"{slack}/api/") | {"FRONTLINE_LOCAL_SLACK": "Europe/Berlin"}
    async with (
        _workspace(client, folder, slack_port, desk_port),
        running_desk(folder, scenario.desk_file(vendor), desk_port, speed, desk),
    ):
        say(_script(slack, scenario, speed))
        if not once:
            await interrupted()


async def interrupted() -> None:
    """Returns at Ctrl-C or SIGTERM."""
    received = asyncio.Event()
    for ending in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(ending, received.set)
    await received.wait()


def _script(address: str, scenario: Scenario, speed: float) -> str:
    return f"""
  A working desk: {scenario.policy.name}, plan {scenario.plan.name}. The clock runs {speed:g} times as fast.

      {address}

  1. You are Alice, a customer, in #acme. Type  /support Bill generation is slow  and answer the questions.
  2. In "Act as" (top right) become Bob, go to #triage, press Acknowledge and then Reply.
  3. Open another ticket and do nothing: watch its countdown, then the breach in #acme.
  4. Become Dana, the account manager: her direct messages warned her before.

  Ctrl-C ends all of it; nothing stays behind but the downloaded client.
"""


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
    (folder / "loopback.js").write_text(LOOPBACK_ONLY, encoding="utf-8")
    environment = {key: value for key, value in os.environ.items() if not key.lower().endswith("_proxy")}
    environment |= {"BUN_OPTIONS": "--preload=./loopback.js", "DO_NOT_TRACK": "1"}
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
