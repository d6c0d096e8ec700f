"""Question by question, only what matters is asked."""

from __future__ import annotations

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
    answers = ("1", "9", "4", "3", "2", "back", "back", "back", "back", "11", "", "", "", "1", "")
    told = await at.types("/support No exports", "", "", *answers)
    assert CHECKED in told
    opened = (await at.desk.ticket("ACME-1")).opened
    assert (opened.answers["topic"], opened.answers["checked"]) == (("one_charger",), ("yes",))
