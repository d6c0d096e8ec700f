"""docs/parity.md says what is: it equals what is generated, and it leaves no action out."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pytest

from adapters.slack.rendering.block_kit import MrkdwnRenderer
from adapters.slack.rendering.modals import modal
from adapters.teams.rendering.card_parts import FORM_ACTIONS
from adapters.teams.rendering.dialogs import dialog, form_card
from bot.desk.routes import BUTTONS, FORMS
from tools.parity import COMMANDED, OUT, document, found

CONTRACT = (
    *("Get help", "Why?", "Add details", "Escalate", "Close", "Reopen", "Acknowledge", "Take it", "Reply"),
    *("Change severity", "Update", "Hold", "Resolve", "Investigating", "Reproduced", "Root cause found"),
    *("Fix developed", "Fix deployed", "I'll call", "Delegate", "Snooze"),
)
"""The labels that contract.md fixes."""


@pytest.fixture(scope="module")
def written() -> str:
    return OUT.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def tables(written: str) -> Mapping[str, list[list[str]]]:
    """The rows of each chapter's table."""
    chapters = (part.partition("\n") for part in written.split("\n## ")[1:])
    return {
        name: [re.split(r" \| ", line.strip("| ")) for line in text.splitlines() if line[:1] == "|"][2:]
        for name, _, text in chapters
    }


async def test_the_parity_file_matches_the_desk(written: str) -> None:
    assert written == document(await found()), "run: python -m tools.parity"


def test_every_action_and_every_form_appears(tables: Mapping[str, list[list[str]]]) -> None:
    assert {row[-1].strip("`") for row in tables["Buttons"]} == set(BUTTONS)
    assert {row[-1].strip("`") for row in tables["Forms"]} == set(FORMS)


def test_every_label_of_the_contract_appears(tables: Mapping[str, list[list[str]]]) -> None:
    labels = {row[0].strip("`") for row in tables["Buttons"]}
    assert labels >= set(CONTRACT)


def test_a_button_has_the_same_answer_on_every_platform(tables: Mapping[str, list[list[str]]]) -> None:
    for label, _, _, slack, teams, terminal, route in tables["Buttons"]:
        asks = (slack.endswith("modal"), teams.endswith("dialog"), terminal.endswith("questions"))
        assert len(set(asks)) == 1, f"{label}: {slack}, {teams}, {terminal}"
        opens_dialog = route.strip("`") in FORM_ACTIONS - {"why"}
        assert asks[0] == opens_dialog, "Teams asks for a dialog before it knows"


async def test_every_form_can_be_drawn_as_the_file_says() -> None:
    forms = {action.form.id: action.form for action in await found() if action.form is not None}
    forms |= COMMANDED
    assert forms.keys() == FORMS.keys()
    for form in forms.values():
        assert modal(form, MrkdwnRenderer())["type"] == "modal"
        assert dialog(form).type == "continue"
        assert form_card(form)["actions"][0]["title"] == form.submit
