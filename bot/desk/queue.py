"""The queue boards: open tickets by severity, then by the promise due next (MTA-11)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from bot.config.directory import PolicyVersionMissing
from bot.config.settings import Account
from bot.desk.desk import Desk
from bot.model.address import Actor, Location, UserRef
from bot.model.queue import QueueEntry, QueuePage
from bot.model.views import Audience, Link, Part, QueueBoard, QueueRow, QueueSection, Strong, When
from bot.notify import cards
from bot.notify.cards import OPEN as OPEN_STATE
from bot.notify.cards import queue_order, queue_row, queue_summary
from bot.ports import PermanentFailure, TemporaryFailure
from sla_core.policy import Policy, Step
from sla_core.ticket import State

MAX_ENTRIES = 2000
"""The most entries of one board, most urgent first."""
MAX_ROWS = 100
"""The most rows of one section; no platform shows more."""
RECENTLY = timedelta(days=14)
"""How long customers see a resolved ticket, which they may close or reopen."""


OPEN = "Open tickets, most critical first."


class ChannelsUnknown(Exception):
    """A person's channels cannot be determined now. Its text says why, without a full stop."""


async def with_links(desk: Desk, board: QueueBoard, audience: Audience) -> QueueBoard:
    """The board, each row with a link to the card that its readers see."""
    keys = [row.key for section in board.sections for row in section.rows]
    locations = await desk.card_locations(keys, audience)

    def linked(row: QueueRow) -> QueueRow:
        location = locations.get(row.key, Location())
        return replace(row, card=Link(location.url, row.key) if location.url else location.channel)

    return replace(
        board, sections=tuple(replace(each, rows=tuple(map(linked, each.rows))) for each in board.sections)
    )


async def accounts_of(desk: Desk, user: UserRef) -> list[Account]:
    """The accounts whose channels this person shares with the bot. Raises ChannelsUnknown."""
    platform = desk.platforms.get(user.platform)
    if platform is None:
        return []
    try:
        there = {str(place) for place in await platform.places_of(user)}
    except TemporaryFailure as why:
        raise ChannelsUnknown(
            "I cannot see right now which channels you are in; please try again in a minute"
        ) from why
    except PermanentFailure as why:
        raise ChannelsUnknown(
            "I cannot see from here which channels you are in; "
            "please mention me in the channel that you share with us"
        ) from why
    accounts, current_address = desk.directory.settings.accounts.values(), desk.directory.channels_of
    return [
        account for account in accounts if any(str(channel) in there for channel in current_address(account))
    ]


async def of_channel(desk: Desk, account: Account) -> QueueBoard:
    now = desk.clock.now()
    page = await page_of(desk, [account], MAX_ENTRIES, ended=True)
    sections = _customers(page.entries, now)
    said = OPEN if _any_open(sections) else f"{account.name} has no open tickets."
    board = QueueBoard(f"Tickets of {account.name}", now, sections, (said, *_not_all(page)))
    return await with_links(desk, board, Audience.CUSTOMER)


async def of_customer(desk: Desk, actor: Actor) -> QueueBoard:
    """A customer's tickets, with a section for each account if there are several."""
    now = desk.clock.now()
    accounts = await accounts_of(desk, actor.user)
    page = await page_of(desk, accounts, MAX_ENTRIES, ended=True) if accounts else QueuePage((), 0)
    sections = [
        section
        for account in accounts
        for section in _customers(
            [entry for entry in page.entries if entry.account == account.id],
            now,
            account.name if len(accounts) > 1 else "",
        )
    ]
    if _any_open(sections):
        said = f"{OPEN} {see_one(sections)}"
    elif accounts:
        said = "You have no open tickets."
    else:
        said = "You are not in a customer's channel, so there are no tickets to show."
    buttons = (cards.GET_HELP,) if accounts else ()
    board = QueueBoard("Your tickets", now, tuple(sections), (said, *_not_all(page)), buttons)
    return await with_links(desk, board, Audience.CUSTOMER)


