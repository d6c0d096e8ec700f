"""Notes for agents: alarms of monitoring, one emergency too many in a quarter, messages without a ticket."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta

from bot.config.alarms import is_monitoring
from bot.config.directory import LEADERSHIP, DeskDuty
from bot.model.address import Location
from bot.model.views import Button, Link, Notice, Part, Quote, RichText, Strong, Style
from bot.notify import texts
from bot.notify.cards import without_full_stop
from bot.notify.message_factory import MessageFactory, naming
from bot.notify.texts import with_key
from bot.ports import Message, Priority
from sla_core.events import CustomerWrote, Opened, SeverityChanged
from sla_core.policy import Policy
from sla_core.promise import Tone

FIRING, AGAIN, RESOLVED = "Firing: ", "Firing again: ", "Resolved at "
"""What a recorded report begins with: other content, the alarm after it was resolved, its end."""


def fires_again(event: CustomerWrote) -> bool:
    """Whether somebody has to look: the alarm was over, and its ticket is still open."""
    return is_monitoring(event.by) and event.text.startswith(AGAIN)


def report(key: str, event: CustomerWrote) -> RichText:
    if event.text.startswith(RESOLVED):
        ended = without_full_stop(event.text.removeprefix(RESOLVED))
        return with_key(key, f"{event.by.name}: the alarm ended at {ended}. The ticket stays open.")
    return with_key(key, f"{event.by.name}:", Quote(event.text))


_UNTIL_POSTED = timedelta(seconds=5)
"""How long a direct message waits for the agents' card, to which it links."""


def note(severity: str, earlier: Sequence[str], policy: Policy) -> str:
    """For agents, as a part of a sentence. `earlier` are the other tickets, of which there are too many."""
    rarity = policy.severities[severity].rarity
    most = f"; the policy expects at most {rarity.per_quarter}" if rarity else ""
    number = f"{policy.shown(severity)} number {len(earlier) + 1}"
    return f"this is the customer's {number} this quarter, after {earlier[0]}{most}"


def messages(
    factory: MessageFactory, event: Opened | SeverityChanged, afterwards: bool = False
) -> Iterator[Message]:
    """A direct message to leadership on call (MTA-17), except to whoever opened or raised it.

    After a change of severity, or if it was counted `afterwards`, also the note in triage, which an opening
    has among its other notes. The event names earlier tickets.
    """
    said = note(event.severity, event.earlier, factory.policy)
    if afterwards or isinstance(event, SeverityChanged):
        what = "count" if afterwards else "notes"
        yield factory.to_triage(texts.intake_notes(factory.ticket.key, [said]), Tone.WARN, what=what)
    account = factory.account.name if factory.account else ""
    directory, opened = factory.directory, factory.ticket.opened
    acted = [directory.person_behind(who) for who in (opened.by, event.by)]
    for id_ in DeskDuty(directory).on_call(LEADERSHIP, event.at)[:1]:
        person = directory.settings.people[id_]
        address = directory.direct_address(person, factory.channel.platform)
        if address is None or person in acted:
            continue
        text = texts.with_key(
            factory.ticket.key,
            f"{said[0].upper()}{said[1:]}. This is for your information: you do not need to do anything.",
            *texts.ticket_in_short(factory.ticket, account, factory.policy),
        )
        yield Message(
            f"{factory.ticket.key}/{factory.seq}{naming(event.earlier[0], f'dm/{id_}')}",
            factory.ticket.key,
            address,
            Notice(text, Tone.WARN),
            Priority.STATE,
            delay=_UNTIL_POSTED,
        )


OPEN, DISMISS = "unticketed_open", "unticketed_dismiss"
"""The actions of the line's buttons."""
LONGEST_QUOTE = 300
DELETED = Notice(())
"""What the line shows once all of the messages are deleted: nothing."""
ENDED = (
    "This message has an answer or a ticket already, or is more than a month old. "
    "To open a ticket, mention me here."
)


def waiting(name: str, account: str, words: Sequence[str], first: Location, button_value: str) -> Notice:
    """Says that nobody has answered these messages of one person. `first`: where the first one is."""
    buttons = (
        Button(OPEN, "Open ticket", button_value, Style.PRIMARY),
        Button(DISMISS, "Not a request", button_value),
    )
    return Notice((*_wrote(name, account, words), "Nobody has answered.", *_where(first)), buttons=buttons)


def answered(name: str, account: str, words: Sequence[str], first: Location, by: str) -> Notice:
    return _over(name, account, words, first, f"{by} answered.")


def is_ticket(name: str, account: str, words: Sequence[str], first: Location, key: str) -> Notice:
    return _over(name, account, words, first, "This is now ticket ", Strong(key), ".")


def dismissed(name: str, account: str, words: Sequence[str], first: Location, by: str) -> Notice:
    return _over(name, account, words, first, f"{by} marked this as not a request.")


def _over(name: str, account: str, words: Sequence[str], first: Location, *what: Part) -> Notice:
    return Notice((*_wrote(name, account, words), *what, *_where(first)), Tone.DONE)


def _wrote(name: str, account: str, words: Sequence[str]) -> tuple[Part, ...]:
    how = "wrote" if len(words) == 1 else f"wrote {len(words)} messages"
    text = "\n".join(words)
    cut = text if len(text) <= LONGEST_QUOTE else f"{text[:LONGEST_QUOTE].rstrip()}…"
    return (Strong(f"{name} of {account}"), f" {how}:", Quote(cut))


def _where(first: Location) -> tuple[Part, ...]:
    if first.url:
        return " ", Link(first.url, "Open the message")
    return (f" It is in {first.channel}.",) if first.channel else ()
