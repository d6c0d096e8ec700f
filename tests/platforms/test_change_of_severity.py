"""Why a severity changed, as people read it on Slack and Teams: a workaround, a mistake, or neither."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from bot.model.views import Audience
from tests.harness import HeldClock
from tests.memory_store import MemoryStore
from tests.platforms.conftest import FRIDAY_AFTERNOON, OpenWorkplace
from tests.platforms.desk_files import ON_SLACK, ON_TEAMS, vendor_desk
from tests.platforms.story import Story, open_story
from tests.platforms.test_emergencies import CHATS, form_behind
from tests.platforms.workplace import Answers

C1: Answers = {"type": "issue", "impact": "sales"}
S2: Answers = {"request": "incident", "production": "reduced", "privacy": "no"}
GENERAL: Answers = {"request": "feature", "production": "unaffected", "privacy": "no"}
TUESDAY = "2026-03-10T06:30:00Z"

OpenStory = Callable[[str, Answers], Awaitable[Story]]


@pytest.fixture
def commerceup(open_workplace: OpenWorkplace, tmp_path: Path) -> OpenStory:
    async def on(name: str, answers: Answers) -> Story:
        file = vendor_desk(name, "commerceup", "standard", {"support": ["bob"], "engineering": ["kim"]})
        file = file.replace('id = "dana"', 'id = "dana"\nemail = "dana@commerceup.example"')
        return await opened(open_workplace, tmp_path, name, file, TUESDAY, answers)

    return on


@pytest.fixture
def m3ter(open_workplace: OpenWorkplace, tmp_path: Path) -> OpenStory:
    async def on(name: str, answers: Answers) -> Story:
        file = ON_TEAMS if name == "teams" else ON_SLACK
        return await opened(open_workplace, tmp_path, name, file, FRIDAY_AFTERNOON, answers)

    return on


async def opened(
    open_workplace: OpenWorkplace, folder: Path, name: str, file: str, at: str, answers: Answers
) -> Story:
    clock, store = HeldClock(at), MemoryStore()
    workplace = await open_workplace(name, clock, store)
    desk = await open_story(folder, file, clock, store, [workplace])
    desk.desk.key_values = store
    await desk.opens("Alice", "The shop is slow", answers)
    return desk


async def changes(desk: Story, **values: str) -> None:
    form = await form_behind(desk, "Change severity")
    assert "Please" not in await form.sends(**values)
    await desk.deliver()


async def why(desk: Story) -> str:
    """What `Why?` on the customer's card answers: privately, or in its thread."""
    before = len(desk.refs("/customer/"))
    told = await desk.customer("Why?")
    return " ".join([told, *desk.words("/customer/")[before:]])


def cards(desk: Story) -> list[str]:
    return [desk.card_view(audience).words for audience in Audience]


@pytest.mark.parametrize("name", CHATS)
async def test_a_workaround_is_named_on_card_why_and_history(commerceup: OpenStory, name: str) -> None:
    """CUP-8: the promise of the C1 is met, and people read by what."""
    desk = await commerceup(name, C1)

    await changes(desk, severity="C2", because="workaround", text="Pay by bank transfer")

    assert all("Workaround lowered the severity from C1 to C2" in words for words in cards(desk))
    assert not any("Severity c" in words for words in cards(desk))
    ours = desk.card_view(Audience.AGENTS).words
    assert "Bob changed the severity to C2 because of a workaround" in ours
    assert "A workaround lowered the severity from C1." in await why(desk)


@pytest.mark.parametrize("name", CHATS)
async def test_what_never_was_a_c1_reads_as_a_correction(commerceup: OpenStory, name: str) -> None:
    """CUP-8: a mistake meets no promise, and is not called a workaround."""
    desk = await commerceup(name, C1)

    await changes(desk, severity="C2", because="misjudged", text="One card was declined")

    corrected = "Severity corrected Bob changed it from C1 to C2 it never was C1"
    assert all(corrected in words for words in cards(desk))
    assert not any("orkaround" in words for words in cards(desk))
    ours = desk.card_view(Audience.AGENTS).words
    assert "Bob corrected the severity to C2 it was misjudged" in ours
    assert "The severity was corrected from C1: it never was C1." in await why(desk)


@pytest.mark.parametrize("name", CHATS)
async def test_a_raise_is_a_change_and_no_correction(m3ter: OpenStory, name: str) -> None:
    """It got worse: nobody had misjudged it."""
    desk = await m3ter(name, S2)

    await changes(desk, severity="S1", text="Now it is down")

    assert all("Severity changed Bob changed it from S2 to S1" in words for words in cards(desk))
    ours = desk.card_view(Audience.AGENTS).words
    assert "Bob changed the severity to S1" in ours
    assert "correct" not in ours
    told = await why(desk)
    assert "The severity was changed from S2." in told
    assert "correct" not in told


@pytest.mark.parametrize("name", CHATS)
async def test_a_class_without_a_severity_is_shown_by_its_name(m3ter: OpenStory, name: str) -> None:
    """M3-18: the id `none` is for commands, CSV and the API."""
    desk = await m3ter(name, GENERAL)
    assert all("General request proposed" in words for words in cards(desk))
    assert "proposed as General request" in desk.card_view(Audience.AGENTS).words
    assert any("New ticket from Acme GmbH General request proposed" in w for w in desk.words("/triage/"))
    assert "General request (proposed)" in await why(desk)

    await changes(desk, severity="S3", text="A defect after all")

    assert "Bob changed the severity from General request to S3" in desk.words("/customer/")[-1]
    assert "The severity was changed from General request." in await why(desk)
    told = " ".join([*cards(desk), *desk.words("/customer/"), *desk.words("/triage/")])
    assert "none" not in told.casefold().split()
