"""A whole desk in memory, with a clock that we hold and a chat that we read.

It steps from wake-up to wake-up as the real loops do: `await desk.fast_forward(hours=5)`.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from bot.clock import WakeSignal, parse_instant, real_now
from bot.config.directory import Directory
from bot.config.settings import load_desk
from bot.desk import routes
from bot.desk.desk import Desk, InMemoryKeyValueStore
from bot.desk.timed_work import TimedWork
from bot.model.address import Actor, Location, MessageRef, Place, UserRef
from bot.model.forms import Form
from bot.model.inbound import Answer, Ask, Command, Done, Inbound, Posted, Press, Show, Submission
from bot.model.views import (
    Audience,
    Button,
    GetHelp,
    Link,
    Mention,
    Notice,
    QueueBoard,
    Quote,
    Receipt,
    RichText,
    SharedFile,
    Strong,
    TicketCard,
    View,
    When,
)
from bot.ports import (
    Charge,
    ChatPlatform,
    DeskStore,
    NotEditable,
    Outbox,
    PermanentFailure,
    Priority,
    TemporaryFailure,
)
from bot.runtime.delivery import Delivery
from bot.runtime.scheduler import fire_due_timers, wake_due_tickets
from sla_core.events import Event
from sla_core.promise import JUST_AFTER
from sla_core.ticket import Ticket
from tests.desk_file import account, chat, desk_file
from tests.memory_store import MemoryStore

TEAM = "T0VENDOR"
ACME = Place("slack", "C0ACME")
SILVER = Place("slack", "C0SILVER")
TRIAGE = Place("slack", "C0TRIAGE")

SILVERLINE = account("silverline", "Silverline Ltd", "silver", None, "slack:C0SILVER")
ORDER_FORM_WITH_HOLD = """
cites = "Order form 2026-04, section 3"
S2.first_response = "2h"
hold = true
"""
"""An order form."""
_VENDOR = [chat("slack", "C0TRIAGE", ["U0BOB", "S0SUPPORT"])]
DESK_FILE = desk_file(chats=_VENDOR, accounts=[account(), SILVERLINE])
WITHOUT_BOARDS = DESK_FILE.replace("channels = [", "board = false\nchannels = [")
"""For tests of the loops themselves, of which some stand still: nothing is due but tickets."""
DESK_FILE_WITH_HOLD = desk_file(
    chats=_VENDOR, accounts=[account(order_form=ORDER_FORM_WITH_HOLD), SILVERLINE]
)
"""Acme's order form lets agents hold."""

S1 = {"request": "incident", "production": "down", "privacy": "no"}
S2 = {"request": "incident", "production": "reduced", "privacy": "no"}
S3 = {"request": "incident", "production": "minor", "privacy": "no"}
NO_CLOCK = {"request": "feature", "production": "unaffected", "privacy": "no"}


def person(name: str, home: str = TEAM) -> Actor:
    """A person whose id is made from the name: Bob is U0BOB."""
    return Actor(UserRef("slack", home, f"U0{name.upper()}"), TEAM, name)


ALICE, BOB, DANA, EVE = person("Alice", "T0ACME"), person("Bob"), person("Dana"), person("Eve")


class HeldClock:
    """Shows what it is set to."""

    def __init__(self, at: str) -> None:
        self.at = parse_instant(at)

    def now(self) -> datetime:
        return self.at

    async def sleep_until(self, instant: datetime) -> None:
        self.at = max(self.at, instant)


@dataclass
class PostedMessage:
    """A message as the platform shows it now."""

    ref: MessageRef
    to: Place | UserRef
    view: View
    thread: MessageRef | None
    edits: int = 0
    key: str | None = None

    @property
    def text(self) -> str:
        return view_text(self.view)


