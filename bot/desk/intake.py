"""Opening a ticket: which account, the policy's questions, the proposed severity, the entitlement."""

from __future__ import annotations

from bot.address import Actor, Place
from bot.desk.core import Desk, private, refusal
from bot.exchange import Answer, Ask, Command, Done, Press, Submission
from bot.forms import ChoiceField, Field, Form, TextField
from bot.settings import Account
from sla_core.events import Opened
from sla_core.policy import Plan, Policy
from sla_core.triage import Answers, Kind, Option, Proposal

FORM = "intake"
ACCOUNT = "account"
SUMMARY = "summary"
DETAILS = "details"
LONGEST_SUMMARY = 200


async def command(desk: Desk, command: Command) -> Answer:
    """`/support [text]`: the form, or why there is none here."""
    return await _ask(desk, command.actor, command.place, command.text.strip())


async def get_help(desk: Desk, press: Press) -> Answer:
    return await _ask(desk, press.actor, press.place, "")


async def _ask(desk: Desk, actor: Actor, place: Place, text: str) -> Answer:
    directory = desk.directory
    accounts = await _accounts(desk, actor, place)
    if not accounts:
        return refusal(_nowhere(place))
    policy = directory.policy_on(desk.clock.now().date())
    return Ask(_form(policy, accounts, place, text))


async def _accounts(desk: Desk, actor: Actor, place: Place) -> list[Account]:
    """The accounts a ticket may be for, from here."""
    directory = desk.directory
    owner = directory.account_of(place)
    if owner is not None:
        return [owner]
    everyone = list(directory.settings.accounts.values())
    if directory.is_triage(place):
        return everyone if directory.is_agent(actor) else []
    if place.direct:
        platform = desk.platforms.get(place.platform)
        there = {p.id for p in await platform.places_of(actor.user)} if platform else set()
        return [
            a for a in everyone if any(c.platform == place.platform and c.id in there for c in a.channels)
        ]
    return []


def _nowhere(place: Place) -> str:
    if place.direct:
        return "You are in no channel of a customer, so there is nothing to open a ticket for."
    return (
        f"No account owns this channel. To make it a customer's channel, add "
        f'"{place}" to the `channels` of an account in frontline.toml.'
    )


def _form(policy: Policy, accounts: list[Account], place: Place, text: str = "") -> Form:
    """The intake form. Its context names the accounts it was offered for, and where."""
    context = {"place": str(place), "version": policy.version, "accounts": ",".join(a.id for a in accounts)}
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
            value=text if text != cut else "",
            hint="What you did, what you saw, since when. The more you tell, the sooner it can be solved.",
        ),
        *_questions(policy),
    ]
    return Form(FORM, policy.name, "Open ticket", tuple(fields), context)


def _questions(policy: Policy) -> list[Field]:
    return [
        TextField(q.id, q.label, q.required, long=True, hint=q.hint)
        if q.kind is Kind.TEXT
        else ChoiceField(q.id, q.label, q.options, q.required, q.kind is Kind.CHOICES, q.hint)
        for q in policy.triage.questions
    ]


async def submit(desk: Desk, sent: Submission) -> Answer:
    """Opens the ticket, or gives the form back with each fault beneath its field."""
    directory = desk.directory
    place = Place.parse(sent.context["place"])
    policy = directory.policy(sent.context["version"])
    offered = [
        a for id_ in sent.context["accounts"].split(",") if (a := directory.settings.accounts.get(id_))
    ]
    account = _chosen(offered, sent.values)
    given = {q.id: sent.values.get(q.id, ()) for q in policy.triage.questions}
    errors = policy.triage.faults(given)
    summary = _text(sent.values, SUMMARY)
    if not summary:
        errors[SUMMARY] = "Please say in a few words what is wrong."
    if account is None:
        errors[ACCOUNT] = "Please choose the account that this is for."
    if account is None or errors:
        return Ask(_form(policy, offered, place).rejected(sent.values, errors))
    proposal = policy.triage.propose(given)
    plan = policy.plans[account.plan]
    refused = _not_entitled(policy, plan, proposal)
    if refused:
        errors = {policy.triage.questions[0].id: refused}
        return Ask(_form(policy, offered, place).rejected(sent.values, errors))
    channel = place if directory.account_of(place) == account else account.channels[0]
    is_agent = directory.is_agent(sent.actor, account)
    key = await desk.open(
        sent.key,
        account,
        lambda: Opened(
            at=desk.clock.now(),
            by=desk.who(sent.actor),
            account=account.id,
            vendor=policy.vendor,
            plan=plan.id,
            version=policy.version,
            severity=proposal.severity,
            clause=proposal.clause,
            why=proposal.says,
            summary=summary,
            details=_text(sent.values, DETAILS),
            answers=given,
            channel=str(channel),
            by_agent=is_agent,
            terms=account.terms,
            may_hold=account.may_hold,
            exception=_exception(plan, proposal),
        ),
    )
    if directory.account_of(place) == account:
        return Done()
    return private(f"{key} is open in the channel of {account.name}.")


def _chosen(offered: list[Account], values: Answers) -> Account | None:
    if len(offered) == 1:
        return offered[0]
    return next((account for account in offered if account.id in values.get(ACCOUNT, ())), None)


def _not_entitled(policy: Policy, plan: Plan, proposal: Proposal) -> str | None:
    if plan.chat or proposal.severity == policy.worst.id:
        return None
    return (
        f"The plan {plan.name} does not include support by chat. Please raise this at {plan.way_in}. "
        f"Only {policy.worst.id} is taken here; nothing you typed is lost while this form is open."
    )


def _exception(plan: Plan, proposal: Proposal) -> str | None:
    if plan.chat:
        return None
    return f"accepted as {proposal.severity} although the plan {plan.name} does not include chat"


def _text(values: Answers, field: str) -> str:
    return next(iter(values.get(field, ())), "").strip()
