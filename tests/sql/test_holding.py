"""What every Outbox promises about who speaks for a lane, and for how long."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from bot.address import Place
from bot.ports import Overtaken, Priority
from tests.sql.conftest import Twins
from tests.sql.samples import ACME, DANA, NOON, TRIAGE, at, message, ref
from tests.sql.speaking import LEASE, Kept, begins, claims, delivers, heads, next_of, puts_off, says


async def test_one_speaks_for_a_lane(twins: Twins) -> None:
    one, other = twins
    await says(one, message("m1"), message("m2"), message("elsewhere", to=TRIAGE))
    held = await claims(one, ACME)
    assert held.message.key == "m1"
    assert await other.claim(str(ACME), NOON, NOON + LEASE) is None
    assert await other.lanes(NOON, 9) == [str(TRIAGE)]
    await one.sent("m1", ref("1"))
    assert (await claims(other, ACME)).message.key == "m2"


async def test_when_the_lease_is_over_another_takes_over(twins: Twins) -> None:
    one, other = twins
    await says(one, message("m1"))
    await begins(one, ACME)
    assert await other.claim(str(ACME), NOON + LEASE / 2, at(1)) is None
    taken = await claims(other, ACME, NOON + LEASE)
    assert taken.message.key == "m1"
    assert taken.tried_at == NOON, "it may have arrived: whoever takes over looks for it"


async def test_who_was_overtaken_must_not_send(twins: Twins) -> None:
    """A process that stood still wakes up with a message in its hands."""
    one, other = twins
    await says(one, message("m1"))
    frozen = await claims(one, ACME)
    taken = await claims(other, ACME, NOON + LEASE)
    with pytest.raises(Overtaken):
        await one.begin(frozen, (), NOON + LEASE, at(1))
    assert await other.begin(taken, (), NOON + LEASE, at(1)) is None
    await other.sent("m1", ref("1"))
    with pytest.raises(Overtaken):
        await one.begin(frozen, (), at(2), at(3))


async def test_who_was_overtaken_changes_nothing_any_more(twins: Twins) -> None:
    one, other = twins
    await says(one, message("m1"))
    frozen = await begins(one, ACME)
    await begins(other, ACME, at(1))
    await one.put_off(frozen, at(60), "HTTP 503")
    assert await one.lanes(at(1), 9) == [], "the other's hold stands"
    (again,) = await heads(other, at(2))
    assert (again.attempts, again.tried_at) == (0, NOON), "and what it tried is not forgotten"


async def test_a_late_arrival_of_the_overtaken_counts(twins: Twins) -> None:
    """Its call had gone out before the lease was over: the message is there, and need not go again."""
    one, other = twins
    await says(one, message("m1"), message("m2"))
    await begins(one, ACME)
    taken = await claims(other, ACME, at(1))
    await one.sent("m1", ref("1"))
    with pytest.raises(Overtaken):
        await other.begin(taken, (), at(1), at(2))
    await other.put_off(taken, at(1), "overtaken", alone=True)
    assert await next_of(other, at(1)) == ["m2"]
    assert await other.ticket_of(ref("1")) == "ACME-1"


async def test_beginning_holds_the_lane_for_longer(store: Kept) -> None:
    await says(store, message("m1"))
    outgoing = await claims(store, ACME)
    await store.begin(outgoing, (), NOON, at(3))
    assert await store.lanes(at(2), 9) == []
    assert await store.lanes(at(3), 9) == [str(ACME)]


async def test_what_may_have_arrived_stays_so_until_it_is_sure(store: Kept) -> None:
    await says(store, message("m1"))
    assert [outgoing.tried_at for outgoing in await heads(store)] == [None]
    await store.put_off(await begins(store, ACME), at(1), "no answer in time", unsure=True)
    assert [outgoing.tried_at for outgoing in await heads(store, at(1))] == [NOON]
    await store.put_off(await begins(store, ACME, at(1)), at(2), "no answer in time", unsure=True)
    assert [outgoing.tried_at for outgoing in await heads(store, at(2))] == [NOON], (
        "the first may have arrived"
    )
    await store.put_off(await begins(store, ACME, at(2)), at(3), "rate limit")
    assert [outgoing.tried_at for outgoing in await heads(store, at(3))] == [None]


async def test_one_may_be_put_off_alone(store: Kept) -> None:
    """Nobody waits for an edit."""
    await says(store, message("m1"), message("m2"))
    await store.put_off(await begins(store, ACME), at(2), "rate limit", alone=True)
    assert await next_of(store, at(1)) == ["m2"]
    assert await next_of(store, at(2)) == ["m1"], "and has kept its turn"


async def test_one_put_off_alone_ends_no_pause(store: Kept) -> None:
    await says(store, message("m1"))
    await puts_off(store, ACME, at(2))
    await says(store, message("breach", priority=Priority.BREACH))
    await store.put_off(await begins(store, ACME, at(0.5)), at(1), "HTTP 503", alone=True)
    assert await next_of(store, at(1)) == ["breach"]
    await delivers(store, ACME, ref("1"), at(1))
    assert await next_of(store, at(2)) == ["m1"]


async def test_pages_are_apart(store: Kept) -> None:
    """engine.md 3: pages wait behind pages only."""
    page, second = (message(key, to=DANA, priority=Priority.PAGE) for key in ("page", "second"))
    await says(store, message("state", to=DANA), page, second)
    await begins(store, DANA)
    assert await next_of(store) == ["page"]
    await begins(store, page.lane)
    assert await next_of(store) == []
    await store.sent("state", ref("1"))
    assert await store.lanes(NOON, 9) == []
    await store.sent("page", ref("2"))
    assert await next_of(store) == ["second"]


async def test_countdowns_share_a_lane_and_yield(store: Kept) -> None:
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
    assert await next_of(store) == ["state", "acme countdown"]
    await puts_off(store, "countdown:slack", at(2))
    assert await next_of(store, at(1)) == ["state"]


async def test_countdowns_of_another_purse_do_not_wait(store: Kept) -> None:
    """Complaint 33: one workspace's limit is not another's; what knows no purse waits for its like."""
    await says(store, message("acme"), message("triage", to=TRIAGE), message("dana", to=DANA))
    for lane in (ACME, TRIAGE, DANA):
        await delivers(store, lane, ref(str(lane)))
    lanes = {
        "acme": "countdown:slack:T0ACME",
        "triage": "countdown:slack:T0VENDOR",
        "dana": "countdown:slack",
    }
    for card, to, purse in (
        ("acme", ACME, "slack:T0ACME"),
        ("triage", TRIAGE, "slack:T0VENDOR"),
        ("dana", DANA, ""),
    ):
        countdown = message(f"{card} 1", to=to, priority=Priority.COUNTDOWN, edits=card)
        await says(store, replace(countdown, purse=purse))
    assert await store.lanes(NOON, 9) == [*lanes.values()]
    await puts_off(store, lanes["acme"], at(2))
    await puts_off(store, lanes["dana"], at(2))
    assert await store.lanes(at(1), 9) == [lanes["triage"]]
    assert await delivers(store, lanes["triage"], ref(str(TRIAGE)), at(1)) == "triage 1"
    newer = message("acme 2", priority=Priority.COUNTDOWN, edits="acme")
    await says(store, replace(newer, purse="slack:T0ACME"))
    assert await next_of(store, at(2)) == ["acme 2", "dana 1"], "the newest, in the turn of the first"
    held = await begins(store, lanes["acme"], at(2))
    assert held.message.lane == lanes["acme"]


async def test_a_refused_message_frees_its_lane(store: Kept) -> None:
    await says(store, message("m1"), message("m2"))
    await begins(store, ACME)
    await store.refused("m1", "is_archived")
    assert await next_of(store) == ["m2"]


async def test_most_urgent_lane_first_then_longest_waiting(store: Kept) -> None:
    await says(store, message("d", to=DANA), message("t", to=TRIAGE, priority=Priority.BREACH), message("a"))
    assert await store.lanes(NOON, 9) == [str(TRIAGE), str(DANA), str(ACME)]
    assert await store.lanes(NOON, 1) == [str(TRIAGE)]


@pytest.mark.parametrize("alone", [False, True], ids=["the lane", "it alone"])
async def test_what_a_clock_noted_before_it_was_set_back_holds_nothing_up(store: Kept, alone: bool) -> None:
    """engine.md, test 9: else a page that was to wait for three seconds would wait for a day."""
    await says(store, message("m1"))
    await store.put_off(await begins(store, ACME, at(60)), at(61), "HTTP 503", alone=alone)
    assert await next_of(store, at(60)) == []
    assert await next_of(store, at(5)) == ["m1"]
    (taken,) = await heads(store, at(5))
    assert taken.message.key == "m1"


async def test_who_died_holding_a_lane_before_the_clock_was_set_back_holds_it_no_longer(store: Kept) -> None:
    await says(store, message("m1"))
    held = await begins(store, ACME, at(60))
    assert await next_of(store, at(60)) == []
    assert await next_of(store, at(5)) == ["m1"]
    taken = await claims(store, ACME, at(5))
    with pytest.raises(Overtaken):
        await store.begin(held, (), at(5), at(6))
    assert await store.begin(taken, (), at(5), at(6)) is None
    await store.sent("m1", ref("1"))


async def test_of_many_lanes_at_once_each_is_held_by_one(twins: Twins) -> None:
    """Their claims share transactions, and so does all that follows."""
    places = [Place("slack", f"C{nth}") for nth in range(20)]
    await says(twins.one, *(message(f"m/{place}", to=place) for place in places))
    claimed = await asyncio.gather(
        *(store.claim(str(place), NOON, NOON + LEASE) for place in places for store in twins)
    )
    outgoing = [each for each in claimed if each is not None]
    assert sorted(each.message.key for each in outgoing) == sorted(f"m/{place}" for place in places)
    overtaken = [replace(each, fence="somebody else's") for each in outgoing[::2]]
    begun = await asyncio.gather(
        *(twins.one.begin(each, (), NOON, NOON + LEASE) for each in outgoing + overtaken),
        return_exceptions=True,
    )
    assert begun[: len(outgoing)] == [None] * len(outgoing)
    assert {type(each) for each in begun[len(outgoing) :]} == {Overtaken}
    await asyncio.gather(*(twins.other.sent(each.message.key, ref("1")) for each in outgoing))
    assert await twins.one.lanes(NOON, 50) == []
    assert await twins.one.next_ready(NOON) is None


async def test_a_lane_claimed_twice_at_once_is_held_once(store: Kept) -> None:
    await says(store, message("m1"), message("m2"))
    claimed = await asyncio.gather(*(store.claim(str(ACME), NOON, NOON + LEASE) for _ in range(5)))
    assert [each.message.key for each in claimed if each is not None] == ["m1"]
