"""What direct messages to TAMs and those who stand in say beside the alert itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bot.config.settings import Person
from bot.model.views import Part, Quote, When
from sla_core.events import Alerted, Notified

NEWER = (" There is a newer message about this ticket below.",)
"""At the end of a message that has lost its buttons to a later one."""


def why_sent(event: Notified, people: Mapping[str, Person], tam: str) -> Sequence[Part]:
    """The end of an alert: why it comes again or to somebody else. `tam` is the TAM's name, or empty."""
    why: tuple[Part, ...] = ()
    match event.why:
        case "again":
            why = (" Nobody has answered this for half an hour.",)
        case "backup" | "leadership":
            missing = f"{tam} has not answered" if tam else "Nobody has answered"
            why = (f" {missing}, so this comes to you.",)
        case "quiet":
            why = (" This waited for the end of your quiet hours.",)
        case _:
            pass
    if event.instead_of is not None and event.back_at is not None:
        away = people[event.instead_of].name if event.instead_of in people else event.instead_of
        why += (f" This is for {away}, who is away until ", When(event.back_at), ".")
    return why


def answered(event: Alerted, reader: str, to: str) -> Sequence[Part]:
    """What became of an alert. `reader` is the id of the person who reads it, `to` a colleague's name."""
    who = "You" if event.person == reader else event.by.name
    at: tuple[Part, ...] = (" at ", When(event.at), ".")
    match event.act:
        case "call":
            return f" {who} said at ", When(event.at), f" that {'you' if who == 'You' else 'they'} will call."
        case "delegate":
            return f" {who} asked {to} to take over", *at
        case "snooze" if event.until is not None:
            reason: tuple[Part, ...] = (":", Quote(event.reason)) if event.reason else (".",)
            return f" {who} snoozed this until ", When(event.until), *reason
        case _:
            return f" {who} acknowledged this", *at
