"""A daily test of the pager: a message that needs no action and takes the same path as every page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta

import structlog

from bot import telemetry
from bot.clock import parse_instant
from bot.desk.desk import Desk
from bot.logs import log_fault
from bot.model.views import Notice, View
from bot.ports import KeyValueStore, Message, Outgoing, Priority, Timer, TimerResult

log = structlog.get_logger(__name__)

TOPIC = "drill"
"""The topic that stores, for each triage, when the last test arrived and how many seconds it took."""
KIND, KEY = "pager_test", "daily"
"""The kind and key of the timer. Its payload is the time of day in UTC."""
DAY = timedelta(days=1)


async def schedule(desk: Desk, at: time) -> None:
    """Sets the timer for this time of day in UTC.

    The timer fires at once, so a missed test is made up for; a test that was sent is not sent again.
    """
    due = _latest_due(at, desk.clock.now())
    await desk.store.set_timer(Timer(KIND, KEY, due, at.isoformat("minutes")))


def on_timer(desk: Desk, timer: Timer, now: datetime) -> TimerResult:
    """Pages each triage. The key contains the date, so replicas and restarts send one test a day."""
    due = _latest_due(time.fromisoformat(timer.payload), now)
    say = Notice((f"Daily test page, {due:%H:%M} UTC. You do not need to do anything.",))
    messages = tuple(
        Message(f"{TOPIC}/{triage}/{due:%Y-%m-%d}", None, triage, say, Priority.PAGE)
        for triage in desk.triages()
    )
    return TimerResult(messages, due + DAY, timer.payload)


def _latest_due(at: time, now: datetime) -> datetime:
    """The latest instant, up to now, at this time of day."""
    due = datetime.combine(now.date(), at, now.tzinfo)
    return due if due <= now else due - DAY


@dataclass(frozen=True, slots=True)
class Arrival:
    """The last test that a platform accepted, in one triage."""

    triage: str
    at: datetime
    took: float
    """Seconds from the decision to the platform's answer."""


async def record_arrival(desk: Desk, outgoing: Outgoing, view: View | None, now: datetime) -> None:
    """Records that a platform accepted a test. Only logs an error, so that the test is not sent again."""
    to = str(outgoing.message.to)
    took = max(0.0, (now - (outgoing.decided_at or now)).total_seconds())
    try:
        await desk.key_values.put(TOPIC, to, f"{now.isoformat()} {took:.3f}")
        await export_arrivals(desk)
    except Exception:
        log_fault(log, "could not record that a test of the pager arrived", to=to)


async def arrivals(key_values: KeyValueStore) -> list[Arrival]:
    """The last arrivals by triage. Skips invalid entries."""
    found = []
    for triage, value in sorted((await key_values.get_all(TOPIC)).items()):
        try:
            at, took = value.split()
            found.append(Arrival(triage, parse_instant(at), float(took)))
        except ValueError as invalid:
            log.warning("ignored an invalid record of a test of the pager", of=triage, why=str(invalid))
    return found


async def export_arrivals(desk: Desk) -> None:
    """Sets the metrics to the worst of the triages."""
    triages = {str(triage) for triage in desk.triages()}
    known = [arrival for arrival in await arrivals(desk.key_values) if arrival.triage in triages]
    if known and len(known) == len(triages):
        telemetry.pager_tested_at.set(min(arrival.at for arrival in known).timestamp())
        telemetry.pager_test_took.set(max(arrival.took for arrival in known))
