"""One sample of every view and a form, shared by every platform; and the longest and the random ones.

The golden files next to each platform's tests show how it renders them. `python -m tests.platforms.faces`
rewrites the files; review the difference before you commit it.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from bot.model.address import UserRef
from bot.model.forms import ChoiceField, Form, TextField
from bot.model.views import (
    Audience,
    Button,
    GetHelp,
    HistoryLine,
    LastWords,
    Link,
    Mention,
    Menu,
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
from sla_core.promise import Phase, Tone
from sla_core.triage import Option

NOON = datetime(2026, 3, 20, 15, 30, tzinfo=UTC)
BOB = UserRef("teams", "11111111-2222-4333-8444-555555555555", "00000000-0000-4000-8000-000000000001")
DANA = UserRef("teams", "11111111-2222-4333-8444-555555555555", "00000000-0000-4000-8000-000000000002")
KIM = UserRef("slack", "T0VENDOR", "U0KIM")

CUSTOMER = TicketCard(
    key="ACME-7",
    audience=Audience.CUSTOMER,
    title="Bill generation is slow & *some* bills never arrive",
    state="open",
    severity="S2 (proposed)",
    severity_name="High",
    next_up="m3ter Support",
    owner="unassigned, seen by Bob",
    tone=Tone.CALM,
    promises=(
        PromiseLine(
            "First response", "less than 4 h left", Phase.RUNNING, Tone.CALM, 0.3, NOON + timedelta(hours=4)
        ),
        PromiseLine(
            "Resolution",
            "paused until",
            Phase.PAUSED,
            Tone.CALM,
            0.13,
            NOON + timedelta(days=5),
            NOON + timedelta(days=3),
            "counted from the change of severity",
            NOON + timedelta(days=2, hours=18),
            "then less than 16 support hours left",
        ),
    ),
    facts=(
        ("", "We work on this throughout support hours"),
        ("Fix", "to be deployed on Mon 7 Dec 2026, after the code freeze"),
    ),
    contact=("Your account manager: Dana, dana@vendor.example",),
    details="Since 09:12 each bill takes *minutes*.",
    answers=(("How is your production use affected?", "Reduced capacity, or a core function is impaired"),),
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
    next_up="m3ter Support",
    owner="Bob_the_agent",
    tone=Tone.ALARM,
    promises=(
        PromiseLine(
            "First response", "met", Phase.MET, Tone.DONE, 0.5, NOON, standing_at=NOON - timedelta(minutes=40)
        ),
        PromiseLine(
            "Next update", "breached", Phase.BREACHED, Tone.ALARM, 1.0, NOON, then="answered 1 h 5 min late"
        ),
        PromiseLine("Resolution", "on hold", Phase.ON_HOLD, Tone.CALM, 0.5),
        PromiseLine(
            "Due date", "less than 30 min left", Phase.RUNNING, Tone.WARN, 0.8, NOON + timedelta(hours=1)
        ),
    ),
    about=("Acme GmbH", "Gold", "TAM Dana", "opened by Alice <at>Bob</at>"),
    last_words=LastWords("Alice", NOON - timedelta(minutes=10), "Is there any *news*?\nWe are <stuck>."),
    answers=(
        ("What is this about?", "Something is broken"),
        ("How is your production use affected?", "Severely: we cannot use it, or it is down"),
    ),
    facts=(
        ("Services", "disabled by Bob: “The tag breaks the checkout”"),
        ("Proposed because", "a core function is down"),
        (
            "Note",
            "While this is open somebody must be on it, day and night, and the customer hears from us every "
            "hour. The order form of Acme GmbH grants less time than the plan does, so the clock of this "
            "ticket is counted by section 3 of it, and the first contact named there is told as well.",
        ),
    ),
    details='Traceback:\n  File "bill.py", line 1, in __init__\n    raise {{DATE(2026-03-20T15:30:00Z)}} <b>',
    note=("Promised: ", Strong("24 hours")),
    buttons=(
        Button("acknowledge", "Acknowledge", "ACME-7", Style.PRIMARY),
        Button("reply", "Reply", "ACME-7"),
        Button("update", "Update", "ACME-7"),
        Button("resolve", "Resolve", "ACME-7"),
        Button("escalate", "Escalate", "ACME-7"),
    ),
    menus=(
        Menu(
            "More",
            (
                Button("take", "Take it", "ACME-7"),
                Button("assign", "Assign", "ACME-7"),
                Button("severity", "Change severity", "ACME-7"),
                Button("hold", "Hold", "ACME-7"),
                Button("services_enabled", "Services enabled", "ACME-7"),
                Button("why", "Why?", "ACME-7"),
            ),
        ),
        Menu("Milestone", tuple(Button("milestone", label, f"ACME-7|{label}") for label in MILESTONES)),
        Menu("Mitigation", (Button("mitigation", "Internet routing", "ACME-7|Internet routing"),)),
    ),
    drawn_at=NOON,
    history=(
        HistoryLine(NOON - timedelta(minutes=50), "Alice opened this, proposed as S1"),
        HistoryLine(NOON - timedelta(minutes=45), "Bob acknowledged this"),
        HistoryLine(NOON - timedelta(minutes=40), "Bob told the customer: Root cause found"),
        HistoryLine(NOON - timedelta(minutes=10), "Alice <@U0BOB> *wrote*"),
        HistoryLine(NOON, "Missed: next update"),
    ),
    earlier=12,
)
BREACH = Notice(
    (
        Strong("ACME-7"),
        " ",
        Strong("We missed the hourly update"),
        " (due ",
        When(NOON),
        "). Bob and Dana have been alerted. ",
        Mention(BOB, "Bob"),
        " ",
        Mention(KIM, "Kim"),
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
RESOLVED = Notice((Strong("ACME-7"), " Bob resolved this ticket:", Quote("The queue runs again.")), Tone.DONE)
RECEIPT = Receipt(
    "ACME-7",
    (Strong("ACME-7"), " is S2: a core function is impaired."),
    (
        ReceiptTable(
            "First response",
            "Within 4 hours of support time, Monday to Friday, 09:00 to 17:30 London time.",
            "Source: Support Policy, Schedule 2",
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
        ReceiptTable(
            "Resolution", "Within 3 business days.", "Source: Support Policy, Schedule 3", None, (), "no/zone"
        ),
    ),
)
BOARD = QueueBoard(
    "Queue",
    NOON,
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
                    "m3ter Support",
                    "unassigned",
                    Tone.ALARM,
                    PromiseLine("Next update", "breached", Phase.BREACHED, Tone.ALARM, 1.0, NOON),
                    Button("take", "Take it", "ACME-7"),
                ),
                QueueRow(
                    "ACME-8",
                    "Reports are slow",
                    "open",
                    "S2",
                    "High",
                    "the customer",
                    "Bob",
                    Tone.CALM,
                    PromiseLine(
                        "Resolution (goal)",
                        "less than 4 h left",
                        Phase.RUNNING,
                        Tone.CALM,
                        0.5,
                        NOON + timedelta(hours=4),
                    ),
                ),
            ),
            ("Overdue: ", Strong("ACME-7"), " ", When(NOON)),
            17,
        ),
        QueueSection(
            "Silverline Ltd",
            (QueueRow("SILVER-1", "An idea", "on hold", "none", "", "m3ter Support", "Eve", Tone.CALM),),
        ),
        QueueSection("Zeta AG", (), ("Nothing is open.",)),
    ),
    ("20 tickets are open, most critical first.",),
    (Button("get_help", "Get help", "", Style.PRIMARY),),
    ("Escalate pages these people, one step at a time:", "\n", Strong("First line:"), " Bob, then Eve"),
)
OPEN_TICKETS = QueueBoard(
    "Open tickets",
    NOON,
    (
        QueueSection(
            "",
            (
                QueueRow(
                    "ACME-7",
                    "Bills <are> *slow*",
                    "open",
                    "S1",
                    "Critical",
                    "m3ter Support",
                    "unassigned",
                    Tone.WARN,
                    PromiseLine(
                        "First response",
                        "less than 15 min left",
                        Phase.RUNNING,
                        Tone.WARN,
                        0.8,
                        NOON + timedelta(minutes=15),
                    ),
                ),
                QueueRow("ACME-8", "An idea", "open", "none", "", "you, please reply", "Bob", Tone.CALM),
            ),
            more=2,
        ),
    ),
)
"""A customer channel's board."""
FORM = Form(
    "intake",
    "Open a ticket with a long title",
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
                Option("part", "It works, but at reduced capacity, or a core function is impaired, or worse"),
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
    "resolved": RESOLVED,
    "receipt": RECEIPT,
    "board": BOARD,
    "open-tickets": OPEN_TICKETS,
    "get-help": GetHelp("m3ter", (Button("get_help", "Get help", "", Style.PRIMARY),)),
}


