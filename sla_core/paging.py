"""Who is paged for a ticket and when, until somebody answers (contract.md, Paging). Never reads the time.

A chain pages one person after the other: the people of a step, each `tries` times, then those of the next
step whose hours have begun, at last the last resort again and again. Several chains may run on one ticket;
one answer ends them all. Every page is in the ticket's history, so a restart changes nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Protocol

from sla_core.events import THE_CLOCK, Escalated, Handover, Paged, Who
from sla_core.oncall import OnCall
from sla_core.policy import Mode, Policy
from sla_core.ticket import State, Ticket

FIRST, RESOLVER, ESCALATED, HANDOVER = "first", "resolver", "escalated", "handover"
"""The beginnings of the ids of chains."""
DELEGATED, SNOOZED = "delegated", "snoozed"
"""The chains of single pages: to a colleague at once, and to a person whose snooze is over."""
NO_STEP = -1
"""The step of such a page."""


class Duty(Protocol):
    """The people behind the roles, from the desk's file."""

    @property
    def repeat(self) -> timedelta:
        """How long a page waits for an answer, where the policy gives no time for its step."""
        ...

    @property
    def tries(self) -> int:
        """How often a person is paged before the next one is, where the policy gives no number."""
        ...

    def on_call(self, role: str, at: datetime) -> Sequence[str]:
        """The people of a role in the order in which they are paged."""
        ...

    def in_turn(self, role: str) -> Collection[str]:
        """Everybody who may have a turn in this role; empty if always the same people hold it."""
        ...

    def on_turn(self, role: str, at: datetime) -> OnCall:
        """Whose turn it is in this role, and until when."""
        ...

    def last_resort(self, account: str, at: datetime) -> Sequence[str]:
        """Who is paged again and again after the last step: leadership's first and the account's TAM."""
        ...

    def person_behind(self, who: Who) -> str | None:
        """The person of the desk's file who acted."""
        ...


@dataclass(frozen=True, slots=True)
class Chain:
    """Pages that begin at `since` with the first person of `step`.

    If it does not go on to later steps, it ends with that step's people. `by` asked for it at `asked_at`;
    of a handover, `by` is the person who is to be relieved.
    """

    id: str
    step: int
    since: datetime
    asked_at: datetime
    by: Who
    goes_on: bool = True


@dataclass(frozen=True, slots=True)
class NextStep:
    """The next step of the escalation policy, when its hours begin, and the empty steps before it.

    `passed_over` includes the step itself if nobody is on call for it either.
    """

    step: int
    opens_at: datetime
    passed_over: tuple[int, ...]


def chains(ticket: Ticket, policy: Policy) -> list[Chain]:
    """The chains that nobody has answered yet, those that have run out of people included."""
    if ticket.state is not State.OPEN:
        return []
    return [
        *_of_severity(ticket, policy),
        *_of_escalations(ticket, policy),
        *_of_handover(ticket, policy),
    ]


def _of_severity(ticket: Ticket, policy: Policy) -> Iterator[Chain]:
    """Of a severity that pages: the first step, and beside it each step that resolves by default.

    They begin again when a ticket that never had an answer is reopened.
    """
    if not policy.severities[ticket.severity].pages or not policy.steps:
        return
    first = len(ticket.severities) - 1
    while first and policy.severities[ticket.severities[first - 1][1]].pages:
        first -= 1
    since = ticket.severities[first][0]
    by = ticket.severity_changed_by if first and ticket.severity_changed_by else ticket.opened.by
    again = ticket.reopened_unanswered
    if again is not None and again.at >= since:
        since, by = again.at, again.by
    elif first < ticket.answered_severities:
        return
    yield Chain(f"{FIRST}@{since.isoformat()}", 0, since, since, by)
    for number, step in enumerate(policy.steps[1:], start=1):
        duty = step.duties.get(ticket.severity)
        opens = policy.opens_at(ticket.opened.plan, step, ticket.severity, since, ticket.opened.zone)
        if duty is not None and duty.mode is Mode.RESOLVER and opens == since:
            yield Chain(f"{RESOLVER}{number}@{since.isoformat()}", number, since, since, by, goes_on=False)


