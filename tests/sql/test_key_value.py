"""What every KeyValueStore promises."""

from __future__ import annotations

from datetime import timedelta

from tests.harness import HeldClock
from tests.sql.conftest import TwoProcesses
from tests.sql.outbox_steps import FullStore
from tests.sql.samples import NOON, at


async def test_a_value_is_kept_until_it_is_replaced_or_deleted(store: FullStore) -> None:
    assert await store.get("places", "acme") is None
    await store.put("places", "acme", "here")
    await store.put("places", "acme", "there")
    assert await store.get("places", "acme") == "there"
    await store.delete("places", "acme")
    assert await store.get("places", "acme") is None
    await store.delete("places", "acme")


async def test_topics_are_separate(store: FullStore) -> None:
    await store.put("places", "acme", "here")
    await store.put("people", "acme", "Ann")
    await store.put("people", "globex", "Bob")
    await store.delete("places", "acme")
    assert await store.get_all("people") == {"acme": "Ann", "globex": "Bob"}
    assert await store.get_all("places") == {}


async def test_a_value_is_readable_until_it_expires(store: FullStore) -> None:
    store.real_clock = clock = HeldClock(NOON.isoformat())
    await store.put("drafts", "ann", "It is", at(1))
    await store.put("drafts", "bob", "Bills", at(2))
    await store.put("drafts", "eve", "Login")
    clock.at = at(1) - timedelta(microseconds=1)
    assert await store.get("drafts", "ann") == "It is"
    assert await store.get_all("drafts") == {"ann": "It is", "bob": "Bills", "eve": "Login"}
    clock.at = at(1)
    assert await store.get("drafts", "ann") is None
    assert await store.get_all("drafts") == {"bob": "Bills", "eve": "Login"}
    clock.at = at(99)
    assert await store.get_all("drafts") == {"eve": "Login"}


async def test_a_new_value_has_its_own_expiry(store: FullStore) -> None:
    store.real_clock = clock = HeldClock(NOON.isoformat())
    for key, expires_at in (("sooner", at(1)), ("later", at(3)), ("never", None)):
        await store.put("drafts", key, "old", at(2))
        await store.put("drafts", key, "new", expires_at)
    clock.at = at(1)
    assert await store.get_all("drafts") == {"later": "new", "never": "new"}
    clock.at = at(3)
    assert await store.get_all("drafts") == {"never": "new"}
    await store.put("drafts", "later", "again")
    assert await store.get("drafts", "later") == "again", "what has expired may be kept again"


async def test_every_process_sees_a_value(two_processes: TwoProcesses) -> None:
    await two_processes.one.put("places", "acme", "ключ\n'; --")
    assert await two_processes.other.get("places", "acme") == "ключ\n'; --"
    await two_processes.other.delete("places", "acme")
    assert await two_processes.one.get_all("places") == {}
