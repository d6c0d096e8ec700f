"""Whatever is done to both, the SQLite store answers what the one of dicts and lists answers."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Protocol

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.sql.migrate import migrate
from adapters.sql.store import connect
from bot.address import Place, UserRef
from bot.ports import Conflict, Message, NoSuchTicket, Notebook, Priority, Store
from tests.memory_store import MemoryStore
from tests.sql.samples import ACME, DANA, TRIAGE, at, change, message, opening, ref, wrote

Act = Callable[[Any], Coroutine[Any, Any, object]]

PLACES: st.SearchStrategy[Place | UserRef] = st.sampled_from([ACME, TRIAGE, DANA])
KEYS = st.sampled_from([f"m{n}" for n in range(12)])
MINUTES = st.integers(0, 9).map(at)
TICKETS = st.sampled_from(["ACME-1", "ACME-2", "ACME-3"])
ENVELOPES = st.sampled_from([f"e{n}" for n in range(6)])


@st.composite
def messages(draw: st.DrawFn) -> Message:
    target = draw(st.none() | KEYS)
    edits = draw(st.booleans())
    return message(
        draw(KEYS),
        to=draw(PLACES),
        priority=draw(st.sampled_from(Priority)),
        thread=None if edits else target,
        edits=target if edits else None,
    )


SAYS = st.lists(messages(), max_size=3)
WAKES = st.none() | MINUTES


async def says(store: Store, said: list[Message]) -> object:
    return await store.append(None, change(len(await store.load("ACME-1")), *said))


class Kept(Store, Notebook, Protocol):
    """Both ports, as every store keeps them."""


NOTES = st.sampled_from(["one", "two", "", "ключ"])

ACTS = st.one_of(
    st.builds(
        lambda topic, key, value: lambda s: s.note(topic, key, value),
        st.sampled_from(["places", "people"]),
        NOTES,
        NOTES,
    ),
    st.builds(
        lambda envelope, wake_at: lambda s: s.open(envelope, "acme", opening(wake_at=wake_at)),
        ENVELOPES,
        WAKES,
    ),
    st.builds(
        lambda envelope, ticket, version, wake_at: (
            lambda s: s.append(envelope, change(version, events=(wrote(),), ticket=ticket, wake_at=wake_at))
        ),
        st.none() | ENVELOPES,
        TICKETS,
        st.integers(1, 3),
        WAKES,
    ),
    SAYS.map(lambda said: lambda s: says(s, said)),
    st.builds(lambda key: lambda s: s.sent(key, ref(f"posted {key}")), KEYS),
    st.builds(lambda key, until: lambda s: s.park(key, until, "why"), KEYS, MINUTES),
    st.builds(lambda key: lambda s: s.refused(key, "why"), KEYS),
)


async def answer(store: Store, act: Act) -> object:
    try:
        return await act(store)
    except (Conflict, NoSuchTicket, LookupError) as fault:
        return LookupError if isinstance(fault, KeyError) else type(fault)


async def seen(store: Kept) -> list[object]:
    return [
        [await store.unsent(at(minutes), 9) for minutes in (0, 4, 9)],
        await store.unsent(at(9), 2),
        await store.next_ready(),
        await store.next_wake(),
        await store.due(at(5), 2),
        await store.tickets("acme"),
        [await store.ticket_of(ref(f"posted m{n}")) for n in range(12)],
        [sorted((await store.notes(topic)).items()) for topic in ("places", "people", "none")],
        [await store.noted("places", key) for key in ("one", "two", "three")],
    ]


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("empty") / "frontline.db"
    migrate(f"sqlite:///{path}")
    return path


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(plan=st.lists(ACTS, max_size=40))
def test_both_stores_answer_the_same(empty: Path, plan: list[Act]) -> None:
    async def compare(path: Path) -> None:
        model = MemoryStore()
        async with connect(f"sqlite:///{path}") as store:
            await model.open("first", "acme", opening())
            await store.open("first", "acme", opening())
            for act in plan:
                assert await answer(store, act) == await answer(model, act)
                assert await seen(store) == await seen(model)

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(compare(Path(shutil.copy(empty, folder))))
