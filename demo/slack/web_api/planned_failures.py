"""Web API calls that fail on demand, and Slack's rate limits."""

import math
import time
from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass

TIERS = {
    "auth.test": 600,
    "chat.update": 50,
    "chat.delete": 50,
    "chat.postEphemeral": 100,
    "views.open": 100,
    "views.update": 100,
    "views.publish": 100,
    "conversations.open": 50,
    "conversations.info": 50,
    "conversations.members": 100,
    "conversations.list": 20,
    "conversations.join": 50,
    "conversations.replies": 50,
    "conversations.history": 50,
    "files.info": 100,
    "users.info": 100,
    "users.conversations": 50,
    "usergroups.list": 20,
    "usergroups.users.list": 20,
    "reactions.add": 50,
}


@dataclass
class PlannedFailure:
    """How the next `times` calls of a method fail."""

    method: str
    error: str | None = None
    status: int | None = None
    retry_after: int = 1
    drop_connection: bool = False
    accept_then_drop: bool = False
    times: int = 1
    channel: str | None = None


class PlannedFailures:
    def __init__(self) -> None:
        self.planned: list[PlannedFailure] = []

    def take(self, method: str, channel: object) -> PlannedFailure | None:
        """Returns the failure planned for this call, if any, and counts it as used."""
        for failure in self.planned:
            if failure.method == method and failure.channel in (None, channel):
                failure.times -= 1
                if failure.times <= 0:
                    self.planned.remove(failure)
                return failure
        return None


class RateLimits:
    """Slack's limits: calls per minute and method, and posts per second and channel."""

    def __init__(
        self,
        per_minute: Mapping[str, int] | None = None,
        posts_per_second: int = 1,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.per_minute = dict(TIERS if per_minute is None else per_minute)
        self.posts_per_second = posts_per_second
        self._clock = clock
        self._calls: dict[str, deque[float]] = defaultdict(deque)

    def retry_after(self, method: str, channel: object) -> int:
        """Returns the seconds to wait; 0 lets the call through and counts it."""
        bucket, most, window = method, self.per_minute.get(method), 60.0
        if method == "chat.postMessage":
            bucket, most, window = f"post {channel}", self.posts_per_second, 1.0
        if most is None:
            return 0
        now, calls = self._clock(), self._calls[bucket]
        while calls and now - calls[0] >= window:
            calls.popleft()
        if len(calls) >= most:
            return max(1, math.ceil(window - (now - calls[0])))
        calls.append(now)
        return 0
