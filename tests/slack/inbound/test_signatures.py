"""A wrong signing secret shows in the doctor, as far as requests that came can tell."""

from __future__ import annotations

import hashlib
import hmac
import time

from adapters.slack.inbound.app import Signatures
from tests.memory_store import MemoryStore

BODY = b"command=%2Fsupport"


def signed(secret: str, age: int = 0) -> dict[str, str]:
    stamp = str(int(time.time()) - age)
    digest = hmac.new(secret.encode(), f"v0:{stamp}:".encode() + BODY, hashlib.sha256).hexdigest()
    return {"X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": f"v0={digest}"}


async def found(secret: str, *requests: dict[str, str]) -> str:
    """What the doctor reads of a desk with this secret after these requests."""
    key_values = MemoryStore()
    serving = Signatures(secret, key_values)
    for headers in requests:
        serving.is_valid(BODY, headers)
        await serving.store()
    return " ".join(f"{each.about}: {each.says}" for each in await Signatures(secret, key_values).findings())


async def test_a_wrong_secret_is_told_once_requests_came_and_none_was_good() -> None:
    said = await found("ours", signed("another app's"), signed("another app's"))
    assert said.startswith(
        "signing secret: 2 requests with a wrong signature came in the last hour, and none with a good one"
    )
    assert "SLACK_SIGNING_SECRET is probably another app's" in said
    assert (await found("ours", signed("another app's"))).startswith("signing secret: 1 request with")


async def test_what_others_send_does_not_accuse_a_secret_that_works() -> None:
    old, unsigned = signed("another app's", age=600), {"X-Slack-Signature": "v0=guessed"}
    for requests in ([], [signed("ours")], [signed("another app's"), signed("ours")], [old, unsigned, {}]):
        assert await found("ours", *requests) == ""
