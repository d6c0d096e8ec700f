"""Botbuilder, wrapped: the one file that knows it. Its turns run behind our gate and our connector.

Of its adapter we keep the turn: context, middleware, the answer of an invoke. Its own authentication and
its own connector are never reached (docs/adr/0004).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from botbuilder.core import (  # type: ignore[import-untyped]
    CloudAdapterBase,
    InvokeResponse,
    TurnContext,
)
from botbuilder.schema import (  # type: ignore[import-untyped]
    Activity,
    ActivityTypes,
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
from adapters.teams.auth import Identity
from adapters.teams.cloud import ISSUER, App
from adapters.teams.connector import Connector

INVOKE = str(ActivityTypes.invoke.value)
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Reply:
    """What Teams' request is answered with."""

    status: int = 200
    body: Json | None = None


class _Shut(BotFrameworkAuthentication):  # type: ignore[misc]
    """Lets nobody in: whoever gets as far as a turn has passed our gate."""

    def __init__(self, connector: Connector) -> None:
        self._connector = connector

    async def authenticate_request(self, activity: Activity, auth_header: str) -> AuthenticateRequestResult:
        raise PermissionError("only our own gate lets requests in")

    async def authenticate_streaming_request(
        self, auth_header: str, channel_id_header: str
    ) -> AuthenticateRequestResult:
        raise PermissionError("there is no streaming")

    def create_connector_factory(self, claims_identity: ClaimsIdentity) -> ConnectorFactory:
        return _Ours(self._connector)

    async def create_user_token_client(self, claims_identity: ClaimsIdentity) -> None:
        return None


class _Ours(ConnectorFactory):  # type: ignore[misc]
    def __init__(self, connector: Connector) -> None:
        self._connector = connector

    async def create(self, service_url: str, audience: str) -> Connector:
        return self._connector


class Turns(CloudAdapterBase):  # type: ignore[misc]
    """Botbuilder's adapter for requests that were let in."""

    def __init__(self, app: App, connector: Connector) -> None:
        super().__init__(_Shut(connector))
        self._app, self._connector = app, connector

    async def take(
        self,
        activity: payloads.Activity,
        identity: Identity | None,
        answer: Callable[[payloads.Activity], Awaitable[Reply]],
    ) -> Reply:
        """One turn. `answer` decides; its reply is what the request is answered with."""
        plain = Reply()

        async def logic(context: TurnContext) -> None:
            nonlocal plain
            reply = await answer(activity)
            if activity.type != INVOKE:
                plain = reply
                return
            response = InvokeResponse(status=reply.status, body=reply.body)
            # By `send_activity` it would be copied through and through.
            context.turn_state[self._INVOKE_RESPONSE_KEY] = Activity(
                type=ActivityTypes.invoke_response, value=response
            )

        outcome = await self.process_activity(self._admitted(identity), _theirs(activity), logic)
        return plain if outcome is None else Reply(int(outcome.status), outcome.body)

    def _admitted(self, identity: Identity | None) -> AuthenticateRequestResult:
        admitted = AuthenticateRequestResult()
        admitted.claims_identity = ClaimsIdentity(
            dict(identity.claims) if identity else {}, identity is not None
        )
        admitted.audience = ISSUER
        admitted.connector_factory = _Ours(self._connector)
        return admitted


def _theirs(activity: payloads.Activity) -> Activity:
    """As botbuilder names things; it cannot hold all that Teams sends, so we read from our own."""
    where = activity.conversation
    return Activity(
        type=activity.type,
        id=activity.id,
        name=activity.name,
        channel_id=activity.channel_id,
        service_url=activity.service_url,
        from_property=ChannelAccount(id=activity.sender.id, aad_object_id=activity.sender.aad_object_id),
        recipient=ChannelAccount(id=activity.recipient.id),
        conversation=ConversationAccount(id=where.id, tenant_id=activity.host),
        text=activity.text,
        value=activity.value,
        reply_to_id=activity.reply_to_id,
    )
