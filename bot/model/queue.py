"""What a queue knows of a ticket without reading its events."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sla_core.promise import Countdown


@dataclass(frozen=True, slots=True)
class QueueSummary:
    """What a queue sorts by and shows for a ticket, as of the ticket's last change."""

    title: str
    state: str
    """`open`, `resolved` or `closed`."""
    severity: str
    severity_name: str
    rank: int
    """The severity's place in its policy: 0 for the most critical."""
    vendor: str
    opened_at: datetime
    ended_at: datetime | None = None
    """When it was resolved or closed; None while it is open."""
    owner: str = ""
    acknowledged_by: str = ""
    held: bool = False
    customers_turn: bool = False
    due: Countdown | None = None
    """The countdown of the unsettled promise that is due first."""
    wording: str = "target"
    """What the vendor calls that promise: a target, a goal, a contract."""
    kept: tuple[datetime, ...] = ()
    """When each promise was met in time."""
    missed: tuple[datetime, ...] = ()
    """When each breach was recorded."""
    owner_id: str = ""
    """The address of the owner, as in `sla_core.events.Who`; empty in rows of older versions."""
    opened_by: str = ""
    """The address of the customer whose words began the ticket; empty for an agent's, and in older rows."""
    answered: bool = False
    """Whether somebody has answered the customer."""
    severity_shown: str = ""
    """What people read in place of the severity's ID and name; empty: both."""
    running: tuple[str, ...] = ()
    """The metrics of the promises that are still to be met, in order; empty in rows of older versions."""


@dataclass(frozen=True, slots=True)
class QueueEntry:
    """A ticket in a queue. `summary` is None if an older version of Frontline last changed the ticket."""

    key: str
    account: str
    summary: QueueSummary | None


@dataclass(frozen=True, slots=True)
class QueuePage:
    """The first entries of a queue, and the total number of entries."""

    entries: tuple[QueueEntry, ...]
    total: int
