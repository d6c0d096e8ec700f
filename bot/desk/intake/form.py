"""The intake form: the account, the summary, the policy's questions, duplicates; and drafts of it."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import lru_cache

from bot.clock import real_now
from bot.config.settings import Account
from bot.desk.desk import Desk
from bot.model.address import Actor, Place
from bot.model.api_token import API
from bot.model.forms import OPENING, ChoiceField, Field, Form, TextField
from bot.model.views import Part, RichText, Strong, When
from bot.notify import cards
from bot.notify.agent_notes import note as rarity_note
from bot.notify.cards import without_full_stop
from bot.notify.texts import no_promise
from bot.text import typed
from sla_core.events import THE_CLOCK, Opened, Who
from sla_core.policy import Origin, Plan, Policy
from sla_core.ticket import State, Ticket, fold
from sla_core.triage import Answers, Kind, Option, Proposal, ShownAt

MAX_COMPARED = 12
"""How many of the account's open tickets a summary is compared with, the newest."""

MOST_DUPLICATES = 3
_WORD = re.compile(r"\w{3,}")
_STOP_WORD_LIST = """
about after again all also and any are been before but can cannot could did does doing don for from get
gets getting got had has have help her here him his how into isn issue its just like more most much not
now off one only our out over please problem seem she should since some still support that the their
them then there these they this those too very want was way were what when where which while who why
will with work works working would you your
"""
_STOP_WORDS = frozenset(_STOP_WORD_LIST.split())
"""Words that say nothing about the problem."""


@dataclass(frozen=True, slots=True)
class PossibleDuplicate:
    """An open ticket, and the words that its summary shares with the new one."""

    ticket: Ticket
    words: tuple[str, ...]


def possible_duplicates(
    summary: str, open_tickets: Iterable[tuple[str, Opened]]
) -> list[tuple[str, tuple[str, ...]]]:
    """Tickets that share at least two words and half of the shorter summary, most similar first.

    Two summaries of a single word each match if the word is the same.
    """
    words = _significant_words(summary)
    found = []
    for key, opened in open_tickets:
        theirs = _significant_words(opened.summary)
        shared = words.keys() & theirs.keys()
        if not shared:
            continue
        fewer = min(len(words), len(theirs))
        same_word = len(words) == len(theirs) == len(shared) == 1
        if same_word or (len(shared) > 1 and 2 * len(shared) >= fewer):
            found.append((key, tuple(word for stem, word in words.items() if stem in shared)))
    return sorted(found, key=lambda each: -len(each[1]))[:MOST_DUPLICATES]


@lru_cache(maxsize=4096)
def _significant_words(text: str) -> Mapping[str, str]:
    """The significant words by their compared form: lower case, without a plural's s."""
    words = (word for word in _WORD.findall(text.casefold()) if word not in _STOP_WORDS)
    return {word.removesuffix("s") if len(word) > 3 else word: word for word in words}


async def duplicate_tickets(desk: Desk, account: Account, summary: str) -> list[PossibleDuplicate]:
    """The account's newest open tickets that may be about the same problem as this summary."""
    if not summary.strip():
        return []
    newest = await desk.store.open_tickets(account.id, MAX_COMPARED)
    found = [(await desk.ticket(key), words) for key, words in possible_duplicates(summary, newest)]
    return [PossibleDuplicate(ticket, words) for ticket, words in found if ticket.state is State.OPEN]


FORM = "intake"
ACCOUNT, SUMMARY, DETAILS, KNOWN, CAME_IN = "account", "summary", "details", "known", "came_in"
SOMETHING_NEW = "new"
LONGEST_SUMMARY = 200
LONGEST_DETAILS = 3000
MAX_KNOWN = 5
MAX_SEARCHED = 100
"""How many tickets of an account to search, newest first."""
DETAILS_HINT = "What you did, what you saw, and since when. More detail helps us answer faster."
OFFERED = "offered"
OFFER = "offer"
ASKED, ASKED_IN, WORDS_OF = "asked", "asked_in", "words_of"


