"""Calls to Slack and the scopes they need. Each is tried once: the caller decides whether to retry."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import structlog
from slack_sdk.errors import SlackApiError as SdkApiError
from slack_sdk.errors import SlackTokenRotationError
from slack_sdk.web.async_client import AsyncWebClient

from adapters.slack.reader import BotIdentity
from bot.faults import OperatorFault
from bot.ports import (
    CALLS_AT_ONCE,
    Charge,
    NotEditable,
    PermanentFailure,
    Priority,
    TemporaryFailure,
)

METHODS: dict[str, frozenset[str]] = {
    "apps.connections.open": frozenset(),
    "auth.teams.list": frozenset(),
    "auth.test": frozenset(),
    "chat.delete": frozenset({"chat:write"}),
    "chat.postEphemeral": frozenset({"chat:write"}),
    "chat.postMessage": frozenset({"chat:write"}),
    "chat.update": frozenset({"chat:write"}),
    "conversations.history": frozenset({"channels:history", "groups:history", "im:history"}),
    "conversations.info": frozenset({"channels:read", "groups:read"}),
    "conversations.list": frozenset({"channels:read", "groups:read"}),
    "conversations.open": frozenset({"im:write"}),
    "conversations.replies": frozenset({"channels:history", "groups:history", "im:history"}),
    "files.completeUploadExternal": frozenset({"files:write"}),
    "files.getUploadURLExternal": frozenset({"files:write"}),
    "files.info": frozenset({"files:read"}),
    "oauth.v2.access": frozenset(),
    "pins.add": frozenset({"pins:write"}),
    "usergroups.list": frozenset({"usergroups:read"}),
    "usergroups.users.list": frozenset({"usergroups:read"}),
    "users.conversations": frozenset({"channels:read", "groups:read"}),
    "users.info": frozenset({"users:read"}),
    "users.list": frozenset({"users:read"}),
    "views.open": frozenset(),
    "views.publish": frozenset(),
    "views.update": frozenset(),
}
FORM_METHODS = frozenset(
    {
        "conversations.history",
        "conversations.info",
        "conversations.list",
        "conversations.replies",
        "files.getUploadURLExternal",
        "files.info",
        "oauth.v2.access",
        "usergroups.list",
        "usergroups.users.list",
        "users.conversations",
        "users.info",
        "users.list",
    }
)
"""Methods that ignore a JSON body."""

_PUBLIC, _PRIVATE = frozenset({"channels:read"}), frozenset({"groups:read"})
EVENTS: dict[str, frozenset[str]] = {
    **{
        f"channel_{name}": _PUBLIC
        for name in ("archive", "deleted", "id_changed", "left", "rename", "shared", "unarchive", "unshared")
    },
    **{f"group_{name}": _PRIVATE for name in ("archive", "deleted", "left", "rename", "unarchive")},
    **{f"member_{name}_channel": _PUBLIC | _PRIVATE for name in ("joined", "left")},
    "app_home_opened": frozenset(),
    "app_mention": frozenset({"app_mentions:read"}),
    "app_uninstalled": frozenset(),
    "message.channels": frozenset({"channels:history"}),
    "message.groups": frozenset({"groups:history"}),
    "message.im": frozenset({"im:history"}),
    "reaction_added": frozenset({"reactions:read"}),
    "tokens_revoked": frozenset(),
}
COMMANDS = frozenset({"commands"})
AUTHOR, FILE_UPLOADS = "chat:write.customize", "files:write"
FILES = frozenset({"files:read"})
"""Forms with a file input need it, though we call no method for them."""

SCOPES = frozenset({AUTHOR}).union(COMMANDS, FILES, *METHODS.values(), *EVENTS.values())
OPTIONAL_SCOPES = {
    "pins:write": "boards of open tickets and Get help are pinned",
    FILE_UPLOADS: "agents can send files to customers",
    AUTHOR: "replies to customers carry the agent's name and picture instead of the app's",
}
"""What they give; without them the app works all the same, as one does that was installed earlier."""
REQUIRED_SCOPES = SCOPES - OPTIONAL_SCOPES.keys()


log = structlog.get_logger(__name__)

TIMEOUT = 10.0
FILE_TIMEOUT = aiohttp.ClientTimeout(total=120)
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_TOKEN_ERRORS = frozenset(
    {
        "account_inactive",
        "invalid_auth",
        "missing_scope",
        "no_permission",
        "not_allowed_token_type",
        "not_authed",
        "org_login_required",
        "team_access_not_granted",
        "token_expired",
        "token_revoked",
        "two_factor_setup_required",
    }
)
"""All calls fail until an operator fixes the token; then they succeed again."""
_TRANSIENT = frozenset(
    {
        "accesslimited",
        "external_channel_migrating",
        "fatal_error",
        "internal_error",
        "rate_limited",
        "ratelimited",
        "request_timeout",
        "service_unavailable",
        "streaming_state_conflict",
        "team_added_to_org",
    }
)
_PERHAPS_DONE = frozenset({"fatal_error", "internal_error", "request_timeout"})
"""Slack may have done part of the work before it failed."""
_NOT_EDITABLE = frozenset({"cant_update_message", "edit_window_closed", "message_not_found"})
_OUR_MISTAKES = frozenset(
    {"block_mismatch", "invalid_arguments", "invalid_blocks", "invalid_blocks_format", "msg_too_long"}
)


class SlackFault(OperatorFault):
    """Why the Slack adapter cannot start and how to fix it, in one line."""


class SlackApiError(Exception):
    """Slack rejected the call; `error` is Slack's error code."""

    def __init__(self, method: str, error: str, details: object = None) -> None:
        super().__init__(f"{method}: {error}")
        self.method, self.error, self.details = method, error, details


