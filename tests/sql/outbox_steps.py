"""What a delivery does with an outbox, in short: for tests that say who may speak and what comes next."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

from bot.model.address import MessageRef
from bot.ports import Clock, KeyValueStore, Message, Outbox, Outgoing, Store, Timers
from tests.sql.samples import NOON, change, opening

LEASE = timedelta(seconds=5)
LONG_AGO = NOON - timedelta(days=1)


class FullStore(Store, Outbox, KeyValueStore, Timers, Protocol):
    """All ports, as every database keeps them."""

    on_change: Callable[[], None] | None
    real_clock: Clock


async def says(store: Store, *messages: Message) -> None:
    """A change of ACME-1 that says this; the ticket is opened first if it is not there."""
    if not await store.tickets("acme"):
        await store.open("first", "acme", opening())
    await store.append(None, change(len(await store.load("ACME-1")), *messages))


async def next_keys(store: Outbox, now: datetime = NOON, limit: int = 50) -> list[str]:
    """The keys of what each lane says next, most urgent first; no lane is held afterwards."""
    return [outgoing.message.key for outgoing in await claim_all(store, now, limit)]


async def claim_all(store: Outbox, now: datetime = NOON, limit: int = 50) -> list[Outgoing]:
    claimed = [await store.claim(lane, now, LONG_AGO) for lane in await store.lanes(now, limit)]
    return [outgoing for outgoing in claimed if outgoing is not None]


async def claims(store: Outbox, lane: object, now: datetime = NOON) -> Outgoing:
    """Hold a lane for its next message, which there is."""
    outgoing = await store.claim(str(lane), now, now + LEASE)
    assert outgoing is not None, f"{lane} has nothing to say"
    return outgoing


async def begins(store: Outbox, lane: object, now: datetime = NOON) -> Outgoing:
    """As far as the call of the platform: claimed and paid for."""
    outgoing = await claims(store, lane, now)
    assert await store.begin(outgoing, (), now, now + LEASE) is None
    return outgoing


async def delivers(store: Outbox, lane: object, ref: MessageRef, now: datetime = NOON) -> str:
    """The next message of a lane arrives; its key."""
    outgoing = await begins(store, lane, now)
    await store.sent(outgoing.message.key, ref)
    return outgoing.message.key


async def defers(store: Outbox, lane: object, until: datetime, now: datetime = NOON) -> None:
    await store.defer(await begins(store, lane, now), until, "rate limit")


async def in_queue(store: Store, account: str) -> list[str]:
    """The keys of the account's tickets that are not closed, most urgent first."""
    return [entry.key for entry in (await store.queue([account], 50, ended=True)).entries]


def bare(outgoing: Outgoing) -> Outgoing:
    """Without what no test can know."""
    return replace(outgoing, fence="", trace="", decided_at=None)
