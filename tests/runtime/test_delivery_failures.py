"""What platforms do to those who call them: limits, outages, lost answers, messages that are gone."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest

from adapters.sql.store import SqlStore, connect
from bot.model.address import MessageRef, Place, UserRef
from bot.model.views import Notice, View
from bot.ports import Charge, Message, NotEditable, PermanentFailure, Priority, TemporaryFailure
from bot.runtime import delivery
from sla_core.events import Undelivered
from tests.harness import (
    ACME,
    ALICE,
    BOB,
    S2,
    SILVER,
    TRIAGE,
    DeskInMemory,
    FakeChat,
    PostedMessage,
    open_desk,
)
from tests.journeys.conftest import FRIDAY_AFTERNOON
from tests.memory_store import MemoryStore
from tests.sql.raw_sql import run
from tests.virtual_time import in_virtual_time

SECOND = timedelta(seconds=1)
HELLO = Notice(("hello",))


@dataclass
class Limited(FakeChat):
    """Each workspace and method has a bucket of its own; a place's workspace is its last letter."""

    limits: dict[str, list[Exception]] = field(default_factory=dict)

    def charges(self, to: Place | UserRef, edits: MessageRef | None, priority: Priority) -> Sequence[Charge]:
        return [Charge(self._bucket(to, edits is not None), SECOND, 50)]

    def _bucket(self, to: Place | UserRef, edits: bool) -> str:
        return f"{to.id[-1]}:{'update' if edits else 'post'}"

    async def post(
        self, to: Place | UserRef, view: View, thread: MessageRef | None, key: str | None = None
    ) -> MessageRef:
        self._limit(self._bucket(to, False))
        return await super().post(to, view, thread, key)

    async def update(self, message: MessageRef, view: View) -> None:
        self._limit(self._bucket(message.place, True))
        await super().update(message, view)

    def _limit(self, bucket: str) -> None:
        if self.limits.get(bucket):
            raise self.limits[bucket].pop(0)


async def quiet_desk(tmp_path: Path, chat: FakeChat | None = None) -> tuple[DeskInMemory, MemoryStore]:
    """A desk whose ticket ACME-1 is opened and shown."""
    store = MemoryStore()
    desk = await open_desk(tmp_path, FRIDAY_AFTERNOON, store=store)
    if chat is not None:
        desk.desk.platforms["slack"] = desk.chat = chat
        desk.chats = (chat,)
    await desk.submits(ALICE, "Bills are slow", S2)
    return desk, store


def says(store: MemoryStore, key: str, to: Place, priority: Priority = Priority.STATE) -> None:
    store.say(Message(key, "ACME-1", to, Notice((key,)), priority))


def texts(desk: DeskInMemory) -> list[str]:
    return [said.text for said in desk.chat.posted]


async def test_a_rate_limit_blocks_its_own_key_and_nothing_else(tmp_path: Path) -> None:
    """Complaint 33: other methods and workspaces continue, and the blocked one is not called again."""
    chat = Limited()
    desk, store = await quiet_desk(tmp_path, chat)
    one, same, other = Place("slack", "C1A"), Place("slack", "C2A"), Place("slack", "C3B")
    posted = MessageRef(one, "posted before")
    chat.limits["A:post"] = [TemporaryFailure("ratelimited", 30), AssertionError("knocked again")]

    says(store, "first", one)
    await desk.deliver()
    says(store, "behind it", same)
    says(store, "elsewhere", other)
    await desk.deliver()
    assert "elsewhere" in texts(desk)
    assert not {"first", "behind it"} & set(texts(desk))

    chat.posted.append(PostedMessage(posted, one, HELLO, None))
    store.say(Message("card", "ACME-1", one, HELLO, Priority.STATE))
    store.outbox["card"].state, store.outbox["card"].ref = "sent", posted
    store.say(Message("edit", "ACME-1", one, Notice(("edited",)), Priority.BREACH, edits="card"))
    await desk.deliver()
    assert "edited" in texts(desk)

    desk.clock.at += SECOND * 37
    chat.limits.clear()
    await desk.deliver()
    assert {"first", "behind it"} <= set(texts(desk))


@pytest.mark.parametrize("fault", ["HTTP 503", "no answer in time", "connection reset"])
async def test_temporary_failures_are_retried_with_growing_jittered_delays(
    tmp_path: Path, fault: str
) -> None:
    """With jitter: a thousand lanes that failed together do not come back together."""
    desk, store = await quiet_desk(tmp_path)
    places = [Place("slack", f"C{n}") for n in range(20)]
    for place in places:
        says(store, str(place), place)
    desk.delivery.random = Random(5)
    desk.chat.failures += [TemporaryFailure(fault) for _ in places]
    await desk.delivery.deliver()
    desk.chat.failures.clear()
    again = {store.held[str(place)].not_before for place in places if str(place) in store.held}
    assert len(again) >= 16, "each at its own instant"
    assert all(instant is not None and instant > desk.clock.at for instant in again)
    desk.clock.at += SECOND * 2
    await desk.deliver()
    assert {str(place) for place in places} <= set(texts(desk))


