"""`history KEY`: a card shows five lines; this shows all that happened, with the words, to agents only."""

from __future__ import annotations

from bot.model.address import Place
from bot.model.inbound import Show
from tests.harness import ACME, ALICE, BOB, S2, TRIAGE, DeskInMemory, answer_text
from tests.journeys.conftest import OpenDesk, a_desk

__all__ = ["a_desk"]


async def asks(desk: DeskInMemory, text: str, place: Place = TRIAGE) -> str:
    return answer_text(await desk.command(BOB, place, text))


async def test_a_short_history_is_one_page(a_desk: OpenDesk) -> None:
    desk = await a_desk()
    key = await desk.submits(ALICE, "Bills are slow", S2, details="Since noon.")
    await desk.submits_form(BOB, "Escalate", key, text="I need help.")
    await desk.submits_form(BOB, "Reply", key, text="We look into it.")
    said = await asks(desk, f"history {key}")
    assert said.startswith(f"{key} Bills are slow")
    for words in ("Alice opened this, proposed as S2", "“Since noon.”", "“I need help.”", "Bob replied"):
        assert words in said
    assert said.index("Since noon") < said.index("We look into it")
    answer = await desk.command(BOB, TRIAGE, f"history {key}")
    assert isinstance(answer, Show)
    assert answer.public


async def test_a_long_one_has_pages_the_last_events_first(a_desk: OpenDesk) -> None:
    """Every word is on one of them, and each says how to get the one before."""
    desk = await a_desk()
    key = await desk.submits(ALICE, "Bills are slow", S2)
    for number in range(9):
        await desk.writes(ALICE, f"{number}: {'x' * 990}", key)
    last, first = await asks(desk, f"history {key}"), await asks(desk, f"history {key} 2")
    assert "page 1 of 2" in last
    assert [str(n) for n in range(9) if f"“{n}: " in last] == list("45678")
    assert last.endswith(f"Earlier: history {key} 2")
    assert [str(n) for n in range(9) if f"“{n}: " in first] == list("0123")
    assert "Earlier" not in first
    assert await asks(desk, f"history {key} 3") == f"The history of {key} has 2 pages."


async def test_who_may_read_it_and_where(a_desk: OpenDesk) -> None:
    """Agents, where no customer reads along. Anything else after the word describes a problem."""
    desk = await a_desk()
    key = await desk.submits(ALICE, "Bills are slow", S2)
    assert "Only agents" in answer_text(await desk.command(ALICE, ACME, f"history {key}"))
    assert "Everybody in this channel" in await asks(desk, f"history {key}", ACME)
    assert "cannot see" in await asks(desk, "history ACME-99")
    form = await desk.asks_for_help(BOB, ACME, f"history {key} is wrong")
    assert form.id == "intake"
