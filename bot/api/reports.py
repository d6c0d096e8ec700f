"""The report of a period, for the accounts that a token reaches: the figures of `frontline report`."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from typing import Annotated

from pydantic import BeforeValidator, Field, WithJsonSchema

from bot.api.documents import Report, ReportRow
from bot.api.faults import ApiFault, invalid
from bot.api.reading import AccountIds, Parameters, reached_accounts
from bot.desk.desk import Desk
from bot.model.api_token import Token
from bot.ports import Selection, StoredTicket
from bot.reports.formats.rows import REPORT_HEAD, report_rows
from bot.reports.period_report import Reading
from sla_core.calendar import Span
from sla_core.report.tally import Tally

MOST_TICKETS = 5000
"""Tickets of one report. `frontline report` has no limit."""
LONGEST = 8.0
"""Seconds for which a report is computed; less than the time in which the API answers."""
BUSY = "api-report"
"""The name of the lock: each process computes one report at a time."""
_RETRY_AFTER = 5
_SMALLER = "Ask for a shorter period or for one account, or use frontline report, which has no limit."
_DAY = re.compile(r"\d{4}-\d\d-\d\d")


def _day(text: object) -> date:
    if not isinstance(text, str) or not _DAY.fullmatch(text):
        raise ValueError("must be a day, such as 2026-03-01")
    return date.fromisoformat(text)


Day = Annotated[date, BeforeValidator(_day), WithJsonSchema({"type": "string", "format": "date"})]


class ReportParameters(Parameters):
    account: AccountIds = ()
    """Only tickets of these accounts; may be repeated."""
    from_: Annotated[Day, Field(alias="from")]
    """The first day, in UTC. Tickets count by their opening."""
    to: Day
    """The day after the last one."""

    @property
    def period(self) -> Span:
        """Raises ApiFault."""
        period = Span(datetime.combine(self.from_, time(), UTC), datetime.combine(self.to, time(), UTC))
        if not period:
            raise invalid({"to": "is not after from; it is the day after the last one of the period"})
        return period


async def report(desk: Desk, token: Token, given: ReportParameters) -> Report:
    """Raises ApiFault."""
    period, accounts = given.period, reached_accounts(token, given.account)
    chosen = [Selection(period, each) for each in ((None,) if accounts is None else accounts)]
    busy = desk.locks.of(BUSY)
    if busy.locked():
        raise ApiFault(429, "Another report is being computed.", retry_after=_RETRY_AFTER)
    async with busy:
        size = sum([await desk.store.archive_size(each) for each in chosen])
        if size > MOST_TICKETS:
            raise ApiFault(422, f"These are {size} tickets; a report has at most {MOST_TICKETS}. {_SMALLER}")
        now = desk.clock.now()
        tally, left_out = Tally(period, now), dict[str, str]()
        try:
            async with asyncio.timeout(LONGEST):
                for each in chosen:
                    await _add(Reading(desk.store, desk.directory, each, now, unreadable=left_out), tally)
        except TimeoutError:
            raise ApiFault(503, f"The report takes too long. {_SMALLER}", retry_after=_RETRY_AFTER) from None
    return Report(
        from_=given.from_,
        to=given.to,
        as_of=now,
        rows=[_row(row) for row in report_rows(tally)],
        left_out=left_out,
    )


async def _add(reading: Reading, tally: Tally) -> None:
    """Adds the selected tickets, in a thread: a page of them takes a tenth of a second or so."""

    def add(page: Sequence[StoredTicket]) -> None:
        for key, history in reading.readable(page):
            if (found := reading.record(key, history)) is not None:
                tally.add(found)

    async for page in reading.pages():
        await asyncio.to_thread(add, page)


def _row(cells: Sequence[object]) -> ReportRow:
    """A line of the CSV as JSON: an empty cell is null."""
    given = {name: None if cell == "" else cell for name, cell in zip(REPORT_HEAD, cells, strict=True)}
    return ReportRow.model_validate(given)
