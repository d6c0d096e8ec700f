"""Customers' messages that belong to no ticket: one line in triage if nobody answers in ten minutes.

Each message, each end of one and each line has a row of its own, so that replicas never overwrite what
another one stored. Rows are written before what follows from them, and all of it may run twice.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.clock import parse_instant, real_now
from bot.config.settings import Account
from bot.desk.desk import Desk
from bot.desk.ticket.thread import ticket_below
from bot.model.address import Actor, Location, MessageRef, Place
from bot.model.inbound import MessageChanged, Posted, Press
from bot.model.views import Notice, View
from bot.notify import agent_notes as texts
from bot.notify.message_factory import named_in, naming
from bot.ports import KeyValueStore, Message, Priority, Timer, trace_id
from sla_core.calendar import BusinessCalendar, always
from sla_core.events import Who
from sla_core.policy import Metric
from sla_core.promise import due

UNTICKETED = "unticketed"
"""The kind of the timers, and the key prefix of the lines."""
PATIENCE = timedelta(minutes=10)
"""How long agents have to answer, and for how long further messages of the same person join the first."""
LIFE = timedelta(days=30)
"""How long a message is known."""
_SUGGEST = "suggest"
_ANSWERED, _TICKET, _DISMISSED, _DELETED = "answered", "ticket", "dismissed", "deleted"
"""How a message ends; a blank and a name or a ticket's key follow."""


@dataclass(frozen=True, slots=True)
class PlainMessage:
    """A customer's message at the top level of a channel."""

    id: str
    by: Who
    at: datetime
    text: str
    to_bot: bool = False
    """It mentions the bot, which answered with the form, so no line shows it."""


@dataclass
class _Channel:
    """What is known of a channel's messages, by their ids."""

    place: Place
    messages: dict[str, PlainMessage]
    ends: dict[str, str]
    lines: dict[str, str]
    """The key of the line that shows the message."""

    def waiting(self) -> list[str]:
        return [id for id in self.messages if id not in self.ends]

    def beside(self, id: str) -> list[str]:
        """The messages that share a line with this one, or would."""
        if line := self.lines.get(id):
            return [each for each in self.messages if self.lines.get(each) == line]
        this = self.messages[id]
        return [
            each.id
            for each in self.messages.values()
            if each.by.id == this.by.id
            and (each.id == id or not each.to_bot)
            and abs(each.at - this.at) < PATIENCE
            and each.id not in self.lines
            and each.id not in self.ends
        ]


def _topics(place: Place) -> tuple[str, str, str]:
    return f"unticketed {place}", f"unticketed-end {place}", f"unticketed-line {place}"


async def _channel(desk: Desk, place: Place) -> _Channel:
    place = desk.directory.current_address(place)
    messages, ends, lines = [await desk.key_values.get_all(topic) for topic in _topics(place)]
    known = (_read(id, stored) for id, stored in messages.items())
    in_order = sorted(known, key=lambda message: (message.at, message.id))
    return _Channel(place, {message.id: message for message in in_order}, ends, lines)


def _read(id: str, stored: str) -> PlainMessage:
    row = json.loads(stored)
    return PlainMessage(
        id, Who(row["by"], row["name"]), parse_instant(row["at"]), row["text"], row.get("to_bot", False)
    )


async def on_message(desk: Desk, said: Posted) -> None:
    """Notes a customer's message. An agent's ends those above it, or the one in whose thread it is."""
    account = desk.directory.account_of(said.place)
    if account is None or said.place.direct or said.from_app:
        return
    if desk.directory.is_agent(said.actor, account):
        await _on_agent(desk, said)
    elif said.thread is None and (said.text.strip() or said.files):
        await _note(desk, said, account)


async def _note(desk: Desk, said: Posted, account: Account) -> None:
    place = desk.directory.current_address(said.place)
    topic, _, _ = _topics(place)
    if await desk.key_values.get(topic, said.message.id) is not None:
        return
    if account.unticketed == _SUGGEST and not said.mentions_bot:
        until = _calendar(desk, account, said.at).add(said.at, PATIENCE)
        await desk.store.set_timer(Timer(UNTICKETED, f"{place}/{said.message.id}", until))
    by, files = desk.who(said.actor), (f"(file: {file.name})" for file in said.files)
    text = "\n".join(filter(None, (said.text.strip(), *files)))
    row = {"by": by.id, "name": by.name, "at": said.at.isoformat(), "text": text, "to_bot": said.mentions_bot}
    await desk.key_values.put(topic, said.message.id, json.dumps(row, ensure_ascii=False), real_now() + LIFE)


