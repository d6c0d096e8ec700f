"""Who is paged for a ticket and when, until somebody answers (contract.md, Paging). Never reads the time.

A chain pages one person after the other: the people of a step, each `tries` times, then those of the next
step whose hours have begun, at last the last resort again and again. Several chains may run on one ticket;
one answer ends them all. Every page is in the ticket's history, so a restart changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from sla_core.events import THE_CLOCK, Paged, Who
from sla_core.policy import Mode, Policy
from sla_core.ticket import State, Ticket

FIRST, RESOLVER, ESCALATED, DELEGATED = "first", "resolver", "escalated", "delegated"


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

    def last_resort(self, account: str, at: datetime) -> Sequence[str]:
        """Who is paged again and again after the last step: leadership's first and the account's TAM."""
        ...

    def person_behind(self, who: Who) -> str | None:
        """The person of the desk's file who acted."""
        ...


class Nobody:
    """No one is on call."""

    repeat = timedelta(minutes=5)
    tries = 2

    def on_call(self, role: str, at: datetime) -> Sequence[str]:
        return ()

    def last_resort(self, account: str, at: datetime) -> Sequence[str]:
        return ()

    def person_behind(self, who: Who) -> str | None:
        return None


NOBODY = Nobody()


@dataclass(frozen=True, slots=True)
class Chain:
    """Pages that begin at `since` with the first person of `step`.

    If it does not go on to later steps, it ends with that step's people. `by` is whose act began it.
    """

    id: str
    step: int
    since: datetime
    by: Who
    goes_on: bool = True


def chains(ticket: Ticket, policy: Policy) -> list[Chain]:
    """The chains that nobody has answered yet, in the order in which they begin."""
    if ticket.state is not State.OPEN:
        return []
    found = [*_of_severity(ticket, policy), *_of_escalations(ticket)]
    answered_at = ticket.paging_answered_at
    return [chain for chain in found if answered_at is None or chain.since > answered_at]


def _of_severity(ticket: Ticket, policy: Policy) -> Iterator[Chain]:
    """Of a severity that pages: the first step, and beside it each step that resolves by default."""
    if not policy.severities[ticket.severity].pages or not policy.steps:
        return
    since = ticket.severities[-1][0]
    for at, severity in reversed(ticket.severities):
        if not policy.severities[severity].pages:
            break
        since = at
    by = ticket.opened.by if since == ticket.opened.at else (ticket.severity_changed_by or THE_CLOCK)
    yield Chain(f"{FIRST}@{since.isoformat()}", 0, since, by)
    for number, step in enumerate(policy.steps[1:], start=1):
        duty = step.duties.get(ticket.severity)
        opens = policy.opens_at(ticket.opened.plan, step, ticket.severity, since)
        if duty is not None and duty.mode is Mode.RESOLVER and opens == since:
            yield Chain(f"{RESOLVER}{number}@{since.isoformat()}", number, since, by, goes_on=False)


def _of_escalations(ticket: Ticket) -> Iterator[Chain]:
    """One for each escalation that pages a step: at once, or when the step's hours begin."""
    for event in ticket.escalations:
        if event.step is not None:
            begins = event.calls_at or event.at
            yield Chain(f"{ESCALATED}{event.step}@{event.at.isoformat()}", event.step, begins, event.by)


def due_pages(ticket: Ticket, policy: Policy, duty: Duty, now: datetime) -> list[Paged]:
    """The pages that are due at `now`, at most one round for each chain."""
    events: list[Paged] = []
    for chain in chains(ticket, policy):
        due_at = _due_at(chain, ticket, policy, duty)
        if due_at is not None and due_at <= now:
            events += _round(chain, [*ticket.pages, *events], ticket, policy, duty, now)
    return events


def next_page_at(ticket: Ticket, policy: Policy, duty: Duty) -> datetime | None:
    """When the next page is due; None while nobody is to be paged."""
    due = (_due_at(chain, ticket, policy, duty) for chain in chains(ticket, policy))
    return min((at for at in due if at is not None), default=None)


def reached_step(ticket: Ticket, policy: Policy) -> int:
    """The furthest step that was paged or escalated to; 0 if that is none."""
    paged = (page.step for page in ticket.pages if page.step < len(policy.steps))
    escalated = (event.step for event in ticket.escalations if event.step is not None)
    return max((*paged, *escalated), default=0)


def _due_at(chain: Chain, ticket: Ticket, policy: Policy, duty: Duty) -> datetime | None:
    """When the chain's next round is due; None once the chain has ended."""
    own = [page for page in ticket.pages if page.chain == chain.id]
    if not own:
        due_at = chain.since
    elif own[-1].person is None:
        return None
    else:
        due_at = own[-1].at + _repeat(own[-1].step, policy, duty)
    # A delegated page gives that person the time of one page before anybody else is paged.
    given = [page.at + duty.repeat for page in ticket.pages if page.chain == DELEGATED]
    return max((due_at, *given))


def _round(
    chain: Chain, done: Sequence[Paged], ticket: Ticket, policy: Policy, duty: Duty, now: datetime
) -> Iterator[Paged]:
    """The chain's next page. Whoever was just paged for this ticket is skipped and counts as tried."""
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
            if person in tried:
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
    for person in dict.fromkeys(duty.last_resort(ticket.opened.account, now)):
        yield Paged(now, THE_CLOCK, chain.id, number, person)


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
    """Whether they began the chain themselves, snoozed, or were paged less than one `repeat` ago."""
    if duty.person_behind(chain.by) == person:
        return True
    if (until := ticket.snoozed.get(person)) is not None and until > now:
        return True
    return any(page.person == person and now - page.at < _repeat(page.step, policy, duty) for page in done)


def _next_open_step(number: int, ticket: Ticket, policy: Policy, now: datetime) -> int:
    """The next step whose hours have begun; the number of steps if there is none."""
    for later, step in enumerate(policy.steps[number + 1 :], start=number + 1):
        if policy.opens_at(ticket.opened.plan, step, ticket.severity, now) == now:
            return later
    return len(policy.steps)


def _repeat(step: int, policy: Policy, duty: Duty) -> timedelta:
    own = policy.steps[step].ack_within if 0 <= step < len(policy.steps) else None
    return own or duty.repeat
