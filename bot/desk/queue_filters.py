"""The filters of `list` and of an agent's Home tab: which open tickets to show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.clock import real_now
from bot.config.settings import Account
from bot.desk import queue
from bot.desk.desk import Desk, refusal
from bot.desk.tam.tam_home import FILTER_LIFE, HOME, LIST, filter_buttons
from bot.model.address import Actor
from bot.model.inbound import Answer, Done, Press, Show
from bot.model.queue import QueueEntry, QueuePage
from bot.model.views import Audience, Button, QueueBoard, QueueSection
from bot.notify.cards import OPEN

ACTION = "queue_filter"
TOPIC = "queue-filter"
"""The topic with the filter that each agent chose on the Home tab."""
ALL, MINE, UNASSIGNED, UNANSWERED, BREACHED = "all", "mine", "unassigned", "unanswered", "breached"
ONLY_AGENTS = "Only agents can see the queue."
LABELS = {
    ALL: "All",
    MINE: "Mine",
    UNASSIGNED: "Unassigned",
    UNANSWERED: "Unanswered",
    BREACHED: "Breached",
}
SYNONYMS = {"unresolved": ALL, "open": ALL}
"""Other words for a filter after `list`: the queue holds what is not resolved."""


@dataclass(frozen=True, slots=True)
class Filter:
    """What to show: one of LABELS, or the tickets of one account."""

    name: str = ALL
    account: Account | None = None


def matches(entry: QueueEntry, name: str, actor: Actor, now: datetime, agent: bool) -> bool:
    """Whether an open ticket passes a filter. `mine` is what an agent owns, or what a customer opened."""
    summary = entry.summary
    if summary is None or summary.state != OPEN:
        return False
    due_at = summary.due.due_at if summary.due else None
    match name:
        case "mine":
            return str(actor.user) == (summary.owner_id if agent else summary.opened_by)
        case "unassigned":
            return not summary.owner
        case "unanswered":
            return not summary.answered
        case "breached":
            return bool(summary.missed) or (due_at is not None and due_at < now)
        case _:
            return True


async def board(desk: Desk, actor: Actor, chosen: Filter, where: str = LIST) -> QueueBoard:
    """The agents' queue with a filter, most critical first (MTA-11)."""
    now = desk.clock.now()
    accounts = [chosen.account] if chosen.account else None
    if chosen.name == ALL:
        page = await queue.page_of(desk, accounts, queue.MAX_ROWS)
    else:
        page = _filtered(
            await queue.page_of(desk, accounts, queue.MAX_ENTRIES), chosen.name, actor, now, agent=True
        )
    sections = (queue.section("", page.entries, Audience.AGENTS, now, page.total),)
    found = QueueBoard(
        "Queue", now, sections, (_intro(page.total, chosen, sections),), buttons(chosen, where)
    )
    return await queue.with_links(desk, found, Audience.AGENTS)


async def of_accounts(desk: Desk, actor: Actor, accounts: Sequence[Account], chosen: Filter) -> QueueBoard:
    """A TAM's open tickets with a filter; `mine` is all of them."""
    now = desk.clock.now()
    page = await queue.page_of(desk, accounts, queue.MAX_ENTRIES) if accounts else QueuePage((), 0)
    if chosen.name != MINE:
        page = _filtered(page, chosen.name, actor, now, agent=True)
    sections = (queue.section("", page.entries, Audience.AGENTS, now, page.total),)
    found = QueueBoard("Your accounts", now, sections, (_intro(page.total, chosen, sections),))
    return await queue.with_links(desk, found, Audience.AGENTS)


async def of_customer(
    desk: Desk, actor: Actor, accounts: Sequence[Account], name: str, title: str
) -> QueueBoard:
    """A customer's open tickets with a filter."""
    now = desk.clock.now()
    page = await queue.page_of(desk, accounts, queue.MAX_ENTRIES) if accounts else QueuePage((), 0)
    page = _filtered(page, name, actor, now, agent=False)
    sections = (queue.section("", page.entries, Audience.CUSTOMER, now, page.total),)
    board = QueueBoard(title, now, sections, (_intro(page.total, Filter(name), sections),))
    return await queue.with_links(desk, board, Audience.CUSTOMER)


def _filtered(page: QueuePage, name: str, actor: Actor, now: datetime, *, agent: bool) -> QueuePage:
    found = tuple(entry for entry in page.entries if matches(entry, name, actor, now, agent))
    return QueuePage(found, len(found))


def _intro(total: int, chosen: Filter, sections: Sequence[QueueSection]) -> str:
    of = f" of {chosen.account.name}" if chosen.account else ""
    if chosen.name == ALL:
        if not total:
            return f"No open tickets{of}."
        tickets = "1 ticket" if total == 1 else f"{total:,} tickets"
        are = "is" if total == 1 else "are"
        return f"{tickets}{of} {are} open, most critical first. {queue.see_one(sections)}"
    if not total:
        return f"No open tickets under “{LABELS[chosen.name]}”."
    return f"{LABELS[chosen.name]}: {total:,}, most critical first. {queue.see_one(sections)}"


def buttons(chosen: Filter, where: str) -> tuple[Button, ...]:
    """The buttons of the filters, for the Home tab or for a message."""
    return filter_buttons(ACTION, LABELS, "" if chosen.account else chosen.name, where)


async def chosen_on_home(desk: Desk, actor: Actor) -> Filter:
    """The filter of the agent's Home tab."""
    stored = await desk.key_values.get(TOPIC, str(actor.user))
    return Filter(stored if stored in LABELS else ALL)


async def press(desk: Desk, press: Press) -> Answer:
    """Draws the Home tab again with a filter, or shows the queue with it."""
    where, _, name = press.value.partition("|")
    if name not in LABELS or not desk.directory.is_agent(press.actor):
        return refusal(ONLY_AGENTS)
    if where != HOME:
        return Show(await board(desk, press.actor, Filter(name)))
    await desk.key_values.put(TOPIC, str(press.actor.user), name, real_now() + FILTER_LIFE)
    return Done()


async def next_ticket(desk: Desk, actor: Actor) -> str | None:
    """The key of the first ticket of the queue that has no owner (MTA-11)."""
    entries = (await queue.page_of(desk, None, queue.MAX_ENTRIES)).entries
    now = desk.clock.now()
    return next((each.key for each in entries if matches(each, UNASSIGNED, actor, now, agent=True)), None)