# The longest ----------------------------------------------------------------------------------

MARKS = '&<>*_~`"\\{🖨️'
"""Characters that a platform counts as more than one, or that it must escape."""


def longest_card(buttons: int, value: int) -> TicketCard:
    """A card with far too long texts, `buttons` buttons and `value` characters in each button's value."""
    return replace(
        AGENTS,
        title=MARKS * 200,
        state=MARKS * 100,
        severity_name=MARKS * 100,
        next_up=MARKS * 100,
        about=(MARKS * 100,) * 4,
        last_words=LastWords(MARKS * 50, NOON, MARKS * 500),
        answers=tuple((MARKS * 50, MARKS * 50) for _ in range(10)),
        owner=MARKS * 100,
        facts=tuple((f"{MARKS * 25}{number}", MARKS * (50 if number % 5 else 1)) for number in range(30)),
        promises=tuple(replace(AGENTS.promises[1], label=MARKS * 20, note=MARKS * 80) for _ in range(4)),
        contact=(MARKS * 1000, Mention(DANA, MARKS * 20), MARKS * 100),
        details=MARKS * 4000,
        note=(MARKS * 2000, Quote(MARKS * 500)),
        buttons=tuple(Button("milestone", MARKS * 20, "v" * value) for _ in range(buttons)),
        history=tuple(HistoryLine(NOON, MARKS * 25) for _ in range(5)),
        earlier=10_000,
    )


