"""What every Outbox promises about what platforms let through."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

from bot.model.address import Place
from bot.ports import Charge, Outbox
from tests.sql.conftest import TwoProcesses
from tests.sql.outbox_steps import LEASE, FullStore, claims, says
from tests.sql.samples import ACME, NOON, TRIAGE, at, message, ref

SECOND = timedelta(seconds=1)
POSTS = Charge("posts", SECOND, 3)
CHANNEL = Charge("channel", SECOND * 10, 1)


def after(seconds: float) -> datetime:
    return NOON + SECOND * seconds


async def pays(store: Outbox, *charges: Charge, now: datetime = NOON, lane: object = ACME) -> datetime | None:
    """Try to pay for the next message of a lane; it stays to be sent."""
    outgoing = await claims(store, lane, now)
    wait = await store.begin(outgoing, charges, now, now + LEASE)
    await store.defer(outgoing, now, "only trying", message_only=True)
    return wait


async def test_a_burst_is_allowed_then_one_per_interval(store: FullStore) -> None:
    """A caller that waits as long as it was asked to gets through at once."""
    await says(store, message("m1"))
    assert [await pays(store, POSTS) for _ in range(4)] == [None, None, None, after(1)]
    assert await pays(store, POSTS, now=after(0.5)) == after(1)
    assert [await pays(store, POSTS, now=after(1)) for _ in range(2)] == [None, after(2)]
    assert await pays(store, POSTS, now=after(2)) is None
    calm = after(60)
    assert [await pays(store, POSTS, now=calm) for _ in range(4)] == [None] * 3 + [after(61)]


async def test_the_rate_holds_over_a_long_time(store: FullStore) -> None:
    """In any minute no more than the burst and the pace allow."""
    await says(store, message("m1"))
    now, times = NOON, []
    while now < after(30):
        wait = await pays(store, Charge("edits", SECOND * 2.5, 1), now=now)
        if wait is None:
            times.append(now)
        now = wait or now
    assert times == [after(2.5 * n) for n in range(12)]


async def test_a_charge_on_several_buckets_is_all_or_nothing(store: FullStore) -> None:
    await says(store, message("m1"))
    assert await pays(store, POSTS, CHANNEL) is None
    assert await pays(store, POSTS, CHANNEL) == after(10)
    assert [await pays(store, POSTS) for _ in range(3)] == [None, None, after(1)]


async def test_a_refused_charge_does_not_count_as_an_attempt(store: FullStore) -> None:
    await says(store, message("m1"))
    await store.block_until(["posts"], at(5))
    outgoing = await claims(store, ACME)
    assert await store.begin(outgoing, (POSTS,), NOON, NOON + LEASE) == at(5)
    await store.defer(outgoing, NOON, "used up", maybe_delivered=True)
    assert (await claims(store, ACME)).tried_at is None


async def test_a_blocked_bucket_lets_nothing_through_and_others_do(store: FullStore) -> None:
    """Complaint 33: one method's 429 is not another's."""
    await says(store, message("m1"))
    await store.block_until(["posts"], at(5))
    assert await pays(store, POSTS) == at(5)
    assert await pays(store, CHANNEL) is None
    assert await pays(store, POSTS, now=at(5)) is None


async def test_a_shorter_block_does_not_end_a_longer_one(store: FullStore) -> None:
    await says(store, message("m1"))
    await store.block_until(["posts"], at(5))
    await store.block_until(["posts"], at(2))
    assert await pays(store, POSTS, now=at(3)) == at(5)


async def test_blocking_keeps_what_was_charged(store: FullStore) -> None:
    await says(store, message("m1"))
    for _ in range(3):
        await pays(store, POSTS)
    await store.block_until(["posts"], after(0.2))
    assert await pays(store, POSTS, now=after(0.3)) == after(1)


async def test_urgent_messages_get_a_larger_burst(store: FullStore) -> None:
    """The same bucket, and pages may dip deeper into it."""
    await says(store, message("m1"))
    assert [await pays(store, POSTS) for _ in range(4)] == [None] * 3 + [after(1)]
    urgent = Charge("posts", SECOND, 5)
    assert [await pays(store, urgent) for _ in range(3)] == [None, None, after(1)]
    assert await pays(store, POSTS, now=after(1)) == after(3)


async def test_a_clock_that_was_set_back_does_not_prolong_a_block(store: FullStore) -> None:
    await says(store, message("m1"), message("m2", to=TRIAGE))
    for _ in range(3):
        await pays(store, POSTS)
    before = NOON - timedelta(hours=1)
    assert await pays(store, POSTS, now=before, lane=TRIAGE) is None


async def test_a_retry_after_from_before_the_clock_was_set_back_is_ignored(
    store: FullStore,
) -> None:
    """Else nothing would be said in a workspace for an hour, because it had once asked for a minute."""
    await says(store, message("m1"))
    await store.block_until(["posts"], at(1))
    before = NOON - timedelta(hours=1)
    assert await pays(store, POSTS, now=before) is None
    await store.block_until(["posts"], before + SECOND * 30)
    assert await pays(store, POSTS, now=before) == before + SECOND * 30, "and what it asks now counts"


async def test_buckets_are_shared_by_all_processes(two_processes: TwoProcesses) -> None:
    one, other = two_processes
    await says(one, message("m1"), message("m2", to=TRIAGE))
    assert [await pays(one, POSTS), await pays(other, POSTS, lane=TRIAGE)] == [None, None]
    assert [await pays(one, POSTS), await pays(other, POSTS, lane=TRIAGE)] == [None, after(1)]
    await one.block_until(["channel"], at(1))
    assert await pays(other, CHANNEL) == at(1)


async def test_charging_extends_the_lease(store: FullStore) -> None:
    await says(store, message("m1"))
    outgoing = await claims(store, ACME)
    assert await store.begin(outgoing, (POSTS,), NOON, at(1)) is None
    assert await store.claim(str(ACME), at(0.5), at(1)) is None
    await store.sent("m1", ref("1"))


async def test_concurrent_charges_get_no_more_than_sequential_ones(store: FullStore) -> None:
    """Their payments share a transaction."""
    places = [Place("slack", f"C{nth}") for nth in range(8)]
    await says(store, *(message(f"m/{place}", to=place) for place in places))
    outgoing = [await claims(store, place) for place in places]
    waits = await asyncio.gather(*(store.begin(each, (POSTS,), NOON, NOON + LEASE) for each in outgoing))
    assert waits.count(None) == POSTS.burst
    assert {wait for wait in waits if wait is not None} == {after(1)}
