"""What Teams lets through (msteams-docs, rate-limit.md), as shares that all replicas pay from one purse."""

from __future__ import annotations

from datetime import timedelta

from bot.ports import Charge

_A_BURST = timedelta(seconds=0.7)
"""With five at once: within 7 in a second, 8 in two and 60 in thirty, for one conversation."""
_AN_HOUR = timedelta(seconds=2.2)
"""With a hundred at once: within 1,800 in an hour."""
_TENANT = timedelta(seconds=0.05)
"""With ten at once: within 30 in a second, which later revisions of the page are said to make 50."""


def charges(tenant: str, conversation: str) -> tuple[Charge, ...]:
    """Of one message sent or edited. Last the hour, which a conversation uses up for itself alone."""
    return (
        Charge(f"teams:{conversation}/burst", _A_BURST, 5),
        # Teams does not say which limit it was. Were it this one, each conversation would be told so itself.
        Charge(f"teams:tenant:{tenant}", _TENANT, 10, held_by_retry_after=False),
        Charge(f"teams:{conversation}/hour", _AN_HOUR, 100),
    )
