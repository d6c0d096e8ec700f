"""Requests that nobody honest sends, to every address of the desk, from samples of those that are honest."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from typing import Any

from aiohttp import ClientError, ClientSession, TCPConnector

from demo.slack.actions.bot_client import Request
from tests.pager.services import (
    WEBHOOK_SECRET,
    acknowledged_by_webhook,
    acknowledged_in_pagerduty,
    signed_for_pagerduty,
    signed_webhook,
)
from tests.process.desk_process import SECRET, DeskProcess
from tests.slack.malformed import JUNK, MalformedBody, malformed, mutated
from tests.teams.activities import samples as activities

ALERTS_SECRET = "secret-of-monitoring"
SERVICE = "http://127.0.0.1:9/"
"""Where a forged activity says that Teams is: nobody listens there."""
AT_ONCE = 8
LONGEST_WAIT = 60.0
_METHODS = ("GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE", "CONNECT", "BREW")
_PATHS = (
    "/",
    "/healthz",
    "/readyz",
    "/metrics",
    "/slack/events",
    "/slack/install",
    "/slack/oauth_redirect",
    "/api/messages",
    "/hooks/alerts/prod",
    "/hooks/alerts/app",
    "/hooks/alerts/%00",
    "/hooks/pager/pd",
    "/hooks/pager/hook",
    "/hooks/pager/..%2f..%2fetc",
    "/../../etc/passwd",
    "/%ff%fe",
    "/" + "a" * 3000,
)
_HEADERS = (
    "Content-Type",
    "Content-Encoding",
    "Accept-Encoding",
    "Transfer-Encoding",
    "Authorization",
    "Cookie",
    "Host",
    "Expect",
    "X-Slack-Signature",
    "X-Slack-Request-Timestamp",
    "X-Slack-Retry-Num",
    "webhook-signature",
    "X-PagerDuty-Signature",
    "Range",
)
_VALUES = (
    "",
    "0",
    "-1",
    "9" * 400,
    "gzip",
    "chunked",
    "Bearer x",
    "Bearer " + "x" * 5000,
    "v0=",
    "v1,é",
    "100-continue",
    "bytes=0-",
    "application/json; charset=utf-7",
    "frontline-install=x",
)
_ALERT = {
    "version": "4",
    "groupKey": '{}:{alertname="HighErrors"}',
    "status": "firing",
    "commonLabels": {"alertname": "HighErrors"},
    "alerts": [{"status": "firing", "labels": {"instance": "node-1"}, "startsAt": "2026-03-21T01:10:00Z"}],
}
_SMALL_ALERT = {"id": "db-1", "status": "firing", "summary": "Database is down", "details": "No leader."}


@dataclass(frozen=True)
class FuzzedRequest:
    """What is sent, and where to; without a method, the body is written to the connection as it is."""

    method: str
    path: str
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass
class Outcome:
    """What came back."""

    statuses: Counter[int] = field(default_factory=Counter)
    unanswered: int = 0
    """Connections that were closed, as those that send no HTTP are."""
    failed: list[tuple[int, FuzzedRequest]] = field(default_factory=list)
    """Those that were answered with 500 or, with 0, not in time."""
    slowest: tuple[float, FuzzedRequest | None] = (0.0, None)


def fuzzed(number: int, seed: int, honest: Sequence[Request]) -> Iterator[FuzzedRequest]:
    """So many, always the same for a seed. `honest` are requests of Slack's to bend."""
    chance = Random(seed)
    kinds = [_slack] * 7 + [_forged] * 2 + [_teams] * 4 + [_alerts] * 2 + [_pagers] * 2 + [_oauth, _odd, _raw]
    for _ in range(number):
        yield chance.choice(kinds)(chance, honest)


def _slack(chance: Random, honest: Sequence[Request]) -> FuzzedRequest:
    bent = malformed(chance.choice(honest), chance)
    return FuzzedRequest("POST", "/slack/events", bent.signed(SECRET), bent.body)


def _forged(chance: Random, honest: Sequence[Request]) -> FuzzedRequest:
    like = chance.choice(honest)
    body = MalformedBody(like.body.encode(), like.headers["Content-Type"])
    headers = body.signed("guessed" if chance.random() < 0.5 else SECRET, chance.choice((None, 0.0, 1e11)))
    if chance.random() < 0.5:
        headers[chance.choice(sorted(headers))] = chance.choice(_VALUES)
    return FuzzedRequest("POST", "/slack/events", headers, body.body)


def _teams(chance: Random, _: object) -> FuzzedRequest:
    given = mutated(chance.choice(activities(SERVICE)), chance)
    body = _bent(json.dumps(given).encode(), chance)
    return FuzzedRequest("POST", "/api/messages", {"Content-Type": "application/json"}, body)


