"""Metrics of promises: what stored changes settle."""

from __future__ import annotations

from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from bot.reports.promise_metrics import PromiseMetrics
from tests.harness import ALICE, BOB, S1, S2, TRIAGE, DeskInMemory, open_desk

FRIDAY = "2026-03-20T09:00:00Z"


async def counted(folder: Path, by_account: bool = False) -> tuple[DeskInMemory, CollectorRegistry]:
    desk = await open_desk(folder, FRIDAY)
    desk.desk.metrics = PromiseMetrics(by_account, CollectorRegistry())
    return desk, desk.desk.metrics.registry


async def test_met_and_missed_promises_and_their_times(tmp_path: Path) -> None:
    """contract.md, Metrics: a late answer is a breach, and its time counts as well."""
    desk, registry = await counted(tmp_path)
    first_response = {"severity": "S2", "metric": "first_response"}

    def value(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(name, first_response | labels)

    kept = await desk.submits(ALICE, "Bills are slow", S2)
    await desk.fast_forward(minutes=30)
    await desk.submits_form(BOB, "Reply", kept, text="We look into it")
    await desk.submits_form(BOB, "Update", kept, text="Still looking")
    assert value("frontline_promises_total", outcome="met") == 1
    assert value("frontline_response_seconds_sum") == 1800
    late = await desk.submits(ALICE, "Bills are late", S2)
    await desk.fast_forward(hours=5)
    assert value("frontline_promises_total", outcome="breached") == 1
    await desk.submits_form(BOB, "Resolve", late, text="Done")
    assert value("frontline_promises_total", outcome="met") == 1
    assert value("frontline_promises_total", outcome="breached") == 1
    assert value("frontline_response_seconds_count") == 2
    assert value("frontline_response_seconds_sum") == pytest.approx(1800 + 18_000, abs=1)


async def test_pages_and_how_long_their_answer_took(tmp_path: Path) -> None:
    desk, registry = await counted(tmp_path, by_account=True)
    labels = {"severity": "S1", "account": "acme"}
    key = await desk.submits(ALICE, "Down", S1)
    await desk.fast_forward(minutes=6)
    assert registry.get_sample_value("frontline_pages_total", labels) == 2
    await desk.presses(BOB, "Acknowledge", key, TRIAGE)
    assert registry.get_sample_value("frontline_page_answer_seconds_count", labels) == 1
    assert registry.get_sample_value("frontline_page_answer_seconds_sum", labels) == pytest.approx(360, abs=1)
