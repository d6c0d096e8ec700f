"""The first events of tickets, kept in memory: they never change, and every form that is filled in asks."""

from __future__ import annotations

from collections import OrderedDict

from sla_core.events import Opened

MOST = 4096


class Firsts:
    """By ticket; those asked for longest ago are let go of."""

    def __init__(self) -> None:
        self._by_ticket: OrderedDict[str, Opened] = OrderedDict()

    def get(self, ticket: str) -> Opened | None:
        found = self._by_ticket.get(ticket)
        if found is not None:
            self._by_ticket.move_to_end(ticket)
        return found

    def keep(self, ticket: str, opened: Opened) -> None:
        """`opened` is in the database."""
        self._by_ticket[ticket] = opened
        if len(self._by_ticket) > MOST:
            self._by_ticket.popitem(last=False)
