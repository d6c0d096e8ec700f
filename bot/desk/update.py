"""Updates to the customer, and with them what agents may promise or grant: a due date, extra time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

from bot.desk.core import Desk
from bot.desk.forms import TEXT, context_of, text_form, text_of
from bot.exchange import Answer, Ask, Press, Submission
from bot.forms import ChoiceField, Field, Form, TextField
from sla_core.engine import promises
from sla_core.events import Answered, DueDateSet, Event, Extended, Kind
from sla_core.policy import Extension, Metric, Policy
from sla_core.ticket import State, Ticket
from sla_core.timeline import instant_of
from sla_core.triage import Option

DUE, EXTRA = "due_date", "extra_time"


async def ask(desk: Desk, press: Press) -> Answer:
    ticket = await desk.ticket(press.value)
    return Ask(_form(ticket, desk.policy_of(ticket), context_of(press)))


def _form(ticket: Ticket, policy: Policy, context: Mapping[str, str]) -> Form:
    form = text_form("update", context)
    fields: list[Field] = list(form.fields)
    if policy.severities[ticket.severity].due_date:
        zone = _zone(policy).key
        hint = f"The day and time by which it will be resolved, in {zone}: 2026-03-27 17:00"
        fields.append(TextField(DUE, "Due date", required=False, hint=hint, limit=16))
    offered = _extensions(ticket, policy)
    if offered:
        options = tuple(Option(e.id, f"{e.label}: {e.extra} more") for e in offered)
        fields.append(ChoiceField(EXTRA, "Extra time", options, required=False))
    return replace(form, fields=tuple(fields))


async def submit(desk: Desk, sent: Submission) -> Answer:
    text = text_of(sent)
    date = next(iter(sent.values.get(DUE, ())), "").strip()
    extra = next(iter(sent.values.get(EXTRA, ())), "")

    def decide(ticket: Ticket, policy: Policy, now: datetime) -> Sequence[Event] | Answer:
        who = desk.who(sent.actor)
        events: list[Event] = [Answered(now, who, Kind.UPDATE, text)]
        errors = {}
        if not text:
            errors[TEXT] = "Please write what the customer should read."
        elif ticket.state is State.CLOSED:
            errors[TEXT] = f"{ticket.key} is closed; reopen it first. Your text is kept here."
        if date:
            due = _instant(date, policy)
            if due is None:
                errors[DUE] = f'"{date}" is no date and time; write 2026-03-27 17:00.'
            elif due <= now:
                errors[DUE] = "This date has passed; choose a later one."
            else:
                events.append(DueDateSet(now, who, due))
        if extra and not any(e.id == extra for e in _extensions(ticket, policy)):
            errors[EXTRA] = "This is not offered for the ticket as it is."
        elif extra and _overdue(ticket, policy, now):
            errors[EXTRA] = "The deadline has passed, and time can be added before it only."
        elif extra:
            events.append(Extended(now, who, extra))
        if errors:
            return Ask(_form(ticket, policy, sent.context).rejected(sent.values, errors))
        return events

    return await desk.change(sent.key, sent.context["ticket"], decide)


def _extensions(ticket: Ticket, policy: Policy) -> list[Extension]:
    """What may still be granted."""
    targets = policy.targets(ticket.severity, ticket.opened.terms)
    return [e for target in targets for e in target.extensions if e.id not in ticket.extensions]


def _overdue(ticket: Ticket, policy: Policy, now: datetime) -> bool:
    resolution = (p for p in promises(ticket, policy) if p.metric is Metric.RESOLUTION)
    return any(p.due_at is not None and now >= p.due_at for p in resolution)


def _zone(policy: Policy) -> ZoneInfo:
    """The zone in which the vendor keeps office hours."""
    return next((c.zone for c in policy.calendars.values() if not c.always_open), ZoneInfo("UTC"))


def _instant(text: str, policy: Policy) -> datetime | None:
    try:
        naive = datetime.strptime(text, "%Y-%m-%d %H:%M")  # noqa: DTZ007
    except ValueError:
        return None
    return instant_of(naive, _zone(policy))
