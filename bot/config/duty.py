"""Who is paged behind the roles of the policy: what `sla_core.paging` asks of the desk's file."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.config.directory import LEADERSHIP, Directory
from sla_core.events import Who


@dataclass(frozen=True, slots=True)
class DeskDuty:
    """A `sla_core.paging.Duty`; people are ids of the desk's file."""

    directory: Directory

    @property
    def repeat(self) -> timedelta:
        return self.directory.settings.paging.repeat

    @property
    def tries(self) -> int:
        return self.directory.settings.paging.tries

    def on_call(self, role: str, at: datetime) -> list[str]:
        return [person.id for person in self.directory.rota(role, at)]

    def last_resort(self, account: str, at: datetime) -> list[str]:
        known = self.directory.settings.accounts.get(account)
        tam = self.directory.tam(known) if known else None
        return [*self.on_call(LEADERSHIP, at)[:1], *([tam.id] if tam else [])]

    def person_behind(self, who: Who) -> str | None:
        person = self.directory.person_behind(who)
        return person.id if person else None
