"""What `frontline policy new` has to know, how each answer is read, and the file that gives all of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, Field

from bot.cli.setup.questions import read_answers_file
from bot.faults import OperatorFault
from sla_core.catalog.files import Fault, Faults
from sla_core.catalog.values import NONE, zone
from sla_core.hours.amounts import parse_amount
from sla_core.hours.public_holidays import PublicHolidays

T = TypeVar("T")

METRICS = {"first_response": "First response", "next_update": "Next update", "resolution": "Resolution"}
"""The promises that are asked for, and how they are called in a sentence."""
ALWAYS = "always"
HOURS_FORMS = '"mon-fri 09:00-17:00 Europe/Berlin", or always'
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_HOURS = re.compile(r"(\w{3})-(\w{3}) (\d{2}:\d{2})-(\d{2}:\d{2}) (\S+)")
_COUNTRY = re.compile(r"([A-Za-z]{2})(?:-([A-Za-z0-9]{1,3}))?")
_PLAN = re.compile(r"[a-z0-9][a-z0-9._-]{0,39}")
_SEVERITY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,19}")
_ROLE = re.compile(r"[a-z][a-z0-9_]{0,39}")


@dataclass(frozen=True, slots=True)
class Hours:
    """Hours on weekdays, from and to by the clocks of a zone."""

    days: tuple[str, ...]
    start: str
    end: str
    zone: str


@dataclass(frozen=True, slots=True)
class PlanAnswer:
    """A plan. `hours` is None around the clock; `country` such as `GB` or `GB-ENG`, empty for no holidays."""

    id: str
    name: str
    hours: Hours | None
    country: str


@dataclass(frozen=True, slots=True)
class SeverityAnswer:
    """A severity. `promises` maps a metric to its time by plan, as text or `none`."""

    id: str
    name: str
    says: str
    pages: bool
    promises: dict[str, dict[str, str]]


@dataclass(frozen=True, slots=True)
class PackAnswers:
    """All of a pack. Severities are worst first, roles in the order of paging."""

    name: str
    document: str
    effective: date
    plans: tuple[PlanAnswer, ...]
    severities: tuple[SeverityAnswer, ...]
    roles: tuple[str, ...]


def title(text: str) -> str:
    """A name of at least three characters, in one line. Raises OperatorFault, as all below do."""
    if len(text) < 3 or not text.isprintable():
        raise OperatorFault("Write at least three characters, in one line")
    return text


def day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise OperatorFault(f'"{text}" is not a day; write one such as 2026-01-31') from None


def hours(text: str) -> Hours | None:
    if text.casefold() == ALWAYS:
        return None
    found = _HOURS.fullmatch(" ".join(text.split()))
    if not found:
        raise OperatorFault(f'"{text}" is not hours; write {HOURS_FORMS}')
    first, last = found[1].casefold(), found[2].casefold()
    for each in (first, last):
        if each not in WEEKDAYS:
            raise OperatorFault(f'"{each}" is not a weekday; write one of {", ".join(WEEKDAYS)}')
    for each in (found[3], found[4]):
        if each > "24:00" or each[3:] > "59":
            raise OperatorFault(f'"{each}" is not a time of day; write 00:00 to 24:00')
    if found[3] == found[4]:
        raise OperatorFault(f"These hours open and close at {found[3]}; for all day write 00:00-24:00")
    try:
        zone(found[5])
    except ValueError as wrong:
        raise OperatorFault(str(wrong)) from None
    start, count = WEEKDAYS.index(first), (WEEKDAYS.index(last) - WEEKDAYS.index(first)) % 7 + 1
    days = tuple(WEEKDAYS[(start + each) % 7] for each in range(count))
    return Hours(days, found[3], found[4], found[5])


def country(text: str) -> str:
    if text.casefold() in ("", NONE):
        return ""
    found = _COUNTRY.fullmatch(text)
    code = text.upper()
    try:
        if not found:
            raise NotImplementedError
        PublicHolidays(found[1].upper(), found[2] and found[2].upper()).in_year(2026)
    except NotImplementedError:
        raise OperatorFault(
            f'"{text}" is not a country whose holidays are known; write GB, GB-ENG for a region, or none'
        ) from None
    return code


def plan_id(text: str, taken: Collection[str] = ()) -> str:
    return _id(text, _PLAN, "a plan's id", "gold; lower-case letters, digits and -", taken)


def severity_id(text: str, taken: Collection[str] = ()) -> str:
    return _id(text, _SEVERITY, "a severity's id", "P1", taken)


def role(text: str, taken: Collection[str] = ()) -> str:
    return _id(text, _ROLE, "a role", "first_line; lower-case letters, digits and _", taken)


def _id(text: str, form: re.Pattern[str], what: str, example: str, taken: Collection[str]) -> str:
    if not form.fullmatch(text):
        raise OperatorFault(f'"{text}" is not {what}; write one such as {example}')
    if text.casefold() in {each.casefold() for each in taken}:
        raise OperatorFault(f'"{text}" is there already; write another one')
    return text


def times(text: str, plans: Collection[str]) -> dict[str, str]:
    """The time of each plan: `4h` is that of all, `silver 4h, gold 1h` one for each; `none` is no promise."""
    parts = [part.strip() for part in text.split(",") if part.strip()] or [NONE]
    if len(parts) == 1 and parts[0].partition(" ")[0] not in plans:
        return dict.fromkeys(plans, _time(parts[0]))
    found = dict.fromkeys(plans, NONE)
    for part in parts:
        plan, _, length = part.partition(" ")
        if plan not in plans:
            raise OperatorFault(f'There is no plan "{plan}"; known are {", ".join(plans)}')
        found[plan] = _time(length.strip())
    return found


def _time(text: str) -> str:
    if text == NONE:
        return text
    try:
        parse_amount(text)
    except ValueError as wrong:
        raise OperatorFault(f"{wrong}, or none") from None
    return text


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Plan(_Section):
    id: str
    name: str
    hours: str
    closed: str = ""


class _Severity(_Section):
    id: str
    name: str
    says: str
    pages: bool = False
    first_response: str | dict[str, str] = NONE
    next_update: str | dict[str, str] = NONE
    resolution: str | dict[str, str] = NONE


class _File(_Section):
    name: str
    document: str
    effective: date
    plan: tuple[_Plan, ...] = Field(min_length=1)
    severity: tuple[_Severity, ...] = Field(min_length=1)
    steps: tuple[str, ...] = ()


def read_answers(path: Path) -> PackAnswers:
    """Reads and checks a file of answers. Raises Faults with all that is wrong."""
    return _Reader(path.name).answers(read_answers_file(path, _File))


class _Reader:
    """Reads each answer as the questions do, and collects what is wrong."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._faults: list[Fault] = []

    def answers(self, file: _File) -> PackAnswers:
        plans = tuple(self._plans(file.plan))
        ids = [plan.id for plan in plans]
        severities = tuple(self._severities(file.severity, ids))
        roles: list[str] = []
        for number, each in enumerate(file.steps, start=1):
            roles.append(self._read(f"steps.{number}", each, lambda text: role(text, roles), each))
        if not roles and any(severity.pages for severity in severities):
            self._faults.append(Fault(self._name, "steps", PAGES_NEED_A_STEP))
        name = self._read("name", file.name, title, file.name)
        document = self._read("document", file.document, title, file.document)
        if self._faults:
            raise Faults(self._faults)
        return PackAnswers(name, document, file.effective, plans, severities, tuple(roles))

    def _plans(self, plans: Collection[_Plan]) -> Iterator[PlanAnswer]:
        taken: list[str] = []
        for number, plan in enumerate(plans, start=1):
            key = f"plan.{number}"
            id_ = self._read(f"{key}.id", plan.id, lambda text: plan_id(text, taken), plan.id)
            taken.append(id_)
            name = self._read(f"{key}.name", plan.name, title, plan.name)
            open_ = self._read(f"{key}.hours", plan.hours, hours, None)
            closed = self._read(f"{key}.closed", plan.closed, country, "")
            yield PlanAnswer(id_, name, open_, closed)

    def _severities(self, severities: Collection[_Severity], plans: list[str]) -> Iterator[SeverityAnswer]:
        taken: list[str] = []
        for number, given in enumerate(severities, start=1):
            key = f"severity.{number}"
            id_ = self._read(f"{key}.id", given.id, lambda text: severity_id(text, taken), given.id)
            taken.append(id_)
            promises: dict[str, dict[str, str]] = {}
            for metric in METRICS:
                written = getattr(given, metric)
                if isinstance(written, dict):
                    written = ", ".join(f"{plan} {length}" for plan, length in written.items())
                promises[metric] = self._read(f"{key}.{metric}", written, lambda text: times(text, plans), {})
            name = self._read(f"{key}.name", given.name, title, given.name)
            says = self._read(f"{key}.says", given.says, title, given.says)
            yield SeverityAnswer(id_, name, says, given.pages, promises)

    def _read(self, key: str, given: str, parse: Callable[[str], T], otherwise: T) -> T:
        try:
            return parse(given.strip())
        except OperatorFault as wrong:
            self._faults.append(Fault(self._name, key, str(wrong)))
            return otherwise


PAGES_NEED_A_STEP = "a severity pages, but nobody is to be paged; name a role, such as first_line"
