"""Customers' channels: joined, left, archived, shared, renamed; and the `Get help` message in each."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from bot.clock import parse_instant, real_now
from bot.config.settings import Account
from bot.desk import quiet_hours, ticket_board, unticketed
from bot.desk.desk import Desk, refusal, try_lock
from bot.model.address import Location, MessageRef, Place, UserRef
from bot.model.inbound import Answer, ChannelChange, ChannelChanged, Done, Show
from bot.model.views import Audience, Link, Notice, Part, RichText, View
from bot.ports import (
    KeyValueStore,
    Message,
    Priority,
    StandingHelp,
    Timer,
    trace_id,
)
from sla_core.promise import Tone
from sla_core.ticket import State

log = structlog.get_logger(__name__)

CHANGES = "channel-turn"
"""The channel changes that were handled, by their envelope."""
LIFE = timedelta(days=30)
"""How long a change is known by its envelope: as long as an act (bot.runtime.retention.ENVELOPE_LIFE)."""
STATE = "channel-state"
"""The last change that cut off or restored each channel, and its envelope."""
MAX_TICKETS = 500
MAX_KEYS = 10

_CUT_OFF = {
    ChannelChange.LEFT: ("the app was removed from the channel", "Add the app to the channel again."),
    ChannelChange.ARCHIVED: ("the channel was archived", "Unarchive it."),
    ChannelChange.DELETED: ("the channel was deleted", "Restore it."),
    ChannelChange.UNSHARED: ("the channel is no longer shared with them", "Share it with them again."),
}
"""By change: what happened, and how to fix it."""
_BACK = {
    ChannelChange.JOINED: (
        "the app is in the channel again",
        {ChannelChange.LEFT, ChannelChange.ARCHIVED, ChannelChange.DELETED},
    ),
    ChannelChange.UNARCHIVED: ("the channel is open again", {ChannelChange.ARCHIVED, ChannelChange.DELETED}),
    ChannelChange.SHARED: ("the channel is shared again", {ChannelChange.UNSHARED}),
}
"""By change: what happened, and the changes that it undoes."""


async def channel_link(desk: Desk, channel: Place) -> Part:
    """What we call a channel, as a link where the platform has one."""
    name = desk.channel_name(channel)
    platform = desk.platforms.get(channel.platform)
    location = await platform.location(MessageRef(channel, "")) if platform else Location()
    return Link(location.url, name) if location.url else name


async def channel_changed(desk: Desk, act: ChannelChanged) -> Answer:
    """Handles a change of a channel. Ignores an envelope that was handled before."""
    served = [place for place in act.beside if _is_served(desk, place)]
    for place in served:
        await _channel_changed(desk, replace(act, key=f"{act.key}/{place.id}", place=place, beside=()))
    if not served or _is_served(desk, act.place):
        await _channel_changed(desk, act)
    return Done()


def _is_served(desk: Desk, place: Place) -> bool:
    return desk.directory.account_of(place) is not None or desk.directory.is_triage(place)


async def _channel_changed(desk: Desk, act: ChannelChanged) -> None:
    async with desk.channel_lock:
        if await desk.key_values.get(CHANGES, act.key) is not None:
            return
        log.info("a channel changed", place=str(act.place), change=act.change, name=act.name)
        await _apply(desk, act)
        await desk.key_values.put(CHANGES, act.key, act.change, real_now() + LIFE)
    account = desk.directory.account_of(act.moved_to or act.place)
    if account is not None and (act.change in _BACK or act.moved_to):
        await ensure_help_message(desk, desk.key_values, desk.directory.current_address(act.place))


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
    """Tells the team once: platforms often report one change by two events."""
    before, by = await _state(desk, act.place)
    if before in _CUT_OFF and by != act.key:
        return
    await _store_state(desk, act)
    how, fix = _CUT_OFF[act.change]
    text = (
        f"Messages no longer reach {account.name} in {act.place}: {how}. ",
        *await _counted(desk, await _open_tickets(desk, act.place, account)),
        f" For the operator: {fix} Or choose another channel and add it to "
        f'channels of the account "{account.id}" in frontline.toml.',
    )
    await _tell(desk, act, account, *text)


async def _back(desk: Desk, act: ChannelChanged, account: Account) -> None:
    before, by = await _state(desk, act.place)
    how, after = _BACK[act.change]
    if before in after or by == act.key:
        await _store_state(desk, act)
        await _tell(desk, act, account, f"Messages reach {account.name} in {act.place} again: {how}.")


async def _unowned(desk: Desk, act: ChannelChanged) -> None:
    """Tells agents in triage. The people in the channel did not ask for anything."""
    text = (
        f"The app was added to {act.place}. Nobody can open tickets there, because the channel belongs to no "
        f'account. For the operator: to serve a customer there, add "{act.place}" to `channels` of their '
        "account in frontline.toml, then restart Frontline. Otherwise remove the app from the channel."
    )
    # A platform may report one installation by two events.
    key = f"unowned/{act.place}/{desk.clock.now():%Y-%m-%d}"
    await notify(desk, key, desk.directory.triage_for(act.place), text)


async def _moved(desk: Desk, act: ChannelChanged, new: Place, account: Account | None) -> None:
    triage, before = desk.directory.is_triage(act.place), await desk.key_values.get(STATE, str(act.place))
    await record_rename(desk, desk.key_values, act.place, new)
    if before is not None:
        await desk.key_values.put(STATE, str(new), before)
    await moved(desk.key_values, act.place, new)
    await ticket_board.moved(desk.key_values, act.place, new)
    await unticketed.moved(desk.key_values, act.place, new)
    if triage:
        whose, key = "The agents' channel", f"`triage` of [{new.platform}]"
        before_id, after_id = act.place.id, new.id
    elif account is not None:
        whose, key = f"{account.name}'s channel", f'`channels` of the account "{account.id}"'
        before_id, after_id = str(act.place), str(new)
    else:
        return
    text = (
        f"{whose} has a new address, and messages already go there. For the operator: in frontline.toml, "
        f'replace "{before_id}" by "{after_id}" in {key}.'
    )
    await notify(desk, f"{act.key}/triage", desk.directory.triage_for(new), text)


async def _state(desk: Desk, place: Place) -> tuple[str, str]:
    """The last change that cut off or restored the channel, and its envelope."""
    change, _, envelope = (await desk.key_values.get(STATE, _key(desk, place)) or "").partition(" ")
    return change, envelope


async def _store_state(desk: Desk, act: ChannelChanged) -> None:
    await desk.key_values.put(STATE, _key(desk, act.place), f"{act.change} {act.key}")


def _key(desk: Desk, place: Place) -> str:
    return str(desk.directory.current_address(place))


async def _tell(desk: Desk, act: ChannelChanged, account: Account, *text: Part) -> None:
    """Notifies agents in triage, and the account's TAM."""
    triage = desk.directory.triage_for(act.place)
    await notify(desk, f"{act.key}/triage", triage, *text)
    await quiet_hours.tell_of_account(desk, f"channel/{act.key}", account, *text)


