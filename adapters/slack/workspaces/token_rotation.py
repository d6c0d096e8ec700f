"""Token rotation: only one process at a time renews a token, before it expires."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import uuid4

import structlog
from slack_sdk.oauth.installation_store import Bot
from slack_sdk.oauth.token_rotation.async_rotator import AsyncTokenRotator

from adapters.slack.outbound.web_api import SlackApiError, SlackUnavailable, WebApi, sdk_call
from adapters.slack.workspaces.installation_store import EncryptedInstallationStore, Installation
from bot.clock import real_now
from bot.ports import Clock, KeyValueStore

log = structlog.get_logger(__name__)

RENEW_BEFORE = timedelta(hours=2)
LEASE = timedelta(minutes=2)
"""How long the lock of a process that died blocks the others; far longer than the call takes."""


@dataclass(frozen=True, slots=True)
class AppCredentials:
    """The app's own credentials."""

    client_id: str
    client_secret: str = field(repr=False)

    def as_arguments(self) -> dict[str, str]:
        return {"client_id": self.client_id, "client_secret": self.client_secret}


class TokenRenewal:
    """Renews tokens. A refresh token works once: using it twice at the same time would lock us out.

    So only one task per process and one process in all renews an installation at a time. `clock` is real
    time.
    """

    def __init__(
        self,
        store: EncryptedInstallationStore,
        key_values: KeyValueStore,
        api: WebApi,
        app: AppCredentials,
        clock: Clock,
    ) -> None:
        """`api` has no token."""
        self._store, self._key_values, self._api = store, key_values, api
        self._app, self._clock = app, clock
        self._process_id = uuid4().hex
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    def is_due(self, installation: Installation) -> bool:
        return (
            bool(installation.refresh)
            and installation.ends_at <= (self._clock.now() + RENEW_BEFORE).timestamp()
        )

    async def renew_if_due(self, id: str) -> Installation | None:
        """Returns the stored installation, renewed if due. Raises SlackFault."""
        async with self._locks[id]:
            installation = await self._store.find(id)
            if installation is None or not self.is_due(installation):
                return installation
            lock, now = f"slack-renewal/{id}", self._clock.now()
            if not await self._key_values.try_lock(lock, self._process_id, now + LEASE, now):
                return installation
            try:
                # Another process may have renewed it before we got the lock.
                installation = await self._store.find(id)
                return (
                    await self._renew(installation)
                    if installation and self.is_due(installation)
                    else installation
                )
            finally:
                await self._key_values.unlock(lock, self._process_id)

    async def _renew(self, installation: Installation) -> Installation | None:
        try:
            renewed = await self._rotate(installation)
        except SlackUnavailable as unavailable:
            log.warning("slack token not renewed yet", workspace=installation.id, why=str(unavailable))
            return installation
        except SlackApiError as refusal:
            stored = await self._store.find(installation.id)
            if stored and stored.refresh == installation.refresh:
                log.error(
                    "slack refuses to renew a token: install the app again at /slack/install",
                    workspace=installation.id,
                    name=installation.name,
                    why=refusal.error,
                )
            return stored
        stored = await self._store.find(installation.id)
        if stored != installation:
            # It was uninstalled or installed again meanwhile.
            return stored
        await self._store.async_save_bot(renewed)
        log.info("slack token renewed", workspace=installation.id)
        return await self._store.find(installation.id)

    async def _rotate(self, installation: Installation) -> Bot:
        """Renews with the SDK. Raises SlackApiError, SlackUnavailable."""
        bot = installation.to_bolt()
        bot.bot_token_expires_at = 0  # Due by our clock; the SDK would use the system clock.
        rotator = AsyncTokenRotator(**self._app.as_arguments(), client=self._api.client)
        try:
            with sdk_call("oauth.v2.access"):
                rotated = await rotator.perform_bot_token_rotation(bot=bot)
        except (TypeError, KeyError):
            rotated = None
        token: object = rotated and rotated.bot_token  # The SDK does not check for a token.
        if rotated is None or rotated.bot_token_expires_at is None or not (isinstance(token, str) and token):
            log.error(
                "slack's answer to a renewal is incomplete, and the refresh token may be used up: "
                "if the next renewal is refused, install the app again at /slack/install",
                workspace=installation.id,
                name=installation.name,
            )
            raise SlackUnavailable("no bot token in the answer")
        rotated.bot_token_expires_at += int((self._clock.now() - real_now()).total_seconds())
        refresh: object = rotated.bot_refresh_token
        if not (isinstance(refresh, str) and refresh):
            # An answer may omit the refresh token: then the old one stays valid (RFC 6749, section 6).
            rotated.bot_refresh_token = installation.refresh
        return rotated