@dataclass
class FakeChat:
    """A chat platform that remembers what was said.

    `failures` are raised by the next calls, in turn; `lost` as well, but after they took effect.
    """

    name: str = "slack"
    posted: list[PostedMessage] = field(default_factory=list)
    failures: list[Exception] = field(default_factory=list)
    lost: list[Exception] = field(default_factory=list)
    in_channels: dict[str, frozenset[Place]] = field(default_factory=dict)
    groups: dict[str, frozenset[UserRef]] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    """What it calls people, by their ids."""
    call_costs: Sequence[Charge] = ()
    ids: itertools.count[int] = field(default_factory=lambda: itertools.count(1))
    links_begin: str = ""
    """What the addresses of its messages begin with; without it, none is known."""
    rejects_direct: set[str] = field(default_factory=set)
    """People to whom it posts no direct message."""
    loses_files: bool = False
    """Whether the answer to each file is lost."""
    finds_posted: bool = True
    """Whether it can be asked for what was posted under a key."""

    async def post(
        self, to: Place | UserRef, view: View, thread: MessageRef | None, key: str | None = None
    ) -> MessageRef:
        if self.failures:
            raise self.failures.pop(0)
        if isinstance(to, UserRef) and to.id in self.rejects_direct:
            raise PermanentFailure("user_not_found")
        assert to.platform == self.name, f"{to} is not on {self.name}"
        place = to if isinstance(to, Place) else Place(to.platform, f"D{to.id[1:]}", True)
        ref = MessageRef(place, str(next(self.ids)))
        self.posted.append(PostedMessage(ref, to, view, thread, key=key))
        if self.loses_files and isinstance(view, SharedFile):
            raise TemporaryFailure("no answer in time", maybe_delivered=True)
        if self.lost:
            raise self.lost.pop(0)
        return ref

    async def update(self, message: MessageRef, view: View) -> None:
        if self.failures:
            raise self.failures.pop(0)
        found = next((said for said in self.posted if said.ref == message), None)
        if found is None:
            raise NotEditable("message_not_found")
        found.view = view
        found.edits += 1
        if self.lost:
            raise self.lost.pop(0)

    async def delete(self, message: MessageRef) -> None:
        if self.failures:
            raise self.failures.pop(0)
        self.posted[:] = [said for said in self.posted if said.ref != message]
        if self.lost:
            raise self.lost.pop(0)

    async def find(
        self, to: Place | UserRef, key: str, thread: MessageRef | None, since: datetime
    ) -> MessageRef | None:
        return (
            next((said.ref for said in self.posted if said.key == key), None) if self.finds_posted else None
        )

    async def location(self, message: MessageRef) -> Location:
        known = self.links_begin
        path = "/".join(filter(None, (known, message.place.id, message.id)))
        return Location(url=path if known else "")

    def charges(self, to: Place | UserRef, edits: MessageRef | None, priority: Priority) -> Sequence[Charge]:
        return self.call_costs

    def is_group(self, id: str) -> bool:
        return id.startswith("S")

    async def members(self, group: str) -> frozenset[UserRef]:
        return self.groups.get(group, frozenset())

    async def places_of(self, user: UserRef) -> frozenset[Place]:
        return self.in_channels.get(user.id, frozenset())

    async def name_of(self, user: UserRef, place: Place) -> str:
        return self.names.get(user.id, user.id)


