"""What Teams lets through, as data (msteams-docs, rate-limit.md); the shared buckets are filled from here."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Limit:
    """So many calls in so many seconds."""

    calls: int
    seconds: float


class Scope(StrEnum):
    CONVERSATION = "our calls in one conversation"
    THREAD = "all bots' calls in one conversation"
    TENANT = "our calls in one tenant"


class Act(StrEnum):
    SEND = "send, update or reply"
    CREATE = "create a conversation"
    MEMBERS = "read members"
    ANY = "any call"


_SENDS = (Limit(7, 1), Limit(8, 2), Limit(60, 30), Limit(1800, 3600))
_READS = (Limit(14, 1), Limit(16, 2), Limit(120, 30), Limit(3600, 3600))

LIMITS: dict[tuple[Scope, Act], tuple[Limit, ...]] = {
    (Scope.CONVERSATION, Act.SEND): _SENDS,
    (Scope.CONVERSATION, Act.CREATE): _SENDS,
    (Scope.CONVERSATION, Act.MEMBERS): _READS,
    (Scope.THREAD, Act.SEND): (Limit(14, 1), Limit(16, 2)),
    # Later revisions of the page are said to allow 50; the smaller figure holds for both.
    (Scope.TENANT, Act.ANY): (Limit(30, 1),),
}