async def _open_tickets(desk: Desk, place: Place, account: Account) -> list[str]:
    page = await desk.store.queue([account.id], MAX_TICKETS)
    tickets = [await desk.ticket(entry.key) for entry in page.entries]
    here = desk.directory.current_address(place)
    return [t.key for t in tickets if t.state is State.OPEN and desk.directory.channel_of(t) == here]


async def _counted(desk: Desk, keys: list[str]) -> RichText:
    """The number of tickets, and the first keys as links to the agents' cards."""
    if not keys:
        return ("No open tickets there.",)
    locations = await desk.card_locations(keys[:MAX_KEYS], Audience.AGENTS)
    named: list[Part] = []
    for key in keys[:MAX_KEYS]:
        url = locations.get(key, Location()).url
        named += [*([", "] if named else []), Link(url, key) if url else key]
    more = ", …" if len(keys) > MAX_KEYS else ""
    return f"{len(keys)} {'ticket is' if len(keys) == 1 else 'tickets are'} open there (", *named, f"{more})."


RENAMES = "channel-moved"
"""New channel addresses, by the old ones."""


async def load_renames(desk: Desk, key_values: KeyValueStore) -> None:
    """Loads from the store which channels have moved, as other processes may have recorded it."""
    for old, new in (await key_values.get_all(RENAMES)).items():
        desk.directory.moved(Place.parse(old), Place.parse(new))


async def record_rename(desk: Desk, key_values: KeyValueStore, old: Place, new: Place) -> None:
    """Records a channel's new address."""
    desk.directory.moved(old, new)
    if desk.directory.current_address(new) == new:
        await key_values.delete(RENAMES, str(new))
    await key_values.put(RENAMES, str(old), str(new))


NOTICES = "notice"
"""The key prefix of notices; also the topic in which an earlier version stored them."""


