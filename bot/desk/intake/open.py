"""Opening a ticket: which account, the policy's questions, the proposed severity, the entitlement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot.config.directory import PolicyVersionMissing
from bot.config.settings import Account
from bot.desk import unticketed
from bot.desk.channels import channel_link, not_set_up
from bot.desk.desk import Desk, private_notice, refusal
from bot.desk.intake import form, prefill
from bot.desk.intake.form import (
    ACCOUNT,
    ASKED,
    ASKED_IN,
    DETAILS,
    FORM,
    KNOWN,
    OFFER,
    OFFERED,
    SUMMARY,
    WORDS_OF,
    IntakeContext,
    PossibleDuplicate,
    author,
    duplicate_notes,
    duplicate_tickets,
    initial_values,
    intake_form,
    known_tickets,
    opening_notes,
    origin_of,
    text_in,
    with_place,
)
from bot.desk.intake.prefill import PERSONS_MESSAGE
from bot.desk.rarity import open_counted
from bot.model.address import Actor, MessageRef, Place
from bot.model.forms import OPENING, form_key, is_expired, opening_context
from bot.model.inbound import Answer, Ask, Command, Done, FormChanged, FormClosed, Show, Submission
from bot.model.views import Notice, Part, Quote, RichText
from bot.notify import texts
from bot.notify.cards import duration, without_full_stop
from bot.notify.pages import LINK_DELAY
from bot.ports import Conflict, Duplicate, NoSuchTicket
from sla_core.events import VIA_FORM, Attachment, CustomerWrote, Event, Opened, Who
from sla_core.policy import Policy
from sla_core.ticket import State, Ticket
from sla_core.triage import Answers, Proposal

_NOT_HERE = (
    "Only you can see this chat, and you are not in a customer's channel, so no ticket can be opened here. "
    "You can write “list” to see the open tickets, or for example “status ACME-1” to see one."
)
_EXPIRED = (
    "This form was more than a day old, so it was not sent. Your text is still in the form: "
    "please check it and press Open ticket again."
)


async def command(desk: Desk, command: Command, offer: str = "") -> Answer:
    """`/support [text]`: the form, or a refusal. `offer` is the id of our message with the button."""
    directory, actor, place = desk.directory, command.actor, command.place
    asked = await _asked(desk, command)
    asked_in = _elsewhere(command)
    accounts = await _accounts(desk, actor, place, asked_in)
    if not accounts:
        return refusal(_NOT_HERE) if _is_vendor_staff(desk, actor, place) else _no_account(desk, actor, place)
    policy = directory.policy_on(desk.clock.now().date())
    values = initial_values(command.text.strip())
    draft = {name: given for name, given in (await form.draft(desk, actor, place)).items() if name != KNOWN}
    restored = bool(draft) and draft.get(SUMMARY) == values.get(SUMMARY, draft.get(SUMMARY))
    filled = draft if restored else values
    opening = opening_context(command.key)[OPENING]
    intake = IntakeContext(
        policy,
        accounts,
        place,
        values=filled,
        restored=restored,
        offer=offer,
        opening=opening,
        asked=asked,
        asked_in=asked_in,
        words_of=await _words_of(desk, command, accounts) if asked else "",
    )
    return Ask(intake_form(await _looked_up(desk, intake, find_duplicates=restored), desk.clock.now()))


async def _asked(desk: Desk, command: Command) -> str:
    """The id of the message that the command is about, unless that is a message of ours or a direct one."""
    if command.about is None or command.place.direct:
        return ""
    key = await desk.key_of(command.about)
    return command.about.id if key is None or key.startswith(f"{PERSONS_MESSAGE}/") else ""


def _elsewhere(command: Command) -> str:
    """The channel of the message that the command is about, if that is another one."""
    about = command.about
    return str(about.place) if about is not None and about.place != command.place else ""


async def _words_of(desk: Desk, command: Command, accounts: Sequence[Account]) -> str:
    """The customer whose message it is about, if an agent asks: an address, a blank and a name."""
    account = accounts[0] if len(accounts) == 1 else None
    if command.about is None or account is None or not desk.directory.is_agent(command.actor, account):
        return ""
    author = await unticketed.author_of(desk, command.about)
    return f"{author.id} {author.name}" if author else ""


async def _looked_up(desk: Desk, intake: IntakeContext, find_duplicates: bool = True) -> IntakeContext:
    """The context with the open tickets that may be the same."""
    account, intake = intake.account, with_place(desk, intake)
    if account is None:
        return intake
    known = await known_tickets(desk, intake.policy, account)
    listed = {ticket.key for ticket in known}
    found = await duplicate_tickets(desk, account, text_in(intake.values, SUMMARY)) if find_duplicates else []
    found = [each for each in found if each.ticket.key not in listed]
    chosen = text_in(intake.values, KNOWN)
    if chosen in (intake.offered or ()) and chosen not in [each.ticket.key for each in found]:
        # It was offered for an earlier summary, and the person chose it.
        ticket = await desk.ticket(chosen)
        if ticket.opened.account == account.id and ticket.state is State.OPEN:
            found.append(PossibleDuplicate(ticket, ()))
    return replace(intake, known=known, duplicates=found) if known or found else intake


async def _accounts(desk: Desk, actor: Actor, place: Place, asked_in: str = "") -> list[Account]:
    """The accounts for which the actor may open a ticket from this place.

    `asked_in` is the channel of a message that an agent opens it from in triage.
    """
    directory = desk.directory
    if asked_in:
        owner = directory.account_of(Place.parse(asked_in))
        return [owner] if owner and directory.is_agent(actor, owner) else []
    owner = directory.account_of(place)
    if owner is not None:
        return [owner]
    everyone = list(directory.settings.accounts.values())
    if directory.is_triage(place):
        return [account for account in everyone if directory.is_agent(actor, account)]
    if place.direct:
        there = await _channels_of(desk, actor, place)
        return [a for a in everyone if any(str(c) in there for c in directory.channels_of(a))]
    return []


async def _channels_of(desk: Desk, actor: Actor, place: Place) -> set[str]:
    """The channels that the actor shares with the bot, on the platform of `place`."""
    platform = desk.platforms.get(place.platform)
    return {str(channel) for channel in await platform.places_of(actor.user)} if platform else set()


def _is_vendor_staff(desk: Desk, actor: Actor, place: Place) -> bool:
    """Whether the actor is an agent or looks after an account, and writes in a direct conversation."""
    accounts = desk.directory.settings.accounts.values()
    return place.direct and any(desk.directory.is_agent(actor, account) for account in accounts)


def _no_account(desk: Desk, actor: Actor, place: Place) -> Show:
    """Says why no ticket can be opened here."""
    if desk.directory.is_triage(place):
        return refusal("Only agents can open tickets here. Customers open them in their own channel.")
    if place.direct:
        return refusal("You are not in a customer's channel, so you cannot open a ticket here.")
    policy = desk.directory.policy_on(desk.clock.now().date())
    return not_set_up(place, policy.vendor, desk.directory.is_agent(actor))


async def form_changed(desk: Desk, act: FormChanged) -> Answer:
    """Returns the form again after a choice, with the relevant fields and an updated preview."""
    if act.form != FORM:
        return Done()
    place = _place(act.context)
    policy = desk.directory.policy(act.context["version"])
    offered = await _accounts(desk, act.actor, place, act.context.get(ASKED_IN, ""))
    if not offered:
        return Done()
    values = await form.save_draft(desk, act.actor, place, act.values)
    intake = _intake_context(policy, offered, act.context, values)
    intake = replace(intake, offered=intake.offered or frozenset())
    return Ask(intake_form(await _looked_up(desk, intake), desk.clock.now()))


async def form_closed(desk: Desk, act: FormClosed) -> Answer:
    """Saves a closed form as a draft, or deletes the draft if the form was submitted."""
    if act.form != FORM:
        return Done()
    place, key = _place(act.context), form_key(act.context)
    if key and await desk.store.ticket_of_envelope(key):
        await form.delete_draft(desk, act.actor, place)
    else:
        await form.save_draft(desk, act.actor, place, act.values)
    return Done()


def _intake_context(
    policy: Policy, accounts: Sequence[Account], context: Mapping[str, str], values: Answers
) -> IntakeContext:
    """The context that a returned form was built from, with its current values."""
    return IntakeContext(
        policy,
        accounts,
        _place(context),
        values=values,
        offered=_offered(context),
        offer=context.get(OFFER, ""),
        opening=context.get(OPENING, ""),
        asked=context.get(ASKED, ""),
        asked_in=context.get(ASKED_IN, ""),
        words_of=context.get(WORDS_OF, ""),
    )


def _place(context: Mapping[str, str]) -> Place:
    return Place.parse(context["place"], direct="direct" in context)


def _offered(context: Mapping[str, str]) -> frozenset[str] | None:
    """The possible duplicates that the form has shown; None if no choice was made in it."""
    return frozenset(context[OFFERED].split()) if OFFERED in context else None


@dataclass(frozen=True, slots=True)
class IntakeResult:
    """The answer to a submitted form, and the key of the ticket that holds its content, if any."""

    answer: Answer
    ticket: str | None = None


async def submit(desk: Desk, sent: Submission) -> Answer:
    """Opens the ticket, or returns the form with each error below its field."""
    if is_expired(sent.context, desk.real_clock.now()):
        return await _ask_again(desk, sent)
    taken = await open_ticket(desk, sent)
    if taken.ticket is None or isinstance(taken.answer, Ask):
        return taken.answer
    if sent.message is not None:
        await prefill.close_prompt(desk, sent.message, taken.ticket, LINK_DELAY)
    return replace(taken.answer, ticket=taken.ticket)


async def _ask_again(desk: Desk, sent: Submission) -> Answer:
    """Returns an expired form as it would open now, with what was typed."""
    place = _place(sent.context)
    if known := await desk.store.ticket_of_envelope(sent.key):
        return (await _already_submitted(desk, sent, place, known)).answer
    accounts = await _accounts(desk, sent.actor, place, sent.context.get(ASKED_IN, ""))
    if not accounts:
        return _no_account(desk, sent.actor, place)
    policy = desk.directory.policy_on(desk.clock.now().date())
    intake = await _looked_up(desk, _intake_context(policy, accounts, sent.context, sent.values))
    return Ask(replace(intake_form(intake, desk.clock.now()), errors={SUMMARY: _EXPIRED}))


async def open_ticket(desk: Desk, sent: Submission) -> IntakeResult:
    """Like `submit`, but also returns which ticket it is."""
    place, offer = _place(sent.context), sent.context.get(OFFER, "")
    known = await prefill.ticket_of_prompt(desk, place, offer)
    if known and _is_resubmission((await desk.ticket(known)).opened, sent, desk.who(sent.actor)):
        # Two quick presses opened two forms.
        return IntakeResult(await prefill.already_in(desk, known, place), known)
    try:
        result = await _open_or_reject(desk, sent)
    except (Conflict, NoSuchTicket, PolicyVersionMissing):
        # The refusal replaces the form, so its values would be lost.
        await form.save_draft(desk, sent.actor, place, sent.values)
        raise
    if result.ticket and ASKED in sent.context:
        asked_in = sent.context.get(ASKED_IN)
        where = Place.parse(asked_in) if asked_in else place
        await unticketed.on_ticket(desk, where, sent.context[ASKED], result.ticket)
    if result.ticket and offer:
        await prefill.record_ticket(desk, place, offer, result.ticket)
        await prefill.close_prompt(desk, MessageRef(place, offer), result.ticket)
    return result


async def _open_or_reject(desk: Desk, sent: Submission) -> IntakeResult:
    directory = desk.directory
    place = _place(sent.context)
    policy = directory.policy(sent.context["version"])
    accounts = await _accounts(desk, sent.actor, place, sent.context.get(ASKED_IN, ""))
    intake = await _looked_up(desk, _intake_context(policy, accounts, sent.context, sent.values))
    account = intake.account

    async def rejected(errors: dict[str, str]) -> IntakeResult:
        if known := await desk.store.ticket_of_envelope(sent.key):
            return await _already_submitted(desk, sent, place, known)
        await form.save_draft(desk, sent.actor, place, sent.values)
        shown = (
            intake if KNOWN in sent.values or intake.offered is not None else replace(intake, duplicates=())
        )
        return IntakeResult(Ask(replace(intake_form(shown, desk.clock.now()), errors=errors)))

    given = policy.triage.relevant_answers(sent.values)
    summary = text_in(sent.values, SUMMARY)
    if intake.duplicate_of and summary:
        return await _add_to_duplicate(desk, sent, place, intake.duplicate_of)
    triage = policy.triage_for(account.plan) if account else policy.triage
    elsewhere = triage.referral(given)
    if elsewhere is not None:
        return await rejected({next(iter(elsewhere.when), SUMMARY): f"{without_full_stop(elsewhere.says)}."})
    errors = triage.faults(given)
    if not summary:
        errors[SUMMARY] = "Please say in a few words what is wrong."
    if account is None:
        errors[ACCOUNT] = "Please choose the account."
    if account is None or errors:
        return await rejected(errors)
    proposal = triage.propose(given)
    plan = policy.plans[account.plan]
    refused = form.plan_refusal(policy, plan, proposal)
    errors = {policy.triage.questions[0].id: refused} if refused else {}
    if asked := _duplicate_question(intake, sent, proposal):
        errors[KNOWN] = asked
    if errors:
        return await rejected(errors)
    if proposal.severity != policy.worst.id and (busy := _too_many(desk, sent, account)):
        return await rejected({SUMMARY: busy})
    asked_in = Place.parse(intake.asked_in) if intake.asked_in else place
    channel = await _channel(desk, sent.actor, asked_in, account)
    is_agent = directory.is_agent(sent.actor, account)
    origin = origin_of(intake, sent.actor)
    advice = [f"{without_full_stop(advice.says)}." for advice in triage.advised(given)]

    def draft(earlier: tuple[str, ...]) -> Opened:
        return Opened(
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
            details=_details(sent),
            answers=given,
            channel=str(channel),
            by_agent=is_agent,
            terms=account.terms,
            may_hold=account.may_hold,
            zone=account.zone,
            origin=origin,
            exception=form.plan_exception(policy, plan, proposal),
            notes=(
                *opening_notes(policy, proposal, earlier, origin),
                *(f"the customer was told: {without_full_stop(said)}" for said in advice),
                *duplicate_notes(intake),
            ),
            files=_attached(sent),
            asked_in=str(asked_in) if intake.asked else "",
            asked_below=intake.asked,
            earlier=earlier,
            words_of=author(intake.words_of) if is_agent else None,
        )

    if policy.severities[proposal.severity].rarity is None:
        outcome = await desk.open(sent.key, account, lambda: draft(()))
    else:
        outcome = await open_counted(desk, sent.key, account, policy, proposal.severity, draft)
    key = outcome.ticket
    where: RichText = ()
    if channel != place:
        where = texts.opened_in(key, await channel_link(desk, channel))
    contact = plan.emergency_contact if policy.severities[proposal.severity].pages else None
    also = [f"You can also report this emergency at {contact}."] if contact else []
    also += [f"{call}."] if (call := plan.recommended_call(proposal.severity)) else []
    rest = " ".join([*advice, *also])
    said = (*where, *([f" {rest}" if where else rest] if rest else []))
    if isinstance(outcome, Duplicate):
        return await _already_submitted(desk, sent, place, key, said)
    desk.openings.record(str(sent.actor.user), account.id, desk.real_clock.now())
    await form.delete_draft(desk, sent.actor, place)
    return IntakeResult(private_notice(*said) if said else Done(), key)


def _too_many(desk: Desk, sent: Submission, account: Account) -> str:
    """Says when to send the form again, beyond a rate that no honest use reaches; else empty."""
    now = desk.real_clock.now()
    until = desk.openings.full_until(str(sent.actor.user), account.id, now)
    if until is None:
        return ""
    wait = duration(until - now + timedelta(minutes=1))
    return (
        "You or your colleagues have opened too many tickets in the last hour. "
        f"Your text stays in this form: please send it again in {wait}."
    )


async def _already_submitted(
    desk: Desk, sent: Submission, place: Place, key: str, also: RichText = ()
) -> IntakeResult:
    """The form was submitted before and led to this ticket. `also` repeats the answer, which may be lost."""
    await form.delete_draft(desk, sent.actor, place)
    said: list[Part] = [
        f"This form has already opened {key}, so we did not open another ticket. "
        "Please continue in the thread of its card.",
        *await desk.link_to_card(key, place),
    ]
    if not _has_text(await desk.ticket(key), sent):
        said += [" We did not add this text to the ticket:", Quote(_words(sent))]
    if also:
        said += ["\n", *also]
    return IntakeResult(Show(Notice(tuple(said))), key)


def _has_text(ticket: Ticket, sent: Submission) -> bool:
    """Whether the ticket was opened with the submitted text, or the text was added to it."""
    added = (event.text for event in ticket.history if isinstance(event, CustomerWrote))
    return _same_text(ticket.opened, sent) or _words(sent) in added


def _duplicate_question(intake: IntakeContext, sent: Submission, proposal: Proposal) -> str | None:
    """The error that asks about open tickets before another one is opened, or None."""
    if sent.values.get(KNOWN):
        return None
    is_asked = len(intake.accounts) == 1 or KNOWN in sent.values
    if intake.known and is_asked and intake.policy.severities[proposal.severity].known_first:
        return "Is it one of these tickets? Please choose, so that nobody works on it twice."
    unseen = [each for each in intake.duplicates if each.ticket.key not in (intake.offered or ())]
    if intake.offered is not None and unseen:
        return "We may already have a ticket for this. Choose it, or press Open ticket again for a new one."
    return None


def _is_resubmission(opened: Opened, sent: Submission, who: Who) -> bool:
    """Whether the same person opened the ticket with the same text."""
    return opened.by == who and _same_text(opened, sent)


def _same_text(opened: Opened, sent: Submission) -> bool:
    return (opened.summary, opened.details) == (text_in(sent.values, SUMMARY), _details(sent))


async def _channel(desk: Desk, actor: Actor, place: Place, account: Account) -> Place:
    """The ticket's channel: this one, else one of the account that the actor is in, else its first."""
    channels = desk.directory.channels_of(account)
    if desk.directory.current_address(place) in channels:
        return desk.directory.current_address(place)
    there = await _channels_of(desk, actor, place) if place.direct else set()
    return next((channel for channel in channels if str(channel) in there), channels[0])


