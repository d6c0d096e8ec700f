"""An emergency is handed over at the end of its owner's turn (M3-17), before real adapters."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from adapters.sql.store import connect
from bot.desk.desk import Desk
from bot.model.views import Audience
from bot.ports import ChatPlatform
from bot.runtime.scheduler import wake_due_tickets
from tests.harness import ALICE, BOB, DeskInMemory, FakeChat, HeldClock, directory_of
from tests.harness import S1 as S1_ANSWERS
from tests.memory_store import MemoryStore
from tests.platforms.conftest import FRIDAY_AFTERNOON, OpenWorkplace
from tests.platforms.desk_files import desk_in_shifts
from tests.platforms.story import KEY, S1, Story, open_story

CHATS = ("slack", "teams")
Taken = Callable[[str], Awaitable[Story]]
ASKS = "ACME 1 Bob is off duty now S1 for Acme GmbH All is down"


@pytest.fixture
def taken(open_workplace: OpenWorkplace, tmp_path: Path) -> Taken:
    """An S1 of Alice's that Bob took; his turn ends in half an hour."""

    async def on(name: str) -> Story:
        clock, store = HeldClock(FRIDAY_AFTERNOON), MemoryStore()
        workplace = await open_workplace(name, clock, store)
        desk = await open_story(tmp_path, desk_in_shifts(name), clock, store, [workplace])
        desk.desk.key_values = store
        await desk.opens("Alice", "All is down", S1)
        await desk.agent("Take it")
        await desk.agent("Update", "We are on it.")
        return desk

    return on


def owner(desk: Story, audience: Audience = Audience.AGENTS) -> str:
    words = desk.card_view(audience).words
    return words.split("Owner ")[1].split(" Next")[0]


@pytest.mark.parametrize("name", CHATS)
async def test_the_next_person_on_call_is_asked_and_takes_it(taken: Taken, name: str) -> None:
    """M3-17: by a mention in triage and a direct message; the customer reads nothing but the new owner."""
    desk = await taken(name)
    await desk.wait(minutes=29)
    to_customer = desk.words("/customer/")
    assert desk.refs("/page/eve") == []
    await desk.wait(minutes=1)

    (asked,) = [words for words in desk.words("/triage/page") if "off duty" in words]
    assert asked.startswith(ASKS)
    assert asked.endswith("Eve please take over")
    (page,) = desk.refs("/page/eve")
    shown = desk.agents.displayed(page)
    assert shown.words.startswith(ASKS.replace("now", "now Please take over"))
    assert shown.labels == ("Take it", "Acknowledge", "I'll call", "Delegate", "Snooze")
    assert "Bob has this ticket" in desk.words("/page/bob")[0], "his page was answered long ago"
    assert owner(desk).startswith("Bob off duty")
    assert "off duty" not in desk.card_view(Audience.CUSTOMER).words

    await desk.agents.presses("Eve", "Take it", page)
    await desk.deliver()
    assert owner(desk).startswith("Eve")
    assert owner(desk, Audience.CUSTOMER).startswith("Eve")
    ended = desk.agents.displayed(page)
    assert (ended.labels, "Eve has this ticket" in ended.words) == ((), True)
    await desk.wait(hours=7, minutes=59)
    assert len(desk.refs("/page/bob")) == 1, "Bob is not paged for what he handed over"
    assert desk.refs("/page/kim") == []
    assert [words for words in desk.words("/customer/") if words not in to_customer] == []
    await desk.wait(minutes=1)
    assert len(desk.refs("/page/kim")) == 1


