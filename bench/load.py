"""Sends requests as fast as one process can, over persistent connections, and times each."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Burst:
    """One burst: seconds of each request, the number refused, total seconds."""

    took: Sequence[float]
    refused: int
    whole: float

    def quantile(self, share: float) -> float:
        ordered = sorted(self.took)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def pinned(core: int) -> None:
    """Pins this process to one core, if the system can."""
    if hasattr(os, "sched_setaffinity") and (os.cpu_count() or 1) > core:
        os.sched_setaffinity(0, {core})


def signed(url: str, secret: str, body: bytes, content_type: str) -> bytes:
    """A request with Slack's signature."""
    parts, stamp = urlsplit(url), str(int(time.time()))
    digest = hmac.new(secret.encode(), b"v0:%s:%s" % (stamp.encode(), body), hashlib.sha256).hexdigest()
    head = (
        f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Type: {content_type}\r\n"
        f"X-Slack-Request-Timestamp: {stamp}\r\nX-Slack-Signature: v0={digest}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def burst(url: str, requests: Sequence[bytes], at_once: int) -> Burst:
    """Sends all requests over `at_once` connections."""
    waiting, took, refused = iter(requests), [], 0
    parts = urlsplit(url)

    async def caller() -> None:
        nonlocal refused
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        try:
            for raw in waiting:
                begun = time.perf_counter()
                writer.write(raw)
                head = await reader.readuntil(b"\r\n\r\n")
                length = head.lower().split(b"content-length:")[1].split(b"\r\n")[0]
                body = await reader.readexactly(int(length))
                took.append(time.perf_counter() - begun)
                refused += not head.startswith(b"HTTP/1.1 2") or b"errors" in body
        finally:
            writer.close()
            await writer.wait_closed()

    begun = time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(at_once)))
    return Burst(took, refused, time.perf_counter() - begun)
