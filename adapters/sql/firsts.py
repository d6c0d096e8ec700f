"""The first events of tickets, kept in memory: they never change, and every form that is filled in asks."""

from __future__ import annotations

from sla_core.events import Opened

MOST = 4096


class Firsts(dict[str, Opened]):
    """By ticket, of what is in the database; those kept longest ago are let go of."""

    def keep(self, ticket: str, opened: Opened) -> None:
        self[ticket] = opened
        if len(self) > MOST:
            del self[next(iter(self))]
