"""Writes docs/texts.md: every sentence that Frontline says, with an example, from the code.

    python -m tools.texts

Messages about a ticket come from sample tickets of the vendors' policies, forms from the functions
that build them, answers to a press or a command from the source of the modules that give them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from bot.config.directory import Directory
from bot.config.settings import load_desk
from bot.model.address import Location, Place, UserRef
from bot.model.views import Audience, Notice
from bot.notify import agent_notes, cards
from bot.notify.message_factory import asked_key
from bot.notify.recipients import messages_of
from bot.notify.texts import opened_in
from sla_core.alerts import AGAIN, BACKUP, LEADERSHIP, QUIET, Outcome, alert_at
from sla_core.catalog.load import load
from sla_core.engine import promises
from sla_core.events import (
    FRONTLINE,
    THE_CLOCK,
    Acknowledged,
    Alerted,
    Answered,
    Attachment,
    Breached,
    CallRequested,
    Closed,
    ClosingAnnounced,
    Corrected,
    CustomerWrote,
    DueDateSet,
    Escalated,
    Event,
    Handover,
    Held,
    Kind,
    Notified,
    Nudged,
    PageAccepted,
    Paged,
    Reminded,
    Reopened,
    Resolved,
    Resumed,
    SeverityChanged,
    Taken,
    Turn,
    Undelivered,
    Warned,
    Who,
)
from sla_core.paging import DELEGATED, NO_STEP, SNOOZED
from sla_core.policy import Metric, Policy
from sla_core.ticket import after, fold
from tests.desk_file import account, desk_file
from tools.answers import answers, forms, intake_forms, plain
from tools.stories import (
    ALICE,
    BOB,
    CHANNEL,
    DANA,
    NOON,
    Story,
    emergency_stories,
    gap_stories,
    night_stories,
    owner_stories,
    range_stories,
    sample_opening,
    sample_ticket,
    silence_stories,
)

HOUSE = Path(__file__).resolve().parents[1]
OUT = HOUSE / "docs" / "texts.md"
TRIAGE = Place("slack", "C0TRIAGE")
EVE = Who(str(UserRef("slack", "T0", "U0EVE")), "Eve")
MONITORING = Who("alerts::prod", "prod monitoring")
IN_A_FREEZE = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
Told = tuple[Policy, str, Directory, Story]
"""A story with whose policy, plan and desk it plays under."""


def stories(policy: Policy, plan: str) -> Iterator[Story]:
    """One for each kind of event that says something."""
    worst, usual = list(policy.severities)[:2]

    def at(minutes: int) -> datetime:
        return NOON + timedelta(minutes=minutes)

    def due(severity_id: str, before: Sequence[Event]) -> tuple[str, datetime]:
        ticket = sample_ticket(policy, plan, severity_id, before)
        first = next(p for p in promises(ticket, policy) if p.due_at is not None and not p.settled)
        assert first.due_at is not None
        return first.promise_id, first.due_at

    file = Attachment("bill.png", "https://files.example/bill.png")
    opened: list[Event] = []
    yield Story("A ticket was opened", usual, (), opened)
    yield Story("An emergency was opened", worst, (), opened)
    yield Story("An agent replied", usual, opened, [Answered(at(10), BOB, Kind.REPLY, "Please try again.")])
    yield Story(
        "An agent sent an update", usual, opened, [Answered(at(10), BOB, Kind.UPDATE, "We found it.")]
    )
    yield Story(
        "An agent wrote in the customer's thread",
        usual,
        opened,
        [Answered(at(10), BOB, Kind.MESSAGE, "One moment.", message="1")],
    )
    yield Story("The customer wrote in the thread", usual, opened, [CustomerWrote(at(5), ALICE, "Any news?")])
    yield Story(
        "The customer sent a file", usual, opened, [CustomerWrote(at(5), ALICE, "See this", files=(file,))]
    )
    yield Story(
        "The customer added details by the form",
        usual,
        opened,
        [CustomerWrote(at(5), ALICE, "Since 09:12.", via="form")],
    )
    over = CustomerWrote(at(5), MONITORING, "Resolved at Fri 20 Mar 2026, 12:05 UTC.", via="app")
    yield Story("A monitoring alarm is over", worst, opened, [over])
    again = CustomerWrote(at(9), MONITORING, "Firing again: The API is down", via="app")
    yield Story("A monitoring alarm fires again", worst, [over], [again])
    raised = SeverityChanged(at(20), BOB, worst, "It is down for everybody.", earlier=("ACME-0",))
    yield Story("A ticket is one emergency too many in the quarter", usual, opened, [raised])
    wrote = CustomerWrote(at(5), ALICE, "Any news?", message="2")
    yield Story(
        "The customer edited a message", usual, [wrote], [Corrected(at(6), ALICE, "2", "Any news yet?")]
    )
    yield Story("The customer deleted a message", usual, [wrote], [Corrected(at(6), ALICE, "2", None)])
    yield Story(
        "An agent changed the severity",
        worst,
        opened,
        [SeverityChanged(at(20), BOB, usual, "Only exports are affected.")],
    )
    yield Story(
        "An agent changed the severity to an emergency",
        usual,
        opened,
        [SeverityChanged(at(20), BOB, worst, "It is down for everybody.")],
    )
    yield Story(
        "An agent put the ticket on hold", usual, opened, [Held(at(20), BOB, "Waiting for your logs.")]
    )
    held = Held(at(20), BOB, "Waiting for your logs.")
    yield Story("An agent ended the hold", usual, [held], [Resumed(at(30), BOB)])
    yield Story(
        "The customer's message ended the hold",
        usual,
        [held],
        [CustomerWrote(at(30), ALICE, "Here they are.")],
    )
    yield Story("An agent set a due date", usual, opened, [DueDateSet(at(20), BOB, at(24 * 60))])
    yield Story(
        "The customer escalated", usual, opened, [Escalated(at(30), ALICE, "Month end is today.", False)]
    )
    yield Story(
        "An agent escalated, internally",
        worst,
        opened,
        [Escalated(at(30), BOB, "I need help.", True, 1, None, tell_customer=False)],
    )
    first = f"first@{NOON.isoformat()}"
    page = Paged(NOON, THE_CLOCK, first, 0, "bob")
    yield Story("Somebody is paged", worst, (), [page])
    yield Story("Nobody is on call", worst, (), [Paged(NOON, THE_CLOCK, first, len(policy.steps), None)])
    yield Story(
        "Leadership and the account manager are paged",
        worst,
        [page],
        [Paged(at(30), THE_CLOCK, first, len(policy.steps), "dana")],
    )
    last = len(policy.steps) - 1
    stuck = Escalated(at(30), BOB, "I need help.", True, last)
    chain = f"escalated{last}@{stuck.at.isoformat()}"
    yield Story(
        "Somebody is paged because of an escalation",
        worst,
        [stuck],
        [Paged(at(30), THE_CLOCK, chain, last, "mia")],
    )
    yield Story(
        "A page was delivered outside business hours",
        usual,
        [page],
        [PageAccepted(at(9 * 60), THE_CLOCK, first, "bob")],
    )
    answer = Alerted(at(3), BOB, "acknowledge", "bob", page=True)
    yield Story("Somebody acknowledged a page", worst, [page], [answer])
    yield Story("Somebody will call", worst, [page], [replace(answer, act="call")])
    yield Story(
        "Somebody delegated a page",
        worst,
        [page],
        [
            replace(answer, act="delegate", to="kim"),
            Paged(at(3), BOB, DELEGATED, NO_STEP, "kim"),
        ],
    )
    snooze = replace(answer, act="snooze", until=at(18), reason="On the train.")
    yield Story("Somebody snoozed a page", worst, [page], [snooze])
    yield Story(
        "The snooze of a page is over",
        worst,
        [page, snooze],
        [Paged(at(18), THE_CLOCK, SNOOZED, NO_STEP, "bob")],
    )
    yield Story(
        "An agent escalated and told the customer; the next step is off hours",
        usual,
        opened,
        [Escalated(at(30), BOB, "This needs an engineer.", True, 2, at(3000))],
    )
    left = Handover(at(60), THE_CLOCK, BOB, 0)
    ask = Paged(at(60), THE_CLOCK, f"handover@{left.at.isoformat()}", 0, "eve")
    taken = [Taken(at(2), BOB)]
    yield Story("The owner's turn has ended", worst, taken, [left, ask])
    seen = Alerted(at(61), EVE, "acknowledge", "eve", page=True)
    yield Story("Somebody acknowledged the page of a handover", worst, [*taken, left, ask], [seen])
    yield Story("Nobody is left to page", usual, opened, [Escalated(at(30), BOB, "I need help.", True)])
    run, due_at = due(usual, opened)
    warning = Warned(due_at - timedelta(hours=1), THE_CLOCK, Metric.FIRST_RESPONSE, run, due_at)
    yield Story("A promise is at risk", usual, opened, [warning])
    breach = Breached(due_at + timedelta(microseconds=1), THE_CLOCK, Metric.FIRST_RESPONSE, run, due_at)
    yield Story("A promise was missed", usual, opened, [breach])
    late = replace(breach, at=due_at + timedelta(hours=3))
    yield Story("A promise was missed while Frontline was down", usual, opened, [late])
    told: list[Event] = [breach, Notified(breach.at, THE_CLOCK, 2, "dana")]
    for what, why, person in (
        ("The TAM did not answer for half an hour", AGAIN, "dana"),
        ("Nor for an hour: to her backup", BACKUP, "eve"),
        ("Then to leadership", LEADERSHIP, "mia"),
        ("After the TAM's quiet hours", QUIET, "dana"),
    ):
        yield Story(what, usual, told, [Notified(at(400), THE_CLOCK, 2, person, why)])
    instead = Notified(breach.at, THE_CLOCK, 2, "eve", instead_of="dana", back_at=at(9000))
    yield Story("While the TAM is away", usual, [breach], [instead])
    yield Story("The TAM will call", usual, told, [Alerted(at(400), DANA, "call", "dana")])
    yield Story("The TAM acknowledged", usual, told, [Alerted(at(400), DANA, "acknowledge", "dana")])
    yield Story("The TAM delegated", usual, told, [Alerted(at(400), DANA, "delegate", "dana", "mia")])
    yield Story("The TAM snoozed", usual, told, [Alerted(at(400), DANA, "snooze", "dana", until=at(430))])
    yield Story("The snooze is over", usual, [breach], [Reminded(at(430), THE_CLOCK, "dana")])
    resolved = Resolved(at(600), BOB, "The queue runs again.")
    outcome = Notified(at(600), THE_CLOCK, 4, "dana")
    yield Story("An agent resolved it", usual, told, [resolved, outcome])
    yield Story("The customer closed it", usual, [resolved], [Closed(at(610), ALICE)])
    yield Story("The customer reopened it", usual, [resolved], [Reopened(at(610), ALICE)])
    rateable = Resolved(at(600), BOB, "The queue runs again.", follow_up=True, close_after=5)
    yield Story("An agent resolved it and the customer may rate that", usual, opened, [rateable])
    asked = Answered(at(10), BOB, Kind.REPLY, "Which export?", next=Turn.CUSTOMER)
    yield Story("The customer has not answered for days", usual, [asked], [Nudged(at(6000), THE_CLOCK)])
    yield Story(
        "The customer said nothing after a resolution", usual, [rateable], [Nudged(at(6000), THE_CLOCK)]
    )
    announced = ClosingAnnounced(at(7000), THE_CLOCK, at(8440))
    yield Story("A resolved ticket will be closed", usual, [rateable], [announced])
    yield Story("A resolved ticket was closed", usual, [rateable, announced], [Closed(at(8440), FRONTLINE)])
    reply = Answered(at(10), BOB, Kind.REPLY, "Please try again.")
    yield Story(
        "A reply could not be delivered",
        usual,
        [reply],
        [Undelivered(at(11), THE_CLOCK, "ACME-1/2/customer/said", "the channel is archived", 2)],
    )
    for milestone in policy.milestones:
        yield Story(
            f"Milestone: {milestone.label}",
            worst,
            [Acknowledged(at(1), BOB), Taken(at(2), BOB)],
            [Answered(at(15), BOB, Kind.MILESTONE, milestone.label)],
        )


def _heard(story: Story, policy: Policy, plan: str, directory: Directory) -> Iterator[tuple[str, str]]:
    """Who reads what of a story."""
    first = replace(sample_opening(policy, plan, story.severity), at=story.opened_at)
    said = story.now or [first]
    acts = [first, *story.before, *story.now]
    in_story = {event.of for event in acts if isinstance(event, Notified)}
    told = [
        Notified(event.at, THE_CLOCK, seq, event.person or "" if isinstance(event, CallRequested) else "dana")
        for seq, event in enumerate(acts, start=1)
        if seq not in in_story
        and event in said
        and (alert_at(acts, seq) or (isinstance(event, Outcome) and _alerted(acts[:seq])))
    ]
    events, history = [*said, *told], [*acts, *told]
    for message in messages_of(fold("ACME-1", history), list(events), policy, directory):
        if isinstance(message.content, Notice) and not message.posted:
            if isinstance(message.to, UserRef):
                who = "direct message"
            elif message.thread == asked_key("ACME-1"):
                who = "thread it was asked from"
            else:
                who = "customer's thread" if message.to == CHANNEL else "triage"
            buttons = "".join(f" [{button.label}]" for button in message.content.buttons)
            edited = ", which now reads" if message.edits else ""
            yield f"{who}{edited}", plain(message.content.text) + buttons


def _alerted(history: Sequence[Event]) -> bool:
    return any(alert_at(history, seq) for seq in range(1, len(history) + 1))


def _sections(
    policy: Policy, plan: str, directory: Directory, told: Iterable[Story], only: str = ""
) -> Iterator[str]:
    for story in told:
        heard = [*_heard(story, policy, plan, directory)] if story.title.startswith(only) else []
        if heard:
            yield f"\n**{story.title}**\n"
            yield from (f"- {who}: {says}" for who, says in heard)


def _contact(directory: Directory) -> Iterator[str]:
    """What the first contact reads of a new ticket, and what the customer's card says of them."""
    policy = load("commerceup")[-1]
    ticket = fold("ACME-1", [replace(sample_opening(policy, "standard", "C3"), contact="dana")])
    yield "\n**A ticket was opened**\n"
    ticket = after(ticket, [Notified(NOON, THE_CLOCK, 1, "dana")])
    for message in messages_of(ticket, ticket.history, policy, directory):
        if isinstance(message.content, Notice) and (
            isinstance(message.to, UserRef) or message.key.endswith("/contact")
        ):
            who = "direct message" if isinstance(message.to, UserRef) else "triage"
            yield f"- {who}: {plain(message.content.text)}"
    card = cards.card(ticket, policy, directory, Audience.CUSTOMER, NOON)
    yield f"- customer's card: {plain(card.contact)}"


