"""`/api/v1` over HTTP: tokens, limits, idempotency keys, and problem documents.

It is off, and answers 404, until there is a token.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from hashlib import sha256
from typing import Any, Protocol
from uuid import uuid4

import structlog
from aiohttp import web
from pydantic import BaseModel, ValidationError

from adapters.web.server import Handler, Route
from bot.api import documents
from bot.api.acting import Body, Call
from bot.api.faults import ApiFault, invalid
from bot.api.operations import OPERATIONS, PREFIX, Operation, Request
from bot.api.reading import EventIndex, TicketIndex
from bot.clock import real_now
from bot.desk.desk import Desk
from bot.logs import log_fault
from bot.model.api_token import Scope, Token, TokenStore, digest_of
from bot.ports import KeyValueStore, StoreUnavailable
from bot.text import storable
from sla_core.catalog.files import faults_of

log = structlog.get_logger(__name__)

PER_SECOND, BURST = 10.0, 60.0
"""Requests of one token: on average, and at once. Each replica counts for itself."""
LARGEST = 256 * 2**10
"""The largest accepted body in bytes."""
ANSWER_BY = 10.0
"""Seconds until a request is answered with 503; an act may still be recorded then."""
ANSWERS, ANSWER_LIFE = "api-answer", timedelta(hours=24)
"""How long the answer to an idempotency key is kept."""
_KEY = re.compile(r"[!-~]{1,200}")
_PROBLEM, _JSON = "application/problem+json", "application/json"
_OFF = "The API is off: frontline token new makes the first token."


class ApiStore(TokenStore, TicketIndex, EventIndex, KeyValueStore, Protocol):
    """What the API needs of the store beside the desk's tickets."""


@dataclass
class RateLimit:
    """A bucket of requests for each token."""

    now: Callable[[], float]
    """Seconds, of a clock that never goes back."""
    _left: dict[str, tuple[float, float]] = field(default_factory=dict)

    def wait(self, name: str) -> float:
        """Takes one request, and returns 0; or the seconds until there is one to take."""
        now = self.now()
        left, at = self._left.get(name, (BURST, now))
        left = min(BURST, left + (now - at) * PER_SECOND)
        if left < 1:
            return (1 - left) / PER_SECOND
        self._left[name] = left - 1, now
        return 0.0


class ApiAccess:
    """Lets a request in: its token, its limit, and the answer if it is refused."""

    def __init__(self, tokens: TokenStore, monotonic: Callable[[], float] | None = None) -> None:
        self._tokens = tokens
        self._limit = RateLimit(monotonic or asyncio.get_running_loop().time)

    async def token_of(self, request: web.Request) -> Token:
        """The token of a request. Raises ApiFault."""
        scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
        digest = digest_of(secret.strip()) if scheme.lower() == "bearer" else None
        token = await self._tokens.token_of(digest) if digest else None
        if token is None:
            if not await self._tokens.tokens():
                raise ApiFault(404, _OFF)
            raise _unauthorized("The token is missing or unknown.")
        if token.is_expired(real_now()):
            raise _unauthorized("The token has expired.")
        if wait := self._limit.wait(token.name):
            raise ApiFault(429, f"More than {PER_SECOND:.0f} requests a second.", retry_after=int(wait) + 1)
        return token

    def guarded(self, answer: Callable[[web.Request, Token], Awaitable[web.Response]]) -> Handler:
        """A handler that lets in requests with a token, and answers every fault with a problem document."""

        async def handle(request: web.Request) -> web.StreamResponse:
            try:
                return await _in_time(self._answer(request, answer))
            except ApiFault as fault:
                return _problem(fault)
            except StoreUnavailable as why:
                log.warning("an API request cannot be answered now", why=str(why))
                return _problem(_unavailable())
            except Exception:
                log_fault(log, "an API request failed", method=request.method)
                return _problem(_unavailable())

        return handle

    async def _answer(
        self, request: web.Request, answer: Callable[[web.Request, Token], Awaitable[web.Response]]
    ) -> web.Response:
        return await answer(request, await self.token_of(request))


async def _in_time(answering: Awaitable[web.Response]) -> web.Response:
    """The answer, or a fault after ANSWER_BY seconds. What is under way is not cut off."""
    task = asyncio.ensure_future(answering)
    done, _ = await asyncio.wait({task}, timeout=ANSWER_BY)
    if not done:
        task.add_done_callback(_log_late)
        raise _unavailable()
    return task.result()


def _log_late(task: asyncio.Future[web.Response]) -> None:
    fault = None if task.cancelled() else task.exception()
    if fault is not None and not isinstance(fault, ApiFault):
        log.error("an API request failed after its answer", exc_info=fault)


@cache
def _described() -> bytes:
    # Imported and built for its first reader: few read it, and it would take a tenth of each start.
    from adapters.web.openapi import document

    return json.dumps(document()).encode()


