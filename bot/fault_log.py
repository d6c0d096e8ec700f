"""Logs why an act was not done: in one line if something outside failed, with the traceback if we did."""

from __future__ import annotations

import sys
from typing import Any

import structlog

from bot.faults import OperatorFault
from bot.ports import PermanentFailure, TemporaryFailure

OUTSIDE = (TemporaryFailure, PermanentFailure, OperatorFault)
"""What platforms and the database raise: the place in our code says nothing about the cause."""


def log_fault(log: structlog.stdlib.BoundLogger, event: str, **about: Any) -> None:
    """Logs the exception that is being handled."""
    fault = sys.exception()
    if isinstance(fault, OUTSIDE):
        log.warning(event, why=str(fault) or type(fault).__name__, **about)
    else:
        log.exception(event, **about)
