"""What Slack lets through: per method and workspace, and about a message a second in a channel."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from bot.ports import Charge, Priority

_POSTS = Charge("chat.postMessage", timedelta(seconds=0.25), 20)
"""Slack speaks of several hundred a minute in a workspace; these are at most 260."""
_URGENT = 10
"""So many more posts at once for pages and breaches, when others have used up theirs."""
_CHANNEL = Charge("channel", timedelta(seconds=1), 3)
_EDITS = Charge("chat.update", timedelta(seconds=1.5), 10)
"""At most 50 in any minute, which is what its tier allows."""
_COUNTDOWNS = Charge("chat.update/countdown", timedelta(seconds=2.5), 1)
"""At most 24 a minute of those 50: the rest is kept for what really happened."""


def charges(team: str, channel: str, edits: bool, priority: Priority) -> Sequence[Charge]:
    """Of one message posted or edited."""
    more = _URGENT if priority <= Priority.BREACH else 0
    if not edits:
        return (_of(f"{team}:{_POSTS.bucket}", _POSTS, more), _of(f"{team}:{channel}", _CHANNEL, more))
    shared = (_EDITS, _COUNTDOWNS) if priority is Priority.COUNTDOWN else (_EDITS,)
    return tuple(_of(f"{team}:{charge.bucket}", charge) for charge in shared)


def _of(bucket: str, charge: Charge, more: int = 0) -> Charge:
    return Charge(f"slack:{bucket}", charge.every, charge.burst + more)