def _customers(entries: Iterable[QueueEntry], now: datetime, name: str = "") -> tuple[QueueSection, ...]:
    """A section of open tickets, and one of recently resolved tickets that the customer may close."""
    ended = {
        entry.key: entry.summary.ended_at for entry in entries if entry.summary and entry.summary.ended_at
    }
    queue = [entry for entry in entries if entry.key not in ended]
    resolved = [entry for entry in entries if entry.key in ended and now - ended[entry.key] <= RECENTLY]
    resolved.sort(key=lambda entry: ended[entry.key], reverse=True)
    sections = []
    if queue:
        sections.append(section(name, queue, Audience.CUSTOMER, now))
    if resolved:
        title = f"{name}: resolved, please close or reopen" if name else "Resolved: please close or reopen"
        sections.append(section(title, resolved, Audience.CUSTOMER, now))
    return tuple(sections)


def see_one(sections: Sequence[QueueSection]) -> str:
    """How to see one of the listed tickets, with the first one as the example."""
    keys = [row.key for each in sections for row in each.rows]
    return f"To see one, write for example “status {keys[0]}”." if keys else ""


def section(
    title: str,
    entries: Sequence[QueueEntry],
    audience: Audience,
    now: datetime,
    total: int | None = None,
) -> QueueSection:
    """The entries under a heading; `total` counts them with those that are not among `entries`."""
    shown = entries[:MAX_ROWS]
    rows = tuple(queue_row(each.key, each.summary, audience, now) for each in shown if each.summary)
    return QueueSection(title, rows, (), (len(entries) if total is None else total) - len(rows))


async def page_of(
    desk: Desk, accounts: Collection[Account] | None, limit: int, *, ended: bool = False
) -> QueuePage:
    """The queue from the index. Summaries that an older version did not write are made from the events."""
    ids = None if accounts is None else [account.id for account in accounts]
    page = await desk.store.queue(ids, limit, ended=ended)
    if all(entry.summary for entry in page.entries):
        return page
    entries = [entry if entry.summary else await _summarized(desk, entry) for entry in page.entries]
    current = [
        each for each in entries if each and each.summary and (ended or each.summary.state == OPEN_STATE)
    ]
    return QueuePage(tuple(sorted(current, key=queue_order)), page.total - len(entries) + len(current))


async def _summarized(desk: Desk, entry: QueueEntry) -> QueueEntry | None:
    """None if the ticket's version of the policy is gone."""
    ticket = await desk.ticket(entry.key)
    try:
        policy = desk.policy_of(ticket)
    except PolicyVersionMissing:
        return None
    now = max(desk.clock.now(), ticket.history[-1].at)
    return replace(entry, summary=queue_summary(ticket, policy, now))


def _not_all(page: QueuePage) -> Iterator[str]:
    if page.total > len(page.entries):
        yield f" Showing the {len(page.entries):,} most urgent of {page.total:,}."


def _any_open(sections: Iterable[QueueSection]) -> bool:
    return any(queue_row.state != State.RESOLVED for each in sections for queue_row in each.rows)


def on_duty(desk: Desk) -> Iterator[Part]:
    """Each step of the escalation policy: who is on call, who is next, and whether it is off hours."""
    now = desk.clock.now()
    policy = desk.directory.policy_on(now.date())
    if policy.steps:
        yield "Escalate pages these people, one step at a time:"
    for step in policy.steps:
        yield "\n"
        yield Strong(f"{step.name}:")
        yield from _people(desk, step.role, now)
        feed = desk.directory.settings.feeds.get(step.role)
        if feed and feed.problem:
            yield " (its calendar cannot be read at the moment)"
        if hours := _hours(policy, step, now):
            yield hours


def _people(desk: Desk, role: str, now: datetime) -> Iterator[Part]:
    found = desk.directory.on_call(role, now)
    if found.until is None:
        people = ", then ".join(person.name for person in desk.directory.rota(role, now))
        yield f" {people or 'nobody is on call'}"
        return
    names = desk.directory.settings.people
    yield f" {names[found.person].name if found.person else 'nobody is on call'} until "
    yield When(found.until)
    if found.next and found.next_at:
        yield f", then {names[found.next].name}"
        if found.next_at > found.until:
            yield " from "
            yield When(found.next_at)


def _hours(policy: Policy, step: Step, now: datetime) -> str:
    """Says for which severities it is on duty outside its hours, by the plan with the longest hours."""
    on = [
        severity
        for severity in step.duties
        if any(policy.opens_at(plan, step, severity, now) == now for plan in policy.plans)
    ]
    if len(on) == len(step.duties):
        return ""
    shown = ", ".join(map(policy.shown, on))
    return f" (outside support hours, except for {shown})" if on else " (outside support hours)"
