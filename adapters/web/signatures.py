"""Whether a request to a hook is signed with the hook's secret. Each check is constant in time."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from hashlib import sha256

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

_PREFIX = "whsec_"


def standard_webhook(secret: str) -> Webhook:
    """Signs and verifies by Standard Webhooks. A secret without `whsec_` is used as it is written.

    Raises ValueError if what follows `whsec_` is not base64.
    """
    return Webhook(secret if secret.startswith(_PREFIX) else secret.encode())


def is_standard_webhook(secret: str, headers: Mapping[str, str], body: bytes) -> bool:
    """Whether the body is signed with the secret, by Standard Webhooks, in the last five minutes."""
    try:
        standard_webhook(secret).verify(body, dict(headers), json_parse=False)
    except (WebhookVerificationError, ValueError, OverflowError):  # garbled signatures raise ValueError
        return False
    return True


def has_bearer_token(secret: str, headers: Mapping[str, str]) -> bool:
    """Whether the Authorization header carries the secret itself."""
    scheme, _, token = headers.get("Authorization", "").partition(" ")
    return scheme.lower() == "bearer" and _equal(token.strip(), secret)


def is_from_pagerduty(secret: str, headers: Mapping[str, str], body: bytes) -> bool:
    """Whether one of the signatures of a PagerDuty v3 webhook fits the body."""
    expected = f"v1={hmac.new(secret.encode(), body, sha256).hexdigest()}"
    given = headers.get("X-PagerDuty-Signature", "").split(",")
    return any(_equal(one.strip(), expected) for one in given)


def _equal(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode(errors="surrogateescape"), expected.encode())