async def notify(desk: Desk, key: str, to: Place | UserRef, *text: Part) -> None:
    """Enqueues a notice, once for each key. All have one priority, so they arrive in order."""
    say = Notice(text, Tone.WARN)
    await desk.store.enqueue([Message(f"{NOTICES}/{key}", None, to, say, Priority.STATE)])


async def send_stored_notices(desk: Desk, key_values: KeyValueStore) -> None:
    """Enqueues the notices that an earlier version stored and did not send."""
    for key, stored in sorted((await key_values.get_all(NOTICES)).items()):
        notice = json.loads(stored)
        to = Place.parse(notice["place"]) if "place" in notice else UserRef.parse(notice["person"])
        await notify(desk, key, to, notice["text"])
        await key_values.delete(NOTICES, key)


HELP_MESSAGES = "get-help"
"""The key prefix of `Get help` messages; also the topic in which an earlier version stored their ids."""
KEYS = "get-help-key"
"""The key of each channel's `Get help` message."""
SEEN = "get-help-seen"
"""When each channel's message was last checked, by the desk's clock."""
REMOVED_HELP = Notice(())
"""The content of a message that another one has replaced."""
CHECK_EVERY = timedelta(hours=1)
MAX_CHECKS = 10
"""How many messages to check in one round: each check is an edit and counts against the rate limit."""


async def ensure_help_messages(desk: Desk, key_values: KeyValueStore) -> None:
    """Makes sure that each customer channel has its `Get help` message.

    Posts missing messages, and checks now and then that the others still exist.
    """
    await load_renames(desk, key_values)
    posted, seen = await key_values.get_all(KEYS), await key_values.get_all(SEEN)
    now, checks = desk.clock.now(), 0
    for place in _channels(desk):
        if str(place) in posted:
            if checks == MAX_CHECKS or _recent(seen.get(str(place)), now):
                continue
            checks += 1
        await ensure_help_message(desk, key_values, place)


async def ensure_help_message(desk: Desk, key_values: KeyValueStore, place: Place) -> None:
    """Posts a channel's `Get help` message, or edits it: the edit fails if somebody deleted the message."""
    if place.platform not in desk.platforms:
        return
    async with desk.channel_lock, try_lock(key_values, f"{HELP_MESSAGES} {place}") as acquired:
        if not acquired:
            return
        stamp = real_now().isoformat()
        key = await known_help(desk, key_values, place)
        edits = key
        if key is None:
            key = f"{HELP_MESSAGES}/{place}/{stamp}"
            await key_values.put(KEYS, str(place), key)
        messages = [Message(key, None, place, StandingHelp(), Priority.STATE)]
        if edits is not None:
            rate_limit_key, name = desk.directory.rate_limit_key_of(place), f"{key}/{stamp}"
            messages.append(
                Message(
                    name,
                    None,
                    place,
                    StandingHelp(),
                    Priority.COUNTDOWN,
                    edits=edits,
                    rate_limit_key=rate_limit_key,
                )
            )
        await desk.store.enqueue(messages)
        await key_values.put(SEEN, str(place), desk.clock.now().isoformat())


async def on_refused(desk: Desk, message: Message, why: str) -> None:
    """Posts a deleted `Get help` message again. One that cannot be posted is tried in a later round."""
    assert isinstance(message.to, Place)
    place = desk.directory.current_address(message.to)
    if await known_help(desk, desk.key_values, place) != (message.edits or message.key):
        return
    await _forget(desk.key_values, place)
    if message.edits is not None:
        await ensure_help_message(desk, desk.key_values, place)
    else:
        log.warning("could not post Get help", place=str(place), why=why)


async def move_help_message(desk: Desk, place: Place, old: str) -> None:
    """Posts the channel's `Get help` message again, below all others, and then deletes the old one.

    What it enqueues depends on `old` only, so that it may be repeated after a crash.
    """
    async with desk.channel_lock, try_lock(desk.key_values, f"{HELP_MESSAGES} {place}") as acquired:
        if not acquired or await known_help(desk, desk.key_values, place) != old:
            return
        new = f"{HELP_MESSAGES}/{place}/below-{trace_id(old)}"
        messages = [
            Message(new, None, place, StandingHelp(), Priority.STATE),
            Message(f"{old}/removed", None, place, REMOVED_HELP, Priority.STATE, edits=old),
        ]
        await desk.store.enqueue(messages)
        await desk.key_values.put(KEYS, str(place), new)


async def draw_help(desk: Desk, message: Message) -> View | None:
    """A `Get help` message; None if another one has taken its place."""
    return None if message.content == REMOVED_HELP else await desk.render(message)


