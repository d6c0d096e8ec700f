"""A year of a desk with many customers, of which only pages matter: who is paged, and until somebody answers.

People act by a plan that depends on the seed alone. Crashes, failures and outages of a platform have their
own dice, and cost real time only, which is not the desk's: so the same pages are due as in a calm year.
While the desk itself is down, its time passes.
"""

from __future__ import annotations

import asyncio
import itertools
import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from heapq import heappop, heappush
from pathlib import Path
from random import Random
from typing import Any

from bot.clock import WakeSignal
from bot.config.directory import Directory
from bot.config.settings import DeskSettings, load_desk
from bot.desk import routes
from bot.desk.desk import Desk
from bot.model.address import MessageRef, Place, UserRef
from bot.model.views import Notice, View
from bot.notify.pages import APPRISE
from bot.ports import RedeliverLater, StoreUnavailable, TemporaryFailure
from bot.runtime.delivery import Delivery
from bot.runtime.scheduler import wake_due_tickets
from sla_core.events import (
    THE_CLOCK,
    Acknowledged,
    Alerted,
    Answered,
    Closed,
    Event,
    Handover,
    Opened,
    PageAccepted,
    Paged,
    Resolved,
    SeverityChanged,
    Taken,
)
from sla_core.paging import HANDOVER
from sla_core.ticket import Ticket, fold
from tests.desk_file import account, chat, desk_file
from tests.harness import FakeChat, HeldClock, PostedMessage
from tests.journeys.crash_points import TAKEN_OVER_AFTER, Crash, CrashingPort, CrashPoints, Process
from tests.journeys.failures import FailureRates, RandomCrashes
from tests.journeys.paging_plan import BEGIN, DAY, HOUR, MINUTE, PEOPLE, Act, Life, begins
from tests.memory_store import MemoryStore
from tests.sla_core.oracle_paging import BERLIN, PagingOracle, Terms, Turns, steps_of
from tests.virtual_time import simulated

local = datetime.fromisoformat
TAMS = ("dana", "tom", None)
JANUARY = local("2026-01-05T09:00")
FEW_CRASHES = 3.0
"""Of a thousand steps of input and output."""
FAR_AWAY = datetime(2100, 1, 1, tzinfo=UTC)
Plan = Iterator[tuple[timedelta, Act, bool]]
HOLIDAYS = (
    ("kim", local("2026-12-24T09:00"), local("2026-12-27T09:00")),
    ("bob", local("2026-07-08T18:00"), local("2026-07-22T09:00")),
    ("eve", local("2026-01-14T12:00"), local("2026-01-17T12:00")),
)
"""Who stands in, from when until when."""
ROTATION = Turns(("bob", "eve", "ned"), JANUARY, timedelta(weeks=1), BERLIN, HOLIDAYS)
ROTAS: dict[str, dict[str, Turns]] = {
    "m3ter": {
        "first_line": replace(ROTATION, every=8 * HOUR),
        "second_line": Turns(("eve", "bob")),
        "engineering": Turns(("kim", "oli")),
        "leadership": Turns(("mia", "lee")),
    },
    "monetate": {
        "on_call": Turns(("ned", "kim"), local("2026-01-08T09:00"), DAY, BERLIN, HOLIDAYS[:1]),
        "leadership": Turns(("mia", "lee"), JANUARY, timedelta(weeks=1)),
    },
    "monta": {"partner_support": ROTATION, "leadership": Turns(("lee",))},
    "commerceup": {"support": Turns(("bob", "oli")), "engineering": ROTATION},
}
"""Nobody holds monta's second step; monetate's first one is empty for a week. m3ter hands over all day."""
PLANS = {
    "m3ter": ("gold",),
    "monetate": ("north-america", "europe"),
    "monta": ("partner",),
    "commerceup": ("standard",),
}


