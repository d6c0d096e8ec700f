"""Readiness is proven by writing, and what is wrong is said without secrets."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from bot.runtime.monitor import GOOD_FOR, WriteProof
from tests.harness import HeldClock


class UnwellStore:
    """Fails or hangs while it is told to, and counts what it was asked to keep."""

    def __init__(self) -> None:
        self.fault: str | None = None
        self.hangs = False
        self.writes = 0

    async def write_fault(self) -> str | None:
        self.writes += 1
        if self.hangs:
            await asyncio.Event().wait()
        return self.fault


def a_proof() -> tuple[UnwellStore, HeldClock, WriteProof]:
    store, clock = UnwellStore(), HeldClock("2026-03-20T12:00:00Z")
    return store, clock, WriteProof(store, clock)


async def test_many_questions_are_one_write() -> None:
    store, clock, proof = a_proof()
    assert await asyncio.gather(*(proof.fault() for _ in range(50))) == [None] * 50
    assert store.writes == 1
    clock.at += GOOD_FOR
    assert await proof.fault() is None
    assert store.writes == 2


async def test_a_clock_that_is_set_back_does_not_keep_an_old_result() -> None:
    store, clock, proof = a_proof()
    assert await proof.fault() is None
    clock.at -= timedelta(days=1)
    store.fault = "database or disk is full"
    assert await proof.fault() == "the database cannot be written: database or disk is full"


async def test_a_fault_is_named_until_it_is_over() -> None:
    store, clock, proof = a_proof()
    store.fault = "database or disk is full"
    assert await proof.fault() == "the database cannot be written: database or disk is full"
    store.fault = None
    clock.at += GOOD_FOR
    assert await proof.fault() is None


async def test_a_write_that_hangs_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.runtime.monitor.TIMEOUT", 0.01)
    store, _, proof = a_proof()
    store.hangs = True
    assert await proof.fault() == "the database cannot be written: no answer within 0.01 s"
