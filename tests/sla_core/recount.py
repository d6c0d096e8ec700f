"""Tickets by chance, and what a report must say of them, counted without the product's calendars or promises.

Deadlines come from tables of minutes (`oracle_minutes`), outcomes from the story itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from random import Random
from statistics import median

from sla_core.catalog.load import load
from sla_core.engine import evaluate
from sla_core.events import Answered, Closed, Event, Held, Kind, Opened, Rated, Reopened, Resolved, Resumed
from sla_core.policy import Policy
from sla_core.ticket import after, fold
from tests.sla_core.builders import ANN, BOB, opened
from tests.sla_core.oracle_minutes import due_at, minutes_of
from tests.sla_core.oracle_vendors import WORDS, Class, Word

FIRST, LAST = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)
NOW = datetime(2027, 2, 1, 12, tzinfo=UTC)
CLASSES = [cls for cls, words in WORDS.items() if words]
ACCOUNTS = ("acme", "globex", "initech")

Gap = tuple[datetime, datetime]


@dataclass(frozen=True)
class Story:
    """What happened to a ticket. In order: opened, held, resolved, reopened, resolved, closed."""

    key: str
    account: str
    cls: Class
    opened: datetime
    answers: Sequence[datetime] = ()
    hold: Gap | None = None
    resolved: datetime | None = None
    reopened: datetime | None = None
    resolved_again: datetime | None = None
    closed: datetime | None = None
    rating: int | None = None
    looks: Sequence[datetime] = field(default=(), repr=False)
    """When the desk looked at it besides: a breach is recorded late in between, and is one all the same."""


@cache
def policy_of(vendor: str) -> Policy:
    return load(vendor)[-1]


def stories(seed: int, count: int, classes: Sequence[Class] = CLASSES) -> Iterator[Story]:
    random = Random(seed)
    for number in range(count):
        yield _story(random, number, random.choice(classes))


def _story(random: Random, number: int, cls: Class) -> Story:
    def later(at: datetime, most_hours: float) -> datetime:
        return at + timedelta(microseconds=int(random.expovariate(3 / most_hours) * 3_600_000_000) + 1)

    begun = FIRST + timedelta(microseconds=random.randrange((LAST - FIRST) // timedelta(microseconds=1)))
    account = random.choice(ACCOUNTS)
    story = Story(f"{account.upper()}-{number}", account, cls, begun)
    at, answers, hold = begun, [], None
    if random.random() < 0.9:
        span = random.choice((1, 6, 30, 120))
        for _ in range(random.randint(1, 5)):
            at = later(at, span)
            answers.append(at)
    if random.random() < 0.3:
        held = later(at, 24)
        at = later(held, 60)
        hold = held, at
    resolved = reopened = again = closed = rating = None
    silent = any(word.metric == "next_update" for word in WORDS[cls])
    """An hourly promise of news would be missed thousands of times if such a ticket stayed open."""
    if silent or random.random() < 0.8:
        at = resolved = later(at, random.choice((3, 40, 40 if silent else 300)))
        if random.random() < 0.2:
            reopened = later(resolved, 60)
            again = later(reopened, 60) if silent or random.random() < 0.7 else None
        elif random.random() < 0.5:
            rating = random.randint(1, 5)
    elif random.random() < 0.4:
        closed = later(at, 40)
    looks = sorted(later(begun, 400) for _ in range(random.randint(0, 6)))
    return replace(
        story,
        answers=tuple(answers),
        hold=hold,
        resolved=resolved,
        reopened=reopened,
        resolved_again=again,
        closed=closed,
        rating=rating,
        looks=looks,
    )


def history(story: Story) -> tuple[Event, ...]:
    """The events as the desk would have recorded them."""
    vendor, plan, severity = story.cls
    policy = policy_of(vendor)
    base: Opened = opened(story.opened, severity, plan)
    first = replace(base, account=story.account, vendor=vendor, version=policy.version)
    acts: list[Event] = [Answered(at, BOB, Kind.UPDATE, "News") for at in story.answers]
    if story.hold:
        acts += [Held(story.hold[0], BOB, "waits for logs"), Resumed(story.hold[1], BOB)]
    acts += [Resolved(at, BOB, "Done") for at in (story.resolved, story.resolved_again) if at]
    if story.reopened:
        acts.append(Reopened(story.reopened, ANN))
    if story.closed:
        acts.append(Closed(story.closed, ANN))
    if story.rating and story.resolved:
        acts.append(Rated(story.resolved, ANN, story.rating))
    moments: list[tuple[datetime, int, Event | None]] = [(act.at, 1, act) for act in acts]
    moments += [(at, 0, None) for at in (*story.looks, NOW)]
    ticket = fold(story.key, (first,))
    for at, _, act in sorted(moments, key=lambda moment: moment[:2]):
        ticket = after(ticket, evaluate(ticket, policy, at).events)
        if act is not None:
            ticket = after(ticket, (act,))
            ticket = after(ticket, evaluate(ticket, policy, at).events)
    return ticket.history


# The recount ----------------------------------------------------------------------------------


@dataclass
class Count:
    met: int = 0
    breached: int = 0
    open: int = 0
    seconds: list[int] = field(default_factory=list)

    @property
    def row(self) -> tuple[int, int, int, int | None, int | None]:
        middle = int(median(self.seconds)) if self.seconds else None
        return self.met, self.breached, self.open, middle, max(self.seconds, default=None)


Place = tuple[str, str, str, str]
"""Account, month, severity, metric."""


def recount(told: Sequence[Story]) -> dict[Place, Count]:
    found: dict[Place, Count] = {}
    for story in told:
        for word in WORDS[story.cls]:
            for outcome, seconds in _outcomes(story, word):
                if outcome == "ended":
                    continue
                place = story.account, f"{story.opened:%Y-%m}", story.cls[2], word.metric
                count = found.setdefault(place, Count())
                setattr(count, outcome, getattr(count, outcome) + 1)
                if seconds is not None:
                    count.seconds.append(seconds)
    return found


def _outcomes(story: Story, word: Word) -> Iterator[tuple[str, int | None]]:
    gaps = [story.hold] if story.hold else []
    if story.resolved and story.reopened:
        gaps.append((story.resolved, story.reopened))
    if word.metric == "next_update":
        yield from _silences(story, word, gaps)
        return
    ends = story.closed
    if word.metric == "first_response":
        answer = min([*story.answers, *([story.resolved] if story.resolved else [])], default=None)
    else:
        answer = story.resolved_again if story.reopened else story.resolved
    if answer:
        gaps = [(start, min(end, answer)) for start, end in gaps if start < answer]
    due = _due(word, story.opened, gaps)
    if answer is not None:
        yield ("met" if answer <= due else "breached"), _counted(word, story.opened, answer, gaps)
    elif ends is not None:
        yield ("ended" if ends <= due else "breached"), None
    else:
        yield ("open" if due >= NOW else "breached"), None


def _silences(story: Story, word: Word, gaps: Sequence[Gap]) -> Iterator[tuple[str, int | None]]:
    """Each silent span until the ticket ended; the words after a missed one answer all that were missed."""
    first_end = story.resolved or story.closed or NOW
    stretches = [(story.opened, first_end)]
    if story.reopened:
        stretches.append((story.reopened, story.resolved_again or NOW))
    for begin, end in stretches:
        words = [at for at in story.answers if begin < at <= end]
        missed: list[datetime] = []
        since = begin
        for at in (*words, end):
            while (due := _due(word, since, _known(gaps, at))) < at:
                missed.append(since)
                since = due
            if at == end:
                for _ in missed:
                    yield "breached", None
                yield ("open" if end == NOW else "ended"), None
                continue
            for start in missed:
                yield "breached", _counted(word, start, at, gaps)
            yield "met", _counted(word, since, at, gaps)
            missed, since = [], at


def _known(gaps: Sequence[Gap], at: datetime) -> list[Gap]:
    return [(start, min(end, at)) for start, end in gaps if start < at]


def _due(word: Word, start: datetime, gaps: Sequence[Gap]) -> datetime:
    """Open time of a gap comes on top, if the gap began before it was due."""
    at = due_at(word, start, word.within)
    assert at is not None
    for begin, end in sorted(gaps):
        if begin < at and end > start:
            lost = _open(word, max(begin, start), end)
            at = at + lost if word.business_hours is None else _later(word, at, lost)
    return at


def _later(word: Word, at: datetime, lost: timedelta) -> datetime:
    """As much open time later, with microseconds, which the table of minutes does not have."""
    table = minutes_of(word.business_hours or "")
    whole = at.replace(microsecond=0)
    rest = timedelta(microseconds=at.microsecond) + lost
    seconds, left = divmod(rest, timedelta(seconds=1))
    if not rest:
        return at
    reached = table.after(whole, timedelta(seconds=seconds)) if seconds else whole
    while left:
        if table.open[int((reached - FIRST_MINUTE).total_seconds()) // 60]:
            return reached + left
        reached = table.after(reached, timedelta(seconds=1)) - timedelta(seconds=1)
    return reached


FIRST_MINUTE = datetime(2023, 12, 11, tzinfo=UTC)


def _open(word: Word, start: datetime, end: datetime) -> timedelta:
    if word.business_hours is None:
        return end - start
    table = minutes_of(word.business_hours)

    def spent(at: datetime) -> timedelta:
        whole = at.replace(microsecond=0)
        minute = int((whole - FIRST_MINUTE).total_seconds()) // 60
        return timedelta(seconds=table.counted(whole)) + (at - whole) * table.open[minute]

    return spent(end) - spent(start)


def _counted(word: Word, start: datetime, end: datetime, gaps: Sequence[Gap]) -> int:
    whole = _open(word, start, end)
    for begin, over in gaps:
        if begin < end and over > start:
            whole -= _open(word, max(begin, start), min(over, end))
    return int(whole.total_seconds())
