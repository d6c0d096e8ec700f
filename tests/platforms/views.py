"""Every view, with the given text in each place that can hold text from people."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from bot.model.address import UserRef
from bot.model.views import (
    Audience,
    Button,
    GetHelp,
    HistoryLine,
    LastWords,
    Mention,
    Menu,
    Notice,
    Part,
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

NOON = datetime(2026, 3, 20, 12, 0, tzinfo=UTC)
CUSTOMERS = ("Why?", "Add details", "Escalate", "Close", "Reopen")
AGENTS = ("Acknowledge", "Reply", "Update", "Resolve", "Escalate")
MORE = ("Take it", "Assign", "Change severity", "Hold", "Why?")
STANDINGS = {
    "less than 4 h left": (Phase.RUNNING, Tone.CALM),
    "less than 15 min left": (Phase.RUNNING, Tone.WARN),
    "paused": (Phase.PAUSED, Tone.CALM),
    "on hold": (Phase.ON_HOLD, Tone.CALM),
    "met": (Phase.MET, Tone.DONE),
    "breached": (Phase.BREACHED, Tone.ALARM),
}


def buttons(labels: tuple[str, ...]) -> tuple[Button, ...]:
    styles = {"Acknowledge": Style.PRIMARY, "Escalate": Style.DANGER}
    return tuple(Button(_action(label), label, "ACME-7", styles.get(label, Style.PLAIN)) for label in labels)


def _action(label: str) -> str:
    return "".join(letter for letter in label.lower() if letter.isalpha())


def card(audience: Audience, words: str = "Bills are slow", tone: Tone = Tone.CALM) -> TicketCard:
    promises = tuple(
        PromiseLine(f"Promise {number}", standing, phase, shade, 0.4, NOON + timedelta(hours=number))
        for number, (standing, (phase, shade)) in enumerate(STANDINGS.items())
    )
    for_agents = audience is Audience.AGENTS
    return TicketCard(
        key="ACME-7",
        audience=audience,
        title=words,
        state="open",
        severity="S2",
        severity_name="High",
        next_up="m3ter Support",
        owner="unassigned, seen by Bob",
        tone=tone,
        promises=promises,
        facts=(("Opened by", words),),
        contact=() if for_agents else (f"Your contact: {words}",),
        details=words,
        answers=((words, words),),
        about=(words,) if for_agents else (),
        last_words=LastWords(words, NOON, words) if for_agents else None,
        note=("Nothing else is promised.",),
        buttons=buttons(AGENTS if for_agents else CUSTOMERS),
        menus=(Menu("More", buttons(MORE)),) if for_agents else (),
        history=(HistoryLine(NOON, words), HistoryLine(NOON, "Bob replied")) if for_agents else (),
        earlier=3 if for_agents else 0,
    )


def notice(user: UserRef, words: str = "It got worse", tone: Tone = Tone.CALM) -> Notice:
    """A notice that mentions `user`, quotes `words` and names an instant."""
    said: tuple[Part, ...] = (Strong("ACME-7"), " ", Mention(user, "Bob"), f" {words} due ", When(NOON))
    return Notice((*said, Quote(words)), tone, buttons(("Acknowledge", "I'll call", "Delegate", "Snooze")))


def unmentioned(words: str) -> Notice:
    return Notice(
        (Strong(words), " ", Mention(UserRef("elsewhere", "", "x"), words), " wrote:", Quote(words))
    )


def receipt(words: str = "weekend") -> Receipt:
    rows = (
        ReceiptRow(NOON, NOON + timedelta(hours=1), "open", "1 h"),
        ReceiptRow(NOON + timedelta(hours=1), NOON + timedelta(hours=2), f"hold: Bob, {words}", ""),
    )
    table = ReceiptTable(
        "First response", "Within 4 support hours.", "M3-14", NOON + timedelta(hours=2), rows, "Europe/London"
    )
    return Receipt("ACME-7", (Strong("ACME-7"), " is S2: impaired. ", Quote(words)), (table,))


def board(words: str = "Bills are slow") -> QueueBoard:
    promise = PromiseLine("First response", "breached", Phase.BREACHED, Tone.ALARM, 1.0, NOON)
    (take,) = buttons(("Take it",))
    row = QueueRow("ACME-7", words, "open", "S2", "High", "Ours", words, Tone.ALARM, promise, take)
    section = QueueSection("Acme GmbH", (row, replace(row, key="ACME-8", button=None)), (words,), 5)
    return QueueBoard("Queue", NOON, (section,), ("7 tickets are open.",), buttons(("Get help",)))


def get_help() -> GetHelp:
    return GetHelp("m3ter", (Button("get_help", "Get help", "", Style.PRIMARY),))


def views(user: UserRef, words: str) -> dict[str, View]:
    return {
        "customer's card": card(Audience.CUSTOMER, words),
        "agents' card": card(Audience.AGENTS, words),
        "notice": notice(user, words),
        "notice that mentions nobody": unmentioned(words),
        "receipt": receipt(words),
        "board": board(words),
    }