async def repost_deleted(desk: Desk, message: MessageRef) -> None:
    """Posts a channel's `Get help` message again if that is the deleted message."""
    place = desk.directory.current_address(message.place)
    if desk.directory.account_of(place) is None:
        return
    known = await known_help(desk, desk.key_values, place)
    if known is not None and await desk.key_of(message) == known:
        await _forget(desk.key_values, place)
        await ensure_help_message(desk, desk.key_values, place)


async def moved(key_values: KeyValueStore, old: Place, new: Place) -> None:
    """Stores a channel's message under its new address. Messages keep their ids when a channel moves."""
    for topic in (KEYS, HELP_MESSAGES):
        if (known := await key_values.get(topic, str(old))) is not None:
            await key_values.put(topic, str(new), known)
    await _forget(key_values, old)
    await key_values.delete(SEEN, str(old))


async def known_help(desk: Desk, key_values: KeyValueStore, place: Place) -> str | None:
    """The key of the channel's `Get help` message, or None if none was posted."""
    key = await key_values.get(KEYS, str(place))
    id = None if key else await key_values.get(HELP_MESSAGES, str(place))
    if id is not None:
        key = f"{HELP_MESSAGES}/{place}/{id}"
        said = Message(key, None, place, StandingHelp(), Priority.STATE, posted=MessageRef(place, id))
        await desk.store.enqueue([said])
        await key_values.put(KEYS, str(place), key)
    return key


async def _forget(key_values: KeyValueStore, place: Place) -> None:
    await key_values.delete(KEYS, str(place))
    await key_values.delete(HELP_MESSAGES, str(place))


def _channels(desk: Desk) -> list[Place]:
    directory = desk.directory
    accounts = directory.settings.accounts.values()
    return [channel for account in accounts for channel in directory.channels_of(account)]


def _recent(seen: str | None, now: datetime) -> bool:
    return seen is not None and now - parse_instant(seen) < CHECK_EVERY


KIND = "get_help_below"
"""The kind of its timers; their keys are the channels."""
MOST_BELOW = 20
QUIET = timedelta(minutes=10)
"""How long nothing may come below it before it is posted again: nobody is interrupted."""
AT_MOST_EVERY = timedelta(hours=1)
MOVED = "get-help-moved"
"""When each channel's message was last posted again, by the desk's clock."""


async def on_message(desk: Desk, channel: Place, message: str) -> None:
    """Counts a message at the top level of a customer's channel, by any name that is its own."""
    place = desk.directory.current_address(channel)
    if desk.directory.account_of(place) is None:
        return
    help_message = await known_help(desk, desk.key_values, place)
    if help_message is None:
        return
    below = await desk.key_values.get_all(_topic(help_message))
    if len(below) <= MOST_BELOW and message not in below:
        await desk.key_values.put(_topic(help_message), message, "", real_now() + LIFE)
        below[message] = ""
    if len(below) > MOST_BELOW:
        await desk.store.set_timer(Timer(KIND, str(place), desk.clock.now() + QUIET))


async def on_deleted(desk: Desk, channel: Place, message: str) -> None:
    """Does not count a message any longer."""
    place = desk.directory.current_address(channel)
    if desk.directory.account_of(place) is not None and (
        help_message := await known_help(desk, desk.key_values, place)
    ):
        await desk.key_values.delete(_topic(help_message), message)


async def move(desk: Desk, channel: str) -> None:
    """Posts the message again if enough stands below it, at most once an hour."""
    place = desk.directory.current_address(Place.parse(channel))
    help_message = await known_help(desk, desk.key_values, place)
    if help_message is None or place.platform not in desk.platforms:
        return
    if len(await desk.key_values.get_all(_topic(help_message))) <= MOST_BELOW:
        return
    moved, now = await desk.key_values.get(MOVED, str(place)), desk.clock.now()
    if moved is not None and (again_at := parse_instant(moved) + AT_MOST_EVERY) > now:
        await desk.store.set_timer(Timer(KIND, str(place), again_at))
        return
    await move_help_message(desk, place, help_message)
    await desk.key_values.put(MOVED, str(place), now.isoformat())


def _topic(help_message: str) -> str:
    return f"get-help-below {help_message}"


def not_set_up(place: Place, vendor: str, is_agent: bool) -> Show:
    """The refusal in a channel that no account owns."""
    ask = "" if is_agent else f"Please ask your contact at {vendor}. "
    return refusal(
        f"This channel is not set up for support yet. {ask}"
        f'For the operator: add "{place}" to an account\'s channels in frontline.toml.'
    )
