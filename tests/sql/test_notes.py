"""What every Notebook promises."""

from __future__ import annotations

from datetime import timedelta

from tests.harness import HeldClock
from tests.sql.conftest import Twins
from tests.sql.samples import NOON, at
from tests.sql.speaking import Kept


async def test_a_note_stands_until_it_is_replaced_or_forgotten(store: Kept) -> None:
    assert await store.noted("places", "acme") is None
    await store.note("places", "acme", "here")
    await store.note("places", "acme", "there")
    assert await store.noted("places", "acme") == "there"
    await store.forget("places", "acme")
    assert await store.noted("places", "acme") is None
    await store.forget("places", "acme")


async def test_topics_are_apart(store: Kept) -> None:
    await store.note("places", "acme", "here")
    await store.note("people", "acme", "Ann")
    await store.note("people", "globex", "Bob")
    await store.forget("places", "acme")
    assert await store.notes("people") == {"acme": "Ann", "globex": "Bob"}
    assert await store.notes("places") == {}


async def test_a_value_is_seen_until_the_instant_it_expires(store: Kept) -> None:
    store.real_clock = clock = HeldClock(NOON.isoformat())
    await store.note("drafts", "ann", "It is", at(1))
    await store.note("drafts", "bob", "Bills", at(2))
    await store.note("drafts", "eve", "Login")
    clock.at = at(1) - timedelta(microseconds=1)
    assert await store.noted("drafts", "ann") == "It is"
    assert await store.notes("drafts") == {"ann": "It is", "bob": "Bills", "eve": "Login"}
    clock.at = at(1)
    assert await store.noted("drafts", "ann") is None
    assert await store.notes("drafts") == {"bob": "Bills", "eve": "Login"}
    clock.at = at(99)
    assert await store.notes("drafts") == {"eve": "Login"}


async def test_a_new_value_has_an_end_of_its_own(store: Kept) -> None:
    store.real_clock = clock = HeldClock(NOON.isoformat())
    for key, expires_at in (("sooner", at(1)), ("later", at(3)), ("never", None)):
        await store.note("drafts", key, "old", at(2))
        await store.note("drafts", key, "new", expires_at)
    clock.at = at(1)
    assert await store.notes("drafts") == {"later": "new", "never": "new"}
    clock.at = at(3)
    assert await store.notes("drafts") == {"never": "new"}
    await store.note("drafts", "later", "again")
    assert await store.noted("drafts", "later") == "again", "what has expired may be kept again"


async def test_a_note_is_everybodys(twins: Twins) -> None:
    await twins.one.note("places", "acme", "ключ\n'; --")
    assert await twins.other.noted("places", "acme") == "ключ\n'; --"
    await twins.other.forget("places", "acme")
    assert await twins.one.notes("places") == {}
