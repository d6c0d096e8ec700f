"""Processes of the measurements: each tells its news a line at a time, and is ended by us."""

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
"""Seconds until a child has to have said something."""

Json = dict[str, Any]


class Silent(RuntimeError):
    """A child ended, or said nothing for too long."""


@dataclass
class Child:
    """A process, and what it has said: one JSON object a line."""

    process: subprocess.Popen[str]
    heard: SimpleQueue[Json | None] = field(default_factory=SimpleQueue)

    def __post_init__(self) -> None:
        Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        assert self.process.stdout
        with self.process.stdout as said:
            for line in said:
                # The last line of one that was killed may be cut short.
                if line.endswith("\n"):
                    self.heard.put(json.loads(line))
        self.heard.put(None)

    def hear(self, within: float = PATIENCE) -> Json:
        """What it says next. Raises Silent."""
        try:
            said = self.heard.get(timeout=within)
        except Empty:
            raise Silent(f"{self.process.args!r} said nothing for {within:g} s") from None
        if said is None:
            raise Silent(f"{self.process.args!r} ended")
        return said

    def news(self) -> Iterator[Json]:
        """All that it has said and nobody has heard yet."""
        while not self.heard.empty():
            said = self.heard.get()
            if said is not None:
                yield said

    def kill(self) -> None:
        """SIGKILL, wherever it is."""
        self.process.kill()
        self.process.wait()


@contextmanager
def child(module: str, *words: str, **environment: str) -> Iterator[Child]:
    """`python -m module words…`, ended at the end."""
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


def tell(**news: Any) -> None:
    """What a child says to whoever has started it."""
    print(json.dumps(news), flush=True)


def inherited() -> dict[str, str]:
    """Our environment without proxies: everything is on this machine."""
    return {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
