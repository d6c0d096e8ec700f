"""Logs for operators: one line each, times in UTC, no secrets and no customer's words."""

from __future__ import annotations

import logging
import sys

import structlog


def configure_logs(quiet: bool = False) -> None:
    """To stderr: JSON when it is collected, plain text on a terminal; `quiet` keeps errors only."""
    on_terminal = sys.stderr.isatty()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
            if on_terminal
            else structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR if quiet else logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(handlers=[_Forwarded()], level=logging.WARNING, force=True)


class _Forwarded(logging.Handler):
    """What libraries warn of, as lines like ours."""

    def emit(self, record: logging.LogRecord) -> None:
        said = structlog.get_logger().bind(logger=record.name)
        said.log(record.levelno, record.getMessage(), exc_info=record.exc_info)
