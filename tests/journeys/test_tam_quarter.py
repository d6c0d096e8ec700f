"""A quarter of a TAM with fifty accounts: how many messages she gets, and that she needs each of them.

The rules below are written from the contract and read nothing but the histories and what was posted when.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from random import Random
from statistics import median
from zoneinfo import ZoneInfo

import pytest

from bot.clock import parse_instant
from bot.desk.desk import Desk
from bot.desk.tam import forecast
from bot.model.address import MessageRef, Place, UserRef
from bot.model.views import Notice, View
from bot.ports import ChatPlatform
from sla_core.events import (
    Acknowledged,
    Alerted,
    Answered,
    Breached,
    Closed,
    Escalated,
    Event,
    Kind,
    Reopened,
    Resolved,
    Taken,
    Who,
)
from sla_core.ticket import fold
from tests.desk_file import account, desk_file
from tests.harness import BOB, DANA, S1, S2, S3, DeskInMemory, FakeChat, HeldClock, directory_of, person
from tests.memory_store import MemoryStore

BERLIN = ZoneInfo("Europe/Berlin")
START = "2026-01-11T12:00:00Z"
"""The Sunday before a quarter in which the clocks change in America and in Europe."""
QUIET_FROM, QUIET_TO = 20, 8
HALF_HOUR = timedelta(minutes=30)


@dataclass
class TimedChat(FakeChat):
    """Remembers when each message was posted."""

    clock: HeldClock = field(default_factory=lambda: HeldClock(START))
    posted_at: dict[str, datetime] = field(default_factory=dict)

    async def post(
        self, to: Place | UserRef, view: View, thread: MessageRef | None, key: str | None = None
    ) -> MessageRef:
        ref = await super().post(to, view, thread, key)
        self.posted_at[ref.id] = self.clock.at
        return ref


@dataclass(frozen=True)
class Direct:
    """A direct message to Dana as it was posted; `key` is its ticket's, or empty."""

    at: datetime
    key: str
    text: str
    is_page: bool


def a_file(accounts: int) -> str:
    customers = [
        account(f"a{n}", f"Account {n}", channel=f"slack:C0A{n}")
        .replace('tam = "dana"\n', 'tam = "dana"\ntam_backup = "eve"\n')
        .replace("channels", "board = false\nchannels")
        for n in range(accounts)
    ]
    quiet = f'zone = "Europe/Berlin"\nquiet = "{QUIET_FROM}:00-0{QUIET_TO}:00"\n'
    return desk_file(accounts=customers).replace('id = "dana"\n', f'id = "dana"\n{quiet}')