def _calendar(desk: Desk, account: Account, at: datetime) -> BusinessCalendar:
    """Of the plan's loosest first response; by the clock if that of any class is."""
    policy = desk.directory.policy_on(at.date())
    promised = [
        (policy.clock(account.plan, target, account.zone), target.limit)
        for severity in policy.severities
        for target in policy.targets(severity, account.terms, account.plan)
        if target.metric is Metric.FIRST_RESPONSE
    ]
    if not promised or any(calendar.always_open for calendar, _ in promised):
        return always()
    return max(promised, key=lambda each: due(each[0], at, each[1]) or at)[0]


async def _on_agent(desk: Desk, said: Posted) -> None:
    if said.thread is not None and await author_of(desk, said.thread) is None:
        return
    channel = await _channel(desk, said.place)
    if said.thread is None:
        over: Iterable[str] = channel.waiting()
    else:
        over = channel.beside(said.thread.id)
    ids = [id for id in over if id not in channel.ends and channel.messages[id].at <= said.at]
    await _end(desk, channel, ids, f"{_ANSWERED} {desk.who(said.actor).name}")


async def on_deleted(desk: Desk, act: MessageChanged) -> None:
    """Takes a deleted message off its line, and removes a line with nothing else on it."""
    if desk.directory.account_of(act.place) is None:
        return
    channel = await _channel(desk, act.place)
    if act.message.id in channel.messages and channel.ends.get(act.message.id) != _DELETED:
        await _end(desk, channel, [act.message.id], _DELETED)


async def on_ticket(desk: Desk, place: Place, message: str, key: str) -> None:
    """Ends a message from which a ticket was opened, with those that share its line."""
    channel = await _channel(desk, place)
    if message in channel.messages:
        ids = [id for id in channel.beside(message) or [message] if channel.ends.get(id) != _DELETED]
        await _end(desk, channel, ids, f"{_TICKET} {key}")


async def author_of(desk: Desk, message: MessageRef) -> Who | None:
    """The customer who wrote this at the top level of a channel; None if that is not known."""
    topic, _, _ = _topics(desk.directory.current_address(message.place))
    stored = await desk.key_values.get(topic, message.id)
    return _read(message.id, stored).by if stored else None


async def show(desk: Desk, timer_key: str) -> None:
    """Posts the line about a message and those that joined it, unless it has ended."""
    at, _, id = timer_key.rpartition("/")
    channel = await _channel(desk, Place.parse(at))
    account = desk.directory.account_of(channel.place)
    if account is None or account.unticketed != _SUGGEST or id not in channel.messages:
        return
    if key := await ticket_below(desk, MessageRef(channel.place, id)):
        await on_ticket(desk, channel.place, id, key)
        return
    if id in channel.ends and id not in channel.lines:
        return  # what was written after it has a timer of its own
    ids = [each for each in channel.beside(id) if each not in channel.ends]
    line = channel.lines.get(id) or f"{UNTICKETED}/{channel.place}/{id}/{real_now().isoformat()}"
    if not ids:
        return
    _, _, topic = _topics(channel.place)
    for each in ids:
        await desk.key_values.put(topic, each, line, real_now() + LIFE)
        channel.lines[each] = line
    said = await _line(desk, channel, account, ids)
    await desk.store.enqueue([_message(desk, channel, account, line, said)])
    now = await _channel(desk, channel.place)
    if any(each in now.ends for each in ids):  # meanwhile, by another process
        await _redraw(desk, now, line)


async def of_button(desk: Desk, press: Press) -> tuple[MessageRef, str] | None:
    """The first message that the button's line shows, and the text of all; None if they have ended."""
    at, _, id = press.value.rpartition("/")
    channel = await _channel(desk, Place.parse(at))
    if id not in channel.messages:
        return None
    ids = [each for each in channel.beside(id) if each not in channel.ends]
    text = "\n\n".join(channel.messages[each].text for each in ids)
    return (MessageRef(channel.place, ids[0]), text) if ids else None


