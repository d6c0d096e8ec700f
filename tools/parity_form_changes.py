"""For docs/parity.md: what a form does while it is being filled in, found by rendering one."""

from __future__ import annotations

import json
from collections.abc import Iterator

from adapters.slack.rendering.block_kit import MrkdwnRenderer
from adapters.slack.rendering.modals import modal
from adapters.teams.rendering.dialogs import dialog
from bot.model.forms import ChoiceField, Form
from sla_core.triage import Option

_YES_NO = (Option("yes", "Yes"), Option("no", "No"))
_PREVIEW = "What sending it will lead to"
_FORM = Form(
    "intake",
    "A sample",
    "Open ticket",
    (
        ChoiceField("first", "A question", _YES_NO),
        ChoiceField("second", "One that depends on it", _YES_NO, when={"first": frozenset({"yes"})}),
    ),
    reacts=True,
    preview=(_PREVIEW,),
    takes_files=True,
)


def form_changes() -> Iterator[tuple[str, ...]]:
    """The rows: what the form can do on each platform."""
    view = modal(_FORM, MrkdwnRenderer())
    slack, teams = json.dumps(view["blocks"]), json.dumps(dialog(_FORM).serialize())
    told = '"dispatch_action": true' in slack
    asks_all = '"second"' in teams
    untold = "**missing**: cards and dialogs report no choice before they are sent"

    def shown(where: str, what: str, how: str, instead: str) -> str:
        return how if what in where else f"**missing**: {instead}"

    yield (
        "a question that depends on another's answer",
        "appears and disappears with each choice" if told and '"second"' not in slack else "always there",
        "always there; answers that do not apply are dropped" if asks_all else "**missing**: never asked",
        "asked if it applies",
    )
    yield (
        "proposed severity and first deadline, before it is sent",
        shown(slack, _PREVIEW, "a line in the modal, as soon as the answers suffice", "not shown"),
        shown(
            teams, _PREVIEW, "a line", f"{untold.removeprefix('**missing**: ')}; the card shows it at once"
        ),
        "**missing**: the card shows it at once",
    )
    yield (
        "what the plan excludes, advice, how complete the request is",
        shown(slack, _PREVIEW, "in the same line", "not drawn"),
        shown(
            teams, _PREVIEW, "in the same line", "said when it is sent; hints say what a report should tell"
        ),
        "**missing**: said when it is sent; hints say what a report should tell",
    )
    yield (
        "an open ticket that looks like a duplicate",
        "offered in the form, or asked once when it is sent" if told else untold,
        f"{untold}; agents are told",
        "**missing**: agents are told",
    )
    yield (
        "closed without being sent",
        "restored for 24 hours, as of the last choice" if view.get("notify_on_close") else "lost",
        "**missing**: Teams does not report it; a refused form is restored for 24 hours",
        "kept while questions are asked; a refused form is restored for 24 hours",
    )
    yield (
        "files and pictures",
        shown(slack, "file_input", "a field of the modal, up to 10", "not drawn"),
        shown(teams, "file_input", "a field", "dialogs take no files; send them in the ticket's thread"),
        "**missing**: a terminal has no files",
    )
