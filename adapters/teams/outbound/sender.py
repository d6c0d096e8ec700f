"""Sends messages: to a channel, in a thread, to one person."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import structlog
from botbuilder.core import CardFactory, MessageFactory  # type: ignore[import-untyped]
from botbuilder.schema.teams import NotificationInfo  # type: ignore[import-untyped]

from adapters.teams.auth import BotRegistration
from adapters.teams.errors import ConversationGone
from adapters.teams.outbound.connector import Connector
from adapters.teams.outbound.conversations import (
    ConversationReference,
    ConversationReferences,
    PersonReference,
    is_channel,
)
from adapters.teams.payloads import Activity
from adapters.teams.reader import PLATFORM, user_of
from adapters.teams.rendering.card_parts import CardMessage
from adapters.teams.rendering.text import Json
from bot.model.address import MessageRef, Place, UserRef
from bot.ports import Charge, NotEditable, PermanentFailure, TemporaryFailure

log = structlog.get_logger(__name__)


def card_activity(card: CardMessage, *, alert: bool = False) -> Json:
    """Returns a message with a card; notifications show its `summary`."""
    made = MessageFactory.attachment(CardFactory.adaptive_card(card.content))
    made.summary = card.fallback
    if alert:
        made.channel_data = {"notification": NotificationInfo(alert=True)}
    body: Json = made.serialize()
    return body


class MessageSender:
    """Sends to each conversation's address. Its methods raise TemporaryFailure or PermanentFailure."""

    def __init__(
        self, app: BotRegistration, default: str, connector: Connector, references: ConversationReferences
    ) -> None:
        """`default` is the service for conversations that have not written yet; "": the latest known."""
        self._app, self._default = app, default
        self._connector, self._references = connector, references
        self._creating: dict[str, asyncio.Lock] = {}

    async def post(self, to: Place, card: CardMessage, thread: MessageRef | None) -> MessageRef:
        where = await self._references.conversation(to.id)
        conversation = to.id
        threaded = where.has_threads if where else is_channel(to.id)
        if thread is not None and thread.id and threaded:
            conversation = f"{to.id};messageid={thread.id}"
        said = await self._connector.send(self._service(where), conversation, card_activity(card))
        return MessageRef(to, said)

    async def check(self, place: Place) -> None:
        """Checks that the bot is in a channel. Sends nothing."""
        where = await self._references.conversation(place.id)
        async for _ in self._connector.members(self._service(where), place.id):
            pass

    async def update(self, said: MessageRef, card: CardMessage) -> None:
        where = await self._references.conversation(_known(said).place.id)
        await self._connector.update(self._service(where), said.place.id, said.id, card_activity(card))

    async def delete(self, said: MessageRef) -> None:
        where = await self._references.conversation(_known(said).place.id)
        try:
            await self._connector.delete(self._service(where), said.place.id, said.id)
        except NotEditable:
            log.info("a message to delete was gone", conversation=said.place.id)

    async def post_direct(self, user: UserRef, card: CardMessage) -> MessageRef:
        """Posts to the direct conversation with a person, and creates it if needed."""
        known = await self._references.person(user.id)
        self._check_reachable(user, known)
        chat = known.chat or await self._create(user.id, known)
        service = (await self._references.person(user.id)).service or self._service(None)
        try:
            said = await self._connector.send(service, chat, card_activity(card, alert=True))
        except ConversationGone:
            if not known.chat:
                raise
            log.info("direct conversation was deleted, creating a new one", user=user.id)
            chat = await self._create(user.id, known, instead_of=known.chat)
            said = await self._connector.send(service, chat, card_activity(card, alert=True))
        return MessageRef(Place(PLATFORM, chat, direct=True), said)

    async def reply(self, activity: Activity, card: CardMessage) -> None:
        """Replies where an activity came from; privately if the activity was private."""
        only_for = activity.sender.id if activity.is_targeted and not activity.is_personal else None
        where = activity.conversation.id
        threaded = activity.conversation.conversation_type == "channel" or is_channel(where)
        if threaded and activity.conversation.root is None and activity.reply_to_id:
            # A button of a message that has no replies yet.
            where = f"{where};messageid={activity.reply_to_id}"
        await self._connector.send(activity.service_url, where, card_activity(card), only_for=only_for)

    async def replace(self, activity: Activity, card: CardMessage) -> None:
        """Replaces the message that was acted on."""
        assert activity.reply_to_id
        where = activity.conversation.place
        await self._connector.update(activity.service_url, where, activity.reply_to_id, card_activity(card))

    async def reply_privately(self, activity: Activity, card: CardMessage) -> bool:
        """Replies only to the person who acted. Returns False if that is not possible."""
        # An incoming targeted message shows that the tenant supports them; otherwise ours might be public.
        if activity.is_personal or activity.is_targeted:
            await self.reply(activity, card)
            return True
        known = await self._references.person(user_of(activity))
        if known.chat:
            await self._connector.send(known.service, known.chat, card_activity(card))
            return True
        if self._app.tenant and (known.home or activity.home) != self._app.tenant:
            return False
        await self.post_direct(UserRef(PLATFORM, "", user_of(activity)), card)
        return True

    def _check_reachable(self, user: UserRef, known: PersonReference) -> None:
        if user.platform != PLATFORM:
            raise PermanentFailure(f"{user} is not on Teams")
        ours = self._app.tenant
        home = user.home or known.home
        if ours and home and home != ours:
            raise PermanentFailure(
                "Teams does not let a bot write to people of another organisation directly;"
                " write to them in their channel"
            )

    async def _create(self, user: str, known: PersonReference, instead_of: str = "") -> str:
        async with self._creating.setdefault(user, asyncio.Lock()):
            now = await self._references.person(user)
            if now.chat and now.chat != instead_of:
                return now.chat
            tenant = known.home or self._app.tenant
            body: Json = {
                "isGroup": False,
                "bot": {"id": f"28:{self._app.id}"},
                "members": [{"id": known.mri or user}],
                # Microsoft's SDKs write `tenantID`, which Teams ignores.
                "tenantId": tenant,
                "channelData": {"tenant": {"id": tenant}},
            }
            service = known.service or self._service(None)
            chat = await self._connector.create(service, body)
            self._references.record_person(user, replace(now, home=tenant, chat=chat, service=service))
            return chat

    def _service(self, where: ConversationReference | None) -> str:
        service = where.service if where else self._default or self._references.latest_service()
        if not service:
            raise TemporaryFailure("Teams has not written to us yet, so its service address is unknown")
        return service


def _known(said: MessageRef) -> MessageRef:
    if not said.id:
        raise PermanentFailure("Teams did not return this message's id, so it cannot be edited")
    return said


_A_BURST = timedelta(seconds=0.7)
"""Burst of five: stays within 7 per second, 8 per two and 60 per thirty seconds and conversation."""
_AN_HOUR = timedelta(seconds=2.2)
"""Burst of a hundred: stays within 1,800 per hour."""
_TENANT = timedelta(seconds=0.05)
"""Burst of ten: stays within 30 per second; later revisions of the page reportedly say 50."""


def charges(tenant: str, conversation: str) -> tuple[Charge, ...]:
    """Returns the charges of sending or editing one message. The hourly one, per conversation, is last."""
    return (
        Charge(f"teams:{conversation}/burst", _A_BURST, 5),
        # Teams does not say which limit applied. If it is this one, each conversation gets its own error.
        Charge(f"teams:tenant:{tenant}", _TENANT, 10, held_by_retry_after=False),
        Charge(f"teams:{conversation}/hour", _AN_HOUR, 100),
    )
