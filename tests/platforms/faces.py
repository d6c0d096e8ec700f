"""How each platform renders the shared samples, and what it accepts.

`python -m tests.platforms.faces` rewrites the golden files of every platform.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from adapters.slack.rendering.messages import home_view, render_message
from adapters.slack.rendering.modals import modal
from adapters.teams.rendering.cards import view_card
from adapters.teams.rendering.dialogs import dialog, form_card, message_dialog
from adapters.teams.rendering.text import CardTextRenderer
from bot.model.address import Place
from bot.model.views import TicketCard, View
from demo.slack.limits import check_blocks
from tests.console.conftest import render_plain
from tests.samples import BOARD, CUSTOMER, FORM, RECEIPT, VIEWS, longest_card
from tests.slack import rules as slack_rules
from tests.slack.rules import MRKDWN, PLAIN_DATES
from tests.teams import rules as teams_rules
from tests.teams.rules import CARD_TEXT, PLAYGROUND, task

TESTS = Path(__file__).parents[1]


@dataclass(frozen=True)
class Face:
    """One platform's rendering. `texts` lists what a reader sees of a view, from top to bottom."""

    name: str
    rendered: Callable[[], dict[str, str]]
    """The content of each golden file by file name."""
    check: Callable[[View], object]
    """Fails if the platform would refuse the view, in any way that we render it."""
    texts: Callable[[View], list[str]]
    longest_card: TicketCard = field(repr=False)
    """With as many buttons, and as long values, as the platform takes."""

    @property
    def golden(self) -> Path:
        return TESTS / self.name / "golden"


def _json_files(rendered: dict[str, Any]) -> dict[str, str]:
    return {
        f"{name}.json": json.dumps(content, indent=2, ensure_ascii=False) + "\n"
        for name, content in rendered.items()
    }


def _slack() -> dict[str, str]:
    found: dict[str, Any] = {}
    for name, view in VIEWS.items():
        rendered = render_message(view, MRKDWN)
        found[name] = {"text": rendered.text, "blocks": rendered.blocks}
    found["customer-card-plain-dates"] = {"blocks": render_message(CUSTOMER, PLAIN_DATES).blocks}
    found["home"] = home_view(BOARD, MRKDWN, Place("slack", "D0BOB", direct=True))
    found["form"] = modal(FORM, MRKDWN)
    return _json_files(found)


def _check_on_slack(view: View) -> None:
    for renderer in (MRKDWN, PLAIN_DATES):
        rendered = render_message(view, renderer)
        slack_rules.check_message(rendered)
        assert check_blocks(rendered.blocks) == []


def _slack_texts(view: View) -> list[str]:
    blocks = render_message(view, MRKDWN).blocks
    return [text["text"] for block in blocks for text in slack_rules.texts(block)]


def _teams() -> dict[str, str]:
    found: dict[str, Any] = {}
    for name, view in VIEWS.items():
        made = view_card(view, CARD_TEXT)
        found[name] = {"fallback": made.fallback, "content": made.content}
    found["customer-card-playground"] = {"content": view_card(CUSTOMER, PLAYGROUND).content}
    found["form"] = {"content": form_card(FORM, CARD_TEXT)}
    found["dialog"] = task(dialog(FORM, CARD_TEXT))
    found["dialog-closing"] = task(message_dialog("Why?", RECEIPT, CARD_TEXT))
    return _json_files(found)


def _check_on_teams(view: View) -> None:
    for renderer in (CARD_TEXT, PLAYGROUND, CardTextRenderer()):
        made = view_card(view, renderer)
        teams_rules.check_card(made.content)
        assert made.fallback.strip()


def _teams_texts(view: View) -> list[str]:
    return teams_rules.texts(view_card(view, CARD_TEXT).content)


def _console() -> dict[str, str]:
    return {f"{name}.txt": render_plain(view) for name, view in VIEWS.items()}


def _console_texts(view: View) -> list[str]:
    return render_plain(view).split("\n")


SLACK = Face("slack", _slack, _check_on_slack, _slack_texts, longest_card(buttons=30, value=2000))
TEAMS = Face("teams", _teams, _check_on_teams, _teams_texts, longest_card(buttons=16, value=150))
CONSOLE = Face("console", _console, render_plain, _console_texts, CUSTOMER)
FACES = (SLACK, TEAMS, CONSOLE)
LIMITED = (SLACK, TEAMS)
"""The platforms that refuse a message that is too long."""

if __name__ == "__main__":
    for face in FACES:
        face.golden.mkdir(exist_ok=True)
        for name, content in face.rendered().items():
            (face.golden / name).write_text(content, "utf-8")
