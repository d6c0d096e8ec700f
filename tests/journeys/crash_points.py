"""A desk whose process may die at any step of its input and output, and the stories that it has to survive.

Every call of a port is two steps: before it took effect, and after it did but before the desk knew. A crash
loses all that is in memory. What the platform did not see acknowledged, it sends again, same envelope.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Protocol

from bot.config.directory import Directory
from bot.config.settings import DeskSettings
from bot.desk.desk import Desk
from bot.model.address import Actor, MessageRef, Place, UserRef
from bot.model.inbound import Posted, Press, Submission
from bot.model.views import Notice, TicketCard, View
from bot.ports import DeskStore, PermanentFailure
from sla_core.events import Paged
from tests.harness import (
    ACME,
    ALICE,
    BOB,
    DESK_FILE_WITH_HOLD,
    EVE,
    S1,
    S2,
    TRIAGE,
    DeskInMemory,
    FakeChat,
    HeldClock,
    PostedMessage,
    person,
)
from tests.memory_store import MemoryStore

START = "2026-03-20T15:30:00Z"
FILE = f"""{DESK_FILE_WITH_HOLD.replace('engineering = ["kim"]', "")}
[rotas.engineering]
people = ["mia", "kim"]
zone = "UTC"
starts = 2026-03-16T00:00:00
turn = "8 hours"
"""
"""Kim's turn ends half an hour after the tickets are opened."""
TAKEN_OVER_AFTER = timedelta(seconds=6)
"""Until a second process speaks for the lanes that the first one held."""
KEY = "ACME-1"
SYNCHRONOUS = ("name", "is_group", "posted", "charges", "on_change")


class Crash(BaseException):
    """The process is gone; nothing may catch this."""


@dataclass
class CrashPoints:
    """Counts I/O steps and kills the desk at the chosen ones."""

    fatal: frozenset[int] = frozenset()
    steps: int = 0

    def step(self) -> None:
        self.steps += 1
        if self.steps in self.fatal:
            raise Crash(self.steps)


class Process:
    """Whose calls these are; once it is dead, what it still had in flight dies with it."""

    def __init__(self, crash_points: CrashPoints, dies: Callable[[], object] = lambda: None) -> None:
        self._crash_points, self._dies, self._dead = crash_points, dies, False

    def step(self) -> None:
        if self._dead:
            raise Crash
        try:
            self._crash_points.step()
        except Crash:
            self._dead = True
            self._dies()
            raise


class Steps(Protocol):
    def step(self) -> None: ...


class CrashingPort:
    """A port whose every call passes the wire twice."""

    def __init__(self, port: Any, process: Steps) -> None:
        self._port, self._process = port, process

    def __getattr__(self, name: str) -> Any:
        found, step = getattr(self._port, name), self._process.step
        if name in SYNCHRONOUS:
            return found

        async def call(*args: Any, **more: Any) -> Any:
            step()
            result = await found(*args, **more)
            step()
            return result

        # So that it is found at once the next time.
        setattr(self, name, call)
        return call


@dataclass
class RefusingChat(FakeChat):
    """A chat that takes no reply in the customer's channel, for good."""

    refuses: bool = False

    async def post(
        self, to: Place | UserRef, view: View, thread: MessageRef | None, key: str | None = None
    ) -> MessageRef:
        if self.refuses and to == ACME and isinstance(view, Notice):
            raise PermanentFailure("is_archived")
        return await super().post(to, view, thread, key)


