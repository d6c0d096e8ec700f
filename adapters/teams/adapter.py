"""Teams as the desk sees it: a place to speak, and requests to answer."""

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
from adapters.teams.rendering.text import UTC_ZONE, CardTextRenderer
from bot.config.settings import DeskSettings
from bot.model.address import MessageRef, Place, UserRef
from bot.model.inbound import Dispatch
from bot.model.views import View
from bot.ports import Charge, Clock, KeyValueStore, Priority
from bot.runtime.doctor import Finding, Health

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

MICROSOFT_ENDPOINTS = Endpoints()


class Teams:
    """One bot registration. `start` it before it speaks or listens."""

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
        """`loopback_only`: of what claims to be Teams, only a service on this machine is listened to."""
        self._app = app
        self._references = ConversationReferences(key_values)
        here = loopback_only or app.anonymous
        self._connector = Connector(Credentials(app, endpoints.login), endpoints, loopback_only=here)
        self._sender = MessageSender(
            app, "" if here else endpoints.service, self._connector, self._references
        )
        self._tenants = TenantLookup(app, self._connector, self._references)
        # The playground, which is what unsigned requests come from, has no dialogs.
        self._renderer = CardTextRenderer(plain_zone, plain_dates, mri=self._mri, dialogs=not app.anonymous)
        self._forms = SignedForms(app.password)
        self._responder = Responder(self._sender, self._forms, self._renderer)
        self._validator = TokenValidator(
            app, SigningKeys(endpoints.metadata, self._connector.fetch_json), loopback_only=here
        )
        self._pipeline = Pipeline(self._connector)
        self._reader, self._find_ticket = Reader(app.tenant, clock), find_ticket

    async def start(self) -> None:
        """Gets the first token. Raises TeamsFault, one line with its cure."""
        if not self._app.anonymous and not (self._app.id and self._app.password and self._app.tenant):
            raise TeamsFault(
                "MICROSOFT_APP_ID, MICROSOFT_APP_PASSWORD and MICROSOFT_APP_TENANT_ID are all needed:"
                " copy them from the app's registration in Entra"
            )
        await self._connector.open()
        await self._references.open()

    async def close(self) -> None:
        """After the replies that are under way."""
        await self._responder.settle()
        await self._references.close()
        await self._connector.close()

    async def learn(self) -> None:
        """What another process notes is read when it is asked for."""

    async def examine(self, settings: DeskSettings) -> AsyncIterator[Finding]:
        """What `frontline doctor` wants to know; the token was taken, else we had not started."""
        yield Finding(Health.OK, "teams", "the app's password is taken by Microsoft")
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
            if await self._references.conversation(place.id):
                yield Finding(Health.OK, about, "Teams has told us where it is")
            else:
                says = "not known yet: add the app to its team and mention it there once"
                yield Finding(Health.FAULT, about, says)

    def readiness_faults(self) -> list[str]:
        """Nothing keeps Teams' requests from us: they come to our own address."""
        return []

    def routes(self, dispatch: Dispatch) -> list[tuple[str, str, Handler]]:
        """Method, path and handler of everything Teams sends us."""
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
        """Say something new; Teams keeps no key of ours. Raises TemporaryFailure, PermanentFailure."""
        card = view_card(view, self._renderer)
        return await (
            self._sender.post(to, card, thread)
            if isinstance(to, Place)
            else self._sender.post_direct(to, card)
        )

    async def update(self, message: MessageRef, view: View) -> None:
        """Replace what was said; nobody is notified. Raises TemporaryFailure, PermanentFailure."""
        await self._sender.update(message, view_card(view, self._renderer))

    async def find(
        self, to: Place | UserRef, key: str, thread: MessageRef | None, since: datetime
    ) -> MessageRef | None:
        """There is no telling: a bot cannot read back what it said."""
        return None

    def charges(self, to: Place | UserRef, edits: MessageRef | None, priority: Priority) -> Sequence[Charge]:
        """Of what Teams lets through in a conversation and in a tenant."""
        return charges(self._app.tenant, to.id)

    def is_group(self, id: str) -> bool:
        """Whether an id names a channel or team, whose own people are meant, rather than a person."""
        return id.startswith("19:")

    async def members(self, group: str) -> frozenset[UserRef]:
        """The vendor's own people in a channel or team; its guests and other organisations' are left out."""
        return await self._tenants.members(group)

    async def places_of(self, user: UserRef) -> frozenset[Place]:
        """The channels and groups with the bot in them that a person belongs to."""
        return await self._tenants.places_of(user)

    def _mri(self, user: UserRef) -> str | None:
        """Entra's id mentions people of the vendor's own tenant as well."""
        known = self._references.mri(user.id)
        return known or (user.id if user.home in ("", self._app.tenant) else None)
