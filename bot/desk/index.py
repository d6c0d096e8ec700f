"""Checks the index rows of tickets against the tickets' events, and rebuilds the rows that differ."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Protocol

from bot.config.directory import DeskDuty, Directory
from bot.model.queue import QueueSummary
from bot.notify.cards import queue_summary
from bot.ports import Change, Clock
from sla_core.engine import evaluate
from sla_core.events import Event
from sla_core.promise import Phase, Tone
from sla_core.ticket import State, fold

BATCH = 100
"""How many tickets' events to hold in memory at once."""


@dataclass(frozen=True, slots=True)
class IndexRow:
    """A ticket's stored row, with the ticket's events."""

    ticket: str
    version: int
    wake_at: datetime | None
    closed: bool
    summary: QueueSummary | None
    """None if another version wrote it, or if the columns that a queue sorts by differ from it."""
    history: tuple[Event, ...]
    fault: str = ""
    """Why the events cannot be read; `history` is empty then."""


class Index(Protocol):
    """Access to the rows of all tickets."""

    async def index_size(self) -> int:
        """The number of rows."""

    async def index_after(self, ticket: str, limit: int) -> list[IndexRow]:
        """Up to `limit` rows after this key, in order of their keys."""

    async def index_sample(self, limit: int) -> list[IndexRow]:
        """Up to `limit` rows in any order."""

    async def reindex(self, corrections: Sequence[tuple[IndexRow, Change]]) -> int:
        """Overwrites rows from the changes, without an event. Returns how many were written.

        Skips rows that have changed since they were read.
        """


@dataclass
class IndexCheck:
    """The result of checking some rows."""

    wrong: list[tuple[IndexRow, Change]] = field(default_factory=list)
    """Rows that differ from their events, each with the change that corrects it."""
    unreadable: dict[str, str] = field(default_factory=dict)
    """Tickets whose events cannot be read or evaluated, and why."""


@dataclass
class RebuildResult:
    """The result of a rebuild: how many rows were checked, and how many were wrong and are corrected."""

    rows: int = 0
    wrong: int = 0
    unreadable: dict[str, str] = field(default_factory=dict)


def check(rows: Iterable[IndexRow], directory: Directory, now: datetime) -> IndexCheck:
    """Compares rows with their events."""
    checked = IndexCheck()
    for row in rows:
        if row.fault:
            checked.unreadable[row.ticket] = row.fault
            continue
        try:
            correction = _correction(row, directory, now)
        except (LookupError, ValueError) as why:  # the policy, a severity or the first event is missing
            checked.unreadable[row.ticket] = str(why)
            continue
        if correction is not None:
            checked.wrong.append((row, correction))
    return checked


async def rebuild(
    index: Index, directory: Directory, clock: Clock, on_progress: Callable[[int], None]
) -> RebuildResult:
    """Corrects every wrong row while a desk may be running. Reports how many are checked to `on_progress`."""
    done, last = RebuildResult(), ""
    while rows := await index.index_after(last, BATCH):
        checked = check(rows, directory, clock.now())
        if checked.wrong:
            done.wrong += await index.reindex(checked.wrong)
        done.unreadable |= checked.unreadable
        done.rows += len(rows)
        on_progress(done.rows)
        last = rows[-1].ticket
    return done


def _correction(row: IndexRow, directory: Directory, now: datetime) -> Change | None:
    """The change that corrects the row as of `now`; None if it is correct. Raises LookupError, ValueError."""
    ticket = fold(row.ticket, row.history)
    policy = directory.policy(ticket.opened.version)
    last = ticket.history[-1].at
    now = max(now, last)
    duty = DeskDuty(directory)
    first, latest = evaluate(ticket, policy, last, duty), evaluate(ticket, policy, now, duty)
    # The desk records what is due when it wakes the ticket, so that has to happen at once.
    wake_at = now if latest.events else latest.wake_at
    summary, closed = queue_summary(ticket, policy, now), ticket.state is State.CLOSED
    since = last if first.events else first.wake_at
    due = row.wake_at is not None and since is not None and since <= row.wake_at <= now
    if (
        (due or row.wake_at == wake_at)
        and row.closed == closed
        and row.summary is not None
        and _comparable(row.summary, due) == _comparable(summary, due)
    ):
        return None
    return Change(row.ticket, row.version, (), wake_at, (), closed=closed, summary=summary)


def _comparable(summary: QueueSummary, due: bool) -> QueueSummary:
    """The summary without what changes by itself over time; more of it while the wake-up is `due`."""
    if summary.due is None:
        return summary
    shown = replace(summary.due, spent=0.0)
    if due:
        shown = replace(shown, phase=Phase.RUNNING, tone=Tone.CALM, bound=timedelta(0))
    return replace(summary, due=shown)
