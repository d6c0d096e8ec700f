"""Monitoring alarms: each opens a ticket, which gets what the alarm says until the ticket has ended.

The ticket's history decides what is new, and a ticket's envelope names the ticket before it: so an alarm has
one ticket at a time, however often, late or to how many processes its notifications are delivered.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from bot.clock import real_now
from bot.config.alarms import AlarmSource
from bot.desk.desk import Desk
from bot.desk.intake.form import LONGEST_DETAILS, LONGEST_SUMMARY, opening_notes, plan_exception
from bot.desk.rarity import open_counted
from bot.model.inbound import AlarmChanged, Answer, Done
from bot.notify.agent_notes import AGAIN, FIRING, RESOLVED
from bot.ports import Appended, Duplicate
from bot.text import clean, named_time, one_line
from sla_core.events import VIA_APP, CustomerWrote, Event, Opened
from sla_core.policy import Origin, Policy
from sla_core.ticket import State, Ticket
from sla_core.triage import Proposal

TICKETS, DELIVERIES = "alarm", "alarm-delivery"
TICKET_LIFE = timedelta(days=365)
"""How long the last tickets of an alarm are remembered after the alarm's last notification."""
_REMEMBERED = 5
DELIVERY_LIFE = timedelta(minutes=15)
"""How long a notification is remembered; signatures are good for five minutes before and after theirs."""
_ELLIPSIS = "…"


async def changed(desk: Desk, alarm: AlarmChanged) -> Answer:
    """Records the notification on the alarm's ticket. One that was delivered before changes nothing."""
    delivery = _hash(alarm.source, alarm.delivery)
    if alarm.delivery and (known := await desk.key_values.get(DELIVERIES, delivery)) is not None:
        return Done(duplicate=True, ticket=known)
    source = next(each for each in desk.directory.settings.alerts if each.name == alarm.source)
    ticket = await (_fired if alarm.firing else _ended)(desk, source, alarm)
    if alarm.delivery:
        await desk.key_values.put(DELIVERIES, delivery, ticket, real_now() + DELIVERY_LIFE)
    return Done(ticket=ticket)


async def _fired(desk: Desk, source: AlarmSource, alarm: AlarmChanged) -> str:
    name = _name(alarm)
    keys = await _tickets(desk, name)
    ticket = await _open_one(desk, keys)
    summary, details = _summary(alarm), _details(alarm)
    if ticket is None:
        opened = await _open(desk, source, _envelope(name, keys), summary, details)
        keys.append(opened.ticket)
        # A duplicate was opened by another process just now, maybe with other words.
        ticket = await desk.ticket(opened.ticket) if isinstance(opened, Duplicate) else None
    await desk.key_values.put(TICKETS, name, " ".join(keys[-_REMEMBERED:]), real_now() + TICKET_LIFE)
    says = _both(summary, details)

    def decide(ticket: Ticket, policy: Policy, now: datetime) -> Sequence[Event] | Answer:
        last = _last_report(ticket, source)
        if ticket.state is not State.OPEN or last.removeprefix(AGAIN).removeprefix(FIRING) == says:
            return Done()
        how = AGAIN if last.startswith(RESOLVED) else FIRING
        return [CustomerWrote(now, source.who, f"{how}{says}", VIA_APP)]

    if ticket is None:
        return keys[-1]
    await desk.change(alarm.key, ticket, decide)
    return ticket.key


async def _ended(desk: Desk, source: AlarmSource, alarm: AlarmChanged) -> str:
    """Notes on the open ticket that the alarm is over. Returns the last ticket's key if none is open."""
    keys = await _tickets(desk, _name(alarm))
    ticket = await _open_one(desk, keys)
    if ticket is None:
        return keys[-1] if keys else ""

    def decide(ticket: Ticket, policy: Policy, now: datetime) -> Sequence[Event] | Answer:
        if ticket.state is not State.OPEN or _last_report(ticket, source).startswith(RESOLVED):
            return Done()
        text = f"{RESOLVED}{named_time(alarm.ended_at or now, UTC)}."
        return [CustomerWrote(now, source.who, text, VIA_APP)]

    await desk.change(alarm.key, ticket, decide)
    return ticket.key


async def _open(
    desk: Desk, source: AlarmSource, envelope: str, summary: str, details: str
) -> Appended | Duplicate:
    """Opens a ticket in the account's first channel. Neither the plan nor the severity refuses it."""
    account = desk.directory.settings.accounts[source.account]
    policy = desk.directory.policy_on(desk.clock.now().date())
    plan = policy.plans[account.plan]
    proposal = Proposal(source.severity, "", f"an alarm of {source.who.name} opened this ticket")
    return await open_counted(
        desk,
        envelope,
        account,
        policy,
        source.severity,
        lambda earlier: Opened(
            at=desk.clock.now(),
            by=source.who,
            account=account.id,
            vendor=policy.vendor,
            plan=plan.id,
            version=policy.version,
            severity=proposal.severity,
            clause=proposal.clause,
            why=proposal.says,
            summary=summary,
            details=details,
            answers={},
            channel=str(desk.directory.channels_of(account)[0]),
            terms=account.terms,
            may_hold=account.may_hold,
            zone=account.zone,
            origin=Origin.ALARM,
            exception=plan_exception(policy, plan, proposal),
            notes=tuple(opening_notes(policy, proposal, earlier)),
            earlier=earlier,
        ),
    )


async def _tickets(desk: Desk, name: str) -> list[str]:
    """The alarm's last tickets, oldest first, also one that a process opened just before it was killed."""
    keys = (await desk.key_values.get(TICKETS, name) or "").split()
    while newer := await desk.store.ticket_of_envelope(_envelope(name, keys)):
        keys.append(newer)
    return keys


async def _open_one(desk: Desk, keys: Sequence[str]) -> Ticket | None:
    """The newest of these tickets that is open. An older one may have been reopened."""
    for key in reversed(keys):
        ticket = await desk.ticket(key)
        if ticket.state is State.OPEN:
            return ticket
    return None


def _name(alarm: AlarmChanged) -> str:
    """The alarm among those of all sources. Short, and the same on every replica."""
    return _hash(alarm.source, alarm.id)


def _hash(source: str, id_: str) -> str:
    return sha256(f"{source}/{id_}".encode("utf-8", "surrogatepass")).hexdigest()


def _envelope(name: str, keys: Sequence[str]) -> str:
    """Of the opening of the ticket that follows these."""
    return f"alarm/{name}/{keys[-1] if keys else ''}"


def _last_report(ticket: Ticket, source: AlarmSource) -> str:
    """What the source last said on the ticket."""
    for event in reversed(ticket.history):
        if isinstance(event, CustomerWrote) and event.by.id == source.who.id:
            return event.text
    return _both(ticket.opened.summary, ticket.opened.details)


def _summary(alarm: AlarmChanged) -> str:
    return _cut(one_line(alarm.summary), LONGEST_SUMMARY) or "An alarm is firing"


def _details(alarm: AlarmChanged) -> str:
    return _cut(clean(alarm.details).strip(), LONGEST_DETAILS)


def _both(summary: str, details: str) -> str:
    return f"{summary}\n{details}".strip()


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - len(_ELLIPSIS)].rstrip() + _ELLIPSIS
