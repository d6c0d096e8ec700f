"""What is said of a ticket that is one more of its severity in a quarter than the policy expects."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta

from bot.config.directory import DeskDuty
from bot.model.views import Notice
from bot.notify import texts
from bot.notify.message_factory import MessageFactory
from bot.ports import Message, Priority
from sla_core.events import Opened, SeverityChanged
from sla_core.policy import Policy
from sla_core.promise import Tone

_UNTIL_POSTED = timedelta(seconds=5)
"""How long a direct message waits for the agents' card, to which it links."""


def note(severity: str, earlier: Sequence[str], policy: Policy) -> str:
    """For agents, as a part of a sentence. `earlier` are the other tickets, of which there are too many."""
    rarity = policy.severities[severity].rarity
    most = f"; the policy expects at most {rarity.per_quarter}" if rarity else ""
    return f"this is {severity} number {len(earlier) + 1} of this quarter{most}"


def messages(
    factory: MessageFactory, event: Opened | SeverityChanged, afterwards: bool = False
) -> Iterator[Message]:
    """Direct messages to leadership on call and to the TAM, except to those who opened or raised it.

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
    for id_ in dict.fromkeys(DeskDuty(directory).last_resort(opened.account, event.at)):
        person = directory.settings.people[id_]
        address = directory.direct_address(person, factory.channel.platform)
        if address is None or person in acted:
            continue
        text = texts.with_key(
            factory.ticket.key,
            f"{said[0].upper()}{said[1:]}. The first one was {event.earlier[0]}.",
            *texts.ticket_in_short(factory.ticket, account),
        )
        yield Message(
            factory.key(f"dm/{id_}"),
            factory.ticket.key,
            address,
            Notice(text, Tone.WARN),
            Priority.STATE,
            delay=_UNTIL_POSTED,
        )
