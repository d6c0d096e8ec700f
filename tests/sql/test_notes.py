"""What every Notebook promises."""

from __future__ import annotations

from tests.sql.conftest import Twins
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


async def test_a_note_is_everybodys(twins: Twins) -> None:
    await twins.one.note("places", "acme", "ключ\n'; --")
    assert await twins.other.noted("places", "acme") == "ключ\n'; --"
    await twins.other.forget("places", "acme")
    assert await twins.one.notes("places") == {}
