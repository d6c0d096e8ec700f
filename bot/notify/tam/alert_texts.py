"""What direct messages to TAMs and those who stand in say beside the alert itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from bot.config.directory import back_on
from bot.model.address import Person
from bot.model.views import Part, Quote, RichText, When
from bot.notify.emergency_texts import day_text
from bot.notify.texts import with_key
from sla_core.events import Alerted, Notified
from sla_core.ticket import Ticket

COMMANDS = (
    ("away until DATE", "sends your direct messages to your backup until then"),
    ("back", "ends that"),
)
"""The text commands of a TAM, and what each does."""
NEWER = (" There is a newer message about this ticket below.",)
"""At the end of a message that has lost its buttons to a later one."""


def reminder(ticket: Ticket) -> RichText:
    """After a snooze."""
    return with_key(ticket.key, f"Your snooze is over, and this ticket is still {ticket.state}.")


def why_sent(event: Notified, people: Mapping[str, Person], asked: Sequence[str]) -> Sequence[Part]:
    """The end of an alert: why it comes again or to somebody else. `asked` names who had it before."""
    why: tuple[Part, ...] = ()
    match event.why:
        case "again":
            why = (" You have not answered this message for half an hour.",)
        case "backup" | "leadership":
            missing = f"{listed(asked)} {'have' if len(asked) > 1 else 'has'}" if asked else ""
            begins = f"{missing} not" if missing else "Nobody has"
            why = (f" {begins} answered this message, so it comes to you.",)
        case "quiet":
            why = (" This waited for the end of your quiet hours.",)
        case _:
            pass
    if event.instead_of is not None and event.back_at is not None:
        away = people.get(event.instead_of)
        until = day_text(back_on(away, event.back_at) if away else event.back_at.date())
        why += (f" This is for {away.name if away else event.instead_of}, who is away until {until}.",)
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


def who_looks_after(tam: str, architect: str) -> Sequence[Part]:
    """For the help in a customer's channel; empty if nobody is named (M3-7)."""
    roles = (("account manager", tam), ("solution architect", architect))
    named = [f"{role}: {name}." for role, name in roles if name]
    return ("\nYour " + " Your ".join(named),) if named else ()


def is_away(person: Person, until: datetime | None) -> RichText:
    """To agents and backups: that a TAM is away, or back (None)."""
    if until is None:
        return (f"{person.name} is back. ",)
    return (f"{person.name} is away until {day_text(back_on(person, until))}. ",)


def you_are_away(person: Person, until: datetime) -> str:
    return f"You are away until {day_text(back_on(person, until))}. "


def stands_in(accounts: Mapping[str, Sequence[str]], what: str) -> Sequence[Part]:
    """Who gets a TAM's messages meanwhile: names of accounts, by the name of who stands in."""
    parts = []
    for name, theirs in accounts.items():
        to = name or "leadership, as nobody else stands in"
        parts.append(f"{what} about {listed(theirs)} go to {to}.")
    return (" ".join(parts),)


def you_stand_in(accounts: Sequence[str], away: bool) -> Sequence[Part]:
    if away:
        return (f"Until then, you get the direct messages about {listed(accounts)}.",)
    return (f"You no longer get the direct messages about {listed(accounts)}.",)


MOST_NAMES = 10


def listed(names: Sequence[str]) -> str:
    """`Acme and Globex`; of many, the first ones and how many more."""
    shown = list(names[:MOST_NAMES])
    if len(names) > MOST_NAMES:
        shown.append(f"{len(names) - MOST_NAMES} more")
    return f"{', '.join(shown[:-1])} and {shown[-1]}" if len(shown) > 1 else "".join(shown)
