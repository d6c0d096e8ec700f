"""What every Outbox promises about messages that replace others."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from adapters.sql.store import SqlStore
from bot.clock import WallClock, real_now
from bot.ports import Charge, LeaseLost, Message, Priority
from tests.memory_store import MemoryStore
from tests.sql.outbox_steps import LEASE, FullStore, begins, claim_all, claims, delivers, next_keys, says
from tests.sql.raw_sql import run
from tests.sql.samples import ACME, NOON, TRIAGE, at, message, ref

COUNTDOWN_LANES = "countdown:slack"


async def a_card(store: FullStore, key: str = "card", id: str = "1") -> None:
    await says(store, message(key))
    assert await delivers(store, ACME, ref(id)) == key


async def test_an_edit_waits_while_another_of_the_same_message_is_under_way(store: FullStore) -> None:
    """They are in different lanes, and the older must not come last."""
    await a_card(store)
    await says(store, message("countdown", priority=Priority.COUNTDOWN, edits="card"))
    await begins(store, COUNTDOWN_LANES)
    await says(store, message("state", edits="card"))
    assert await next_keys(store) == []
    await store.sent("countdown", ref("1"))
    assert await next_keys(store) == ["state"]


async def test_an_edit_waits_no_longer_than_the_lease(store: FullStore) -> None:
    await a_card(store)
    await says(store, message("countdown", priority=Priority.COUNTDOWN, edits="card"))
    await begins(store, COUNTDOWN_LANES)
    await says(store, message("state", edits="card"))
    assert await store.next_ready(NOON) == NOON + LEASE
    assert await next_keys(store, NOON + LEASE) == ["state"]


async def test_edits_of_other_messages_do_not_wait(store: FullStore) -> None:
    await a_card(store)
    await a_card(store, "second", "2")
    await says(store, message("e1", priority=Priority.COUNTDOWN, edits="card"))
    await begins(store, COUNTDOWN_LANES)
    await says(store, message("e2", edits="second"))
    assert await next_keys(store) == ["e2"]


async def test_the_newest_edit_takes_the_place_of_the_oldest_in_the_queue(store: FullStore) -> None:
    """Else a card that changes often would never be reached."""
    await a_card(store)
    await a_card(store, "second", "2")
    busy, calm = (
        [message(f"{card} {n}", priority=Priority.COUNTDOWN, edits=card) for n in range(3)]
        for card in ("card", "second")
    )
    await says(store, busy[0], calm[0])
    await says(store, busy[1])
    await says(store, busy[2])
    assert await next_keys(store) == ["card 2"]
    assert await delivers(store, COUNTDOWN_LANES, ref("1")) == "card 2"
    await says(store, message("card 3", priority=Priority.COUNTDOWN, edits="card"))
    assert await next_keys(store) == ["second 0"]


async def test_the_newest_edit_has_the_urgency_of_the_most_urgent(store: FullStore) -> None:
    await a_card(store)
    await says(store, message("breach", priority=Priority.BREACH, edits="card"))
    await says(store, message("reply", priority=Priority.REPLY))
    await says(store, message("countdown", priority=Priority.COUNTDOWN, edits="card"))
    (first,) = await claim_all(store)
    assert (first.message.key, first.message.priority) == ("countdown", Priority.BREACH)
    assert await store.lanes(NOON, 9) == [str(ACME)]


async def test_an_outdated_edit_is_not_sent(store: FullStore) -> None:
    await a_card(store)
    await says(store, message("e1", edits="card"))
    old = await claims(store, ACME)
    await says(store, message("e2", edits="card"))
    with pytest.raises(LeaseLost):
        await store.begin(old, (), NOON, at(1))
    await store.defer(old, NOON, "overtaken", message_only=True)
    assert await next_keys(store) == ["e2"], "without waiting for the lease"


@pytest.mark.parametrize("priority", [Priority.STATE, Priority.COUNTDOWN])
async def test_an_edit_under_way_may_arrive_after_a_newer_one_was_decided(
    store: FullStore, priority: Priority
) -> None:
    await a_card(store)
    await says(store, message("e1", priority=priority, edits="card"))
    under_way = await begins(store, message("", priority=priority).lane)
    await says(store, message("e2", priority=priority, edits="card"))
    assert await next_keys(store) == []
    await store.sent(under_way.message.key, ref("1"))
    assert await next_keys(store) == ["e2"]


@pytest.mark.parametrize("priority", [Priority.STATE, Priority.COUNTDOWN])
async def test_an_edit_under_way_may_fail_after_a_newer_one_was_decided(
    store: FullStore, priority: Priority
) -> None:
    await a_card(store)
    await says(store, message("e1", priority=priority, edits="card"))
    under_way = await begins(store, message("", priority=priority).lane)
    await says(store, message("e2", priority=priority, edits="card"))
    await store.defer(under_way, NOON, "HTTP 503", message_only=True)
    assert await next_keys(store) == ["e2"]


async def test_edits_go_to_the_reposted_message(store: FullStore) -> None:
    """NotEditable: its successor takes its place, and people may answer under either."""
    await a_card(store)
    await says(store, message("e1", edits="card"))
    await delivers(store, ACME, ref("2"))
    await says(store, message("e2", edits="card"), message("reply", to=TRIAGE, thread="card"))
    assert {outgoing.edits or outgoing.thread for outgoing in await claim_all(store)} == {ref("2")}
    assert [await store.ticket_of(ref(id)) for id in ("1", "2")] == ["ACME-1", "ACME-1"]
    await delivers(store, ACME, ref("3"))
    assert [await store.ticket_of(ref(id)) for id in ("1", "2", "3")] == ["ACME-1"] * 3
    await says(store, message("e3", edits="card"))
    assert [outgoing.edits for outgoing in await claim_all(store) if outgoing.edits] == [ref("3")]


async def test_a_reposted_countdown_also_leads_to_its_ticket(store: FullStore) -> None:
    await a_card(store)
    await says(store, message("e1", priority=Priority.COUNTDOWN, edits="card"))
    await delivers(store, COUNTDOWN_LANES, ref("2"))
    assert [await store.ticket_of(ref(id)) for id in ("1", "2")] == ["ACME-1", "ACME-1"]


async def rows(store: SqlStore) -> list[str]:
    found = await run(store, "SELECT key FROM outbox")
    return [key for (key,) in found]


async def test_finished_countdowns_leave_no_rows(sqlite: SqlStore) -> None:
    """A card is redrawn many times a day, so finished edits need no record."""
    await a_card(sqlite)
    for n in range(5):
        await says(sqlite, message(f"e{n}", priority=Priority.COUNTDOWN, edits="card"))
    assert await rows(sqlite) == ["card", "e4"], "superseded ones are gone"
    under_way = await begins(sqlite, COUNTDOWN_LANES)
    await says(sqlite, message("e5", priority=Priority.COUNTDOWN, edits="card"))
    await sqlite.sent(under_way.message.key, ref("1"))
    assert await rows(sqlite) == ["card", "e5"]
    under_way = await begins(sqlite, COUNTDOWN_LANES)
    await says(sqlite, message("e6", priority=Priority.COUNTDOWN, edits="card"))
    await sqlite.defer(under_way, NOON, "HTTP 503", message_only=True)
    assert await rows(sqlite) == ["card", "e6"]
    await delivers(sqlite, COUNTDOWN_LANES, ref("1"))
    assert await rows(sqlite) == ["card"]


async def all_in_turn(store: SqlStore, cards: int) -> None:
    """So many cards count down, one edit each 2.5 s; ten of them change again and again meanwhile."""
    keys = [f"card {n}" for n in range(cards)]
    await says(store, *(message(key) for key in keys))
    for key in keys:
        await store.sent(key, ref(key))

    def counts_down(key: str, round_: int) -> Message:
        return message(f"{key}/{round_}", priority=Priority.COUNTDOWN, edits=key)

    await says(store, *(counts_down(key, 0) for key in keys))
    pace, now, served = Charge("edits", timedelta(seconds=2.5), 1), NOON, []
    for step in range(cards):
        outgoing = await claims(store, COUNTDOWN_LANES, now)
        assert await store.begin(outgoing, (pace,), now, now + LEASE) is None
        assert outgoing.message.edits is not None
        served.append(outgoing.message.edits)
        await store.sent(outgoing.message.key, ref(served[-1]))
        if step % 10 == 0:
            await says(store, *(counts_down(key, step + 1) for key in keys[:5] + keys[-5:]))
        now += pace.every
    assert sorted(served) == sorted(keys), "each once, before any a second time"


async def test_no_card_starves(sqlite: SqlStore) -> None:
    await all_in_turn(sqlite, 300)


@pytest.mark.soak
async def test_no_card_of_five_thousand_starves(sqlite: SqlStore) -> None:
    """At 24 edits a minute, 5,000 cards take three and a half hours. None waits longer."""
    await all_in_turn(sqlite, 5000)


async def test_a_delayed_edit_is_replaced_by_newer_ones_and_keeps_its_time(store: FullStore) -> None:
    if isinstance(store, MemoryStore):
        store.clock = WallClock()
    await a_card(store)
    delay, began = timedelta(seconds=30), real_now()
    await says(store, replace(message("e1", edits="card"), delay=delay))
    assert await next_keys(store, began) == []
    ready = await store.next_ready(began)
    assert ready is not None
    assert ready >= began + delay
    await says(store, replace(message("e2", edits="card"), delay=delay * 2))
    await says(store, message("countdown", priority=Priority.COUNTDOWN, edits="card"))
    assert (await next_keys(store, began), await store.next_ready(began)) == ([], ready)
    assert await next_keys(store, ready) == ["countdown"]


async def test_an_edit_without_a_delay_does_not_wait_for_those_it_replaces(store: FullStore) -> None:
    if isinstance(store, MemoryStore):
        store.clock = WallClock()
    await a_card(store)
    began, slow = real_now(), replace(message("e1", edits="card"), delay=timedelta(seconds=30))
    await says(store, slow, message("e2", edits="card"))
    assert await next_keys(store, began) == ["e2"]
    await says(store, replace(slow, key="e3"))
    assert await next_keys(store, began) == ["e3"], "somebody waits for what it replaces"
