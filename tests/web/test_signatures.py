"""Requests to hooks: only what is signed with the hook's secret counts."""

from __future__ import annotations

import hmac
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest

from adapters.web.hooks import (
    has_bearer_token,
    is_from_pagerduty,
    is_standard_webhook,
    standard_webhook,
)

SECRETS = ["whsec_" + b64encode(b"a secret of twenty-four b").decode(), "plain words of the operator"]
BODY = '{"type": "page.acknowledged", "who": "Zoë"}'.encode()


def signed(secret: str, body: bytes = BODY, at: datetime | None = None) -> dict[str, str]:
    at = at or datetime.now(UTC)
    signature = standard_webhook(secret).sign("msg_1", at, body.decode())
    return {
        "Webhook-Id": "msg_1",
        "Webhook-Timestamp": str(int(at.timestamp())),
        "Webhook-Signature": signature,
    }


@pytest.mark.parametrize("secret", SECRETS)
def test_a_standard_webhook_is_accepted_only_with_its_secret_and_body(secret: str) -> None:
    assert is_standard_webhook(secret, signed(secret), BODY)
    assert not is_standard_webhook(secret, signed("another"), BODY)
    assert not is_standard_webhook(secret, signed(secret), BODY + b" ")
    assert not is_standard_webhook(secret, {}, BODY)


@pytest.mark.parametrize("late", [timedelta(minutes=6), -timedelta(minutes=6)])
def test_a_replayed_standard_webhook_is_refused(late: timedelta) -> None:
    assert not is_standard_webhook(SECRETS[0], signed(SECRETS[0], at=datetime.now(UTC) - late), BODY)


@pytest.mark.parametrize("garbage", ["", "v1", "v1,", "v1,%%%", "v1,ÄÖ", ",,,,", "v2,AAAA", "v1,AAAA v1"])
def test_garbled_signatures_are_refused_without_an_error(garbage: str) -> None:
    headers = signed(SECRETS[0]) | {"Webhook-Signature": garbage}
    assert not is_standard_webhook(SECRETS[0], headers, BODY)
    assert not is_standard_webhook(SECRETS[0], signed(SECRETS[0]) | {"Webhook-Timestamp": "1e999"}, BODY)
    assert not is_standard_webhook(SECRETS[0], signed(SECRETS[0]), b"\xff\xfe")
    assert not is_from_pagerduty("secret", {"X-PagerDuty-Signature": garbage}, BODY)
    assert not has_bearer_token("secret", {"Authorization": garbage})


def test_pagerduty_signs_with_each_of_its_secrets() -> None:
    ours = f"v1={hmac.new(b'secret', BODY, sha256).hexdigest()}"
    assert is_from_pagerduty("secret", {"X-PagerDuty-Signature": f"v1=00, {ours}"}, BODY)
    assert not is_from_pagerduty("secret", {"X-PagerDuty-Signature": ours}, BODY + b" ")
    assert not is_from_pagerduty("secret", {}, BODY)


def test_a_bearer_token_is_the_secret_itself() -> None:
    assert has_bearer_token("secret", {"Authorization": "Bearer secret"})
    assert not has_bearer_token("secret", {"Authorization": "Bearer secrets"})
    assert not has_bearer_token("secret", {"Authorization": "Basic secret"})
