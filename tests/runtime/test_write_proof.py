"""Readiness is proven by writing, and what is wrong is said without secrets."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from sqlite3 import OperationalError

import pytest

from bot.desk.desk import InMemoryKeyValueStore
from bot.ports import StoreUnavailable
from bot.runtime.write_proof import GOOD_FOR, WriteProof
from tests.harness import HeldClock


class Unwell(InMemoryKeyValueStore):
    """Fails or hangs while it is told to, and counts what it was asked to keep."""

    def __init__(self) -> None:
        super().__init__()
        self.fault: Exception | None = None
        self.writes = 0

    async def put(self, topic: str, key: str, value: str, expires_at: datetime | None = None) -> None:
        self.writes += 1
        if isinstance(self.fault, asyncio.CancelledError | TimeoutError):
            await asyncio.Event().wait()
        if self.fault is not None:
            raise self.fault


def a_proof() -> tuple[Unwell, HeldClock, WriteProof]:
    store, clock = Unwell(), HeldClock("2026-03-20T12:00:00Z")
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
    store.fault = OperationalError("database or disk is full")
    assert await proof.fault() == "the database cannot be written: database or disk is full"


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (OperationalError("database or disk is full"), "database or disk is full"),
        (StoreUnavailable("the database does not answer"), "the database does not answer"),
        (OSError("connect to db.internal as admin"), "OSError; the log says more"),
    ],
)
async def test_a_fault_is_named_until_it_is_over(fault: Exception, says: str) -> None:
    store, clock, proof = a_proof()
    store.fault = fault
    assert await proof.fault() == f"the database cannot be written: {says}"
    store.fault = None
    clock.at += GOOD_FOR
    assert await proof.fault() is None


async def test_a_write_that_hangs_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.runtime.write_proof.TIMEOUT", 0.01)
    store, _, proof = a_proof()
    store.fault = TimeoutError()
    assert await proof.fault() == "the database cannot be written: no answer within 0.01 s"