def _of_escalations(ticket: Ticket, policy: Policy) -> Iterator[Chain]:
    """One for each escalation that pages a step: at once, or when the step's hours begin.

    The hours are those of the present severity, which may have been raised while the step waits.
    """
    for event in ticket.escalations[ticket.answered_escalations :]:
        if event.step is not None:
            opens = policy.opens_at(
                ticket.opened.plan, policy.steps[event.step], ticket.severity, event.at, ticket.opened.zone
            )
            begins = opens or event.calls_at or event.at
            yield Chain(_escalation_id(event), event.step, begins, event.at, event.by)


def _of_handover(ticket: Ticket, policy: Policy) -> Iterator[Chain]:
    """Of a ticket that needs somebody on duty at all times, and whose owner is not. None during a hold."""
    event = ticket.handover
    if event is None or event.step is None or ticket.handover_answered or ticket.held:
        return
    if policy.severities[ticket.severity].staffed:
        yield Chain(_handover_id(event), event.step, event.at, event.at, event.owner)


def due_pages(ticket: Ticket, policy: Policy, duty: Duty, now: datetime) -> list[Paged]:
    """The pages that are due at `now`, at most one round for each chain."""
    running = _running(ticket, policy)
    if not running:
        return []
    over = [person for person, until in ticket.snoozed_pages.items() if until <= now]
    events = [Paged(now, THE_CLOCK, SNOOZED, NO_STEP, person) for person in over]
    for chain in running:
        if _due_at(chain, ticket, policy, duty) <= now:
            events += _round(chain, [*ticket.pages, *events], ticket, policy, duty, now)
    return events


def next_page_at(ticket: Ticket, policy: Policy, duty: Duty) -> datetime | None:
    """When the next page is due; None while nobody is to be paged."""
    running = _running(ticket, policy)
    if not running:
        return None
    due = [_due_at(chain, ticket, policy, duty) for chain in running]
    return min((*due, *ticket.snoozed_pages.values()))


def reached_step(ticket: Ticket, policy: Policy) -> int:
    """The furthest step that the first chain paged or an escalation named; 0 if that is none.

    Steps that resolve from the start are paged beside the first chain, so an escalation does not skip
    the steps before them.
    """
    paged = (
        page.step
        for page in ticket.pages
        if page.person and page.step < len(policy.steps) and page.chain.startswith((FIRST, ESCALATED))
    )
    escalated = (event.step for event in ticket.escalations if event.step is not None)
    return max((0, *paged, *escalated))


def next_step(ticket: Ticket, policy: Policy, duty: Duty, now: datetime) -> NextStep | None:
    """The step that an escalation pages; None if the last one was reached.

    Steps with nobody on call are passed over. If that is all of them, the last resort is paged.
    """
    passed_over: list[int] = []
    found: NextStep | None = None
    first = reached_step(ticket, policy) + 1
    for number, step in enumerate(policy.steps[first:], start=first):
        opens_at = policy.opens_at(ticket.opened.plan, step, ticket.severity, now, ticket.opened.zone)
        if opens_at is None:
            continue
        found = NextStep(number, opens_at, tuple(passed_over))
        if duty.on_call(step.role, opens_at):
            return found
        passed_over.append(number)
    return replace(found, passed_over=tuple(passed_over)) if found else None


def tries_so_far(page: Paged, ticket: Ticket, policy: Policy, duty: Duty) -> tuple[int, int | None]:
    """Which page of its person this is, within chain and step, and of how many; None: until an answer.

    The ticket's last pages include this one. A single page is the first of one.
    """
    if page.step == NO_STEP:
        return 1, 1
    what = (page.chain, page.step, page.person)
    number = sum((each.chain, each.step, each.person) == what for each in ticket.pages if each.at <= page.at)
    return number, (policy.steps[page.step].tries or duty.tries) if page.step < len(policy.steps) else None


def escalation_of(page: Paged, ticket: Ticket) -> Escalated | None:
    """The escalation because of which somebody was paged."""
    return next((event for event in ticket.escalations if _escalation_id(event) == page.chain), None)


def handover_of(page: Paged, ticket: Ticket) -> Handover | None:
    """The handover because of which somebody was paged, unless a later one replaced it."""
    event = ticket.handover
    return event if event is not None and _handover_id(event) == page.chain else None


