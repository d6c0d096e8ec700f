"""Writes docs/parity.md: each action of the desk, who may do it, and how it appears on each platform.

    python -m tools.parity

No list is kept by hand: the actions are the desk's routes. Their labels come from cards of sample tickets in
every state, their effects from pressing them, and their appearance from rendering them.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

from adapters.slack.rendering.block_kit import actions as slack_actions
from adapters.sql.store import connect
from adapters.teams.rendering.card_parts import actions as teams_actions
from adapters.teams.rendering.text import CardTextRenderer as TeamsPen
from bot.config.directory import Directory
from bot.config.settings import load_desk
from bot.desk import home, queue_filters, routes
from bot.desk.agents import send_to_customer
from bot.desk.desk import Desk
from bot.desk.intake.conversation_steps import ACTION as INTERVIEW
from bot.desk.intake.conversation_steps import PICK, ConversationalForm
from bot.desk.intake.form import FORM as INTAKE
from bot.desk.tam import away, tam_home
from bot.desk.ticket.short_forms import TEXT
from bot.model.address import Actor, Location, MessageRef, Person, Place, UserRef
from bot.model.forms import ChoiceField, Form
from bot.model.inbound import Answer, Ask, Command, Done, EntryPoint, Posted, Press, Show, Submission
from bot.model.views import Audience, Button, QueueBoard
from bot.notify import cards
from bot.notify.agent_notes import waiting
from bot.notify.closing import rating_buttons
from bot.notify.pages import page_buttons
from bot.notify.silence import draft_buttons
from bot.notify.tam.direct_messages import alert_buttons
from bot.ports import DeskStore
from sla_core.catalog.load import load, vendors
from sla_core.engine import promises
from sla_core.events import THE_CLOCK, Event, Opened, Warned
from sla_core.policy import Metric, Policy
from sla_core.ticket import State, Ticket
from tests.desk_file import account, desk_file
from tools.parity_entry_points import entry_points
from tools.parity_form_changes import form_changes

HOUSE = Path(__file__).resolve().parents[1]
OUT = HOUSE / "docs" / "parity.md"
NOON = datetime(2026, 3, 20, 12, 0, tzinfo=UTC)
ACME, TRIAGE = Place("slack", "C0ACME"), Place("slack", "C0TRIAGE")
AGENT = Actor(UserRef("slack", "T0", "U0BOB"), "T0", "Bob")
CUSTOMER = Actor(UserRef("slack", "T1", "U0ALICE"), "T0", "Alice")
STORIES: tuple[tuple[str, ...], ...] = ((), ("acknowledge",), ("take",), ("hold",), ("resolve",), ("close",))
"""What is done to a sample ticket before its cards are inspected: all states."""
SIDES = {
    Audience.CUSTOMER: ("customer's card", CUSTOMER, ACME),
    Audience.AGENTS: ("agents' card", AGENT, TRIAGE),
}
WHO = {
    routes.AGENT: "agents",
    routes.PARTICIPANT: "the ticket's customers, agents",
    routes.CUSTOMER: "the ticket's customers",
    routes.ANYONE: "everyone",
    routes.RECIPIENT: "who got the message",
    routes.TAM: "TAMs",
}
COMMANDED = {
    away.FORM: away.form(Person("dana", "Dana"), ACME, ""),
    send_to_customer.FORM: send_to_customer.form({"ticket": "ACME-1"}),
}
"""Forms that a command or a message's menu opens and no button."""
FORMS_OPEN = "not needed: a form can be shown at once"
IN_MENU = " (menu "
_KEY = re.compile(r"[A-Z]+-\d+")
ORDER_FORM = 'cites = "a sample"\nhold = true'


@dataclass
class Action:
    """A button that was found. `form` is the form that it opens, if any.

    `states` are those of the tickets on which it was pressed, and `answers` the kinds of answers.
    """

    name: str
    button: Button
    places: list[str] = field(default_factory=list)
    states: set[State] = field(default_factory=set)
    answers: set[type[Answer]] = field(default_factory=set)
    form: Form | None = None

    @property
    def only_in_menus(self) -> bool:
        return all(IN_MENU in place for place in self.places)


@dataclass
class StoppedClock:
    """A clock that only we move."""

    at: datetime = NOON

    def now(self) -> datetime:
        return self.at

    async def sleep_until(self, instant: datetime) -> None:
        raise AssertionError("nothing sleeps here")


