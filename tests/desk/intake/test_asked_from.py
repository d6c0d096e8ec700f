"""A ticket that was asked from a thread, on each store: the thread is the ticket's from then on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from adapters.sql.store import connect
from bot.desk.desk import Desk
from bot.model.address import MessageRef
from bot.model.forms import Form
from bot.model.inbound import Command, EntryPoint, Posted
from bot.ports import DeskStore
from tests.desk.intake.conversation import Conversation
from tests.harness import ACME, ALICE, BOB, S2, DeskInMemory, form_of, open_desk
from tests.memory_store import MemoryStore

FRIDAY = "2026-03-20T15:30:00Z"
KEY = "ACME-1"
ROOT = MessageRef(ACME, "root-0")


@pytest.fixture(params=["memory", "sqlite"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[DeskStore]:
    if request.param == "memory":
        yield MemoryStore()
        return
    async with connect(f"sqlite:///{tmp_path / 'desk.db'}") as opened:
        yield opened


@pytest.fixture
async def desk(tmp_path: Path, store: DeskStore) -> DeskInMemory:
    return await open_desk(tmp_path, FRIDAY, store=store)


def below(desk: DeskInMemory) -> list[str]:
    return [said.text for said in desk.posted if said.thread == ROOT]


async def mentions_us(desk: DeskInMemory) -> Form:
    name, now = EntryPoint.MENTION, desk.clock.now()
    asked = Command(desk.envelope(), now, ALICE, ACME, name, "Bills are slow", ROOT)
    return form_of(await desk.answers(asked))


async def writes(desk: DeskInMemory, text: str, by_bob: bool = False) -> None:
    ref, who = MessageRef(ACME, desk.envelope()), BOB if by_bob else ALICE
    await desk.answers(Posted(desk.envelope(), desk.clock.now(), who, ACME, ref, text, ROOT))


async def test_by_a_form(desk: DeskInMemory) -> None:
    asked = Command(
        desk.envelope(), desk.clock.now(), ALICE, ACME, EntryPoint.MENTION, "Bills are slow", ROOT
    )
    form = form_of(await desk.answers(asked))
    assert below(desk) == []
    await desk.sends(ALICE, form, **S2)
    assert below(desk) == [f"{KEY} was opened from this message. We will answer in that ticket's thread."]
    assert await desk.desk.store.ticket_of(ROOT) == KEY

    await writes(desk, "It got worse")
    await writes(desk, "Looking", by_bob=True)
    assert await desk.events(KEY) == ["Opened", "CustomerWrote", "Answered"]


async def test_by_questions_in_the_thread(desk: DeskInMemory) -> None:
    """The questions are asked below the same message, so the store knows it twice."""
    conversation = Conversation(desk)
    await conversation.starts("Bills are slow")
    await conversation.writes("skip")
    await conversation.answers_all()
    assert await desk.desk.store.ticket_of(ROOT) is None
    await conversation.presses("Open ticket")
    assert below(desk)[-1].startswith(f"{KEY} was opened from this message.")
    await writes(desk, "Looking", by_bob=True)
    assert await desk.events(KEY) == ["Opened", "Answered"]


async def test_the_desk_that_starts_anew_knows_it(desk: DeskInMemory, store: DeskStore) -> None:
    asked = Command(
        desk.envelope(), desk.clock.now(), ALICE, ACME, EntryPoint.MENTION, "Bills are slow", ROOT
    )
    await desk.sends(ALICE, form_of(await desk.answers(asked)), **S2)
    clock, chat = desk.clock, desk.chat
    again = DeskInMemory(Desk(store, clock, desk.desk.directory, desk.desk.platforms), store, clock, chat)
    await writes(again, "Looking", by_bob=True)
    assert (await again.ticket(KEY)).first_answer_at == clock.now()


async def test_a_form_for_something_else_takes_no_thread(desk: DeskInMemory) -> None:
    key = await desk.submits(ALICE, "Bills are slow", S2)
    assert (await desk.ticket(key)).opened.asked_below == ""
