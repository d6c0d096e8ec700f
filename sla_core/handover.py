"""When a ticket that needs somebody on duty at all times passes to the next person. Never reads the time.

Whoever last took it or answered has it until the end of the turn in which they did so. If they are not on
duty then, the people of that step are asked to take over, by pages.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sla_core.events import THE_CLOCK, Handover, Who
from sla_core.paging import Duty, chains
from sla_core.policy import Policy
from sla_core.ticket import State, Ticket

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
