"""The open tickets in the order of their turn: the more critical first, of two alike the one due first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot import cards
from bot.address import Actor, Place, UserRef
from bot.desk.core import Desk, private, refusal
from bot.directory import Directory, PolicyGone
from bot.exchange import Answer, Show
from bot.ports import Never, NotNow
from bot.settings import Account
from bot.views import Audience, Part, QueueBoard, QueueSection, Rich, Strong, When
from sla_core.policy import Policy
from sla_core.ticket import State, Ticket

MOST_LOOKED_AT = 2000
"""Unfinished tickets that are read for one board, those whose time comes first."""
MOST_ROWS = 100
"""Of one section; no platform shows more."""
RECENTLY = timedelta(days=14)
"""For how long a resolved ticket is listed to its customer, who may close or reopen it."""


OPEN = "These are open, the more critical first."
ONE = "To see one of them, write “status” and its key."


class ChannelsUnknown(Exception):
    """Somebody's channels cannot be told at the moment."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """An unfinished ticket, with all that decides when its turn comes."""

    ticket: Ticket
    policy: Policy
    at: datetime
    due_at: datetime | None

    @property
    def turn(self) -> tuple[int, bool, datetime, datetime, str]:
        """Sorts as MTA-11 has it: by severity, then by what is due next (overdue before all), then by age."""
        opened_at = self.ticket.opened.at
        rank = list(self.policy.severities).index(self.ticket.severity)
        return rank, self.due_at is None, self.due_at or opened_at, opened_at, self.ticket.key


async def listing(desk: Desk, actor: Actor, place: Place) -> Answer:
    """What is open: in triage the queue, in a customer's channel its tickets, in a direct one one's own."""
    owner = desk.directory.account_of(place)
    if owner is not None:
        return _shown(await _of_channel(desk, owner))
    if desk.directory.is_triage(place):
        board = await _of_agent(desk, actor)
        return _shown(board) if board else refusal("Only agents see the queue here.")
    if place.direct:
        try:
            return _shown(await board_of(desk, actor))
        except ChannelsUnknown as why:
            return refusal(f"{why}.")
    return refusal(
        f'No account owns this channel. Add "{place}" to an account\'s channels in frontline.toml.'
    )


async def board_of(desk: Desk, actor: Actor) -> QueueBoard:
    """Somebody's own: an agent's queue, a TAM's accounts, a customer's tickets. Raises ChannelsUnknown."""
    return await _of_agent(desk, actor) or await _of_customer(desk, actor)


async def accounts_of(desk: Desk, user: UserRef) -> list[Account]:
    """The accounts whose channels somebody shares with the bot. Raises ChannelsUnknown."""
    platform = desk.platforms.get(user.platform)
    if platform is None:
        return []
    try:
        there = {str(place) for place in await platform.places_of(user)}
    except NotNow as why:
        raise ChannelsUnknown(
            "It cannot be told now which channels you are in; please try again in a minute"
        ) from why
    except Never as why:
        raise ChannelsUnknown(
            "It cannot be told from here which channels you are in; "
            "please mention me in the channel that you share with us"
        ) from why
    accounts, now_at = desk.directory.settings.accounts.values(), desk.directory.channels_of
    return [account for account in accounts if any(str(channel) in there for channel in now_at(account))]


def _shown(board: QueueBoard) -> Answer:
    if any(section.rows for section in board.sections):
        return Show(board)
    return private(*(part for part in board.intro if isinstance(part, str)))


async def _of_agent(desk: Desk, actor: Actor) -> QueueBoard | None:
    """None for whoever is no agent and looks after no account."""
    if desk.directory.is_agent(actor):
        return await _queue(desk)
    looked_after = _looked_after(desk.directory, actor)
    return await _of_accounts(desk, looked_after) if looked_after else None


def _looked_after(directory: Directory, actor: Actor) -> list[Account]:
    return [account for account in directory.settings.accounts.values() if directory.is_agent(actor, account)]


async def _queue(desk: Desk) -> QueueBoard:
    now = desk.clock.now()
    waiting, notes = await _waiting(desk, None, now)
    queue = sorted((each for each in waiting if _is_open(each)), key=lambda each: each.turn)
    said = (
        f"{_tickets(len(queue))} open, the more critical first. {ONE}"
        if queue
        else "No ticket is open. All is quiet."
    )
    return QueueBoard("Queue", now, (_section("", queue, Audience.AGENTS),), (said, *notes))


