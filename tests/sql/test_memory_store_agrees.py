"""The SQLite store and the in-memory store answer every sequence of calls alike."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.sql.migrate import migrate
from adapters.sql.store import connect
from bot.model.address import Place, UserRef
from bot.ports import Change, Charge, Conflict, LeaseLost, Message, NoSuchTicket, Outgoing, Priority
from sla_core.events import Event
from tests.harness import HeldClock
from tests.memory_store import MemoryStore
from tests.sql.outbox_steps import FullStore, bare
from tests.sql.samples import ACME, DANA, TRIAGE, at, change, message, opening, ref, wrote

Act = Callable[["Workers"], Coroutine[Any, Any, object]]

PLACES: st.SearchStrategy[Place | UserRef] = st.sampled_from([ACME, TRIAGE, DANA])
KEYS = st.sampled_from([f"m{n}" for n in range(12)])
MINUTES = st.integers(0, 9).map(at)
TICKETS = st.sampled_from(["ACME-1", "ACME-2", "ACME-3"])
ENVELOPES = st.sampled_from([f"e{n}" for n in range(6)])


@st.composite
def messages(draw: st.DrawFn) -> Message:
    target = draw(st.none() | KEYS)
    edits = target is not None and draw(st.booleans())
    # A countdown is always an edit of a card: it is deleted when it is done.
    priorities = [each for each in Priority if edits or each is not Priority.COUNTDOWN]
    return message(
        draw(KEYS),
        to=draw(PLACES),
        priority=draw(st.sampled_from(priorities)),
        thread=None if edits else target,
        edits=target if edits else None,
    )


MESSAGES = st.lists(messages(), max_size=3)
WAKES = st.none() | MINUTES
LANES = st.sampled_from([str(ACME), str(TRIAGE), str(DANA), f"page:{ACME}", "countdown:slack"])
WORKERS = st.sampled_from(["ann", "bob"])
BUCKETS = st.lists(st.sampled_from(["posts", "edits", "channel"]), unique=True, max_size=2)
COSTS = st.builds(
    lambda buckets, burst: [Charge(bucket, timedelta(minutes=2), burst) for bucket in buckets],
    BUCKETS,
    st.integers(1, 2),
)
VALUES = st.sampled_from(["one", "two", "", "ключ"])


class Workers:
    """A store, and what two workers have in hand of it."""

    def __init__(self, store: FullStore) -> None:
        self.store = store
        self.claimed_by: dict[str, Outgoing] = {}

    async def says(self, said: list[Message]) -> object:
        return await self.store.append(None, change(len(await self.store.load("ACME-1")), *said))

    async def claims(self, who: str, lane: str, now: datetime, lease: int) -> object:
        claimed = await self.store.claim(lane, now, now + timedelta(minutes=lease))
        if claimed is not None:
            self.claimed_by[who] = claimed
        return claimed and bare(claimed)

    async def begins(self, who: str, charges: list[Charge], now: datetime) -> object:
        if who not in self.claimed_by:
            return None
        return await self.store.begin(self.claimed_by[who], charges, now, now + timedelta(minutes=2))

    async def sent(self, who: str, id: str) -> None:
        if who in self.claimed_by:
            await self.store.sent(self.claimed_by[who].message.key, ref(id))

    async def defers(self, who: str, until: datetime, message_only: bool, maybe_delivered: bool) -> None:
        if who in self.claimed_by:
            await self.store.defer(
                self.claimed_by.pop(who),
                until,
                "why",
                message_only=message_only,
                maybe_delivered=maybe_delivered,
            )

    async def wakes(self, now: datetime, excluding: str, wake_at: datetime | None) -> object:
        def decide(key: str, history: tuple[Event, ...]) -> Change | None:
            if len(history) > 3:
                return None
            return change(len(history), events=(wrote(),), ticket=key, wake_at=wake_at)

        return await self.store.wake(now, 2, [excluding], decide)


ACTS: st.SearchStrategy[Act] = st.one_of(
    st.builds(
        lambda topic, key, value, end: lambda w: w.store.put(topic, key, value, end),
        st.sampled_from(["places", "people"]),
        VALUES,
        VALUES,
        st.none() | MINUTES,
    ),
    VALUES.map(lambda key: lambda w: w.store.delete("places", key)),
    st.builds(
        lambda envelope, wake_at: lambda w: w.store.open(envelope, "acme", opening(wake_at=wake_at)),
        ENVELOPES,
        WAKES,
    ),
    st.builds(
        lambda envelope, ticket, version, wake_at, closed: (
            lambda w: w.store.append(
                envelope, Change(ticket, version, (wrote(),), wake_at, (), closed=closed)
            )
        ),
        st.none() | ENVELOPES,
        TICKETS,
        st.integers(1, 3),
        WAKES,
        st.booleans(),
    ),
    MESSAGES.map(lambda said: lambda w: w.says(said)),
    MESSAGES.map(lambda said: lambda w: w.says(said)),
    st.builds(
        lambda who, lane, now, lease: lambda w: w.claims(who, lane, now, lease),
        WORKERS,
        LANES,
        MINUTES,
        st.integers(0, 5),
    ),
    st.builds(lambda who, charges, now: lambda w: w.begins(who, charges, now), WORKERS, COSTS, MINUTES),
    st.builds(lambda who, id: lambda w: w.sent(who, id), WORKERS, KEYS),
    st.builds(
        lambda who, until, message_only, maybe_delivered: (
            lambda w: w.defers(who, until, message_only, maybe_delivered)
        ),
        WORKERS,
        MINUTES,
        st.booleans(),
        st.booleans(),
    ),
    st.builds(lambda key: lambda w: w.store.sent(key, ref(f"posted {key}")), KEYS),
    st.builds(lambda key: lambda w: w.store.refused(key, "why"), KEYS),
    st.builds(lambda buckets, until: lambda w: w.store.block_until(buckets, until), BUCKETS, MINUTES),
    st.builds(lambda now, excluding, at: lambda w: w.wakes(now, excluding, at), MINUTES, TICKETS, WAKES),
)


async def answer(workers: Workers, act: Act) -> object:
    try:
        return await act(workers)
    except (Conflict, NoSuchTicket, LookupError, LeaseLost) as fault:
        return LookupError if isinstance(fault, KeyError) else type(fault)


async def seen(store: FullStore) -> list[object]:
    return [
        [await store.lanes(at(minutes), 9) for minutes in (0, 4, 9)],
        await store.lanes(at(9), 2),
        [await store.next_ready(at(minutes)) for minutes in (-1, 4)],
        await store.next_wake(),
        await store.due(at(5), 2),
        await store.tickets("acme"),
        [await store.queue(accounts, most) for accounts in (None, ["acme"], ["nobody"]) for most in (1, 9)],
        [await store.ticket_of(ref(f"posted m{n}")) for n in range(12)],
        [sorted((await store.get_all(topic)).items()) for topic in ("places", "people", "none")],
        [await store.get("places", key) for key in ("one", "two", "three")],
    ]


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("empty") / "frontline.db"
    migrate(f"sqlite:///{path}")
    return path


@given(plan=st.lists(ACTS, max_size=40))
def test_both_stores_answer_the_same(empty: Path, plan: list[Act]) -> None:
    async def compare(path: Path) -> None:
        model = Workers(MemoryStore())
        async with connect(f"sqlite:///{path}") as store:
            tables = Workers(store)
            for each in (model, tables):
                each.store.real_clock = HeldClock(at(4).isoformat())
                await each.store.open("first", "acme", opening())
            for act in plan:
                assert await answer(tables, act) == await answer(model, act)
                assert await seen(store) == await seen(model.store)

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(compare(Path(shutil.copy(empty, folder))))