def _handover_id(event: Handover) -> str:
    return f"{HANDOVER}@{event.at.isoformat()}"


def _escalation_id(event: Escalated) -> str:
    return f"{ESCALATED}{event.step}@{event.at.isoformat()}"


def _due_at(chain: Chain, ticket: Ticket, policy: Policy, duty: Duty) -> datetime:
    """When the next round of a running chain is due."""
    last = _last_page(chain, ticket.pages)
    if last is None:
        due_at = chain.since
    else:
        due_at = last.at + _repeat(last.step, policy, duty)
        if last.person is None:  # nobody was awake, so wait for whoever is first
            due_at = max(due_at, min(ticket.snoozed_pages.get(person, due_at) for person in last.skipped))
    # A delegated page gives that person the time of one page before anybody else is paged.
    given = [page.at + duty.repeat for page in ticket.pages if page.chain == DELEGATED]
    return max((due_at, *given))


def _last_page(chain: Chain, pages: Sequence[Paged]) -> Paged | None:
    return next((page for page in reversed(pages) if page.chain == chain.id), None)


def _ends(page: Paged, policy: Policy) -> bool:
    return page.person is None and not (page.step == len(policy.steps) and page.skipped)


def _running(ticket: Ticket, policy: Policy) -> list[Chain]:
    """The chains that go on. Of several that page the last resort, only the first one does."""
    live = chains(ticket, policy)
    last = {chain.id: _last_page(chain, ticket.pages) for chain in live}
    at_the_end = [c.id for c in live if (page := last[c.id]) and page.step == len(policy.steps)]
    return [
        chain
        for chain in live
        if chain.id not in at_the_end[1:] and not ((page := last[chain.id]) and _ends(page, policy))
    ]


def _round(
    chain: Chain, done: Sequence[Paged], ticket: Ticket, policy: Policy, duty: Duty, now: datetime
) -> Iterator[Paged]:
    """The chain's next page. Whoever was just paged for this ticket is skipped and counts as tried.

    A handover never pages the person who is to be relieved.
    """
    relieved = duty.person_behind(chain.by) if chain.id.startswith(HANDOVER) else None
    own = [page for page in done if page.chain == chain.id]
    number = own[-1].step if own else chain.step
    skipped: list[str] = []
    while number < len(policy.steps):
        here = [page for page in own if page.step == number]
        tried = {person for page in here for person in page.skipped}
        counts = {page.person: sum(each.person == page.person for each in here) for page in here}
        tries = policy.steps[number].tries or duty.tries
        tried |= {person for person, count in counts.items() if person is not None and count >= tries}
        for person in _in_order(here, duty.on_call(policy.steps[number].role, now)):
            if person in tried or person == relieved:
                continue
            if _is_spared(person, chain, done, ticket, policy, duty, now):
                skipped.append(person)
                continue
            yield Paged(now, THE_CLOCK, chain.id, number, person, tuple(skipped))
            return
        if not chain.goes_on:
            yield Paged(now, THE_CLOCK, chain.id, number, None, tuple(skipped))
            return
        number, skipped = _next_open_step(number, ticket, policy, now), []
    people = [p for p in dict.fromkeys(duty.last_resort(ticket.opened.account, now)) if p != relieved]
    spared = tuple(p for p in people if _is_spared(p, chain, done, ticket, policy, duty, now))
    awake = [person for person in people if person not in spared]
    for paged in (*awake,) if awake else (None,):
        yield Paged(now, THE_CLOCK, chain.id, number, paged, spared)


def _in_order(here: Sequence[Paged], on_call: Sequence[str]) -> list[str]:
    """The people of a step: first whoever is being paged now, then those on call."""
    current = [here[-1].person] if here and here[-1].person else []
    return list(dict.fromkeys((*current, *on_call)))


def _is_spared(
    person: str,
    chain: Chain,
    done: Sequence[Paged],
    ticket: Ticket,
    policy: Policy,
    duty: Duty,
    now: datetime,
) -> bool:
    """Whether they began the chain just now, snoozed, or were paged less than one `repeat` ago."""
    if now - chain.asked_at < duty.repeat and duty.person_behind(chain.by) == person:
        return True
    if (until := ticket.snoozed_pages.get(person)) is not None and until > now:
        return True
    return any(page.person == person and now - page.at < _repeat(page.step, policy, duty) for page in done)


