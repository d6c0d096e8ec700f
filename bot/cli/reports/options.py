"""What `report` and `export` share: the request, the walk over the tickets with its bar, and the output."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Protocol

from rich.console import Console

from bot.cli.app import DONE, print_faults
from bot.cli.progress import progress_bar
from bot.clock import SimulatedClock, real_now
from bot.config.directory import Directory
from bot.config.environment import read_environment
from bot.config.settings import load_desk
from bot.faults import OperatorFault
from bot.ports import Archive, Selection
from bot.reports.event_chain import EventChain
from bot.reports.period_report import Reading
from sla_core.calendar import Span
from sla_core.catalog.crosscheck import unknown


class StoredTickets(Archive, EventChain, Protocol):
    """All events, and the clock that they live on."""

    async def simulated_clock(self, wanted: SimulatedClock | None) -> SimulatedClock | None: ...


OpenArchive = Callable[[], AbstractAsyncContextManager[StoredTickets]]


@dataclass(frozen=True, slots=True)
class Request:
    """The options of a command, as they were typed."""

    account: str | None
    since: str
    until: str
    format: str

    @property
    def period(self) -> Span:
        """From the first day to the last one, in UTC. Raises OperatorFault."""
        period = Span(_midnight("--from", self.since), _midnight("--to", self.until))
        if not period:
            raise OperatorFault("--to: is not after --from; it is the day after the last one of the period")
        return period

    def checked_format(self, known: Iterable[str]) -> str:
        """Raises OperatorFault."""
        if self.format not in (names := [*known]):
            raise OperatorFault(f"--format: {unknown('format', self.format, names)}")
        return self.format


def _midnight(option: str, text: str) -> datetime:
    try:
        return datetime.combine(date.fromisoformat(text), time(), UTC)
    except ValueError:
        raise OperatorFault(f'{option}: "{text}" is not a day; write it as 2026-03-01') from None


@asynccontextmanager
async def reading(request: Request, archive: OpenArchive) -> AsyncIterator[Reading]:
    """Yields the walk over the tickets of the request, with a bar on stderr. Raises OperatorFault, Faults."""
    period = request.period
    directory = Directory(load_desk(read_environment().frontline_config))
    async with archive() as store:
        clock = await store.simulated_clock(None)
        chosen = Selection(period, request.account)
        size = await store.archive_size(chosen)
        accounts = directory.settings.accounts
        if request.account is not None and request.account not in accounts and not size:
            raise OperatorFault(f"--account: {unknown('account', request.account, accounts)}")
        with progress_bar("Tickets", size, Console(stderr=True)) as done:
            yield Reading(store, directory, chosen, clock.now() if clock else real_now(), done)


def write_text(lines: Iterable[str]) -> None:
    """Writes lines that have their ends, as they are on every system."""
    for line in lines:
        sys.stdout.write(line)


def outcome(unreadable: Mapping[str, str]) -> int:
    """Names the tickets that were left out on stderr, and returns the exit code."""
    if not unreadable:
        return DONE
    return print_faults(*(f"{key}: is left out: {why}" for key, why in unreadable.items()))
