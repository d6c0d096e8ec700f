"""The board of a TAM: each account with what is due next on it, this month's attainment, and filters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, time, timedelta

from bot.clock import real_now
from bot.config.directory import zone_of
from bot.config.settings import Account
from bot.desk import queue
from bot.desk.desk import Desk, refusal
from bot.desk.tam import away
from bot.model.address import Actor, Person
from bot.model.inbound import Answer, Done, Press, Show
from bot.model.queue import QueueEntry
from bot.model.views import (
    Audience,
    Button,
    Part,
    QueueBoard,
    QueueSection,
    RichText,
    Strong,
    Style,
    When,
)
from bot.notify.cards import OPEN, queue_order
from bot.notify.tam import alert_texts
from sla_core.calendar import instant_of

ACTION = "tam_filter"
TOPIC = "tam-filter"
"""The topic with the filter that each person chose on their Home tab."""
ALL, TODAY, BREACHED, OURS = "all", "today", "breached", "ours"
LABELS = {ALL: "All", TODAY: "Due today", BREACHED: "Breached", OURS: "Waiting for us"}
HOME, LIST = away.HOME, "list"
"""Where the filter's buttons stand: on the Home tab, which is drawn again, or on a message."""
OLDER = timedelta(days=31)
"""How long before this month a closed ticket may have been opened for its promises to count."""
FILTER_LIFE = timedelta(days=1)
"""How long a chosen filter stays."""


def looked_after(desk: Desk, actor: Actor) -> list[Account]:
    """The accounts whose TAM this person is."""
    accounts = desk.directory.settings.accounts.values()
    return [account for account in accounts if desk.directory.is_agent(actor, account)]


async def chosen(desk: Desk, actor: Actor) -> str:
    """The filter of the person's Home tab."""
    stored = await desk.key_values.get(TOPIC, str(actor.user))
    return stored if stored in LABELS else ALL


async def press_filter(desk: Desk, press: Press) -> Answer:
    """Draws the Home tab again with a filter, or shows the board with it."""
    where, _, name = press.value.partition("|")
    accounts = looked_after(desk, press.actor)
    if name not in LABELS or not accounts:
        return refusal("Only account managers can do that.")
    if where != HOME:
        return Show(await board(desk, press.actor, accounts, name, LIST))
    await desk.key_values.put(TOPIC, str(press.actor.user), name, real_now() + FILTER_LIFE)
    return Done()


async def board(
    desk: Desk, actor: Actor, accounts: Sequence[Account], name: str = ALL, where: str = LIST
) -> QueueBoard:
    """The board with one of the filters; the account with the soonest deadline comes first."""
    now, person = desk.clock.now(), desk.directory.person(actor)
    month, tomorrow = month_and_tomorrow(person, now)
    entries = await desk.store.since([account.id for account in accounts], month - OLDER)
    entries = sorted((entry for entry in entries if entry.summary), key=queue_order)
    found: list[tuple[tuple[bool, bool, datetime], QueueSection]] = []
    for account in accounts:
        own = [entry for entry in entries if entry.account == account.id]
        opened = [entry for entry in own if entry.summary and entry.summary.state == OPEN]
        shown = [entry for entry in opened if _matches(entry, name, now, tomorrow)]
        if name != ALL and not shown:
            continue
        soonest = min(_due(opened), default=None)
        lead = (*_due_next(soonest, opened, now), *_attainment(own, month))
        section = replace(queue.section(account.name, shown, Audience.AGENTS, now), lead=lead)
        found.append(((soonest is None, not opened, soonest[0] if soonest else now), section))
    found.sort(key=lambda each: each[0])
    sections = tuple(section for _, section in found)
    intro, buttons = _intro(desk, person, sections, name), _buttons(desk, person, name, where)
    accounts_board = QueueBoard("Your accounts", now, sections, tuple(intro), buttons)
    return await queue.with_links(desk, accounts_board, Audience.AGENTS)


def month_and_tomorrow(person: Person | None, now: datetime) -> tuple[datetime, datetime]:
    """When this month began and when today ends, where the person is."""
    zone = zone_of(person) if person else now.tzinfo
    assert zone is not None
    today = now.astimezone(zone).date()
    first, following = today.replace(day=1), today + timedelta(days=1)
    month, tomorrow = (instant_of(datetime.combine(day, time()), zone) for day in (first, following))
    return month, tomorrow


def _matches(entry: QueueEntry, name: str, now: datetime, tomorrow: datetime) -> bool:
    summary = entry.summary
    due_at = summary.due.due_at if summary and summary.due else None
    match name:
        case "today":
            return due_at is not None and due_at < tomorrow
        case "breached":
            return due_at is not None and due_at < now
        case "ours":
            return summary is not None and not (summary.customers_turn or summary.held)
        case _:
            return True


def _due(entries: Sequence[QueueEntry]) -> list[tuple[datetime, str]]:
    return [
        (entry.summary.due.due_at, entry.key)
        for entry in entries
        if entry.summary and entry.summary.due and entry.summary.due.due_at
    ]


def _due_next(soonest: tuple[datetime, str] | None, opened: Sequence[QueueEntry], now: datetime) -> RichText:
    if soonest is None:
        return ("Nothing is due.",) if opened else ("Nothing is open.",)
    due_at, key = soonest
    return ("Overdue: " if due_at <= now else "Due next: ", Strong(key), " ", When(due_at), ".")


def _attainment(entries: Sequence[QueueEntry], month: datetime) -> RichText:
    """How many of this month's settled promises were kept; empty if none was settled."""
    kept, missed = kept_and_missed(entries, month)
    if not kept + missed:
        return ()
    # Rounded down, so that 100 % means all of them.
    return (f" Deadlines met this month: {kept} of {kept + missed} ({100 * kept // (kept + missed)} %).",)


def kept_and_missed(entries: Sequence[QueueEntry], month: datetime) -> tuple[int, int]:
    """How many promises were kept since the month began, and how many were breached."""
    kept = sum(at >= month for each in entries if each.summary for at in each.summary.kept)
    missed = sum(at >= month for each in entries if each.summary for at in each.summary.missed)
    return kept, missed


def _intro(desk: Desk, person: Person | None, sections: Sequence[QueueSection], name: str) -> Sequence[Part]:
    parts: list[Part] = []
    if person and (until := away.until_of(desk, person)):
        parts.append(alert_texts.you_are_away(person, until))
    if any(section.rows for section in sections):
        parts.append(f"What is due next on your accounts. {queue.see_one(sections)}")
    else:
        parts.append("No open tickets." if name == ALL else f"No tickets under “{LABELS[name]}”.")
    return parts


def filters(name: str, where: str) -> tuple[Button, ...]:
    """The buttons of the filters, of which `name` is in use."""
    return filter_buttons(ACTION, LABELS, name, where)


def filter_buttons(action: str, labels: Mapping[str, str], name: str, where: str) -> tuple[Button, ...]:
    """A button for each filter of a board; `labels` are theirs by name, and `name` is in use."""
    return tuple(
        Button(action, label, f"{where}|{each}", Style.PRIMARY if each == name else Style.PLAIN)
        for each, label in labels.items()
    )


def _buttons(desk: Desk, person: Person | None, name: str, where: str) -> tuple[Button, ...]:
    is_away = person is not None and away.until_of(desk, person) is not None
    return (*filters(name, where), *((replace(away.BACK, value=where),) if is_away else ()))
