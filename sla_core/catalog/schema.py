"""The schema of a policy pack's files. Unknown keys are faults."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from sla_core.calendar import WEEKDAYS, BoundaryTime
from sla_core.closures import MonthDay
from sla_core.policy import Amount, BusinessDays, Metric, Mode, Source, parse_amount
from sla_core.ticket import MOST_TRIES
from sla_core.triage import Kind

_BOUNDARY = re.compile(r"^(\d{1,2}):(\d{2})\s+(\S+)$")
LONGEST_WAIT = timedelta(hours=24)
SHORTEST_COURTESY = timedelta(minutes=15)
_MONTH_DAY = re.compile(r"^(\d{2})-(\d{2})$")
_CLOCK_TIME = re.compile(r"^(\d{1,2}):(\d{2})$")


def _after_midnight(hours: str, minutes: str) -> timedelta:
    at = timedelta(hours=int(hours), minutes=int(minutes))
    if int(minutes) > 59 or at > timedelta(hours=24):
        raise ValueError(f'"{hours}:{minutes}" is not a time of day; write 00:00 to 24:00')
    return at


def zone(name: str) -> ZoneInfo:
    """The time zone with this name. Raises ValueError that shows the form.

    Abbreviations such as EST are refused: they have no summer time, which hardly anybody means.
    """
    try:
        if "/" in name or name == "UTC":
            return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError, TypeError):
        pass
    raise ValueError(f'"{name}" is not a time zone; write an IANA name such as Europe/Berlin')


def _boundary(text: object) -> BoundaryTime:
    found = _BOUNDARY.match(text) if isinstance(text, str) else None
    if not found:
        raise ValueError(f'{text!r} is not an opening or closing time; write "10:00 Europe/Berlin"')
    return BoundaryTime(_after_midnight(found[1], found[2]), zone(found[3]))


def _time_of_day(text: object) -> timedelta:
    found = _CLOCK_TIME.match(text) if isinstance(text, str) else None
    if not found:
        raise ValueError(f'{text!r} is not a time of day; write "15:00"')
    return _after_midnight(found[1], found[2])


def _amount(text: object) -> Amount:
    if not isinstance(text, str):
        raise ValueError(f'{text!r} is not a length of time; write "45m", "2h" or "3 business days"')
    return parse_amount(text)


def _days(text: object) -> BusinessDays:
    amount = _amount(text)
    if not isinstance(amount, BusinessDays):
        raise ValueError(f'{text!r} is not a number of business days; write "3 business days"')
    return amount


def _wait(text: object) -> timedelta:
    amount = _amount(text)
    if isinstance(amount, BusinessDays) or amount > LONGEST_WAIT:
        raise ValueError(f'{text!r} is not a time to wait for an answer; write "5m" or at most "24h"')
    return amount


def _between_updates(text: object) -> timedelta:
    amount = _amount(text)
    if isinstance(amount, BusinessDays) or not SHORTEST_COURTESY <= amount <= LONGEST_WAIT:
        raise ValueError(f'{text!r} is not a time between courtesy updates; write "1h", from "15m" to "24h"')
    return amount


def _zone_named(name: object) -> ZoneInfo:
    return zone(name if isinstance(name, str) else str(name))


def _day(day: object) -> date | MonthDay:
    """A date, or month and day as text for every year."""
    if isinstance(day, date) and not isinstance(day, datetime):
        return day
    found = _MONTH_DAY.match(day) if isinstance(day, str) else None
    try:
        if found:
            date(2023, int(found[1]), int(found[2]))  # a day that every year has
            return int(found[1]), int(found[2])
    except ValueError:
        pass
    shown = f'"{day}"' if isinstance(day, str) else day
    raise ValueError(f'{shown} is not a day; write 2026-11-09, or "11-09" for every year')


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _weekdays(days: list[str]) -> list[str]:
    unknown = [day for day in days if day not in WEEKDAYS]
    if unknown or not days:
        raise ValueError(f"{unknown[:1] or days} is not a weekday; write some of {', '.join(WEEKDAYS)}")
    return days


BoundaryText = Annotated[BoundaryTime, BeforeValidator(_boundary)]
TimeText = Annotated[timedelta, BeforeValidator(_time_of_day)]
AmountText = Annotated[Amount, BeforeValidator(_amount)]
DaysText = Annotated[BusinessDays, BeforeValidator(_days)]
WaitText = Annotated[timedelta, BeforeValidator(_wait)]
"""How long a page waits for an answer."""
BetweenUpdates = Annotated[timedelta, BeforeValidator(_between_updates)]
"""How long after one courtesy update the next one follows."""
Tries = Annotated[int, Field(ge=1, le=MOST_TRIES)]
"""How often a person is paged before the next one is."""
ZoneText = Annotated[ZoneInfo, BeforeValidator(_zone_named)]
DayText = Annotated[date | MonthDay, BeforeValidator(_day)]
OneOrMore = Annotated[tuple[str, ...], BeforeValidator(_listed), Field(min_length=1)]
ListedFiles = Annotated[tuple[str, ...], BeforeValidator(_listed)]
Wording = Literal["target", "aim", "goal", "contract"]
OptionId = Annotated[str, Field(max_length=60)]
OptionLabel = Annotated[str, Field(min_length=1, max_length=150)]
Weekdays = Annotated[list[str], AfterValidator(_weekdays)]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


class Cited(Strict):
    """The source of a rule: its clauses, the rule in plain words, its place in the vendor's document."""

    clause: OneOrMore
    says: str = Field(min_length=3)
    where: str = Field(min_length=3)
    quote: str | None = None

    @property
    def source(self) -> Source:
        return Source(self.clause, self.says, self.where, self.quote)