def longest_board(card: TicketCard, notes: int) -> QueueBoard:
    """A board of 600 rows with far too long texts; `notes` is the length of each section's note in marks."""
    take = replace(card.buttons[0], action="take")
    long = MARKS * 50
    row = QueueRow(MARKS * 20, long, long, long, long, long, long, Tone.ALARM, card.promises[0], take)
    sections = tuple(QueueSection(MARKS * 30, (row,) * 30, (MARKS * notes,), 10_000) for _ in range(20))
    texts = (MARKS * 900, "\n", MARKS * 900)
    return QueueBoard(MARKS * 30, NOON, sections, texts, card.buttons, texts)


def longest_notice(buttons: tuple[Button, ...]) -> Notice:
    return Notice((MARKS * 5000, Quote(MARKS * 5000)), Tone.ALARM, buttons)


def longest_receipt() -> Receipt:
    rows = tuple(ReceiptRow(NOON, NOON + timedelta(days=n), MARKS * 5, MARKS) for n in range(300))
    table = ReceiptTable(MARKS * 99, MARKS * 400, MARKS * 400, NOON, rows, "no/zone")
    return Receipt(MARKS * 30, (MARKS * 3000,), (table,) * 3)


# Random ---------------------------------------------------------------------------------------

promises = st.builds(
    PromiseLine,
    st.text(),
    st.text(),
    st.sampled_from(Phase),
    st.sampled_from(Tone),
    st.floats(-1, 2),
    st.none() | st.just(NOON),
    st.none() | st.just(NOON),
    st.none() | st.text(),
    st.none() | st.just(NOON),
    st.text(),
)
cards = st.builds(
    TicketCard,
    key=st.just("ACME-7"),
    audience=st.sampled_from(Audience),
    title=st.text(),
    state=st.text(),
    severity=st.text(),
    severity_name=st.text(),
    next_up=st.text(),
    owner=st.text(),
    tone=st.sampled_from(Tone),
    promises=st.lists(promises, max_size=4).map(tuple),
    facts=st.lists(st.tuples(st.text(), st.text()), max_size=4).map(tuple),
    about=st.lists(st.text(), max_size=4).map(tuple),
    last_words=st.none() | st.builds(LastWords, st.text(), st.just(NOON), st.text()),
    answers=st.lists(st.tuples(st.text(), st.text()), max_size=3).map(tuple),
    menus=st.sampled_from([(), AGENTS.menus]),
    contact=st.lists(st.text() | st.builds(Mention, st.just(DANA), st.text()), max_size=2).map(tuple),
    details=st.text(),
    note=st.lists(st.text(), max_size=2).map(tuple),
    buttons=st.just(CUSTOMER.buttons),
)
boards = st.builds(
    QueueBoard,
    title=st.text(),
    at=st.just(NOON),
    sections=st.lists(
        st.builds(
            QueueSection,
            st.text(),
            st.lists(
                st.builds(
                    QueueRow,
                    *(st.text() for _ in range(7)),
                    st.sampled_from(Tone),
                    st.none() | st.sampled_from([*AGENTS.promises, *CUSTOMER.promises]),
                    st.none() | st.just(CUSTOMER.buttons[0]),
                ),
                max_size=4,
            ).map(tuple),
            st.lists(st.text(), max_size=2).map(tuple),
            st.integers(0, 3),
        ),
        max_size=3,
    ).map(tuple),
    intro=st.lists(st.text(), max_size=3).map(tuple),
    buttons=st.sampled_from([(), CUSTOMER.buttons]),
)
