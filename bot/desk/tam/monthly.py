"""The monthly report: on the first working day of a month, how the promises of the month before were kept.

At nine in the TAM's zone, or when her quiet hours end. It goes to the TAM or who stands in, and into the
customer's channel if the account wants that.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from bot.config.directory import quiet_until, zone_of
from bot.config.settings import Account
from bot.desk import quiet_hours
from bot.desk.desk import Desk
from bot.desk.tam.forecast import business_calendar, works
from bot.model.address import Person
from bot.model.views import Notice
from bot.notify.tam import monthly_texts
from bot.ports import Message, Priority, Selection, Timer
from bot.reports.period_report import Reading
from sla_core.calendar import Span, instant_of
from sla_core.promise import Tone
from sla_core.report.tally import Tally

KIND = "monthly_report"
"""The kind of the timers; their keys are the ids of accounts."""
TOPIC = "monthly-report"
"""The topic with the last month that was reported to each account."""
AT = time(9)
MOST_DAYS = 14
"""How far into a month to look for a working day."""


@dataclass(frozen=True, slots=True)
class Month:
    """A month by its first day."""

    first: date

    @property
    def following(self) -> Month:
        return Month((self.first.replace(day=28) + timedelta(days=4)).replace(day=1))

    @property
    def previous(self) -> Month:
        return Month((self.first - timedelta(days=1)).replace(day=1))

    @property
    def span(self) -> Span:
        """In UTC, like the command."""
        begins = (datetime.combine(month.first, time(), UTC) for month in (self, self.following))
        return Span(*begins)


def _tam(desk: Desk, account: Account) -> Person | None:
    return desk.directory.tam(account)


def _zone(desk: Desk, account: Account, now: datetime) -> ZoneInfo:
    tam = _tam(desk, account)
    return zone_of(tam) if tam else desk.directory.policy_on(now.date()).zone(account.plan)


def _sent_at(desk: Desk, account: Account, month: Month, now: datetime) -> datetime:
    """When the report is sent in this month: about the month before it."""
    zone, tam = _zone(desk, account, now), _tam(desk, account)
    calendar = business_calendar(desk, account, now)
    days = (month.first + timedelta(days=number) for number in range(MOST_DAYS))
    day = next((day for day in days if works(calendar, day, zone)), month.first)
    at = instant_of(datetime.combine(day, AT), zone)
    return (quiet_until(tam, at) if tam else None) or at


def _latest(desk: Desk, account: Account, now: datetime) -> Month:
    """The last month in which a report was due by `now`."""
    month = Month(now.astimezone(_zone(desk, account, now)).date().replace(day=1))
    return month if _sent_at(desk, account, month, now) <= now else month.previous


def _is_wanted(desk: Desk, account: Account) -> bool:
    return _tam(desk, account) is not None or account.monthly_report


async def schedule(desk: Desk) -> None:
    """Sets the timer of each account. It fires at once, which makes up for a report that was missed.

    An account that never had one begins with the next month.
    """
    now = desk.clock.now()
    for account in desk.directory.settings.accounts.values():
        if not _is_wanted(desk, account):
            continue
        month = _latest(desk, account, now)
        if await desk.key_values.get(TOPIC, account.id) is None:
            await desk.key_values.put(TOPIC, account.id, str(month.first))
        await desk.store.set_timer(Timer(KIND, account.id, _sent_at(desk, account, month, now)))


def next_at(desk: Desk, id: str, now: datetime) -> datetime | None:
    """When an account's next report is due; None if nobody gets one any more."""
    account = desk.directory.settings.accounts.get(id)
    if account is None or not _is_wanted(desk, account):
        return None
    return _sent_at(desk, account, _latest(desk, account, now).following, now)


async def send_due(desk: Desk, id: str) -> None:
    """Sends an account's last report that was due by now, unless it was sent."""
    account, now = desk.directory.settings.accounts.get(id), desk.clock.now()
    if account is None or not _is_wanted(desk, account):
        return
    month = _latest(desk, account, now)
    if await desk.key_values.get(TOPIC, account.id) == str(month.first):
        return
    about = month.previous
    tally = await _tally(desk, account, about, now)
    text = monthly_texts.monthly(account.name, about.first, tally)
    key = f"monthly/{account.id}/{about.first:%Y-%m}"
    more = monthly_texts.whole_report(account.id, about.first, month.first)
    if _tam(desk, account) is not None:
        for contact in desk.directory.told_first(account, now, escalated=False):
            person = desk.directory.settings.people[contact.person]
            await quiet_hours.tell(desk, f"{key}/{person.id}", person, *text, *more, tone=Tone.CALM)
    if account.monthly_report and tally.volume.opened:
        place = desk.directory.channels_of(account)[0]
        said = Notice(text, Tone.CALM)
        await desk.store.enqueue(
            [Message(f"{quiet_hours.TOPIC}/{key}/channel", None, place, said, Priority.STATE)]
        )
    await desk.key_values.put(TOPIC, account.id, str(month.first))


async def _tally(desk: Desk, account: Account, month: Month, now: datetime) -> Tally:
    chosen = Selection(month.span, account.id)
    tally = Tally(month.span, now)
    async for found in Reading(desk.store, desk.directory, chosen, now).records():
        tally.add(found)
    return tally
