"""Events to other programs, signed by Standard Webhooks; and the services that messages only go out to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

import aiohttp
import structlog
from yarl import URL

from adapters.pager.adapter import TIMEOUT, OneWay
from adapters.pager.pagers import Pagers, PagerTarget, Sign
from adapters.pager.phones import PageAddress, Phones
from bot.api.webhooks import FAILED_LAST, FAILING, OFF, OFF_AFTER, SILENT, switched_off
from bot.clock import parse_instant, real_now
from bot.config.environment import value_of
from bot.config.pagers import WEBHOOK
from bot.config.settings import DeskSettings
from bot.config.web import PLATFORM
from bot.model.address import MessageRef, Place, UserRef
from bot.model.views import Notice
from bot.ports import KeyValueStore, Message, PermanentFailure, TemporaryFailure, trace_id
from bot.runtime.doctor import Finding, Health
from bot.text import UTC_ZONE, plain_text

log = structlog.get_logger(__name__)


class WebhookStore(KeyValueStore, Protocol):
    """Where it is kept which webhooks fail, and where messages to triage go."""

    async def enqueue(self, messages: Sequence[Message]) -> None: ...


@dataclass(frozen=True, slots=True)
class WebhookTarget:
    """Where a webhook is reached, and how its requests are signed."""

    url: str = field(repr=False)
    sign: Sign = field(repr=False)


class WebhookSender:
    """Sends to webhooks by their names. A webhook that fails for OFF_AFTER is switched off."""

    def __init__(
        self,
        targets: Mapping[str, WebhookTarget],
        store: WebhookStore,
        triages: Sequence[Place],
        now: Callable[[], datetime],
    ) -> None:
        """`now` is real time."""
        self._targets, self._store, self._triages, self._now = targets, store, triages, now
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT), trust_env=True)

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def send(self, to: Place | UserRef, notice: Notice, key: str) -> MessageRef:
        target = self._targets.get(to.id)
        if target is None:
            raise PermanentFailure("this webhook is no longer in the desk's file")
        if await self._store.get(OFF, to.id):
            raise PermanentFailure("this webhook is switched off")
        try:
            await self._post(target, event_id(key), plain_text(notice.text, UTC_ZONE))
        except TemporaryFailure as failure:
            await self._failed(to.id, str(failure))
            raise
        if await self._store.get(FAILING, to.id):
            await self._store.delete(FAILING, to.id)
        return MessageRef(Place(to.platform, to.id), key)

    async def edit(self, message: MessageRef, notice: Notice) -> None:
        """Does nothing: no event is edited."""

    def examine(self) -> Iterator[Finding]:
        for name in self._targets:
            says = "is told of events; GET /api/v1/webhooks says whether it takes them"
            yield Finding(Health.OK, f"webhook {name}", says)

    async def _failed(self, name: str, why: str) -> None:
        """Notes since when it fails. Raises PermanentFailure once that is too long ago."""
        stored, now = await self._store.get(FAILING, name), self._now()
        last = await self._store.get(FAILED_LAST, name)
        await self._store.put(FAILED_LAST, name, now.isoformat())
        # Without a try for a while, as when the desk was stopped, nothing is known of the time between.
        if stored is None or last is None or now - parse_instant(last) > SILENT:
            await self._store.put(FAILING, name, now.isoformat())
            return
        since = parse_instant(stored)
        if now - since < OFF_AFTER:
            return
        log.error("a webhook is switched off", webhook=name, since=stored, why=why)
        await self._store.enqueue(switched_off(self._triages, name, since))
        await self._store.put(OFF, name, now.isoformat())
        raise PermanentFailure(f"this webhook is switched off: {why}")

    async def _post(self, target: WebhookTarget, id_: str, body: str) -> None:
        assert self._session is not None, "start was not called"
        now = self._now()
        headers = {
            "Content-Type": "application/json",
            "webhook-id": id_,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": target.sign(id_, now, body),
        }
        try:
            # A redirect could lead the event elsewhere.
            async with self._session.post(
                URL(target.url), data=body.encode(), headers=headers, allow_redirects=False
            ) as answer:
                status = answer.status
        except TimeoutError:
            raise TemporaryFailure("the webhook does not answer in time", maybe_delivered=True) from None
        except (aiohttp.ClientError, ValueError) as error:
            raise TemporaryFailure(f"the webhook cannot be reached ({type(error).__name__})") from None
        if not 200 <= status < 300:
            raise TemporaryFailure(f"the webhook answers with status {status}")


def event_id(key: str) -> str:
    """The id of an event in a webhook, the same each time it is sent: consumers know by it what they had."""
    return f"evt_{trace_id('/'.join(key.split('/')[:4]))}"


def one_way(settings: DeskSettings, store: WebhookStore, signer: Callable[[str], Sign]) -> Iterator[OneWay]:
    """Phones, pagers and webhooks, those that the desk's file names. Reads their secrets.

    `signer` makes of a secret what signs by Standard Webhooks.
    """
    people = [(person, index) for person in settings.people.values() for index in range(len(person.page))]
    if people:
        addresses = {
            f"{person.id}/{index}": PageAddress(value_of(person.page[index]), person.zone or UTC_ZONE)
            for person, index in people
        }
        yield OneWay("apprise", Phones(addresses))
    if settings.pagers:
        targets = {}
        for pager in settings.pagers.values():
            secret = value_of(pager.secret)
            sign = signer(secret) if pager.kind == WEBHOOK else None
            url, key = value_of(pager.url), value_of(pager.key)
            targets[pager.name] = PagerTarget(pager.role, url, key, sign, listens=bool(secret))
        yield OneWay("pager", Pagers(targets))
    if settings.webhooks:
        webhooks = {
            each.name: WebhookTarget(value_of(each.url), signer(value_of(each.secret)))
            for each in settings.webhooks
        }
        triages = [chat.triage for chat in settings.chats.values() if chat.triage]
        yield OneWay(PLATFORM, WebhookSender(webhooks, store, triages, real_now))