class ReadingFile(Strict):
    clause: str
    question: str
    chosen: str


class UptimeFile(Cited):
    percent: float = Field(gt=0, lt=100)


class PolicyFile(Strict):
    vendor: str
    name: str
    effective: date
    document: str
    fact: tuple[Cited, ...] = ()
    reading: tuple[ReadingFile, ...] = ()
    uptime: UptimeFile | None = None
    not_yet: dict[str, str] = {}


class OpenFile(Strict):
    days: Weekdays
    from_: BoundaryText = Field(alias="from")
    to: BoundaryText


class PublicFile(Strict):
    country: str
    subdivision: str | None = None
    categories: tuple[str, ...] = ("public",)
    only: frozenset[str] = frozenset()
    excluding: frozenset[str] = frozenset()


class AnnualFile(Strict):
    name: str
    on: Annotated[str, Field(pattern=r"^\d{2}-\d{2}$")]
    observed: bool = False
    chosen: dict[int, date] = {}


class DaysOffFile(Strict):
    """Closed days. `working` overrides all else. `ics` names iCalendar files in the same folder."""

    public: tuple[PublicFile, ...] = ()
    annual: tuple[AnnualFile, ...] = ()
    dates: dict[date, str] = {}
    ics: ListedFiles = ()
    working: dict[date, str] = {}
    certified_until: date | None = None


class ClosuresFile(DaysOffFile):
    early: dict[date, TimeText] = {}


class CalendarFile(Cited):
    """`closed` closes the whole calendar.

    Hours between two zones may name the holidays of each end. A holiday at both ends is closed. One at the
    opening end only opens at `shared_from` by the closing end's clocks (default: the usual time of day). One
    at the closing end only has all of its hours.
    """

    open: tuple[OpenFile, ...] = ()
    always: bool = False
    closed: ClosuresFile | None = None
    closed_at_opening_end: DaysOffFile | None = None
    closed_at_closing_end: DaysOffFile | None = None
    shared_from: TimeText | None = None


class ExtensionFile(Cited):
    id: str
    label: str
    extra: DaysText


class RarityFile(Cited):
    per_quarter: int = Field(ge=1)


class CourtesyFile(Cited):
    every: BetweenUpdates


class PromiseFile(Cited):
    metric: Metric
    within: AmountText
    goal: AmountText | None = None
    strict: AmountText | None = None
    met_by_downgrade_to: str | None = None
    ends_with: str | None = None
    extension: tuple[ExtensionFile, ...] = ()
    calendar: str
    warn_at: float = Field(default=0.75, gt=0, lt=1)
    wording: Wording | None = None