async def dismiss(desk: Desk, message: MessageRef, actor: Actor) -> None:
    """Ends a message and those that share its line: an agent says that they are no request."""
    channel = await _channel(desk, message.place)
    ids = [id for id in channel.beside(message.id) if id not in channel.ends]
    await _end(desk, channel, ids, f"{_DISMISSED} {desk.who(actor).name}")


async def _end(desk: Desk, channel: _Channel, ids: Collection[str], how: str) -> None:
    _, topic, _ = _topics(channel.place)
    for id in ids:
        await desk.key_values.put(topic, id, how, real_now() + LIFE)
    now = await _channel(desk, channel.place)
    for line in dict.fromkeys(now.lines[id] for id in ids if id in now.lines):
        await _redraw(desk, now, line)


async def _redraw(desk: Desk, channel: _Channel, line: str) -> None:
    """Edits a line to what has become of its messages, or removes it."""
    account = desk.directory.account_of(channel.place)
    if account is None:
        return
    ids = [id for id, of in channel.lines.items() if of == line and id in channel.messages]
    left = [id for id in channel.messages if id in ids and channel.ends.get(id) != _DELETED]
    said = await _line(desk, channel, account, left) if left else texts.DELETED
    how = sorted({channel.ends.get(id, "") for id in left})
    ticket = next((each.removeprefix(f"{_TICKET} ") for each in how if each.startswith(f"{_TICKET} ")), "")
    key = f"{line}/{trace_id(f'{len(left)} {how}')}{naming(ticket) if ticket else ''}"
    await desk.store.enqueue([_message(desk, channel, account, key, said, edits=line)])


async def _line(desk: Desk, channel: _Channel, account: Account, ids: Collection[str]) -> Notice:
    shown = [channel.messages[id] for id in ids]
    first = shown[0]
    where = await _location(desk, MessageRef(channel.place, first.id), account)
    words = [message.text for message in shown]
    ended = next((channel.ends[id] for id in ids if id in channel.ends), "")
    what, _, by = ended.partition(" ")
    match what:
        case "answered":
            return texts.answered(first.by.name, account.name, words, where, by)
        case "ticket":
            return texts.is_ticket(first.by.name, account.name, words, where, by)
        case "dismissed":
            return texts.dismissed(first.by.name, account.name, words, where, by)
        case _:
            value = f"{channel.place}/{first.id}"
            return texts.waiting(first.by.name, account.name, words, where, value)


async def _location(desk: Desk, message: MessageRef, account: Account) -> Location:
    platform = desk.platforms.get(message.place.platform)
    found = await platform.location(message) if platform else Location()
    return found if found.url or found.channel else Location(f"the channel of {account.name}")


def _message(
    desk: Desk, channel: _Channel, account: Account, key: str, said: Notice, edits: str | None = None
) -> Message:
    triage = desk.directory.triage_for(channel.place)
    # One that names a ticket does not overtake that ticket's card, to which it links.
    priority = Priority.STATE if named_in(key) else Priority.REPLY
    return Message(key, None, triage, said, priority, edits=edits, fairness_key=account.id)


async def draw(desk: Desk, message: Message) -> View | None:
    """The line; None if its messages were deleted."""
    return None if message.content == texts.DELETED else await desk.render(message)


async def on_refused(desk: Desk, message: Message, why: str) -> None:
    """Has a line that could not be posted tried again under a new key."""
    if message.edits is not None:
        return
    at, id, _ = message.key.removeprefix(f"{UNTICKETED}/").rsplit("/", 2)
    channel = await _channel(desk, Place.parse(at))
    _, _, topic = _topics(channel.place)
    for each in channel.beside(id) if id in channel.messages else ():
        await desk.key_values.delete(topic, each)
    await desk.store.set_timer(Timer(UNTICKETED, f"{at}/{id}", desk.clock.now() + PATIENCE))


async def moved(key_values: KeyValueStore, old: Place, new: Place) -> None:
    """Stores what is known under a channel's new address. Messages keep their ids when a channel moves."""
    for before, after in zip(_topics(old), _topics(new), strict=True):
        for id, stored in (await key_values.get_all(before)).items():
            await key_values.put(after, id, stored, real_now() + LIFE)
