"""Who is on call for a role, until when, and who is next. Every question comes with an instant."""

from __future__ import annotations

import heapq
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import count, pairwise
from typing import Protocol
from zoneinfo import ZoneInfo

from sla_core.calendar import BusinessCalendar, Span, instant_of

LOOK_AHEAD = (timedelta(days=8), timedelta(days=64), timedelta(days=512), timedelta(days=4096))
"""How far to look for the end of a shift and for the people after it: the next length if one is too short."""
ORDER_WITHIN = LOOK_AHEAD[2]
"""How far ahead the people of a rota are put in order."""


@dataclass(frozen=True, slots=True)
class Shift:
    """One person on call without interruption; nobody if `person` is None."""

    person: str | None
    span: Span


@dataclass(frozen=True, slots=True)
class OnCall:
    """Who holds a role at an instant; None is nobody.

    `until` is the end of that, None if it has no end in sight. `next` is who holds the role then or after a
    gap, from `next_at` on; in a list, the person who is paged next.
    """

    person: str | None
    until: datetime | None = None
    next: str | None = None
    next_at: datetime | None = None


class Layer(Protocol):
    """A part of a rota that puts people on call for some of the time."""

    @property
    def people(self) -> frozenset[str]:
        """Everybody whom it may put on call."""
        ...

    def shifts(self, within: Span) -> Iterable[Shift]:
        """The shifts that overlap `within`, whole. Where they overlap, the one that starts later counts."""
        ...