class Quarter:
    """People act at random instants; the desk is woken as in the real loops."""

    def __init__(self, folder: Path, seed: int, accounts: int, days: int, a_day: float) -> None:
        self.random, self.days, self.accounts = Random(seed), days, accounts
        clock = HeldClock(START)
        self.chat = TimedChat(clock=clock)
        platforms: dict[str, ChatPlatform] = {"slack": self.chat}
        store = MemoryStore()
        real = Desk(store, clock, directory_of(folder, a_file(accounts)), platforms)
        self.desk = DeskInMemory(real, store, clock, self.chat)
        self.start = parse_instant(START)
        self._acts: list[tuple[datetime, int, Callable[[], Awaitable[None]]]] = []
        self._numbers = itertools.count()
        for _ in range(round(days * a_day)):
            self._at(self.start + timedelta(days=self.random.uniform(0, days)), self._opens)
        for day, hour in itertools.product(range(days + 1), (9, 11, 13, 15, 17)):
            self._at(self.start.replace(hour=hour, minute=20) + timedelta(days=day), self._dana_looks)

    def _at(self, instant: datetime, act: Callable[[], Awaitable[None]]) -> None:
        heapq.heappush(self._acts, (instant, next(self._numbers), act))

    async def run(self) -> None:
        await forecast.schedule(self.desk.desk)
        end = self.start + timedelta(days=self.days)
        while self._acts and self._acts[0][0] <= end:
            instant, _, act = heapq.heappop(self._acts)
            await self.desk.forward_to(instant)
            await act()
        await self.desk.forward_to(end + timedelta(days=5))

    async def _opens(self) -> None:
        number = self.random.randrange(self.accounts)
        customer = person(f"Customer{number}", f"T0A{number}")
        answers = self.random.choices([S1, S2, S3], [1, 6, 12])[0]
        place = Place("slack", f"C0A{number}")
        key = await self.desk.submits(customer, "Bills are slow", answers, place)
        now = self.desk.clock.at
        slow = self.random.random() < 0.2
        answers_at = now + timedelta(
            hours=self.random.uniform(3, 30) if slow else self.random.uniform(0.1, 3)
        )

        async def acknowledges() -> None:
            await self.desk.presses(BOB, "Acknowledge", key)

        async def replies() -> None:
            await self.desk.submits_form(BOB, "Reply", key, text="We look into it.")

        async def escalates() -> None:
            await self.desk.submits_form(customer, "Escalate", key, text="Month end is today")

        async def resolves() -> None:
            await self.desk.submits_form(BOB, "Resolve", key, text="Restarted")

        async def closes() -> None:
            await self.desk.presses(customer, "Close", key)

        self._at(min(now + timedelta(minutes=self.random.uniform(1, 12)), answers_at), acknowledges)
        self._at(answers_at, replies)
        if self.random.random() < 0.1:
            between = (answers_at - now) * self.random.uniform(0.1, 3)
            self._at(now + between, self._if_open(key, escalates))
        done = answers_at + timedelta(hours=self.random.uniform(1, 90))
        self._at(done, resolves)
        self._at(done + timedelta(hours=self.random.uniform(1, 20)), closes)

    def _if_open(self, key: str, act: Callable[[], Awaitable[None]]) -> Callable[[], Awaitable[None]]:
        async def acts() -> None:
            if self.desk.card_view(key).state == "open":
                await act()

        return acts

    async def _dana_looks(self) -> None:
        """Most times that she looks she answers what has buttons."""
        if self.desk.clock.at.weekday() > 4 or self.random.random() < 0.3:
            return
        for message in self.desk.direct(DANA):
            buttons = message.view.buttons if isinstance(message.view, Notice) else ()
            for button in buttons:
                if button.action == "alert_acknowledge":
                    await self.desk.presses_on(DANA, message, button)

    # What came of it ---------------------------------------------------------------------------

    def directs(self) -> list[Direct]:
        """Everything that notified Dana, in order; the text as it reads now begins as it was posted."""
        found = []
        for said in self.desk.direct(DANA):
            key = said.key or ""
            ticket = "" if key.startswith("tam/") else key.partition("/")[0]
            found.append(Direct(self.chat.posted_at[said.ref.id], ticket, said.text, "/page" in key))
        return sorted(found, key=lambda each: each.at)

    async def histories(self) -> dict[str, tuple[Event, ...]]:
        return {key: (await self.desk.ticket(key)).history for key in await self.desk.keys()}


# The rules ---------------------------------------------------------------------------------------


def is_quiet(at: datetime) -> bool:
    hour = at.astimezone(BERLIN).hour
    return hour >= QUIET_FROM or hour < QUIET_TO


def after_quiet(at: datetime) -> datetime:
    """The end of the quiet hours in which an instant lies; the instant itself if it lies in none."""
    if not is_quiet(at):
        return at
    local = at.astimezone(BERLIN)
    day = local.date() + timedelta(days=local.hour >= QUIET_FROM)
    return datetime.combine(day, time(QUIET_TO), BERLIN).astimezone(UTC)


def severity_at(key: str, history: Sequence[Event], at: datetime) -> str:
    return fold(key, [event for event in history if event.at <= at]).severity


def is_answered(history: Sequence[Event], at: datetime) -> bool:
    return any(isinstance(event, Answered | Resolved | Closed) and event.at < at for event in history)