@dataclass
class ReplayedTicket:
    """One ticket's story, replayed with crashes. `real` is the delivery's clock."""

    settings: DeskSettings
    store: DeskStore = field(default_factory=MemoryStore)
    chat: RefusingChat = field(default_factory=RefusingChat)
    crash_points: CrashPoints = field(default_factory=CrashPoints)
    clock: HeldClock = field(default_factory=lambda: HeldClock(START))
    real: HeldClock = field(default_factory=lambda: HeldClock(START))
    crashes: int = 0

    def process(self) -> DeskInMemory:
        """A new process: all it has is the store, the platform and the time."""
        process = Process(self.crash_points)
        wired: Any = CrashingPort(self.store, process)
        chat: Any = CrashingPort(self.chat, process)
        desk = Desk(wired, self.clock, Directory(self.settings), {"slack": chat}, key_values=wired)
        made = DeskInMemory(desk, wired, self.clock, self.chat)
        made.delivery.clock = self.real
        return made

    def copied(self, *fatal: int) -> ReplayedTicket:
        """A copy of the current state, to be continued with crashes."""
        real, clock = deepcopy(self.real), deepcopy(self.clock)
        crash_points = CrashPoints(frozenset(fatal))
        return ReplayedTicket(
            self.settings, deepcopy(self.store), deepcopy(self.chat), crash_points, clock, real
        )

    async def survives(self, act: Callable[[DeskInMemory], Awaitable[object]]) -> None:
        """Done again, by process after process, until one of them lives to the end of it."""
        while True:
            try:
                await act(self.process())
                return
            except Crash:
                self.crashes += 1
                self.real.at += TAKEN_OVER_AFTER

    async def sends(self, form: str, who: Actor = BOB, place: Place = TRIAGE, **values: str) -> None:
        context = {"place": str(place), "ticket": KEY, "accounts": "acme", "version": "2025-02-10"}
        given = {name: (value,) for name, value in values.items()}
        sent = Submission(f"envelope/{form}/{values}", self.clock.now(), who, form, given, context)
        await self.survives(lambda desk: desk.answers(sent))

    async def presses(self, action: str, value: str = KEY, who: Actor = BOB, place: Place = TRIAGE) -> None:
        act = Press(f"envelope/{action}/{value}", self.clock.now(), who, place, None, action, value)
        await self.survives(lambda desk: desk.answers(act))

    async def writes(self, who: Actor, text: str) -> None:
        card = [said for said in self.chat.posted if said.to == ACME and isinstance(said.view, TicketCard)][
            -1
        ]
        ref = MessageRef(ACME, f"typed {text}")
        act = Posted(f"envelope/{text}", self.clock.now(), who, ACME, ref, text, card.ref)
        await self.survives(lambda desk: desk.answers(act))

    async def waits_until(self, instant: str) -> None:
        await self.survives(lambda desk: desk.forward_to(instant))

    async def opens(self, answers: dict[str, str]) -> None:
        await self.sends("intake", ALICE, ACME, summary="Down", **answers)

    async def events(self) -> list[str]:
        return [type(event).__name__ for event in await self.store.load(KEY)]

    def notices(self) -> Counter[tuple[str, str]]:
        """What was posted, by place and text. What is edited: cards by place, the others by key."""

        def named(said: PostedMessage) -> str:
            if isinstance(said.view, TicketCard):
                return "card"
            edited = isinstance(said.to, UserRef) or "resolved this ticket" in said.text
            return str(said.key) if edited else said.text

        return Counter((str(said.to), named(said)) for said in self.chat.posted)

    def direct_messages(self) -> dict[str, tuple[str, int]]:
        """Each direct message's text, and how many buttons it has; of one that was said twice, the newer."""
        return {
            str(said.key): (said.text, len(said.view.buttons))
            for said in self.chat.posted
            if isinstance(said.to, UserRef) and isinstance(said.view, Notice)
        }

    async def pages(self) -> list[Paged]:
        return [event for event in await self.store.load(KEY) if isinstance(event, Paged)]

    def cards(self) -> dict[str, str]:
        """What the newest card shows in each place."""
        return {str(said.to): said.text for said in self.chat.posted if isinstance(said.view, TicketCard)}


Act = Callable[[ReplayedTicket], Awaitable[None]]


@dataclass(frozen=True)
class Scenario:
    """Runs `before` without crashes and `act` with them; `adds` names the events that `act` records."""

    before: Act
    act: Act
    adds: tuple[str, ...]


async def nothing(story: ReplayedTicket) -> None:
    pass


async def opened(story: ReplayedTicket) -> None:
    await story.opens(S2)


async def replied(story: ReplayedTicket) -> None:
    await opened(story)
    await story.sends("reply", text="We look into it.")


async def held(story: ReplayedTicket) -> None:
    await opened(story)
    await story.sends("hold", text="Which account?")


async def resolved(story: ReplayedTicket) -> None:
    await replied(story)
    await story.sends("resolve", text="Restarted")


async def opens_s1(story: ReplayedTicket) -> None:
    await story.opens(S1)


async def nobody_answers(story: ReplayedTicket) -> None:
    """Twelve minutes: Bob and Kim twice each, then Eve and Mia."""
    await story.waits_until("2026-03-20T15:42:00Z")


async def answers_a_page(story: ReplayedTicket) -> None:
    await story.sends("page_delegate", person="mia")
    await story.presses("page_acknowledge")


async def kims(story: ReplayedTicket) -> None:
    kim = person("Kim")
    await story.opens(S1)
    await story.presses("take", who=kim)
    await story.sends("reply", who=kim, text="We look into it.")


async def turn_ends(story: ReplayedTicket) -> None:
    await story.waits_until("2026-03-20T16:01:00Z")


async def bob_snoozes(story: ReplayedTicket) -> None:
    await opens_s1(story)
    await story.sends("page_snooze", length="15m")
    await story.waits_until("2026-03-20T15:44:00Z")


