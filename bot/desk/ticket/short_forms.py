"""The short forms that buttons open: a text, sometimes with a choice above it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from bot.model.forms import ChoiceField, Field, Form, TextField, opening_context
from bot.model.inbound import Ask, Press, Show, Submission
from bot.model.views import Notice, Part, Quote, When
from bot.notify.cards import METRIC_NAMES
from bot.text import typed
from sla_core.events import Turn
from sla_core.policy import Metric
from sla_core.promise import Promise, Tone
from sla_core.ticket import State, Ticket
from sla_core.triage import Option

TEXT = "text"
NEXT = "next"
TURNS = (Option(Turn.WE, "We go on"), Option(Turn.CUSTOMER, "We wait for the customer"))
TELL = "tell_customer"
TOLD = Option("yes", "Tell the customer that this was escalated, and why")
_TYPED = ("summary", "details", TEXT)

_TELLS = "This tells the customer and the account manager; Frontline itself switches nothing off or on."
_INTROS = {"services_disabled": (_TELLS,), "services_enabled": (_TELLS,)}

_TEXTS = {
    # form: title, submit, label of its text, hint
    "reply": ("Reply", "Send", "Your reply", "The customer will see this in the ticket's thread."),
    "update": ("Update", "Send", "What is new", "The customer will see this in the ticket's thread."),
    "add_details": ("Add details", "Add details", "Details", "Everyone in this channel can see this."),
    "hold": ("Hold", "Hold", "Reason", "The customer will see this. Their reply ends the hold."),
    "services_disabled": ("Services disabled", "Services disabled", "Why", "The customer will see this."),
    "services_enabled": ("Services enabled", "Services enabled", "Why", "The customer will see this."),
    "resolve": ("Resolve", "Resolve", "What was done", "The customer will see this."),
}


def text_form(name: str, context: Mapping[str, str]) -> Form:
    """The form of this name; that of a reply also asks whose turn it is then."""
    title, submit, label, hint = _TEXTS[name]
    fields: list[Field] = [TextField(TEXT, label, long=True, hint=hint)]
    if name == "reply":
        fields.append(ChoiceField(NEXT, "Next", TURNS, required=False, value=(Turn.WE,)))
    return Form(name, titled(context, title), submit, tuple(fields), context, _INTROS.get(name, ()))


def next_turn(sent: Submission) -> Turn:
    """Whose turn it is after a reply; ours if its form did not ask."""
    return Turn.CUSTOMER if Turn.CUSTOMER in sent.values.get(NEXT, ()) else Turn.WE


def escalate_form(by_agent: bool, context: Mapping[str, str]) -> Form:
    """For an agent, with the choice to tell the customer."""
    if not by_agent:
        hint = "Everyone in this channel, our agents and your account manager can see this."
        fields: tuple[Field, ...] = (TextField(TEXT, "Reason", long=True, hint=hint),)
    else:
        hint = (
            "Agents, the people we page and the account manager see this; "
            "the customer only if you tick the box."
        )
        tick = ChoiceField(TELL, "Tell the customer", (TOLD,), required=False, many=True)
        fields = (TextField(TEXT, "Reason", long=True, hint=hint), tick)
    return Form("escalate", titled(context, "Escalate"), "Escalate", fields, context)


def titled(context: Mapping[str, str], title: str) -> str:
    """A form's title, which begins with the ticket's key: platforms cut it at the end."""
    return f"{context['ticket']} · {title}"


def close_form(ticket: Ticket, running: Sequence[Promise], context: Mapping[str, str], now: datetime) -> Form:
    """Asks whether to close a ticket, and names each of the `running` promises that closing would end."""
    intro: list[Part] = []
    for promise in running:
        name = METRIC_NAMES[promise.metric]
        if promise.due_at is None:
            intro.append(f"{name} is paused while the ticket is on hold. ")
            continue
        intro += [f"{name} {'was' if promise.due_at < now else 'is'} due ", When(promise.due_at)]
        unanswered = promise.metric is Metric.FIRST_RESPONSE
        intro.append(" and nobody has answered. " if unanswered else ". ")
    intro.append("If you close the ticket, this is no longer due.")
    return Form("close", f"Close {ticket.key}?", "Close", (), context, tuple(intro))


def context_of(press: Press) -> dict[str, str]:
    """The context of a form that a button opens: the ticket, the button's place, and which press it was."""
    ticket = press.value.partition("|")[0]
    return {"ticket": ticket, "place": str(press.place), **opening_context(press.key)}


def open_text_form(name: str, press: Press) -> Ask:
    return Ask(text_form(name, context_of(press)))


def text_of(sent: Submission) -> str:
    return typed(next(iter(sent.values.get(TEXT, ())), ""))


def why_not_sent(ticket: Ticket, text: str) -> str | None:
    """Why this cannot go to the customer; None if it can."""
    if not text:
        return "Please write a message to the customer."
    if ticket.state is State.CLOSED:
        return f"{ticket.key} is closed; reopen it first. Your text is still in the form."
    return None


def rejected(sent: Submission, why: str) -> Ask:
    """The text form again, with the typed text and the reason why it was rejected."""
    return Ask(text_form(sent.form, sent.context).rejected(sent.values, {TEXT: why}))


def sent_elsewhere(sent: Submission) -> Show:
    """The answer to a form that was submitted outside the channels of its account."""
    ticket = _for_ticket(sent)
    why = f"This form{ticket} belongs to another channel, so it was not sent and nothing was changed."
    return _not_sent(why, sent)


def sent_too_late(sent: Submission) -> Show:
    """The answer to a form that was opened too long ago."""
    why = f"This form{_for_ticket(sent)} was more than a day old, so it was not sent and nothing was changed."
    return _not_sent(f"{why} Please open it again.", sent)


def _for_ticket(sent: Submission) -> str:
    """Which ticket a form is for; empty for the form that opens one."""
    ticket = sent.context.get("ticket")
    return f" for {ticket}" if ticket else ""


def _not_sent(why: str, sent: Submission) -> Show:
    """Gives back the text, which would be lost with the form."""
    given = "\n".join(filter(None, (text.strip() for name in _TYPED for text in sent.values.get(name, ()))))
    words: list[Part] = [why, *((" You wrote:", Quote(given)) if given else ())]
    return Show(Notice(tuple(words), Tone.WARN), public=True)


def sent_before(sent: Submission) -> Show:
    """The answer to a form that was submitted before. It quotes the text, which was ignored this time."""
    ticket = _for_ticket(sent)
    words: list[Part] = [f"You already sent this form{ticket}, so nothing more was done."]
    if text := text_of(sent):
        words += [" If you changed the text, please send it in a new form:", Quote(text)]
    return Show(Notice(tuple(words)))
