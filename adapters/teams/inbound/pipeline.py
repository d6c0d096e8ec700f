"""Botbuilder's turn, behind our gate.

Its own authentication and its own connector are never reached (docs/adr/0004).
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
    """The activity of a turn, as we read it."""
    found: payloads.Activity = context.turn_state[_RECEIVED]
    return found


class _NoAuthentication(BotFrameworkAuthentication):  # type: ignore[misc]
    """Admits no request: a turn begins after our own gate has admitted it."""

    def __init__(self, connectors: ConnectorFactory) -> None:
        self._connectors = connectors

    async def authenticate_request(self, activity: Activity, auth_header: str) -> AuthenticateRequestResult:
        raise PermissionError("only our own gate admits requests")

    async def authenticate_streaming_request(
        self, auth_header: str, channel_id_header: str
    ) -> AuthenticateRequestResult:
        raise PermissionError("there is no streaming")

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
    """Botbuilder's adapter for requests that our gate has admitted."""

    def __init__(self, connector: Connector) -> None:
        self._connectors = _OurConnector(connector)
        super().__init__(_NoAuthentication(self._connectors))

    async def run(
        self, read: payloads.Activity, identity: Identity | None, handler: ActivityHandler
    ) -> InvokeResponse | None:
        """One turn. Returns the answer of an invoke; raises what the handler raises."""

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
    """What botbuilder sorts by and hands to its methods, in its own types."""
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
    """The members that came or went; what is no member is passed over."""
    members = listed if isinstance(listed, list) else ()
    return [
        ChannelAccount(id=str(each["id"])) for each in members if isinstance(each, dict) and each.get("id")
    ]