class SeverityFile(Cited):
    name: str
    effort: str | None = None
    pages: bool = False
    staffed: bool = False
    milestones: bool = False
    known_first: Cited | None = None
    rarity: RarityFile | None = None
    courtesy: CourtesyFile | None = None
    due_date: Cited | None = None
    mitigations: bool = False
    disables_services: Cited | None = None
    promise: tuple[PromiseFile, ...] = ()


class FirstContactFile(Strict):
    name: str
    accounts: int | None = Field(default=None, ge=1)
    enforce: Literal["fault", "warning"] = "warning"


class CallsFile(Cited):
    phone: str | None = Field(default=None, min_length=3)
    severities: frozenset[str] = frozenset()
    recommended: frozenset[str] = frozenset()
    on_request: bool = False
    roles: tuple[str, ...] = ()
    spares_on_call: bool = False


class PlanFile(Cited):
    name: str
    aliases: tuple[str, ...] = ()
    chat: bool = True
    tam: bool = True
    hold: bool = False
    way_in: str | None = None
    wording: Wording = "target"
    first_contact: FirstContactFile | None = None
    emergency_contact: str | None = None
    calls: CallsFile | None = None
    calendars: dict[str, str] = {}


class QuestionFile(Strict):
    id: str = Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")
    label: str = Field(min_length=3, max_length=150)
    kind: Kind
    clause: OneOrMore
    required: bool = True
    hint: str | None = Field(default=None, max_length=300)
    options: dict[OptionId, OptionLabel] = {}
    when: dict[str, frozenset[str]] = {}


class RuleFile(Strict):
    severity: str
    clause: str
    says: str
    when: dict[str, frozenset[str]] = {}
    overrides: bool = False


class AdviceFile(Strict):
    clause: str
    says: str = Field(min_length=3)
    where: str = Field(min_length=3)
    when: dict[str, frozenset[str]] = {}
    refers: bool = False


class ReportFile(Strict):
    clause: str
    says: str = Field(min_length=3)
    where: str = Field(min_length=3)
    hint: str | None = Field(default=None, max_length=300)


class TriageFile(Strict):
    intro: str = ""
    report: ReportFile | None = None
    advice: tuple[AdviceFile, ...] = ()
    question: tuple[QuestionFile, ...] = ()
    rule: tuple[RuleFile, ...] = Field(min_length=1)


class DutyFile(Strict):
    mode: Mode
    hours: str


class StepFile(Cited):
    role: str
    name: str
    duties: dict[str, DutyFile]
    ack_within: WaitText | None = None
    tries: Tries | None = None


class EscalationFile(Strict):
    step: tuple[StepFile, ...] = ()


MilestoneLabel = Literal[
    "Investigating", "Reproduced", "Escalated", "Root cause found", "Fix developed", "Fix deployed"
]


class MilestoneFile(Cited):
    label: MilestoneLabel
    tells: str
    repeatable: bool = False


class MilestonesFile(Strict):
    milestone: tuple[MilestoneFile, ...] = ()


class MitigationFile(Cited):
    label: Annotated[str, Field(min_length=3, max_length=60)]
    tells: str = Field(min_length=3)
    repeatable: bool = False


class MitigationsFile(Strict):
    mitigation: tuple[MitigationFile, ...] = ()


class DatesFile(Strict):
    """From a day up to, and without, another one: two dates, or two days of every year."""

    from_: DayText = Field(alias="from")
    to: DayText

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        match self.from_, self.to:
            case date() as first, date() as end if first < end:
                return self
            case tuple() as first, tuple() as end if first != end:
                return self
            case (date(), date()) | (tuple(), tuple()):
                raise ValueError("ends before it begins; `to` is the first day after it")
            case _:
                raise ValueError(
                    'needs two dates or two days of every year: from = "11-09" goes with to = "12-07"'
                )


class SeasonFile(Cited):
    zone: ZoneText
    dates: tuple[DatesFile, ...] = Field(min_length=1)


class FreezeFile(SeasonFile):
    milestone: MilestoneLabel
    urgent: frozenset[str] = frozenset()


class PeakFile(SeasonFile):
    tells: str = Field(min_length=3)


class SeasonsFile(Strict):
    freeze: tuple[FreezeFile, ...] = ()
    peak: tuple[PeakFile, ...] = ()
