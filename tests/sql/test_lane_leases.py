"""What every Outbox promises about who speaks for a lane, and for how long."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from bot.model.address import Place
from bot.ports import LeaseLost, Priority
from tests.sql.conftest import TwoProcesses
from tests.sql.outbox_steps import (
    LEASE,
    FullStore,
    begins,
    claim_all,
    claims,
    defers,
    delivers,
    next_keys,
    says,
)
from tests.sql.samples import ACME, DANA, NOON, TRIAGE, at, message, ref


async def test_only_one_process_holds_a_lane(two_processes: TwoProcesses) -> None:
    one, other = two_processes
    await says(one, message("m1"), message("m2"), message("elsewhere", to=TRIAGE))
    held = await claims(one, ACME)
    assert held.message.key == "m1"
    assert await other.claim(str(ACME), NOON, NOON + LEASE) is None
    assert await other.lanes(NOON, 9) == [str(TRIAGE)]
    await one.sent("m1", ref("1"))
    assert (await claims(other, ACME)).message.key == "m2"


async def test_another_process_takes_over_when_the_lease_expires(two_processes: TwoProcesses) -> None:
    one, other = two_processes
    await says(one, message("m1"))
    await begins(one, ACME)
    assert await other.claim(str(ACME), NOON + LEASE / 2, at(1)) is None
    taken = await claims(other, ACME, NOON + LEASE)
    assert taken.message.key == "m1"
    assert taken.tried_at == NOON, "it may have arrived: whoever takes over looks for it"


async def test_a_process_that_lost_its_lease_must_not_send(two_processes: TwoProcesses) -> None:
    """A process that stood still wakes up with a message in its hands."""
    one, other = two_processes
    await says(one, message("m1"))
    frozen = await claims(one, ACME)
    taken = await claims(other, ACME, NOON + LEASE)
    with pytest.raises(LeaseLost):
        await one.begin(frozen, (), NOON + LEASE, at(1))
    assert await other.begin(taken, (), NOON + LEASE, at(1)) is None
    await other.sent("m1", ref("1"))
    with pytest.raises(LeaseLost):
        await one.begin(frozen, (), at(2), at(3))


async def test_a_process_that_lost_its_lease_changes_nothing(two_processes: TwoProcesses) -> None:
    one, other = two_processes
    await says(one, message("m1"))
    frozen = await begins(one, ACME)
    await begins(other, ACME, at(1))
    await one.defer(frozen, at(60), "HTTP 503")
    assert await one.lanes(at(1), 9) == [], "the other's hold stands"
    (again,) = await claim_all(other, at(2))
    assert (again.attempts, again.tried_at) == (0, NOON), "and what it tried is not forgotten"


async def test_a_late_delivery_after_a_lost_lease_is_recorded(two_processes: TwoProcesses) -> None:
    """Its call had gone out before the lease was over: the message is there, and need not go again."""
    one, other = two_processes
    await says(one, message("m1"), message("m2"))
    await begins(one, ACME)
    taken = await claims(other, ACME, at(1))
    await one.sent("m1", ref("1"))
    with pytest.raises(LeaseLost):
        await other.begin(taken, (), at(1), at(2))
    await other.defer(taken, at(1), "overtaken", message_only=True)
    assert await next_keys(other, at(1)) == ["m2"]
    assert await other.ticket_of(ref("1")) == "ACME-1"


async def test_beginning_to_send_extends_the_lease(store: FullStore) -> None:
    await says(store, message("m1"))
    outgoing = await claims(store, ACME)
    await store.begin(outgoing, (), NOON, at(3))
    assert await store.lanes(at(2), 9) == []
    assert await store.lanes(at(3), 9) == [str(ACME)]


async def test_a_message_that_may_have_arrived_stays_marked_until_it_is_certain(store: FullStore) -> None:
    await says(store, message("m1"))
    assert [outgoing.tried_at for outgoing in await claim_all(store)] == [None]
    await store.defer(await begins(store, ACME), at(1), "no answer in time", maybe_delivered=True)
    assert [outgoing.tried_at for outgoing in await claim_all(store, at(1))] == [NOON]
    await store.defer(await begins(store, ACME, at(1)), at(2), "no answer in time", maybe_delivered=True)
    assert [outgoing.tried_at for outgoing in await claim_all(store, at(2))] == [NOON], (
        "the first may have arrived"
    )
    await store.defer(await begins(store, ACME, at(2)), at(3), "rate limit")
    assert [outgoing.tried_at for outgoing in await claim_all(store, at(3))] == [None]


async def test_one_message_may_be_deferred_alone(store: FullStore) -> None:
    """Nobody waits for an edit."""
    await says(store, message("m1"), message("m2"))
    await store.defer(await begins(store, ACME), at(2), "rate limit", message_only=True)
    assert await next_keys(store, at(1)) == ["m2"]
    assert await next_keys(store, at(2)) == ["m1"], "and has kept its turn"


async def test_deferring_one_message_ends_no_pause(store: FullStore) -> None:
    await says(store, message("m1"))
    await defers(store, ACME, at(2))
    await says(store, message("breach", priority=Priority.BREACH))
    await store.defer(await begins(store, ACME, at(0.5)), at(1), "HTTP 503", message_only=True)
    assert await next_keys(store, at(1)) == ["breach"]
    await delivers(store, ACME, ref("1"), at(1))
    assert await next_keys(store, at(2)) == ["m1"]


async def test_pages_have_their_own_lane(store: FullStore) -> None:
    """engine.md 3: pages wait behind pages only."""
    page, second = (message(key, to=DANA, priority=Priority.PAGE) for key in ("page", "second"))
    await says(store, message("state", to=DANA), page, second)
    await begins(store, DANA)
    assert await next_keys(store) == ["page"]
    await begins(store, page.lane)
    assert await next_keys(store) == []
    await store.sent("state", ref("1"))
    assert await store.lanes(NOON, 9) == []
    await store.sent("page", ref("2"))
    assert await next_keys(store) == ["second"]


async def test_countdowns_share_a_lane_and_yield(store: FullStore) -> None:
    """Complaint 33: however many cards there are, what really happened goes first."""
    await says(store, message("acme"), message("triage", to=TRIAGE), message("dana", to=DANA))
    for lane in (ACME, TRIAGE, DANA):
        await delivers(store, lane, ref(str(lane)))
    countdowns = [
        message(f"{card} countdown", to=to, priority=Priority.COUNTDOWN, edits=card)
        for card, to in (("acme", ACME), ("triage", TRIAGE), ("dana", DANA))
    ]
    assert {each.lane for each in countdowns} == {"countdown:slack"}
    await says(store, *countdowns, message("state"))
    assert await next_keys(store) == ["state", "acme countdown"]
    await defers(store, "countdown:slack", at(2))
    assert await next_keys(store, at(1)) == ["state"]


async def test_countdowns_with_another_rate_limit_key_do_not_wait(store: FullStore) -> None:
    """Complaint 33: one workspace's limit is not another's; what knows no purse waits for its like."""
    await says(store, message("acme"), message("triage", to=TRIAGE), message("dana", to=DANA))
    for lane in (ACME, TRIAGE, DANA):
        await delivers(store, lane, ref(str(lane)))
    lanes = {
        "acme": "countdown:slack:T0ACME",
        "triage": "countdown:slack:T0VENDOR",
        "dana": "countdown:slack",
    }
    for card, to, rate_limit_key in (
        ("acme", ACME, "slack:T0ACME"),
        ("triage", TRIAGE, "slack:T0VENDOR"),
        ("dana", DANA, ""),
    ):
        countdown = message(f"{card} 1", to=to, priority=Priority.COUNTDOWN, edits=card)
        await says(store, replace(countdown, rate_limit_key=rate_limit_key))
    assert await store.lanes(NOON, 9) == [*lanes.values()]
    await defers(store, lanes["acme"], at(2))
    await defers(store, lanes["dana"], at(2))
    assert await store.lanes(at(1), 9) == [lanes["triage"]]
    assert await delivers(store, lanes["triage"], ref(str(TRIAGE)), at(1)) == "triage 1"
    newer = message("acme 2", priority=Priority.COUNTDOWN, edits="acme")
    await says(store, replace(newer, rate_limit_key="slack:T0ACME"))
    assert await next_keys(store, at(2)) == ["acme 2", "dana 1"], "the newest, in the turn of the first"
    held = await begins(store, lanes["acme"], at(2))
    assert held.message.lane == lanes["acme"]


async def test_a_refused_message_frees_its_lane(store: FullStore) -> None:
    await says(store, message("m1"), message("m2"))
    await begins(store, ACME)
    await store.refused("m1", "is_archived")
    assert await next_keys(store) == ["m2"]


async def test_most_urgent_lane_first_then_longest_waiting(store: FullStore) -> None:
    await says(store, message("d", to=DANA), message("t", to=TRIAGE, priority=Priority.BREACH), message("a"))
    assert await store.lanes(NOON, 9) == [str(TRIAGE), str(DANA), str(ACME)]
    assert await store.lanes(NOON, 1) == [str(TRIAGE)]


@pytest.mark.parametrize("message_only", [False, True], ids=["the lane", "it alone"])
async def test_what_a_clock_noted_before_it_was_set_back_holds_nothing_up(
    store: FullStore, message_only: bool
) -> None:
    """engine.md, test 9: else a page that was to wait for three seconds would wait for a day."""
    await says(store, message("m1"))
    await store.defer(await begins(store, ACME, at(60)), at(61), "HTTP 503", message_only=message_only)
    assert await next_keys(store, at(60)) == []
    assert await next_keys(store, at(5)) == ["m1"]
    (taken,) = await claim_all(store, at(5))
    assert taken.message.key == "m1"


async def test_a_lease_from_before_the_clock_was_set_back_expires(
    store: FullStore,
) -> None:
    await says(store, message("m1"))
    held = await begins(store, ACME, at(60))
    assert await next_keys(store, at(60)) == []
    assert await next_keys(store, at(5)) == ["m1"]
    taken = await claims(store, ACME, at(5))
    with pytest.raises(LeaseLost):
        await store.begin(held, (), at(5), at(6))
    assert await store.begin(taken, (), at(5), at(6)) is None
    await store.sent("m1", ref("1"))


async def test_each_of_many_lanes_is_held_by_one_process(two_processes: TwoProcesses) -> None:
    """Their claims share transactions, and so does all that follows."""
    places = [Place("slack", f"C{nth}") for nth in range(20)]
    await says(two_processes.one, *(message(f"m/{place}", to=place) for place in places))
    claimed = await asyncio.gather(
        *(store.claim(str(place), NOON, NOON + LEASE) for place in places for store in two_processes)
    )
    outgoing = [each for each in claimed if each is not None]
    assert sorted(each.message.key for each in outgoing) == sorted(f"m/{place}" for place in places)
    overtaken = [replace(each, fence="somebody else's") for each in outgoing[::2]]
    begun = await asyncio.gather(
        *(two_processes.one.begin(each, (), NOON, NOON + LEASE) for each in outgoing + overtaken),
        return_exceptions=True,
    )
    assert begun[: len(outgoing)] == [None] * len(outgoing)
    assert {type(each) for each in begun[len(outgoing) :]} == {LeaseLost}
    await asyncio.gather(*(two_processes.other.sent(each.message.key, ref("1")) for each in outgoing))
    assert await two_processes.one.lanes(NOON, 50) == []
    assert await two_processes.one.next_ready(NOON) is None


async def test_a_lane_claimed_twice_at_once_is_held_once(store: FullStore) -> None:
    await says(store, message("m1"), message("m2"))
    claimed = await asyncio.gather(*(store.claim(str(ACME), NOON, NOON + LEASE) for _ in range(5)))
    assert [each.message.key for each in claimed if each is not None] == ["m1"]
