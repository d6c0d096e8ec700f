"""The desk that `console` and `demo` show if there is no desk's file."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from adapters.sql.store import connect
from bot.cli.try_out import console_database, remembered_time, sample_desk
from bot.clock import ManualClock
from bot.faults import OperatorFault
from sla_core.catalog.load import Faults, vendors
from tests.harness import ALICE, S2, open_desk


@pytest.mark.parametrize("vendor", vendors())
def test_every_pack_has_one(vendor: str) -> None:
    settings = sample_desk(vendor)
    assert settings.policies[-1].vendor == vendor
    assert settings.warnings == ()
    assert settings.accounts["acme"].plan in settings.policies[-1].plans


def test_a_folder_is_relative_to_the_working_directory(
    ours: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """contract.md; also one with a name that TOML would read otherwise."""
    monkeypatch.chdir(tmp_path)
    ours.rename('our "own" \\policies')
    assert sample_desk('./our "own" \\policies').policies[-1].vendor == "m3ter"


def test_an_unknown_vendor_is_a_fault() -> None:
    with pytest.raises(Faults, match="no such vendor or folder"):
        sample_desk("m4ter")


def test_the_console_keeps_its_tickets_in_the_database_that_is_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """contract.md, Commands."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DATABASE_URL", raising=False)
    assert console_database() == "sqlite://"
    monkeypatch.setenv("DATABASE_URL", "sqlite:///kept.db")
    assert console_database() == "sqlite:///kept.db"


async def test_a_session_goes_on_from_where_the_last_one_had_skipped_to() -> None:
    first, second = ManualClock(), ManualClock()
    async with connect("sqlite://") as store:
        async with remembered_time(store, first):
            first.advance_to(first.now() + timedelta(days=2))
            ended_at = first.now()
        async with remembered_time(store, second):
            assert second.now() >= ended_at


async def test_the_database_of_a_desk_is_refused(tmp_path: Path) -> None:
    """Its waiting messages are for customers, not for a terminal."""
    async with connect("sqlite://") as store:
        desk = await open_desk(tmp_path, "2026-03-20T10:00:00Z", store=store)
        await desk.submits(ALICE, "Bills are slow", S2)
        with pytest.raises(OperatorFault, match="name another database"):
            async with remembered_time(store, ManualClock()):
                raise AssertionError("it began")
