"""For docs/parity.md: what a form does while it is being filled in, found by drawing one."""

from __future__ import annotations

import json
from collections.abc import Iterator

from adapters.slack.rendering.modals import modal
from adapters.slack.rendering.mrkdwn import MrkdwnRenderer
from adapters.teams.rendering.dialogs import dialog
from bot.model.forms import ChoiceField, Form
from sla_core.triage import Option

_YES_NO = (Option("yes", "Yes"), Option("no", "No"))
_OUTLOOK = "What sending it will lead to"
_FORM = Form(
    "intake",
    "A sample",
    "Open ticket",
    (
        ChoiceField("first", "A question", _YES_NO),
        ChoiceField("second", "One that depends on it", _YES_NO, when={"first": frozenset({"yes"})}),
    ),
    reacts=True,
    preview=(_OUTLOOK,),
    takes_files=True,
)


def filling() -> Iterator[tuple[str, ...]]:
    """What the form can do, on each platform."""
    view = modal(_FORM, MrkdwnRenderer())
    slack, teams = json.dumps(view["blocks"]), json.dumps(dialog(_FORM).serialize())
    told = '"dispatch_action": true' in slack
    asks_all = '"second"' in teams
    untold = "**missing**: no card and no dialog tells of a choice before it is sent"

    def shown(where: str, what: str, how: str, instead: str) -> str:
        return how if what in where else f"**missing**: {instead}"

    yield (
        "a question that depends on another's answer",
        "comes and goes with each choice" if told and '"second"' not in slack else "always there",
        "always there; what does not matter is not kept" if asks_all else "**missing**: never asked",
        "asked where it matters",
    )
    yield (
        "proposed severity and first deadline, before it is sent",
        shown(slack, _OUTLOOK, "a line in the modal, as soon as the answers suffice", "not drawn"),
        shown(teams, _OUTLOOK, "a line", f"{untold.removeprefix('**missing**: ')}; the card says it at once"),
        "**missing**: the card says it at once",
    )
    yield (
        "what the plan does not include, advice, how complete it is",
        shown(slack, _OUTLOOK, "in the same line", "not drawn"),
        shown(
            teams, _OUTLOOK, "in the same line", "said when it is sent; hints say what a report should tell"
        ),
        "**missing**: said when it is sent; hints say what a report should tell",
    )
    yield (
        "an open ticket that reads alike",
        "offered in the form; if it reads so only when it is sent, asked once" if told else untold,
        f"{untold}; agents are told",
        "**missing**: agents are told",
    )
    yield (
        "closed without being sent",
        "back for 24 hours, as it was at the last choice" if view.get("notify_on_close") else "lost",
        "**missing**: nobody tells of it; what was sent and refused is back for 24 hours",
        "kept while it is asked; what was sent and refused is back for 24 hours",
    )
    yield (
        "files and pictures",
        shown(slack, "file_input", "a field of the modal, up to 10", "not drawn"),
        shown(teams, "file_input", "a field", "dialogs take none; send them in the ticket's thread"),
        "**missing**: a terminal has none to send",
    )