def _lines() -> Iterator[str]:
    """The line in triage about a message that nobody answered, and what becomes of it."""
    said = ("Alice", "Acme GmbH", ["Exports fail"], Location("the channel of Acme GmbH"))
    yield from (
        f"- triage: {plain(shown.text)}{''.join(f' [{button.label}]' for button in shown.buttons)}"
        for shown in (
            agent_notes.waiting(*said, ""),
            agent_notes.answered(*said, "Bob"),
            agent_notes.is_ticket(*said, "ACME-1"),
            agent_notes.dismissed(*said, "Bob"),
        )
    )
    yield f"- private answer: {agent_notes.ENDED}"


def _standings(policy: Policy, plan: str, directory: Directory) -> Iterator[str]:
    """Each way in which a promise stands on a card."""
    ticket = sample_ticket(policy, plan, "S2", ())
    seen: dict[str, None] = {}
    answered = sample_ticket(
        policy, plan, "S2", [Answered(NOON + timedelta(hours=1), BOB, Kind.REPLY, "Hello")]
    )
    late_at = NOON + timedelta(days=3, hours=5)
    run = promises(ticket, policy)[0]
    assert run.due_at is not None
    missed = Breached(run.due_at, THE_CLOCK, run.metric, run.promise_id, run.due_at)
    late = sample_ticket(policy, plan, "S2", [missed, Answered(late_at, BOB, Kind.REPLY, "Hello")])
    held = sample_ticket(policy, plan, "S2", [Held(NOON, BOB, "Waiting")])
    steps = [timedelta(minutes=minutes) for minutes in range(0, 6 * 60, 5)]
    looks = [(ticket, NOON + step) for step in steps]
    evening = replace(sample_opening(policy, plan, "S2"), at=NOON + timedelta(hours=9))
    tonight = fold("ACME-1", [evening])
    looks += [(tonight, evening.at), (answered, late_at), (late, late_at), (held, NOON)]
    afternoon = replace(evening, at=NOON + timedelta(hours=8))
    looks.append((fold("ACME-1", [afternoon]), afternoon.at))
    for shown, now in looks:
        card = cards.card(shown, policy, directory, Audience.CUSTOMER, now)
        for line in card.promises:
            at = f" {line.standing_at:%a %H:%M}" if line.standing_at else ""
            seen[f"{line.standing}{at}{', ' if line.then else ''}{line.then}"] = None
    yield from (f"- {standing}" for standing in seen)


