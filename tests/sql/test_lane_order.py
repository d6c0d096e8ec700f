"""What every Outbox promises about whose turn it is."""

from __future__ import annotations

import pytest

from bot.model.address import MessageRef, Place
from bot.ports import Outgoing, Priority
from tests.sql.outbox_steps import FullStore, bare, begins, claim_all, defers, delivers, next_keys, says
from tests.sql.samples import ACME, DANA, NOON, TRIAGE, at, message, opening, ref


async def test_a_message_is_read_as_it_was_stored(store: FullStore) -> None:
    said = message("m1", to=DANA, priority=Priority.BREACH, effect=3)
    await says(store, said)
    assert [bare(each) for each in await claim_all(store)] == [Outgoing(said, 0, None, None, "")]


async def test_the_messages_of_an_opening_go_out(store: FullStore) -> None:
    await store.open("e1", "acme", opening(message("m1"), message("m2", to=TRIAGE)))
    assert await next_keys(store) == ["m1", "m2"]


async def test_one_of_each_lane_most_urgent_first(store: FullStore) -> None:
    await says(
        store,
        message("acme-reply", priority=Priority.REPLY),
        message("acme-state"),
        message("triage", to=TRIAGE),
        message("dana", to=DANA, priority=Priority.COUNTDOWN),
        message("page", to=DANA, priority=Priority.PAGE),
    )
    assert await next_keys(store) == ["page", "acme-state", "triage", "dana"]
    assert await next_keys(store, limit=2) == ["page", "acme-state"]


async def test_a_lane_keeps_the_order_of_decision(store: FullStore) -> None:
    await says(store, message("b"), message("a"), message("c"))
    order = []
    while found := await next_keys(store):
        order.append(await delivers(store, ACME, ref(found[0])))
    assert order == ["b", "a", "c"]


async def test_a_key_is_sent_once(store: FullStore) -> None:
    await says(store, message("m1"))
    await says(store, message("m1", to=TRIAGE))
    assert await next_keys(store) == ["m1"]
    await store.sent("m1", ref("1"))
    await says(store, message("m1"))
    assert await next_keys(store) == []


async def test_a_thread_waits_for_its_first_message(store: FullStore) -> None:
    urgent = message("breach", priority=Priority.BREACH, thread="card")
    await says(store, message("card"), message("other"), urgent)
    assert await next_keys(store) == ["card"]
    await store.sent("card", ref("7"))
    assert [bare(each) for each in await claim_all(store)] == [Outgoing(urgent, 0, ref("7"), None, "")]


async def test_a_waiting_message_does_not_block_its_lane(store: FullStore) -> None:
    await says(store, message("orphan", thread="not yet said"), message("free"))
    assert await next_keys(store) == ["free"]
    await says(store, message("not yet said"))
    await store.sent("free", ref("1"))
    assert await next_keys(store) == ["not yet said"]
    await store.sent("not yet said", ref("2"))
    assert await next_keys(store) == ["orphan"]


async def test_a_thread_whose_first_message_was_refused_goes_top_level(store: FullStore) -> None:
    reply = message("reply", thread="card")
    await says(store, message("card"), reply)
    await store.refused("card", "channel is archived")
    assert [bare(each) for each in await claim_all(store)] == [Outgoing(reply, 0, None, None, "")]


async def test_an_edit_waits_until_its_message_is_posted(store: FullStore) -> None:
    place = Place("slack", "D0DANA", direct=True)
    edit = message("edit", to=DANA, edits="dm")
    await says(store, message("dm", to=DANA), edit)
    assert await next_keys(store) == ["dm"]
    await store.sent("dm", MessageRef(place, "7"))
    assert [bare(each) for each in await claim_all(store)] == [
        Outgoing(edit, 0, None, MessageRef(place, "7"), "")
    ]


async def test_only_the_newest_of_several_edits_is_sent(store: FullStore) -> None:
    await says(store, message("card"), message("other", to=TRIAGE))
    await store.sent("card", ref("1"))
    await store.sent("other", ref("2", TRIAGE))
    await says(store, message("e1", edits="card"), message("o1", to=TRIAGE, edits="other"))
    await says(store, message("e2", edits="card"), message("e3", edits="card"))
    assert await next_keys(store) == ["e3", "o1"]
    await store.sent("e3", ref("1"))
    assert await next_keys(store) == ["o1"]
    await says(store, message("e4", edits="card"), message("e3", edits="card"))
    assert await next_keys(store) == ["o1", "e4"]


async def test_the_newest_edit_inherits_urgency(store: FullStore) -> None:
    await says(store, message("card"))
    await store.sent("card", ref("1"))
    countdown = message("countdown", priority=Priority.COUNTDOWN, edits="card")
    await says(store, message("state", edits="card"), message("reply", priority=Priority.REPLY), countdown)
    assert [(o.message.key, o.message.priority) for o in await claim_all(store)] == [
        ("countdown", Priority.STATE)
    ]


async def test_an_edit_being_sent_may_still_arrive(store: FullStore) -> None:
    await says(store, message("card"))
    await store.sent("card", ref("1"))
    await says(store, message("e1", edits="card"))
    assert await next_keys(store) == ["e1"]
    await says(store, message("e2", edits="card"))
    await store.sent("e1", ref("1"))
    assert await next_keys(store) == ["e2"]