@dataclass(frozen=True, slots=True)
class IntakeContext:
    """Everything that an intake form is built from."""

    policy: Policy
    accounts: Sequence[Account]
    place: Place
    known: Sequence[Ticket] = ()
    """Open tickets of severities whose policy asks about known tickets first."""
    duplicates: Sequence[PossibleDuplicate] = ()
    """Open tickets that may be about the same problem."""
    values: Answers = field(default_factory=dict)
    offered: frozenset[str] | None = None
    """Keys of the tickets that the person has seen; None until a choice is made in the form."""
    restored: bool = False
    """Whether the values come from a draft."""
    offer: str = ""
    """The id of our message whose button opened the form, if that was about something; else empty."""
    opening: str = ""
    """Identifies this opening of the form; empty for a form that the previous release opened."""
    asked: str = ""
    """The id of the message that the ticket is asked from, or of the first one of its thread."""
    asked_in: str = ""
    """The channel of that message, if it is not `place`."""
    words_of: str = ""
    """The customer who wrote that message, if an agent opens the form: an address, a blank and a name."""

    asks_origin: bool = False
    """Whether the form asks an agent how the request came in."""
    in_channel: bool = False
    """Whether `place` is a channel of the account."""

    @property
    def origin(self) -> Origin:
        """How the request came in, as far as the form says."""
        return (
            Origin.PHONE if self.asks_origin and Origin.PHONE in self.values.get(CAME_IN, ()) else Origin.CHAT
        )

    @property
    def account(self) -> Account | None:
        return chosen_account(self.accounts, self.values)

    @property
    def duplicate_of(self) -> str | None:
        """The key of the open ticket that the person chose as the same problem."""
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
    """The form. Its context holds the place, the policy version and the tickets that it has shown."""
    policy, place = intake.policy, intake.place
    context = {"place": str(place), "version": policy.version} | ({"direct": "yes"} if place.direct else {})
    if intake.offered is not None:
        context[OFFERED] = " ".join(sorted(intake.offered | {each.ticket.key for each in intake.duplicates}))
    if intake.offer:
        context[OFFER] = intake.offer
    if intake.opening:
        context[OPENING] = intake.opening
    if intake.asked:
        context[ASKED] = intake.asked
    if intake.asked_in:
        context[ASKED_IN] = intake.asked_in
    if intake.words_of:
        context[WORDS_OF] = intake.words_of
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
            hint=f"{(report.hint if report else None) or DETAILS_HINT} {_who_sees(intake)}",
            limit=LONGEST_DETAILS,
        ),
        *([_way_in()] if intake.asks_origin else []),
        *(() if intake.duplicate_of else _questions(policy)),
        *_known(intake),
    ]
    form = Form(
        FORM,
        policy.name,
        "Open ticket",
        tuple(fields),
        context,
        tuple(_intro(intake, now)),
        reacts=True,
        takes_files=True,
    ).filled(intake.values)
    return replace(form, preview=_preview(intake, form, now))


def _who_sees(intake: IntakeContext) -> str:
    """A ticket's card stands in a channel of its account, wherever the form was opened."""
    if intake.in_channel:
        return "Everyone in this channel can see this."
    whose = f"the channel of {intake.account.name}" if intake.account else "the account's channel"
    return f"Everyone in {whose} can see this."


def _intro(intake: IntakeContext, now: datetime) -> Iterator[str]:
    if intake.restored:
        yield "Your unsent draft is back. "
    if peak := intake.policy.peak_at(now):
        yield f"{peak.says} "
    account = intake.account
    facts = intake.policy.facts_for(
        ShownAt.FORM,
        account.plan if account else None,
        now,
        zone=account.zone if account else "",
        terms=account.terms if account else None,
    )
    if said := " ".join(filter(None, (intake.policy.triage.intro, *(fact.tells for fact in facts)))):
        yield said


def _preview(intake: IntakeContext, form: Form, now: datetime) -> RichText:
    if intake.duplicate_of:
        return preview_of_duplicate(intake.duplicate_of)
    given = intake.policy.triage.relevant_answers(intake.values)
    said = preview(intake.policy, intake.account, given, now, intake.origin)
    optional = [each for each in form.visible_fields() if not each.required and each.id != KNOWN]
    empty = tuple(each.label for each in optional if not any(intake.values.get(each.id, ())))
    return (*said, *preview_of_report(intake.policy, empty, len(optional)))


def _way_in() -> Field:
    ways = Option(Origin.CHAT, "In chat"), Option(Origin.PHONE, "By phone")
    return ChoiceField(CAME_IN, "How did the customer report it?", ways, value=(Origin.CHAT,))


def _questions(policy: Policy) -> list[Field]:
    return [
        TextField(q.id, q.label, q.required, long=True, hint=q.hint, when=q.when)
        if q.kind is Kind.TEXT
        else ChoiceField(q.id, q.label, q.options, q.required, q.kind is Kind.CHOICES, q.hint, when=q.when)
        for q in policy.triage.questions
    ]


def _asks_about_known(intake: IntakeContext) -> bool:
    """Whether the severity may still be one whose policy asks about known tickets first (CUP-6)."""
    if text_in(intake.values, KNOWN):
        return True
    policy, account = intake.policy, intake.account
    triage = policy.triage_for(account.plan) if account else policy.triage
    proposal = triage.certain_proposal(triage.relevant_answers(intake.values))
    return proposal is None or policy.severities[proposal.severity].known_first is not None


