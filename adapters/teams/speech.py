"""Saying something: in a channel, in a thread, to one person alone."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import structlog
from botbuilder.core import CardFactory, MessageFactory  # type: ignore[import-untyped]
from botbuilder.schema.teams import NotificationInfo  # type: ignore[import-untyped]

from adapters.teams.card_parts import Card
from adapters.teams.cloud import App
from adapters.teams.connector import Connector
from adapters.teams.errors import Gone
from adapters.teams.limits import Json
from adapters.teams.payloads import Activity
from adapters.teams.reader import NAME, user_of
from adapters.teams.references import References, Where, Whom, is_channel
from bot.address import MessageRef, Place, UserRef
from bot.ports import Never, NotNow

log = structlog.get_logger(__name__)


def message(card: Card, *, alert: bool = False) -> Json:
    """A message that is a card; `summary` is what notifications show."""
    made = MessageFactory.attachment(CardFactory.adaptive_card(card.content))
    made.summary = card.fallback
    if alert:
        made.channel_data = {"notification": NotificationInfo(alert=True)}
    body: Json = made.serialize()
    return body


class Speech:
    """Knows where each conversation is reached. Its verbs raise NotNow or Never."""

    def __init__(self, app: App, default: str, connector: Connector, references: References) -> None:
        """`default` is the service of what has not written to us yet; empty: where the others are."""
        self._app, self._default = app, default
        self._connector, self._references = connector, references
        self._creating: dict[str, asyncio.Lock] = {}

    async def post(self, to: Place, card: Card, thread: MessageRef | None) -> MessageRef:
        where = await self._references.where(to.id)
        conversation = to.id
        threaded = where.has_threads if where else is_channel(to.id)
        if thread is not None and thread.id and threaded:
            conversation = f"{to.id};messageid={thread.id}"
        said = await self._connector.send(self._service(where), conversation, message(card))
        return MessageRef(to, said)

    async def update(self, said: MessageRef, card: Card) -> None:
        if not said.id:
            raise Never("Teams did not name this message, so that it cannot be edited")
        where = await self._references.where(said.place.id)
        await self._connector.update(self._service(where), said.place.id, said.id, message(card))

    async def tell(self, user: UserRef, card: Card) -> MessageRef:
        """In the conversation with one person alone, made when there is none."""
        known = await self._references.whom(user.id)
        self._reachable(user, known)
        chat = known.chat or await self._create(user.id, known)
        service = (await self._references.whom(user.id)).service or self._service(None)
        try:
            said = await self._connector.send(service, chat, message(card, alert=True))
        except Gone:
            if not known.chat:
                raise
            log.info("the conversation with a person is gone, another one is made", user=user.id)
            chat = await self._create(user.id, known, instead_of=known.chat)
            said = await self._connector.send(service, chat, message(card, alert=True))
        return MessageRef(Place(NAME, chat, direct=True), said)

    async def reply(self, activity: Activity, card: Card) -> None:
        """Where an activity came from, and as it came: unseen by others if it was."""
        only_for = activity.sender.id if activity.is_targeted and not activity.is_personal else None
        where = activity.conversation.id
        await self._connector.send(activity.service_url, where, message(card), only_for=only_for)

    async def replace(self, activity: Activity, card: Card) -> None:
        """In place of the message that was acted on."""
        assert activity.reply_to_id
        where = activity.conversation.place
        await self._connector.update(activity.service_url, where, activity.reply_to_id, message(card))

    async def privately(self, activity: Activity, card: Card) -> bool:
        """To whoever acted and nobody else; False where there is no such way."""
        # Whether a tenant knows targeted messages shows when one comes in. Unasked for, one might be public.
        if activity.is_personal or activity.is_targeted:
            await self.reply(activity, card)
            return True
        known = await self._references.whom(user_of(activity))
        if known.chat:
            await self._connector.send(known.service, known.chat, message(card))
            return True
        if self._app.tenant and (known.home or activity.home) != self._app.tenant:
            return False
        await self.tell(UserRef(NAME, "", user_of(activity)), card)
        return True

    def _reachable(self, user: UserRef, known: Whom) -> None:
        if user.platform != NAME:
            raise Never(f"{user} is not on Teams")
        ours = self._app.tenant
        home = user.home or known.home
        if ours and home and home != ours:
            raise Never(
                "Teams does not let a bot write to people of another organisation directly;"
                " speak to them in their channel"
            )

    async def _create(self, user: str, known: Whom, instead_of: str = "") -> str:
        async with self._creating.setdefault(user, asyncio.Lock()):
            now = await self._references.whom(user)
            if now.chat and now.chat != instead_of:
                return now.chat
            tenant = known.home or self._app.tenant
            body: Json = {
                "isGroup": False,
                "bot": {"id": f"28:{self._app.id}"},
                "members": [{"id": known.mri or user}],
                # Its own SDKs write `tenantID`, which Teams does not read.
                "tenantId": tenant,
                "channelData": {"tenant": {"id": tenant}},
            }
            service = known.service or self._service(None)
            chat = await self._connector.create(service, body)
            self._references.meet(user, replace(now, home=tenant, chat=chat, service=service))
            return chat

    def _service(self, where: Where | None) -> str:
        service = where.service if where else self._default or self._references.latest()
        if not service:
            raise NotNow("Teams has not written to us yet, so that nobody knows where it is")
        return service
