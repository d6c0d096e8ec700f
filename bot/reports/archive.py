"""Reads the tickets of a period one by one, so that memory stays flat however many there are."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from bot.config.directory import Directory
from bot.ports import Archive, Selection, StoredTicket
from sla_core.events import Event, Opened
from sla_core.report.record import TicketRecord, record

BATCH = 200
"""How many tickets' events to hold in memory at once."""


@dataclass
class Reading:
    """A walk over the selected tickets."""

    archive: Archive
    directory: Directory
    chosen: Selection
    now: datetime
    on_progress: Callable[[int], None] = lambda done: None
    unreadable: dict[str, str] = field(default_factory=dict)
    """Tickets that were left out, and why: their events or their policy cannot be read."""

    async def pages(self) -> AsyncIterator[Sequence[StoredTicket]]:
        """The tickets, at most BATCH at a time, in order of the keys."""
        done, last = 0, ""
        while found := await self.archive.archive_after(last, self.chosen, BATCH):
            yield found
            last, done = found[-1].key, done + len(found)
            self.on_progress(done)

    def readable(self, page: Iterable[StoredTicket]) -> Iterator[tuple[str, tuple[Event, ...]]]:
        """Keys and events of those that can be read; the others get a line in `unreadable`."""
        for ticket in page:
            if ticket.fault:
                self.unreadable[ticket.key] = ticket.fault
            else:
                yield ticket.key, ticket.history

    async def histories(self) -> AsyncIterator[tuple[str, tuple[Event, ...]]]:
        """Keys and events, in order of the keys."""
        async for page in self.pages():
            for each in self.readable(page):
                yield each

    def record(self, key: str, history: tuple[Event, ...]) -> TicketRecord | None:
        """How a ticket went; None, and a line in `unreadable`, if that cannot be computed."""
        opened = history[0]
        if not isinstance(opened, Opened):
            self.unreadable[key] = "its history does not begin with its opening"
            return None
        try:
            return record(key, history, self.directory.policy(opened.version), self.now)
        except (LookupError, ValueError) as why:  # the policy's version, plan or severity is missing
            self.unreadable[key] = str(why)
            return None

    async def records(self) -> AsyncIterator[TicketRecord]:
        """How each ticket went, in order of the keys."""
        async for key, history in self.histories():
            if (found := self.record(key, history)) is not None:
                yield found
