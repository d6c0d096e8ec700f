"""A queue with everything that a row can show, for whoever draws one."""

from __future__ import annotations

from datetime import datetime, timedelta

from bot.model.views import Button, PromiseLine, QueueBoard, QueueRow, QueueSection, Strong, Style, When
from sla_core.countdown import Phase, Tone


def board(noon: datetime) -> QueueBoard:
    return QueueBoard(
        "Queue",
        noon,
        (
            QueueSection(
                "Acme GmbH",
                (
                    QueueRow(
                        "ACME-7",
                        "Bills <are> *slow*",
                        "open",
                        "S1",
                        "Critical",
                        "our turn",
                        "nobody works on it yet",
                        Tone.ALARM,
                        PromiseLine("Next update", "breached", Phase.BREACHED, Tone.ALARM, 1.0, noon),
                        Button("take", "Take it", "ACME-7"),
                    ),
                    QueueRow(
                        "ACME-8",
                        "Reports are slow",
                        "open",
                        "S2",
                        "High",
                        "the customer's turn",
                        "Bob works on it",
                        Tone.CALM,
                        PromiseLine(
                            "Resolution (goal)",
                            "less than 4 h left",
                            Phase.RUNNING,
                            Tone.CALM,
                            0.5,
                            noon + timedelta(hours=4),
                        ),
                    ),
                ),
                ("Overdue: ", Strong("ACME-7"), " ", When(noon)),
                17,
            ),
            QueueSection(
                "Silverline Ltd",
                (QueueRow("SILVER-1", "An idea", "on hold", "none", "", "our turn", "by Eve", Tone.CALM),),
            ),
            QueueSection("Zeta AG", (), ("Nothing is open.",)),
        ),
        ("20 tickets are open, the more critical first.",),
        (Button("get_help", "Get help", "", Style.PRIMARY),),
        ("Escalate calls these, one step after the other:", "\n", Strong("First line:"), " Bob, then Eve"),
    )
