"""The checks of `frontline doctor`, with how to fix what is wrong; and test pages to one person."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol
from uuid import uuid4

from rich.console import Console
from rich.markup import escape

from bot.config.directory import Directory
from bot.config.settings import DeskSettings
from bot.desk.index import Index, check
from bot.model.address import Person, Place, UserRef
from bot.model.views import Notice
from bot.notify.pages import APPRISE, PAGER
from bot.ports import ChatPlatform, KeyValueStore, PermanentFailure, Priority, TemporaryFailure
from bot.runtime import pager_test
from bot.runtime.monitor import StatsSource
from sla_core.promise import Tone

MAX_CLOCK_SKEW = timedelta(seconds=60)
"""Platforms refuse requests whose timestamp is five minutes off, and deadlines are shown to the minute."""
MAX_PAGER_TEST_AGE = timedelta(hours=25)
MAX_ROWS, MAX_NAMED = 200, 10
"""How many index rows to check, and how many tickets to name."""


class Health(StrEnum):
    OK = "well"
    WARNING = "doubt"
    FAULT = "fault"


_MARKS = {
    Health.OK: "[green]ok   [/]",
    Health.WARNING: "[yellow]look [/]",
    Health.FAULT: "[red]fault[/]",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of a check. `says` is one line: what was found, and what to do if it is not in order."""

    health: Health
    about: str
    says: str


Check = Callable[[], AsyncIterator[Finding]]


async def run_checks(checks: list[tuple[str, Check]], terminal: Console) -> int:
    """Runs all checks and prints each finding. A check that raises is a fault. Returns the exit code."""
    faults = 0
    for about, run_check in checks:
        try:
            async for finding in run_check():
                faults += finding.health is Health.FAULT
                _print(finding, terminal)
        except Exception as error:
            faults += 1
            _print(Finding(Health.FAULT, about, f"the check failed: {error}"), terminal)
    terminal.print()
    terminal.print(
        "Nothing is wrong." if not faults else f"{faults} to fix; then run frontline doctor again."
    )
    return 1 if faults else 0


def _print(finding: Finding, terminal: Console) -> None:
    says = " ".join(finding.says.split())
    terminal.print(
        f"{_MARKS[finding.health]}  {escape(finding.about)}: {escape(says)}", soft_wrap=True, highlight=False
    )


class CheckedStore(StatsSource, KeyValueStore, Protocol):
    """A store with statistics and a key-value store."""

    async def integrity_faults(self) -> list[str]:
        """What the database's own check finds wrong; empty if nothing, or if it has no such check."""
        ...


async def check_database(
    store: CheckedStore, revision: str, now: datetime, shown: datetime
) -> AsyncIterator[Finding]:
    """Checks that the database answers, can be written, and nothing is overdue. `shown`: the desk's time."""
    if damage := await store.integrity_faults():
        says = f"its file is damaged ({'; '.join(damage)}); stop Frontline and restore a backup"
        yield Finding(Health.FAULT, "database", says)
        return
    if unwritable := await store.write_fault():
        yield Finding(Health.FAULT, "database", f"cannot be written: {unwritable}")
    else:
        yield await _written_and_read(store, revision, now)
    counts = await store.store_stats(shown - timedelta(seconds=30))
    yield Finding(Health.OK, "tickets", f"{counts.tickets} not closed, {counts.clocks} with a clock running")
    if counts.overdue:
        says = f"{counts.overdue} have been due for over 30 s; is frontline serve running? See its log"
        yield Finding(Health.FAULT, "wake-ups", says)
    late = [at for priority, at in counts.oldest.items() if priority is not Priority.COUNTDOWN]
    waiting = sum(count for priority, count in counts.waiting.items() if priority is not Priority.COUNTDOWN)
    if late and now - min(late) > timedelta(minutes=1):
        says = (
            f"{waiting} wait, the oldest since {min(late):%Y-%m-%d %H:%M} UTC; is frontline serve running,"
            ' and what does its log say of them ("not delivered yet")?'
        )
        yield Finding(Health.FAULT, "messages", says)
    else:
        yield Finding(Health.OK, "messages", f"{waiting} wait to be delivered")
    for arrival in await pager_test.arrivals(store):
        yield _pager_finding(arrival, now)


async def _written_and_read(store: KeyValueStore, revision: str, now: datetime) -> Finding:
    await store.put("doctor", "visit", now.isoformat())
    found = await store.get("doctor", "visit")
    await store.delete("doctor", "visit")
    if found == now.isoformat():
        return Finding(Health.OK, "database", f"answers and can be written; revision {revision}")
    return Finding(Health.FAULT, "database", "what is written is not found again; restore a backup")