async def _of_accounts(desk: Desk, accounts: Sequence[Account]) -> QueueBoard:
    """For those who look after accounts: each with what is due next on it, the soonest on top."""
    now = desk.clock.now()
    found: list[tuple[datetime | None, QueueSection]] = []
    every: list[Part] = []
    for account in accounts:
        waiting, notes = await _waiting(desk, account, now)
        every += notes
        queue = sorted((each for each in waiting if _is_open(each)), key=lambda each: each.turn)
        soonest = min(
            (each for each in queue if each.due_at), key=lambda each: each.due_at or now, default=None
        )
        lead = _due_next(soonest) if soonest else ("Nothing is open." if not queue else "Nothing is due.",)
        section = _section(account.name, queue, Audience.AGENTS, lead)
        found.append((soonest.due_at if soonest else None, section))
    found.sort(key=lambda each: (each[0] is None, not each[1].rows, each[0] or now))
    anything = any(section.rows for _, section in found)
    said = (
        f"What is due next on the accounts that you look after. {ONE}"
        if anything
        else "Nothing is open. All is quiet."
    )
    return QueueBoard("Your accounts", now, tuple(section for _, section in found), (said, *every))


def _due_next(soonest: Waiting) -> Rich:
    assert soonest.due_at is not None
    says = "Overdue: " if soonest.due_at <= soonest.at else "Due next: "
    return (says, Strong(soonest.ticket.key), " ", When(soonest.due_at))


async def _of_channel(desk: Desk, account: Account) -> QueueBoard:
    now = desk.clock.now()
    waiting, notes = await _waiting(desk, account, now)
    sections = _customers(waiting, now)
    said = OPEN if _any_open(sections) else f"{account.name} has no open ticket."
    return QueueBoard(f"Tickets of {account.name}", now, sections, (said, *notes))


async def _of_customer(desk: Desk, actor: Actor) -> QueueBoard:
    """By account, where somebody belongs to several."""
    now = desk.clock.now()
    accounts = await accounts_of(desk, actor.user)
    sections: list[QueueSection] = []
    every: list[Part] = []
    for account in accounts:
        waiting, notes = await _waiting(desk, account, now)
        every += notes
        sections += _customers(waiting, now, account.name if len(accounts) > 1 else "")
    if _any_open(sections):
        said = f"{OPEN} {ONE}"
    elif accounts:
        said = "You have no open ticket."
    else:
        said = "You are in no channel of a customer, so there are no tickets to show."
    buttons = (cards.GET_HELP,) if accounts else ()
    return QueueBoard("Your tickets", now, tuple(sections), (said, *every), buttons)


def _customers(waiting: Iterable[Waiting], now: datetime, name: str = "") -> tuple[QueueSection, ...]:
    """What is open, and what was resolved lately and waits for the customer's word."""
    waiting = list(waiting)
    queue = sorted((each for each in waiting if _is_open(each)), key=lambda each: each.turn)
    resolved = [
        each
        for each in waiting
        if each.ticket.ended_at is not None and now - each.ticket.ended_at <= RECENTLY
    ]
    resolved.sort(key=lambda each: each.ticket.ended_at or now, reverse=True)
    sections = []
    if queue:
        sections.append(_section(name, queue, Audience.CUSTOMER))
    if resolved:
        title = (
            f"{name}: resolved, yours to close or reopen" if name else "Resolved, yours to close or reopen"
        )
        sections.append(_section(title, resolved, Audience.CUSTOMER))
    return tuple(sections)


def _section(title: str, queue: Sequence[Waiting], audience: Audience, lead: Rich = ()) -> QueueSection:
    rows = tuple(cards.row(each.ticket, each.policy, audience, each.at) for each in queue[:MOST_ROWS])
    return QueueSection(title, rows, lead, len(queue) - len(rows))


async def _waiting(desk: Desk, account: Account | None, now: datetime) -> tuple[list[Waiting], list[str]]:
    """Unfinished tickets of an account or of all, in no order, and what a board of them should own up to."""
    keys = await desk.store.unfinished(account.id if account else None, MOST_LOOKED_AT + 1)
    found, gone = [], []
    for key in keys[:MOST_LOOKED_AT]:
        ticket = await desk.ticket(key)
        try:
            policy = desk.policy_of(ticket)
        except PolicyGone:
            gone.append(key)
            continue
        at = max(now, ticket.history[-1].at)
        due = cards.next_due(ticket, policy, at)
        found.append(Waiting(ticket, policy, at, due.due_at if due else None))
    notes = []
    if len(keys) > MOST_LOOKED_AT:
        notes.append(f" Not all were looked at: these are of the {MOST_LOOKED_AT:,} whose time comes first.")
    if gone:
        notes.append(f" Not shown, as their version of the policy is gone: {', '.join(gone[:20])}.")
    return found, notes


def _any_open(sections: Iterable[QueueSection]) -> bool:
    return any(row.state != State.RESOLVED for section in sections for row in section.rows)


def _is_open(each: Waiting) -> bool:
    return each.ticket.state is State.OPEN


def _tickets(count: int) -> str:
    return "1 ticket is" if count == 1 else f"{count:,} tickets are"
