"""Opening a ticket: which account, the policy's questions, the proposed severity, the entitlement."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from bot.address import Actor, Place
from bot.desk.core import Desk, private, refusal
from bot.desk.intake_form import (
    ACCOUNT,
    DETAILS,
    KNOWN,
    SUMMARY,
    intake_form,
    known_tickets,
    recent_tickets,
    text_in,
)
from bot.exchange import Answer, Ask, Command, Done, Filling, Left, Press, Submission
from bot.hearing import VIA_FORM
from bot.settings import Account
from sla_core.events import CustomerWrote, Event, Opened
from sla_core.policy import Plan, Policy
from sla_core.ticket import Ticket
from sla_core.triage import Answers, Proposal


async def command(desk: Desk, command: Command) -> Answer:
    """`/support [text]`: the form, or why there is none here."""
    return await _ask(desk, command.actor, command.place, command.text.strip())


async def get_help(desk: Desk, press: Press) -> Answer:
    return await _ask(desk, press.actor, press.place, "")


async def _ask(desk: Desk, actor: Actor, place: Place, text: str) -> Answer:
    directory = desk.directory
    accounts = await _accounts(desk, actor, place)
    if not accounts:
        return refusal(_nowhere(place, directory.is_triage(place)))
    policy = directory.policy_on(desk.clock.now().date())
    known = await known_tickets(desk, policy, accounts)
    return Ask(intake_form(policy, accounts, known, place, text))


async def _accounts(desk: Desk, actor: Actor, place: Place) -> list[Account]:
    """The accounts a ticket may be for, from here."""
    directory = desk.directory
    owner = directory.account_of(place)
    if owner is not None:
        return [owner]
    everyone = list(directory.settings.accounts.values())
    if directory.is_triage(place):
        return [account for account in everyone if directory.is_agent(actor, account)]
    if place.direct:
        platform = desk.platforms.get(place.platform)
        there = {p.id for p in await platform.places_of(actor.user)} if platform else set()
        return [
            a for a in everyone if any(c.platform == place.platform and c.id in there for c in a.channels)
        ]
    return []


async def _channels_of(desk: Desk, actor: Actor, place: Place) -> set[str]:
    """The channels that somebody shares with the bot, on the platform of `place`."""
    platform = desk.platforms.get(place.platform)
    return {str(channel) for channel in await platform.places_of(actor.user)} if platform else set()


def _nowhere(place: Place, is_triage: bool) -> str:
    if is_triage:
        return "Only agents open tickets here. Customers do so in their own channel."
    if place.direct:
        return "You are in no channel of a customer, so there is nothing to open a ticket for."
    return f'No account owns this channel. Add "{place}" to an account\'s channels in frontline.toml.'


async def submit(desk: Desk, sent: Submission) -> Answer:
    """Opens the ticket, or gives the form back with each fault beneath its field."""
    directory = desk.directory
    place = Place.parse(sent.context["place"], direct="direct" in sent.context)
    policy = directory.policy(sent.context["version"])
    offered = await _accounts(desk, sent.actor, place)
    account = _chosen(offered, sent.values)
    known = await known_tickets(desk, policy, offered)

    def again(errors: dict[str, str]) -> Ask:
        return Ask(intake_form(policy, offered, known, place).rejected(sent.values, errors))

    given = {q.id: sent.values.get(q.id, ()) for q in policy.triage.questions}
    elsewhere = policy.triage.referral(given)
    if elsewhere is not None:
        return again({next(iter(elsewhere.when), SUMMARY): f"{elsewhere.says} ({elsewhere.clause})"})
    errors = policy.triage.faults(given)
    summary = text_in(sent.values, SUMMARY)
    if not summary:
        errors[SUMMARY] = "Please say in a few words what is wrong."
    if account is None:
        errors[ACCOUNT] = "Please choose the account that this is for."
    if account is None or errors:
        return again(errors)
    same = next(iter(sent.values.get(KNOWN, ())), "")
    if same in [ticket.key for ticket in known]:
        return await _add_to(desk, sent, same, summary)
    proposal = policy.triage.propose(given)
    plan = policy.plans[account.plan]
    refused = _not_entitled(policy, plan, proposal)
    errors = {policy.triage.questions[0].id: refused} if refused else {}
    if known and not same and policy.severities[proposal.severity].known_first:
        errors[KNOWN] = "Please say whether it is one of these; then nobody works on the same thing twice."
    if errors:
        return again(errors)
    channel = await _channel(desk, sent.actor, place, account)
    is_agent = directory.is_agent(sent.actor, account)
    notes = await _notes(desk, policy, account, proposal)
    advice = [f"{advice.says} ({advice.clause})" for advice in policy.triage.advised(given)]
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
            details=text_in(sent.values, DETAILS),
            answers=given,
            channel=str(channel),
            by_agent=is_agent,
            terms=account.terms,
            may_hold=account.may_hold,
            exception=_exception(plan, proposal),
            notes=(*notes, *(f"told: {said}" for said in advice)),
        ),
    )
    where = [] if channel == place else [f"{key} is open in the channel of {account.name}."]
    contact = plan.emergency_contact if policy.severities[proposal.severity].pages else None
    also = [f"This emergency can also be reported here: {contact}."] if contact else []
    said = " ".join([*where, *advice, *also])
    return private(said) if said else Done()


async def filling(desk: Desk, act: Filling) -> Answer:
    return Done()


async def left(desk: Desk, act: Left) -> Answer:
    return Done()


async def _channel(desk: Desk, actor: Actor, place: Place, account: Account) -> Place:
    """Where the ticket lives: here, else a channel of the account in which this person is, else its first."""
    if place in account.channels:
        return place
    there = await _channels_of(desk, actor, place) if place.direct else set()
    return next((channel for channel in account.channels if str(channel) in there), account.channels[0])


async def _add_to(desk: Desk, sent: Submission, key: str, summary: str) -> Answer:
    """It is one that is open already: what was typed goes there."""
    text = "\n".join(filter(None, (summary, text_in(sent.values, DETAILS))))

    def decide(ticket: Ticket, policy: Policy, now: datetime) -> Sequence[Event]:
        return [CustomerWrote(now, desk.who(sent.actor), text, VIA_FORM)]

    answer = await desk.change(sent.key, key, decide)
    return private(f"Thank you: what you wrote was added to {key}.") if isinstance(answer, Done) else answer


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


async def _notes(desk: Desk, policy: Policy, account: Account, proposal: Proposal) -> list[str]:
    """What agents should know of how this came in."""
    notes = []
    if proposal.overrides:
        notes.append(f"the screening was set aside: {proposal.says} ({proposal.clause})")
    rarity = policy.severities[proposal.severity].rarity
    if rarity is not None:
        now = desk.clock.now()
        begun = datetime(now.year, (now.month - 1) // 3 * 3 + 1, 1, tzinfo=now.tzinfo)
        earlier = [t for t in await recent_tickets(desk, account, begun) if t.severity == proposal.severity]
        if len(earlier) >= rarity.per_quarter:
            notes.append(
                f"{proposal.severity} number {len(earlier) + 1} of this quarter, expected at most "
                f"{rarity.per_quarter} ({', '.join(rarity.source.clauses)})"
            )
    return notes