@dataclass(frozen=True, slots=True)
class YearSize:
    """A customer has one ticket in some 240 days."""

    customers: int
    days: int = 365

    @property
    def tickets(self) -> int:
        return max(self.customers * self.days // 240, self.customers // 3)


@dataclass(frozen=True, slots=True)
class Weather:
    """What goes wrong. `down` is whether the desk is down for minutes or hours, now and then."""

    fails: bool = False
    down: bool = False


CALM, STORMY, DOWN = Weather(), Weather(fails=True), Weather(fails=True, down=True)


@dataclass
class YearChat(FakeChat):
    """Fails now and then, and for hours; forgets the messages of tickets that are over."""

    random: Random = field(default_factory=Random)
    failure_rates: FailureRates = field(default_factory=FailureRates)
    by_key: dict[str, PostedMessage] = field(default_factory=dict)
    by_id: dict[str, PostedMessage] = field(default_factory=dict)
    times: Counter[str] = field(default_factory=Counter)
    """How often each key was posted."""
    is_down: bool = False

    async def post(
        self, to: Place | UserRef, view: View, thread: MessageRef | None, key: str | None = None
    ) -> MessageRef:
        lost = self._called()
        ref = await super().post(to, view, thread, key)
        assert key is not None
        self.by_key[key] = self.by_id[ref.id] = self.posted.pop()
        self.times[key] += 1
        if lost:
            raise TemporaryFailure("connection reset", maybe_delivered=True)
        return ref

    async def update(self, message: MessageRef, view: View) -> None:
        lost = self._called()
        self.by_id[message.id].view = view
        if lost:
            raise TemporaryFailure("connection reset", maybe_delivered=True)

    async def find(
        self, to: Place | UserRef, key: str, thread: MessageRef | None, since: datetime
    ) -> MessageRef | None:
        return self.by_key[key].ref if key in self.by_key else None

    def forget(self, ticket: str) -> list[PostedMessage]:
        """All messages of a ticket, which are removed."""
        keys = [key for key in self.by_key if key.startswith(f"{ticket}/")]
        gone = [self.by_key.pop(key) for key in keys]
        for said in gone:
            del self.by_id[said.ref.id]
        return gone

    def _called(self) -> bool:
        """Whether the answer will be lost. Raises TemporaryFailure."""
        if self.is_down:
            raise TemporaryFailure("HTTP 503")
        fate = self.random.random() * 1000
        if fate < self.failure_rates.failed:
            raise TemporaryFailure("HTTP 500")
        return fate - self.failure_rates.failed < self.failure_rates.lost


class YearStore(MemoryStore):
    """Forgets the messages of tickets that are over, so that the few that run are found quickly."""

    def forget(self, ticket: str) -> list[str]:
        """The states of the ticket's messages, which are removed together with its wake-ups."""
        keys = [key for key in self.outbox if key.startswith(f"{ticket}/")]
        del self.tickets_by_key[ticket]
        return [self.outbox.pop(key).state for key in keys]


class FailingStore:
    """A process's steps into a store that cannot be reached now and then."""

    def __init__(self, process: Process, random: Random, of_thousand: float) -> None:
        self._process, self._random, self._of_thousand = process, random, of_thousand

    def step(self) -> None:
        self._process.step()
        if self._random.random() * 1000 < self._of_thousand:
            raise StoreUnavailable("the database does not answer")


@dataclass(frozen=True, slots=True)
class EndedTicket:
    """Who was paged on a ticket, when and for which step, and after how long somebody answered each time.

    Not measured are pages of a handover, as somebody has the ticket, and a page after a snooze, as they asked
    for it, maybe while the ticket waits for a step's hours.
    """

    pages: tuple[tuple[datetime, int, str], ...]
    answered_after: tuple[timedelta, ...]
    handovers: int


@dataclass(frozen=True)
class YearOutcome:
    tickets: Mapping[str, EndedTicket]
    restarts: int
    outages: int
    """Of the platform, and of the desk with its database."""
    phones_out: int
    unanswered_calls: int
    """Of the database."""

    @property
    def pages(self) -> dict[str, tuple[tuple[datetime, int, str], ...]]:
        return {key: ticket.pages for key, ticket in self.tickets.items()}

    @property
    def handovers(self) -> int:
        return sum(ticket.handovers for ticket in self.tickets.values())

    def report(self) -> str:
        lengths = sorted(length for ticket in self.tickets.values() for length in ticket.answered_after)
        median, worst = (at // MINUTE for at in (lengths[len(lengths) // 2], lengths[-1]))
        return (
            f"{len(self.tickets)} tickets, {sum(map(len, self.pages.values()))} pages, "
            f"{self.restarts} restarts, {self.outages} outages and {self.phones_out} of the phones, "
            f"{self.unanswered_calls} calls of the database failed; {len(lengths)} emergencies "
            f"answered after {median} min (median), {worst} min (worst); {self.handovers} handovers"
        )


class PagingYear:
    """One desk for a year. `settings` are those of `desk_settings`."""

    def __init__(
        self, settings: DeskSettings, vendor: str, seed: int, size: YearSize, weather: Weather
    ) -> None:
        self.settings, self.vendor, self.size, self.weather = settings, vendor, size, weather
        self.random, self.plan = Random(f"weather {seed}"), Random(f"plan {seed} {vendor}")
        self.policy = settings.policies[-1]
        rates = FailureRates(FEW_CRASHES) if weather.fails else FailureRates(0, 0, 0, 0)
        self.store = YearStore()
        self.chat = YearChat(random=self.random, failure_rates=rates)
        self.phones = YearChat(APPRISE, random=self.random, failure_rates=rates)
        self.crash_points = RandomCrashes(self.random, rates) if weather.fails else CrashPoints()
        self.clock, self.real = HeldClock(BEGIN.isoformat()), HeldClock(BEGIN.isoformat())
        self.directory = Directory(settings)
        self.terms = self._terms()
        self.down = self._outages(40 * DAY, 3 * HOUR) if weather.down else []
        """From when until when there is no desk."""
        self.chat_down = self._outages(20 * DAY, 4 * HOUR) if weather.fails else []
        self.phones_down = self._outages(15 * DAY, 4 * HOUR) if weather.fails else []
        self.restarts = self.unanswered = 0
        self.todo: list[tuple[datetime, int, Callable[[], Awaitable[None]]]] = []
        self._order = itertools.count()
        self.ended: dict[str, EndedTicket] = {}
        self._starts()

    def run(self) -> YearOutcome:
        return simulated(self._lives())

    async def _lives(self) -> YearOutcome:
        for number in range(self.size.tickets):
            at, account = begins(self.plan, self.size.days), self.plan.choice([*self.settings.accounts])
            dice = Random(f"{self.plan.random()} {number}")
            life = Life(number, account, self.policy, dice, self.chat.by_key.get)
            self._later(at, partial(self._goes_on, life, life.steps(), at))
        for platform, spans in ((self.chat, self.chat_down), (self.phones, self.phones_down)):
            for since, until in spans:
                self._later(since, partial(self._is_down, platform, True))
                self._later(until, partial(self._is_down, platform, False))
        while True:
            wake, act = await self.store.next_wake(), self.todo[0][0] if self.todo else None
            due = min((at for at in (wake, act) if at is not None), default=None)
            if due is None:
                break
            self.clock.at = max(self.clock.at, self.after(due))
            self.real.at = max(self.real.at, self.clock.at)
            if wake is not None and wake <= self.clock.at:
                await self._survives(lambda: wake_due_tickets(self.desk))
            else:
                await heappop(self.todo)[2]()
            await self._delivers()
        assert len(self.ended) == self.size.tickets, "each ticket ended"
        outages = len(self.chat_down) + len(self.down)
        return YearOutcome(self.ended, self.restarts, outages, len(self.phones_down), self.unanswered)

    # People ----------------------------------------------------------------------------------

    async def _goes_on(self, life: Life, steps: Plan, at: datetime) -> None:
        """The next step of a ticket's plan, and when the one after it follows."""
        step = next(steps, None)
        if step is None:
            self._later(at, partial(self._is_over, life))
            return
        delay, act, waits = step
        at += delay
        if waits:
            at = max(at, await self._opening(life.key) + delay)
        self._later(at, partial(self._acts, life, steps, act, at))

    async def _opening(self, key: str) -> datetime:
        """When the hours of a step begin that is to be paged, if nobody is paged until then."""
        ticket = await self._ticket(key)
        quiet = not ticket.pages or self.clock.now() - ticket.pages[-1].at > 2 * self.terms.repeat
        waits = quiet and ticket.severity not in self.terms.paging
        return ticket.calls_at if waits and ticket.calls_at else BEGIN

    async def _acts(self, life: Life, steps: Plan, act: Act, at: datetime) -> None:
        inbound = replace(act(await self._ticket(life.key) if life.key else None), at=self.clock.now())
        await self._survives(lambda: routes.answer(self.desk, inbound))
        if not life.key:
            key = await self.store.ticket_of_envelope(inbound.key)
            assert key is not None, f"{inbound} opens a ticket"
            life.key = key
        await self._goes_on(life, steps, at)

    async def _is_over(self, life: Life) -> None:
        """Checks the ticket, once all that it says has arrived."""
        if self.chat.is_down or self.phones.is_down:
            self._later(self.clock.now() + HOUR, partial(self._is_over, life))
            return
        await self._delivers()
        history = await self.store.load(life.key)
        self.ended[life.key] = checked(history, self.terms, self.after, self.clock.now())
        states = Counter(self.store.forget(life.key))
        assert states.keys() <= {"sent", "superseded"}, f"{life.key} says everything: {states}"
        for said in self.phones.forget(life.key):
            assert self.phones.times.pop(str(said.key)) == 1, f"{said.key} rings once"
        for said in self.chat.forget(life.key):
            assert self.chat.times.pop(str(said.key)) == 1, f"{said.key} arrives once"
            if isinstance(said.to, UserRef) and "/page" in str(said.key):
                assert isinstance(said.view, Notice)
                assert said.view.buttons == (), f"{said.key} has buttons, though answered\n{told(history)}"

    async def _ticket(self, key: str) -> Ticket:
        return fold(key, await self.store.load(key))

    def _later(self, at: datetime, act: Callable[[], Awaitable[None]]) -> None:
        heappush(self.todo, (at, next(self._order), act))

    # The desk --------------------------------------------------------------------------------

    def _starts(self) -> None:
        """A process, which has nothing but the store, the platform and the time."""
        process = Process(self.crash_points)
        failing = FailingStore(process, self.random, 2.0 if self.weather.fails else 0.0)
        store: Any = CrashingPort(self.store, failing)
        chat: Any = CrashingPort(self.chat, process)
        phones: Any = CrashingPort(self.phones, process)
        platforms = {"slack": chat, APPRISE: phones}
        self.desk = Desk(store, self.clock, self.directory, platforms, key_values=store)
        self.delivery = Delivery(self.desk, store, self.real, WakeSignal(), self.random)

    def _restarts(self) -> None:
        self.restarts += 1
        self.real.at += TAKEN_OVER_AFTER
        self._starts()

    async def _survives(self, does: Callable[[], Awaitable[object]]) -> None:
        """Done again, by process after process, until it is done."""
        while True:
            try:
                await does()
                return
            except Crash:
                self._restarts()
            except StoreUnavailable:
                self.unanswered += 1
                self.real.at += TAKEN_OVER_AFTER
            except RedeliverLater:
                await self._delivers()

    async def _delivers(self) -> None:
        """All there is, or while the platform is down, one try of each lane."""
        is_down = self.chat.is_down or self.phones.is_down
        while (waiting := await self.store.lanes(FAR_AWAY, 1)) and not is_down:
            await self._tries_each_lane()
            if await self.store.lanes(self.real.at, 1) == []:
                ready = await self.store.next_ready(self.real.at)
                self.real.at = ready or self.real.at + TAKEN_OVER_AFTER
        if waiting:
            await self._tries_each_lane()

    async def _tries_each_lane(self) -> None:
        lanes = await self.store.lanes(self.real.at, 128)
        ends = await asyncio.gather(*map(self.delivery.send_lane, lanes), return_exceptions=True)
        for end in ends:
            if isinstance(end, BaseException) and not isinstance(end, Crash | StoreUnavailable):
                raise end
        self.unanswered += sum(isinstance(end, StoreUnavailable) for end in ends)
        if any(isinstance(end, Crash) for end in ends):
            self._restarts()

    async def _is_down(self, platform: YearChat, down: bool) -> None:
        platform.is_down = down

    def after(self, at: datetime) -> datetime:
        """When something due at an instant can be done: then, or when the desk is up again."""
        found = bisect_right(self.down, (at, at + 365 * DAY)) - 1
        return max(at, self.down[found][1]) if found >= 0 else at

    def _outages(self, apart: timedelta, longest: timedelta) -> list[tuple[datetime, datetime]]:
        found, at = [], BEGIN
        while (at := at + self.random.uniform(0.2, 1) * apart) < BEGIN + self.size.days * DAY:
            found.append((at, at + self.random.uniform(0.01, 1) * longest))
        return found

    def _terms(self) -> Terms:
        steps, paging, staffed = steps_of(self.vendor)
        accounts, people = self.settings.accounts, {f"U0{name.upper()}": name for name in PEOPLE}
        return Terms(
            steps,
            paging,
            staffed,
            ROTAS[self.vendor],
            tam=lambda account: accounts[account].tam,
            person=lambda who: people.get(who.id.rpartition("/")[2].rpartition(":")[2]),
            in_hours=lambda plan, hours, at: self.policy.calendar(plan, hours).is_open(at),
        )


def checked(
    history: Sequence[Event], terms: Terms, after: Callable[[datetime], datetime], until: datetime
) -> EndedTicket:
    """What is to be known of a ticket that is over. Raises AssertionError unless its pages are right."""
    opened = history[0]
    assert isinstance(opened, Opened)
    pages = [(page.at, page.step, page.person) for page in history if isinstance(page, Paged) and page.person]
    walked = PagingOracle(terms, opened, after).walk(history, until)
    expected = [(page.at, page.step, page.person) for page in walked]
    assert pages == expected, f"{first_difference(pages, expected)}\n{told(history)}"
    last: dict[str, datetime] = {}
    asked, lengths = None, []
    for event in history:
        if isinstance(event, Paged) and event.person is not None:
            measured = event.step >= 0 and not event.chain.startswith(HANDOVER)
            asked = asked or (event.at if measured else None)
            too_early = event.person in last and event.at - last[event.person] < terms.repeat
            assert not too_early or event.by != THE_CLOCK, f"{event} comes within one repeat"
            last[event.person] = event.at
        elif asked is not None and answers(event):
            lengths.append(event.at - asked)
            asked = None
        if isinstance(event, SeverityChanged) and event.severity not in terms.paging:
            asked = None  # the emergency is over; an escalation is measured from its next page
    assert asked is None, "every page is answered"
    handovers = sum(isinstance(event, Handover) and event.step is not None for event in history)
    return EndedTicket(tuple(pages), tuple(lengths), handovers)


def answers(event: Event) -> bool:
    """Whether it stops the paging (contract.md, Which act does what)."""
    if isinstance(event, Alerted):
        return event.page and event.act in ("acknowledge", "call")
    return isinstance(event, Acknowledged | Taken | Answered | Resolved | Closed)


def first_difference(pages: Sequence[object], expected: Sequence[object]) -> str:
    pairs = itertools.zip_longest(pages, expected)
    return next(f"page {n} is {a}, and should be {b}" for n, (a, b) in enumerate(pairs) if a != b)


def told(history: Sequence[Event]) -> str:
    return "\n".join(str(event) for event in history if not isinstance(event, PageAccepted))


def year_settings(folder: Path, vendor: str, customers: int) -> DeskSettings:
    """A desk of one vendor with rotas, holidays and an empty role."""
    plans = PLANS[vendor]
    accounts = [
        account(f"c{n}", f"Customer {n}", plans[n % len(plans)], TAMS[n % len(TAMS)], f"slack:C0C{n}")
        for n in range(customers)
    ]
    parts = [desk_file(vendor, [chat("slack", "C0TRIAGE", ["U0BOB"])], {}, PEOPLE, accounts=accounts)]
    rotas = ROTAS[vendor].items()
    parts = [*(_rota(*each) for each in rotas if each[1].starts is None), *parts]
    parts += [_rota(*each) for each in rotas if each[1].starts is not None]
    path = folder / f"{vendor}-{customers}.toml"
    parts.append("\n[limits]\nopens_per_person = 10_000\nopens_per_account = 10_000\n")
    text = "\n".join(parts).replace("channels = [", "board = false\nchannels = [")
    phone = r'\1\npage = ["json://phones.example/\2"]'
    path.write_text(re.sub(r'(\[\[people\]\]\nid = "(\w+)")', phone, text), encoding="utf-8")
    return load_desk(path)


def _rota(role: str, turns: Turns) -> str:
    people = ", ".join(f'"{person}"' for person in turns.people)
    if turns.starts is None:
        return f"rotas.{role} = [{people}]"
    lines = [f"[rotas.{role}]", f"people = [{people}]", f'zone = "{turns.zone.key}"']
    lines += [f"starts = {turns.starts.isoformat()}", f'turn = "{turns.every // HOUR} hours"']
    for person, since, until in turns.standins:
        lines += [f"[[rotas.{role}.override]]", f'person = "{person}"']
        lines += [f"from = {since.isoformat()}", f"to = {until.isoformat()}"]
    return "\n".join(lines)
