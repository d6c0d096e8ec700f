"""Question by question, only what matters is asked."""

from __future__ import annotations

from adapters.console.forms import ask_form
from bot.model.forms import ChoiceField, Form
from sla_core.triage import Option
from tests.console.conftest import OpenSession
from tests.desk.intake.form_filling import desk_file_of

MONTA = desk_file_of("monta", "partner")
CHECKED = "were hardware and connection checked on your side?"


async def test_a_question_is_asked_where_it_matters(session: OpenSession) -> None:
    """MTA-16."""
    at = await session(desk_file=MONTA)
    told = await at.types("/support No exports", "", "", "1", "9", "4", "3", "2", "")
    assert CHECKED not in told
    assert (await at.desk.ticket("ACME-1")).opened.answers["checked"] == ()
    told = await at.types("/support One is dark", "", "", "1", "11", "4", "3", "2", "2", "")
    assert CHECKED in told
    assert (await at.desk.ticket("ACME-2")).opened.answers["checked"] == ("no",)


async def test_going_back_goes_to_the_question_before(session: OpenSession) -> None:
    """Past what does not matter, and what is answered otherwise then matters."""
    at = await session(desk_file=MONTA)
    answers = ("1", "9", "4", "3", "2", "back", "back", "back", "back", "11", "next", "next", "next", "1", "")
    told = await at.types("/support No exports", "", "", *answers)
    assert CHECKED in told
    opened = (await at.desk.ticket("ACME-1")).opened
    assert (opened.answers["topic"], opened.answers["checked"]) == (("one_charger",), ("yes",))


async def test_an_empty_line_sends_what_has_nothing_required_left(session: OpenSession) -> None:
    """contract.md, Commands."""
    at = await session()
    told = await at.types(
        "/support Bills are slow", "", "", "1", "2", "2", "", "as bob", "press reply", "Soon.", ""
    )
    assert "Bob replied: “Soon.”" in " ".join(told.split())
    told = await at.types("press Resolve ACME-1", "", "", "cancel")
    assert "Cancelled; nothing was sent." in told, "its text is required"


async def test_options_are_chosen_by_label(session: OpenSession) -> None:
    """contract.md, Commands: in any case, several after commas, also with a comma within one."""
    options = (Option("a", "Bills"), Option("b", "Exports, all of them"), Option("c", "3D view"))
    one = ChoiceField("one", "Which?", options=options)
    several = ChoiceField("many", "Which?", options=options, many=True)

    async def choose(field: ChoiceField, *typed: str) -> object:
        at, script = await session(), iter([*typed, ""])

        async def read(_: str) -> str:
            return next(script)

        answers = await ask_form(Form("f", "A form", "Send", (field,)), read, at.screen)
        return answers and answers[field.id]

    assert await choose(one, "EXPORTS, all of them") == ("b",)
    assert await choose(one, "3d View") == ("c",)
    assert await choose(several, "3 1") == ("c", "a")
    assert await choose(several, "bills, exports, all of them, 3D view") == ("a", "b", "c")
    assert await choose(several, "Cheese", "exports, ALL of them") == ("b",)
