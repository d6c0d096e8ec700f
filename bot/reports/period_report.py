"""The report of a period: the figures of its tickets, and the uptime of the services behind them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from bot.config.alerts import is_monitoring
from bot.notify.alarms import RESOLVED
from bot.reports.archive import Reading
from sla_core.calendar import Span
from sla_core.events import CustomerWrote, Event, Opened, Resolved
from sla_core.report.record import TicketRecord
from sla_core.report.tally import Tally
from sla_core.report.uptime import UptimeLine, uptime_line


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
