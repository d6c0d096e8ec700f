"""One of every view, with somebody's words wherever words can come from outside."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from bot.model.address import UserRef
from bot.model.views import (
    Audience,
    Button,
    GetHelp,
    HistoryLine,
    Link,
    Mention,
    Notice,
    PromiseLine,
    QueueBoard,
    QueueRow,
    QueueSection,
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

START = datetime(2026, 3, 20, 15, 30, tzinfo=UTC)
DUE = START + timedelta(hours=4)


def card(
    title: str = "Bills are slow", details: str = "Since nine\nit is worse", fact: str = "Alice"
) -> TicketCard:
    return TicketCard(
        key="ACME-1",
        audience=Audience.AGENTS,
        title=title,
        state="open",
        severity="S2",
        severity_name="High priority",
        turn="Ours",
        owner="Bob",
        tone=Tone.WARN,
        promises=(
            PromiseLine("First response", "met", Phase.MET, Tone.DONE, 0.3, DUE),
            PromiseLine(
                "Next update", "less than 1 h left", Phase.RUNNING, Tone.WARN, 0.8, DUE, START, "anew"
            ),
            PromiseLine("Resolution", "on hold", Phase.ON_HOLD, Tone.CALM, 0.5),
        ),
        facts=(("Opened by", fact), ("What is this about?", "It is broken")),
        details=details,
        note=("No time is promised for ", Strong("that"), "."),
        buttons=tuple(
            Button(label.lower(), label, "ACME-1", style)
            for label, style in (
                ("Acknowledge", Style.PRIMARY),
                ("Take it", Style.PLAIN),
                ("Reply", Style.PLAIN),
                ("Change severity", Style.PLAIN),
                ("Update", Style.PLAIN),
                ("Escalate", Style.DANGER),
                ("Resolve", Style.PLAIN),
                ("Why?", Style.PLAIN),
            )
        ),
        history=(HistoryLine(START, f"{fact} opened it"), HistoryLine(DUE, "Bob replied")),
        earlier=3,
    )


def board(words: str = "Bills are slow") -> QueueBoard:
    taken = QueueRow("ACME-2", words, "open", "S3", words, "The customer's", words, Tone.DONE)
    overdue = PromiseLine("First response", "breached", Phase.BREACHED, Tone.ALARM, 1.0, START)
    rows = (
        replace(
            taken,
            key="ACME-1",
            severity="S2",
            owner="nobody yet",
            tone=Tone.ALARM,
            promise=overdue,
            button=Button("take", "Take it", "ACME-1"),
        ),
        taken,
        replace(taken, key="ACME-3", tone=Tone.CALM, button=Button("take", "Take it", "ACME-3")),
    )
    sections = (
        QueueSection("Acme GmbH", rows, ("Overdue: ", Strong("ACME-1"), " ", When(START)), 12),
        QueueSection(words, (), (words,)),
    )
    return QueueBoard("Your accounts", DUE, sections, (words,), (Button("get_help", "Get help", ""),))


def notice(words: str = "It got worse") -> Notice:
    user = UserRef("slack", "", "U0DANA")
    text = (Strong("ACME-1"), f" {words} ", Mention(user, words), When(DUE), Quote(words), Link(words, words))
    return Notice(text, Tone.ALARM, (Button("alert_call", "I'll call", "ACME-1"),))


def receipt(words: str = "weekend") -> Receipt:
    rows = (
        ReceiptRow(START, START + timedelta(hours=1), "open", "1 h"),
        ReceiptRow(START + timedelta(hours=1), START + timedelta(hours=2), f"hold: {words}", ""),
        ReceiptRow(START + timedelta(hours=2), DUE, "open", "2 h"),
    )
    table = ReceiptTable("First response", words, "M3-14", DUE, rows, "Europe/London")
    bare = ReceiptTable("Resolution", words, "M3-15", None, (), "no zone")
    return Receipt("ACME-1", (Strong("ACME-1"), " is S2. ", Quote(words)), (table, bare))


def views(words: str) -> tuple[View, ...]:
    return (
        card(words, words, words),
        notice(words),
        receipt(words),
        GetHelp(words, (Button("get_help", words, ""),)),
        board(words),
    )