def _alerts(chance: Random, _: object) -> FuzzedRequest:
    name, sample = chance.choice((("prod", _ALERT), ("app", _SMALL_ALERT)))
    body = _bent(json.dumps(mutated(sample, chance)).encode(), chance)
    headers = {"Authorization": f"Bearer {ALERTS_SECRET}"}
    if chance.random() < 0.2:
        headers = signed_webhook(body, secret=ALERTS_SECRET)[1]
    if chance.random() < 0.1:
        headers[chance.choice(sorted(headers))] = chance.choice(_VALUES)
    return FuzzedRequest("POST", f"/hooks/alerts/{name}", headers, body)


def _pagers(chance: Random, _: object) -> FuzzedRequest:
    if chance.random() < 0.5:
        sample = json.loads(acknowledged_in_pagerduty("ACME-1", "Bob")[0])
        body, headers = signed_for_pagerduty(_bent(json.dumps(mutated(sample, chance)).encode(), chance))
        name = "pd"
    else:
        sample = json.loads(acknowledged_by_webhook("ACME-1", "Bob")[0])
        body = _bent(json.dumps(mutated(sample, chance)).encode(), chance)
        body, headers = signed_webhook(body, id=f"msg_{chance.random()}", secret=WEBHOOK_SECRET)
        name = "hook"
    if chance.random() < 0.1:
        headers[chance.choice(sorted(headers))] = chance.choice(_VALUES)
    return FuzzedRequest("POST", f"/hooks/pager/{name}", headers, body)


def _oauth(chance: Random, _: object) -> FuzzedRequest:
    fields = [chance.choice(("code", "state", "error", "x")) for _ in range(chance.randrange(4))]
    query = "&".join(f"{name}={chance.choice(('', 'x', '%ff', '%00', 'a' * 2000))}" for name in fields)
    headers = {"Cookie": f"frontline-install={chance.choice(('', 'x', '%ff'))}"}
    return FuzzedRequest("GET", f"/slack/{chance.choice(('install', 'oauth_redirect'))}?{query}", headers)


def _odd(chance: Random, _: object) -> FuzzedRequest:
    headers = {chance.choice(_HEADERS): chance.choice(_VALUES) for _ in range(chance.randrange(4))}
    return FuzzedRequest("", "", {}, _written(chance.choice(_METHODS), chance.choice(_PATHS), headers))


def _raw(chance: Random, _: object) -> FuzzedRequest:
    path = chance.choice(_PATHS)
    whole = _written("POST", path, {"Content-Type": "application/json"}, b'{"type": "x"}')
    if chance.random() < 0.3:
        whole = b"POST %b HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" % path.encode()
        whole += b"5\r\nhello\r\n0\r\n\r\n"
    return FuzzedRequest("", "", {}, _bent(whole, chance, 1.0))


def _written(method: str, path: str, headers: dict[str, str], body: bytes = b"") -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: desk", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    lines += [f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode() + body


def _bent(whole: bytes, chance: Random, how_often: float = 0.2) -> bytes:
    """Now and then cut, doubled, or with something else in its midst."""
    if chance.random() >= how_often:
        return whole
    at = chance.randrange(len(whole))
    junk = chance.choice((b"\0", b"\xff\xfe", b"\r\n\r\n", b"[" * 50_000, b"\\ud800", repr(JUNK[1]).encode()))
    return chance.choice((whole[:at], whole[:at] + junk + whole[at:], whole + whole, whole[at:]))


async def send_all(desk: DeskProcess, requests: Iterable[FuzzedRequest]) -> Outcome:
    """Sends them, a few at once. Returns when each is answered or its connection closed."""
    outcome, waiting = Outcome(), iter(requests)
    async with ClientSession(connector=TCPConnector(limit=AT_ONCE)) as session:

        async def sender() -> None:
            for request in waiting:
                await _send(desk, session, request, outcome)

        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(sender())
    return outcome


async def _send(desk: DeskProcess, session: ClientSession, request: FuzzedRequest, outcome: Outcome) -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    try:
        async with asyncio.timeout(LONGEST_WAIT):
            status = await (_over_http if request.method else _as_written)(desk, session, request)
    except TimeoutError:
        status = 0
    except (ClientError, ValueError, OSError):
        outcome.unanswered += 1
        return
    if status in (0, 500):
        outcome.failed.append((status, request))
    outcome.statuses[status] += 1
    took = loop.time() - began
    if took > outcome.slowest[0]:
        outcome.slowest = (took, request)


async def _over_http(desk: DeskProcess, session: ClientSession, request: FuzzedRequest) -> int:
    url = f"{desk.address}{request.path}"
    async with session.request(
        request.method, url, data=request.body, headers=request.headers, allow_redirects=False
    ) as answer:
        await answer.read()
        return answer.status


async def _as_written(desk: DeskProcess, _: Any, request: FuzzedRequest) -> int:
    """An unfinished request is ended, so that the desk need not wait for the rest."""
    host, _, port = desk.address.removeprefix("http://").rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        writer.write(request.body)
        writer.write_eof()
        line = await reader.readline()
        with suppress(OSError):
            await reader.read()
        return int(line.split()[1])
    except IndexError:
        raise OSError("closed without an answer") from None
    finally:
        writer.close()
