"""What every Store promises about messages."""

from __future__ import annotations

from datetime import datetime

import pytest

from bot.address import MessageRef, Place
from bot.ports import Message, Outgoing, Priority, Store
from tests.sql.samples import DANA, NOON, TRIAGE, at, change, message, opening, ref


async def says(store: Store, *messages: Message) -> None:
    if not await store.tickets("acme"):
        await store.open("first", "acme", opening())
    await store.append(None, change(1, *messages))


async def next_of(store: Store, ready_at: datetime = NOON, limit: int = 10) -> list[str]:
    return [outgoing.message.key for outgoing in await store.unsent(ready_at, limit)]


async def test_a_message_comes_back_as_it_was_said(store: Store) -> None:
    said = message("m1", to=DANA, priority=Priority.BREACH, effect=3)
    await says(store, said)
    assert await store.unsent(at(0), 10) == [Outgoing(said, 0, None, None)]


async def test_the_messages_of_an_opening_go_out(store: Store) -> None:
    await store.open("e1", "acme", opening(message("m1"), message("m2", to=TRIAGE)))
    assert await next_of(store) == ["m1", "m2"]


async def test_one_of_each_lane_most_urgent_first(store: Store) -> None:
    await says(
        store,
        message("acme-reply", priority=Priority.REPLY),
        message("acme-state"),
        message("triage", to=TRIAGE),
        message("dana", to=DANA, priority=Priority.COUNTDOWN),
        message("page", to=DANA, priority=Priority.PAGE),
    )
    assert await next_of(store) == ["page", "acme-state", "triage", "dana"]
    assert await next_of(store, limit=2) == ["page", "acme-state"]


async def test_a_lane_keeps_the_order_of_decision(store: Store) -> None:
    await says(store, message("b"), message("a"), message("c"))
    order = []
    while found := await next_of(store):
        order += found
        await store.sent(found[0], ref(found[0]))
    assert order == ["b", "a", "c"]


async def test_a_key_is_said_once(store: Store) -> None:
    await says(store, message("m1"))
    await says(store, message("m1", to=TRIAGE))
    assert await next_of(store) == ["m1"]
    await store.sent("m1", ref("1"))
    await says(store, message("m1"))
    assert await next_of(store) == []


async def test_a_thread_waits_for_its_first_message(store: Store) -> None:
    urgent = message("breach", priority=Priority.BREACH, thread="card")
    await says(store, message("card"), message("other"), urgent)
    assert await next_of(store) == ["card"]
    await store.sent("card", ref("7"))
    assert await store.unsent(at(0), 10) == [Outgoing(urgent, 0, ref("7"), None)]


async def test_what_waits_does_not_hold_up_its_lane(store: Store) -> None:
    await says(store, message("orphan", thread="not yet said"), message("free"))
    assert await next_of(store) == ["free"]
    await says(store, message("not yet said"))
    await store.sent("free", ref("1"))
    assert await next_of(store) == ["not yet said"]
    await store.sent("not yet said", ref("2"))
    assert await next_of(store) == ["orphan"]


async def test_a_thread_whose_first_message_was_refused_goes_top_level(store: Store) -> None:
    reply = message("reply", thread="card")
    await says(store, message("card"), reply)
    await store.refused("card", "channel is archived")
    assert await store.unsent(at(0), 10) == [Outgoing(reply, 0, None, None)]


async def test_an_edit_waits_for_its_message_and_knows_it(store: Store) -> None:
    place = Place("slack", "D0DANA", direct=True)
    edit = message("edit", to=DANA, edits="dm")
    await says(store, message("dm", to=DANA), edit)
    assert await next_of(store) == ["dm"]
    await store.sent("dm", MessageRef(place, "7"))
    assert await store.unsent(at(0), 10) == [Outgoing(edit, 0, None, MessageRef(place, "7"))]


async def test_of_several_edits_only_the_newest_goes(store: Store) -> None:
    await says(store, message("card"), message("other", to=TRIAGE))
    await store.sent("card", ref("1"))
    await store.sent("other", ref("2", TRIAGE))
    await says(store, message("e1", edits="card"), message("o1", to=TRIAGE, edits="other"))
    await says(store, message("e2", edits="card"), message("e3", edits="card"))
    assert await next_of(store) == ["o1", "e3"]
    await store.sent("e3", ref("1"))
    assert await next_of(store) == ["o1"]
    await says(store, message("e4", edits="card"), message("e3", edits="card"))
    assert await next_of(store) == ["o1", "e4"]


