"""Requests bent out of shape: keys gone, other types, other people's ids, odd letters, cut, doubled."""

from __future__ import annotations

import copy
import hashlib
import hmac
import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any, cast
from urllib.parse import parse_qsl, quote, urlencode

from demo.slack.actions.bot_client import FORM, Request

JSON = "application/json"


def _deep() -> Any:
    found: Any = []
    for _ in range(200):
        found = [found]
    return found


JUNK: list[Any] = [
    None,
    True,
    0,
    -1,
    1e308,
    2**80,
    "",
    " ",
    "x" * 70_000,
    "\0",
    "\ud800",
    "a\udfffb",
    "\u202e<!channel> <@U0BOB> <https://x.example|y>",
    "no_such_thing",
    "message_changed",
    "T0BETA",
    "E0MEGA",
    "U0OTTO",
    "C0BETA",
    "C0LOUNGE",
    "D0NOBODY",
    "BETA-1",
    "acknowledge",
    "resolve",
    '{"context":{"place":"slack:C0BETA","ticket":"BETA-1"}}',
    '{"context":{"place":"nowhere","ticket":"ACME-1"}}',
    [],
    [None],
    {},
    {"id": None},
    {"id": "U0OTTO", "team_id": "T0BETA"},
    {"id": "U0BOB", "team_id": "T0BETA"},
    _deep(),
]
_NAMES = ("type", "id", "user", "value", "subtype", "hidden", "bot_id", "thread_ts", "\ud800", "")
_TYPES = ("text/plain", "application/x-tar", "application/json; charset=nonsense", "", "multipart/form-data")


@dataclass(frozen=True)
class MalformedBody:
    """A body, and the type that it is sent as."""

    body: bytes
    kind: str

    @property
    def is_text(self) -> bool:
        try:
            self.body.decode()
        except UnicodeDecodeError:
            return False
        return True

    def signed(self, secret: str, at: float | None = None) -> dict[str, str]:
        stamp = str(int(time.time() if at is None else at))
        digest = hmac.new(secret.encode(), b"v0:" + stamp.encode() + b":" + self.body, hashlib.sha256)
        return {
            "Content-Type": self.kind,
            "X-Slack-Request-Timestamp": stamp,
            "X-Slack-Signature": f"v0={digest.hexdigest()}",
        }


class RequestStub:
    """As much of an HTTP request as its reader looks at."""

    query_string = ""

    def __init__(self, body: bytes, headers: Mapping[str, str]) -> None:
        self.body, self.headers = body, headers

    async def read(self) -> bytes:
        return self.body


def decode_payload(request: Request) -> Any:
    """The content of a request: an event, an interaction, or a command's fields."""
    if request.headers["Content-Type"] != FORM:
        return json.loads(request.body)
    fields = dict(parse_qsl(request.body, keep_blank_values=True))
    return json.loads(fields["payload"]) if "payload" in fields else fields


def encode_payload(payload: Any, like: Request) -> MalformedBody:
    """The same way round; what a form cannot carry is written as it is."""
    if like.headers["Content-Type"] != FORM:
        return MalformedBody(json.dumps(payload).encode(), JSON)
    if like.kind != "command":
        return MalformedBody(urlencode({"payload": json.dumps(payload)}).encode(), FORM)
    if not isinstance(payload, dict):
        return MalformedBody(str(payload).encode("utf-8", "replace"), FORM)
    fields = ((str(name), str(value)) for name, value in payload.items())
    encoded = "&".join(f"{_quoted(name)}={_quoted(value)}" for name, value in fields)
    return MalformedBody(encoded.encode(), FORM)


def _quoted(text: str) -> str:
    return quote(text.encode("utf-8", "surrogatepass"), safe="")


def malformed(request: Request, chance: Random) -> MalformedBody:
    """One or a few things wrong with its content, or with the way it is written."""
    if chance.random() < 0.8:
        return encode_payload(mutated(decode_payload(request), chance), request)
    whole = encode_payload(decode_payload(request), request)
    return _badly_encoded(whole, chance)


def mutated(sample: Any, chance: Random) -> Any:
    body = copy.deepcopy(sample)
    for _ in range(chance.choice((1, 1, 1, 2, 4))):
        found = list(positions(body))
        if not found:
            break
        holder, key = chance.choice(found)
        match chance.randrange(4):
            case 0 if isinstance(holder, dict):
                del holder[key]
            case 1:
                holder[key] = [holder[key]]
            case 2 if isinstance(holder, dict):
                holder[chance.choice(_NAMES)] = copy.deepcopy(chance.choice(JUNK))
            case _:
                holder[key] = copy.deepcopy(chance.choice(JUNK))
    return body


def positions(found: Any, depth: int = 0) -> Iterator[tuple[Any, Any]]:
    """Every holder and key, the outer ones more often: they are fewer and matter more."""
    keys = found if isinstance(found, dict) else range(len(found)) if isinstance(found, list) else ()
    if depth > 20:
        return
    for key in list(keys):
        for _ in range(max(1, 8 >> depth)):
            yield found, key
        yield from positions(cast(Any, found)[key], depth + 1)


def _badly_encoded(whole: MalformedBody, chance: Random) -> MalformedBody:
    body, kind = whole.body, whole.kind
    at = chance.randrange(len(body))
    match chance.randrange(8):
        case 0:
            return MalformedBody(body[:at], kind)
        case 1:
            return MalformedBody(b"", chance.choice((kind, JSON, FORM)))
        case 2:
            return MalformedBody(body, chance.choice(_TYPES))
        case 3:
            return MalformedBody(body, JSON if kind == FORM else FORM)
        case 4:
            return MalformedBody(
                body[:at] + chance.choice((b"\xff\xfe", b"\xc3\x28", b"\0", b"%ff%fe")) + body[at:], kind
            )
        case 5:
            return MalformedBody(body.decode().encode("utf-16"), kind)
        case 6 if kind == JSON:
            return MalformedBody(b'{"type": "url_verification", "event": 7, ' + body[1:], kind)
        case 6:
            return MalformedBody(b"payload=%7B%7D&command=&" + body, kind)
        case _:
            return MalformedBody(body[: at // 2] + b"[" * 50_000 + body[at // 2 :], kind)
