"""Child processes of the benchmarks. They report one JSON object a line, and we end them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any

HOUSE = Path(__file__).resolve().parent.parent
PATIENCE = 60.0
"""Seconds to wait for a report of a child."""

Json = dict[str, Any]


class NoReport(RuntimeError):
    """A child ended, or did not report in time."""


@dataclass
class Child:
    """A process and its reports."""

    process: subprocess.Popen[str]
    heard: SimpleQueue[Json | None] = field(default_factory=SimpleQueue)

    def __post_init__(self) -> None:
        Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        assert self.process.stdout
        with self.process.stdout as said:
            for line in said:
                # The last line of a killed process may be cut short.
                if line.endswith("\n"):
                    self.heard.put(json.loads(line))
        self.heard.put(None)

    def read(self, within: float = PATIENCE) -> Json:
        """Returns the next report. Raises NoReport."""
        try:
            said = self.heard.get(timeout=within)
        except Empty:
            raise NoReport(f"{self.process.args!r} did not report for {within:g} s") from None
        if said is None:
            raise NoReport(f"{self.process.args!r} ended")
        return said

    def unread(self) -> Iterator[Json]:
        """All unread reports."""
        while not self.heard.empty():
            said = self.heard.get()
            if said is not None:
                yield said

    def kill(self) -> None:
        """Sends SIGKILL."""
        self.process.kill()
        self.process.wait()


@contextmanager
def child(module: str, *words: str, **environment: str) -> Iterator[Child]:
    """Runs `python -m module words…` and ends it when the context ends."""
    process = subprocess.Popen(
        [sys.executable, "-m", module, *words],
        cwd=HOUSE,
        env=inherited() | environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=None if "BENCH_DEBUG" in os.environ else subprocess.DEVNULL,
        text=True,
    )
    try:
        yield Child(process)
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def report(**news: Any) -> None:
    """Reports to the parent process."""
    print(json.dumps(news), flush=True)


def inherited() -> dict[str, str]:
    """Our environment without proxies, since everything is on this machine."""
    return {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