async def test_the_newest_edit_inherits_urgency(store: Store) -> None:
    await says(store, message("card"))
    await store.sent("card", ref("1"))
    countdown = message("countdown", priority=Priority.COUNTDOWN, edits="card")
    await says(store, message("state", edits="card"), message("reply", priority=Priority.REPLY), countdown)
    assert [(o.message.key, o.message.priority) for o in await store.unsent(at(0), 10)] == [
        ("countdown", Priority.STATE)
    ]


async def test_an_edit_on_its_way_may_still_arrive(store: Store) -> None:
    await says(store, message("card"))
    await store.sent("card", ref("1"))
    await says(store, message("e1", edits="card"))
    assert await next_of(store) == ["e1"]
    await says(store, message("e2", edits="card"))
    await store.sent("e1", ref("1"))
    assert await next_of(store) == ["e2"]


async def test_edits_of_what_was_refused_are_done(store: Store) -> None:
    await says(store, message("card"), message("edit", edits="card"))
    await store.refused("card", "channel is archived")
    await says(store, message("late edit", edits="card"))
    assert await next_of(store) == []


async def test_a_refusal_frees_the_lane(store: Store) -> None:
    await says(store, message("m1"), message("m2"))
    await store.park("m1", at(5), "rate limit")
    await store.refused("m1", "too long")
    assert await next_of(store) == ["m2"]


async def test_what_was_sent_is_not_refused_afterwards(store: Store) -> None:
    await says(store, message("card"), message("reply", thread="card"))
    await store.sent("card", ref("1"))
    await store.refused("card", "a late answer")
    assert [outgoing.thread for outgoing in await store.unsent(at(0), 10)] == [ref("1")]
    await store.sent("reply", ref("2"))
    await says(store, message("edit", edits="card"))
    assert await next_of(store) == ["edit"]


async def test_a_thread_on_an_edit_that_is_done_goes_top_level(store: Store) -> None:
    reply = message("reply", thread="edit")
    await says(store, message("card"), message("edit", edits="card"), reply)
    await store.refused("card", "channel is archived")
    assert await store.unsent(at(0), 10) == [Outgoing(reply, 0, None, None)]


async def test_a_parked_lane_waits_and_the_others_do_not(store: Store) -> None:
    await says(store, message("m1"), message("triage", to=TRIAGE))
    await store.park("m1", at(5), "rate limit")
    await says(store, message("breach", priority=Priority.BREACH), message("p", priority=Priority.PAGE))
    assert await next_of(store, at(4)) == ["p", "triage"]
    assert await next_of(store, at(5)) == ["p", "breach", "triage"]


async def test_attempts_are_counted(store: Store) -> None:
    await says(store, message("m1"))
    await store.park("m1", at(5), "rate limit")
    await store.park("m1", at(9), "rate limit")
    assert [outgoing.attempts for outgoing in await store.unsent(at(9), 10)] == [2]
    assert await next_of(store, at(5)) == []


async def test_when_a_parked_lane_may_speak(store: Store) -> None:
    assert await store.next_ready() is None
    await says(store, message("m1"), message("m2", to=TRIAGE), message("m3", to=DANA))
    assert await store.next_ready() is None
    await store.park("m1", at(5), "rate limit")
    await store.park("m2", at(3), "rate limit")
    assert await store.next_ready() == at(3)
    await store.sent("m2", ref("1", TRIAGE))
    assert await store.next_ready() == at(5)
    await store.refused("m1", "archived")
    assert await store.next_ready() is None


async def test_a_parked_lane_with_nothing_to_say_is_not_ready(store: Store) -> None:
    await says(store, message("card"), message("edit", edits="card"))
    await store.sent("card", ref("1"))
    await store.park("edit", at(5), "rate limit")
    await says(store, message("reply", to=TRIAGE, thread="unsaid"))
    await store.park("reply", at(1), "rate limit")
    assert await store.next_ready() == at(5)


async def test_a_posted_message_leads_to_its_ticket(store: Store) -> None:
    await says(store, message("m1"), message("m2", to=DANA))
    assert await store.ticket_of(ref("1")) is None
    await store.sent("m1", ref("1"))
    await store.sent("m2", MessageRef(Place("slack", "D0DANA", direct=True), "2"))
    assert await store.ticket_of(ref("1")) == "ACME-1"
    assert await store.ticket_of(ref("1", TRIAGE)) is None
    assert await store.ticket_of(MessageRef(Place("slack", "D0DANA"), "2")) == "ACME-1"


async def test_an_unknown_message_is_an_error(store: Store) -> None:
    with pytest.raises(LookupError):
        await store.sent("m1", ref("1"))
    with pytest.raises(LookupError):
        await store.park("m1", at(1), "why")
    with pytest.raises(LookupError):
        await store.refused("m1", "why")
