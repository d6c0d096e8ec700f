"""Runs botbuilder's turn for requests that TokenValidator has accepted.

We never use botbuilder's authentication or connector (docs/adr/0004).
"""

from __future__ import annotations

from typing import Any

from botbuilder.core import (  # type: ignore[import-untyped]
    ActivityHandler,
    CloudAdapterBase,
    InvokeResponse,
    TurnContext,
)
from botbuilder.schema import (  # type: ignore[import-untyped]
    Activity,
    ChannelAccount,
    ConversationAccount,
)
from botframework.connector.auth import (  # type: ignore[import-untyped]
    AuthenticateRequestResult,
    BotFrameworkAuthentication,
    ClaimsIdentity,
    ConnectorFactory,
)

from adapters.teams import payloads
from adapters.teams.auth import ISSUER, Identity
from adapters.teams.outbound.connector import Connector

_RECEIVED = "frontline.received"


def received(context: TurnContext) -> payloads.Activity:
    """Returns the activity of a turn in our own type."""
    found: payloads.Activity = context.turn_state[_RECEIVED]
    return found


class _NoAuthentication(BotFrameworkAuthentication):  # type: ignore[misc]
    """Rejects every request: TokenValidator has accepted them before a turn begins."""

    def __init__(self, connectors: ConnectorFactory) -> None:
        self._connectors = connectors

    async def authenticate_request(self, activity: Activity, auth_header: str) -> AuthenticateRequestResult:
        raise PermissionError("only TokenValidator accepts requests")

    async def authenticate_streaming_request(
        self, auth_header: str, channel_id_header: str
    ) -> AuthenticateRequestResult:
        raise PermissionError("streaming is not supported")

    def create_connector_factory(self, claims_identity: ClaimsIdentity) -> ConnectorFactory:
        return self._connectors

    async def create_user_token_client(self, claims_identity: ClaimsIdentity) -> None:
        return None


class _OurConnector(ConnectorFactory):  # type: ignore[misc]
    def __init__(self, connector: Connector) -> None:
        self._connector = connector

    async def create(self, service_url: str, audience: str) -> Connector:
        return self._connector


class Pipeline(CloudAdapterBase):  # type: ignore[misc]
    """Botbuilder's adapter for requests that TokenValidator has accepted."""

    def __init__(self, connector: Connector) -> None:
        self._connectors = _OurConnector(connector)
        super().__init__(_NoAuthentication(self._connectors))

    async def run(
        self, read: payloads.Activity, identity: Identity | None, handler: ActivityHandler
    ) -> InvokeResponse | None:
        """Runs one turn. Returns the answer to an invoke; raises what the handler raises."""

        async def turn(context: TurnContext) -> None:
            context.turn_state[_RECEIVED] = read
            await handler.on_turn(context)

        return await self.process_activity(self._admitted(identity), _typed(read), turn)

    def _admitted(self, identity: Identity | None) -> AuthenticateRequestResult:
        admitted = AuthenticateRequestResult()
        admitted.claims_identity = ClaimsIdentity(
            dict(identity.claims) if identity else {}, identity is not None
        )
        admitted.audience = ISSUER
        admitted.connector_factory = self._connectors
        return admitted


def _typed(read: payloads.Activity) -> Activity:
    """Converts to botbuilder's types what it sorts by and passes to its methods."""
    return Activity(
        type=read.type,
        id=read.id,
        name=read.name,
        action=read.action,
        channel_id=read.channel_id,
        service_url=read.service_url,
        from_property=ChannelAccount(id=read.sender.id, aad_object_id=read.sender.aad_object_id),
        recipient=ChannelAccount(id=read.recipient.id),
        conversation=ConversationAccount(id=read.conversation.id, tenant_id=read.host),
        members_added=_accounts(read.members_added),
        members_removed=_accounts(read.members_removed),
        channel_data=read.about.model_dump(by_alias=True, exclude_none=True),
        text=read.text,
        value=read.value,
        reply_to_id=read.reply_to_id,
    )


def _accounts(listed: Any) -> list[ChannelAccount]:
    """Converts the members that joined or left; skips invalid entries."""
    members = listed if isinstance(listed, list) else ()
    return [
        ChannelAccount(id=str(each["id"])) for each in members if isinstance(each, dict) and each.get("id")
    ]