@dataclass
class Samples:
    """A desk of one vendor, and the actions found on its tickets."""

    desk: Desk
    clock: StoppedClock
    policy: Policy
    plan: str
    found: dict[tuple[str, str], Action]
    numbers: Iterator[int] = field(default_factory=count)

    async def look(self) -> None:
        """Finds the actions on both cards of each kind of ticket in each state, and outside of cards."""
        for severity in self.policy.severities:
            for story in STORIES:
                await self._look_at(severity, story)
            if self.policy.severities[severity].disables_services:
                await self._look_at(severity, ("services_disabled",))
        await self._look_in_a_freeze()
        await self._look_at_the_queue()
        for button in cards.get_help(self.policy).buttons:
            await self._press(CUSTOMER, ACME, button, "standing message")
        await self._look_at_questions()
        await self._look_at_lines()
        for button in rating_buttons(await self._ticket(self.policy.worst.id, ("resolve",))):
            await self._press(CUSTOMER, ACME, button, "resolution in the customer's thread")
        for button in alert_buttons(await self._ticket(next(iter(self.policy.severities)), ())):
            await self._press(AGENT, TRIAGE, button, "direct message")
        for button in queue_filters.buttons(queue_filters.Filter(), tam_home.LIST):
            await self._press(AGENT, TRIAGE, button, "an agent's Home and `list`")
        for button in (*tam_home.filters(tam_home.ALL, tam_home.LIST), away.BACK):
            await self._press(AGENT, TRIAGE, button, "a TAM's Home and `list`")
        for label in range(len(page_buttons(""))):
            if self.policy.worst.pages:  # an answer ends the pages, so each button gets its own ticket
                button = page_buttons(await self._ticket(self.policy.worst.id, ()))[label]
                await self._press(AGENT, TRIAGE, button, "page")
        for label in range(len(draft_buttons("", 0))):
            if any(target.metric is Metric.NEXT_UPDATE for target in self.policy.worst.targets):
                await self._press(AGENT, TRIAGE, (await self._draft())[label], "draft of an update")

    async def _draft(self) -> tuple[Button, ...]:
        """The buttons of a draft on a ticket of its own."""

        def warn(ticket: Ticket, policy: Policy, now: datetime) -> Sequence[Event]:
            (clock,) = (p for p in promises(ticket, policy) if p.metric is Metric.NEXT_UPDATE)
            assert clock.due_at is not None
            return [Warned(now, THE_CLOCK, clock.metric, clock.promise_id, clock.due_at)]

        key = await self._ticket(self.policy.worst.id, ())
        assert isinstance(await self.desk.change(None, key, warn), Done)
        return draft_buttons(key, (await self.desk.ticket(key)).version)

    async def _look_in_a_freeze(self) -> None:
        """A code freeze has a button of its own on tickets that are not urgent."""
        for freeze in self.policy.freezes:
            first = freeze.season.days[0].first
            assert isinstance(first, date), "a day of every year needs a year here"
            self.clock.at = datetime.combine(first, time(12), freeze.season.zone).astimezone(UTC)
            for severity in self.policy.severities.keys() - freeze.urgent:
                await self._look_at(severity, ())
        self.clock.at = NOON

    async def _look_at(self, severity: str, story: tuple[str, ...]) -> None:
        sample = await self.desk.ticket(await self._ticket(severity, story))
        for audience, (card_place, who, place) in SIDES.items():
            face = cards.card(sample, self.policy, self.desk.directory, audience, self.clock.at)
            placed = [(button, card_place) for button in face.buttons]
            placed += [
                (b, f"{card_place}{IN_MENU}`{menu.label}`)") for menu in face.menus for b in menu.buttons
            ]
            for button, where in placed:
                known = self.found.get((button.action, button.label))
                if known is None or sample.state not in known.states:
                    # A press may change the ticket, so each gets its own.
                    key = await self._ticket(severity, story)
                    value = button.value.replace(sample.key, key)
                    own = Button(button.action, button.label, value, button.style)
                    known = await self._press(who, place, own, where)
                    known.states.add(sample.state)
                if where not in known.places:
                    known.places.append(where)

    async def _look_at_the_queue(self) -> None:
        listed = await home.listing(self.desk, AGENT, TRIAGE)
        assert isinstance(listed, Show)
        assert isinstance(listed.view, QueueBoard)
        for row in (row for section in listed.view.sections for row in section.rows):
            if row.button is not None:
                places = self.found[row.button.action, row.button.label].places
                places += [] if "queue" in places else ["queue"]

    async def _look_at_questions(self) -> None:
        """Finds the buttons shown where no form can open, and those of each question asked instead."""
        mention = Command(
            self._once(), NOON, CUSTOMER, ACME, EntryPoint.MENTION, "A sample", MessageRef(ACME, "1")
        )
        asked = await routes.answer(self.desk, mention)
        assert isinstance(asked, Ask)
        assert asked.fallback is not None
        seen = [(button, "offer in a thread") for button in asked.fallback.buttons]
        held = ConversationalForm("", ACME, "1", CUSTOMER, asked.form, None, NOON)
        for each in asked.form.fields:
            if isinstance(each, ChoiceField) and each.many:
                held = held.with_answer(each.id, (each.options[0].id,))
        for at in (*(each.id for each in asked.form.fields), None):
            seen += [(button, "question") for button in replace(held, at=at).render().buttons]
        for button, where in seen:
            if not button.value.startswith(f"{PICK}|"):
                known = (button.action, button.label)
                places = self.found.setdefault(known, Action(button.action, button)).places
                places += [] if where in places else [where]

    async def _look_at_lines(self) -> None:
        """Finds the buttons of a line about a message that nobody answered."""
        for number in range(2):  # a press ends the line, so each button gets its own
            message = MessageRef(ACME, f"plain-{number}")
            await routes.answer(self.desk, Posted(self._once(), NOON, CUSTOMER, ACME, message, "A sample"))
            line = waiting("Alice", "Acme", ["A sample"], Location(), f"{ACME}/{message.id}")
            await self._press(AGENT, TRIAGE, line.buttons[number], "line about a message nobody answered")

    async def _press(self, who: Actor, place: Place, button: Button, where: str) -> Action:
        action = self.found.setdefault((button.action, button.label), Action(button.action, button, [where]))
        answer = await self._pressed(who, place, button)
        action.answers.add(type(answer))
        if isinstance(answer, Ask):
            action.form = answer.form
        return action

    async def _pressed(self, who: Actor, place: Place, button: Button) -> Answer:
        message = MessageRef(place, "1")
        press = Press(self._once(), NOON, who, place, message, button.action, button.value)
        return await routes.answer(self.desk, press)

    async def _ticket(self, severity: str, story: tuple[str, ...]) -> str:
        account = self.desk.directory.settings.accounts["acme"]
        opened = Opened(
            at=self.clock.at,
            by=self.desk.who(CUSTOMER),
            account=account.id,
            vendor=self.policy.vendor,
            plan=self.plan,
            version=self.policy.version,
            severity=severity,
            clause="",
            why="",
            summary="A sample",
            details="",
            answers={},
            channel=str(ACME),
            terms=account.terms,
            may_hold=account.may_hold,
        )
        key = (await self.desk.open(self._once(), account, lambda: opened)).ticket
        for name in story:
            who, place = (CUSTOMER, ACME) if name == "close" else (AGENT, TRIAGE)
            answer = await self._pressed(who, place, Button(name, "", key))
            if isinstance(answer, Ask):
                form = answer.form
                sent = Submission(self._once(), NOON, who, form.id, {TEXT: ("A word",)}, form.context)
                answer = await routes.answer(self.desk, sent)
            assert isinstance(answer, Done), f"{name} on a sample ticket: {answer}"
        return key

    def _once(self) -> str:
        return f"sample-{next(self.numbers)}"


