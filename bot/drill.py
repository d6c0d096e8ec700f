"""A test of the pager, once a day: it says that there is nothing to do, and goes the way of every page."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta

import structlog

from bot import metrics
from bot.address import Place
from bot.clock import parse_instant
from bot.desk.core import MOST_TRIES, Desk
from bot.ports import Away, Clock, Conflict, Message, Notebook, Priority
from bot.views import Notice

log = structlog.get_logger(__name__)

TOPIC = "drill"
"""When the last one arrived in each triage, and how many seconds it took."""
DAY = timedelta(days=1)
CANDIDATES = 3
"""Newest tickets of an account that are tried until one of them can be read."""


@dataclass
class Drill:
    """`clock` is real time, and `at` a time of day in UTC."""

    desk: Desk
    at: time
    clock: Clock

    async def run(self) -> None:
        """For ever; the newest one that was missed while no desk ran is made up for at the start."""
        while True:
            now = self.clock.now()
            due = datetime.combine(now.date(), self.at, now.tzinfo)
            due = due if due <= now else due - DAY
            await self.page(due)
            await self.clock.sleep_until(due + DAY)

    async def page(self, due: datetime) -> None:
        """Have each triage paged for this day; whichever replica is first does it for all of them."""
        for triage in _triages(self.desk):
            if not await self._kept(triage, due):
                log.info("the pager cannot be tested: there is no ticket to do it with", to=str(triage))

    async def _kept(self, triage: Place, due: datetime) -> bool:
        """What is said goes with a ticket: with the newest that will do. Whether there is one."""
        envelope = f"{TOPIC}/{triage}/{due:%Y-%m-%d}"
        for account in self.desk.directory.settings.accounts:
            for ticket in (await self.desk.store.tickets(account))[:CANDIDATES]:
                if await self._goes_with(ticket, envelope, triage, due):
                    return True
        return False

    async def _goes_with(self, ticket: str, envelope: str, triage: Place, due: datetime) -> bool:
        """Kept together with what falls due on the ticket just now, if anything; the test changes nothing.

        Cards of a ticket on which nothing more can fall due, such as a closed one, stay as they are.
        """
        key = f"{TOPIC}/{triage}/{self.clock.now().isoformat()}"
        say = Notice((f"Test of the pager, {due:%H:%M} UTC: nothing to do.",))
        page = Message(key, ticket, triage, say, Priority.PAGE)
        for _ in range(MOST_TRIES):
            try:
                change = self.desk.woken(ticket, await self.desk.store.load(ticket))
            except Away:
                raise
            except Exception:  # one ticket that cannot be read does not keep the pager from being tested
                log.exception("the test of the pager cannot go with this ticket", ticket=ticket)
                return False
            try:
                due_now = change.messages if change.events or change.wake_at else ()
                await self.desk.store.append(envelope, replace(change, messages=(*due_now, page)))
            except Conflict:
                continue
            return True
        return False


def _triages(desk: Desk) -> list[Place]:
    """Where agents are told."""
    chats = desk.directory.settings.chats.values()
    return [
        desk.directory.now_at(chat.triage)
        for chat in chats
        if chat.triage and chat.platform in desk.platforms
    ]


def is_drill(message: Message) -> bool:
    return message.key.startswith(f"{TOPIC}/")


def is_over(message: Message, now: datetime) -> bool:
    """A test that could not be delivered within a day: there is a newer one, and one is enough."""
    return is_drill(message) and now - _begun(message) >= DAY


def is_wanted(desk: Desk, message: Message, now: datetime) -> bool:
    """A test that agents still wait for: it is tried until it arrives, as else it would fail unseen."""
    return is_drill(message) and message.to in _triages(desk) and not is_over(message, now)


def _begun(message: Message) -> datetime:
    """When a test was due to be sent."""
    return parse_instant(message.key.rpartition("/")[2])


@dataclass(frozen=True, slots=True)
class Arrival:
    """The last test page that a platform has taken."""

    triage: str
    at: datetime
    took: float
    """Seconds from when it was due to be sent."""


async def arrived(desk: Desk, message: Message, now: datetime) -> None:
    """The platform has taken this one. That it cannot be noted is no reason to send it again."""
    took = max(0.0, (now - _begun(message)).total_seconds())
    try:
        await desk.notebook.note(TOPIC, str(message.to), f"{now.isoformat()} {took:.3f}")
        await measure(desk)
    except Exception:
        log.exception("a test of the pager arrived, and that could not be noted", to=str(message.to))


async def arrivals(notebook: Notebook) -> list[Arrival]:
    """By triage; a note that makes no sense is passed over."""
    found = []
    for triage, value in sorted((await notebook.notes(TOPIC)).items()):
        try:
            at, took = value.split()
            found.append(Arrival(triage, parse_instant(at), float(took)))
        except ValueError as senseless:
            log.warning("a senseless note of a test of the pager", of=triage, why=str(senseless))
    return found


async def measure(desk: Desk) -> None:
    """Of several triages, the one that is worst off."""
    triages = {str(triage) for triage in _triages(desk)}
    known = [arrival for arrival in await arrivals(desk.notebook) if arrival.triage in triages]
    if known and len(known) == len(triages):
        metrics.drilled_at.set(min(arrival.at for arrival in known).timestamp())
        metrics.drill_took.set(max(arrival.took for arrival in known))