def _known(intake: IntakeContext) -> list[Field]:
    known = intake.known if _asks_about_known(intake) else ()
    candidates = [*known, *(each.ticket for each in intake.duplicates)]
    if not candidates:
        return []
    options = tuple(Option(t.key, f"{t.key}: {t.opened.summary}"[:75]) for t in candidates)
    label = "Is it one of these open tickets?"
    new = Option(SOMETHING_NEW, "No, this is new")
    shared = [
        f"{each.ticket.key} also mentions {', '.join(each.words)}."
        for each in intake.duplicates
        if each.words
    ]
    asking = [each.shown for each in intake.policy.severities.values() if each.known_first]
    required = [f"Required for {' and '.join(asking)}."] if known else []
    hint = " ".join([*required, *shared]) or None
    return [ChoiceField(KNOWN, label, (*options, new), required=False, hint=hint)]


def initial_values(text: str) -> dict[str, tuple[str, ...]]:
    """The form's values for text typed with the command. A text too long for Summary is whole in Details."""
    cut = text[:LONGEST_SUMMARY]
    return {SUMMARY: (cut,), DETAILS: (text[:LONGEST_DETAILS],) if text != cut else ()} if text else {}


async def known_tickets(desk: Desk, policy: Policy, account: Account) -> list[Ticket]:
    """The account's open tickets whose policy asks about known tickets first, for a severity they have had.

    A workaround that lowers the severity does not end the outage.
    """
    asking = {severity.id for severity in policy.severities.values() if severity.known_first}
    if not asking:
        return []
    recent = [await desk.ticket(key) for key, _ in await desk.store.open_tickets(account.id, MAX_SEARCHED)]
    return [t for t in recent if t.state is State.OPEN and _was_one_of(asking, t)][:MAX_KNOWN]


def _was_one_of(asking: Collection[str], ticket: Ticket) -> bool:
    lowered = ticket.workaround_at is not None and any(had in asking for _, had in ticket.severities)
    return lowered or ticket.severity in asking


def text_in(values: Answers, field: str) -> str:
    return typed(next(iter(values.get(field, ())), ""))


MORE_ANSWERS_NEEDED = "Answer the questions to see the proposed severity and when we will respond."


def preview(
    policy: Policy, account: Account | None, answers: Answers, now: datetime, origin: Origin = Origin.CHAT
) -> RichText:
    """The proposed severity and what is due first, or why there is none. `answers` are the relevant ones."""
    triage = policy.triage_for(account.plan) if account else policy.triage
    elsewhere = triage.referral(answers)
    if elsewhere is not None:
        return (
            Strong("We cannot open a ticket for this. "),
            f"{cards.without_full_stop(elsewhere.says)}.",
        )
    proposal = triage.certain_proposal(answers)
    if account is None or proposal is None:
        return (MORE_ANSWERS_NEEDED,)
    refused = plan_refusal(policy, policy.plans[account.plan], proposal)
    if refused is not None:
        return (Strong(f"{_named(policy, proposal)} cannot be reported here. "), refused)
    facts = policy.facts_for(
        ShownAt.FORM, account.plan, now, proposal.severity, answers, account.zone, account.terms
    )
    told = [f"\n{cards.without_full_stop(fact.tells)}." for fact in facts if fact.follows_answers]
    phone = policy.plans[account.plan].phone_text(proposal.severity)
    by_phone = [f"\n{phone}."] if phone else []
    advice = [f"\n{cards.without_full_stop(advice.says)}." for advice in triage.advised(answers)]
    return (
        Strong(f"Proposed: {_named(policy, proposal)}."),
        *_due(policy, account, proposal, now, origin),
        *by_phone,
        *told,
        *advice,
    )


def preview_of_duplicate(key: str) -> RichText:
    """What submitting leads to if the person chose an open ticket."""
    return ("Your text will be added to ", Strong(key), "; no new ticket is opened.")


def preview_of_report(policy: Policy, empty: tuple[str, ...], among: int) -> RichText:
    """How complete the report is, if the vendor's policy asks for one. `empty` are labels."""
    report = policy.triage.report
    if report is None or not empty:
        return ()
    told = f"Still empty: {'; '.join(empty)}."
    if among > 1:
        told = f"Filled in: {among - len(empty)} of {among}. {told}"
    return (f"\n{told} {cards.without_full_stop(report.says)}.",)


def _named(policy: Policy, proposal: Proposal) -> str:
    severity = policy.severities[proposal.severity]
    if severity.name.casefold() == severity.id.casefold():
        return severity.name
    return ", ".join(filter(None, (severity.shown, severity.name_beside)))


