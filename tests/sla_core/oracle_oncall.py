"""Who is on call, by walking through every minute. Shares no code with sla_core.oncall."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

MINUTE = timedelta(minutes=1)
DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")


@dataclass(frozen=True)
class WalkedRotation:
    """`every` is the length of a turn, or the weekdays on which it changes at the time of `starts`."""

    people: Sequence[str]
    zone: ZoneInfo
    starts: datetime
    every: timedelta | frozenset[int]
    hours: tuple[int, int] | None = None
    """Full hours of the day, outside those of a clock change; the second may be on the next day."""

    def turn(self, latest: datetime) -> int | None:
        """The number of handovers that the clocks have shown, up to the latest time they have shown."""
        if latest < self.starts:
            return None
        if isinstance(self.every, timedelta):
            return (latest - self.starts) // self.every
        number, day = 0, self.starts + timedelta(days=1)
        while day <= latest:
            number += day.weekday() in self.every
            day += timedelta(days=1)
        return number

    def open_day(self, wall: datetime) -> object:
        """The day whose hours these are; None outside the hours."""
        if self.hours is None:
            return "all"
        opens, closes = self.hours
        if opens < closes:
            return wall.date() if opens <= wall.hour < closes else None
        if wall.hour >= opens:
            return wall.date()
        return wall.date() - timedelta(days=1) if wall.hour < closes else None


@dataclass(frozen=True)
class Standin:
    person: str
    start: datetime
    end: datetime


@dataclass(frozen=True)
class Minute:
    """`shift` tells apart two shifts of one person; None is nobody."""

    at: datetime
    person: str | None
    shift: object


def walk(
    layers: Sequence[WalkedRotation], standins: Sequence[Standin], start: datetime, minutes: int
) -> list[Minute]:
    """Every minute from `start`, which is in UTC. The walk begins three hours before, to see the clocks."""
    latest = [(start - 180 * MINUTE).astimezone(layer.zone).replace(tzinfo=None) for layer in layers]
    found = []
    for count in range(-180, minutes):
        at = start + count * MINUTE
        holder: tuple[str | None, object] = (None, None)
        for number in reversed(range(len(layers))):
            layer = layers[number]
            wall = at.astimezone(layer.zone).replace(tzinfo=None)
            latest[number] = max(latest[number], wall)
            if count < 0:
                continue
            turn, day = layer.turn(latest[number]), layer.open_day(wall)
            if turn is not None and day is not None:
                holder = layer.people[turn % len(layer.people)], ("layer", number, turn, day)
        if count < 0:
            continue
        here = [(n, each) for n, each in enumerate(standins) if each.start <= at < each.end]
        if here:
            n, last = max(here, key=lambda each: (each[1].start, -each[1].end.timestamp(), -each[0]))
            holder = last.person, ("standin", n)
        found.append(Minute(at, *holder))
    return found


def stretches(minutes: Sequence[Minute]) -> list[tuple[str | None, datetime, datetime]]:
    """The minutes joined to shifts."""
    joined: list[tuple[object, str | None, datetime, datetime]] = []
    for minute in minutes:
        if joined and joined[-1][0] == minute.shift:
            joined[-1] = (minute.shift, minute.person, joined[-1][2], minute.at + MINUTE)
        else:
            joined.append((minute.shift, minute.person, minute.at, minute.at + MINUTE))
    return [(person, start, end) for _, person, start, end in joined]


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