async def snooze_is_over(story: ReplayedTicket) -> None:
    await story.waits_until("2026-03-20T15:46:00Z")


async def escalates_at_night(story: ReplayedTicket) -> None:
    """To engineering, which opens on Monday; by day it was the second line, and it was answered."""
    await replied(story)
    await story.sends("escalate", BOB, TRIAGE, text="Second pair of eyes")
    await story.presses("page_acknowledge")
    await story.waits_until("2026-03-20T21:30:00Z")
    await story.sends("escalate", BOB, TRIAGE, text="The cause is in the code")


async def hours_begin(story: ReplayedTicket) -> None:
    await story.waits_until("2026-03-23T09:01:00Z")
    await story.presses("page_call", who=EVE)


async def escalates(story: ReplayedTicket) -> None:
    await story.sends("escalate", ALICE, ACME, text="Hurry")
    await story.sends("escalate", BOB, TRIAGE, text="Second pair of eyes")


async def is_warned(story: ReplayedTicket) -> None:
    await story.waits_until("2026-03-20T17:20:00Z")


async def is_breached(story: ReplayedTicket) -> None:
    await story.waits_until("2026-03-20T20:00:00Z")


async def acknowledges(story: ReplayedTicket) -> None:
    await story.presses("acknowledge")
    await story.presses("take")


async def replies(story: ReplayedTicket) -> None:
    await story.sends("reply", text="We look into it.")
    await story.writes(ALICE, "Thanks, but it got worse")
    await story.writes(BOB, "We see it")


async def updates(story: ReplayedTicket) -> None:
    await story.sends("update", text="Found the cause", due_date="2026-03-27 17:00")


async def holds(story: ReplayedTicket) -> None:
    await story.sends("hold", text="Which account?")


async def resumes(story: ReplayedTicket) -> None:
    await story.writes(ALICE, "The second one")


async def changes_severity(story: ReplayedTicket) -> None:
    await story.sends("severity", severity="S1", text="All is down now")


async def resolves_and_reopens(story: ReplayedTicket) -> None:
    await story.sends("resolve", text="Restarted")
    await story.presses("reopen", who=ALICE, place=ACME)


async def closes(story: ReplayedTicket) -> None:
    await story.presses("close", who=ALICE, place=ACME)


async def is_refused(story: ReplayedTicket) -> None:
    story.chat.refuses = True
    await story.sends("reply", text="We look into it.")


PAGES = ("Paged", "Paged", "PageAccepted", "PageAccepted")
"""Of an S1: to the first line and to engineering."""
TWICE = ("Notified", "Notified")
"""To the TAM, and to her again or to leadership."""
SCENARIOS: dict[str, Scenario] = {
    "open": Scenario(nothing, opened, ("Opened",)),
    "page": Scenario(nothing, opens_s1, ("Opened", *PAGES)),
    "repeat": Scenario(opens_s1, nobody_answers, (*["Paged"] * 4, *["PageAccepted"] * 2)),
    "answer": Scenario(opens_s1, answers_a_page, ("Alerted", "Paged", "PageAccepted", "Alerted")),
    "handover": Scenario(kims, turn_ends, ("Handover", "Paged", "PageAccepted")),
    "snooze": Scenario(bob_snoozes, snooze_is_over, (*["Paged"] * 3, "PageAccepted")),
    "opening": Scenario(escalates_at_night, hours_begin, (*TWICE, "Paged", "PageAccepted", "Alerted")),
    "escalate": Scenario(
        opened, escalates, ("Escalated", "Notified", "Escalated", "Paged", "Notified", "PageAccepted")
    ),
    "warn": Scenario(opened, is_warned, ("Warned", "Notified")),
    "breach": Scenario(opened, is_breached, ("Warned", *TWICE, "Breached", *TWICE, "Notified")),
    "acknowledge": Scenario(opened, acknowledges, ("Acknowledged", "Taken")),
    "reply": Scenario(opened, replies, ("Answered", "CustomerWrote", "Answered")),
    "update": Scenario(opened, updates, ("Answered", "DueDateSet")),
    "hold": Scenario(opened, holds, ("Held",)),
    "resume": Scenario(held, resumes, ("CustomerWrote",)),
    "severity": Scenario(opened, changes_severity, ("SeverityChanged", *PAGES)),
    "resolve": Scenario(replied, resolves_and_reopens, ("Resolved", "Reopened")),
    "close": Scenario(resolved, closes, ("Closed",)),
    "refused": Scenario(opened, is_refused, ("Answered", "Undelivered")),
}
"""The twelve that matter, some of them in two, and the ways in which people are paged."""
