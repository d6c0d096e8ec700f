"""The form of `Snooze`, on a page and on a direct message."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, time, timedelta, tzinfo

from bot.config.settings import Person
from bot.desk.ticket.short_forms import TEXT, titled
from bot.desk.ticket.update import business_zone
from bot.model.forms import ChoiceField, Form, TextField
from bot.model.inbound import Ask, Submission
from sla_core.calendar import instant_of
from sla_core.policy import Policy
from sla_core.triage import Option

LENGTH = "length"
SHORT, HOUR, TOMORROW = "15m", "1h", "tomorrow"
_LENGTHS = {SHORT: timedelta(minutes=15), HOUR: timedelta(hours=1)}
_MORNING = time(9)


def snooze_form(name: str, zone: tzinfo, context: Mapping[str, str]) -> Form:
    """Asks for how long, and for a reason. `zone` is that of the person who snoozes."""
    options = (
        Option(SHORT, "15 min"),
        Option(HOUR, "1 h"),
        Option(TOMORROW, f"Until tomorrow 9:00 ({zone})"),
    )
    fields = (
        ChoiceField(LENGTH, "For how long", options, value=(SHORT,)),
        TextField(TEXT, "Reason", required=False, hint="The agents in triage will see this."),
    )
    return Form(name, titled(context, "Snooze"), "Snooze", fields, context)


def zone_of(person: Person, policy: Policy) -> tzinfo:
    """Where tomorrow is meant: the person's zone, or that of the vendor's hours if theirs is not given."""
    return person.zone or business_zone(policy)


def snoozed_until(sent: Submission, zone: tzinfo, now: datetime) -> datetime | Ask:
    """The end of the snooze, or the form again if nothing was chosen."""
    chosen = next(iter(sent.values.get(LENGTH, ())), "")
    if chosen == TOMORROW:
        day = now.astimezone(zone).date() + timedelta(days=1)
        return instant_of(datetime.combine(day, _MORNING), zone)
    if chosen in _LENGTHS:
        return now + _LENGTHS[chosen]
    form = snooze_form(sent.form, zone, sent.context)
    return Ask(form.rejected(sent.values, {LENGTH: "Please choose for how long."}))
