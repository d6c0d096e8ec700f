"""OpenTelemetry, an optional extra. Nothing of it is imported unless an OTLP endpoint is set."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog

log = structlog.get_logger(__name__)

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
"""The variable that switches traces and metrics on."""


@asynccontextmanager
async def exported() -> AsyncIterator[None]:
    """Exports traces and metrics meanwhile, if the environment names where to."""
    if not os.environ.get(ENDPOINT, "").strip():
        yield
        return
    try:
        from adapters.otel.exporter import exporting
    except ModuleNotFoundError as missing:
        if not (missing.name or "").startswith("opentelemetry"):
            raise
        log.warning(f"{ENDPOINT} is set, but nothing is exported: run pip install 'frontline[otel]'")
        yield
        return
    async with exporting():
        yield
