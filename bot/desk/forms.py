"""The short forms behind buttons: a text, sometimes with a choice above it."""

from __future__ import annotations

from collections.abc import Mapping

from bot.exchange import Ask, Press, Submission
from bot.forms import Form, TextField

TEXT = "text"

_TEXTS = {
    # form: title, submit, label of its text, hint
    "reply": ("Reply to the customer", "Send", "Your reply", "Goes to the customer's thread."),
    "update": ("Update the customer", "Send", "What is new", "Goes to the customer's thread."),
    "add_details": ("Add details", "Add details", "Details", None),
    "escalate": ("Escalate", "Escalate", "Reason", "The customer and the account manager read it."),
    "hold": ("Hold", "Hold", "Reason", "The customer reads it, and may contest it by writing."),
    "resolve": ("Resolve", "Resolve", "What was done", "Goes to the customer."),
}


def text_form(name: str, context: Mapping[str, str]) -> Form:
    title, submit, label, hint = _TEXTS[name]
    return Form(name, title, submit, (TextField(TEXT, label, long=True, hint=hint),), context)


def context_of(press: Press) -> dict[str, str]:
    """What a form behind a button must remember: the ticket, and where the button stood."""
    return {"ticket": press.value, "place": str(press.place)}


def ask_text(name: str, press: Press) -> Ask:
    return Ask(text_form(name, context_of(press)))


def text_of(sent: Submission) -> str:
    return next(iter(sent.values.get(TEXT, ())), "").strip()


def kept(sent: Submission, why: str) -> Ask:
    """A text form again, with what was typed, and why it was not taken."""
    return Ask(text_form(sent.form, sent.context).rejected(sent.values, {TEXT: why}))
