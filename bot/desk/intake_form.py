"""The intake form: which account, the summary, what is open already, the policy's questions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from bot.address import Place
from bot.desk.core import Desk
from bot.forms import ChoiceField, Field, Form, TextField
from bot.settings import Account
from sla_core.policy import Policy
from sla_core.ticket import State, Ticket
from sla_core.triage import Answers, Kind, Option

FORM = "intake"
ACCOUNT, SUMMARY, DETAILS, KNOWN = "account", "summary", "details", "known"
SOMETHING_NEW = "new"
LONGEST_SUMMARY = 200
LONGEST_DETAILS = 3000
MOST_KNOWN = 5
MOST_LOOKED_AT = 100
"""Tickets of an account that are looked through, newest first."""


def intake_form(
    policy: Policy, accounts: Sequence[Account], known: Sequence[Ticket], place: Place, text: str = ""
) -> Form:
    """The form. Its context says where it was asked for, and by which version of the policy."""
    context = {"place": str(place), "version": policy.version} | ({"direct": "yes"} if place.direct else {})
    fields: list[Field] = []
    if len(accounts) > 1:
        options = tuple(Option(account.id, account.name) for account in accounts)
        fields.append(ChoiceField(ACCOUNT, "Account", options))
    cut = text[:LONGEST_SUMMARY]
    fields += [
        TextField(SUMMARY, "Summary", value=cut, limit=LONGEST_SUMMARY, hint="What is wrong, in a few words"),
        TextField(
            DETAILS,
            "Details",
            required=False,
            long=True,
            value=text[:LONGEST_DETAILS] if text != cut else "",
            hint="What you did, what you saw, since when. The more you tell, the sooner it can be solved.",
            limit=LONGEST_DETAILS,
        ),
        *_questions(policy),
        *_known(known),
    ]
    intro = (policy.triage.intro,) if policy.triage.intro else ()
    return Form(FORM, policy.name, "Open ticket", tuple(fields), context, intro)


def _questions(policy: Policy) -> list[Field]:
    return [
        TextField(q.id, q.label, q.required, long=True, hint=q.hint)
        if q.kind is Kind.TEXT
        else ChoiceField(q.id, q.label, q.options, q.required, q.kind is Kind.CHOICES, q.hint)
        for q in policy.triage.questions
    ]


def _known(tickets: Sequence[Ticket]) -> list[Field]:
    if not tickets:
        return []
    options = tuple(Option(t.key, f"{t.key}: {t.opened.summary}"[:75]) for t in tickets)
    label = "Is it one of these, which are open already?"
    new = Option(SOMETHING_NEW, "No, it is something new")
    return [ChoiceField(KNOWN, label, (*options, new), required=False)]


async def known_tickets(desk: Desk, policy: Policy, accounts: Sequence[Account]) -> list[Ticket]:
    """The account's open tickets of a class that asks for them first; none while the account is not clear."""
    asking = {severity.id for severity in policy.severities.values() if severity.known_first}
    if len(accounts) != 1 or not asking:
        return []
    recent = await recent_tickets(desk, accounts[0])
    return [t for t in recent if t.state is State.OPEN and t.severity in asking][:MOST_KNOWN]


async def recent_tickets(desk: Desk, account: Account, since: datetime | None = None) -> list[Ticket]:
    """The account's tickets opened since then, newest first, as far back as is looked."""
    found = []
    for key in (await desk.store.tickets(account.id))[:MOST_LOOKED_AT]:
        ticket = await desk.ticket(key)
        if since is not None and ticket.opened.at < since:
            break
        found.append(ticket)
    return found


def text_in(values: Answers, field: str) -> str:
    return next(iter(values.get(field, ())), "").strip()
