"""`GET /api/v1/reports`: the figures of `frontline report`, for the accounts that a token reaches."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.api import reports
from bot.model.api_token import Scope
from bot.ports import Selection
from bot.reports.formats.rows import REPORT_HEAD, csv_line, report_rows
from bot.reports.period_report import Reading, period_report
from sla_core.calendar import Span
from tests.harness import ALICE, BOB, S1, S2, S3, SILVER
from tests.web.api_desk import FRIDAY, ApiDesk, api_desk

YEAR = {"from": "2026-01-01", "to": "2027-01-01"}


async def worked(api: ApiDesk) -> None:
    """One answered in time, one late, one that is open, one of another account."""
    await api.desk.submits(ALICE, "Bills are late", S2)
    await api.desk.submits_form(BOB, "Reply", "ACME-1", text="We look into it")
    await api.desk.submits(ALICE, "It is late again", S2)
    await api.desk.submits(ALICE, "All is down", S1, SILVER)
    await api.desk.fast_forward(hours=5)
    await api.desk.submits_form(BOB, "Reply", "ACME-2", text="We look into it")
    await api.desk.submits(ALICE, "One page is slow", S3)


async def test_a_report_has_the_figures_of_the_command(tmp_path: Path) -> None:
    """contract.md: `report --format csv`, cell by cell; an empty one is null."""
    async with api_desk(tmp_path) as api:
        await worked(api)
        answer = (await api.get("reports", await api.token(scope=Scope.READ), **YEAR)).body
        desk = api.desk.desk
        chosen = Selection(Span(datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)))
        made = await period_report(Reading(api.store, desk.directory, chosen, desk.clock.now()))
        lines = "".join(map(csv_line, [REPORT_HEAD, *report_rows(made.tally)]))
        in_csv = list(csv.DictReader(io.StringIO(lines)))
        shown = [
            {name: "" if cell is None else cell if name != "attainment" else f"{cell:.4f}"}
            for row in answer["rows"]
            for name, cell in row.items()
        ]
        assert [{name: str(cell) for name, cell in each.items()} for each in shown] == [
            {name: cell} for row in in_csv for name, cell in row.items()
        ]
        assert {(row["metric"], row["met"], row["breached"]) for row in answer["rows"]} >= {
            ("first_response", 1, 1)
        }
        assert (answer["from"], answer["to"], answer["left_out"]) == ("2026-01-01", "2027-01-01", {})
        assert answer["as_of"] > FRIDAY


async def test_a_report_is_about_the_accounts_that_a_token_reaches(tmp_path: Path) -> None:
    async with api_desk(tmp_path) as api:
        await worked(api)
        every = await api.token("every", Scope.READ)
        acme = await api.token("acme", Scope.READ, "acme")

        async def accounts(token: str, *wanted: str) -> set[str]:
            query = {**YEAR, "account": list(wanted)} if wanted else YEAR
            return {row["account"] for row in (await api.get("reports", token, **query)).body["rows"]}

        assert await accounts(every) == {"acme", "silverline"}
        assert await accounts(every, "silverline") == {"silverline"}
        assert await accounts(every, "acme", "silverline", "acme") == {"acme", "silverline"}
        assert await accounts(acme) == {"acme"} == await accounts(acme, "acme", "silverline")
        assert await accounts(acme, "silverline") == set() == await accounts(every, "nobody")


async def test_a_report_that_cannot_be_made_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with api_desk(tmp_path) as api:
        await worked(api)
        token = await api.token(scope=Scope.READ)
        assert set((await api.get("reports", token)).errors) == {"from", "to"}
        for day in ("2026-02-30", "1e3", "20260101", "2026-01-01T00:00:00Z"):
            assert set((await api.get("reports", token, **YEAR | {"from": day})).errors) == {"from"}
        assert set((await api.get("reports", token, **YEAR | {"to": "2026-01-01"})).errors) == {"to"}
        async with api.desk.desk.locks.of(reports.BUSY):
            busy = await api.get("reports", token, **YEAR)
            assert (busy.status, busy.headers["Retry-After"]) == (429, "5")
        monkeypatch.setattr(reports, "MOST_TICKETS", 3)
        assert (await api.get("reports", token, **YEAR)).status == 422
        assert (await api.get("reports", token, account="acme", **YEAR)).status == 200
        monkeypatch.setattr(reports, "LONGEST", 0.0)
        late = await api.get("reports", token, account="acme", **YEAR)
        assert (late.status, late.headers["Retry-After"]) == (503, "5")
        assert "shorter period" in late.detail
