"""OpenTelemetry: what spans and metrics say, that they never say what people wrote, and when they are on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from aiohttp import web
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import CollectorRegistry

from adapters.otel import ENDPOINT, exported
from adapters.otel.exporter import OpenTelemetry, observe, resource
from bot import spans
from bot.model.api_token import Scope
from bot.reports.promise_metrics import PromiseMetrics
from tests.harness import ALICE, BOB, S2
from tests.web.api_desk import api_desk

WORDS = "Bills-of-Erika-are-late"


async def test_spans_of_requests_acts_and_deliveries(tmp_path: Path) -> None:
    """Names, the ticket's key and the outcome; of a fault its type only."""
    spans_kept, reader = InMemorySpanExporter(), InMemoryMetricReader()
    tracers, meters = TracerProvider(), MeterProvider([reader])
    tracers.add_span_processor(SimpleSpanProcessor(spans_kept))
    with spans.recorded_by(OpenTelemetry(tracers, meters)):
        async with api_desk(tmp_path) as api:
            token = await api.token(scope=Scope.READ)
            key = await api.desk.submits(ALICE, WORDS, S2, details=WORDS)
            await api.desk.presses(BOB, "Take it", key)
            await api.get(f"tickets/{key}?account={WORDS}", token)
            await api.get(f"tickets/{WORDS}", token)
            await api.get(WORDS, token)
        with pytest.raises(ValueError, match=WORDS), spans.span(spans.Work.ACT, "Press", {}):
            raise ValueError(WORDS)
    ended = spans_kept.get_finished_spans()
    said = [(span.name, dict(span.attributes or {})) for span in ended]
    requests = [each for name, each in said if name == "GET /api/v1/tickets/{key}"]
    assert [(each.get(spans.TICKET), each[spans.STATUS]) for each in requests] == [(key, 422), (None, 404)]
    (take,) = (each for name, each in said if name == "Press take")
    assert (take[spans.TICKET], take[spans.OUTCOME]) == (key, "done")
    sent = [each for name, each in said if name == "deliver to slack" and each.get(spans.TICKET) == key]
    assert {each[spans.OUTCOME] for each in sent} == {"sent"}
    assert take[spans.TRACE] in {each[spans.TRACE] for each in sent}, "the log's id, from press to message"
    assert said[-1] == ("Press", {"error.type": "ValueError"})
    exported_text = "".join(span.to_json() for span in ended) + str(reader.get_metrics_data())
    for secret in (WORDS, token, "Alice", "Bob"):
        assert secret not in exported_text
    assert "frontline.delivery.duration" in exported_text
    tracers.shutdown()
    meters.shutdown()


def test_metrics_have_the_names_that_prometheus_gets() -> None:
    """Gauges and counters as they are; a histogram is its count and sum."""
    registry, reader = CollectorRegistry(), InMemoryMetricReader()
    meters = MeterProvider([reader])
    metrics = PromiseMetrics(registry=registry)
    observe(registry, meters)
    metrics.pages.labels(severity="S1").inc(3)
    metrics.response.labels(severity="S1", metric="first_response").observe(90)
    found = reader.get_metrics_data()
    assert found is not None
    values = {
        metric.name: [(dict(point.attributes or {}), getattr(point, "value", None)) for point in points]
        for each in found.resource_metrics
        for scope in each.scope_metrics
        for metric in scope.metrics
        if (points := metric.data.data_points)
    }
    assert values["frontline_pages_total"] == [({"severity": "S1"}, 3.0)]
    assert values["frontline_response_seconds_sum"] == [
        ({"severity": "S1", "metric": "first_response"}, 90.0)
    ]
    meters.shutdown()


async def test_they_are_sent_where_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """The standard variables: where to, with which header, and under which name."""
    got: dict[str, tuple[str, bytes]] = {}

    async def take(request: web.Request) -> web.Response:
        got[request.path] = request.headers.get("api-key", ""), await request.read()
        return web.Response()

    app = web.Application()
    app.router.add_post("/v1/{what}", take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    monkeypatch.setenv(ENDPOINT, f"http://{host}:{port}")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "api-key=abc")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "none")
    async with exported():
        with spans.span(spans.Work.ACT, "Press take", spans.about("ACME-1")):
            pass
    await runner.cleanup()
    assert set(got) == {"/v1/traces", "/v1/metrics"}
    header, body = got["/v1/traces"]
    assert header == "abc"
    assert all(word in body for word in (b"Press take", b"ACME-1", b"frontline"))
    monkeypatch.setenv("OTEL_SERVICE_NAME", "desk-eu")
    assert resource().attributes["service.name"] == "desk-eu"


def test_without_an_endpoint_nothing_of_it_is_imported() -> None:
    """Elsewhere nobody imports it, as a contract of import-linter says."""
    program = (
        "import asyncio, sys, adapters.otel\n"
        "async def run():\n"
        "    async with adapters.otel.exported(): pass\n"
        "asyncio.run(run())\n"
        "print([name for name in sys.modules if name.startswith('opentelemetry')])\n"
    )
    env = {"PATH": "", "PYTHONPATH": str(Path(__file__).resolve().parent.parent.parent)}
    words = [sys.executable, "-c", program]
    done = subprocess.run(words, env=env, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
