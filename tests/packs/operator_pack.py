"""An operator's own copy of a pack, and iCalendar files to put beside its calendars."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from sla_core.calendar import BusinessCalendar
from sla_core.catalog.load import PACKS, Faults, load
from sla_core.policy import Policy

VERSION = "2025-02-10"


class OperatorPack:
    """A copy of m3ter's pack with closed days of our own."""

    def __init__(self, folder: Path) -> None:
        self.folder = Path(shutil.copytree(PACKS / "m3ter", folder))

    def add(self, text: str) -> OperatorPack:
        with (self.folder / VERSION / "calendars.toml").open("a", encoding="utf-8") as file:
            file.write(f"\n{text}\n")
        return self

    def with_ics(self, *events: str, name: str = "holidays.ics") -> OperatorPack:
        (self.folder / VERSION / name).write_text(calendar_file(*events), encoding="utf-8", newline="")
        return self

    def policy(self) -> Policy:
        (policy,) = load(self.folder)
        return policy

    def calendar(self, name: str = "silver-hours") -> BusinessCalendar:
        return self.policy().calendars[name]

    def faults(self) -> list[str]:
        with pytest.raises(Faults) as raised:
            load(self.folder)
        return [str(fault).removeprefix(f"ours/{VERSION}/") for fault in raised.value.faults]


def event(*lines: str, summary: str = "Company day") -> str:
    return "\r\n".join(["BEGIN:VEVENT", f"SUMMARY:{summary}", *lines, "END:VEVENT"])


def calendar_file(*events: str) -> str:
    return "\r\n".join(["BEGIN:VCALENDAR", "VERSION:2.0", *events, "END:VCALENDAR", ""])
