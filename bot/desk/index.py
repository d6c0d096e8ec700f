"""The index rows of tickets: what they should say by the tickets' events, and those that say otherwise."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Protocol

from bot.config.directory import Directory
from bot.notify.cards import queue_summary
from bot.ports import Change, Clock, QueueSummary
from sla_core.countdown import Phase, Tone
from sla_core.engine import evaluate
from sla_core.events import Event
from sla_core.ticket import State, fold

BATCH = 100
"""Tickets whose events are held in memory at a time."""


@dataclass(frozen=True, slots=True)
class IndexRow:
    """A ticket's row as it is stored, beside the ticket's events."""

    ticket: str
    version: int
    wake_at: datetime | None
    closed: bool
    summary: QueueSummary | None
    """None if it is of another version, or if the columns that a queue sorts by say something else."""
    history: tuple[Event, ...]
    fault: str = ""
    """Why the events cannot be read; there are none then."""


class Index(Protocol):
    """The rows of all tickets."""

    async def index_size(self) -> int:
        """How many there are."""

    async def index_after(self, ticket: str, limit: int) -> list[IndexRow]:
        """The next rows after this key, by key."""

    async def index_sample(self, limit: int) -> list[IndexRow]:
        """So many rows, or all of them, in any order."""

    async def reindex(self, corrections: Sequence[tuple[IndexRow, Change]]) -> int:
        """Writes rows as the changes say, without an event; returns how many.

        Leaves out those that were written since they were read.
        """


@dataclass
class IndexCheck:
    """What was found about some rows."""

    wrong: list[tuple[IndexRow, Change]] = field(default_factory=list)
    """Those that differ from their events, each with the change that sets it right."""
    unreadable: dict[str, str] = field(default_factory=dict)
    """Tickets whose events say nothing that can be relied on, and why."""


@dataclass
class RebuildResult:
    """What a rebuilding has done: how many rows were looked at, and how many were wrong and are written."""

    rows: int = 0
    wrong: int = 0
    unreadable: dict[str, str] = field(default_factory=dict)


def check(rows: Iterable[IndexRow], directory: Directory, now: datetime) -> IndexCheck:
    """Compares rows with the events beside them."""
    checked = IndexCheck()
    for row in rows:
        if row.fault:
            checked.unreadable[row.ticket] = row.fault
            continue
        try:
            correction = _correction(row, directory, now)
        except (LookupError, ValueError) as why:  # a policy, a severity or a first event that is gone
            checked.unreadable[row.ticket] = str(why)
            continue
        if correction is not None:
            checked.wrong.append((row, correction))
    return checked


async def rebuild(
    index: Index, directory: Directory, clock: Clock, on_progress: Callable[[int], None]
) -> RebuildResult:
    """Corrects every wrong row; a desk may run meanwhile. Calls `on_progress` with how many are checked."""
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
    """What the row should say at `now`; None if it does. Raises LookupError, ValueError."""
    ticket = fold(row.ticket, row.history)
    policy = directory.policy(ticket.opened.version)
    last = ticket.history[-1].at
    now = max(now, last)
    first, latest = evaluate(ticket, policy, last), evaluate(ticket, policy, now)
    # What fell due is recorded when the desk wakes the ticket: that is to happen at once.
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
    """Without what has changed by itself since the row was written: more, while its wake-up is `due`."""
    if summary.due is None:
        return summary
    shown = replace(summary.due, spent=0.0)
    if due:
        shown = replace(shown, phase=Phase.RUNNING, tone=Tone.CALM, bound=timedelta(0))
    return replace(summary, due=shown)
