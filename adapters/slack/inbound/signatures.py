"""Counts requests whose signature fails, so that the doctor can tell a wrong signing secret."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from functools import cached_property
from uuid import uuid4

from slack_sdk.signature import SignatureVerifier

from bot.clock import real_now
from bot.ports import KeyValueStore
from bot.runtime.doctor import Finding, Health

TOPIC, GOOD = "slack-signatures", "good"
KEPT_FOR = timedelta(hours=1)
_FRESH = 300
"""Seconds: the age up to which Slack's requests are accepted."""
_LOOKS_SIGNED = re.compile(r"v0=[0-9a-f]{64}")


class Signatures:
    """Checks requests with the signing secret. Counts are stored by `store`, about once a minute."""

    def __init__(self, secret: str, key_values: KeyValueStore | None) -> None:
        self._secret, self._key_values = secret, key_values
        self._bad, self._good = 0, False

    @cached_property
    def _verifier(self) -> SignatureVerifier:
        return SignatureVerifier(self._secret)

    def is_valid(self, body: bytes, headers: Mapping[str, str]) -> bool:
        """Whether the signature is valid. The names in `headers` may be in any case."""
        stamp = headers.get("X-Slack-Request-Timestamp") or "0"
        signature = headers.get("X-Slack-Signature") or ""
        try:
            valid = self._verifier.is_valid(body, stamp, signature)
            fresh = abs(real_now().timestamp() - int(stamp)) <= _FRESH
        except (ValueError, TypeError, OverflowError):
            return False
        self._good = self._good or valid
        # Only Slack's own requests look like this; the rest of the Internet sends other things.
        self._bad += not valid and fresh and _LOOKS_SIGNED.fullmatch(signature) is not None
        return valid

    async def store(self) -> None:
        """Stores what was counted since the last time."""
        if self._key_values is None:
            return
        bad, good, until = self._bad, self._good, real_now() + KEPT_FOR
        self._bad, self._good = 0, False
        if bad:
            await self._key_values.put(TOPIC, uuid4().hex, str(bad), until)
        if good:
            await self._key_values.put(TOPIC, GOOD, "1", until)

    async def findings(self) -> list[Finding]:
        """Whether the secret seems to be wrong; empty if nothing says so."""
        counts = await self._key_values.get_all(TOPIC) if self._key_values else {}
        bad = sum(int(count) for key, count in counts.items() if key != GOOD)
        if not bad or GOOD in counts:
            return []
        came = "1 request with a wrong signature" if bad == 1 else f"{bad} requests with a wrong signature"
        says = (
            f"{came} came in the last hour, and none with a good one: SLACK_SIGNING_SECRET is probably"
            " another app's; copy it from the app's page Basic Information"
        )
        return [Finding(Health.FAULT, "signing secret", says)]
