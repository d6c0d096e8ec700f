"""A desk for the demo: a folder with a desk file, and the real `frontline serve` running in it."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from bot.cli.try_out import sample_desk_file, sample_plan
from bot.faults import OperatorFault
from sla_core.catalog.load import load
from sla_core.policy import Plan, Policy, Severity

FRIDAY_AFTERNOON = "2026-03-20T16:30:00+01:00"
"""A Friday, 16:30 in Berlin: most vendors are open, and the weekend is near."""
PATIENCE = 20.0
"""Seconds to wait for the bot to start or stop."""

ALICE, BOB, DANA = ("U0ALICE", "Alice"), ("U0BOB", "Bob"), ("U0DANA", "Dana")
BOT_TOKEN, SIGNING_SECRET = "xoxb-frontline-demo", "frontline-demo-signing-secret"


class DemoFault(OperatorFault):
    """Why the demo cannot continue, and how to fix it."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """The vendor's policy, the plan of its sample customer, and the severity of the ticket."""

    policy: Policy
    plan: Plan
    severity: Severity

    @classmethod
    def of(cls, vendor: str) -> Scenario:
        """Raises Faults for an unknown vendor."""
        policy = load(vendor)[-1]
        severities = [s for s in policy.severities.values() if s.targets and policy.triage.example(s.id)]
        return cls(policy, sample_plan(policy), severities[min(1, len(severities) - 1)])

    def answers(self) -> dict[str, str | list[str]]:
        """Returns answers to the intake questions that lead to the severity, by question id."""
        found = self.policy.triage.example(self.severity.id) or {}
        many = {q.id for q in self.policy.triage.questions if q.kind == "choices"}
        return {id_: list(given) if id_ in many else given[0] for id_, given in found.items()}

    def desk_file(self, vendor: str) -> str:
        """Returns a frontline.toml with one customer, Acme, and the people of the story."""
        return sample_desk_file(vendor)


def a_local_slack(api: str) -> dict[str, str]:
    """Returns the environment of a desk that uses a Slack on this machine."""
    return {"SLACK_API_URL": api, "SLACK_BOT_TOKEN": BOT_TOKEN, "SLACK_SIGNING_SECRET": SIGNING_SECRET}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@asynccontextmanager
async def running_desk(
    folder: Path, desk_file: str, port: int, speed: float, more: Mapping[str, str]
) -> AsyncIterator[None]:
    """Runs `frontline serve` in `folder`, ready for requests; `more` configures its platform."""
    (folder / "frontline.toml").write_text(desk_file, encoding="utf-8")
    log = folder / "frontline.log"
    inherited = {key: value for key, value in os.environ.items() if not key.lower().endswith("_proxy")}
    environment = {**inherited, **more} | {
        "FRONTLINE_CONFIG": str(folder / "frontline.toml"),
        "FRONTLINE_CLOCK": f"{FRIDAY_AFTERNOON}*{speed:g}",
        "DATABASE_URL": f"sqlite:///{folder}/frontline.db",
        "HOST": "127.0.0.1",
        "PORT": str(port),
    }
    with log.open("wb") as sink:
        bot = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bot", "serve", env=environment, stdout=sink, stderr=sink
        )
    try:
        await _listening(bot, port, log)
        yield
    finally:
        await _stopped(bot)


async def _listening(bot: asyncio.subprocess.Process, port: int, log: Path) -> None:
    try:
        async with asyncio.timeout(PATIENCE):
            while bot.returncode is None:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                except OSError:
                    await asyncio.sleep(0.05)
                else:
                    writer.close()
                    return
    except TimeoutError:
        pass
    logged = await asyncio.to_thread(log.read_text, encoding="utf-8")
    raise DemoFault(f"the desk did not start; its log: {logged}")


async def _stopped(bot: asyncio.subprocess.Process) -> None:
    if bot.returncode is not None:
        return
    bot.terminate()
    try:
        async with asyncio.timeout(PATIENCE):
            await bot.wait()
    except TimeoutError:
        bot.kill()
        await bot.wait()