def _next_open_step(number: int, ticket: Ticket, policy: Policy, now: datetime) -> int:
    """The next step whose hours have begun; the number of steps if there is none."""
    for later, step in enumerate(policy.steps[number + 1 :], start=number + 1):
        if policy.opens_at(ticket.opened.plan, step, ticket.severity, now, ticket.opened.zone) == now:
            return later
    return len(policy.steps)


def _repeat(step: int, policy: Policy, duty: Duty) -> timedelta:
    own = policy.steps[step].ack_within if 0 <= step < len(policy.steps) else None
    return own or duty.repeat


LOOK_AGAIN = timedelta(hours=1)
"""Rotas and calendars may change while a ticket is open, so the end of a turn is looked up this often."""


@dataclass(frozen=True, slots=True)
class _Turn:
    """The step whose turn decides, and when the turn in which the ticket was last in hand ends."""

    step: int
    ends_at: datetime


def due_handover(ticket: Ticket, policy: Policy, duty: Duty, now: datetime) -> Handover | None:
    """The handover that is due at `now`; None if there is none."""
    who, turn = ticket.in_hand_of, _turn(ticket, policy, duty)
    if who is None or turn is None:
        return None
    if any(_ends_of_own_turns(who, policy, duty, now)):
        return Handover(now, THE_CLOCK, who, None) if ticket.handover else None
    if turn.ends_at > now or (ticket.handover and not ticket.handover_answered):
        return None
    return Handover(now, THE_CLOCK, who, turn.step)


def next_handover_at(ticket: Ticket, policy: Policy, duty: Duty, now: datetime) -> datetime | None:
    """When to look again whether a handover is due; None if there will be none."""
    who, turn = ticket.in_hand_of, _turn(ticket, policy, duty)
    if who is None or turn is None:
        return None
    ends = [*_ends_of_own_turns(who, policy, duty, now)]
    if not ends:
        present = duty.on_turn(policy.steps[turn.step].role, now).until
        ends = [end for end in (turn.ends_at, present) if end is not None and end > now]
    hour = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    return min((*ends, hour + LOOK_AGAIN))


def _turn(ticket: Ticket, policy: Policy, duty: Duty) -> _Turn | None:
    """None while nobody has to be on duty, or if the turn of whoever has the ticket never ends."""
    who, since = ticket.in_hand_of, ticket.in_hand_since
    if not policy.severities[ticket.severity].staffed or ticket.state is not State.OPEN or ticket.held:
        return None
    if who is None or since is None:
        return None
    if ticket.owner is None and ticket.handover is None and chains(ticket, policy):
        return None  # nobody owns it, and somebody is being paged
    step = ticket.handover.step if ticket.handover else _step_of(who, since, policy, duty)
    if step is None:
        return None
    begun_at = max(since, ticket.handover.at) if ticket.handover else since
    ends_at = duty.on_turn(policy.steps[step].role, begun_at).until
    return None if ends_at is None else _Turn(step, ends_at)


def _step_of(who: Who, since: datetime, policy: Policy, duty: Duty) -> int | None:
    """The step in which they had the turn, else one in which they take turns; None if a list has them."""
    person = duty.person_behind(who)
    takes_turns = [n for n, step in enumerate(policy.steps) if person in duty.in_turn(step.role)]
    for number in takes_turns:
        if duty.on_turn(policy.steps[number].role, since).person == person:
            return number
    lists = (step.role for step in policy.steps if not duty.in_turn(step.role))
    always = any(person in duty.on_call(role, since) for role in lists)
    return takes_turns[0] if takes_turns and not always else None


def _ends_of_own_turns(who: Who, policy: Policy, duty: Duty, now: datetime) -> Iterator[datetime]:
    """When each turn ends that they have at `now`."""
    person = duty.person_behind(who)
    for role in {step.role: step for step in policy.steps}:
        if person in duty.in_turn(role):
            on_turn = duty.on_turn(role, now)
            if on_turn.person == person and on_turn.until is not None:
                yield on_turn.until
