"""Calls to Teams, each tried once: the caller decides whether to retry."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import quote

import aiohttp
import structlog
from yarl import URL

from adapters.teams.auth import Credentials, Endpoints, Unreachable, is_loopback
from adapters.teams.errors import TeamsFault, TokenRejected, failure
from bot.ports import CALLS_AT_ONCE, PermanentFailure, TemporaryFailure

log = structlog.get_logger(__name__)

Json = dict[str, Any]

TIMEOUT = 15.0
_PAGE = 500
_MOST_PAGES = 200


class Connector:
    """Client of Bot Framework's connector service, at each conversation's service address."""

    def __init__(
        self, credentials: Credentials, endpoints: Endpoints, *, loopback_only: bool = False
    ) -> None:
        """`loopback_only`: call only services on this machine."""
        self._credentials, self._endpoints, self._loopback_only = credentials, endpoints, loopback_only
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        """Raises TeamsFault if Microsoft rejects the app's secret or does not answer."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=CALLS_AT_ONCE),
            timeout=aiohttp.ClientTimeout(total=TIMEOUT, connect=TIMEOUT / 3),
            trust_env=not self._endpoints.is_local,
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        try:
            await self._credentials.token(self._session)
        except TemporaryFailure as unavailable:
            await self.close()
            raise TeamsFault(
                f"Microsoft cannot be reached at {self._endpoints.login} ({unavailable}): check the network"
            ) from None
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        if self._session:
            await self._session.close()

    async def create(self, service: str, body: Json) -> str:
        """Creates a conversation and returns its id. Raises TemporaryFailure, PermanentFailure."""
        made = _id(await self._call("create conversation", "POST", service, "v3/conversations", body))
        if not made:
            raise TemporaryFailure("create conversation: Teams did not return its id")
        return made

    async def send(
        self, service: str, conversation: str, activity: Json, *, only_for: str | None = None
    ) -> str:
        """Posts, only for one user if given; returns the id. Raises TemporaryFailure, PermanentFailure."""
        path = f"{_conversation_path(conversation)}/activities"
        if only_for is not None:
            path += "?isTargetedActivity=true"
            activity = {**activity, "recipient": {"id": only_for, "isTargeted": True}}
        return _id(await self._call("send", "POST", service, path, activity))

    async def update(self, service: str, conversation: str, message: str, activity: Json) -> None:
        """Edits a message. Raises TemporaryFailure, PermanentFailure (NotEditable if it was deleted)."""
        path = f"{_conversation_path(conversation)}/activities/{quote(message, safe='')}"
        await self._call("update", "PUT", service, path, {**activity, "id": message})

    async def delete(self, service: str, conversation: str, message: str) -> None:
        """Deletes a message. Raises TemporaryFailure, PermanentFailure (NotEditable if it is gone)."""
        path = f"{_conversation_path(conversation)}/activities/{quote(message, safe='')}"
        await self._call("delete", "DELETE", service, path)

    async def members(self, service: str, conversation: str) -> AsyncIterator[Json]:
        """Yields the members of a conversation. Raises TemporaryFailure, PermanentFailure."""
        more = ""
        for _ in range(_MOST_PAGES):
            path = f"{_conversation_path(conversation)}/pagedmembers?pageSize={_PAGE}{more}"
            page = await self._call("members", "GET", service, path)
            for member in page.get("members") or ():
                if isinstance(member, dict):
                    yield member
            token = page.get("continuationToken")
            if not token:
                return
            more = f"&continuationToken={quote(str(token), safe='')}"

    async def member(self, service: str, conversation: str, user: str) -> Json:
        """Returns one member. Raises TemporaryFailure, PermanentFailure (also for a non-member)."""
        return await self._call(
            "member", "GET", service, f"{_conversation_path(conversation)}/members/{quote(user, safe='')}"
        )

    async def channels(self, service: str, team: str) -> list[str]:
        """Returns the ids of a team's channels. Raises TemporaryFailure, PermanentFailure."""
        found = await self._call("channels", "GET", service, f"v3/teams/{quote(team, safe='')}/conversations")
        listed = found.get("conversations")
        channels = listed if isinstance(listed, list) else ()
        return [str(each["id"]) for each in channels if isinstance(each, dict) and each.get("id")]

    async def fetch_json(self, url: str) -> Mapping[str, Any]:
        """Fetches a public JSON document, without our token. Raises Unreachable."""
        assert self._session, "not open"
        try:
            async with self._session.get(url, allow_redirects=False) as response:
                if response.status != 200:
                    raise Unreachable(f"HTTP {response.status}")
                found = await response.json(content_type=None)
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            raise Unreachable(f"{type(error).__name__}") from None
        if not isinstance(found, dict):
            raise Unreachable("not a JSON object")
        return found

    async def _call(self, what: str, method: str, service: str, path: str, body: Json | None = None) -> Json:
        if self._loopback_only and not is_loopback(service):
            raise PermanentFailure(
                f"{what}: on a simulated clock or unsigned, only services on this machine are called"
            )
        token = await self._token(what)
        try:
            return await self._send(what, method, service, path, body, token)
        except TokenRejected:
            # A rejected call did nothing, so it is safe to repeat.
            token = await self._token(what, instead_of=token)
        try:
            return await self._send(what, method, service, path, body, token)
        except TokenRejected as rejected:
            log.error("teams refuses the app's token", what=what, why=str(rejected))
            raise TemporaryFailure(f"{what}: {rejected}") from None

    async def _token(self, what: str, instead_of: str | None = None) -> str:
        assert self._session, "not open"
        try:
            return await self._credentials.token(self._session, instead_of)
        except TeamsFault as fault:
            # Temporary: all calls succeed again after an operator fixes it.
            raise TemporaryFailure(f"{what}: {fault}") from None

    async def _send(
        self, what: str, method: str, service: str, path: str, body: Json | None, token: str
    ) -> Json:
        assert self._session, "not open"
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        url = f"{service.rstrip('/')}/{path}"
        try:
            async with self._session.request(
                method, URL(url, encoded=True), json=body, headers=headers, allow_redirects=False
            ) as response:
                status, raw = response.status, await response.read()
                after = response.headers.get("Retry-After")
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise TemporaryFailure(f"{what}: {_why(error)}", maybe_delivered=True) from None
        if status == 401:
            raise TokenRejected(
                "Teams does not take the bot's token; check MICROSOFT_APP_ID and its Teams channel"
            )
        if not 200 <= status < 300:
            raise failure(what, status, raw, after)
        return _read(raw)


def _conversation_path(conversation: str) -> str:
    return f"v3/conversations/{quote(conversation, safe='')}"


def _read(raw: bytes) -> Json:
    try:
        found = json.loads(raw) if raw.strip() else {}
    except (ValueError, RecursionError):
        found = {}
    return found if isinstance(found, dict) else {}


def _id(answer: Json) -> str:
    """Returns "" if Teams accepted the message without returning its id."""
    return str(answer.get("id") or answer.get("activityId") or "")


def _why(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return f"not reached ({type(error).__name__})"
