"""The real `frontline` as a process: started with an environment of its own, listened to, ended."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from asyncio.subprocess import Process
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.process.forked_process import ForkedProcess
from tests.waiting import PATIENCE

STOPS_WITHIN = 30.0
"""Seconds for a stop: three times those that it has, for a busy machine."""
TOKEN, SECRET = "xoxb-frontline", "signing-secret-of-the-app"
"""What FakeSlack expects of the desk, and signs with."""
HASTY = "tests.process.hasty_desk"
"""The module of a desk that hardly waits for Slack's pace; "bot" keeps it."""
OURS = ("SLACK_", "FRONTLINE_", "MICROSOFT_", "DATABASE_URL", "HOST", "PORT", "COVERAGE")


def environment(**given: str) -> dict[str, str]:
    """This one without what the desk reads and without proxies; then what is given.

    Warnings are errors, except those of the garbage collector: a connection that is accepted while
    the process ends is closed with it, and whether Python remarks on that is a matter of luck.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(OURS) and not name.lower().endswith("_proxy")
    }
    return kept | {"PYTHONWARNINGS": "error,ignore::ResourceWarning", "PYTHONFAULTHANDLER": "1"} | given


@dataclass(frozen=True)
class CommandResult:
    """What a command that ended said."""

    code: int
    out: str
    err: str

    @property
    def faults(self) -> list[str]:
        return self.err.splitlines()


async def frontline(*words: str, folder: Path, **given: str) -> CommandResult:
    """Run one command to its end."""
    process = await ForkedProcess.start(words, folder, environment(**given))
    async with asyncio.timeout(PATIENCE):
        out, err = await process.communicate()
    assert process.returncode is not None
    return CommandResult(process.returncode, out.decode(), err.decode())


@dataclass
class DeskProcess:
    """A `frontline serve` that listens, and what it has logged so far."""

    process: ForkedProcess | Process
    logged: list[dict[str, Any]] = field(default_factory=list)
    _reader: asyncio.Task[None] | None = None
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    @classmethod
    async def spawn(cls, folder: Path, module: str = HASTY, **given: str) -> DeskProcess:
        """Returns at once: it may not listen yet. `module` runs the desk."""
        given = {"HOST": "127.0.0.1", "PORT": "0"} | given
        made = cls(await ForkedProcess.start(["serve"], folder, environment(**given), module))
        made._reader = asyncio.create_task(made._read())
        made._reader.add_done_callback(lambda _: made._news.set())
        return made

    @classmethod
    async def start(cls, folder: Path, module: str = HASTY, **given: str) -> DeskProcess:
        """Returns when it listens, on a port of its own choice."""
        made = await cls.spawn(folder, module, **given)
        try:
            await made.says("listening")
        except BaseException:
            await made.kill()
            raise AssertionError(f"it does not listen; it says: {made.logged}") from None
        return made

    @property
    def address(self) -> str:
        """Where it listens; nowhere as long as it does not."""
        listening = (line["address"] for line in self.logged if line.get("event") == "listening")
        return next(listening, "")

    @property
    def events(self) -> str:
        """Where Slack is to send what happens."""
        return f"{self.address}/slack/events"

    async def says(self, event: str) -> None:
        """Returns once it has logged this."""
        async with asyncio.timeout(PATIENCE):
            while not any(line.get("event") == event for line in self.logged):
                if self._reader is None or self._reader.done():
                    raise EOFError(f"it ended, and never said “{event}”; last it said: {self.logged[-3:]}")
                self._news.clear()
                await self._news.wait()

    def troubles(self) -> list[dict[str, Any]]:
        """What was logged as an error, and what was no log line at all."""
        return [line for line in self.logged if line.get("level") not in ("info", "warning")]

    async def stop(self) -> int:
        """Sends SIGTERM. Returns the exit code; fails with the last output and stack if it does not end."""
        self.process.terminate()
        try:
            async with asyncio.timeout(STOPS_WITHIN):
                return await self._ended()
        except TimeoutError:
            said = len(self.logged) - 8
            self.process.send_signal(signal.SIGABRT)
            await self._ended()
            last = "\n".join(str(line.get("event")) for line in self.logged[max(said, 0) :])
            raise AssertionError(f"not stopped within {STOPS_WITHIN:g} s:\n{last}") from None

    async def kill(self) -> None:
        """SIGKILL, wherever it is."""
        if self.process.returncode is None:
            self.process.kill()
        await self._ended()

    async def _ended(self) -> int:
        code = await self.process.wait()
        if self._reader:
            await self._reader
        return code

    async def _read(self) -> None:
        assert self.process.stderr is not None
        async for line in self.process.stderr:
            try:
                said = json.loads(line)
            except ValueError:
                said = {"level": "none", "event": line.decode(errors="replace").rstrip()}
            self.logged.append(said)
            self._news.set()
