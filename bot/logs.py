"""Writes log lines in a thread, so that a log that is full or slow fails no act; and logs faults."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from queue import Full, Queue
from threading import Thread
from typing import Any

import structlog

from bot import telemetry
from bot.faults import OperatorFault
from bot.ports import PermanentFailure, TemporaryFailure

MOST_LINES = 10_000
"""How many lines wait for a slow reader. Further ones are lost, and counted."""
STUCK_AFTER = 5.0
"""Seconds after which a line that is still being written is a fault."""
LAST_LINES_WITHIN = 1.0
"""Seconds that the last lines have when the process ends."""


class LogSink:
    """A file-like object for `structlog.WriteLoggerFactory`. `write` never blocks and never raises.

    After a fault it goes on with the next line. `faults` says what is wrong at the moment.
    """

    def __init__(self, descriptor: int, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._descriptor, self._monotonic = descriptor, monotonic
        self._lines: Queue[bytes | None] = Queue(MOST_LINES)
        self._lost = 0
        self._problem = ""
        self._writing_since: float | None = None
        self._thread = Thread(target=self._run, name="log", daemon=True)
        self._thread.start()

    def write(self, text: str) -> int:
        try:
            self._lines.put_nowait(text.encode("utf-8", "backslashreplace"))
        except Full:
            self._lose()
        return len(text)

    def flush(self) -> None:
        """Does nothing: the thread writes each line at once."""

    def close(self, within: float = LAST_LINES_WITHIN) -> None:
        """Gives the last lines some time. What cannot be written then is lost with the process."""
        try:
            self._lines.put(None, timeout=within)
        except Full:
            return
        self._thread.join(within)

    def faults(self) -> list[str]:
        """Why lines are lost or late, for /readyz; empty if they are written."""
        if self._problem:
            return [f"the log cannot be written: {self._problem}"]
        since = self._writing_since
        if since is not None and self._monotonic() - since > STUCK_AFTER:
            return ["the log cannot be written: its reader has stopped reading"]
        return []

    def _lose(self) -> None:
        self._lost += 1
        telemetry.log_lines_lost.inc()

    def _run(self) -> None:
        while (line := self._lines.get()) is not None:
            if self._lost and not self._problem:
                lost, self._lost = self._lost, 0
                line = f"{lost} log lines were lost before this one\n".encode() + line
            self._write(line)

    def _write(self, line: bytes) -> None:
        self._writing_since = self._monotonic()
        try:
            while line:
                line = line[os.write(self._descriptor, line) :]
        except OSError as wrong:
            self._problem = wrong.strerror or type(wrong).__name__
            self._lose()
        else:
            self._problem = ""
        finally:
            self._writing_since = None


OUTSIDE = (TemporaryFailure, PermanentFailure, OperatorFault)
"""What platforms and the database raise: the place in our code says nothing about the cause."""


def log_fault(log: structlog.stdlib.BoundLogger, event: str, **about: Any) -> None:
    """Logs the exception that is being handled."""
    fault = sys.exception()
    if isinstance(fault, OUTSIDE):
        log.warning(event, why=str(fault) or type(fault).__name__, **about)
    else:
        log.exception(event, **about)
