"""The folders and files of a policy: what is dated, what is named wrong, and what nobody reads."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from sla_core.catalog.files import Fault

HEAD = "policy.toml"
REQUIRED = (HEAD, "calendars.toml", "severities.toml", "plans.toml", "triage.toml")
OPTIONAL = ("escalation.toml", "milestones.toml", "mitigations.toml", "seasons.toml")
DOCUMENTS = (".bak", ".csv", ".docx", ".eml", ".htm", ".html", ".jpg", ".md", ".odt", ".orig", ".pdf", ".png")
"""Ends of the names of files that people keep beside a policy."""

_EXAMPLE = "2026-01-31"


def versions(folder: Path) -> tuple[list[Path], list[Fault]]:
    """The dated folders of a policy, by name, and what else lies there that looks like a part of it."""
    found, faults = [], []
    for child in sorted(folder.iterdir()):
        if child.is_dir() and (child / HEAD).is_file():
            found.append(child)
        elif child.is_dir() and _as_date(child.name):
            says = f"has no {HEAD}, so this version is not there; write one, or remove the folder"
            faults.append(Fault(f"{folder.name}/{child.name}", "", says))
        elif child.is_file() and child.name in (*REQUIRED, *OPTIONAL):
            says = f"lies beside the dated folders; move it into one of them, such as {_EXAMPLE}/{child.name}"
            faults.append(Fault(f"{folder.name}/{child.name}", "", says))
    return found, faults


@dataclass(frozen=True, slots=True)
class Dated:
    """One version: how faults name it, the day from which it is in force, and whose it is."""

    label: str
    effective: date
    vendor: str | None


def dated(label: str, head: dict[str, Any] | None) -> Dated | None:
    """The version of a policy.toml, whatever else is wrong in it; None if it has no date."""
    effective, vendor = (head or {}).get("effective"), (head or {}).get("vendor")
    if not isinstance(effective, date) or isinstance(effective, datetime):
        return None
    return Dated(label, effective, vendor if isinstance(vendor, str) else None)


def name_faults(folder: Path, version: Dated) -> Iterator[Fault]:
    """A dated folder has the name of the day from which it is in force."""
    effective, label = version.effective, version.label
    if folder.name == effective.isoformat():
        return
    if _as_date(folder.name):
        says = (
            f"is {effective}, but the folder's name says {folder.name}; "
            f"make them one day: effective = {folder.name}, or name the folder {effective}"
        )
    else:
        says = f'is {effective}, but the folder is named "{folder.name}"; name it {effective}'
    yield Fault(f"{label}/{HEAD}", "effective", says)


def faults_among(versions: Sequence[Dated]) -> Iterator[Fault]:
    """What is wrong between versions: one day for two of them, or two vendors."""
    first: dict[date, str] = {}
    vendor = next((each for each in versions if each.vendor is not None), None)
    for version in versions:
        file, effective = f"{version.label}/{HEAD}", version.effective
        if effective in first:
            says = (
                f"is {effective}, like that of {first[effective]}, so tickets of that time would change "
                f"their policy; give each version a day of its own, effective = {_EXAMPLE}"
            )
            yield Fault(file, "effective", says)
        first.setdefault(effective, version.label)
        if vendor is not None and version.vendor not in (None, vendor.vendor):
            says = (
                f'is "{version.vendor}", but that of {vendor.label} is "{vendor.vendor}"; '
                f'write vendor = "{vendor.vendor}"'
            )
            yield Fault(file, "vendor", says)


def stray_files(folder: Path, label: str, named: frozenset[str] | None) -> Iterator[Fault]:
    """Files of a dated folder that nobody reads. `named` are the .ics files that calendars name, if known."""
    known = (*REQUIRED, *OPTIONAL)
    for child in sorted(folder.iterdir()):
        name = child.name
        if not child.is_file() or name in known or name.startswith((".", "~")) or name.endswith("~"):
            continue
        if name.casefold().endswith(".ics"):
            if named is not None and name not in named:
                says = f'closes no day, as no calendar names it; write closed.ics = "{name}", or remove it'
                yield Fault(f"{label}/{name}", "", says)
            continue
        if name.casefold().endswith((*DOCUMENTS, ".schema.json")) or (
            name.casefold().endswith(".txt") and ".toml" not in name.casefold()
        ):
            continue
        near = difflib.get_close_matches(name.casefold(), known, 1)
        fix = f"did you mean {near[0]}? Rename or remove it" if near else f"known are {', '.join(known)}"
        yield Fault(f"{label}/{name}", "", f"is not a file that Frontline reads; {fix}")


def _as_date(name: str) -> date | None:
    try:
        return date.fromisoformat(name)
    except ValueError:
        return None