@pytest.mark.parametrize("name", CHATS)
async def test_without_an_answer_it_is_paged_on_as_any_page(taken: Taken, name: str) -> None:
    """MON-18: Eve twice, Kim twice, then leadership, and in the end the TAM too; never Bob."""
    desk = await taken(name)
    await desk.wait(minutes=61)
    asked = [words.split()[-4] for words in desk.words("/triage/page") if "off duty" in words]
    assert asked == ["Eve", "Eve", "Kim", "Kim", "Mia", "Mia", "Mia", "Dana"]
    told = await desk.agents.presses("Kim", "Acknowledge", desk.refs("/page/kim")[-1])
    assert "Bob still owns ACME-1. Press Take it to take over." in " ".join(told.split())
    await desk.deliver()
    seen = desk.agents.displayed(desk.refs("/page/kim")[-1])
    assert "Kim acknowledged this page Bob still owns the ticket" in seen.words
    assert owner(desk).startswith("Bob off duty")
    before = len(desk.words("/triage/page"))
    await desk.wait(hours=7, minutes=28)
    assert len(desk.words("/triage/page")) == before, "until the end of this turn"
    await desk.wait(minutes=1)
    assert desk.words("/triage/page")[-1].endswith("Kim please take over")


@pytest.mark.parametrize("name", CHATS)
async def test_an_owner_who_stays_takes_it_again(taken: Taken, name: str) -> None:
    desk = await taken(name)
    await desk.wait(minutes=31)
    assert "already own" not in await desk.agent("Take it")
    assert "off duty" not in owner(desk)
    before = len(desk.words("/triage/page"))
    await desk.wait(hours=7)
    assert len(desk.words("/triage/page")) == before
    assert "already own" in await desk.agent("Take it")


async def pages_of(desk: Desk) -> list[str]:
    start = (await desk.ticket(KEY)).opened.at
    every = [page for page in (await desk.ticket(KEY)).pages if page.person]
    return [f"{int((page.at - start).total_seconds() / 60)} {page.person}" for page in every]


async def test_a_restart_in_the_middle_changes_nothing(tmp_path: Path) -> None:
    """Each process has nothing but the database and the time. One is down at the end of the turn."""
    url, clock, chat = f"sqlite:///{tmp_path}/desk.db", HeldClock(FRIDAY_AFTERNOON), FakeChat()

    async def process(up_to: str) -> list[str]:
        async with connect(url) as store:
            desk = Desk(store, clock, directory_of(tmp_path, desk_in_shifts("slack")), {"slack": chat})
            running = DeskInMemory(desk, store, clock, chat)
            if not await store.tickets("acme"):
                key = await running.submits(ALICE, "All is down", S1_ANSWERS)
                await running.presses(BOB, "Take it", key)
            await running.fast_forward(minutes=(HeldClock(up_to).at - clock.at).total_seconds() / 60)
            return await pages_of(desk)

    assert await process("2026-03-20T15:50:00Z") == ["0 bob"]
    clock.at = HeldClock("2026-03-20T16:03:00Z").at
    assert await process("2026-03-20T16:04:00Z") == ["0 bob", "33 eve"]
    assert await process("2026-03-20T16:14:00Z") == ["0 bob", "33 eve", "38 eve", "43 kim"]
    keys = [said.key for said in chat.posted]
    assert len(keys) == len(set(keys))


async def test_two_workers_ask_once(tmp_path: Path) -> None:
    clock, chat = HeldClock(FRIDAY_AFTERNOON), FakeChat()
    async with connect(f"sqlite:///{tmp_path}/desk.db") as store:
        platforms: dict[str, ChatPlatform] = {"slack": chat}
        one, other = (
            Desk(store, clock, directory_of(tmp_path, desk_in_shifts("slack")), platforms) for _ in range(2)
        )
        running = DeskInMemory(one, store, clock, chat)
        key = await running.submits(ALICE, "All is down", S1_ANSWERS)
        await running.presses(BOB, "Take it", key)
        await running.fast_forward(minutes=29)
        for _ in range(3):
            clock.at = await store.next_wake() or clock.at
            for desk in (one, other, one):
                await wake_due_tickets(desk)
                await running.deliver()
        history = (await one.ticket(key)).history
        assert [type(event).__name__ for event in history].count("Handover") == 1
    names = [said.key for said in chat.posted if said.key and "/triage/page" in said.key]
    assert len(names) == len(set(names))
