"""The life of customers' channels: joined, left, archived, shared, moved."""

from __future__ import annotations

from datetime import timedelta

import structlog

from bot.address import Place
from bot.clock import real_now
from bot.desk import moves, notices, welcome
from bot.desk.core import Desk
from bot.exchange import Answer, ChannelChange, ChannelChanged, Done
from bot.settings import Account
from sla_core.ticket import State

log = structlog.get_logger(__name__)

CHANGES = "channel-turn"
"""The turns that were taken in, by their envelope."""
LIFE = timedelta(days=30)
"""How long a turn is known by its envelope: as long as an act (bot.upkeep.ACTS)."""
STATE = "channel-state"
"""The turn by which each channel was cut off or came back, and its envelope."""
MAX_TICKETS = 500
MAX_KEYS = 10

_CUT_OFF = {
    ChannelChange.LEFT: ("the app was removed from it", "Add the app to it again."),
    ChannelChange.ARCHIVED: ("it was archived", "Have it unarchived."),
    ChannelChange.DELETED: ("it was deleted", "Have it restored."),
    ChannelChange.UNSHARED: ("it is no longer shared with them", "Share it with them again."),
}
"""How, and what to do."""
_BACK = {
    ChannelChange.JOINED: (
        "the app is in it again",
        {ChannelChange.LEFT, ChannelChange.ARCHIVED, ChannelChange.DELETED},
    ),
    ChannelChange.UNARCHIVED: ("it is open again", {ChannelChange.ARCHIVED, ChannelChange.DELETED}),
    ChannelChange.SHARED: ("it is shared again", {ChannelChange.UNSHARED}),
}
"""How, and after what."""


async def channel_changed(desk: Desk, act: ChannelChanged) -> Answer:
    """Take in what became of a channel; the same envelope again is nothing new."""
    async with desk.channel_lock:
        if await desk.key_values.get(CHANGES, act.key) is not None:
            return Done()
        log.info("a channel changed", place=str(act.place), change=act.change, name=act.name)
        await _apply(desk, act)
        await desk.key_values.put(CHANGES, act.key, act.change, real_now() + LIFE)
    account = desk.directory.account_of(act.moved_to or act.place)
    if account is not None and (act.change in _BACK or act.moved_to):
        await welcome.ensure_help_message(desk, desk.key_values, desk.directory.current_address(act.place))
    return Done()


async def _apply(desk: Desk, act: ChannelChanged) -> None:
    account = desk.directory.account_of(act.place)
    if act.change is ChannelChange.MOVED and act.moved_to is not None:
        await _moved(desk, act, act.moved_to, account)
    elif desk.directory.is_triage(act.place) and act.change in _CUT_OFF:
        log.error("agents cannot be reached in triage", place=str(act.place), why=_CUT_OFF[act.change][0])
    elif account is not None and act.change in _CUT_OFF:
        await _cut_off(desk, act, account)
    elif account is not None and act.change in _BACK:
        await _back(desk, act, account)
    elif act.change is ChannelChange.JOINED and not (act.place.direct or desk.directory.is_triage(act.place)):
        await _unowned(desk, act)


async def _cut_off(desk: Desk, act: ChannelChanged, account: Account) -> None:
    """One turn is often told in two ways, and what is cut off already is not cut off again."""
    before, by = await _state(desk, act.place)
    if before in _CUT_OFF and by != act.key:
        return
    await _store_state(desk, act)
    how, cure = _CUT_OFF[act.change]
    tickets = _counted(await _open_tickets(desk, act.place, account))
    text = (
        f"{account.name}'s channel ({act.place}) is cut off: {how}. {tickets} "
        f"Nothing reaches the customer there. {cure} Or give them another channel, and name it under "
        f'channels of the account "{account.id}" in frontline.toml.'
    )
    await _tell(desk, act, account, text)


async def _back(desk: Desk, act: ChannelChanged, account: Account) -> None:
    before, by = await _state(desk, act.place)
    how, after = _BACK[act.change]
    if before in after or by == act.key:
        await _store_state(desk, act)
        await _tell(desk, act, account, f"{account.name}'s channel ({act.place}) is back: {how}.")


async def _unowned(desk: Desk, act: ChannelChanged) -> None:
    """Said to agents and not in the channel: whoever is there did not ask."""
    text = (
        f"The app was added to {act.place}, which belongs to no account. To serve a customer there, add "
        f'"{act.place}" to channels of their account in frontline.toml and start the desk again; else '
        "remove the app from it."
    )
    await notices.notify(desk, f"{act.key}/triage", desk.directory.triage_for(act.place), text)


async def _moved(desk: Desk, act: ChannelChanged, new: Place, account: Account | None) -> None:
    triage, before = desk.directory.is_triage(act.place), await desk.key_values.get(STATE, str(act.place))
    await moves.record_rename(desk, desk.key_values, act.place, new)
    if before is not None:
        await desk.key_values.put(STATE, str(new), before)
    await welcome.moved(desk.key_values, act.place, new)
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
    await notices.notify(desk, f"{act.key}/triage", desk.directory.triage_for(new), text)


async def _state(desk: Desk, place: Place) -> tuple[str, str]:
    """The turn by which the channel was last cut off or came back, and its envelope."""
    change, _, envelope = (await desk.key_values.get(STATE, _key(desk, place)) or "").partition(" ")
    return change, envelope


async def _store_state(desk: Desk, act: ChannelChanged) -> None:
    await desk.key_values.put(STATE, _key(desk, act.place), f"{act.change} {act.key}")


def _key(desk: Desk, place: Place) -> str:
    return str(desk.directory.current_address(place))


async def _tell(desk: Desk, act: ChannelChanged, account: Account, text: str) -> None:
    """Agents in triage, and the account's TAM."""
    triage = desk.directory.triage_for(act.place)
    await notices.notify(desk, f"{act.key}/triage", triage, text)
    person = desk.directory.tam(account)
    ref = desk.directory.direct_address(person, act.place.platform) if person else None
    if ref is not None:
        await notices.notify(desk, f"{act.key}/tam", ref, text)


async def _open_tickets(desk: Desk, place: Place, account: Account) -> list[str]:
    page = await desk.store.queue([account.id], MAX_TICKETS)
    tickets = [await desk.ticket(entry.key) for entry in page.entries]
    here = desk.directory.current_address(place)
    return [t.key for t in tickets if t.state is State.OPEN and desk.directory.channel_of(t) == here]


def _counted(keys: list[str]) -> str:
    if not keys:
        return "No ticket is open there."
    named = ", ".join([*keys[:MAX_KEYS], *(["…"] if len(keys) > MAX_KEYS else [])])
    one = len(keys) == 1
    return f"{len(keys)} {'ticket is' if one else 'tickets are'} open there ({named})."
