"""What the desk's page shows: open tickets by due time, breaches, attainment, who is on call, health."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo

from bot.config.directory import zone_of
from bot.config.settings import Account
from bot.desk import queue
from bot.desk.desk import Desk
from bot.desk.tam import tam_home
from bot.desk.web.sign_in import Reader
from bot.model.queue import QueueEntry
from bot.model.views import Audience, PromiseLine, QueueRow, RichText
from bot.notify.cards import queue_row
from bot.text import UTC_ZONE

MOST_TICKETS, MOST_BREACHES = 200, 50
KEPT_FOR = timedelta(minutes=1)
"""How old the month's figures may be, in real time: they come from the rows of all its tickets."""


@dataclass(frozen=True, slots=True)
class PageTicket:
    """A ticket as the page shows it."""

    account: str
    """The account's name."""
    row: QueueRow
    link: str = ""
    """The address of the agents' card; empty if it is not known."""
    missed_at: datetime | None = None
    """When its last breach was recorded."""

    @property
    def promise(self) -> PromiseLine | None:
        return self.row.promise


@dataclass(frozen=True, slots=True)
class Attainment:
    """How many promises of an account were settled this month, and how many of them were kept."""

    account: str
    kept: int
    settled: int

    @property
    def percent(self) -> int:
        """Rounded down, so that 100 means all of them."""
        return 100 * self.kept // self.settled


@dataclass(frozen=True, slots=True)
class DeskPage:
    """All that one person sees. Instants are shown in `zone`."""

    at: datetime
    name: str
    zone: tzinfo
    tickets: tuple[PageTicket, ...]
    """Open tickets, the one that is due first on top; those without a deadline last."""
    more: int
    """Open tickets that are not among `tickets`."""
    breaches: tuple[PageTicket, ...]
    """Tickets with a breach in this month, the newest first."""
    more_breaches: int
    attainment: tuple[Attainment, ...]
    """Accounts with a promise that was settled this month."""
    on_call: RichText | None
    """None for those who may not see it."""
    faults: tuple[str, ...]
    """Why the desk is not ready."""


@dataclass
class PageSource:
    """Reads the page's data from the index of tickets."""

    desk: Desk
    _months: dict[datetime, tuple[datetime, list[QueueEntry]]] = field(default_factory=dict)
    """By the beginning of a month: when its tickets were read, and they."""

    async def page(self, reader: Reader, faults: Sequence[str]) -> DeskPage:
        desk = self.desk
        now, person = desk.clock.now(), desk.directory.person(reader.actor)
        accounts = desk.directory.settings.accounts
        seen = {each.id: each for each in (reader.accounts or accounts.values())}
        found = await queue.page_of(desk, reader.accounts, queue.MAX_ENTRIES)
        due_first = sorted(found.entries, key=_due_order)[:MOST_TICKETS]
        month, _ = tam_home.month_and_tomorrow(person, now)
        entries = [each for each in await self._of_month(month) if each.account in seen and each.summary]
        breached = sorted(
            (each for each in entries if _last_missed(each, month)),
            key=lambda each: (_last_missed(each, month), each.key),
            reverse=True,
        )
        shown = [*due_first, *breached[:MOST_BREACHES]]
        locations = await desk.card_locations({each.key for each in shown}, Audience.AGENTS)
        links = {key: location.url for key, location in locations.items()}
        rows = [_ticket(each, seen, links, month, now) for each in shown]
        return DeskPage(
            at=now,
            name=desk.directory.name_of(reader.actor),
            zone=zone_of(person) if person else UTC_ZONE,
            tickets=tuple(rows[: len(due_first)]),
            more=found.total - len(due_first),
            breaches=tuple(rows[len(due_first) :]),
            more_breaches=max(0, len(breached) - MOST_BREACHES),
            attainment=tuple(_attainment(entries, seen.values(), month)),
            on_call=tuple(queue.on_duty(desk)) if reader.accounts is None else None,
            faults=tuple(faults),
        )

    async def _of_month(self, month: datetime) -> list[QueueEntry]:
        """Tickets of all accounts that were open in this month."""
        now = self.desk.real_clock.now()
        for known, (read_at, _) in [*self._months.items()]:
            if not timedelta(0) <= now - read_at <= KEPT_FOR:
                del self._months[known]
        if month not in self._months:
            ids = [*self.desk.directory.settings.accounts]
            self._months[month] = now, await self.desk.store.since(ids, month - tam_home.OLDER)
        return self._months[month][1]


def _due_order(entry: QueueEntry) -> tuple[bool, datetime, int, str]:
    assert entry.summary is not None
    summary = entry.summary
    due_at = summary.due.due_at if summary.due else None
    return due_at is None, due_at or summary.opened_at, summary.rank, entry.key


def _last_missed(entry: QueueEntry, month: datetime) -> datetime | None:
    missed = entry.summary.missed if entry.summary else ()
    return max((at for at in missed if at >= month), default=None)


def _ticket(
    entry: QueueEntry, accounts: dict[str, Account], links: dict[str, str], month: datetime, now: datetime
) -> PageTicket:
    assert entry.summary is not None
    account = accounts.get(entry.account)
    return PageTicket(
        account.name if account else entry.account,
        queue_row(entry.key, entry.summary, Audience.AGENTS, now),
        links.get(entry.key, ""),
        _last_missed(entry, month),
    )


def _attainment(
    entries: Sequence[QueueEntry], accounts: Iterable[Account], month: datetime
) -> Iterator[Attainment]:
    for account in accounts:
        own = [each for each in entries if each.account == account.id]
        kept, missed = tam_home.kept_and_missed(own, month)
        if kept + missed:
            yield Attainment(account.name, kept, kept + missed)