def api_routes(desk: Desk, store: ApiStore, access: ApiAccess) -> list[Route]:
    """The routes of all operations, and of their description."""
    documents.build()

    async def describe(request: web.Request, token: Token) -> web.Response:
        return web.Response(body=await asyncio.to_thread(_described), content_type=_JSON)

    routes: list[Route] = [
        (operation.method, operation.path, access.guarded(_Endpoint(desk, store, operation).answer))
        for operation in OPERATIONS
    ]
    return [*routes, ("GET", f"{PREFIX}/openapi.json", access.guarded(describe))]


@dataclass(frozen=True)
class _Endpoint:
    """One operation, for requests that have a token."""

    desk: Desk
    store: ApiStore
    operation: Operation

    async def answer(self, request: web.Request, token: Token) -> web.Response:
        if self.operation.scope is Scope.WRITE and token.scope is not Scope.WRITE:
            raise ApiFault(403, "This token may only read.")
        parameters = _parsed(self.operation.parameters, _query(request, self.operation.parameters))
        key = next(iter(request.match_info.values()), "")
        if self.operation.body is None:
            call = Call(token, "")
            found = await self._handle(call, key, parameters, None)
            return _json(self.operation.status, found)
        raw = await request.read()
        body = _parsed(self.operation.body, _json_of(request, raw))
        idempotency_key = request.headers.get("Idempotency-Key")
        if idempotency_key is None:
            found = await self._handle(Call(token, f"api/{uuid4().hex}"), key, parameters, body)
            return _json(self.operation.status, found)
        if not _KEY.fullmatch(idempotency_key):
            raise invalid({"Idempotency-Key": "has 1 to 200 characters of ASCII, and no blanks"})
        # A later token of the same name has keys of its own.
        of_token = f"{token.name}/{token.made_at.isoformat()}/{idempotency_key}"
        name = sha256(of_token.encode("utf-8", "surrogateescape")).hexdigest()
        async with self.desk.locks.of(f"{ANSWERS}/{name}"):
            request_hash = sha256(request.path.encode() + b"\0" + raw).hexdigest()
            return await self._once(
                Call(token, f"api/{name}/{request_hash}"), name, request_hash, key, parameters, body
            )

    async def _once(
        self, call: Call, name: str, request_hash: str, key: str, parameters: Any, body: Body
    ) -> web.Response:
        """Acts, or repeats the answer to the same request. Only acts that succeeded are remembered."""
        if stored := await self.store.get(ANSWERS, name):
            known = json.loads(stored)
            if known["request"] != request_hash:
                raise ApiFault(422, "This Idempotency-Key was used for another request.")
            headers = {"Idempotent-Replayed": "true"}
            return web.Response(
                status=self.operation.status, text=known["answer"], content_type=_JSON, headers=headers
            )
        found = await self._handle(call, key, parameters, body)
        answer = found.model_dump_json()
        kept = json.dumps({"request": request_hash, "answer": answer})
        await self.store.put(ANSWERS, name, kept, real_now() + ANSWER_LIFE)
        return web.Response(status=self.operation.status, text=answer, content_type=_JSON)

    async def _handle(self, call: Call, key: str, parameters: Any, body: Body | None) -> BaseModel:
        return await self.operation.handle(Request(self.desk, self.store, call, key, parameters, body))


def _query(request: web.Request, model: type[BaseModel]) -> dict[str, Any]:
    """The parameters of a request. A repeated one is a list; one that takes a list always is."""
    found: dict[str, Any] = {}
    for name in dict.fromkeys(request.query):
        given = request.query.getall(name)
        known = model.model_fields.get(name)
        takes_list = known is not None and known.default == ()
        found[name] = given if takes_list or len(given) > 1 else given[0]
    return found


def _json_of(request: web.Request, raw: bytes) -> Any:
    """The body as JSON. Raises ApiFault."""
    if request.content_type != _JSON:
        raise ApiFault(415, f"Send the body as {_JSON}.")
    if len(raw) > LARGEST:
        raise ApiFault(413, f"The body has more than {LARGEST // 2**10} KiB.")
    try:
        return storable(json.loads(raw))
    except (ValueError, RecursionError):
        raise ApiFault(400, "The body is not JSON.") from None


def _parsed(model: type[Any], given: Any) -> Any:
    """Raises ApiFault that names every field that is wrong."""
    try:
        return model.model_validate(given)
    except ValidationError as wrong:
        raise invalid({fault.key or "body": fault.says for fault in faults_of("", wrong)}) from None


def _json(status: int, found: BaseModel) -> web.Response:
    return web.Response(status=status, text=found.model_dump_json(), content_type=_JSON)


def _problem(fault: ApiFault) -> web.Response:
    return web.Response(
        status=fault.status,
        text=fault.problem.model_dump_json(),
        content_type=_PROBLEM,
        headers=fault.headers,
    )


def _unauthorized(says: str) -> ApiFault:
    headers: Mapping[str, str] = {"WWW-Authenticate": "Bearer"}
    return ApiFault(401, says, headers=headers)


def _unavailable() -> ApiFault:
    return ApiFault(503, "The desk cannot answer now. Please try again.", retry_after=5)