@dataclass(frozen=True)
class Rotation:
    """People who take turns, from `starts` on, which is local time in `zone`.

    `turn` is the length of a turn by the clocks there, or an iCalendar RRULE of handovers. A handover is
    when the clocks first show its time or, if they skip it, at the skip. `hours` limits each turn.
    """

    order: tuple[str, ...]
    zone: ZoneInfo
    starts: datetime
    turn: timedelta | str
    hours: BusinessCalendar | None = None

    @property
    def people(self) -> frozenset[str]:
        return frozenset(self.order)

    def shifts(self, within: Span) -> Iterator[Shift]:
        for number, turn in self._turns(within):
            person = self.order[number % len(self.order)]
            for span in self.hours.openings(turn) if self.hours else (turn,):
                if span & within:
                    yield Shift(person, span)

    def _turns(self, within: Span) -> Iterator[tuple[int, Span]]:
        """The turns that overlap `within`, with their numbers from 0. One that the clocks skip is empty."""
        for number, (begin, end) in self._handovers(within):
            turn = Span(instant_of(begin, self.zone), instant_of(end, self.zone))
            if turn.start >= within.end:
                return
            if turn & within:
                yield number, turn

    def _handovers(self, within: Span) -> Iterator[tuple[int, tuple[datetime, datetime]]]:
        """The local start and end of turns, from one on that begins no later than `within`.

        What a clock shows is never later than the latest that it has shown, so no turn is left out.
        """
        local = within.start.astimezone(self.zone).replace(tzinfo=None)
        if isinstance(self.turn, timedelta):
            for number in count(max((local - self.starts) // self.turn, 0)):
                begin = self.starts + number * self.turn
                yield number, (begin, begin + self.turn)
            return
        last_year = within.end.astimezone(self.zone).year + 1
        handovers = _handovers_by_rule(self.turn, self.starts, last_year)
        first = max(bisect_right(handovers, local) - 1, 0)
        yield from enumerate(pairwise(handovers[first:]), start=first)


@lru_cache(maxsize=64)
def _handovers_by_rule(rule: str, starts: datetime, last_year: int) -> Sequence[datetime]:
    """`starts`, and every later handover until one is after `last_year`. Raises ValueError for a bad rule."""
    from dateutil.rrule import rrulestr

    handovers = [starts]
    for at in rrulestr(rule, dtstart=starts):
        if at > starts:
            handovers.append(at)
        if at.year > last_year:
            break
    return handovers


def next_handover(rule: str, starts: datetime) -> datetime | None:
    """The first handover of an iCalendar RRULE after `starts`; None if there is none.

    Raises ValueError if the rule cannot be read.
    """
    from dateutil.rrule import rrulestr

    found: datetime | None = rrulestr(rule, dtstart=starts).after(starts)
    return found


@dataclass(frozen=True, slots=True)
class Overrides:
    """Single shifts, such as those of somebody who stands in over Christmas."""

    listed: tuple[Shift, ...]

    @property
    def people(self) -> frozenset[str]:
        return frozenset(shift.person for shift in self.listed if shift.person is not None)

    def shifts(self, within: Span) -> Iterator[Shift]:
        return (shift for shift in self.listed if shift.span & within)


@dataclass(frozen=True)
class ListRota:
    """Always the same people, the first one first."""

    order: tuple[str, ...]

    @property
    def people(self) -> frozenset[str]:
        return frozenset(self.order)

    def on_call(self, at: datetime) -> OnCall:
        first, second = (*self.order, None, None)[:2]
        return OnCall(first, next=second)

    def on_duty(self, at: datetime) -> list[str]:
        return list(self.order)

    def paging_order(self, at: datetime) -> list[str]:
        return list(self.order)

    def timeline(self, within: Span) -> Iterator[Shift]:
        return iter([Shift(self.on_call(within.start).person, within)])


@dataclass(frozen=True)
class TimedRota:
    """People by time. Of several layers, the first with somebody on call counts; overrides come before all.

    `zone` is the one in which its times are shown.
    """

    layers: tuple[Layer, ...]
    zone: ZoneInfo
    overrides: Overrides = Overrides(())

    @property
    def people(self) -> frozenset[str]:
        return self.overrides.people.union(*(layer.people for layer in self.layers))

    def on_call(self, at: datetime) -> OnCall:
        """Who holds the role. The end of a turn counts also if the same person has the next one."""
        now = Shift(None, Span(at, at))
        for length in LOOK_AHEAD:
            now, *later = self.timeline(Span(at, at + length))
            follower = next((shift for shift in later if shift.person is not None), None)
            if follower is not None:
                return OnCall(now.person, now.span.end, follower.person, follower.span.start)
            if later and length == LOOK_AHEAD[-1]:
                return OnCall(now.person, now.span.end)
        return OnCall(now.person)

    def on_duty(self, at: datetime) -> list[str]:
        """The person who holds the role; empty if nobody does."""
        now = next(self.timeline(Span(at, at + timedelta.resolution)))
        return [] if now.person is None else [now.person]

    def paging_order(self, at: datetime) -> list[str]:
        """The person on call, then the others as they come on call. Empty if nobody is on call."""
        if not self.on_duty(at):
            return []
        regular = frozenset[str]().union(*(layer.people for layer in self.layers))
        order: dict[str, None] = {}
        covered = at
        for length in LOOK_AHEAD[: LOOK_AHEAD.index(ORDER_WITHIN) + 1]:
            for shift in self.timeline(Span(covered, at + length)):
                if shift.person is not None:
                    order[shift.person] = None
                if regular <= order.keys():
                    return list(order)
            covered = at + length
        return list(order)

    def timeline(self, within: Span) -> Iterator[Shift]:
        """The shifts as they hold, cut to `within` and without gaps: stretches without anybody have None."""
        shifts = [
            ((rank, within.end - shift.span.start, shift.span.end), shift)
            for rank, layer in enumerate((self.overrides, *self.layers))
            for shift in layer.shifts(within)
        ]
        waiting = sorted(shifts, key=lambda ranked: ranked[1].span.start, reverse=True)
        inner = {edge for _, shift in shifts for edge in (shift.span.start, shift.span.end) if edge in within}
        started: list[tuple[object, int, Shift]] = []
        held, since = None, within.start
        for edge in sorted(inner | {within.start}):
            while waiting and waiting[-1][1].span.start <= edge:
                rank, shift = waiting.pop()
                heapq.heappush(started, (rank, len(waiting), shift))
            while started and started[0][2].span.end <= edge:
                heapq.heappop(started)
            first = started[0][2] if started else None
            if first is not held and since < edge:
                yield Shift(held.person if held else None, Span(since, edge))
            if first is not held:
                held, since = first, edge
        if since < within.end:
            yield Shift(held.person if held else None, Span(since, within.end))


Rota = ListRota | TimedRota


def gaps(rota: Rota, within: Span) -> list[Span]:
    """The stretches in which nobody is on call."""
    return [shift.span for shift in rota.timeline(within) if shift.person is None]
