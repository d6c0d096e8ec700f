"""The check of the event history: each event carries a hash over it and all events before it on its ticket.

It finds what was changed in the database by other means than the desk's, unless all later hashes of the
ticket were computed again as well: to be safe from that, keep a backup elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Protocol

BATCH = 200
"""How many tickets' events to hold in memory at once."""


@dataclass(frozen=True, slots=True)
class CheckedTicket:
    """What is wrong with a ticket's events: their numbers, each with what is wrong."""

    key: str
    faults: tuple[tuple[int, str], ...] = ()
    unhashed: int = 0
    """Events that an older version stored without a hash."""


class EventChain(Protocol):
    """Access to the hashes of all events."""

    async def index_size(self) -> int:
        """The number of tickets."""

    async def check_chains(self, after: str, limit: int) -> Sequence[CheckedTicket]:
        """Checks up to `limit` tickets after this key, in order of their keys."""

    async def missing_tickets(self) -> Sequence[str]:
        """The keys of tickets that were opened and are not there any more."""

    async def add_hashes(self, tickets: Collection[str]) -> int:
        """Adds the hashes that are missing on these tickets, and returns how many events got one."""


@dataclass
class Audit:
    """What an audit found."""

    tickets: int = 0
    faults: list[tuple[str, int, str]] = field(default_factory=list)
    """Tickets and numbers of events, each with what is wrong."""
    unhashed: int = 0


async def audit(chain: EventChain, on_progress: Callable[[int], None]) -> Audit:
    """Checks all events while the desk may be running."""
    found, last = Audit(), ""
    while checked := await chain.check_chains(last, BATCH):
        for ticket in checked:
            found.faults += [(ticket.key, seq, what) for seq, what in ticket.faults]
            found.unhashed += ticket.unhashed
        found.tickets += len(checked)
        on_progress(found.tickets)
        last = checked[-1].key
    found.faults += [
        (key, 1, "is missing, and so is the whole ticket") for key in await chain.missing_tickets()
    ]
    return found


async def add_hashes(chain: EventChain, on_progress: Callable[[int], None]) -> int:
    """Adds all hashes that are missing. Events with a fault are left as they are."""
    added, done, last = 0, 0, ""
    while checked := await chain.check_chains(last, BATCH):
        if tickets := [ticket.key for ticket in checked if ticket.unhashed and not ticket.faults]:
            added += await chain.add_hashes(tickets)
        done += len(checked)
        on_progress(done)
        last = checked[-1].key
    return added