class DeskInMemory:
    """The desk with everything that people do as verbs, and everything they hear as lists."""

    def __init__(self, desk: Desk, outbox: Outbox, clock: HeldClock, *chats: FakeChat) -> None:
        self.desk, self.clock, self.chats, self.chat = desk, clock, chats, chats[0]
        self.delivery = Delivery(desk, outbox, clock, WakeSignal())
        self.timed_work = TimedWork(desk)
        self._unknown_timers: set[str] = set()
        self._envelopes = itertools.count(1)

    # What people do ---------------------------------------------------------------------------

    async def command(self, actor: Actor, place: Place = ACME, text: str = "") -> Answer:
        act = Command(self.envelope(), self.clock.now(), actor, place, "/support", text)
        return await self.answers(act)

    async def asks_for_help(self, actor: Actor, place: Place = ACME, text: str = "") -> Form:
        return form_of(await self.command(actor, place, text))

    async def sends(self, actor: Actor, form: Form, key: str | None = None, **values: str) -> Answer:
        """Send a form; fields that are not named keep what they show."""
        given = {f.id: _as_values(f.value) for f in form.fields}
        given |= {name: _as_values(value) for name, value in values.items()}
        sent = Submission(key or self.envelope(), self.clock.now(), actor, form.id, given, form.context)
        return await self.answers(sent)

    async def submits(
        self, actor: Actor, summary: str, answers: dict[str, str], place: Place = ACME, **more: str
    ) -> str:
        """`/support`, filled in and sent; the key of the ticket that it opened."""
        before = await self.keys()
        form = await self.asks_for_help(actor, place)
        answer = await self.sends(actor, form, summary=summary, **answers, **more)
        assert not isinstance(answer, Ask), answer.form.errors
        (key,) = set(await self.keys()) - set(before)
        return key

    async def presses(self, actor: Actor, label: str, key: str, place: Place | None = None) -> Answer:
        """Press or choose by label: on the card of the actor's own side, or on that in `place`."""
        return await self.presses_on(actor, *self.button(actor, label, key, place))

    async def presses_on(self, actor: Actor, message: PostedMessage, button: Button) -> Answer:
        where, now = message.ref.place, self.clock.now()
        in_menu = isinstance(message.view, TicketCard) and button in message.view.in_menus
        act = Press(self.envelope(), now, actor, where, message.ref, button.action, button.value, in_menu)
        return await self.answers(act)

    async def submits_form(
        self, actor: Actor, label: str, key: str, place: Place | None = None, **values: str
    ) -> Answer:
        """Press a button that asks, fill in its form and send it."""
        form = form_of(await self.presses(actor, label, key, place))
        return await self.sends(actor, form, **values)

    async def writes(
        self, actor: Actor, text: str, key: str, audience: Audience = Audience.CUSTOMER
    ) -> Answer:
        """A message in the ticket's thread."""
        root = self.card(key, audience)
        ref = MessageRef(root.ref.place, f"typed-{next(self._envelopes)}")
        act = Posted(self.envelope(), self.clock.now(), actor, root.ref.place, ref, text, root.ref)
        return await self.answers(act)

    async def answers(self, act: Inbound) -> Answer:
        answer = await routes.answer(self.desk, act)
        await self.deliver()
        return answer

    # Time ------------------------------------------------------------------------------------

    async def fast_forward(self, **length: float) -> None:
        """Let time pass, stopping at each wake-up."""
        await self.forward_to(self.clock.at + timedelta(**length))

    async def forward_to(self, instant: datetime | str) -> None:
        """A breach is recorded just after its instant: one that falls due at `instant` still happens."""
        until = parse_instant(instant) if isinstance(instant, str) else instant
        while (due := await self._next_due()) is not None and due <= until + JUST_AFTER:
            self.clock.at = max(self.clock.at, due)
            await self.wake_due()
            await self.deliver()
        self.clock.at = max(self.clock.at, until)
        await self.deliver()

    async def _next_due(self) -> datetime | None:
        store = self.desk.store
        due = (await store.next_wake(), await store.next_timer(self._unknown_timers))
        return min((at for at in due if at is not None), default=None)

    async def wake_due(self) -> None:
        """What the real loops do now; nothing is delivered yet."""
        await wake_due_tickets(self.desk)
        handlers = self.timed_work.handlers
        self._unknown_timers |= await fire_due_timers(self.desk, handlers, self._unknown_timers)
        await self.timed_work.do_what_is_due()

    def real_time_passes(self, **length: float) -> None:
        """For what is kept until an instant of real time; the desk's own clock stands."""
        assert isinstance(self.desk.key_values, InMemoryKeyValueStore)
        self.desk.key_values.real_clock = HeldClock((real_now() + timedelta(**length)).isoformat())

    async def restarts_after(self, **length: float) -> None:
        """Let time pass while the desk is down, then start it."""
        self.clock.at += timedelta(**length)
        await self.wake_due()
        await self.deliver()

    async def deliver(self) -> None:
        while await self.delivery.deliver():
            pass

    # What people hear ------------------------------------------------------------------------

    @property
    def posted(self) -> list[PostedMessage]:
        """Every message on every platform, each platform's in the order in which it was said."""
        return [said for chat in self.chats for said in chat.posted]

    def heard(self, place: Place = ACME) -> list[str]:
        """All messages in a channel, in the order in which they were posted."""
        return [said.text for said in self.posted if said.to == place]

    def thread(self, key: str, audience: Audience = Audience.CUSTOMER) -> list[str]:
        root = self.card(key, audience)
        return [said.text for said in self.posted if said.thread == root.ref]

    def direct(self, actor: Actor = DANA) -> list[PostedMessage]:
        """The direct messages to a person."""
        return [s for s in self.posted if isinstance(s.to, UserRef) and s.to.id == actor.user.id]

    def card(self, key: str, audience: Audience = Audience.CUSTOMER) -> PostedMessage:
        return next(
            said
            for said in self.posted
            if isinstance(said.view, TicketCard) and (said.view.key, said.view.audience) == (key, audience)
        )

    def board(self, place: Place = ACME) -> PostedMessage:
        """The board of a channel. Raises LookupError."""
        boards = [said for said in self.posted if said.to == place and isinstance(said.view, QueueBoard)]
        if len(boards) != 1:
            raise LookupError(f"{len(boards)} boards in {place}")
        return boards[0]

    def card_view(self, key: str, audience: Audience = Audience.CUSTOMER) -> TicketCard:
        view = self.card(key, audience).view
        assert isinstance(view, TicketCard)
        return view

    def standing(self, key: str) -> list[str]:
        """The state of each promise on the customer's card."""
        return [line.standing for line in self.card_view(key).promises]

    def labels(self, key: str, audience: Audience = Audience.CUSTOMER) -> list[str]:
        """The labels of a card, first those of its buttons and then those in its menus."""
        card = self.card_view(key, audience)
        return [button.label for button in (*card.buttons, *card.in_menus)]

    def button(self, actor: Actor, label: str, key: str, place: Place | None) -> tuple[PostedMessage, Button]:
        own_side = Audience.AGENTS if self.desk.directory.is_agent(actor) else Audience.CUSTOMER
        for audience in sorted(Audience, key=lambda audience: audience is not own_side):
            message = self.card(key, audience)
            card = self.card_view(key, audience)
            for button in (*card.buttons, *card.in_menus):
                if button.label == label and place in (None, message.ref.place):
                    return message, button
        raise LookupError(f"no button {label} for {key} in {place or 'either place'}")

    async def ticket(self, key: str) -> Ticket:
        return await self.desk.ticket(key)

    async def events(self, key: str) -> list[str]:
        """The names of the events in the ticket's history."""
        return [type(event).__name__ for event in (await self.ticket(key)).history]

    async def last(self, key: str) -> Event:
        return (await self.ticket(key)).history[-1]

    async def keys(self) -> list[str]:
        accounts = self.desk.directory.settings.accounts
        return [key for account in accounts for key in await self.desk.store.tickets(account)]

    def envelope(self) -> str:
        return f"envelope-{next(self._envelopes)}"


