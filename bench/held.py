"""Live cards at Slack's limits on a held clock: how many edits a minute, and how late pages are."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

from adapters.sql.store import connect
from bench import stock
from bench.platform import HeldClock, RateLimitedPlatform, most_within
from bench.report import Gate, Row, Table
from bot.clock import WakeSignal
from bot.desk.desk import Desk
from bot.model.address import UserRef
from bot.model.views import Notice
from bot.ports import Change, Message, Priority
from bot.runtime.delivery import Delivery
from bot.runtime.scheduler import wake_due_tickets
from sla_core.events import CustomerWrote, Event, Who
from sla_core.policy import Policy
from sla_core.ticket import Ticket

CARDS = 5_000
MINUTES = 5
PAGE_EVERY = timedelta(seconds=5)
BUDGET = 50
EACH = CARDS // stock.ACCOUNTS
_ALICE = Who("slack:T0VENDOR:U0ALICE", "Alice")


@dataclass(frozen=True, slots=True)
class Held:
    """What was sent in the simulated minutes, and the real seconds it took."""

    edits: int
    most: int
    pages: list[float]
    real: float

    @property
    def p99(self) -> float:
        return sorted(self.pages)[int(0.99 * len(self.pages))]


async def measured(folder: Path) -> Held:
    """All cards count down; every five seconds a customer writes and a page is sent."""
    url, file, at = f"sqlite:///{folder}/held.db", stock.desk_file(folder), stock.FRIDAY
    await stock.stock(url, file, CARDS, CARDS, at + timedelta(minutes=1), stock.ACCOUNTS)
    clock, begun = HeldClock(at + timedelta(minutes=1)), time.monotonic()
    async with connect(url) as store:
        desk = stock.desk(store, file, clock)
        platform = RateLimitedPlatform(clock)
        desk.platforms["slack"] = platform
        await desk.directory.refresh(desk.platforms)
        delivery = Delivery(desk, store, clock, WakeSignal(), Random(7))
        asked: dict[str, datetime] = {}
        until, page_at, random = clock.now() + timedelta(minutes=MINUTES), clock.now(), Random(7)
        while clock.now() < until:
            await wake_due_tickets(desk)
            if clock.now() >= page_at:
                await desk.change(None, _any(random), _wrote)
                asked[await _paged(desk, _any(random), len(asked))] = clock.now()
                page_at += PAGE_EVERY
            while await delivery.deliver():
                pass
            clock.leap(min(page_at, await store.next_ready(clock.now()) or page_at))
        late = [
            (platform.posts[key] - at).total_seconds() for key, at in asked.items() if key in platform.posts
        ]
    assert len(late) == len(asked), "a page was not sent"
    return Held(len(platform.edits), most_within(platform.edits, 60), late, time.monotonic() - begun)


def _any(random: Random) -> str:
    return f"{stock.account_id(random.randrange(stock.ACCOUNTS)).upper()}-{random.randrange(1, 1 + EACH)}"


def _wrote(ticket: Ticket, policy: Policy, now: datetime) -> Sequence[Event]:
    return [CustomerWrote(now, _ALICE, "Any news?")]


async def _paged(desk: Desk, key: str, nth: int) -> str:
    """Pages Bob. Returns the key of the message."""
    version, now = len(await desk.store.load(key)), desk.clock.now()
    bob = UserRef("slack", "T0VENDOR", "U0BOB")
    page = Message(f"{key}/page-{nth}", key, bob, Notice(("Please look at this.",)), Priority.PAGE)
    await desk.store.append(None, Change(key, version, (), now, (page,)))
    return page.key


def table(found: Held) -> Table:
    return Table(
        f"{CARDS:,} live cards, {MINUTES} minutes of a held clock in {found.real:.0f} s",
        (
            Row("edits, the most in any minute", found.most, "", None, f"{found.edits} in all"),
            Row("pages, p99 late", found.p99, "s", None, f"{len(found.pages)} pages, one every 5 s"),
        ),
    )


def gates(found: Held) -> tuple[Gate, ...]:
    return (
        Gate(f"edits in any minute, {CARDS:,} live cards", found.most, BUDGET, unit="", at_most=True),
        Gate("pages, p99 late beside them", found.p99, 5, unit="s", at_most=True),
    )


NOTES = (
    "the held clock stands still while something is sent; a customer writes every 5 s, all cards count down",
)
