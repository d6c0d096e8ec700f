"""`Assign`: as `Take it` for the agent chosen (contract.md, "Which act does what")."""

from __future__ import annotations

from pathlib import Path

from bot.model.address import UserRef
from bot.model.forms import ChoiceField
from bot.model.inbound import Ask, Show
from bot.model.views import Audience
from sla_core.events import Taken
from tests.harness import (
    ALICE,
    BOB,
    DANA,
    DESK_FILE,
    EVE,
    S1,
    S2,
    DeskInMemory,
    answer_text,
    form_of,
    open_desk,
    person,
)
from tests.journeys.conftest import FRIDAY_AFTERNOON, OpenDesk
from tests.journeys.test_who_is_notified import notified

FAY = person("Fay")


async def offered(desk: DeskInMemory, key: str) -> dict[str, str]:
    """Names and option ids of the people whom the form offers."""
    form = form_of(await desk.presses(BOB, "Assign", key))
    assert (form.title, form.submit) == (f"{key} · Assign", "Assign")
    (field,) = form.fields
    assert isinstance(field, ChoiceField)
    return {option.label: option.id for option in field.options}


async def test_a_colleague_gets_the_ticket_and_hears_of_it_once(a_desk: OpenDesk) -> None:
    """She owns it, the severity is confirmed, and only she is notified; no clock is met."""
    desk = await a_desk()
    key = await desk.submits(ALICE, "Bills are slow", S2)
    before = notified(desk)
    await desk.submits_form(BOB, "Assign", key, agent="eve")
    card = desk.card_view(key, Audience.AGENTS)
    assert (card.owner, card.severity) == ("Eve", "S2")
    assert desk.thread(key, Audience.AGENTS)[-1] == f"{key} Bob assigned this ticket to @Eve."
    assert notified(desk) - before == {"Eve": 1}
    assert "met" not in desk.standing(key)
    assert card.history[-1].what == "Bob assigned this to Eve"
    # She is known by the address under which she acts: she does not own it a second time.
    assert "You already own" in answer_text(await desk.presses(EVE, "Take it", key))
    await desk.writes(ALICE, "Any news?", key)
    assert notified(desk) - before == {"Eve": 2}


async def test_it_stops_the_pages(a_desk: OpenDesk) -> None:
    desk = await a_desk()
    key = await desk.submits(ALICE, "All is down", S1)
    await desk.submits_form(BOB, "Assign", key, agent="kim")
    pages = [event for event in await desk.events(key) if event == "Paged"]
    await desk.fast_forward(hours=1)
    assert [event for event in await desk.events(key) if event == "Paged"] == pages
    bobs = desk.direct(BOB)[-1].text
    assert "Kim has this ticket." in bobs


async def test_choosing_oneself_is_taking_it(a_desk: OpenDesk) -> None:
    """The actor is never notified."""
    desk = await a_desk()
    key = await desk.submits(ALICE, "Bills are slow", S2)
    before = notified(desk)
    await desk.submits_form(BOB, "Assign", key, agent="bob")
    taken = await desk.last(key)
    assert isinstance(taken, Taken)
    assert taken.to is None
    assert notified(desk) == before
    again = await desk.submits_form(BOB, "Assign", key, agent="bob")
    assert isinstance(again, Ask)
    assert again.form.errors == {"agent": f"Bob already owns {key}."}


async def test_who_can_be_chosen(tmp_path: Path) -> None:
    """People in a rota, the account's TAM, and agents who are listed by their ids or groups alone."""
    file = DESK_FILE.replace('agents = ["U0BOB", ', 'agents = ["U0BOB", "U0ZOE", ')
    desk = await open_desk(tmp_path, FRIDAY_AFTERNOON, file)
    desk.chat.groups["S0SUPPORT"] = frozenset({FAY.user, EVE.user})
    desk.chat.names = {"U0FAY": "Fay"}
    await desk.desk.directory.refresh(desk.desk.platforms)
    key = await desk.submits(ALICE, "Bills are slow", S2)
    people = await offered(desk, key)
    assert list(people) == ["Bob", "Dana", "Eve", "Fay", "Kim", "Mia", "U0ZOE"]
    await desk.submits_form(BOB, "Assign", key, agent=people["Fay"])
    assert (await desk.ticket(key)).owner.id == str(FAY.user)  # type: ignore[union-attr]
    await desk.submits_form(DANA, "Assign", key, agent=people["U0ZOE"])
    assert desk.thread(key, Audience.AGENTS)[-1] == f"{key} Dana assigned this ticket to @U0ZOE."
    assert (await desk.ticket(key)).owner.id == str(UserRef("slack", "T0VENDOR", "U0ZOE"))  # type: ignore[union-attr]


async def test_what_is_refused(a_desk: OpenDesk) -> None:
    """Customers, unknown people, and a ticket that has ended meanwhile."""
    desk = await a_desk()
    key = await desk.submits(ALICE, "Bills are slow", S2)
    form = form_of(await desk.presses(BOB, "Assign", key))
    assert isinstance(await desk.presses_on(ALICE, *desk.button(BOB, "Assign", key, None)), Show)
    unknown = await desk.sends(BOB, form, agent="alice")
    assert isinstance(unknown, Ask)
    assert unknown.form.errors == {"agent": "Please choose an agent."}
    await desk.submits_form(EVE, "Resolve", key, text="Done.")
    assert answer_text(await desk.sends(BOB, form, agent="eve")) == f"{key} is resolved; reopen it first."