class SlackUnavailable(Exception):
    """Slack asked us to wait (`after` seconds), or did not answer."""

    def __init__(self, why: str, after: float | None = None) -> None:
        super().__init__(why)
        self.after = after


class WebApi:
    """The Web API of one workspace."""

    def __init__(self, token: str, url: str) -> None:
        self.url = url if url.endswith("/") else f"{url}/"
        self._token = token.strip()
        self._session: aiohttp.ClientSession | None = None
        self._client: AsyncWebClient | None = None
        self.scopes: frozenset[str] | None = None
        """What the token may do, as Slack's last answer says; None: no answer has said it."""

    async def open(self) -> BotIdentity:
        """Connects with the token from the environment and returns its identity. Raises SlackFault."""
        self.connect()
        try:
            return await self._authenticate()
        except BaseException:
            await self.close()
            raise

    def connect(self) -> None:
        """Opens the session without checking the token."""
        limit = aiohttp.ClientTimeout(total=TIMEOUT)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=CALLS_AT_ONCE),
            timeout=limit,
            trust_env=not is_loopback(self.url),
        )
        self._client = client(self._token, self.url, self._session)

    async def close(self) -> None:
        if self._session:
            await self._session.close()

    @property
    def lacking(self) -> list[str]:
        """The optional scopes that the token was not granted; empty if Slack did not say what it was."""
        return [] if self.scopes is None else [scope for scope in OPTIONAL_SCOPES if scope not in self.scopes]

    @property
    def client(self) -> AsyncWebClient:
        """The SDK's client, for parts of the SDK that call Slack themselves."""
        assert self._client, "not open"
        return self._client

    @property
    def token(self) -> str:
        return self._token

    def set_token(self, token: str) -> None:
        """Replaces the token for all further calls."""
        assert self._client, "not open"
        self._token = self._client.token = token

    async def _authenticate(self) -> BotIdentity:
        if not self._token.startswith("xoxb-"):
            raise SlackFault(f"SLACK_BOT_TOKEN is {_token_kind(self._token)}: {_WHERE_TOKEN}")
        try:
            answer, _ = await self._send("auth.test", {})
        except SlackApiError as refusal:
            raise SlackFault(f"Slack refuses SLACK_BOT_TOKEN ({refusal.error}): {_WHERE_TOKEN}") from None
        except SlackUnavailable as unavailable:
            raise SlackFault(
                f"Slack cannot be reached at {self.url} ({unavailable}): check the network and SLACK_API_URL"
            ) from None
        if self.scopes is not None and (missing := REQUIRED_SCOPES - self.scopes):
            raise SlackFault(
                f"The Slack app lacks the scopes {', '.join(sorted(missing))}: "
                "add them (manifest.yml has them all), then install the app again"
            )
        try:
            return BotIdentity(
                answer["team_id"],
                answer["user_id"],
                answer.get("bot_id") or "",
                answer.get("user") or "",
                answer.get("url") or "",
            )
        except KeyError as key:
            raise SlackFault(f"SLACK_BOT_TOKEN does not belong to a bot (no {key}): {_WHERE_TOKEN}") from None

    async def server_time(self) -> str | None:
        """Returns the Date header of Slack's answer. Raises SlackApiError, SlackUnavailable."""
        _, headers = await self._send("auth.test", {})
        return headers.get("Date")

    async def request(self, method: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """Makes one call. Raises SlackApiError, SlackUnavailable."""
        answer, _ = await self._send(method, arguments)
        return answer

    async def call(self, method: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """Makes one call for `delivery`. Raises TemporaryFailure, PermanentFailure."""
        try:
            return await self.request(method, arguments)
        except SlackUnavailable as unavailable:
            raise TemporaryFailure(
                f"{method}: {unavailable}", unavailable.after, maybe_delivered=unavailable.after is None
            ) from None
        except SlackApiError as refusal:
            if refusal.error in _TOKEN_ERRORS:
                log.error("slack refuses the bot token", method=method, error=refusal.error)
                raise TemporaryFailure(str(refusal)) from refusal
            if refusal.error in _TRANSIENT:
                raise TemporaryFailure(str(refusal), maybe_delivered=refusal.error in _PERHAPS_DONE) from None
            if refusal.error in _NOT_EDITABLE:
                raise NotEditable(str(refusal)) from None
            if refusal.error in _OUR_MISTAKES:
                log.error("slack refuses what we drew", error=str(refusal), details=refusal.details)
            raise PermanentFailure(str(refusal)) from refusal

    async def download(self, url: str, most: int) -> bytes:
        """Reads a file of at most `most` bytes. Raises TemporaryFailure, PermanentFailure."""
        assert self._session, "not open"
        headers = {"Authorization": f"Bearer {self._token}"}
        try:
            async with self._session.get(url, headers=headers, timeout=FILE_TIMEOUT) as response:
                _accepted(response)
                content = bytearray()
                async for part in response.content.iter_chunked(2**16):
                    content += part
                    if len(content) > most:
                        raise PermanentFailure(f"it is larger than {most // 2**20} MB")
                return bytes(content)
        except (aiohttp.ClientError, OSError) as error:
            raise TemporaryFailure(_why(error)) from None

    async def upload(self, url: str, content: bytes) -> None:
        """Sends a file to an address that Slack gave for it. Raises TemporaryFailure, PermanentFailure."""
        assert self._session, "not open"
        try:
            async with self._session.post(url, data=content, timeout=FILE_TIMEOUT) as response:
                _accepted(response)
        except (aiohttp.ClientError, OSError) as error:
            raise TemporaryFailure(_why(error)) from None

    async def respond(self, url: str, body: Mapping[str, Any]) -> None:
        """Answers through a response URL. Raises SlackApiError, SlackUnavailable."""
        assert self._session, "not open"
        try:
            async with self._session.post(url, json=body) as response:
                if response.status >= 400:
                    raise SlackApiError(
                        "response_url", f"HTTP {response.status}", (await response.text())[:200]
                    )
        except (aiohttp.ClientError, OSError) as error:
            raise SlackUnavailable(_why(error)) from None

    async def _send(
        self, method: str, arguments: Mapping[str, Any]
    ) -> tuple[Mapping[str, Any], Mapping[str, str]]:
        assert self._client, "not open"
        assert method in METHODS, f"{method} is missing in scopes.py"
        given = dict(arguments)
        with sdk_call(method):
            if method in FORM_METHODS:
                response = await self._client.api_call(method, data=given)
            else:
                response = await self._client.api_call(method, json=given)
        data = response.data
        if not isinstance(data, dict):
            raise SlackUnavailable("not an answer from Slack")
        if granted := response.headers.get("X-OAuth-Scopes"):
            self.scopes = frozenset(scope.strip() for scope in granted.split(","))
        return data, response.headers


def _accepted(response: aiohttp.ClientResponse) -> None:
    """Raises TemporaryFailure, PermanentFailure. A page to sign in is what Slack answers without access."""
    if response.status >= 500 or response.status == 429:
        raise TemporaryFailure(f"HTTP {response.status}")
    if response.status >= 400 or (response.method == "GET" and response.content_type == "text/html"):
        raise PermanentFailure(f"Slack gives no access to it (HTTP {response.status})")


@contextmanager
def sdk_call(method: str) -> Iterator[None]:
    """Converts the SDK's exceptions to SlackApiError or SlackUnavailable."""
    try:
        yield
    except SlackTokenRotationError as error:
        raise _converted(method, error.api_error) from None
    except SdkApiError as error:
        raise _converted(method, error) from None
    except (aiohttp.ClientError, OSError) as error:
        raise SlackUnavailable(_why(error)) from None
    except (AttributeError, ValueError) as error:
        # The SDK fails on answers that are not JSON objects, such as a proxy's page.
        raise SlackUnavailable(f"not an answer from Slack ({type(error).__name__})") from None


_WHERE_TOKEN = "use the Bot User OAuth Token (xoxb-…) of the app's page OAuth & Permissions"


def _token_kind(token: str) -> str:
    kinds = {
        "xapp-": "an app-level token",
        "xoxp-": "a user's token",
        "xoxe-": "a refresh token",
        "xoxe.": "one that expires after 12 hours (set SLACK_CLIENT_ID and SLACK_CLIENT_SECRET instead)",
    }
    found = next((kind for start, kind in kinds.items() if token.startswith(start)), "not a bot token")
    return found if token else "empty"


def client(token: str | None, url: str, session: aiohttp.ClientSession | None) -> AsyncWebClient:
    made = AsyncWebClient(token=token, base_url=url, timeout=int(TIMEOUT), session=session, retry_handlers=[])
    if is_loopback(url):
        # The SDK takes HTTP_PROXY from the environment but ignores NO_PROXY.
        made.proxy = None
    return made


def is_loopback(url: str) -> bool:
    return urlsplit(url).hostname in _LOOPBACK


def _converted(method: str, error: SdkApiError) -> Exception:
    response = error.response
    status = getattr(response, "status_code", None) or getattr(response, "status", None) or 0
    headers = getattr(response, "headers", None) or {}
    data = getattr(response, "data", None)
    word = str(data.get("error", "")) if isinstance(data, dict) else ""
    if status == 429 or word in ("ratelimited", "rate_limited"):
        return SlackUnavailable("Slack asks to wait", _seconds(headers))
    if not word or status >= 500:
        return SlackUnavailable(f"HTTP {status}")
    details = data.get("response_metadata") if isinstance(data, dict) else None
    return SlackApiError(method, word, details)


def _seconds(headers: Mapping[str, str]) -> float:
    value = headers.get("Retry-After", "")
    return float(value) if value.isascii() and value.isdigit() else 1.0


def _why(error: BaseException) -> str:
    return "no answer in time" if isinstance(error, TimeoutError) else str(error) or type(error).__name__


_POSTS = Charge("chat.postMessage", timedelta(seconds=0.25), 20)
"""Slack allows several hundred posts a minute per workspace; these are at most 260."""
_URGENT = 10
"""Extra burst for pages and breaches, when other posts have used up the limit."""
_CHANNEL = Charge("channel", timedelta(seconds=1), 3)
_EDITS = Charge("chat.update", timedelta(seconds=1.5), 10)
"""At most 50 in any minute, the limit of chat.update's tier."""
_COUNTDOWNS = Charge("chat.update/countdown", timedelta(seconds=2.5), 1)
"""At most 24 of those 50 a minute: the rest is reserved for edits that report an event."""


def charges(team: str, channel: str, edits: bool, priority: Priority) -> Sequence[Charge]:
    """Returns the rate-limit charges of posting or editing one message."""
    more = _URGENT if priority <= Priority.BREACH else 0
    if not edits:
        return (_of(f"{team}:{_POSTS.bucket}", _POSTS, more), _of(f"{team}:{channel}", _CHANNEL, more))
    shared = (_EDITS, _COUNTDOWNS) if priority is Priority.COUNTDOWN else (_EDITS,)
    return tuple(_of(f"{team}:{charge.bucket}", charge) for charge in shared)


def _of(bucket: str, charge: Charge, more: int = 0) -> Charge:
    return Charge(f"slack:{bucket}", charge.every, charge.burst + more)