async def found() -> list[Action]:
    """Every button of every vendor, in the order of the routes."""
    actions: dict[tuple[str, str], Action] = {}
    for vendor in vendors():
        async with connect("sqlite://") as store:
            await _samples(vendor, store, actions).look()
    order = list(routes.BUTTONS)
    return sorted(actions.values(), key=lambda action: order.index(action.name))


def _samples(vendor: str, store: DeskStore, actions: dict[tuple[str, str], Action]) -> Samples:
    plan = next(plan.id for plan in load(vendor)[-1].plans.values() if plan.chat)
    with TemporaryDirectory(prefix="frontline-") as folder:
        file = Path(folder) / "frontline.toml"
        acme = account(plan=plan, tam=None, order_form=ORDER_FORM)
        file.write_text(desk_file(vendor, rotas={}, people=["bob"], accounts=[acme]), encoding="utf-8")
        settings = load_desk(file)
    clock = StoppedClock()
    desk = Desk(store, clock, Directory(settings))
    return Samples(desk, clock, settings.policies[-1], plan, actions)


def on_slack(action: Action) -> str:
    (row,) = slack_actions([action.button])
    assert [element["type"] for element in row["elements"]] == ["button"]
    return f"{'choice in a menu' if action.only_in_menus else 'button'}{_then(action, 'modal')}"


