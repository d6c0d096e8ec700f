"""Logs and metrics for operators. Logs contain no secrets and no text of customers."""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from collections.abc import Callable, MutableMapping
from typing import Any, Protocol, TextIO, cast

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest


class LineSink(Protocol):
    """Takes whole lines."""

    def write(self, text: str, /) -> int: ...
    def flush(self) -> None: ...


def configure_logs(quiet: bool = False, sink: LineSink | None = None) -> None:
    """Logs to stderr or `sink`: plain text on a terminal, else JSON. `quiet` logs errors only."""
    on_terminal = sys.stderr.isatty()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            shortened,
            structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
            if on_terminal
            else structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR if quiet else logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(cast("TextIO", sink) if sink else sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(handlers=[_Forwarded()], level=logging.WARNING, force=True)


MOST_CHARACTERS, MOST_OF_A_TRACEBACK = 2_000, 16_000
"""Of one value of a log line. Log readers drop or split lines of more than 64 KiB."""


def shortened(_logger: object, _method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A processor that cuts the middle out of long values: strangers send ids of any length."""
    for name, value in line.items():
        if value is None or isinstance(value, bool | int | float):
            continue
        text = value if isinstance(value, str) else str(value)
        most = MOST_OF_A_TRACEBACK if name == "exception" else MOST_CHARACTERS
        if len(text) > most:
            line[name] = f"{text[: most // 2]} … {text[-most // 2 :]}"
    return line


class _Forwarded(logging.Handler):
    """Writes log records of libraries in our format."""

    def emit(self, record: logging.LogRecord) -> None:
        said = structlog.get_logger().bind(logger=record.name)
        said.log(record.levelno, record.getMessage(), exc_info=record.exc_info)


class LoopFaults:
    """Logs faults of the event loop, each kind once a minute.

    Without file descriptors, asyncio reports a hundred connections a second that it cannot accept.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._logged_at: dict[str, float] = {}

    def __call__(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        fault = context.get("exception")
        kind = f"{context.get('message')} {type(fault).__name__}"
        now = self._monotonic()
        if now - self._logged_at.get(kind, -LOOP_FAULTS_EVERY) < LOOP_FAULTS_EVERY:
            return
        self._logged_at[kind] = now
        said = structlog.get_logger("frontline")
        if isinstance(fault, OSError):
            said.error("the event loop reports a fault", what=context.get("message"), why=fault.strerror)
        else:
            said.error("the event loop reports a fault", what=context.get("message"), exc_info=fault)


LOOP_FAULTS_EVERY = 60.0
"""Seconds between two log lines of one kind of fault."""
REGISTRY = CollectorRegistry()
_LATE = (0.05, 0.25, 1, 5, 15, 60, 300, 1800, 7200, 43200)
"""Bucket bounds in seconds."""

tickets = Gauge("frontline_tickets", "Tickets that are not closed", registry=REGISTRY)
open_promises = Gauge(
    "frontline_promises_open",
    "Promises of open tickets that are still to be met, late or not",
    ["severity", "metric"],
    registry=REGISTRY,
)
clocks = Gauge("frontline_clocks", "Tickets with something still to fall due", registry=REGISTRY)
overdue = Gauge("frontline_wakes_overdue", "Tickets whose wake-up came 30 s ago or more", registry=REGISTRY)
wake_late = Histogram(
    "frontline_wake_late_seconds",
    "How late the earliest ticket of a round was woken, by the desk's clock",
    buckets=_LATE,
    registry=REGISTRY,
)
waiting = Gauge("frontline_messages_waiting", "Messages still to be said", ["priority"], registry=REGISTRY)
oldest = Gauge(
    "frontline_message_oldest_seconds",
    "Age of the oldest message still to be said",
    ["priority"],
    registry=REGISTRY,
)
delivery_late = Histogram(
    "frontline_delivery_late_seconds",
    "From the decision to the platform's answer",
    ["platform", "priority"],
    buckets=_LATE,
    registry=REGISTRY,
)
deliveries = Counter(
    "frontline_deliveries",
    "Messages by what became of a try: sent, found, put_off, unpaid, overtaken, refused",
    ["platform", "priority", "outcome"],
    registry=REGISTRY,
)
acts = Counter("frontline_acts", "What people did, by kind", ["kind"], registry=REGISTRY)
pager_tested_at = Gauge(
    "frontline_drill_timestamp_seconds",
    "When the last test of the pager arrived; 0: never",
    registry=REGISTRY,
)
pager_test_took = Gauge("frontline_drill_seconds", "How long that test was on its way", registry=REGISTRY)
log_lines_lost = Counter("frontline_log_lines_lost", "Log lines that could not be written", registry=REGISTRY)
alarms = Counter("frontline_alarms", "Times that the desk found itself behind", registry=REGISTRY)


def exposition() -> bytes:
    """All metrics in Prometheus' text format."""
    return generate_latest(REGISTRY)
