"""What every Store promises about wake-ups: each is decided once, and one transaction."""

from __future__ import annotations

from datetime import datetime

import pytest

from bot.ports import Change, DecideWake
from sla_core.events import Event
from tests.sql.outbox_steps import FullStore, next_keys
from tests.sql.samples import at, change, message, opened, opening, wrote


async def due(store: FullStore, *minutes: float) -> list[str]:
    """Tickets that wake at these minutes, in turn."""
    done = [
        await store.open(f"due {n}", "acme", opening(wake_at=at(minute))) for n, minute in enumerate(minutes)
    ]
    return [each.ticket for each in done]


def decides(wake_at: datetime | None = None) -> DecideWake:
    """One event, one message, and the next wake-up."""

    def decide(key: str, history: tuple[Event, ...]) -> Change | None:
        said = message(f"{key}/{len(history)}", ticket=key)
        return change(len(history), said, events=(wrote(),), ticket=key, wake_at=wake_at)

    return decide


async def test_due_tickets_are_decided_and_stored(store: FullStore) -> None:
    late, early, not_yet = await due(store, 20, 10, 30)
    assert await store.wake(at(20), 9, (), decides(at(40))) == [early, late]
    assert await store.load(early) == (opened(), wrote())
    assert await next_keys(store) == [f"{early}/1"]
    assert await store.next_wake() == at(30)
    assert await store.wake(at(20), 9, (), decides()) == []
    assert await store.load(not_yet) == (opened(),)


async def test_tickets_are_woken_in_batches_earliest_first(store: FullStore) -> None:
    keys = await due(store, 1, 2, 3)
    assert await store.wake(at(5), 2, (), decides()) == keys[:2]
    assert await store.wake(at(5), 2, (), decides()) == keys[2:]


async def test_skipped_tickets_do_not_delay_others(store: FullStore) -> None:
    keys = await due(store, 1, 2, 3)
    assert await store.wake(at(5), 2, keys[:2], decides()) == keys[2:]
    assert await store.due(at(5), 9) == keys[:2]


async def test_a_skipped_ticket_stays_due(store: FullStore) -> None:
    (key,) = await due(store, 1)
    assert await store.wake(at(5), 9, (), lambda key, history: None) == [key]
    assert await store.due(at(5), 9) == [key]
    assert await store.wake(at(5), 9, [key], decides()) == []


async def test_a_decision_without_events_is_stored(store: FullStore) -> None:
    """A countdown changes its card without an event."""
    (key,) = await due(store, 1)
    said = message("redrawn", ticket=key)
    await store.wake(at(5), 9, (), lambda key, history: change(1, said, ticket=key, wake_at=at(9)))
    assert await store.load(key) == (opened(),)
    assert await next_keys(store) == ["redrawn"]
    assert await store.next_wake() == at(9)


async def test_a_failed_decision_stores_nothing(sqlite: FullStore) -> None:
    keys = await due(sqlite, 1, 2)

    def fails(key: str, history: tuple[Event, ...]) -> Change | None:
        if key == keys[1]:
            raise KeyError("a policy that is no more")
        return decides()(key, history)

    with pytest.raises(KeyError):
        await sqlite.wake(at(5), 9, (), fails)
    assert await sqlite.due(at(5), 9) == keys
    assert await sqlite.load(keys[0]) == (opened(),)
    assert await next_keys(sqlite) == []
