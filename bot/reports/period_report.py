"""The report of a period: the figures of its tickets, and the uptime of the services behind them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bot.config.alarms import is_monitoring
from bot.config.directory import Directory
from bot.notify.agent_notes import RESOLVED
from bot.ports import Archive, Selection, StoredTicket
from sla_core.calendar import Span
from sla_core.events import CustomerWrote, Event, Opened, Resolved
from sla_core.report.record import TicketRecord, record
from sla_core.report.tally import Tally, UptimeLine, uptime_line


@dataclass(frozen=True, slots=True)
class Outage:
    """A time in which a service was down. `account` is empty if it concerns all of them."""

    account: str
    span: Span


@dataclass(frozen=True)
class PeriodReport:
    """What a report shows, in whatever format."""

    tally: Tally
    account: str | None
    """The account that it is about; None: all."""
    names: Mapping[str, str]
    """The names of accounts, by id."""
    uptime: Mapping[str, UptimeLine] = field(default_factory=dict)
    """By account id, where the policy promises a share of the year."""
    uptime_from: str = ""
    """Where the outages were read from."""
    unreadable: Mapping[str, str] = field(default_factory=dict)

    @property
    def title(self) -> str:
        who = "all accounts" if self.account is None else self.names.get(self.account, self.account)
        first, last = self.tally.period.start, self.tally.period.end - timedelta(days=1)
        return f"Support report, {who}, {first.day} {first:%B %Y} to {last.day} {last:%B %Y}"


async def period_report(reading: Reading, outages: Sequence[Outage] | None = None) -> PeriodReport:
    """Reads the tickets and adds them up. Without `outages`, they are read from the alarms' tickets."""
    tally = Tally(reading.chosen.opened, reading.now)
    alarms: list[Outage] = []
    async for key, history in reading.histories():
        found = reading.record(key, history)
        if found is None:
            continue
        tally.add(found)
        if outages is None and (outage := outage_of(history, found)) is not None:
            alarms.append(outage)
    settings = reading.directory.settings
    account = reading.chosen.account
    return PeriodReport(
        tally,
        account,
        {each.id: each.name for each in settings.accounts.values()},
        _uptime(reading, alarms if outages is None else outages, {*tally.accounts, *filter(None, [account])}),
        "the tickets of monitoring alarms" if outages is None else "the file of outages",
        reading.unreadable,
    )


def _uptime(reading: Reading, outages: Iterable[Outage], accounts: Iterable[str]) -> dict[str, UptimeLine]:
    promised = reading.directory.policy_on(reading.chosen.opened.start.date()).uptime
    if promised is None:
        return {}
    period = Span(reading.chosen.opened.start, min(reading.chosen.opened.end, reading.now))
    outages = list(outages)
    return {
        account: uptime_line(
            promised, [each.span for each in outages if each.account in ("", account)], period
        )
        for account in sorted(accounts)
    }


def outage_of(history: Sequence[Event], found: TicketRecord) -> Outage | None:
    """From when until when an alarm of the worst severity fired; None for any other ticket.

    It ends with the alarm, else with the ticket's resolution, else it goes on.
    """
    opened = history[0]
    if not isinstance(opened, Opened) or not is_monitoring(opened.by):
        return None
    if opened.severity != found.policy.worst.id:
        return None
    ends = (
        event.at
        for event in history
        if (isinstance(event, CustomerWrote) and is_monitoring(event.by) and event.text.startswith(RESOLVED))
        or isinstance(event, Resolved)
    )
    return Outage(opened.account, Span(opened.at, next(ends, found.until)))


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
