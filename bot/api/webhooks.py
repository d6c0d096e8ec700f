"""Webhooks: what they are sent, when one is switched off, and how it gets what it missed."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from bot.api import documents
from bot.api.acting import Body
from bot.api.documents import GivenInstant, Replay, WebhookDocument, Webhooks, WebhookState
from bot.api.faults import ApiFault, invalid
from bot.api.reading import EventIndex, StoredEvent
from bot.clock import parse_instant, real_now
from bot.config.web import Webhook, type_of
from bot.desk.desk import Desk
from bot.model.address import Place
from bot.model.api_token import Token
from bot.model.views import Notice
from bot.notify.message_factory import report
from bot.ports import EventReport, KeyValueStore, Message, Priority
from bot.text import UTC_ZONE, named_time
from sla_core.promise import Tone
from sla_core.ticket import fold

FAILING, OFF = "webhook-failing", "webhook-off"
"""The topics under which the store keeps since when a webhook fails, and since when it is switched off."""
NOTICES = "webhook-notice"
"""The key prefix of messages to triage."""
FAILED_LAST = "webhook-failed-last"
SILENT = timedelta(minutes=10)
"""After so long without a try, failures before it say nothing about the time between."""
OFF_AFTER = timedelta(hours=24)
"""How long a webhook may fail without a success until it is switched off."""
MOST_REPLAYED = 10_000
_PAGE = 500
MOST_PAGES = 400
"""How many pages of events, wanted or not, one replay reads."""


class ReplayBody(Body):
    """Which events to send again."""

    since: GivenInstant
    """Events at or after this instant."""


async def draw(desk: Desk, message: Message) -> Notice:
    """What a webhook is sent, as JSON: the event, and its ticket as it was then. Always the same text."""
    assert isinstance(message.content, EventReport)
    key, seq = message.content.ticket, message.content.seq
    history = await desk.store.load(key)
    event, then = history[seq - 1], fold(key, history[:seq])
    whole = documents.ticket_document(then, desk.policy_of(then), event.at)
    said = WebhookDocument(
        type=type_of(type(event).__name__),
        timestamp=event.at,
        data=documents.WebhookData(
            ticket=whole, seq=seq, kind=type(event).__name__, event=documents.RecordedEvent(event)
        ),
    )
    return Notice((said.model_dump_json(),))


def switched_off(triages: Iterable[Place], name: str, since: datetime) -> list[Message]:
    """Says in triage that a webhook is switched off; `since` is when it began to fail."""
    text = (
        f"The webhook {name} has failed since {named_time(since, UTC_ZONE)} and is switched off."
        " Operators: see docs/api.md for how to send it what it missed."
    )
    return [
        Message(
            f"{NOTICES}/{name}/{since.isoformat()}/{triage}",
            None,
            triage,
            Notice((text,), Tone.ALARM),
            Priority.STATE,
        )
        for triage in triages
    ]


async def list_webhooks(desk: Desk, token: Token) -> Webhooks:
    """Raises ApiFault."""
    _may_see(token)
    key_values = desk.key_values
    return Webhooks(
        webhooks=[
            WebhookState(
                name=webhook.name,
                events=sorted(webhook.events),
                accounts=None if webhook.accounts is None else sorted(webhook.accounts),
                failing_since=await _instant(key_values, FAILING, webhook.name),
                switched_off_at=await _instant(key_values, OFF, webhook.name),
            )
            for webhook in desk.directory.settings.webhooks
        ]
    )


async def replay(desk: Desk, index: EventIndex, token: Token, name: str, body: ReplayBody) -> Replay:
    """Switches the webhook on, and queues the events again. Raises ApiFault."""
    _may_see(token)
    webhook = next((each for each in desk.directory.settings.webhooks if each.name == name), None)
    if webhook is None:
        raise ApiFault(404, f"There is no webhook {name} in the desk's file.")
    lock = desk.locks.of(f"webhook-replay/{name}")
    if lock.locked():
        raise ApiFault(429, f"A replay of {name} is under way.", retry_after=30)
    async with lock:
        again = f"{real_now():%Y%m%dT%H%M%S.%f}"
        messages = await _missed(index, webhook, body.since, again)
        for topic in (OFF, FAILING, FAILED_LAST):
            await desk.key_values.delete(topic, name)
        for first in range(0, len(messages), _PAGE):
            await desk.store.enqueue(messages[first : first + _PAGE])
    return Replay(webhook=name, queued=len(messages))


async def _missed(index: EventIndex, webhook: Webhook, since: datetime, again: str) -> list[Message]:
    """Raises ApiFault if there are too many."""
    found: list[Message] = []
    after: StoredEvent | None = None
    for _ in range(MOST_PAGES):
        page = await index.events_from(since, after, _PAGE)
        if not page:
            return found
        after = page[-1]
        found += [
            report(webhook.name, ticket, seq, again)
            for _, ticket, seq, kind in page
            if webhook.wants(ticket.rpartition("-")[0].lower(), kind)
        ]
        if len(found) > MOST_REPLAYED:
            raise invalid({"since": f"is before more than {MOST_REPLAYED} events; choose a later instant"})
    raise invalid(
        {"since": f"is before more than {MOST_PAGES * _PAGE} events of all; choose a later instant"}
    )


def _may_see(token: Token) -> None:
    if token.accounts is not None:
        raise ApiFault(403, "A token that is limited to accounts does not reach webhooks.")


async def _instant(key_values: KeyValueStore, topic: str, name: str) -> datetime | None:
    stored = await key_values.get(topic, name)
    return parse_instant(stored) if stored else None
