"""The intake form: which account, the summary, the policy's questions, what is open already."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from bot.address import Place
from bot.desk.alike import PossibleDuplicate, possible_duplicates
from bot.desk.core import Desk
from bot.desk.outlook import preview, preview_of_duplicate, preview_of_report
from bot.forms import OPENING, ChoiceField, Field, Form, TextField
from bot.settings import Account
from bot.views import RichText
from sla_core.policy import Policy
from sla_core.ticket import State, Ticket
from sla_core.triage import Answers, Kind, Option

FORM = "intake"
ACCOUNT, SUMMARY, DETAILS, KNOWN = "account", "summary", "details", "known"
SOMETHING_NEW = "new"
LONGEST_SUMMARY = 200
LONGEST_DETAILS = 3000
MAX_KNOWN = 5
MAX_SEARCHED = 100
"""Tickets of an account that are looked through, newest first."""
MAX_COMPARED = 12
"""Of them, those whose summaries are compared with a new one."""
DETAILS_HINT = "What you did, what you saw, since when. The more you tell, the sooner it can be solved."
OFFERED = "offered"
OFFER = "offer"


@dataclass(frozen=True, slots=True)
class IntakeContext:
    """What an intake form is drawn from."""

    policy: Policy
    accounts: Sequence[Account]
    place: Place
    known: Sequence[Ticket] = ()
    """Open tickets of a class that asks for them first."""
    duplicates: Sequence[PossibleDuplicate] = ()
    """Open tickets that this one may be about."""
    values: Answers = field(default_factory=dict)
    offered: frozenset[str] | None = None
    """Keys of the tickets that were shown to the person; None while nothing was chosen in the form."""
    restored: bool = False
    """Whether the values are of a form that was not sent."""
    offer: str = ""
    """The message of ours that the form was asked for on, where that is about something."""
    opening: str = ""
    """Which opening of the form it is; empty for a form that the release before opened."""

    @property
    def account(self) -> Account | None:
        return chosen_account(self.accounts, self.values)

    @property
    def duplicate_of(self) -> str | None:
        """The open ticket that this is said to be."""
        candidates = {ticket.key for ticket in self.candidates}
        return next((key for key in self.values.get(KNOWN, ()) if key in candidates), None)

    @property
    def candidates(self) -> list[Ticket]:
        return [*self.known, *(each.ticket for each in self.duplicates)]


def chosen_account(offered: Sequence[Account], values: Answers) -> Account | None:
    if len(offered) == 1:
        return offered[0]
    return next((account for account in offered if account.id in values.get(ACCOUNT, ())), None)


def intake_form(intake: IntakeContext, now: datetime) -> Form:
    """The form. Its context says where it was asked for, by which version of the policy, what it showed."""
    policy, place = intake.policy, intake.place
    context = {"place": str(place), "version": policy.version} | ({"direct": "yes"} if place.direct else {})
    if intake.offered is not None:
        context[OFFERED] = " ".join(sorted(intake.offered | {each.ticket.key for each in intake.duplicates}))
    if intake.offer:
        context[OFFER] = intake.offer
    if intake.opening:
        context[OPENING] = intake.opening
    report = policy.triage.report
    fields: list[Field] = []
    if len(intake.accounts) > 1:
        options = tuple(Option(account.id, account.name) for account in intake.accounts)
        fields.append(ChoiceField(ACCOUNT, "Account", options))
    fields += [
        TextField(SUMMARY, "Summary", limit=LONGEST_SUMMARY, hint="What is wrong, in a few words"),
        TextField(
            DETAILS,
            "Details",
            required=False,
            long=True,
            hint=(report.hint if report else None) or DETAILS_HINT,
            limit=LONGEST_DETAILS,
        ),
        *(() if intake.duplicate_of else _questions(policy)),
        *_known(intake),
    ]
    form = Form(
        FORM,
        policy.name,
        "Open ticket",
        tuple(fields),
        context,
        tuple(_intro(intake)),
        reacts=True,
        takes_files=True,
    ).filled(intake.values)
    return replace(form, preview=_preview(intake, form, now))


def _intro(intake: IntakeContext) -> Iterator[str]:
    if intake.restored:
        yield "What you had filled in here and not sent is back. "
    if intake.policy.triage.intro:
        yield intake.policy.triage.intro


def _preview(intake: IntakeContext, form: Form, now: datetime) -> RichText:
    if intake.duplicate_of:
        return preview_of_duplicate(intake.duplicate_of)
    said = preview(intake.policy, intake.account, intake.policy.triage.relevant_answers(intake.values), now)
    optional = [each for each in form.visible_fields() if not each.required and each.id != KNOWN]
    empty = tuple(each.label for each in optional if not any(intake.values.get(each.id, ())))
    return (*said, *preview_of_report(intake.policy, empty, len(optional)))


def _questions(policy: Policy) -> list[Field]:
    return [
        TextField(q.id, q.label, q.required, long=True, hint=q.hint, when=q.when)
        if q.kind is Kind.TEXT
        else ChoiceField(q.id, q.label, q.options, q.required, q.kind is Kind.CHOICES, q.hint, when=q.when)
        for q in policy.triage.questions
    ]


def _known(intake: IntakeContext) -> list[Field]:
    if not intake.candidates:
        return []
    options = tuple(Option(t.key, f"{t.key}: {t.opened.summary}"[:75]) for t in intake.candidates)
    label = "Is it one of these, which are open already?"
    new = Option(SOMETHING_NEW, "No, it is something new")
    shared = [
        f"{each.ticket.key} shares the words {', '.join(each.words)}."
        for each in intake.duplicates
        if each.words
    ]
    hint = " ".join(shared) or None
    return [ChoiceField(KNOWN, label, (*options, new), required=False, hint=hint)]


def initial_values(text: str) -> dict[str, tuple[str, ...]]:
    """What was typed with the command, as the form holds it: whole in Details where Summary has no room."""
    cut = text[:LONGEST_SUMMARY]
    return {SUMMARY: (cut,), DETAILS: (text[:LONGEST_DETAILS],) if text != cut else ()} if text else {}


async def known_tickets(desk: Desk, policy: Policy, account: Account) -> list[Ticket]:
    """The account's open tickets of a class that asks for them first."""
    asking = {severity.id for severity in policy.severities.values() if severity.known_first}
    if not asking:
        return []
    recent = [await desk.ticket(key) for key, _ in await desk.store.open_tickets(account.id, MAX_SEARCHED)]
    return [t for t in recent if t.state is State.OPEN and t.severity in asking][:MAX_KNOWN]


async def duplicate_tickets(desk: Desk, account: Account, summary: str) -> list[PossibleDuplicate]:
    """The account's newest open tickets that a new one with this summary may be about."""
    if not summary.strip():
        return []
    newest = await desk.store.open_tickets(account.id, MAX_COMPARED)
    found = [(await desk.ticket(key), words) for key, words in possible_duplicates(summary, newest)]
    return [PossibleDuplicate(ticket, words) for ticket, words in found if ticket.state is State.OPEN]


async def recent_tickets(desk: Desk, account: Account, since: datetime) -> list[Ticket]:
    """The account's tickets opened since then, newest first, as far back as is looked."""
    found = []
    for key in (await desk.store.tickets(account.id))[:MAX_SEARCHED]:
        ticket = await desk.ticket(key)
        if ticket.opened.at < since:
            break
        found.append(ticket)
    return found


def text_in(values: Answers, field: str) -> str:
    return next(iter(values.get(field, ())), "").strip()