async def check_index(index: Index, directory: Directory, now: datetime) -> AsyncIterator[Finding]:
    """Checks a sample of index rows against the tickets' events."""
    size, rows = await index.index_size(), await index.index_sample(MAX_ROWS)
    checked = check(rows, directory, now)
    some = f"{len(rows)} of {size} rows" if len(rows) < size else f"all {size} rows"
    if checked.wrong:
        wrong = _named([row.ticket for row, _ in checked.wrong])
        says = f"of {some} these differ from their events: {wrong}; run frontline migrate --rebuild"
        yield Finding(Health.FAULT, "index", says)
    else:
        yield Finding(Health.OK, "index", f"{some} looked at, none differs from its events")
    if checked.unreadable:
        ticket, why = next(iter(checked.unreadable.items()))
        says = f"cannot be read: {_named([*checked.unreadable])}; of {ticket}: {why}"
        yield Finding(Health.FAULT, "tickets", says)


def _named(tickets: list[str]) -> str:
    more = len(tickets) - MAX_NAMED
    return ", ".join(sorted(tickets)[:MAX_NAMED]) + (f" and {more} more" if more > 0 else "")


async def without_database(why: str | None) -> AsyncIterator[Finding]:
    """Says why the database cannot be used, or that it does not exist: the doctor does not create it."""
    says = "there is none yet: frontline serve makes it; if you had one, check DATABASE_URL"
    yield Finding(Health.FAULT if why else Health.WARNING, "database", why or says)


def _pager_finding(last: pager_test.Arrival, now: datetime) -> Finding:
    says = f"its last test reached {last.triage} on {last.at:%Y-%m-%d %H:%M} UTC, in {last.took:.1f} s"
    if now - last.at <= MAX_PAGER_TEST_AGE:
        return Finding(Health.OK, "pager", says)
    fix = "if FRONTLINE_DRILL is still set, is the bot in that channel, and is frontline serve running?"
    return Finding(Health.WARNING, "pager", f"{says}; {fix}")


def compare_clocks(ours: datetime, theirs: datetime | None, whose: str) -> Finding:
    """Compares our clock with a platform's, which its answers contain (None: they do not)."""
    if theirs is None:
        return Finding(
            Health.WARNING, "clock", f"{whose} does not tell the time; make sure that this machine's is set"
        )
    off = abs(ours - theirs)
    if off <= MAX_CLOCK_SKEW:
        return Finding(
            Health.OK, "clock", f"as {whose} shows it, within {max(1, round(off.total_seconds()))} s"
        )
    return Finding(
        Health.FAULT,
        "clock",
        f"{round(off.total_seconds())} s away from {whose}'s; set this machine's clock (NTP):"
        " deadlines would be told wrong and requests refused",
    )


PATIENCE = 20.0
"""Seconds for one way; a slow mail server takes some."""


@dataclass(frozen=True, slots=True)
class Way:
    """One way to page a person, by its place in the desk's file, and what to check if it fails."""

    about: str
    to: Place | UserRef
    fix: str


def ways_to(settings: DeskSettings, person: Person) -> Iterator[Way]:
    """Every way: direct messages, `page` addresses, the pagers of the roles that they hold."""
    for chat in settings.chats:
        if address := person.on(chat):
            about = f"people.{person.id}.{chat}"
            yield Way(about, address, f"check {about}, and that the app may write to this person")
    for index in range(len(person.page)):
        about = f"people.{person.id}.page ({index + 1})"
        fix = "check the address, and that its service can be reached from this machine"
        yield Way(about, UserRef(APPRISE, "", f"{person.id}/{index}"), fix)
    for pager in settings.pagers.values():
        rota = settings.rotas.get(pager.role)
        if rota is not None and person.id in rota.people:
            about = f"pagers.{pager.name}"
            yield Way(about, Place(PAGER, pager.name), f"check the key, secret and url of {about}")


async def page_by(platform: ChatPlatform, ways: Sequence[Way], person: Person) -> AsyncIterator[Finding]:
    """Sends the test pages of one platform, past the outbox, and says which arrived."""
    said = f"Test page for {person.name}. You do not need to do anything."
    for way in ways:
        key = f"test-{uuid4().hex[:12]}/page"
        try:
            async with asyncio.timeout(PATIENCE):
                posted = await platform.post(way.to, Notice((said,)), None, key)
                if way.to.platform == PAGER:
                    await platform.update(posted, Notice((said,), Tone.DONE))
        except TimeoutError:
            yield Finding(Health.FAULT, way.about, f"no answer within {PATIENCE:g} s; {way.fix}")
        except (TemporaryFailure, PermanentFailure) as why:
            yield Finding(Health.FAULT, way.about, f"not reached: {why}; {way.fix}")
        else:
            yield Finding(Health.OK, way.about, "reached")
