"""What every Store promises about tickets."""

from __future__ import annotations

import asyncio

import pytest

from bot.ports import Appended, Change, Conflict, Duplicate, NoSuchTicket
from tests.sql.outbox_steps import FullStore, next_keys
from tests.sql.samples import answered, at, change, message, opened, opening, wrote


async def test_a_ticket_is_loaded_from_its_events(store: FullStore) -> None:
    assert await store.open("e1", "acme", opening()) == Appended("ACME-1", 1)
    assert await store.append("e2", change(1, events=(wrote(), answered()))) == Appended("ACME-1", 3)
    assert await store.load("ACME-1") == (opened(), wrote(), answered())


async def test_ticket_numbers_count_per_account(store: FullStore) -> None:
    for envelope, account in [("e1", "acme"), ("e2", "acme"), ("e3", "globex")]:
        await store.open(envelope, account, opening(account=account))
    assert await store.tickets("acme") == ["ACME-2", "ACME-1"]
    assert await store.tickets("globex") == ["GLOBEX-1"]
    assert await store.tickets("nobody") == []


async def test_the_newest_ticket_is_the_highest_number(store: FullStore) -> None:
    for number in range(11):
        await store.open(f"e{number}", "acme", opening())
    assert (await store.tickets("acme"))[:3] == ["ACME-11", "ACME-10", "ACME-9"]


async def test_an_envelope_opens_one_ticket(store: FullStore) -> None:
    await store.open("e1", "acme", opening(message("m1")))

    def never(number: int) -> Change:
        raise AssertionError("drafted twice")

    assert await store.open("e1", "acme", never) == Duplicate("ACME-1")
    assert await store.tickets("acme") == ["ACME-1"]


async def test_a_failed_opening_stores_nothing(store: FullStore) -> None:
    def fails(number: int) -> Change:
        raise RuntimeError(f"no {number}")

    with pytest.raises(RuntimeError, match="no 1"):
        await store.open("e1", "acme", fails)
    assert await store.open("e1", "acme", opening()) == Appended("ACME-1", 1)


async def test_a_draft_must_be_a_first_change(store: FullStore) -> None:
    with pytest.raises(ValueError, match="cannot be opened"):
        await store.open("e1", "acme", lambda number: change(1, events=(opened(),)))
    with pytest.raises(ValueError, match="cannot be opened"):
        await store.open("e1", "acme", lambda number: change(0))
    await store.open("e1", "acme", opening())
    with pytest.raises(ValueError, match="cannot be opened"):
        await store.open("e2", "acme", lambda number: change(0, events=(opened(),)))
    assert await store.tickets("acme") == ["ACME-1"]


async def test_a_ticket_that_moved_is_a_conflict(store: FullStore) -> None:
    await store.open("e1", "acme", opening())
    await store.append("e2", change(1, events=(wrote(),)))
    with pytest.raises(Conflict):
        await store.append("e3", change(1, message("m1"), events=(answered(),), wake_at=at(1)))
    assert await store.load("ACME-1") == (opened(), wrote())
    assert await store.next_wake() is None
    assert await next_keys(store) == []
    assert await store.append("e3", change(2, events=(answered(),))) == Appended("ACME-1", 3)


async def test_a_known_envelope_is_seen_even_if_the_ticket_moved(store: FullStore) -> None:
    await store.open("e1", "acme", opening())
    await store.append("e2", change(1, events=(wrote(),)))
    assert await store.append("e2", change(1, events=(wrote(),))) == Duplicate("ACME-1")
    assert await store.append("e1", change(9, ticket="ACME-9")) == Duplicate("ACME-1")
    assert len(await store.load("ACME-1")) == 2


async def test_clock_events_have_no_envelope(store: FullStore) -> None:
    await store.open("e1", "acme", opening())
    await store.append(None, change(1, events=(wrote(),)))
    await store.append(None, change(2, events=(wrote(),)))
    assert len(await store.load("ACME-1")) == 3


async def test_an_unknown_ticket_raises(store: FullStore) -> None:
    with pytest.raises(NoSuchTicket):
        await store.load("ACME-1")
    with pytest.raises(NoSuchTicket):
        await store.append("e1", change(1, events=(wrote(),)))


async def test_tickets_wake_earliest_first(store: FullStore) -> None:
    assert await store.next_wake() is None
    for envelope, minutes in [("e1", 30), ("e2", 10), ("e3", 20), ("e4", 10)]:
        await store.open(envelope, "acme", opening(wake_at=at(minutes)))
    await store.open("e5", "acme", opening())
    assert await store.next_wake() == at(10)
    assert await store.due(at(9.99), 10) == []
    assert await store.due(at(20), 10) == ["ACME-2", "ACME-4", "ACME-3"]
    assert await store.due(at(20), 2) == ["ACME-2", "ACME-4"]
    await store.append(None, change(1, ticket="ACME-2", events=(wrote(),), wake_at=at(25)))
    await store.append(None, change(1, ticket="ACME-4", events=(wrote(),)))
    assert await store.due(at(60), 10) == ["ACME-3", "ACME-2", "ACME-1"]
    assert await store.next_wake() == at(20)


async def test_numbers_have_no_gap_when_many_open_at_once(store: FullStore) -> None:
    done = await asyncio.gather(*(store.open(f"e{n}", "acme", opening()) for n in range(32)))
    assert sorted(done, key=lambda a: int(a.ticket[5:])) == [Appended(f"ACME-{n}", 1) for n in range(1, 33)]


async def test_one_of_two_concurrent_changes_gets_the_envelope(store: FullStore) -> None:
    await store.open("e1", "acme", opening())
    done = await asyncio.gather(*(store.append("e2", change(1, events=(wrote(),))) for _ in range(20)))
    assert done.count(Appended("ACME-1", 2)) == 1
    assert done.count(Duplicate("ACME-1")) == 19


async def test_one_of_two_concurrent_changes_gets_the_version(store: FullStore) -> None:
    await store.open("e1", "acme", opening())
    done = await asyncio.gather(
        *(store.append(f"a{n}", change(1, events=(wrote(str(n)),))) for n in range(20)),
        return_exceptions=True,
    )
    assert [type(outcome) for outcome in done].count(Conflict) == 19
    assert len(await store.load("ACME-1")) == 2


async def test_a_change_is_announced_after_the_commit(store: FullStore) -> None:
    heard: list[str] = []
    store.on_change = lambda: heard.append("changed")
    await store.open("e1", "acme", opening())
    assert len(heard) == 1
    await store.open("e1", "acme", opening())
    with pytest.raises(Conflict):
        await store.append("e2", change(7))
    assert len(heard) == 1
    await store.append(None, change(1, message("m1")))
    assert len(heard) == 2