def on_teams(action: Action) -> str:
    if action.name == INTERVIEW:
        return FORMS_OPEN
    (row,) = teams_actions([action.button], TeamsPen())
    dialog = row["actions"][0]["data"].get("msteams") == {"type": "task/fetch"}
    if dialog and action.form is None:
        return "button → dialog with the answer"
    kind = "button that the menu shows" if action.only_in_menus else "button"
    return f"{kind}{_then(action, 'dialog' if dialog else 'form as a card')}"


def on_terminal(action: Action) -> str:
    if action.name == INTERVIEW:
        return FORMS_OPEN
    typed = " or `why`" if action.name == "why" else ""
    return f"numbered button{typed}{_then(action, 'questions')}"


def _then(action: Action, form: str) -> str:
    if action.form is not None:
        return f", acts at once or → {form}" if Done in action.answers else f" → {form}"
    return " → answer only you see" if Show in action.answers else ", acts at once"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = (" | ".join(cell.replace("|", "¦") for cell in row) for row in rows)
    return "\n".join((f"| {' | '.join(head)} |", f"|{'---|' * len(head)}", *(f"| {row} |" for row in lines)))


PAGE = """# The same desk on each platform

Written by `python -m tools.parity` from the desk's routes, the cards of sample tickets of every vendor, and
the apps' manifests; a test checks that it is current. Change the desk, not this file.

## Entry points

{entry_points}

## Buttons

Every press is authorised on the server, wherever the button is.

{buttons}

## Forms

{forms}

## While `Open ticket` is being filled in

{form_changes}

A Teams client without dialogs (the Agents Playground) gets each form as a card, and so does everyone who
opened one with a message. Such a card has `Cancel`, which shows again what the form took the place of; its
`Why?` is answered in the person's chat with the app, or else in the card's thread. In the terminal any button
can also be pressed by its label: `press LABEL KEY`.
"""


def document(actions: list[Action]) -> str:
    """The text of docs/parity.md."""
    asked = {action.form.id: action.form for action in actions if action.form is not None}
    asked |= COMMANDED
    platforms = ("Slack", "Teams", "terminal")
    buttons = ("label", "stands on", "who may", *platforms, "route")
    forms = ("submit", "form", "who may", *platforms, "route")
    return PAGE.format(
        entry_points=_table(("entry point", *platforms), entry_points()),
        buttons=_table(buttons, map(_button_row, actions)),
        form_changes=_table(("what", *platforms), form_changes()),
        forms=_table(forms, (_form_row(asked[name]) for name in routes.FORMS)),
    )


def _button_row(action: Action) -> tuple[str, ...]:
    who, places = WHO[routes.BUTTONS[action.name].who], ", ".join(action.places)
    shown = (on_slack(action), on_teams(action), on_terminal(action))
    return f"`{action.button.label}`", places, who, *shown, f"`{action.name}`"


def _form_row(form: Form) -> tuple[str, ...]:
    teams = "dialog; card after a message" if form.id == INTAKE else "dialog"
    title = "the policy's questions" if form.id == INTAKE else _KEY.sub("KEY", form.title)
    terminal = "one question a line" if form.fields else "one question"
    if form.id == send_to_customer.FORM:
        terminal = "**missing**: messages have no menus"
    who = WHO[routes.FORMS[form.id].who]
    return f"`{form.submit}`", title, who, "modal", teams, terminal, f"`{form.id}`"


if __name__ == "__main__":
    OUT.write_text(document(asyncio.run(found())), encoding="utf-8")