def why_needless(message: Direct, history: Sequence[Event], earlier: Sequence[Direct]) -> str | None:
    """Why Dana did not need this message; None if she did. m3ter promises first responses only."""
    text = message.text.removeprefix(f"{message.key} ")
    before = [each for each in earlier if each.key == message.key and not each.is_page]
    past = [event for event in history if event.at <= message.at]
    own = (Alerted, Acknowledged, Taken, Answered)
    if "You have not answered this message for half an hour." in text:
        acts = [event for event in past if isinstance(event, own) and event.by.name == "Dana"]
        due = before[-1].at + HALF_HOUR if before else None
        if due is None or message.at not in (due, after_quiet(due)):
            return "it came again, but not after half an hour, or when her quiet hours ended"
        if acts and acts[-1].at >= before[-1].at:
            return "it came again although she had answered"
    if text.startswith("Warning"):
        return "the customer had been answered" if is_answered(past, message.at) else None
    if text.startswith("We missed"):
        missed = any(isinstance(event, Breached) for event in past)
        return "the customer had been answered" if is_answered(past, message.at) or not missed else None
    if "escalated this ticket" in text:
        by_others = any(isinstance(event, Escalated) and event.by.name != "Dana" for event in past)
        ended = isinstance(past[-1], Resolved | Closed)
        return None if by_others and not ended else "nobody waits for her"
    if "resolved this ticket" in text or "closed this ticket" in text:
        ended = any(isinstance(event, Resolved | Closed | Reopened) for event in past)
        return None if before and ended else "she had not heard of this ticket before"
    return f"no rule allows it: {text}"


async def is_well(quarter: Quarter) -> list[int]:
    """Checks every message to Dana. Returns how many she got on each day of the quarter."""
    histories, directs = await quarter.histories(), quarter.directs()
    days: dict[object, int] = {}
    forecasts: dict[object, str] = {}
    for number, message in enumerate(directs):
        where = f"{message.at} {message.text}"
        day = message.at.astimezone(BERLIN).date()
        days[day] = days.get(day, 0) + 1
        if not message.key:
            assert message.at.astimezone(BERLIN).strftime("%H:%M") == "08:00", where
            assert day.weekday() < 5, f"she does not work on that day: {where}"
            assert day not in forecasts, f"a second forecast on one day: {where}"
            forecasts[day] = message.text
            continue
        history = histories[message.key]
        worst = severity_at(message.key, history, message.at) == "S1"
        assert worst or not is_quiet(message.at), f"in her quiet hours: {where}"
        if message.is_page:
            assert worst or any(isinstance(event, Escalated) for event in history), where
            continue
        why = why_needless(message, history, directs[:number])
        assert why is None, f"{why}: {where}"
    end = quarter.start + timedelta(days=quarter.days)
    for key, history in histories.items():
        for event in history:
            if isinstance(event, Breached) and event.at < end:
                named = [
                    text.partition("Missed since your last forecast:")[2]
                    for day, text in forecasts.items()
                    if event.at.astimezone(BERLIN).date() <= day  # type: ignore[operator]
                ][:2]
                assert any(f"{key} " in each for each in named), f"no forecast names the miss of {key}"
    first = quarter.start.astimezone(BERLIN).date()
    return [days.get(first + timedelta(days=day), 0) for day in range(quarter.days)]


async def lives(folder: Path, seed: int, accounts: int, days: int, a_day: float) -> list[int]:
    quarter = Quarter(folder, seed, accounts, days, a_day)
    await quarter.run()
    return await is_well(quarter)


async def test_a_week_brings_nothing_needless(tmp_path: Path) -> None:
    """contract.md, The TAM's DMs; complaint 28: no message without need, none in quiet hours."""
    counts = await lives(tmp_path, 3, accounts=5, days=8, a_day=4)
    assert sum(counts) > 5


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(3))
async def test_a_quarter_of_fifty_accounts(tmp_path: Path, seed: int) -> None:
    counts = await lives(tmp_path, seed, accounts=50, days=90, a_day=5)
    working = [
        count
        for day, count in enumerate(counts)
        if (datetime(2026, 1, 11, tzinfo=UTC) + timedelta(days=day)).weekday() < 5
    ]
    print(
        f"\nseed {seed}: {median(working):.0f} messages on the median working day, {max(counts)} on the worst"
    )
    assert median(working) <= 12


def test_the_rules_find_what_is_needless() -> None:
    """Each rule fails on a message that breaks it."""
    at = parse_instant("2026-03-20T18:00:00Z")
    history: list[Event] = [Answered(at - HALF_HOUR, Who("slack:T0VENDOR:U0BOB", "Bob"), Kind.REPLY, "Hi")]
    for text in (
        "Warning: first response is due",
        "We missed the first response",
        "Bob resolved this ticket.",
    ):
        assert why_needless(Direct(at, "A1-1", f"A1-1 {text}", False), history, [])
    assert why_needless(Direct(at, "A1-1", "A1-1 Good morning", False), history, [])
    assert is_quiet(parse_instant("2026-03-20T19:00:00Z"))
    assert not is_quiet(parse_instant("2026-03-20T07:00:00Z"))
