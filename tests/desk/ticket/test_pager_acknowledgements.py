"""What somebody acknowledged in a pager, as the desk takes it: it is the button of a page."""

from __future__ import annotations

import pytest

from bot.model.inbound import Done, PagerAcknowledged
from bot.ports import Appended, Change, Conflict, Duplicate, RedeliverLater
from sla_core.events import Alerted
from tests.desk_file import desk_file
from tests.harness import ALICE, EVE, S1, S2, DeskInMemory, answer_text, done
from tests.journeys.conftest import OpenDesk, a_desk

__all__ = ["a_desk"]


def act(
    desk: DeskInMemory, ticket: str, by: str = "Bob", email: str = "", key: str = ""
) -> PagerAcknowledged:
    return PagerAcknowledged(key or desk.envelope(), desk.clock.now(), "pd", ticket, by, email)


async def test_it_ends_the_pages_once(a_desk: OpenDesk) -> None:
    """MON-18. A repetition changes nothing, and neither does an answer that comes too late."""
    desk = await a_desk()
    key = await desk.submits(ALICE, "All is down", S1)
    again = act(desk, key)
    assert done(await desk.answers(again))
    answered = await desk.last(key)
    assert isinstance(answered, Alerted)
    assert (answered.act, answered.page, answered.person, answered.by.name) == (
        "acknowledge",
        True,
        "bob",
        "Bob",
    )
    assert await desk.answers(again) == Done(duplicate=True)
    assert done(await desk.answers(act(desk, key, "Eve")))
    assert await desk.last(key) == answered


@pytest.mark.parametrize(("by", "email"), [("BOB", ""), ("bob", "bob@elsewhere.example")])
async def test_a_name_matches_in_any_case(a_desk: OpenDesk, by: str, email: str) -> None:
    desk = await a_desk()
    key = await desk.submits(ALICE, "All is down", S1)
    await desk.answers(act(desk, key, by, email))
    answered = await desk.last(key)
    assert (answered.by.id, answered.by.name) == ("slack::U0BOB", "Bob")


async def test_an_address_counts_more_than_a_name(a_desk: OpenDesk) -> None:
    file = desk_file().replace('id = "eve"', 'id = "eve"\nemail = "eve@vendor.example"')
    desk = await a_desk(desk_file=file)
    key = await desk.submits(ALICE, "All is down", S1)
    await desk.answers(act(desk, key, "Bob", "EVE@vendor.example"))
    assert (await desk.last(key)).by.name == "Eve"


async def test_a_name_of_two_people_is_nobodys(a_desk: OpenDesk) -> None:
    desk = await a_desk(desk_file=desk_file().replace('name = "Eve"', 'name = "Bob"'))
    key = await desk.submits(ALICE, "All is down", S1)
    await desk.answers(act(desk, key, "Bob"))
    answered = await desk.last(key)
    assert (answered.by.id, answered.by.name) == ("pager:pd:Bob", "Bob")


async def test_nobody_is_paged_so_nothing_changes(a_desk: OpenDesk) -> None:
    desk = await a_desk()
    key = await desk.submits(ALICE, "It is slow", S2)
    before = await desk.events(key)
    assert done(await desk.answers(act(desk, key)))
    assert await desk.events(key) == before


async def test_a_ticket_that_does_not_exist_changes_nothing(a_desk: OpenDesk) -> None:
    desk = await a_desk()
    assert answer_text(await desk.answers(act(desk, "ACME-9"))) == "This ticket does not exist."


async def test_a_ticket_that_changes_too_quickly_asks_for_a_repetition(
    a_desk: OpenDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = await a_desk()
    key = await desk.submits(ALICE, "All is down", S1)

    async def busy(envelope: str | None, change: Change) -> Appended | Duplicate:
        raise Conflict(key)

    with monkeypatch.context() as patched:
        patched.setattr(desk.desk.store, "append", busy)
        with pytest.raises(RedeliverLater):
            await desk.answers(act(desk, key, key="once"))
    assert done(await desk.answers(act(desk, key, key="once")))
    assert (await desk.last(key)).by.name == "Bob"


async def test_somebody_unknown_can_hand_over_to_agents(a_desk: OpenDesk) -> None:
    """Who acknowledged without an entry in the file acts like anybody: Eve may take the ticket."""
    desk = await a_desk()
    key = await desk.submits(ALICE, "All is down", S1)
    await desk.answers(act(desk, key, "Night shift: desk 2"))
    assert (await desk.last(key)).by.id == "pager:pd:Night shift: desk 2"
    assert done(await desk.presses(EVE, "Take it", key))
    assert (await desk.ticket(key)).owner is not None
