"""Where messages were posted, and messages that the outbox did not send itself."""

from __future__ import annotations

from dataclasses import replace

from bot.model.address import MessageRef
from bot.model.views import Notice
from bot.ports import StandingHelp
from tests.sql.conftest import TwoProcesses
from tests.sql.outbox_steps import FullStore, delivers, next_keys
from tests.sql.samples import ACME, NOON, message, opening

HELP = replace(message("help"), ticket=None, content=StandingHelp())
STANDING = MessageRef(ACME, "1.0")


async def test_a_posted_message_is_found_by_its_place(store: FullStore) -> None:
    await store.enqueue([HELP])
    assert await store.key_of(STANDING) is None, "not posted yet"
    assert await delivers(store, ACME, STANDING) == "help"
    assert await store.key_of(STANDING) == "help"


async def test_an_edit_does_not_answer_for_the_message_it_edited(store: FullStore) -> None:
    await store.enqueue([replace(HELP, posted=STANDING)])
    await store.enqueue([replace(HELP, key="edit", edits="help")])
    claimed = await store.claim(HELP.lane, NOON, NOON)
    assert claimed is not None
    assert claimed.edits == STANDING
    await store.sent("edit", STANDING)
    assert await store.key_of(STANDING) == "help"


async def test_the_newest_version_of_a_message_is_its_last_edit(store: FullStore) -> None:
    assert await store.newest_version(STANDING) is None
    first = replace(HELP, content=Notice(("Bills are late",)))
    await store.enqueue([first])
    await delivers(store, ACME, STANDING)
    await store.enqueue([replace(first, key="edit", edits="help", content=Notice(("Done",)))])
    found = await store.newest_version(STANDING)
    assert found is not None
    assert (found.key, found.content) == ("help", first.content), "the edit has not arrived"
    await delivers(store, ACME, STANDING)
    found = await store.newest_version(STANDING)
    assert found is not None
    assert (found.key, found.content) == ("edit", Notice(("Done",)))


async def test_an_adopted_message_is_not_sent_and_others_follow_below_it(store: FullStore) -> None:
    await store.enqueue([replace(HELP, posted=STANDING)])
    assert await next_keys(store) == []
    assert await store.key_of(STANDING) == "help"
    assert await store.ticket_of(STANDING) is None
    await store.enqueue([replace(HELP, key="below", thread="help")])
    claimed = await store.claim(HELP.lane, NOON, NOON)
    assert claimed is not None
    assert (claimed.message.content, claimed.thread) == (StandingHelp(), STANDING)


async def test_many_are_found_by_their_keys(store: FullStore) -> None:
    await store.enqueue([replace(HELP, posted=STANDING), replace(HELP, key="waits")])
    assert await store.posted(["help", "waits", "unknown"]) == {"help": STANDING}
    assert await store.posted([]) == {}


async def test_a_message_that_stands_twice_leads_to_its_ticket(store: FullStore) -> None:
    """Questions were asked below it; then a ticket was opened from it."""
    await store.enqueue([replace(HELP, key="asked-below", posted=STANDING)])
    assert await store.ticket_of(STANDING) is None
    await store.open("envelope", "acme", opening(replace(message("ACME-1/asked"), posted=STANDING)))
    assert await store.ticket_of(STANDING) == "ACME-1"
    assert await next_keys(store) == []


async def test_a_known_key_is_not_changed(store: FullStore) -> None:
    """Meanwhile it was posted again, and the new message replaced it."""
    await store.enqueue([replace(HELP, posted=STANDING)])
    await store.enqueue([replace(HELP, posted=MessageRef(ACME, "2.0"))])
    assert await store.key_of(STANDING) == "help"
    assert await store.key_of(MessageRef(ACME, "2.0")) is None


async def test_replicas_see_what_another_one_adopted(two_processes: TwoProcesses) -> None:
    one, other = two_processes
    await one.enqueue([replace(HELP, posted=STANDING)])
    await other.enqueue([replace(HELP, posted=STANDING)])
    assert await other.key_of(STANDING) == "help"
