"""Views for the golden files; `python -m tests.slack.samples` writes the files anew, to be looked at."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from adapters.slack.rendering.messages import home_view, render_message
from adapters.slack.rendering.modals import modal
from adapters.slack.rendering.mrkdwn import MrkdwnRenderer
from bot.model.address import Place, UserRef
from bot.model.forms import ChoiceField, Form, TextField
from bot.model.views import (
    Audience,
    Button,
    GetHelp,
    HistoryLine,
    Mention,
    Notice,
    PromiseLine,
    Quote,
    Receipt,
    ReceiptRow,
    ReceiptTable,
    Strong,
    Style,
    TicketCard,
    View,
    When,
)
from sla_core.countdown import Phase, Tone
from sla_core.triage import Option
from tests.sample_queue import board

GOLDEN = Path(__file__).parent / "golden"
NOON = datetime(2026, 3, 20, 15, 30, tzinfo=UTC)

CUSTOMER = TicketCard(
    key="ACME-7",
    audience=Audience.CUSTOMER,
    title="Printers are down & nobody can print *anything*",
    state="open",
    severity="S2",
    severity_name="High",
    turn="m3ter Support's",
    owner="nobody yet",
    tone=Tone.CALM,
    promises=(
        PromiseLine(
            "First response", "less than 4 h left", Phase.RUNNING, Tone.CALM, 0.3, NOON + timedelta(hours=4)
        ),
        PromiseLine(
            "Resolution",
            "off hours",
            Phase.OFF_HOURS,
            Tone.CALM,
            0.05,
            NOON + timedelta(days=5),
            NOON + timedelta(days=3),
            "counted anew from the change of severity",
        ),
    ),
    facts=(("Severity", "proposed from your answers; an agent will confirm it"),),
    buttons=(
        Button("why", "Why?", "ACME-7"),
        Button("add_details", "Add details", "ACME-7"),
        Button("escalate", "Escalate", "ACME-7", Style.DANGER),
        Button("close", "Close", "ACME-7"),
    ),
)
AGENTS = TicketCard(
    key="ACME-7",
    audience=Audience.AGENTS,
    title="x" * 160,
    state="on hold",
    severity="S1",
    severity_name="Critical",
    turn="Ours",
    owner="Bob",
    tone=Tone.ALARM,
    promises=(
        PromiseLine("First response", "met", Phase.MET, Tone.DONE, 0.5, NOON),
        PromiseLine("Next update", "breached", Phase.BREACHED, Tone.ALARM, 1.0, NOON),
        PromiseLine("Resolution", "on hold", Phase.ON_HOLD, Tone.CALM, 0.5),
        PromiseLine("Late", "less than 1 h left", Phase.RUNNING, Tone.WARN, 0.8, NOON + timedelta(hours=1)),
    ),
    facts=(("Customer", "Acme GmbH, plan Gold"), ("Why", "w" * 400)),
    details="Traceback:\n  File <b>&</b>\n*x* = __init__\n",
    note=("Promised: ", Strong("24 hours")),
    buttons=(
        Button("reply", "Reply", "ACME-7", Style.PRIMARY),
        Button("escalate", "Escalate", "ACME-7"),
        Button("milestone", "Investigating", "ACME-7|1"),
        Button("milestone", "Reproduced", "ACME-7|2", Style.PRIMARY),
    ),
    history=(
        HistoryLine(NOON - timedelta(minutes=50), "Alice opened it, proposed as S1"),
        HistoryLine(NOON - timedelta(minutes=45), "Bob acknowledged it"),
        HistoryLine(NOON - timedelta(minutes=40), "Bob told: Root cause found"),
        HistoryLine(NOON - timedelta(minutes=10), "Alice <@U0BOB> *wrote*"),
        HistoryLine(NOON, "Breached: next update"),
    ),
    earlier=12,
)
WARNING = Notice(
    (
        Strong("ACME-7"),
        " ",
        Strong("Warning: first response is due "),
        When(NOON),
        ". ",
        Mention(UserRef("slack", "T0VENDOR", "U0BOB"), "Bob"),
    ),
    Tone.WARN,
    (Button("acknowledge", "Acknowledge", "ACME-7", Style.PRIMARY),),
)
REPLY = Notice(
    (Strong("ACME-7"), " Bob replied:", Quote("Turn it off.\n\nThen on again."), "Is it solved?"),
    Tone.DONE,
)
RECEIPT = Receipt(
    "ACME-7",
    (Strong("ACME-7"), " is S2: a core function is impaired."),
    (
        ReceiptTable(
            "First response",
            "Within 4 hours of support time.",
            "M3-14; Schedule 2",
            NOON + timedelta(hours=4),
            (
                ReceiptRow(NOON, NOON + timedelta(hours=1), "open", "1 h"),
                ReceiptRow(NOON + timedelta(hours=1), NOON + timedelta(hours=14), "night", ""),
            ),
            "Europe/Berlin",
        ),
    ),
)
BOARD = board(NOON)
FORM = Form(
    "intake",
    "Open a ticket with a long title",
    "Open ticket",
    (
        TextField("summary", "Summary", value="printers <down>", limit=150),
        TextField("details", "Details", required=False, long=True, hint="Logs, if you have them"),
        ChoiceField(
            "production",
            "How is your production use affected?",
            (
                Option("down", "Severely: we cannot use it, or it is down"),
                Option(
                    "reduced", "It works, but at reduced capacity, or a core function is impaired, or worse"
                ),
            ),
            value=("reduced",),
        ),
        ChoiceField("account", "Account", tuple(Option(f"a{n}", f"Account {n}") for n in range(11))),
        ChoiceField("many", "Several", (Option("x", "X"),), required=False, many=True),
    ),
    {"place": "slack:C0ACME"},
    ("For ", Strong("Acme GmbH"), "."),
    {"base": "Please look again.", "summary": "Please write a few words."},
)
VIEWS: dict[str, View] = {
    "customer-card": CUSTOMER,
    "agents-card": AGENTS,
    "warning": WARNING,
    "reply": REPLY,
    "receipt": RECEIPT,
    "board": BOARD,
    "get-help": GetHelp("m3ter", (Button("get_help", "Get help", "", Style.PRIMARY),)),
}
PLAIN = MrkdwnRenderer(plain_dates=True, zone=ZoneInfo("Europe/Berlin"))


def drawn() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, view in VIEWS.items():
        rendered = render_message(view, MrkdwnRenderer())
        found[name] = {"text": rendered.text, "blocks": rendered.blocks}
    found["customer-card-plain-dates"] = {"blocks": render_message(CUSTOMER, PLAIN).blocks}
    found["home"] = home_view(BOARD, MrkdwnRenderer(), Place("slack", "D0BOB", direct=True))
    found["form"] = modal(FORM, MrkdwnRenderer())
    return found


if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    for name, rendered in drawn().items():
        (GOLDEN / f"{name}.json").write_text(
            json.dumps(rendered, indent=2, ensure_ascii=False) + "\n", "utf-8"
        )
