"""m3ter's workflow table, cell by cell (M3-19): four steps, three severities, who is paged and when."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.harness import HeldClock
from tests.memory_store import MemoryStore
from tests.platforms.conftest import FRIDAY_AFTERNOON, OpenWorkplace
from tests.platforms.desk_files import ON_SLACK, ON_TEAMS
from tests.platforms.story import S1, S2, Story, open_story
from tests.platforms.workplace import Answers

CHATS = ("slack", "teams")
SATURDAY = "2026-03-21T12:00:00Z"
MONDAY = "Mon 23 Mar 2026 09 00 UTC"
"""Ten o'clock in Berlin, when m3ter's support hours begin."""
S3: Answers = {"request": "incident", "production": "minor", "privacy": "no"}
SEVERITIES = {"S1": S1, "S2": S2, "S3": S3}
LATER = ("S2", "S3")
At = Callable[[str, str, str], Awaitable[Story]]


@pytest.fixture
def opened_at(open_workplace: OpenWorkplace, tmp_path: Path) -> At:
    """First line Bob and Eve, second line Eve and Bob, engineering Kim, leadership Mia; the TAM is Dana."""

    async def on(name: str, at: str, severity: str) -> Story:
        clock, store = HeldClock(at), MemoryStore()
        workplace = await open_workplace(name, clock, store)
        file = ON_TEAMS if name == "teams" else ON_SLACK
        desk = await open_story(tmp_path, file, clock, store, [workplace])
        desk.desk.key_values = store
        await desk.opens("Alice", "Bills are wrong", SEVERITIES[severity])
        return desk

    return on


def paged(desk: Story) -> list[str]:
    """Who the pages in triage name, in order; each of them has a direct message too."""
    names = [words.split("Paged")[1].split()[-1] for words in desk.words("/triage/page")]
    for name in set(names):
        assert len(desk.refs(f"/page/{name.lower()}")) + len(desk.refs(f"/page-again/{name.lower()}")) > 0
    return names


def noted(desk: Story) -> str:
    return " | ".join(desk.words("/triage/"))


async def escalates(desk: Story) -> list[str]:
    """Bob answers the customer, which ends all pages, and escalates; who is paged for it."""
    await desk.agent("Update", "Still looking.")
    await desk.wait(minutes=6)
    before = len(paged(desk))
    await desk.agent("Escalate", "I need help")
    return paged(desk)[before:]


@pytest.mark.parametrize("at", [FRIDAY_AFTERNOON, SATURDAY])
@pytest.mark.parametrize("name", CHATS)
async def test_from_the_start_a_severity_1_has_its_first_line_and_engineering(
    opened_at: At, name: str, at: str
) -> None:
    """Steps 1 and 3: at any hour. The second line is available, so it is paged if nobody answers."""
    desk = await opened_at(name, at, "S1")
    assert paged(desk) == ["Bob", "Kim"]
    await desk.wait(minutes=20)
    assert paged(desk)[2:] == ["Bob", "Kim", "Eve", "Eve", "Eve"]
    assert desk.words("/triage/page")[-1].endswith("Paged second line Eve")


@pytest.mark.parametrize("severity", LATER)
@pytest.mark.parametrize("at", [FRIDAY_AFTERNOON, SATURDAY])
@pytest.mark.parametrize("name", CHATS)
async def test_from_the_start_others_are_shown_to_the_first_line(
    opened_at: At, name: str, at: str, severity: str
) -> None:
    """Step 1: available at any hour, so Bob is mentioned; such a ticket pages nobody."""
    desk = await opened_at(name, at, severity)
    assert f"New ticket from Acme GmbH {severity} proposed Bob" in noted(desk)
    await desk.wait(minutes=20)
    assert paged(desk) == []


@pytest.mark.parametrize("severity", SEVERITIES)
@pytest.mark.parametrize("name", CHATS)
async def test_during_support_hours_each_escalation_pages_the_next_step(
    opened_at: At, name: str, severity: str
) -> None:
    """Steps 2, 3 and 4: Eve, Kim, Mia, at once; engineering from the start does not skip the second line."""
    desk = await opened_at(name, FRIDAY_AFTERNOON, severity)
    assert [await escalates(desk) for _ in range(3)] == [["Eve"], ["Kim"], ["Mia"]]
    assert await escalates(desk) == []
    assert "Nobody else was paged the escalation policy has no more steps" in noted(desk)


@pytest.mark.parametrize("name", CHATS)
async def test_on_a_saturday_a_severity_1_reaches_every_step_at_once(opened_at: At, name: str) -> None:
    desk = await opened_at(name, SATURDAY, "S1")
    assert [await escalates(desk) for _ in range(3)] == [["Eve"], ["Kim"], ["Mia"]]
    assert "outside its hours" not in noted(desk)


@pytest.mark.parametrize("severity", LATER)
@pytest.mark.parametrize("name", CHATS)
async def test_on_a_saturday_others_wait_for_monday_and_triage_reads_it(
    opened_at: At, name: str, severity: str
) -> None:
    """Steps 2, 3 and 4: nobody is paged before Monday 10:00 in Berlin, then all who were escalated to."""
    desk = await opened_at(name, SATURDAY, severity)
    for step in ("Second line", "Engineering", "Leadership"):
        await desk.agent("Escalate", f"{step}, please")
        assert noted(desk).endswith(f"{step} is outside its hours We will page it {MONDAY}")
    await desk.wait(hours=44, minutes=59)
    assert paged(desk) == []
    await desk.wait(minutes=1)
    assert paged(desk) == ["Eve", "Kim", "Mia"]


@pytest.mark.parametrize("severity", LATER)
@pytest.mark.parametrize("name", CHATS)
async def test_an_answer_before_monday_cancels_the_page_and_triage_reads_it(
    opened_at: At, name: str, severity: str
) -> None:
    desk = await opened_at(name, SATURDAY, severity)
    await desk.agent("Escalate", "I need help")
    await desk.agent("Update", "Found it.")
    assert "Second line will not be paged Bob has answered" in noted(desk)
    await desk.wait(hours=46)
    assert paged(desk) == []


@pytest.mark.parametrize("name", CHATS)
async def test_a_customer_who_closes_it_cancels_the_page_too(opened_at: At, name: str) -> None:
    """Alice closes it; she has not answered."""
    desk = await opened_at(name, SATURDAY, "S2")
    await desk.agent("Escalate", "I need help")
    await desk.customer("Close", "")
    assert "Second line will not be paged Alice closed this ticket" in noted(desk)
    await desk.wait(hours=46)
    assert paged(desk) == []
