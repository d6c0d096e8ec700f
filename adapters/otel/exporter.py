"""Spans and metrics for OpenTelemetry, exported by OTLP as the standard OTEL_ variables say."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from importlib.metadata import version

import structlog
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.metrics import CallbackOptions, Observation
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, Status, StatusCode
from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric as Family

from bot import spans
from bot.spans import KIND, OUTCOME, PLATFORM, PRIORITY, ROUTE, STATUS, Known, Work
from bot.telemetry import REGISTRY

log = structlog.get_logger(__name__)

NAME = "frontline"
TIMEOUT = 3.0
"""Seconds of an export with its retries, unless the environment says another; also of the last one, when the
process stops. The exporter's own default of 10 would outlast what a process has to stop."""
ERROR = "error.type"
_KINDS = {Work.REQUEST: SpanKind.SERVER, Work.ACT: SpanKind.INTERNAL, Work.DELIVERY: SpanKind.PRODUCER}
_FEW_VALUES = {OUTCOME, KIND, PLATFORM, PRIORITY, ROUTE, STATUS, ERROR}
"""The attributes by which durations are told apart: each has few values."""
_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


@asynccontextmanager
async def exporting() -> AsyncIterator[None]:
    """Exports meanwhile; at the end, sends what is left. A collector that fails delays nothing but that."""
    timeout = None if os.environ.get("OTEL_EXPORTER_OTLP_TIMEOUT") else TIMEOUT
    reader = PeriodicExportingMetricReader(OTLPMetricExporter(timeout=timeout))
    tracers, meters = TracerProvider(resource=resource()), MeterProvider([reader], resource())
    tracers.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(timeout=timeout)))
    observe(REGISTRY, meters)
    log.info("exports traces and metrics by OpenTelemetry")
    try:
        with spans.recorded_by(OpenTelemetry(tracers, meters)):
            yield
    finally:
        await asyncio.gather(asyncio.to_thread(tracers.shutdown), asyncio.to_thread(meters.shutdown))


def resource() -> Resource:
    """What the environment says about this process; its name is `frontline` unless that says another."""
    ours = {SERVICE_NAME: NAME, SERVICE_VERSION: version(NAME)}
    given = Resource.create()
    if str(given.attributes[SERVICE_NAME]).startswith("unknown_service"):
        return given.merge(Resource(ours))
    return given


class OpenTelemetry:
    """Records spans, and their durations as histograms."""

    def __init__(self, tracers: TracerProvider, meters: MeterProvider) -> None:
        self._tracer = tracers.get_tracer(NAME)
        meter = meters.get_meter(NAME)
        self._durations = {
            work: meter.create_histogram(
                f"frontline.{work}.duration",
                unit="s",
                description=f"How long each {work} took",
                explicit_bucket_boundaries_advisory=_BUCKETS,
            )
            for work in Work
        }

    @contextmanager
    def span(self, work: Work, name: str, known: Known) -> Iterator[None]:
        """See SpanRecorder. A fault is recorded by its type: its text may contain what people wrote."""
        began = time.monotonic()
        with self._tracer.start_as_current_span(
            name, kind=_KINDS[work], record_exception=False, set_status_on_exception=False
        ) as span:
            try:
                yield
            except BaseException as fault:
                known[ERROR] = type(fault).__name__
                span.set_status(Status(StatusCode.ERROR))
                raise
            finally:
                span.set_attributes(known)
                few = {name: value for name, value in known.items() if name in _FEW_VALUES}
                self._durations[work].record(time.monotonic() - began, few)


def observe(registry: CollectorRegistry, meters: MeterProvider) -> None:
    """Exports the registry's metrics under the names that Prometheus gets; of histograms, count and sum."""
    meter = meters.get_meter(NAME)
    for family in registry.collect():
        if family.type == "gauge":
            callback = partial(_observations, registry, family.name, family.name)
            meter.create_observable_gauge(family.name, [callback], description=family.documentation)
            continue
        for end in ("_total",) if family.type == "counter" else ("_count", "_sum"):
            callback = partial(_observations, registry, family.name, family.name + end)
            meter.create_observable_counter(family.name + end, [callback], description=family.documentation)


def _observations(
    registry: CollectorRegistry, family: str, name: str, options: CallbackOptions
) -> Iterable[Observation]:
    found: Iterable[Family] = (each for each in registry.collect() if each.name == family)
    for each in found:
        for sample in each.samples:
            if sample.name == name:
                yield Observation(sample.value, sample.labels)
