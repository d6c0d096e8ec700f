"""The life of customers' channels: joined, left, archived, shared, moved."""

from __future__ import annotations

from datetime import timedelta

import structlog

from bot.address import Place
from bot.clock import real_now
from bot.desk import moves, notices, welcome
from bot.desk.core import Desk
from bot.exchange import Answer, ChannelTurned, Done, Turn
from bot.settings import Account
from sla_core.ticket import State

log = structlog.get_logger(__name__)

TURNS = "channel-turn"
"""The turns that were taken in, by their envelope."""
LIFE = timedelta(days=30)
"""How long a turn is known by its envelope: as long as an act (bot.upkeep.ACTS)."""
STATE = "channel-state"
"""The turn by which each channel was cut off or came back, and its envelope."""
MOST_TICKETS = 500
MOST_KEYS = 10

_CUT_OFF = {
    Turn.LEFT: ("the app was removed from it", "Add the app to it again."),
    Turn.ARCHIVED: ("it was archived", "Have it unarchived."),
    Turn.DELETED: ("it was deleted", "Have it restored."),
    Turn.UNSHARED: ("it is no longer shared with them", "Share it with them again."),
}
"""How, and what to do."""
_BACK = {
    Turn.JOINED: ("the app is in it again", {Turn.LEFT, Turn.ARCHIVED, Turn.DELETED}),
    Turn.UNARCHIVED: ("it is open again", {Turn.ARCHIVED, Turn.DELETED}),
    Turn.SHARED: ("it is shared again", {Turn.UNSHARED}),
}
"""How, and after what."""


async def turned(desk: Desk, act: ChannelTurned) -> Answer:
    """Take in what became of a channel; the same envelope again is nothing new."""
    async with desk.tending:
        if await desk.notebook.noted(TURNS, act.key) is not None:
            return Done()
        log.info("a channel turned", place=str(act.place), turn=act.turn, name=act.name)
        await _taken_in(desk, act)
        await desk.notebook.note(TURNS, act.key, act.turn, real_now() + LIFE)
    account = desk.directory.account_of(act.became or act.place)
    if account is not None and (act.turn in _BACK or act.became):
        await welcome.stand(desk, desk.notebook, desk.directory.now_at(act.place))
    return Done()


async def _taken_in(desk: Desk, act: ChannelTurned) -> None:
    account = desk.directory.account_of(act.place)
    if act.turn is Turn.MOVED and act.became is not None:
        await _moved(desk, act, act.became, account)
    elif desk.directory.is_triage(act.place) and act.turn in _CUT_OFF:
        log.error("agents cannot be reached in triage", place=str(act.place), why=_CUT_OFF[act.turn][0])
    elif account is not None and act.turn in _CUT_OFF:
        await _cut_off(desk, act, account)
    elif account is not None and act.turn in _BACK:
        await _back(desk, act, account)
    elif act.turn is Turn.JOINED and not (act.place.direct or desk.directory.is_triage(act.place)):
        await _nobodys(desk, act)


async def _cut_off(desk: Desk, act: ChannelTurned, account: Account) -> None:
    """One turn is often told in two ways, and what is cut off already is not cut off again."""
    before, by = await _state(desk, act.place)
    if before in _CUT_OFF and by != act.key:
        return
    await _note_state(desk, act)
    how, cure = _CUT_OFF[act.turn]
    tickets = _counted(await _open_tickets(desk, act.place, account))
    text = (
        f"{account.name}'s channel ({act.place}) is cut off: {how}. {tickets} "
        f"Nothing reaches the customer there. {cure} Or give them another channel, and name it under "
        f'channels of the account "{account.id}" in frontline.toml.'
    )
    await _tell(desk, act, account, text)


async def _back(desk: Desk, act: ChannelTurned, account: Account) -> None:
    before, by = await _state(desk, act.place)
    how, after = _BACK[act.turn]
    if before in after or by == act.key:
        await _note_state(desk, act)
        await _tell(desk, act, account, f"{account.name}'s channel ({act.place}) is back: {how}.")


async def _nobodys(desk: Desk, act: ChannelTurned) -> None:
    """Said to agents and not in the channel: whoever is there did not ask."""
    text = (
        f"The app was added to {act.place}, which belongs to no account. To serve a customer there, add "
        f'"{act.place}" to channels of their account in frontline.toml and start the desk again; else '
        "remove the app from it."
    )
    await notices.owe(desk, f"{act.key}/triage", desk.directory.triage_for(act.place), text)


async def _moved(desk: Desk, act: ChannelTurned, new: Place, account: Account | None) -> None:
    triage, before = desk.directory.is_triage(act.place), await desk.notebook.noted(STATE, str(act.place))
    await moves.follow(desk, desk.notebook, act.place, new)
    if before is not None:
        await desk.notebook.note(STATE, str(new), before)
    await welcome.moved(desk.notebook, act.place, new)
    if triage:
        whose, key = "The agents' channel", f"triage under [{new.platform}]"
    elif account is not None:
        whose, key = f"{account.name}'s channel", f'channels of the account "{account.id}"'
    else:
        return
    text = (
        f"{whose} has another address: {new} instead of {act.place}. The desk follows it; "
        f"please change {key} in frontline.toml too."
    )
    await notices.owe(desk, f"{act.key}/triage", desk.directory.triage_for(new), text)


async def _state(desk: Desk, place: Place) -> tuple[str, str]:
    """The turn by which the channel was last cut off or came back, and its envelope."""
    turn, _, envelope = (await desk.notebook.noted(STATE, _key(desk, place)) or "").partition(" ")
    return turn, envelope


async def _note_state(desk: Desk, act: ChannelTurned) -> None:
    await desk.notebook.note(STATE, _key(desk, act.place), f"{act.turn} {act.key}")


def _key(desk: Desk, place: Place) -> str:
    return str(desk.directory.now_at(place))


async def _tell(desk: Desk, act: ChannelTurned, account: Account, text: str) -> None:
    """Agents in triage, and the account's TAM."""
    triage = desk.directory.triage_for(act.place)
    await notices.owe(desk, f"{act.key}/triage", triage, text)
    person = desk.directory.tam(account)
    ref = desk.directory.reach(person, act.place.platform) if person else None
    if ref is not None:
        await notices.owe(desk, f"{act.key}/tam", ref, text)


async def _open_tickets(desk: Desk, place: Place, account: Account) -> list[str]:
    page = await desk.store.queue([account.id], MOST_TICKETS)
    tickets = [await desk.ticket(entry.key) for entry in page.entries]
    here = desk.directory.now_at(place)
    return [t.key for t in tickets if t.state is State.OPEN and desk.directory.channel_of(t) == here]


def _counted(keys: list[str]) -> str:
    if not keys:
        return "No ticket is open there."
    named = ", ".join([*keys[:MOST_KEYS], *(["…"] if len(keys) > MOST_KEYS else [])])
    one = len(keys) == 1
    return f"{len(keys)} {'ticket is' if one else 'tickets are'} open there ({named})."
