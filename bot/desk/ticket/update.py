"""Updates to the customer, with which agents may set a due date or grant extra time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from bot.desk import writing
from bot.desk.desk import Desk
from bot.desk.ticket.short_forms import TEXT, context_of, text_form, text_of, why_not_sent
from bot.model.forms import ChoiceField, Field, Form, TextField
from bot.model.inbound import Answer, Ask, Done, Press, Submission
from sla_core.calendar import instant_of
from sla_core.engine import promises, targets_of
from sla_core.events import Answered, DueDateSet, Event, Extended, Kind
from sla_core.policy import BusinessDays, Extension, Metric, Policy
from sla_core.ticket import State, Ticket
from sla_core.triage import Option

DUE, EXTRA = "due_date", "extra_time"
FURTHEST = timedelta(days=730)


async def ask(desk: Desk, press: Press, ticket: Ticket) -> Answer:
    asked = form(ticket, desk.policy_of(ticket), context_of(press))
    return Ask(await writing.begin(desk, press.actor, ticket, asked))


def form(ticket: Ticket, policy: Policy, context: Mapping[str, str]) -> Form:
    plain = text_form("update", context)
    fields: list[Field] = list(plain.fields)
    if policy.severities[ticket.severity].due_date:
        zone = business_zone(policy).key
        hint = (
            f"When it will be resolved, in {zone}, for example 2026-03-27 17:00. The customer will see this."
        )
        fields.append(TextField(DUE, "Due date", required=False, hint=hint, limit=16))
    offered = _extensions(ticket, policy)
    if offered:
        options = tuple(Option(e.id, f"{e.label}: {e.extra} more") for e in offered)
        fields.append(ChoiceField(EXTRA, "Extra time", options, required=False))
    return replace(plain, fields=tuple(fields))


async def submit(desk: Desk, sent: Submission, ticket: Ticket) -> Answer:
    text = text_of(sent)
    date = next(iter(sent.values.get(DUE, ())), "").strip()
    extra = next(iter(sent.values.get(EXTRA, ())), "")

    def decide(ticket: Ticket, policy: Policy, now: datetime) -> Sequence[Event] | Answer:
        who = desk.who(sent.actor)
        due = _instant(date, policy) if date else None
        errors = {
            TEXT: why_not_sent(ticket, text),
            DUE: _date_fault(ticket, date, due, now) if date else None,
            EXTRA: _extra_fault(ticket, policy, extra, now) if extra else None,
        }
        found = {field: says for field, says in errors.items() if says}
        if found:
            return Ask(form(ticket, policy, sent.context).rejected(sent.values, found))
        if answered := writing.answered_since(desk, sent.actor, ticket, sent.context):
            again = form(ticket, policy, sent.context).filled(sent.values)
            return Ask(writing.shown_again(again, ticket, answered))
        events: list[Event] = [Answered(now, who, Kind.UPDATE, text)]
        events += [DueDateSet(now, who, due)] if due else []
        events += [Extended(now, who, extra)] if extra else []
        return events

    answer = await desk.change(sent.key, ticket, decide)
    if isinstance(answer, Done):
        await writing.end(desk, sent.actor, ticket.key)
    return answer


def _date_fault(ticket: Ticket, date: str, due: datetime | None, now: datetime) -> str | None:
    if ticket.state is not State.OPEN:
        return f"{ticket.key} is {ticket.state}; reopen it first."
    if due is None:
        return f'"{date}" is not a date and time. Please write it like 2026-03-27 17:00.'
    if not now < due <= now + FURTHEST:
        return "Choose a date between now and two years from now."
    return None


def _extra_fault(ticket: Ticket, policy: Policy, extra: str, now: datetime) -> str | None:
    if ticket.state is not State.OPEN:
        return f"{ticket.key} is {ticket.state}; reopen it first."
    if not any(offered.id == extra for offered in _extensions(ticket, policy)):
        if extra in ticket.extensions:
            return "This extra time was already added."
        return f"This extra time is not offered for {ticket.severity}."
    if _overdue(ticket, policy, now):
        return "The deadline has passed. You can add extra time only before it."
    return None


def _extensions(ticket: Ticket, policy: Policy) -> list[Extension]:
    """The extensions that may still be granted."""
    targets = targets_of(ticket, policy, ticket.severity)
    in_days = [target for target in targets if isinstance(target.limit, BusinessDays)]
    return [e for target in in_days for e in target.extensions if e.id not in ticket.extensions]


def _overdue(ticket: Ticket, policy: Policy, now: datetime) -> bool:
    resolution = (p for p in promises(ticket, policy) if p.metric is Metric.RESOLUTION)
    return any(p.due_at is not None and now >= p.due_at for p in resolution)


def business_zone(policy: Policy) -> ZoneInfo:
    """The time zone of the vendor's office hours; UTC if it has none."""
    return next((c.zone for c in policy.calendars.values() if not c.always_open), ZoneInfo("UTC"))


def _instant(text: str, policy: Policy) -> datetime | None:
    try:
        naive = datetime.strptime(text, "%Y-%m-%d %H:%M")  # noqa: DTZ007
        return instant_of(naive, business_zone(policy))
    except (ValueError, OverflowError):
        return None
