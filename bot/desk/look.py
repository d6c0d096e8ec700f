"""Looking without changing: `Why?` shows how each deadline came about."""

from __future__ import annotations

from datetime import datetime, timedelta

from bot.cards import METRIC_NAMES, with_clauses
from bot.desk.core import Desk
from bot.exchange import Answer, Press, Show
from bot.views import Receipt, ReceiptRow, ReceiptTable
from bot.words import with_key
from sla_core.engine import promises
from sla_core.promise import Promise
from sla_core.receipt import receipt
from sla_core.ticket import Ticket


async def explain(desk: Desk, press: Press, ticket: Ticket) -> Answer:
    """The severity with the clause that proposed it, and each promise's receipt."""
    policy = desk.policy_of(ticket)
    opened = ticket.opened
    severity = policy.severities[ticket.severity]
    said = f"is {ticket.severity}: {severity.source.says}"
    if ticket.severity == opened.severity:
        said += f" Proposed because: {with_clauses(opened.why, [opened.clause])}."
    running, now = promises(ticket, policy), desk.clock.now()
    nothing = "" if running else f" No time is promised for it ({', '.join(severity.source.clauses)})."
    return Show(
        Receipt(
            ticket.key,
            with_key(ticket.key, said + nothing),
            tuple(_table(promise, now) for promise in running),
        )
    )


def _table(promise: Promise, now: datetime) -> ReceiptTable:
    """Up to when it is due; on hold, up to now."""
    source = promise.target.source
    cites = f"{', '.join(source.clauses)}; {source.where}"
    rows = []
    for stretch in receipt(promise.calendar, promise.started_at, promise.due_at or now, promise.gaps):
        counted = _length(stretch.counted) if stretch.counted else ""
        rows.append(ReceiptRow(stretch.span.start, stretch.span.end, stretch.why, counted))
    return ReceiptTable(
        title=METRIC_NAMES[promise.metric],
        says=source.says,
        cites=cites,
        due_at=promise.due_at,
        rows=tuple(rows),
        zone=promise.calendar.zone.key,
    )


def _length(counted: timedelta) -> str:
    """`4 h`, `2 h 30 min`, `45 s`."""
    seconds = int(counted.total_seconds())
    parts = ((seconds // 3600, "h"), (seconds // 60 % 60, "min"), (seconds % 60, "s"))
    return " ".join(f"{count} {unit}" for count, unit in parts if count)