async def _add_to_duplicate(desk: Desk, sent: Submission, place: Place, key: str) -> IntakeResult:
    """Adds the submitted text to the open ticket that the person chose."""
    text = _words(sent)

    def decide(ticket: Ticket, policy: Policy, now: datetime) -> Sequence[Event]:
        return [CustomerWrote(now, desk.who(sent.actor), text, VIA_FORM, files=_attached(sent))]

    answer = await desk.change(sent.key, key, decide)
    if not isinstance(answer, Done):
        return IntakeResult(answer)
    if answer.duplicate:
        known = await desk.store.ticket_of_envelope(sent.key)
        return await _already_submitted(desk, sent, place, known or key)
    await form.delete_draft(desk, sent.actor, place)
    said = f"Thank you. Your text was added to {key}."
    return IntakeResult(private_notice(said, *await desk.link_to_card(key, place)), key)


def _attached(sent: Submission) -> tuple[Attachment, ...]:
    return tuple(Attachment(file.name, file.url) for file in sent.files)


def _words(sent: Submission) -> str:
    """The typed summary and details, without the answers to the policy's questions."""
    texts = (text_in(sent.values, name) for name in (SUMMARY, DETAILS))
    return "\n".join(filter(None, texts))


def _details(sent: Submission) -> str:
    """The typed details, and below them each file with its address."""
    files = (f"File: {file.name} ({file.url})" if file.url else f"File: {file.name}" for file in sent.files)
    return "\n".join(filter(None, (text_in(sent.values, DETAILS), *files)))