async def test_a_message_that_arrived_is_not_sent_again_after_a_lost_response(tmp_path: Path) -> None:
    """engine.md test 11, complaint 31: found by its mark."""
    desk, store = await quiet_desk(tmp_path)
    desk.chat.lost.append(TemporaryFailure("no answer in time", maybe_delivered=True))
    says(store, "only once", ACME)
    says(store, "behind it", ACME)
    await desk.deliver()
    assert texts(desk).count("only once") == 1
    assert "behind it" not in texts(desk), "its place waits"
    desk.clock.at += SECOND * 2
    await desk.deliver()
    assert texts(desk)[-2:] == ["only once", "behind it"]
    said = store.outbox["only once"]
    assert said.state == "sent"
    assert said.ref == desk.chat.posted[-2].ref


async def test_a_message_is_sent_again_if_its_arrival_is_unknown(tmp_path: Path) -> None:
    """Twice is better than never."""
    desk, store = await quiet_desk(tmp_path)
    desk.chat.finds_posted = False
    desk.chat.lost.append(TemporaryFailure("no answer in time", maybe_delivered=True))
    says(store, "perhaps twice", ACME)
    await desk.deliver()
    desk.clock.at += SECOND * 2
    await desk.deliver()
    assert texts(desk).count("perhaps twice") == 2


async def test_a_possible_arrival_is_remembered_across_a_second_failure(tmp_path: Path) -> None:
    """Lost, then limited, then found: neither the limit nor a want of tokens makes it unsaid."""
    chat = Limited()
    desk, store = await quiet_desk(tmp_path, chat)
    finding: list[Exception] = [TemporaryFailure("ratelimited", 5)]
    find = chat.find

    async def limited(to: Place | UserRef, key: str, thread: MessageRef | None, since: object) -> object:
        if finding:
            raise finding.pop(0)
        return await find(to, key, thread, desk.clock.at)

    chat.find = limited  # type: ignore[method-assign, assignment]
    chat.lost.append(TemporaryFailure("connection reset", maybe_delivered=True))
    says(store, "only once", ACME)
    await desk.deliver()
    desk.clock.at += SECOND * 2
    await desk.deliver()
    desk.clock.at += SECOND * 10
    await desk.deliver()
    assert texts(desk).count("only once") == 1
    assert store.outbox["only once"].state == "sent"


async def test_an_exhausted_rate_limit_does_not_erase_a_possible_arrival(tmp_path: Path) -> None:
    desk, store = await quiet_desk(tmp_path)
    chat = desk.chat
    chat.finds_posted = False
    chat.lost.append(TemporaryFailure("connection reset", maybe_delivered=True))
    says(store, "perhaps twice", ACME)
    await desk.deliver()
    chat.call_costs = [Charge("tight", SECOND * 60, 1)]
    await store.block_until(["tight"], desk.clock.at + SECOND * 30)
    desk.clock.at += SECOND * 2
    await desk.deliver()
    assert store.outbox["perhaps twice"].tried_at is not None
    chat.finds_posted = True
    desk.clock.at += SECOND * 60
    await desk.deliver()
    assert texts(desk).count("perhaps twice") == 1


@in_virtual_time
async def test_a_hanging_call_is_cancelled_before_the_lease_expires(tmp_path: Path) -> None:
    """A call that outlasts its lease might be sent by another process as well."""
    assert timedelta(seconds=delivery.SEND_TIMEOUT) < delivery.LEASE
    desk, store = await quiet_desk(tmp_path)
    post = desk.chat.post

    async def hangs(*args: object, **more: object) -> MessageRef:
        await post(*args, **more)  # type: ignore[arg-type]
        await asyncio.Event().wait()
        raise AssertionError

    desk.chat.post = hangs  # type: ignore[method-assign]
    says(store, "only once", ACME)
    await desk.deliver()
    assert store.outbox["only once"].tried_at is not None
    desk.chat.post = post  # type: ignore[method-assign]
    desk.clock.at += SECOND * 2
    await desk.deliver()
    assert texts(desk).count("only once") == 1


