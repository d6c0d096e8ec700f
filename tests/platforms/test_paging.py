"""Pages before real adapters: the contract's timeline, and an answer that ends all of it everywhere."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from adapters.sql.store import connect
from bot.desk.desk import Desk
from bot.ports import ChatPlatform
from bot.runtime.scheduler import wake_due_tickets
from tests.harness import ALICE as ALICE_ON_SLACK
from tests.harness import S1 as S1_ANSWERS
from tests.harness import DeskInMemory, FakeChat, HeldClock, directory_of
from tests.memory_store import MemoryStore
from tests.platforms.conftest import FRIDAY_AFTERNOON, PLATFORMS, OpenWorkplace
from tests.platforms.desk_files import emergency_desk
from tests.platforms.story import KEY, S1, Story, open_story
from tests.platforms.workplace import DisplayedMessage

CHATS = ("slack", "teams")
Emergency = Callable[[str], Awaitable[Story]]


@pytest.fixture
def emergency(open_workplace: OpenWorkplace, tmp_path: Path) -> Emergency:
    """A desk with an S1 of Alice's that nobody has answered."""

    async def on(name: str) -> Story:
        clock, store = HeldClock(FRIDAY_AFTERNOON), MemoryStore()
        workplace = await open_workplace(name, clock, store)
        desk = await open_story(tmp_path, emergency_desk(name), clock, store, [workplace])
        desk.desk.key_values = store
        await desk.opens("Alice", "All is down", S1)
        return desk

    return on


def mentioned(desk: Story) -> list[str]:
    """Who the pages in triage name, in order."""
    shown = [*desk.words("/triage/page")]
    return [words.split("Paged")[1].split()[-1] for words in shown]


def pages_to(desk: Story, person: str) -> list[DisplayedMessage]:
    refs = [ref for way in ("page", "page-again") for ref in desk.refs(f"/{way}/{person}")]
    return [desk.agents.displayed(ref) for ref in refs]


async def page_of(desk: Story, who: str, label: str, text: str | None = None) -> str:
    told = await desk.agents.presses(who, label, desk.refs(f"/page/{who.lower()}")[-1], text)
    await desk.deliver()
    return told


@pytest.mark.parametrize("name", PLATFORMS)
async def test_the_timeline_of_the_contract(emergency: Emergency, name: str) -> None:
    """MON-16, MON-18: 0 Bob, 5 Bob, 10 Eve, 15 Eve, 20 Mia, 25 Mia, then Mia and the TAM."""
    desk = await emergency(name)
    await desk.wait(minutes=35)
    assert mentioned(desk) == ["Bob", "Bob", "Eve", "Eve", "Mia", "Mia", "Mia", "Dana", "Mia", "Dana"]
    people = ("bob", "eve", "mia", "dana")
    assert [len(pages_to(desk, person)) for person in people] == [2, 2, 4, 2]
    (first, _) = pages_to(desk, "bob")
    assert first.words.startswith("ACME 1 S1 for Acme GmbH All is down Reported Fri 20 Mar 2026 15 30 UTC")
    assert first.labels == ("Acknowledge", "I'll call", "Delegate", "Snooze")


ANSWERS = [
    ("slack", "Acknowledge", "acknowledged the page", "has this ticket"),
    ("teams", "Acknowledge", "acknowledged the page", "has this ticket"),
    *((name, "I'll call", "will call the customer", "will call the customer") for name in PLATFORMS),
]


@pytest.mark.parametrize(("name", "label", "noted", "ends"), ANSWERS)
async def test_an_answer_ends_every_page_and_says_who_has_it(
    emergency: Emergency, name: str, label: str, noted: str, ends: str
) -> None:
    """MON-18, MTA-21: the buttons vanish for everybody who was paged."""
    desk = await emergency(name)
    await desk.wait(minutes=11)
    told = await page_of(desk, "Eve", label)
    assert "obody else is paged now." in " ".join(told.split())
    for page in [*pages_to(desk, "bob"), *pages_to(desk, "eve")]:
        assert page.labels == ()
        assert f"Eve {ends}" in page.words
    assert desk.words("/triage/")[-1] == f"ACME 1 Eve {noted}"
    await desk.wait(minutes=30)
    assert len(mentioned(desk)) == 3