def _due(
    policy: Policy, account: Account, proposal: Proposal, now: datetime, origin: Origin
) -> Iterator[Part]:
    """What would be due first if the form were submitted now."""
    opened = Opened(
        at=now,
        by=THE_CLOCK,
        account=account.id,
        vendor=policy.vendor,
        plan=account.plan,
        version=policy.version,
        severity=proposal.severity,
        clause=proposal.clause,
        why=proposal.says,
        summary="",
        details="",
        answers={},
        channel="",
        terms=account.terms,
        may_hold=account.may_hold,
        zone=account.zone,
        origin=origin,
    )
    ticket = fold("", (opened,))
    due = cards.next_due(ticket, policy, now)
    if due is None or due.due_at is None:
        yield f" {no_promise(policy)}"
        return
    wording, what = cards.wording_of(ticket, policy, due.metric), cards.METRIC_NAMES[due.metric]
    if wording in ("goal", "aim"):
        yield f" Our {wording} for the {what.lower()} is "
    else:
        yield f" {cards.promise_line(due, wording).label} is due "
    yield When(due.due_at)
    yield "."


def plan_refusal(policy: Policy, plan: Plan, proposal: Proposal) -> str | None:
    """Why the plan does not allow this ticket in chat, and where to go; None if it does."""
    if plan.chat or proposal.severity == policy.worst.id:
        return None
    return (
        f"On the plan {plan.name}, please report this at {plan.way_in}. "
        f"Only {policy.worst.shown} can be reported by chat. Your text stays in this form."
    )


def plan_exception(policy: Policy, plan: Plan, proposal: Proposal) -> str | None:
    """The exception under which a plan without chat gets this ticket, for the record; None if none."""
    if plan.chat:
        return None
    shown = policy.shown(proposal.severity)
    return f"accepted as {shown} although the plan {plan.name} does not include chat"


def with_place(desk: Desk, intake: IntakeContext) -> IntakeContext:
    """The context whose form knows what its place is.

    In triage it asks agents whether the customer called, if the policy counts that.
    """
    intake = replace(intake, in_channel=desk.directory.account_of(intake.place) is not None)
    if not desk.directory.is_triage(intake.place):
        return intake
    plans = (account.plan for account in intake.accounts)
    return replace(intake, asks_origin=any(Origin.PHONE in intake.policy.origins(plan) for plan in plans))


def origin_of(intake: IntakeContext, actor: Actor) -> Origin:
    """From where the request of a submitted form came."""
    return Origin.API if actor.user.platform == API else intake.origin


def opening_notes(
    policy: Policy, proposal: Proposal, earlier: Sequence[str], origin: Origin = Origin.CHAT
) -> Iterator[str]:
    """Notes for agents: a call, an overridden screening, or an unusual number of tickets of this severity."""
    if origin is Origin.PHONE:
        yield "the customer reported this by phone"
    if proposal.overrides:
        yield f"the answers override the screening: {without_full_stop(proposal.says)}"
    if earlier:
        yield rarity_note(proposal.severity, earlier, policy)


def duplicate_notes(intake: IntakeContext) -> Iterator[str]:
    """Notes for agents about possible duplicates, whatever the customer chose."""
    for each in intake.duplicates:
        yield f"it looks like {each.ticket.key} (both say {', '.join(each.words)})"


def author(words_of: str) -> Who | None:
    """The customer of a form's context: an address, a blank and a name; None if it names nobody."""
    id, _, name = words_of.partition(" ")
    return Who(id, name) if id else None


DRAFTS = "draft"


DRAFT_LIFE = timedelta(hours=24)


async def save_draft(desk: Desk, actor: Actor, place: Place, values: Answers) -> dict[str, tuple[str, ...]]:
    """Merges these fields into the draft, stores it, and returns all of it."""
    merged = await draft(desk, actor, place) | {name: tuple(given) for name, given in values.items()}
    if any(any(part.strip() for part in given) for given in merged.values()):
        # The version before, which may run beside this one, reads `at`.
        stored = json.dumps({"at": desk.clock.now().isoformat(), "values": merged}, ensure_ascii=False)
        await desk.key_values.put(DRAFTS, _key(actor, place), stored, real_now() + DRAFT_LIFE)
    return merged


async def draft(desk: Desk, actor: Actor, place: Place) -> dict[str, tuple[str, ...]]:
    """The values of the draft; empty if there is none from the last 24 hours."""
    stored = await desk.key_values.get(DRAFTS, _key(actor, place))
    return {name: tuple(given) for name, given in json.loads(stored)["values"].items()} if stored else {}


async def delete_draft(desk: Desk, actor: Actor, place: Place) -> None:
    if await desk.key_values.get(DRAFTS, _key(actor, place)):
        await desk.key_values.delete(DRAFTS, _key(actor, place))


def _key(actor: Actor, place: Place) -> str:
    return f"{place} {actor.user}"
