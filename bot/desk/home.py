"""What a person sees on their Home tab and after `list`: an agent, a TAM, a customer."""

from __future__ import annotations

from dataclasses import replace

from bot.config.settings import Account
from bot.desk import queue, queue_filters
from bot.desk.channels import not_set_up
from bot.desk.desk import Desk, private_notice, refusal
from bot.desk.queue import ChannelsUnknown
from bot.desk.queue_filters import ALL, Filter
from bot.desk.tam import tam_home
from bot.model.address import Actor, Place
from bot.model.inbound import Answer, HomeOpened, Show
from bot.model.views import QueueBoard
from sla_core.triage import ShownAt


async def listing(desk: Desk, actor: Actor, place: Place, chosen: Filter | None = None) -> Answer:
    """Open tickets: the queue in triage, an account's in its channel, the actor's own in a direct message.

    `chosen` is the filter that the actor typed, if any.
    """
    owner = desk.directory.account_of(place)
    if owner is not None:
        return await _of_channel(desk, actor, owner, chosen or Filter())
    if desk.directory.is_triage(place):
        board = await _of_vendor(desk, actor, tam_home.LIST, chosen)
        return _shown(board) if board else refusal(queue_filters.ONLY_AGENTS)
    if place.direct:
        try:
            return _shown(await board_of(desk, actor, tam_home.LIST, chosen))
        except ChannelsUnknown as why:
            return refusal(f"{why}.")
    policy = desk.directory.policy_on(desk.clock.now().date())
    return not_set_up(place, policy.vendor, desk.directory.is_agent(actor))


async def of_account(desk: Desk, actor: Actor, place: Place, id_: str) -> Answer:
    """Open tickets of one account. A refusal does not reveal whether the account exists, except to agents."""
    owner = desk.directory.account_of(place)
    accounts = desk.directory.settings.accounts
    account = accounts.get(id_)
    if owner is not None and owner != account:
        return refusal(f"This channel lists tickets of {owner.name} only.")
    if owner is None and not desk.directory.is_agent(actor):
        try:
            seen = tam_home.looked_after(desk, actor) or await queue.accounts_of(desk, actor.user)
        except ChannelsUnknown as why:
            return refusal(f"{why}.")
        if account not in seen:
            return refusal("You cannot see that account from here.")
    if account is None:
        return refusal(f"There is no account “{id_}”. Known accounts: {', '.join(accounts)}.")
    return await listing(desk, actor, place, Filter(account=account))


async def _of_channel(desk: Desk, actor: Actor, owner: Account, chosen: Filter) -> Answer:
    """What everybody in a customer's channel may read, so only that account's tickets."""
    if chosen.name == ALL:
        return _shown(await queue.of_channel(desk, owner))
    title = f"Tickets of {owner.name}"
    return _shown(await queue_filters.of_customer(desk, actor, [owner], chosen.name, title))


async def board_of(desk: Desk, actor: Actor, where: str, chosen: Filter | None = None) -> QueueBoard:
    """A person's board: an agent's queue, a TAM's accounts, a customer's tickets. Raises ChannelsUnknown."""
    board = await _of_vendor(desk, actor, where, chosen)
    if board:
        return board
    if chosen is None or chosen == Filter():
        return await queue.of_customer(desk, actor)
    accounts = await queue.accounts_of(desk, actor.user)
    if chosen.account:
        accounts = [each for each in accounts if each == chosen.account]
    return await queue_filters.of_customer(desk, actor, accounts, chosen.name, "Your tickets")


async def _of_vendor(desk: Desk, actor: Actor, where: str, chosen: Filter | None) -> QueueBoard | None:
    """None if the actor is neither an agent nor looks after an account."""
    if desk.directory.is_agent(actor):
        if chosen is None and where == tam_home.HOME:
            chosen = await queue_filters.chosen_on_home(desk, actor)
        return await queue_filters.board(desk, actor, chosen or Filter(), where)
    accounts = tam_home.looked_after(desk, actor)
    if not accounts:
        return None
    if chosen and chosen != Filter():
        own = [each for each in accounts if chosen.account in (None, each)]
        return await queue_filters.of_accounts(desk, actor, own, chosen)
    name = await tam_home.chosen(desk, actor) if where == tam_home.HOME else tam_home.ALL
    return await tam_home.board(desk, actor, accounts, name, where)


def _shown(board: QueueBoard) -> Answer:
    if any(section.rows for section in board.sections):
        return Show(board)
    return private_notice(*(part for part in board.intro if isinstance(part, str)))


async def opened(desk: Desk, act: HomeOpened) -> Answer:
    """The actor's board as of now. Agents also see who is on duty."""
    try:
        board = await board_of(desk, act.actor, tam_home.HOME)
        said = await _facts(desk, act.actor)
    except ChannelsUnknown as why:
        return refusal(f"{why}.")
    if not desk.directory.is_agent(act.actor):
        return Show(replace(board, foot=(" ".join(said),) if said else ()))
    below = [f"\n{' '.join(said)}"] if said else []
    return Show(replace(board, foot=(*queue.on_duty(desk), *below)))


async def _facts(desk: Desk, actor: Actor) -> list[str]:
    """What the policy has agents, a TAM or a customer read on their Home tab. Raises ChannelsUnknown."""
    now = desk.clock.now()
    policy = desk.directory.policy_on(now.date())
    if desk.directory.is_agent(actor):
        return [fact.tells for fact in policy.facts_for(ShownAt.QUEUE, None, now)]
    looked_after = tam_home.looked_after(desk, actor)
    accounts = looked_after or await queue.accounts_of(desk, actor.user)
    shown_at = ShownAt.TAM if looked_after else ShownAt.HOME
    told = [
        fact.tells
        for account in accounts
        for fact in policy.facts_for(shown_at, account.plan, now, zone=account.zone, terms=account.terms)
    ]
    return [*dict.fromkeys(told)]
