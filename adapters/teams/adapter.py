"""The Teams implementation of the desk's ChatPlatform port."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import datetime, tzinfo

from aiohttp import web

from adapters.teams.auth import BotRegistration, Credentials, Endpoints, SigningKeys, TokenValidator
from adapters.teams.errors import TeamsFault
from adapters.teams.inbound.endpoint import Endpoint
from adapters.teams.inbound.handler import FindTicket, TeamsHandler
from adapters.teams.inbound.pipeline import Pipeline
from adapters.teams.outbound.connector import Connector
from adapters.teams.outbound.conversations import ConversationReferences, TenantLookup
from adapters.teams.outbound.responder import Responder
from adapters.teams.outbound.sender import MessageSender, charges
from adapters.teams.reader import PLATFORM, Reader
from adapters.teams.rendering.cards import view_card
from adapters.teams.rendering.dialogs import SignedForms
from adapters.teams.rendering.text import CardTextRenderer
from bot.config.settings import DeskSettings
from bot.model.address import Location, MessageRef, Place, UserRef
from bot.model.inbound import Dispatch
from bot.model.views import SharedFile, View
from bot.ports import Charge, Clock, KeyValueStore, PermanentFailure, Priority, TemporaryFailure
from bot.runtime.doctor import Finding, Health
from bot.text import UTC_ZONE

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

MICROSOFT_ENDPOINTS = Endpoints()
_NOTHING_READ = (
    "no message without a mention of the bot has arrived yet, so agents may not see plain messages"
    ' (unticketed = "suggest"); have the owner of the team allow the app to read all messages'
    " (ChannelMessage.Read.Group), then write one there"
)


class Teams:
    """One bot registration. Call `start` first."""

    name = PLATFORM

    def __init__(
        self,
        app: BotRegistration,
        clock: Clock,
        key_values: KeyValueStore,
        find_ticket: FindTicket,
        *,
        endpoints: Endpoints = MICROSOFT_ENDPOINTS,
        loopback_only: bool = False,
        plain_dates: bool = False,
        plain_zone: tzinfo = UTC_ZONE,
    ) -> None:
        """`loopback_only`: accept activities only from service addresses on this machine."""
        self._app = app
        self._references = ConversationReferences(key_values)
        here = loopback_only or app.anonymous
        self._connector = Connector(Credentials(app, endpoints.login), endpoints, loopback_only=here)
        self._sender = MessageSender(
            app, "" if here else endpoints.service, self._connector, self._references
        )
        self._tenants = TenantLookup(app, self._connector, self._references)
        # Unsigned requests come from the Agents Playground, which has no dialogs.
        self._renderer = CardTextRenderer(plain_zone, plain_dates, mri=self._mri, dialogs=not app.anonymous)
        self._forms = SignedForms(app.password)
        self._responder = Responder(self._sender, self._forms, self._renderer)
        self._validator = TokenValidator(
            app, SigningKeys(endpoints.metadata, self._connector.fetch_json), loopback_only=here
        )
        self._pipeline = Pipeline(self._connector)
        self._reader, self._find_ticket = Reader(app.tenant, clock), find_ticket

    async def start(self) -> None:
        """Gets the first token. Raises TeamsFault: one line with the fix."""
        if not self._app.anonymous and not (self._app.id and self._app.password and self._app.tenant):
            raise TeamsFault(
                "MICROSOFT_APP_ID, MICROSOFT_APP_PASSWORD and MICROSOFT_APP_TENANT_ID are all needed:"
                " copy them from the app's registration in Entra"
            )
        await self._connector.open()
        await self._references.open()

    async def close(self) -> None:
        """Finishes pending replies, then disconnects."""
        await self._responder.settle()
        await self._references.close()
        await self._connector.close()

    async def learn(self) -> None:
        """Does nothing: what other processes store is read when it is needed."""

    async def examine(self, settings: DeskSettings) -> AsyncIterator[Finding]:
        """Yields the findings for `frontline doctor`; `start` has already checked the token."""
        yield Finding(Health.OK, "teams", "Microsoft accepts the app's password")
        chat = settings.chats[PLATFORM]
        places = [(chat.triage, "triage")] if chat.triage else []
        places += [
            (place, account.id)
            for account in settings.accounts.values()
            for place in account.channels
            if place.platform == PLATFORM
        ]
        for place, what in places:
            about = f"channel {place.id} ({what})"
            try:
                await self._sender.check(place)
            except PermanentFailure as why:
                fix = "add the app to its team, or to the channel itself if it is shared or private"
                yield Finding(Health.FAULT, about, f"cannot be posted to: {why}; {fix}")
            except TemporaryFailure as why:
                yield Finding(Health.FAULT, about, f"could not be checked: {why}; try again")
            else:
                yield Finding(Health.OK, about, "the app is in it and can post")
        for account in settings.accounts.values():
            for place in account.channels if account.unticketed == "suggest" else ():
                if place.platform == PLATFORM and not await self._references.is_readable(place.id):
                    yield Finding(Health.WARNING, f"channel {place.id} ({account.id})", _NOTHING_READ)

    def readiness_faults(self) -> list[str]:
        """Returns no reasons: Teams sends its requests to our own address."""
        return []

    def routes(self, dispatch: Dispatch) -> list[tuple[str, str, Handler]]:
        """Returns method, path and handler of each HTTP route."""
        return [("POST", "/api/messages", self.endpoint(dispatch).receive)]

    def endpoint(self, dispatch: Dispatch) -> Endpoint:
        handler = TeamsHandler(
            dispatch,
            reader=self._reader,
            responder=self._responder,
            forms=self._forms,
            tenants=self._tenants,
            references=self._references,
            find_ticket=self._find_ticket,
        )
        return Endpoint(self._validator, self._pipeline, handler)

    async def post(
        self, to: Place | UserRef, view: View, thread: MessageRef | None, key: str | None = None
    ) -> MessageRef:
        """Posts a message; Teams cannot store our key. Raises TemporaryFailure, PermanentFailure."""
        if isinstance(view, SharedFile):
            raise PermanentFailure(f"{view.name}: files cannot be carried to Teams")
        card = view_card(view, self._renderer)
        return await (
            self._sender.post(to, card, thread)
            if isinstance(to, Place)
            else self._sender.post_direct(to, card)
        )

    async def update(self, message: MessageRef, view: View) -> None:
        """Edits a message; this notifies nobody. Raises TemporaryFailure, PermanentFailure."""
        await self._sender.update(message, view_card(view, self._renderer))

    async def delete(self, message: MessageRef) -> None:
        """Deletes a message; does nothing if it is gone. Raises TemporaryFailure, PermanentFailure."""
        await self._sender.delete(message)

    async def find(
        self, to: Place | UserRef, key: str, thread: MessageRef | None, since: datetime
    ) -> MessageRef | None:
        """Always returns None: a bot cannot read its own messages."""
        return None

    def charges(self, to: Place | UserRef, edits: MessageRef | None, priority: Priority) -> Sequence[Charge]:
        """Returns what the call costs of Teams' limits per conversation and per tenant."""
        return charges(self._app.tenant, to.id)

    async def location(self, message: MessageRef) -> Location:
        """Returns where people find a message: Teams' deep link, if the team's group is known."""
        return await self._references.location(message)

    def is_group(self, id: str) -> bool:
        """Returns whether an id names a channel or team, and so its members, rather than a person."""
        return id.startswith("19:")

    async def members(self, group: str) -> frozenset[UserRef]:
        """Returns the vendor's people in a channel or team, without guests and other organisations."""
        return await self._tenants.members(group)

    async def places_of(self, user: UserRef) -> frozenset[Place]:
        """Returns the channels and groups that both the person and the bot are in."""
        return await self._tenants.places_of(user)

    async def name_of(self, user: UserRef, place: Place) -> str:
        """Returns the name of a member of a channel, from its roster."""
        return await self._tenants.name_of(user, place)

    def _mri(self, user: UserRef) -> str | None:
        """Returns the id for mentions. People in the vendor's tenant can be mentioned by Entra's id too."""
        known = self._references.mri(user.id)
        return known or (user.id if user.home in ("", self._app.tenant) else None)