async def test_edits_of_a_refused_message_are_dropped(store: FullStore) -> None:
    await says(store, message("card"), message("edit", edits="card"))
    await store.refused("card", "channel is archived")
    await says(store, message("late edit", edits="card"))
    assert await next_keys(store) == []


async def test_a_refusal_frees_the_lane(store: FullStore) -> None:
    await says(store, message("m1"), message("m2"))
    await begins(store, ACME)
    await store.refused("m1", "too long")
    assert await next_keys(store) == ["m2"]


async def test_a_sent_message_cannot_be_refused_afterwards(store: FullStore) -> None:
    await says(store, message("card"), message("reply", thread="card"))
    await store.sent("card", ref("1"))
    await store.refused("card", "a late answer")
    assert [outgoing.thread for outgoing in await claim_all(store)] == [ref("1")]
    await store.sent("reply", ref("2"))
    await says(store, message("edit", edits="card"))
    assert await next_keys(store) == ["edit"]


async def test_a_reply_to_a_dropped_edit_goes_top_level(store: FullStore) -> None:
    reply = message("reply", thread="edit")
    await says(store, message("card"), message("edit", edits="card"), reply)
    await store.refused("card", "channel is archived")
    assert [bare(each) for each in await claim_all(store)] == [Outgoing(reply, 0, None, None, "")]


async def test_a_parked_lane_waits_and_the_others_do_not(store: FullStore) -> None:
    await says(store, message("m1"), message("triage", to=TRIAGE))
    await defers(store, ACME, at(5))
    await says(store, message("m2"), message("page", priority=Priority.PAGE))
    assert await next_keys(store, at(4)) == ["page", "triage"]
    assert await next_keys(store, at(5)) == ["page", "m1", "triage"]


async def test_a_parked_lane_lets_the_more_urgent_through(store: FullStore) -> None:
    """The blocked bucket protects the platform. An urgent breach must not wait behind the lane."""
    await says(store, message("m1"))
    await defers(store, ACME, at(5))
    reply, breach = message("reply", priority=Priority.REPLY), message("breach", priority=Priority.BREACH)
    await says(store, message("state"), reply, breach)
    assert await next_keys(store, at(4)) == ["breach"]
    await defers(store, ACME, at(3), at(2))
    assert await next_keys(store, at(2)) == []
    assert await next_keys(store, at(3)) == ["breach"]


async def test_attempts_are_counted(store: FullStore) -> None:
    await says(store, message("m1"))
    await defers(store, ACME, at(1))
    await defers(store, ACME, at(2), at(1))
    assert await next_keys(store, at(1)) == []
    assert [outgoing.attempts for outgoing in await claim_all(store, at(2))] == [2]


async def test_the_next_send_time_is_known(store: FullStore) -> None:
    assert await store.next_ready(NOON) is None
    await says(store, message("m1"), message("m2", to=TRIAGE), message("m3", to=DANA))
    assert await store.next_ready(NOON) is None
    await defers(store, ACME, at(5))
    await defers(store, TRIAGE, at(3))
    assert await store.next_ready(NOON) == at(3)
    assert await store.next_ready(at(3)) == at(5)
    await delivers(store, TRIAGE, ref("1", TRIAGE), at(3))
    assert await store.next_ready(NOON) == at(5)
    await begins(store, ACME, at(5))
    await store.refused("m1", "archived")
    assert await store.next_ready(at(5)) is None


async def test_a_single_deferred_message_is_ready_when_due(store: FullStore) -> None:
    await says(store, message("m1"))
    await store.defer(await begins(store, ACME), at(4), "rate limit", message_only=True)
    assert await store.next_ready(NOON) == at(4)
    assert await store.next_ready(at(4)) is None


async def test_a_held_lane_is_ready_when_its_lease_expires(store: FullStore) -> None:
    """Its holder may have died."""
    await says(store, message("m1"))
    await store.claim(str(ACME), NOON, at(1))
    assert await store.next_ready(NOON) == at(1)


async def test_an_empty_parked_lane_is_not_ready(store: FullStore) -> None:
    await says(store, message("card"), message("state"))
    await delivers(store, ACME, ref("1"))
    await defers(store, ACME, at(3))
    await says(store, message("edit", priority=Priority.BREACH, edits="card"))
    assert await store.next_ready(NOON) == at(3)
    await store.refused("state", "archived")
    await delivers(store, ACME, ref("1"))
    assert await store.next_ready(NOON) is None


async def test_a_posted_message_leads_to_its_ticket(store: FullStore) -> None:
    await says(store, message("m1"), message("m2", to=DANA))
    assert await store.ticket_of(ref("1")) is None
    await store.sent("m1", ref("1"))
    await store.sent("m2", MessageRef(Place("slack", "D0DANA", direct=True), "2"))
    assert await store.ticket_of(ref("1")) == "ACME-1"
    assert await store.ticket_of(ref("1", TRIAGE)) is None
    assert await store.ticket_of(MessageRef(Place("slack", "D0DANA"), "2")) == "ACME-1"


async def test_an_unknown_message_is_an_error(store: FullStore) -> None:
    with pytest.raises(LookupError):
        await store.sent("m1", ref("1"))
    with pytest.raises(LookupError):
        await store.refused("m1", "why")