def _card_lines(told: Iterable[Told]) -> Iterator[str]:
    """Each fact of a card, whose turn it can be, and each line of history, with its first example."""
    facts: dict[tuple[str, str], str] = {}
    turns: dict[tuple[str, str], None] = {}
    events: dict[str, None] = {}
    for policy, plan, directory, story in told:
        first = replace(sample_opening(policy, plan, story.severity), at=story.opened_at)
        ticket = fold("ACME-1", [first, *story.before, *story.now])
        now = ticket.history[-1].at
        for audience in Audience:
            card = cards.card(ticket, policy, directory, audience, now)
            whose = "agents' card" if audience is Audience.AGENTS else "customer's card"
            for label, says in card.facts:
                facts.setdefault((whose, label or says), f"{label}: {says}" if label else says)
            if card.next_up:
                turns[whose, card.next_up] = None
            events |= dict.fromkeys(line.what for line in card.history)
    yield "\n**Facts**\n"
    yield from (f"- {whose}: {says}" for (whose, _), says in sorted(facts.items()))
    yield "\n**Whose turn it is**\n"
    yield from (f"- {whose}: Next: {says}" for whose, says in turns)
    yield "\n**History, on the agents' card**\n"
    yield from (f"- {says}" for says in events)


def document() -> str:
    """The whole document."""
    with TemporaryDirectory() as folder:
        directories = {}
        for vendor, plan in (
            ("m3ter", "gold"),
            ("monetate", "europe"),
            ("commerceup", "standard"),
            ("monta", "partner"),
        ):
            path = Path(folder) / f"{vendor}.toml"
            rotas = {
                step.role: ["bob"] if not number else ["kim"]
                for number, step in enumerate(load(vendor)[-1].steps)
            }
            acme = account(plan=plan, order_form='cites = "a sample"\nhold = true')
            path.write_text(desk_file(vendor=vendor, rotas=rotas, accounts=[acme]), encoding="utf-8")
            directories[vendor] = Directory(load_desk(path))
        path, rotas = Path(folder) / "gaps.toml", {"first_line": ["bob"], "leadership": ["mia"]}
        path.write_text(desk_file(rotas=rotas), encoding="utf-8")
        gaps = Directory(load_desk(path))
    m3ter, monetate, monta, commerceup = (
        load(vendor)[-1] for vendor in ("m3ter", "monetate", "monta", "commerceup")
    )
    told: list[Told] = [
        *((m3ter, "gold", directories["m3ter"], story) for story in stories(m3ter, "gold")),
        *((m3ter, "gold", directories["m3ter"], story) for story in owner_stories(m3ter)),
        *((monetate, "europe", directories["monetate"], story) for story in emergency_stories(monetate)),
        *(
            (monetate, "europe", directories["monetate"], replace(story, opened_at=IN_A_FREEZE))
            for story in [Story("A ticket in a code freeze", "standard", (), ())]
        ),
        *((commerceup, "standard", directories["commerceup"], s) for s in range_stories()),
    ]
    lines = [
        "# Every sentence",
        "",
        "Generated by `python -m tools.texts`; do not edit. Alice is a customer, Bob an agent on",
        "call, Dana the account manager (TAM). Times are UTC; on Slack and Teams everybody reads them in",
        "their own zone.",
        "",
        "## Messages about a ticket",
        *_sections(m3ter, "gold", directories["m3ter"], stories(m3ter, "gold")),
        *_sections(m3ter, "gold", directories["m3ter"], owner_stories(m3ter)),
        *_sections(m3ter, "gold", gaps, gap_stories(m3ter)),
        *_sections(commerceup, "standard", directories["commerceup"], range_stories()),
        "\n## Milestones of an emergency",
        *_sections(monetate, "europe", directories["monetate"], stories(monetate, "europe"), "Milestone"),
        "\n## Services, mitigations, code freeze",
        *_sections(monetate, "europe", directories["monetate"], emergency_stories(monetate)),
        "\n## Silence, and the customer's way up",
        *_sections(monetate, "europe", directories["monetate"], silence_stories(monetate, "europe")),
        "\n## Outside business hours",
        *_sections(monta, "partner", directories["monta"], night_stories(monta)),
        "\n## The customer's first contact",
        *_contact(directories["commerceup"]),
        "\n## Messages that belong to no ticket\n",
        *_lines(),
        "\n## How a promise stands on a card\n",
        *_standings(m3ter, "gold", directories["m3ter"]),
        "\n## Facts, turns and history on cards",
        *_card_lines(told),
        "\n## The form of /support",
        *intake_forms(),
        "\n## Forms",
        *forms(m3ter, "gold"),
        "\n## Private answers, notices and faults in forms\n",
        "Only the person who acted reads them, unless they say otherwise. What varies stands in braces.\n",
        f"- a ticket opened from elsewhere: {plain(opened_in('ACME-1', 'the channel of Acme GmbH'))}",
        *_listed(answers()),
        "",
    ]
    return "\n".join(lines)


def _listed(found: Iterable[tuple[str, list[str]]]) -> Iterator[str]:
    for module, sentences in found:
        yield f"\n**`{module}`**\n"
        yield from (f"- {sentence}" for sentence in sentences)


if __name__ == "__main__":
    OUT.write_text(document(), encoding="utf-8")
    print(f"wrote {OUT.relative_to(HOUSE)}")
