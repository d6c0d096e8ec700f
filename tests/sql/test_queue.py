"""A queue shows tickets from their index rows, most urgent first."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from bot.model.queue import QueueEntry, QueuePage, QueueSummary
from bot.ports import Change
from sla_core.policy import Metric
from sla_core.promise import Countdown, Phase, Tone
from tests.sql.outbox_steps import FullStore, in_queue
from tests.sql.samples import NOON, at, change, opened, opening, wrote

S2 = QueueSummary("Bills are slow", "open", "S2", "Significant", 1, "m3ter", NOON)


def due(minutes: float) -> Countdown:
    return Countdown(
        Metric.FIRST_RESPONSE, Phase.RUNNING, Tone.CALM, at(minutes), None, timedelta(hours=4), 0.25
    )


async def opens(store: FullStore, summary: QueueSummary | None, account: str = "acme") -> str:
    def draft(number: int) -> Change:
        first = replace(opened(), at=summary.opened_at if summary else NOON)
        return replace(opening(account=account)(number), events=(first,), summary=summary)

    envelope = f"{account} {len(await store.tickets(account))}"
    return (await store.open(envelope, account, draft)).ticket


async def test_the_most_urgent_comes_first(store: FullStore) -> None:
    """MTA-11: by severity, then by what is due next, then by age; without a promise last of its severity."""
    nothing = await opens(store, replace(S2, opened_at=at(-9)))
    later = await opens(store, replace(S2, due=due(50)))
    younger = await opens(store, replace(S2, due=due(20), opened_at=at(2)))
    older = await opens(store, replace(S2, due=due(20), opened_at=at(1)))
    worst = await opens(store, replace(S2, severity="S1", rank=0, due=due(90)), "globex")
    page = await store.queue(None, 9)
    assert [entry.key for entry in page.entries] == [worst, older, younger, later, nothing]
    assert await store.queue(None, 2) == QueuePage(page.entries[:2], 5)
    assert [entry.key for entry in (await store.queue(["globex"], 9)).entries] == [worst]
    assert await store.queue(["nobody"], 9) == QueuePage((), 0)
    assert await store.queue([], 9) == QueuePage((), 0)


async def test_a_row_is_read_as_it_was_stored(store: FullStore) -> None:
    summary = replace(
        S2,
        due=due(5),
        wording="goal",
        owner="Bob",
        acknowledged_by="Eve",
        held=True,
        customers_turn=True,
        title="Ünïcödé & <angles>",
    )
    key = await opens(store, summary)
    assert await store.queue(None, 9) == QueuePage((QueueEntry(key, "acme", summary),), 1)


async def test_each_change_writes_the_row_again(store: FullStore) -> None:
    key = await opens(store, S2)
    resolved = replace(S2, state="resolved", ended_at=at(3))
    await store.append(None, replace(change(1, events=(wrote(),)), summary=resolved))
    assert await store.queue(None, 9) == QueuePage((), 0)
    assert await store.queue(None, 9, ended=True) == QueuePage((QueueEntry(key, "acme", resolved),), 1)
    await store.append(None, replace(change(2, events=(wrote(),)), summary=S2))
    assert await store.queue(None, 9) == QueuePage((QueueEntry(key, "acme", S2),), 1)

    def wakes(key: str, history: object) -> Change:
        return Change(key, 3, (wrote(minutes=9),), None, (), summary=replace(S2, owner="Bob"))

    await store.append(None, replace(change(3), wake_at=at(1), summary=S2))
    assert await store.wake(at(2), 9, (), wakes) == [key]
    assert await store.queue(None, 9) == QueuePage((QueueEntry(key, "acme", replace(S2, owner="Bob")),), 1)


async def test_resolved_tickets_follow_open_ones(store: FullStore) -> None:
    resolved = await opens(store, replace(S2, rank=0, state="resolved", ended_at=at(1)))
    is_open = await opens(store, replace(S2, rank=3))
    assert await in_queue(store, "acme") == [is_open, resolved]


async def test_a_closed_ticket_is_in_no_queue(store: FullStore) -> None:
    await opens(store, S2)
    await store.append(None, replace(change(1), closed=True, summary=replace(S2, state="closed")))
    assert await in_queue(store, "acme") == []


async def test_an_outdated_row_is_ignored(store: FullStore) -> None:
    """The version before writes none while both run; its tickets are read from their events."""
    key = await opens(store, None)
    assert await store.queue(None, 9) == QueuePage((QueueEntry(key, "acme", None),), 1)
    assert await store.load(key) == (opened(),)


async def test_recent_tickets_include_closed_ones(store: FullStore) -> None:
    """For a TAM's month: what is not closed, and closed tickets opened since an instant."""
    old = await opens(store, replace(S2, opened_at=at(-900), kept=(at(-5),), missed=(at(-3), at(-2))))
    closed_long_ago = await opens(store, replace(S2, opened_at=at(-800)))
    closed = await opens(store, replace(S2, opened_at=at(-50)))
    other = await opens(store, S2, "globex")
    for key in (closed_long_ago, closed):
        done = replace(change(1, events=(wrote(),)), ticket=key, closed=True, summary=S2)
        await store.append(None, done)
    found = {entry.key: entry.summary for entry in await store.since(["acme"], at(-50))}
    assert set(found) == {old, closed}
    assert found[old] == replace(S2, opened_at=at(-900), kept=(at(-5),), missed=(at(-3), at(-2)))
    assert {entry.key for entry in await store.since(["acme", "globex"], at(-49))} == {old, other}
    assert await store.since([], at(-900)) == []
