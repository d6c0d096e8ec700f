"""What a person sees on their Home tab and after `list`: an agent, a TAM, a customer."""

from __future__ import annotations

from dataclasses import replace

from bot.desk import queue
from bot.desk.desk import Desk, private_notice, refusal
from bot.desk.queue import ChannelsUnknown
from bot.desk.tam import cockpit
from bot.model.address import Actor, Place
from bot.model.inbound import Answer, HomeOpened, Show
from bot.model.views import QueueBoard


async def listing(desk: Desk, actor: Actor, place: Place) -> Answer:
    """Open tickets: the queue in triage, an account's in its channel, the actor's own in a direct message."""
    owner = desk.directory.account_of(place)
    if owner is not None:
        return _shown(await queue.of_channel(desk, owner))
    if desk.directory.is_triage(place):
        board = await _of_vendor(desk, actor, cockpit.LIST)
        return _shown(board) if board else refusal("Only agents can see the queue here.")
    if place.direct:
        try:
            return _shown(await board_of(desk, actor, cockpit.LIST))
        except ChannelsUnknown as why:
            return refusal(f"{why}.")
    return refusal(
        f'No account owns this channel. Add "{place}" to an account\'s channels in frontline.toml.'
    )


async def board_of(desk: Desk, actor: Actor, where: str) -> QueueBoard:
    """A person's board: an agent's queue, a TAM's accounts, a customer's tickets. Raises ChannelsUnknown."""
    return await _of_vendor(desk, actor, where) or await queue.of_customer(desk, actor)


async def _of_vendor(desk: Desk, actor: Actor, where: str) -> QueueBoard | None:
    """None if the actor is neither an agent nor looks after an account."""
    if desk.directory.is_agent(actor):
        return await queue.of_all(desk)
    accounts = cockpit.looked_after(desk, actor)
    if not accounts:
        return None
    name = await cockpit.chosen(desk, actor) if where == cockpit.HOME else cockpit.ALL
    return await cockpit.board(desk, actor, accounts, name, where)


def _shown(board: QueueBoard) -> Answer:
    if any(section.rows for section in board.sections):
        return Show(board)
    return private_notice(*(part for part in board.intro if isinstance(part, str)))


async def opened(desk: Desk, act: HomeOpened) -> Answer:
    """The actor's board as of now. Agents also see who is on duty."""
    try:
        board = await board_of(desk, act.actor, cockpit.HOME)
    except ChannelsUnknown as why:
        return refusal(f"{why}.")
    if not desk.directory.is_agent(act.actor):
        return Show(board)
    return Show(replace(board, foot=tuple(queue.on_duty(desk))))
