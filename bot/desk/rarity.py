"""Whether a ticket is one more of its severity in a quarter than the policy expects."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from functools import partial

from bot.config.settings import Account
from bot.desk.desk import Desk
from bot.notify.agent_notes import messages
from bot.notify.message_factory import MessageFactory
from bot.ports import Appended, Conflict, Duplicate
from sla_core.events import Opened, SeverityChanged
from sla_core.policy import Policy
from sla_core.ticket import Ticket, fold

MAX_SEARCHED = 100
_TRIES = 4
"""How often to count again because another ticket of the account was opened meanwhile."""


async def earlier_tickets(
    desk: Desk, account: Account, policy: Policy, severity: str, ticket: str = ""
) -> tuple[str, ...]:
    """The account's other tickets of this severity in this quarter (UTC), oldest first, if they are too many.

    Empty if another one is still expected. One whose severity a workaround lowered counts; one that was
    misjudged does not. `ticket` is the one that is raised to this severity.
    """
    rarity = policy.severities[severity].rarity
    if rarity is None:
        return ()
    now = desk.clock.now()
    begun = datetime(now.year, (now.month - 1) // 3 * 3 + 1, 1, tzinfo=now.tzinfo)
    earlier = [
        other.key
        for other in reversed(await _recent(desk, account, begun))
        if other.key != ticket and severity in (other.severity, other.downgraded_from)
    ]
    return tuple(earlier) if len(earlier) >= rarity.per_quarter else ()


async def open_counted(
    desk: Desk,
    envelope: str,
    account: Account,
    policy: Policy,
    severity: str,
    draft: Callable[[tuple[str, ...]], Opened],
) -> Appended | Duplicate:
    """Opens a ticket; `draft` gets the account's `earlier_tickets`, with those opened meanwhile."""
    outcome = await _opened(desk, envelope, account, policy, severity, draft)
    if isinstance(outcome, Appended):
        await count_again(desk, account, policy, severity, outcome.ticket)
    return outcome


async def _opened(
    desk: Desk,
    envelope: str,
    account: Account,
    policy: Policy,
    severity: str,
    draft: Callable[[tuple[str, ...]], Opened],
) -> Appended | Duplicate:
    for _ in range(_TRIES):
        newest = next(iter(await desk.store.tickets(account.id)), f"{account.id.upper()}-0")
        earlier = await earlier_tickets(desk, account, policy, severity)
        try:
            return await desk.open(envelope, account, partial(draft, earlier), newest)
        except Conflict:
            continue
    # Its newest tickets may be deleted, or many are opened at once: it matters more that it is opened.
    earlier = await earlier_tickets(desk, account, policy, severity)
    return await desk.open(envelope, account, partial(draft, earlier))


async def count_again(desk: Desk, account: Account, policy: Policy, severity: str, key: str) -> None:
    """Counts a ticket that was just opened with this severity or raised to it, now that it is stored.

    Another one may have been raised between the first count and the storing, and neither saw the other. Of
    two such tickets, at least the one that was stored last finds the other here. Does nothing if the ticket
    was counted as one too many before.
    """
    if policy.severities[severity].rarity is None:
        return
    ticket = await desk.ticket(key)
    reached = (
        (seq, event)
        for seq, event in enumerate(ticket.history, start=1)
        if isinstance(event, Opened | SeverityChanged) and event.severity == severity
    )
    *_, (seq, event) = reached
    others = () if event.earlier else await earlier_tickets(desk, account, policy, severity, key)
    if others:
        factory = MessageFactory(fold(key, ticket.history[:seq]), seq, policy, desk.directory)
        counted = replace(event, earlier=others)
        await desk.store.enqueue([*messages(factory, counted, afterwards=True)])


async def _recent(desk: Desk, account: Account, since: datetime) -> list[Ticket]:
    """The account's tickets opened since then, newest first, from the newest MAX_SEARCHED."""
    found = []
    for key in (await desk.store.tickets(account.id))[:MAX_SEARCHED]:
        ticket = await desk.ticket(key)
        if ticket.opened.at < since:
            break
        found.append(ticket)
    return found
