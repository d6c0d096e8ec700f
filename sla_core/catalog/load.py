"""Read a policy pack from its folder: every fault at once, each with file, key and cure."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from sla_core.calendar import WEEKDAYS, BusinessCalendar, Hours, always
from sla_core.catalog import build, schema
from sla_core.catalog.crosscheck import Files, crosscheck
from sla_core.closures import NEVER_CLOSED, AnnualDay, Closures, PublicHolidays
from sla_core.policy import (
    Policy,
    Reading,
)

PACKS = Path(__file__).parent / "packs"
NO_CLOCK = "none"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong in a file, in words that say how to mend it."""

    file: str
    key: str
    says: str

    def __str__(self) -> str:
        return f"{self.file}: {self.key}: {self.says}" if self.key else f"{self.file}: {self.says}"


class Faults(ValueError):
    """Everything that is wrong, found in one reading."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("\n".join(str(fault) for fault in faults))
        self.faults = faults


def vendors() -> list[str]:
    """The packs that come with Frontline."""
    return sorted(folder.name for folder in PACKS.iterdir() if folder.is_dir())


def load(vendor: str | Path) -> list[Policy]:
    """Every dated version of a vendor's policy, oldest first. `vendor` is a pack's name or a folder.

    Raises Faults with all that is wrong.
    """
    folder = PACKS / vendor if isinstance(vendor, str) and vendor in vendors() else Path(vendor)
    if not folder.is_dir():
        known = ", ".join(vendors())
        raise Faults([Fault(str(vendor), "", f"no such vendor or folder; the catalog has {known}")])
    dated = sorted(child for child in folder.iterdir() if (child / "policy.toml").is_file())
    if not dated:
        example = "2026-01-31/policy.toml"
        raise Faults(
            [Fault(str(folder), "", f"holds no dated policy; put its files into {example} and beside")]
        )
    faults: list[Fault] = []
    policies = []
    for version in dated:
        pack = _Pack(version, f"{folder.name}/{version.name}")
        policy = pack.policy()
        faults += pack.faults
        if policy is not None:
            policies.append(policy)
    if faults:
        raise Faults(faults)
    return sorted(policies, key=lambda policy: policy.effective)


def version_at(policies: list[Policy], on: date) -> Policy:
    """The version in force on a date; before the first one, the first."""
    in_force = [policy for policy in policies if policy.effective <= on]
    return in_force[-1] if in_force else policies[0]


@dataclass
class _Pack:
    """One dated folder while it is being read."""

    folder: Path
    label: str
    faults: list[Fault] = field(default_factory=list)

    def fault(self, file: str, key: str, says: str) -> None:
        self.faults.append(Fault(f"{self.label}/{file}", key, says))

    def read(self, file: str, shape: type[T], required: bool = True) -> T | None:
        path = self.folder / file
        if not path.is_file():
            if required:
                self.fault(file, "", "the file is missing; see docs/policies.md for what belongs into it")
            return None
        try:
            raw = tomllib.loads(path.read_text(encoding="utf-8"))
        except tomllib.TOMLDecodeError as broken:
            self.fault(file, "", f"is no valid TOML: {broken}")
            return None
        except UnicodeDecodeError:
            self.fault(file, "", "is not UTF-8 text; save it as UTF-8")
            return None
        try:
            checked: T = TypeAdapter(shape).validate_python(raw)
        except ValidationError as wrong:
            for file_fault in faults_of(f"{self.label}/{file}", wrong):
                self.faults.append(file_fault)
            return None
        return checked

    def policy(self) -> Policy | None:
        head = self.read("policy.toml", schema.PolicyFile)
        calendars = self.read("calendars.toml", dict[str, schema.CalendarFile])
        severities = self.read("severities.toml", dict[str, schema.SeverityFile])
        plans = self.read("plans.toml", dict[str, schema.PlanFile])
        triage = self.read("triage.toml", schema.TriageFile)
        escalation = self.read("escalation.toml", schema.EscalationFile, required=False)
        milestones = self.read("milestones.toml", schema.MilestonesFile, required=False)
        if head is None or calendars is None or severities is None or plans is None or triage is None:
            return None
        steps = escalation.step if escalation else ()
        built = {name: self._calendar(name, file) for name, file in calendars.items()}
        told = milestones.milestone if milestones else ()
        for fault in crosscheck(Files(calendars, severities, plans, triage, steps, told)):
            self.fault(*fault)
        if self.faults:
            return None
        return Policy(
            vendor=head.vendor,
            name=head.name,
            effective=head.effective,
            calendars={name: calendar for name, calendar in built.items() if calendar},
            severities={id_: build.severity(id_, file) for id_, file in severities.items()},
            plans={id_: build.plan(id_, file) for id_, file in plans.items()},
            triage=build.triage(triage),
            steps=tuple(build.step(file) for file in steps),
            milestones=tuple(build.milestone(file) for file in told),
            readings=tuple(Reading(file.clause, file.question, file.chosen) for file in head.reading),
            facts=tuple(file.source for file in (*head.fact, *calendars.values(), *plans.values())),
            not_yet=head.not_yet,
        )

    def _calendar(self, name: str, file: schema.CalendarFile) -> BusinessCalendar | None:
        if file.always == bool(file.open):
            self.fault("calendars.toml", name, "needs either `always = true` or its `open` hours")
            return None
        if file.always:
            return always()
        hours = tuple(
            Hours(frozenset(WEEKDAYS.index(day) for day in opening.days), opening.from_, opening.to)
            for opening in file.open
        )
        for number, opening in enumerate(hours, start=1):
            if not opening.on(date(2026, 1, 15)):
                self.fault("calendars.toml", f"{name}.open.{number}", "closes before it opens")
        closed = file.closed
        if closed is None:
            return BusinessCalendar(hours)
        return BusinessCalendar(hours, self._closures(name, closed), closed.early)

    def _closures(self, name: str, file: schema.ClosuresFile) -> Closures:
        key = f"{name}.closed"
        annual = []
        for day in file.annual:
            month, number = (int(part) for part in day.on.split("-"))
            try:
                date(2024, month, number)
            except ValueError:
                self.fault("calendars.toml", f"{key}.annual.on", f'"{day.on}" is no date; write "12-25"')
                continue
            annual.append(AnnualDay(day.name, month, number, day.observed, day.chosen))
        public = []
        for rule in file.public:
            found = PublicHolidays(**rule.model_dump())
            try:
                unknown = found.unknown_names(range(2020, 2030))
            except (NotImplementedError, ValueError) as wrong:
                self.fault("calendars.toml", f"{key}.public", str(wrong))
                continue
            for holiday in unknown:
                self.fault("calendars.toml", f"{key}.public", f'{rule.country} has no holiday "{holiday}"')
            public.append(found)
        if self.faults:
            return NEVER_CLOSED
        return Closures(tuple(public), tuple(annual), file.dates, file.working, file.certified_until)


def faults_of(file: str, wrong: ValidationError) -> Iterator[Fault]:
    """Each complaint of the schema in an operator's words."""
    for error in wrong.errors():
        key = ".".join(str(part + 1) if isinstance(part, int) else part for part in error["loc"])
        match error["type"]:
            case "extra_forbidden":
                says = "is not a key that Frontline knows; mend or remove it"
            case "missing":
                says = "is missing"
            case "value_error":
                says = str(error["ctx"]["error"])
            case _:
                says = f"{error['msg'][0].lower()}{error['msg'][1:]}"
        yield Fault(file, key, says)
