"""Who is paged when, read from contract.md (Paging) and docs/configuration.md (Handover), step by step.

It keeps a list of chains and walks on from page to page, where the product computes them from the history;
whose turn it is, it looks up every hour. It shares no code with sla_core.paging and sla_core.paging.
"""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from sla_core.events import (
    THE_CLOCK,
    Acknowledged,
    Alerted,
    Answered,
    Closed,
    Escalated,
    Event,
    Opened,
    Paged,
    Reopened,
    Resolved,
    SeverityChanged,
    Taken,
    Who,
)

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
BERLIN = ZoneInfo("Europe/Berlin")
LONGEST_ORDER = 24 * 60
"""Hours within which everybody of a rotation comes on call."""
ALWAYS = "around-the-clock"
SINGLE = -1
"""The step of a page that belongs to no chain."""
PACKS = Path(__file__).parents[2] / "sla_core" / "catalog" / "packs"


@dataclass(frozen=True)
class Turns:
    """A rotation with local times on full hours, or, without `starts`, a list."""

    people: Sequence[str]
    starts: datetime | None = None
    every: timedelta = timedelta(weeks=1)
    zone: ZoneInfo = BERLIN
    standins: Sequence[tuple[str, datetime, datetime]] = ()
    _orders: dict[datetime, list[str]] = field(default_factory=dict, init=False, repr=False)

    def holder(self, at: datetime) -> str | None:
        if self.starts is None:
            return self.people[0] if self.people else None
        shown = at.astimezone(self.zone).replace(tzinfo=None)
        for person, begins, ends in self.standins:
            if begins <= shown < ends:
                return person
        if shown < self.starts:
            return None
        return self.people[(shown - self.starts) // self.every % len(self.people)]

    def turn(self, at: datetime) -> object:
        """What names a turn. No name comes twice, also where a stand-in cuts a turn in two."""
        shown = at.astimezone(self.zone).replace(tzinfo=None)
        edges = sum((begins <= shown) + (ends <= shown) for _, begins, ends in self.standins)
        stands_in = any(begins <= shown < ends for _, begins, ends in self.standins)
        number = max((shown - (self.starts or shown)) // self.every, -1)
        return edges, None if stands_in else number

    def has(self, person: str) -> bool:
        return person in self.people or any(person == standin for standin, *_ in self.standins)

    def order(self, at: datetime) -> list[str]:
        """Who is on call, then the others as they come on call, looking every hour."""
        if self.starts is None:
            return list(self.people)
        hour = at.replace(minute=0, second=0, microsecond=0)
        if hour not in self._orders:
            found: list[str] = []
            for hours in range(LONGEST_ORDER):
                holder = self.holder(hour + hours * HOUR)
                if holder is None and not found:
                    break
                if holder is not None and holder not in found:
                    found.append(holder)
                if set(self.people) <= set(found):
                    break
            self._orders[hour] = found
        return self._orders[hour]


@dataclass(frozen=True)
class Terms:
    """What paging needs to know of a vendor's pack and of a desk."""

    steps: Sequence[Mapping[str, object]]
    paging: frozenset[str]
    """The severities that page."""
    staffed: frozenset[str]
    """The severities that need an owner on duty at all times."""
    rotas: Mapping[str, Turns]
    tam: Callable[[str], str | None]
    person: Callable[[Who], str | None]
    in_hours: Callable[[str, str, datetime], bool]
    """Whether a plan's hours, by their name, are open."""
    repeat: timedelta = 5 * MINUTE
    tries: int = 2

    def duty(self, step: int, severity: str) -> Mapping[str, str] | None:
        duties = self.steps[step]["duties"]
        assert isinstance(duties, dict)
        return duties.get(severity)

    def is_open(self, step: int, severity: str, plan: str, at: datetime) -> bool:
        duty = self.duty(step, severity)
        return duty is not None and (duty["hours"] == ALWAYS or self.in_hours(plan, duty["hours"], at))

    def opens(self, step: int, severity: str, plan: str, at: datetime) -> datetime | None:
        """The first full minute from `at` on, or `at` itself, in the step's hours."""
        if self.duty(step, severity) is None:
            return None
        if self.is_open(step, severity, plan, at):
            return at
        minute = at.replace(second=0, microsecond=0) + MINUTE
        while not self.is_open(step, severity, plan, minute):
            minute += MINUTE
        return minute

    def people(self, step: int, at: datetime) -> list[str]:
        return self._role(str(self.steps[step]["role"]), at)

    def turns(self, step: int) -> Turns | None:
        """The turns of a step's people; None if nobody holds the role, or always the same people do."""
        rota = self.rotas.get(str(self.steps[step]["role"]))
        return rota if rota and rota.starts else None

    def has_a_turn(self, person: str, at: datetime) -> bool:
        """In any role of the policy."""
        rotas = (self.turns(step) for step in range(len(self.steps)))
        return any(turns.holder(at) == person for turns in rotas if turns)

    def relieves(self, person: str, at: datetime) -> int | None:
        """The step whose turn decides how long somebody has what they took then; None if they keep it."""
        takes_turns = [n for n in range(len(self.steps)) if (turns := self.turns(n)) and turns.has(person)]
        own = [n for n in takes_turns if (turns := self.turns(n)) and turns.holder(at) == person]
        always = any(person in self.people(n, at) for n in range(len(self.steps)) if not self.turns(n))
        return next(iter(own or ([] if always else takes_turns)), None)

    def last_resort(self, account: str, at: datetime) -> list[str]:
        tam = self.tam(account)
        return list(dict.fromkeys([*self._role("leadership", at)[:1], *([tam] if tam else [])]))

    def _role(self, role: str, at: datetime) -> list[str]:
        return self.rotas[role].order(at) if role in self.rotas else []


def steps_of(vendor: str) -> tuple[list[dict[str, object]], frozenset[str], frozenset[str]]:
    """The steps of a vendor's newest pack, and the severities that page and are staffed, as its files say."""
    newest = max(path for path in (PACKS / vendor).iterdir() if path.is_dir())
    steps = tomllib.loads((newest / "escalation.toml").read_text(encoding="utf-8"))["step"]
    severities = tomllib.loads((newest / "severities.toml").read_text(encoding="utf-8"))
    pages, staffed = (
        frozenset(name for name, said in severities.items() if said.get(key)) for key in ("pages", "staffed")
    )
    return steps, pages, staffed


@dataclass
class _Chain:
    """`begins` is asked again until the first page, because a change of severity changes the hours."""

    step: int
    asked_at: datetime
    asker: str | None
    begins: Callable[[], datetime]
    goes_on: bool = True
    reaches: bool = True
    """Whether an `Escalate` goes on after the steps that it paged."""
    relieved: str | None = None
    """Who is not paged, because it is their ticket that is handed over."""
    last: datetime | None = None
    at_the_end: bool = False
    ended: bool = False
    waits_for: set[str] = field(default_factory=set)
    current: str | None = None
    tries: Counter[str] = field(default_factory=Counter)
    passed: set[str] = field(default_factory=set)

    def moves_to(self, step: int) -> None:
        self.step, self.current, self.tries, self.passed = step, None, Counter(), set()


@dataclass(frozen=True)
class ExpectedPage:
    at: datetime
    step: int
    person: str


class PagingOracle:
    """`after` is when something due at an instant can be decided: then, or at the end of an outage."""

    def __init__(self, terms: Terms, opened: Opened, after: Callable[[datetime], datetime]) -> None:
        self.terms, self.opened, self.after = terms, opened, after
        self.severity, self.is_open = opened.severity, True
        self.of_severity: list[_Chain] = []
        self.of_escalations: list[_Chain] = []
        self.of_handover: list[_Chain] = []
        self.owner: Who | None = None
        self.answerer: Who | None = None
        self.in_hand_since: datetime | None = None
        """When somebody last took it or answered, or was on duty again."""
        self.asked: int | None = None
        """The step whose people were asked to take over, until somebody does."""
        self.told_customer = False
        self.pages: list[ExpectedPage] = []
        self.snoozed: dict[str, datetime] = {}
        self.given_until = opened.at
        """Until when a delegated page has for its answer."""
        self.furthest, self.now = 0, opened.at

    def walk(self, history: Sequence[Event], until: datetime) -> list[ExpectedPage]:
        """All pages of a history, in order, up to and with those at `until`."""
        self._emergency(self.opened.at, self.opened.by)
        self._run_until(self.opened.at)
        for event in history[1:]:
            if event.by == THE_CLOCK:
                continue
            self._run_until(event.at)
            self._happens(event)
            self._run_until(event.at)
        self._run_until(until)
        return self.pages

    # What people do --------------------------------------------------------------------------

    def _happens(self, event: Event) -> None:
        match event:
            case Acknowledged() | Alerted(page=True, act="acknowledge" | "call"):
                self._is_answered(event)
            case Taken():
                self.owner, self.asked = event.by, None
                self._is_answered(event)
            case Answered():
                if self.owner is None or (self.asked is not None and event.by.id != self.owner.id):
                    self.owner, self.asked = event.by, None
                self.told_customer = True
                self._is_answered(event)
            case Resolved():
                self.owner, self.told_customer = self.owner or event.by, True
                self._is_answered(event)
                self.is_open = False
            case Closed():
                self.is_open, self.snoozed, self.of_escalations = False, {}, []
            case Reopened():
                self.is_open = True
                if not self.told_customer:
                    self._emergency(event.at, event.by)
            case SeverityChanged():
                before, self.severity = self.severity, event.severity
                if event.severity not in self.terms.paging:
                    self.of_severity = []
                elif before not in self.terms.paging:
                    self._emergency(event.at, event.by)
            case Escalated():
                self._escalation(event)
            case Alerted(page=True, act="snooze"):
                assert event.until is not None
                self.snoozed[event.person] = event.until
            case Alerted(page=True):
                self.snoozed.pop(event.person, None)
            case Paged():
                assert event.person is not None
                self.pages.append(ExpectedPage(event.at, SINGLE, event.person))
                self.snoozed.pop(event.person, None)
                self.given_until = max(self.given_until, event.at + self.terms.repeat)
            case _:
                return

    def _is_answered(self, event: Event) -> None:
        self.of_severity, self.of_escalations, self.of_handover, self.snoozed = [], [], [], {}
        self.answerer, self.in_hand_since = event.by, event.at
        if self.owner is None:
            self.asked = None

    def _emergency(self, at: datetime, by: Who) -> None:
        """Pages at once and at any hour; steps that resolve by default have a chain of their own."""
        if self.severity not in self.terms.paging:
            return
        asker = self.terms.person(by)
        self.of_severity = [_Chain(0, at, asker, lambda: at)]
        for step in range(1, len(self.terms.steps)):
            duty = self.terms.duty(step, self.severity)
            if duty and duty["mode"] == "default resolver" and self._opens(step, at) == at:
                self.of_severity.append(_Chain(step, at, asker, lambda: at, goes_on=False, reaches=False))

    def _escalation(self, event: Escalated) -> None:
        if not event.by_agent:
            assert event.step is None, "a customer's escalation pages no step"
            return
        asked, step = event.at, self._escalates_to(event.at)
        assert event.step == step, f"it should be to step {step}: {event}"
        if step is None:
            return
        self.furthest = max(self.furthest, step)

        def begins() -> datetime:
            return self._opens(step, asked) or asked

        assert (event.calls_at or asked) == begins(), "the notice says when its hours begin"
        self.of_escalations.append(_Chain(step, asked, self.terms.person(event.by), begins))

    def _escalates_to(self, at: datetime) -> int | None:
        """The next step, those with nobody on call passed over; the last one if all are empty."""
        step = None
        for later in range(self.furthest + 1, len(self.terms.steps)):
            opens = self._opens(later, at)
            if opens is not None:
                step = later
                if self.terms.people(later, opens):
                    break
        return step

    def _opens(self, step: int, at: datetime) -> datetime | None:
        return self.terms.opens(step, self.severity, self.opened.plan, at)

    # The end of a turn -----------------------------------------------------------------------

    def _in_hand_of(self) -> tuple[str, datetime] | None:
        """Who is to be on duty now, and since when they have it."""
        who = self.owner or self.answerer
        if not self.is_open or self.severity not in self.terms.staffed or who is None:
            return None
        if not self.owner and self.asked is None and (self.of_severity or self.of_escalations):
            return None  # somebody is being paged, who will have it
        person = self.terms.person(who)
        return (person, self.in_hand_since) if person and self.in_hand_since else None

    def _asks(self, now: datetime) -> bool | None:
        """Whether somebody is to take over now; False: nobody is any more; None: nothing changes."""
        in_hand = self._in_hand_of()
        if in_hand is None:
            return None
        person, since = in_hand
        if self.terms.has_a_turn(person, now):
            return None if self.asked is None else False
        if self.of_handover:
            return None
        step = self._relieving_step(person, since)
        turns = None if step is None else self.terms.turns(step)
        return True if turns and turns.turn(now) != turns.turn(since) else None

    def _relieving_step(self, person: str, since: datetime) -> int | None:
        return self.terms.relieves(person, since) if self.asked is None else self.asked

    def _hands_over(self, now: datetime) -> None:
        asks, in_hand = self._asks(now), self._in_hand_of()
        if asks is None or in_hand is None:
            return
        person, since = in_hand
        if not asks:
            self.asked, self.of_handover, self.in_hand_since = None, [], now
            return
        self.asked = step = self._relieving_step(person, since)
        assert step is not None
        self.of_handover = [_Chain(step, now, None, lambda: now, reaches=False, relieved=person)]

    # Time ------------------------------------------------------------------------------------

    def _run_until(self, instant: datetime) -> None:
        while (due := self._next()) is not None:
            now = max(self.after(due), self.now)
            if now > instant:
                break
            self.now = now
            self._pages_at(now)
        self.now = max(self.now, instant)

    def _next(self) -> datetime | None:
        running = self._running()
        due = [self._due(chain) for chain in running]
        due += self.snoozed.values() if running else ()
        if self._asks(self.now) is not None:
            due.append(self.now)
        elif self._in_hand_of():
            due.append(self.now.replace(minute=0, second=0, microsecond=0) + HOUR)
        return min(due, default=None)

    def _running(self) -> list[_Chain]:
        """Of several chains that reached the last resort, the first pages it."""
        if not self.is_open:
            return []
        staffed = self.severity in self.terms.staffed
        chains = [*self.of_severity, *self.of_escalations, *(self.of_handover if staffed else ())]
        at_the_end = [chain for chain in chains if chain.at_the_end]
        return [chain for chain in chains if not chain.ended and chain not in at_the_end[1:]]

    def _due(self, chain: _Chain) -> datetime:
        due = chain.begins() if chain.last is None else chain.last + self.terms.repeat
        if chain.waits_for:
            due = max(due, min(self.snoozed.get(person, due) for person in chain.waits_for))
        return max(due, self.given_until)

    def _pages_at(self, now: datetime) -> None:
        self._hands_over(now)
        chains = [chain for chain in self._running() if self._due(chain) <= now]
        snoozed = dict(self.snoozed)
        for person, until in snoozed.items():
            if until <= now:
                self.pages.append(ExpectedPage(now, SINGLE, person))
                del self.snoozed[person]
        for chain in chains:
            chain.last, chain.waits_for = now, set()
            for person in self._next_people(chain, now):
                self.pages.append(ExpectedPage(now, chain.step, person))
                if chain.reaches and chain.step < len(self.terms.steps):
                    self.furthest = max(self.furthest, chain.step)

    def _next_people(self, chain: _Chain, now: datetime) -> Iterator[str]:
        while not chain.at_the_end:
            on_call = self.terms.people(chain.step, now)
            for person in dict.fromkeys([chain.current, *on_call]):
                if person in (None, chain.relieved) or person in chain.passed:
                    continue
                if chain.tries[person] >= self.terms.tries:
                    continue
                if self._is_spared(person, chain, now):
                    chain.passed.add(person)
                    continue
                chain.current = person
                chain.tries[person] += 1
                yield person
                return
            if not chain.goes_on:
                chain.ended = True
                return
            later = [
                step
                for step in range(chain.step + 1, len(self.terms.steps))
                if self.terms.is_open(step, self.severity, self.opened.plan, now)
            ]
            chain.moves_to(later[0] if later else len(self.terms.steps))
            chain.at_the_end = not later
        people = [p for p in self.terms.last_resort(self.opened.account, now) if p != chain.relieved]
        awake = [person for person in people if not self._is_spared(person, chain, now)]
        chain.ended = not people
        chain.waits_for = set(people) if not awake else set()
        yield from awake

    def _is_spared(self, person: str, chain: _Chain, now: datetime) -> bool:
        """For what they did themselves just now, while they snooze, and if they were paged just now."""
        if person == chain.asker and now - chain.asked_at < self.terms.repeat:
            return True
        if person in self.snoozed:
            return True
        return any(page.person == person and now - page.at < self.terms.repeat for page in self.pages[-40:])
