"""Views for the golden files; `python -m tests.teams.samples` writes the files anew, to be looked at."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from botbuilder.schema.teams import (  # type: ignore[import-untyped]
    TaskModuleContinueResponse,
    TaskModuleResponse,
)

from adapters.teams.rendering.cards import view_card
from adapters.teams.rendering.dialogs import dialog, form_card, message_dialog
from adapters.teams.rendering.text import CardTextRenderer
from bot.model.address import UserRef
from bot.model.forms import ChoiceField, Form, TextField
from bot.model.views import (
    Audience,
    Button,
    GetHelp,
    HistoryLine,
    Link,
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
BOB = UserRef("teams", "11111111-2222-4333-8444-555555555555", "00000000-0000-4000-8000-000000000001")
DANA = UserRef("teams", "11111111-2222-4333-8444-555555555555", "00000000-0000-4000-8000-000000000002")
SLACKER = UserRef("slack", "T0VENDOR", "U0KIM")


def mri(user: UserRef) -> str | None:
    return f"29:1-{user.id}" if user in (BOB, DANA) else None


PEN = CardTextRenderer(mri=mri)
PLAYGROUND = CardTextRenderer(ZoneInfo("Europe/Berlin"), plain_dates=True, mri=mri, dialogs=False)

CUSTOMER = TicketCard(
    key="ACME-7",
    audience=Audience.CUSTOMER,
    title="Bill generation is slow & *some* bills never arrive",
    state="open",
    severity="S2",
    severity_name="High",
    turn="m3ter Support's",
    owner="seen by Bob, not taken yet",
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
            0.13,
            NOON + timedelta(days=5),
            NOON + timedelta(days=3),
            "counted anew from the change of severity",
        ),
    ),
    facts=(
        ("Confirmed", "not yet: proposed from your answers, an agent will confirm it"),
        ("Account manager", "Dana, dana@vendor.example"),
    ),
    buttons=(
        Button("why", "Why?", "ACME-7"),
        Button("add_details", "Add details", "ACME-7"),
        Button("escalate", "Escalate", "ACME-7", Style.DANGER),
        Button("close", "Close", "ACME-7"),
    ),
)
MILESTONES = ("Investigating", "Reproduced", "Escalated", "Root cause found", "Fix developed", "Fix deployed")
AGENTS = TicketCard(
    key="ACME-7",
    audience=Audience.AGENTS,
    title="Bill generation stopped on production, no invoice leaves the system since 09:12",
    state="open",
    severity="S1",
    severity_name="Critical",
    turn="Ours",
    owner="Bob_the_agent",
    tone=Tone.ALARM,
    promises=(
        PromiseLine("First response", "met", Phase.MET, Tone.DONE, 0.5, NOON),
        PromiseLine("Next update", "breached", Phase.BREACHED, Tone.ALARM, 1.0, NOON),
        PromiseLine("Resolution", "on hold", Phase.ON_HOLD, Tone.CALM, 0.5),
        PromiseLine(
            "Due date", "less than 1 h left", Phase.RUNNING, Tone.WARN, 0.8, NOON + timedelta(hours=1)
        ),
    ),
    facts=(
        ("Customer", "Acme GmbH, plan Gold"),
        ("Opened by", "Alice <at>Bob</at>"),
        ("Confirmed", "not yet: a core function is down (M3-11)"),
        ("What is this about?", "Something is broken"),
        ("How is your production use affected?", "Severely: we cannot use it, or it is down"),
        (
            "Note",
            "While this is open somebody must be on it, day and night, and the customer hears from us every "
            "hour. The order form of Acme GmbH grants less time than the plan does, so the clock of this "
            "ticket is counted by section 3 of it, and the first contact named there is told as well.",
        ),
    ),
    details='Traceback:\n  File "bill.py", line 12, in __init__\n    raise {{DATE(2026-03-20T15:30:00Z)}}',
    note=("Promised: ", Strong("24 hours")),
    buttons=(
        Button("acknowledge", "Acknowledge", "ACME-7", Style.PRIMARY),
        Button("take", "Take it", "ACME-7"),
        Button("reply", "Reply", "ACME-7", Style.PRIMARY),
        Button("severity", "Change severity", "ACME-7"),
        Button("update", "Update", "ACME-7"),
        Button("escalate", "Escalate", "ACME-7"),
        Button("hold", "Hold", "ACME-7"),
        Button("resolve", "Resolve", "ACME-7"),
        Button("why", "Why?", "ACME-7"),
        *(Button("milestone", label, f"ACME-7|{label}") for label in MILESTONES),
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
BREACH = Notice(
    (
        Strong("ACME-7"),
        " ",
        Strong("Breached: next update was due "),
        When(NOON),
        ". Promised: an update every hour (M3-17). ",
        Mention(BOB, "Bob"),
        " ",
        Mention(SLACKER, "Kim"),
        Quote("Bill generation stopped on production"),
    ),
    Tone.ALARM,
    (
        Button("alert_acknowledge", "Acknowledge", "ACME-7", Style.PRIMARY),
        Button("alert_call", "I'll call", "ACME-7"),
        Button("alert_delegate", "Delegate", "ACME-7"),
        Button("alert_snooze", "Snooze", "ACME-7"),
    ),
)
WARNING = Notice(
    (Strong("ACME-7"), " ", Strong("Warning: first response is due "), When(NOON), "."), Tone.WARN
)
REPLY = Notice(
    (
        Strong("ACME-7"),
        " Bob replied:",
        Quote("Turn it off.\n\n- Then *on* again."),
        "More: ",
        Link("https://status.example/7", "status page"),
    )
)
DONE = Notice((Strong("ACME-7"), " Bob resolved this ticket:", Quote("The queue runs again.")), Tone.DONE)
RECEIPT = Receipt(
    "ACME-7",
    (Strong("ACME-7"), " is S2: a core function is impaired (M3-12)."),
    (
        ReceiptTable(
            "First response",
            "Within 4 hours of support time, Monday to Friday, 09:00 to 17:30 London time.",
            "M3-14; Schedule 2",
            NOON + timedelta(hours=65),
            (
                ReceiptRow(NOON, NOON + timedelta(hours=2), "open", "2 h"),
                ReceiptRow(NOON + timedelta(hours=2), NOON + timedelta(hours=8, minutes=30), "night", ""),
                ReceiptRow(
                    NOON + timedelta(hours=8, minutes=30), NOON + timedelta(days=2, hours=8.5), "weekend", ""
                ),
                ReceiptRow(
                    NOON + timedelta(days=2, hours=8.5), NOON + timedelta(days=2, hours=17.5), "night", ""
                ),
                ReceiptRow(NOON + timedelta(days=2, hours=17.5), NOON + timedelta(hours=67.5), "open", "2 h"),
            ),
            "Europe/London",
        ),
        ReceiptTable("Resolution", "Within 3 business days.", "M3-15", None, (), "no/zone"),
    ),
)
BOARD = board(NOON)
FORM = Form(
    "intake",
    "m3ter Support",
    "Open ticket",
    (
        TextField(
            "summary",
            "Summary",
            value="Bills <slow>",
            limit=200,
            hint="What is wrong, in a few words",
        ),
        TextField("details", "Details", required=False, long=True, hint="Logs, if you have them"),
        ChoiceField(
            "production",
            "How is your production use affected?",
            (
                Option("down", "Severely: we cannot use it, or it is down"),
                Option("part", "It works only in part, or a core function is impaired"),
                Option("no", "Not at all"),
            ),
            value=("part",),
        ),
        ChoiceField(
            "seen",
            "What did you see?",
            (Option("slow", "Slow *pages*"), Option("error", "Errors"), Option("lost", "Lost data")),
            required=False,
            many=True,
            value=("slow", "lost", "gone"),
        ),
        ChoiceField("account", "Account", tuple(Option(f"a{n}", f"Account {n}") for n in range(11))),
    ),
    {"place": "teams:19:acme@thread.tacv2", "version": "2025-02-10", "accounts": "acme"},
    ("For ", Strong("Acme GmbH"), ". Production down? Call +44 20 0000 0000 as well."),
    {"base": "Please look again.", "summary": "Please write a few more words.", "account": "Please choose."},
)
VIEWS: dict[str, View] = {
    "customer-card": CUSTOMER,
    "agents-card": AGENTS,
    "breach": BREACH,
    "warning": WARNING,
    "reply": REPLY,
    "resolved": DONE,
    "receipt": RECEIPT,
    "board": BOARD,
    "get-help": GetHelp("m3ter", (Button("get_help", "Get help", "", Style.PRIMARY),)),
}


def task(response: TaskModuleContinueResponse) -> dict[str, Any]:
    """The answer that a dialog is shown by, as Teams gets it."""
    found: dict[str, Any] = TaskModuleResponse(task=response).serialize()
    return found


def drawn() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, view in VIEWS.items():
        made = view_card(view, PEN)
        found[name] = {"fallback": made.fallback, "content": made.content}
    found["customer-card-playground"] = {"content": view_card(CUSTOMER, PLAYGROUND).content}
    found["form"] = {"content": form_card(FORM, PEN)}
    found["dialog"] = task(dialog(FORM, PEN))
    found["dialog-closing"] = task(message_dialog("Why?", RECEIPT, PEN))
    return found


if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    for name, rendered in drawn().items():
        (GOLDEN / f"{name}.json").write_text(
            json.dumps(rendered, indent=2, ensure_ascii=False) + "\n", "utf-8"
        )
