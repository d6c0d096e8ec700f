"""Timers that belong to no ticket, and locks that replicas share."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.ports import Conflict, Duplicate, Timer, TimerResult
from tests.sql.conftest import TwoProcesses
from tests.sql.outbox_steps import FullStore, delivers, next_keys
from tests.sql.samples import ACME, NOON, at, change, message, opening, ref, wrote

TEST = Timer("pager_test", "daily", at(1), "first")


def once(*says: str) -> Callable[[Timer], TimerResult]:
    messages = tuple(replace(message(key), ticket=None) for key in says)
    return lambda timer: TimerResult(messages)


async def test_a_timer_fires_when_it_is_due_and_once(store: FullStore) -> None:
    await store.set_timer(TEST)
    assert await store.next_timer() == at(1)
    assert await store.fire(NOON, 9, (), once("early")) == []
    assert await store.fire(at(1), 9, (), once("hello")) == ["pager_test"]
    assert await store.fire(at(2), 9, (), once("again")) == []
    assert await store.next_timer() is None
    assert await next_keys(store) == ["hello"]


async def test_a_fired_timer_names_its_next_due_time(store: FullStore) -> None:
    await store.set_timer(TEST)
    seen: list[Timer] = []

    def daily(timer: Timer) -> TimerResult:
        seen.append(timer)
        return TimerResult(again_at=timer.due_at + timedelta(days=1), payload="second")

    assert await store.fire(at(5), 9, (), daily) == ["pager_test"]
    assert await store.next_timer() == at(1) + timedelta(days=1)
    await store.fire(at(5) + timedelta(days=1), 9, (), daily)
    assert [timer.payload for timer in seen] == ["first", "second"]


async def test_a_timer_is_replaced_by_key_and_can_be_cancelled(store: FullStore) -> None:
    await store.set_timer(TEST)
    await store.set_timer(replace(TEST, due_at=at(9)))
    await store.set_timer(replace(TEST, key="other", due_at=at(3)))
    assert await store.next_timer() == at(3)
    await store.cancel_timer("pager_test", "other")
    await store.cancel_timer("pager_test", "never set")
    assert await store.next_timer() == at(9)


async def test_the_earliest_fire_first_and_some_kinds_wait(store: FullStore) -> None:
    for n, kind in enumerate(("c", "a", "b")):
        await store.set_timer(Timer(kind, "k", at(3 - n)))
    assert await store.next_timer() == at(1)
    assert await store.next_timer(["b", "a"]) == at(3)
    assert await store.next_timer(["a", "b", "c"]) is None
    assert await store.fire(at(9), 2, ["b"], once()) == ["a", "c"]
    assert await store.fire(at(9), 9, (), once()) == ["b"]


async def test_a_failed_timer_stays_due_and_sends_nothing(store: FullStore) -> None:
    await store.set_timer(TEST)

    def fails(timer: Timer) -> TimerResult:
        raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        await store.fire(at(1), 9, (), fails)
    assert await store.next_timer() == at(1)
    assert await next_keys(store) == []


async def test_one_of_two_replicas_fires_a_timer(two_processes: TwoProcesses) -> None:
    for n in range(40):
        await two_processes.one.set_timer(Timer("nudge", str(n), at(1)))
    fired: list[str] = []

    def fire(timer: Timer) -> TimerResult:
        fired.append(timer.key)
        return TimerResult()

    async def fires(store: FullStore) -> None:
        while await store.fire(at(2), 3, (), fire):
            pass

    await asyncio.gather(fires(two_processes.one), fires(two_processes.other))
    assert sorted(fired, key=int) == [str(n) for n in range(40)]


async def test_a_message_without_a_ticket_is_delivered_like_any_other(store: FullStore) -> None:
    hello = replace(message("hello"), ticket=None)
    await store.enqueue([hello, hello])
    await store.enqueue([hello])
    assert await delivers(store, ACME, ref("1")) == "hello"
    assert await next_keys(store) == []
    assert await store.ticket_of(ref("1")) is None
    await store.enqueue([replace(message("reply", thread="hello"), ticket=None)])
    assert await delivers(store, ACME, ref("2")) == "reply"


async def test_accounts_that_share_a_channel_alternate(store: FullStore) -> None:
    """One customer's crowd of tickets does not delay another's first message by minutes."""
    crowd = [replace(message(f"a{n}"), ticket=None, fairness_key="acme") for n in range(6)]
    await store.enqueue(crowd)
    assert [await delivers(store, ACME, ref(f"p{n}")) for n in range(2)] == ["a0", "a1"]
    await store.enqueue([replace(message(f"b{n}"), ticket=None, fairness_key="globex") for n in range(2)])
    order = [await delivers(store, ACME, ref(f"q{n}")) for n in range(6)]
    assert [key for key in order if key.startswith("a")] == ["a2", "a3", "a4", "a5"]
    assert order.index("b0") <= 2
    assert order.index("b1") <= 4


async def test_a_lock_has_one_holder(two_processes: TwoProcesses) -> None:
    one, other = two_processes
    assert await one.try_lock("renewal", "ann", at(2), NOON)
    assert not await other.try_lock("renewal", "bob", at(3), at(1))
    assert await other.try_lock("something else", "bob", at(3), at(1))
    assert await one.try_lock("renewal", "ann", at(4), at(1)), "its holder may extend it"
    assert not await other.try_lock("renewal", "bob", at(9), at(3))
    assert await other.try_lock("renewal", "bob", at(9), at(4)), "its time is over"
    await one.unlock("renewal", "ann")
    assert not await one.try_lock("renewal", "ann", at(9), at(5)), "only its holder frees it"
    await other.unlock("renewal", "bob")
    assert await one.try_lock("renewal", "ann", at(9), at(5))


async def test_one_of_many_concurrent_attempts_gets_the_lock(two_processes: TwoProcesses) -> None:
    tries = [
        store.try_lock("renewal", f"{n}", at(2), NOON)
        for n in range(10)
        for store in (two_processes.one, two_processes.other)
    ]
    had = await asyncio.gather(*tries)
    assert sum(had) == 2, "the holder's second try on the other replica succeeds as well"


async def test_a_change_of_a_ticket_sets_timers_with_it(store: FullStore) -> None:
    """One that is due earlier stays due then; both are one timer."""
    early, late = Timer("board", "c", at(3)), Timer("board", "c", at(8), "again")
    await store.open("e1", "acme", lambda number: replace(opening()(number), timers=(late, early)))
    assert await store.next_timer() == at(3)
    await store.append("e2", replace(change(1, events=(wrote(),)), timers=(late, replace(late, key="d"))))
    seen: list[Timer] = []

    def fired(timer: Timer) -> TimerResult:
        seen.append(timer)
        return TimerResult()

    await store.fire(at(9), 9, (), fired)
    assert seen == [replace(late, due_at=at(3)), replace(late, key="d")]


async def test_a_wake_up_sets_timers_too(store: FullStore) -> None:
    await store.open("e1", "acme", opening(wake_at=at(5)))
    timer = Timer("board", "c", at(9))
    await store.wake(at(5), 9, (), lambda key, _: replace(change(1, ticket=key), timers=(timer,)))
    assert await store.next_timer() == at(9)


async def test_a_change_that_is_not_stored_sets_no_timer(store: FullStore) -> None:
    await store.open("e1", "acme", opening())
    decided = replace(change(1, events=(wrote(),)), timers=(Timer("board", "c", at(9)),))
    with pytest.raises(Conflict):
        await store.append("e2", replace(decided, version=7))
    assert isinstance(await store.append("e1", decided), Duplicate)
    assert await store.next_timer() is None