@in_virtual_time
async def test_a_hanging_search_is_retried_and_nothing_is_sent_twice(tmp_path: Path) -> None:
    desk, store = await quiet_desk(tmp_path)
    find = desk.chat.find

    async def hangs(*args: object) -> None:
        await asyncio.Event().wait()

    desk.chat.lost.append(TemporaryFailure("connection reset", maybe_delivered=True))
    desk.chat.find = hangs  # type: ignore[method-assign, assignment]
    says(store, "only once", ACME)
    for _ in range(delivery.RENDER_RETRIES + 2):
        await desk.deliver()
        desk.clock.at += SECOND * 400
    assert store.outbox["only once"].state == "waiting"
    desk.chat.find = find  # type: ignore[method-assign]
    await desk.deliver()
    assert texts(desk).count("only once") == 1


async def test_a_card_that_can_no_longer_be_edited_is_posted_again(tmp_path: Path) -> None:
    """Deleted, too old, or of a conversation that is gone: from then on the new one is kept up to date."""
    desk, store = await quiet_desk(tmp_path)
    first = desk.card("ACME-1")
    desk.chat.failures.append(NotEditable("message_not_found"))
    await desk.presses(BOB, "Acknowledge", "ACME-1")
    cards = [said for said in desk.chat.posted if said.to == first.to and said.thread is None]
    assert len(cards) == 2, "one of the two cards was posted anew"
    old, new = cards
    edits = new.edits
    await desk.submits_form(BOB, "Reply", "ACME-1", text="We look into it.")
    assert (old.edits, new.edits) == (0, edits + 1)
    for said in cards:
        assert await store.ticket_of(said.ref) == "ACME-1", "people may answer under either"
    assert [s.thread for s in desk.chat.posted if "We look into it" in s.text and s.to == ACME] == [new.ref]


async def test_a_replacement_card_is_posted_once(tmp_path: Path) -> None:
    desk, store = await quiet_desk(tmp_path)
    store.say(Message("edit", "ACME-1", ACME, Notice(("anew",)), Priority.STATE, edits="ACME-1/customer"))
    desk.chat.failures += [NotEditable("message_not_found")]
    desk.chat.lost.append(TemporaryFailure("connection reset", maybe_delivered=True))
    await desk.deliver()
    desk.clock.at += SECOND * 2
    desk.chat.failures += [NotEditable("message_not_found")]
    await desk.deliver()
    assert texts(desk).count("anew") == 1
    assert store.outbox["edit"].state == "sent"


async def test_a_permanent_failure_is_reported_once(tmp_path: Path) -> None:
    """However many edits of it follow."""
    desk, store = await quiet_desk(tmp_path)
    for n in range(3):
        desk.chat.failures.append(PermanentFailure("channel_not_found"))
        store.say(Message(f"edit {n}", "ACME-1", ACME, HELLO, Priority.STATE, edits="ACME-1/customer"))
        await desk.deliver()
    told = [e for e in (await desk.ticket("ACME-1")).history if isinstance(e, Undelivered)]
    assert [event.message for event in told] == ["ACME-1/customer"]
    assert sum("Not delivered" in text for text in desk.heard(TRIAGE)) == 1


async def poisoned(store: SqlStore, key: str) -> None:
    body = '{"kind": "Hologram"}'
    await run(store, "UPDATE outbox SET body = :body WHERE key = :key", body=body, key=key)


async def test_an_unreadable_row_does_not_block_others(tmp_path: Path) -> None:
    """A newer version wrote it while both run: it waits for that one, and its lane goes on without it."""
    async with connect(f"sqlite:///{tmp_path / 'frontline.db'}") as store:
        desk = await open_desk(tmp_path, FRIDAY_AFTERNOON, store=store)
        key = await desk.submits(ALICE, "Bills are slow", S2)
        desk.chat.failures.append(TemporaryFailure("HTTP 503"))
        await desk.submits_form(BOB, "Reply", key, text="We look into it.")
        waiting = [key for (key,) in await run(store, "SELECT key FROM outbox WHERE state = 'waiting'")]
        assert waiting
        for each in waiting:
            await poisoned(store, each)
        desk.clock.at += SECOND * 5
        other = await desk.submits(ALICE, "Something else", S2)
        assert desk.card_view(other).key == other
        found = await run(store, "SELECT key, why FROM outbox WHERE state = 'waiting'")
        assert {row[0] for row in found} == set(waiting)
        assert all("update Frontline" in row[1] for row in found)


async def test_a_failing_channel_does_not_delay_other_channels(tmp_path: Path) -> None:
    desk, store = await quiet_desk(tmp_path)
    desk.chat.failures.append(TemporaryFailure("HTTP 503"))
    says(store, "here", ACME)
    await desk.deliver()
    says(store, "there", SILVER)
    await desk.deliver()
    assert "there" in texts(desk)
    assert "here" not in texts(desk)