def directory_of(folder: Path, desk_file: str = DESK_FILE) -> Directory:
    """Writes a desk file into the folder and reads its directory of people."""
    path = folder / "frontline.toml"
    path.write_text(desk_file, encoding="utf-8")
    return Directory(load_desk(path))


@asynccontextmanager
async def running(*loops: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Runs loops of the desk during a test. None of them may end by itself."""
    tasks = [asyncio.create_task(loop) for loop in loops]
    try:
        yield
        assert [task for task in tasks if task.done()] == []
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def open_desk(
    tmp_path: Path,
    at: str,
    desk_file: str = DESK_FILE,
    store: DeskStore | None = None,
    platforms: Sequence[str] = ("slack",),
) -> DeskInMemory:
    """A desk that stands at `at`, with the sample desk file."""
    clock = HeldClock(at)
    chats = [FakeChat(name) for name in platforms]
    by_name: dict[str, ChatPlatform] = {chat.name: chat for chat in chats}
    records = store or MemoryStore()
    desk = Desk(records, clock, directory_of(tmp_path, desk_file), by_name)
    await desk.directory.refresh(desk.platforms)
    return DeskInMemory(desk, records, clock, *chats)


def form_of(answer: Answer) -> Form:
    assert isinstance(answer, Ask), answer
    return answer.form


def answer_text(answer: Answer) -> str:
    """What an answer tells the one who acted."""
    assert isinstance(answer, Show), answer
    return view_text(answer.view)


def done(answer: Answer) -> bool:
    return isinstance(answer, Done)


def view_text(view: View) -> str:
    """A view as one text, instants in UTC."""
    match view:
        case Notice():
            return rich_text(view.text)
        case TicketCard():
            promises = "; ".join(f"{p.label}: {p.standing}" for p in view.promises)
            return f"{view.key} {view.title} [{view.severity}] {promises}"
        case Receipt():
            return rich_text(view.intro) + " ".join(f"{table.title}: {table.says}" for table in view.tables)
        case GetHelp():
            return view.vendor
        case SharedFile():
            return f"file {view.name} {view.id}"
        case QueueBoard():
            rows = (f"{row.key} {row.title}" for section in view.sections for row in section.rows)
            return "; ".join((rich_text(view.intro), *rows))


def rich_text(text: RichText) -> str:
    parts = []
    for part in text:
        match part:
            case str():
                parts.append(part)
            case Strong() | Link():
                parts.append(part.text)
            case When():
                parts.append(f"{part.at:%a %d %b %H:%M}")
            case Mention():
                parts.append(f"@{part.name}")
            case Quote():
                parts.append(f" “{part.text}” ")
    return "".join(parts)


def _as_values(value: str | Sequence[str]) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,) if value else ()
    return tuple(value)
