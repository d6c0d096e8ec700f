"""The standing message of a customer channel: `Get help`, kept alive and never twice."""

from __future__ import annotations

from datetime import datetime, timedelta

from bot import cards
from bot.address import MessageRef, Place
from bot.clock import parse_instant, real_now
from bot.desk import moves
from bot.desk.alone import alone
from bot.desk.core import Desk
from bot.ports import Never, Notebook, NotNow
from bot.settings import Account
from bot.views import GetHelp

TOPIC = "get-help"
"""Which message it is in each channel."""
TRIED = "get-help-tried"
"""Since when it may stand in a channel although nobody told us."""
SEEN = "get-help-seen"
"""When it was last found standing, by the desk's clock."""
LOOK_AFTER = timedelta(hours=1)
MOST_LOOKS = 10
"""How many are looked for in one round: each look is one of the edits that the platform lets through."""


async def keep_help_posted(desk: Desk, notebook: Notebook) -> list[str]:
    """The caretaker's round of the standing messages, one in each customer channel.

    It is posted where it is not, and looked for now and then where it should be. Gives one line for each
    that refused.
    """
    await moves.recall(desk, notebook)
    refused: list[str] = []
    posted, seen = await notebook.notes(TOPIC), await notebook.notes(SEEN)
    now, looks = desk.clock.now(), 0
    for account, place in _channels(desk):
        if str(place) in posted:
            if looks == MOST_LOOKS or _recent(seen.get(str(place)), now):
                continue
            looks += 1
        refused += await stand(desk, notebook, account, place)
    return refused


async def stand(desk: Desk, notebook: Notebook, account: Account, place: Place) -> list[str]:
    """See that it stands in this channel. A line that says why it does not, if so."""
    if place.platform not in desk.platforms:
        return []
    async with desk.tending:
        try:
            known = await notebook.noted(TOPIC, str(place))
            if known is None or not await _still_there(desk, MessageRef(place, known)):
                async with alone(notebook, f"{TOPIC} {place}") as is_ours:
                    if not is_ours or await notebook.noted(TOPIC, str(place)) != known:
                        return []
                    await _post(desk, notebook, place)
        except (NotNow, Never) as problem:
            return [f"Get help cannot be posted in {place} of {account.id}: {problem}"]
        await notebook.note(SEEN, str(place), desk.clock.now().isoformat())
    return []


async def put_back(desk: Desk, message: MessageRef) -> list[str]:
    """Post it again where the deleted message was it."""
    notebook, place = desk.notebook, desk.directory.now_at(message.place)
    account = desk.directory.account_of(place)
    if account is None or await notebook.noted(TOPIC, str(place)) != message.id:
        return []
    await notebook.forget(TOPIC, str(place))
    return await stand(desk, notebook, account, place)


async def moved(notebook: Notebook, old: Place, new: Place) -> None:
    """The channel has another address; its messages keep their ids."""
    known = await notebook.noted(TOPIC, str(old))
    if known is not None:
        await notebook.note(TOPIC, str(new), known)
        await notebook.forget(TOPIC, str(old))
        await notebook.forget(SEEN, str(old))


def _channels(desk: Desk) -> list[tuple[Account, Place]]:
    return [
        (account, channel)
        for account in desk.directory.settings.accounts.values()
        for channel in desk.directory.channels_of(account)
    ]


def _recent(seen: str | None, now: datetime) -> bool:
    return seen is not None and now - parse_instant(seen) < LOOK_AFTER


async def _still_there(desk: Desk, message: MessageRef) -> bool:
    """Draw it anew, which only a message that is there can be. Raises NotNow."""
    platform = desk.platforms[message.place.platform]
    try:
        await platform.update(message, _view(desk))
    except Never:
        return False
    return True


async def _post(desk: Desk, notebook: Notebook, place: Place) -> None:
    """Raises NotNow, Never."""
    platform, key = desk.platforms[place.platform], str(place)
    tried = await notebook.noted(TRIED, key)
    message = None
    if tried is not None:
        message = await platform.find(place, f"{TOPIC}/{key}/{tried}", None, parse_instant(tried))
    if message is None:
        tried = real_now().isoformat()
        await notebook.note(TRIED, key, tried)
        try:
            message = await platform.post(place, _view(desk), None, f"{TOPIC}/{key}/{tried}")
        except (NotNow, Never) as problem:
            if not (isinstance(problem, NotNow) and problem.unsure):
                await notebook.forget(TRIED, key)
            raise
    await notebook.note(TOPIC, key, message.id)
    await notebook.forget(TRIED, key)


def _view(desk: Desk) -> GetHelp:
    return cards.get_help(desk.directory.policy_on(desk.clock.now().date()))