@pytest.mark.parametrize("name", CHATS)
async def test_a_snooze_says_why_and_the_next_one_is_paged(emergency: Emergency, name: str) -> None:
    desk = await emergency(name)
    await page_of(desk, "Bob", "Snooze", "On the train")
    assert desk.words("/triage/")[-1].endswith("15 45 UTC On the train")
    await desk.wait(minutes=5)
    assert mentioned(desk) == ["Bob", "Eve"]


async def test_delegate_asks_who_takes_over(emergency: Emergency) -> None:
    desk = await emergency("slack")
    read = await desk.agents.reads_form("Bob", "Delegate", desk.refs("/page/bob")[-1])
    assert "Who takes over" in read


@pytest.mark.parametrize("name", CHATS)
async def test_an_agents_escalation_reaches_leadership_while_nobody_answers(
    emergency: Emergency, name: str
) -> None:
    """MON-18: the page begins with the reason."""
    desk = await emergency(name)
    await desk.wait(minutes=2)
    await desk.agent("Escalate", "Nobody picks up")
    (page,) = pages_to(desk, "mia")
    assert page.words.startswith("ACME 1 Bob escalated this ticket Nobody picks up S1 for Acme GmbH")
    await desk.wait(minutes=3)
    assert mentioned(desk) == ["Bob", "Mia", "Bob"], "the first chain goes on"
    await page_of(desk, "Mia", "I'll call")
    await desk.wait(minutes=30)
    assert len(mentioned(desk)) == 3


# Restarts and replicas ------------------------------------------------------------------------


async def pages(desk: Desk) -> list[str]:
    start = (await desk.ticket(KEY)).opened.at
    every = [page for page in (await desk.ticket(KEY)).pages if page.person]
    return [f"{int((page.at - start).total_seconds() / 60)} {page.person}" for page in every]


async def test_a_restart_in_the_middle_changes_nothing(tmp_path: Path) -> None:
    """Each process has nothing but the database and the time. One is down for eleven minutes."""
    url, clock, chat = f"sqlite:///{tmp_path}/desk.db", HeldClock(FRIDAY_AFTERNOON), FakeChat()

    async def process(minutes: int, down: int = 0) -> list[str]:
        clock.at = clock.at.replace(minute=clock.at.minute + down)
        async with connect(url) as store:
            desk = Desk(store, clock, directory_of(tmp_path, emergency_desk("slack")), {"slack": chat})
            running = DeskInMemory(desk, store, clock, chat)
            if not await store.tickets("acme"):
                await running.submits(ALICE_ON_SLACK, "All is down", S1_ANSWERS)
            await running.fast_forward(minutes=minutes)
            return await pages(desk)

    assert await process(6) == ["0 bob", "5 bob"]
    assert await process(0, down=11) == ["0 bob", "5 bob", "17 eve"], "once, and not for each missed round"
    assert (await process(11))[3:] == ["22 eve", "27 mia"]
    keys = [said.key for said in chat.posted]
    assert len(keys) == len(set(keys))


async def test_two_workers_page_once(tmp_path: Path) -> None:
    clock, chat = HeldClock(FRIDAY_AFTERNOON), FakeChat()
    url = f"sqlite:///{tmp_path}/desk.db"
    async with connect(url) as store:
        platforms: dict[str, ChatPlatform] = {"slack": chat}
        one, other = (
            Desk(store, clock, directory_of(tmp_path, emergency_desk("slack")), platforms) for _ in range(2)
        )
        running = DeskInMemory(one, store, clock, chat)
        await running.submits(ALICE_ON_SLACK, "All is down", S1_ANSWERS)
        for _ in range(3):
            clock.at = await store.next_wake() or clock.at
            for desk in (one, other, one):
                await wake_due_tickets(desk)
                await running.deliver()
        assert await pages(one) == ["0 bob", "5 bob", "10 eve", "15 eve"]
    names = [said.key for said in chat.posted if said.key and "/triage/page" in said.key]
    assert len(names) == len(set(names)) == 4
