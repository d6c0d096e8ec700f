"""The schema of a policy pack's files. Unknown keys are faults."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from sla_core.catalog.values import (
    NONE,
    AmountOrNone,
    AmountText,
    BetweenUpdates,
    BoundaryText,
    DaysText,
    DayText,
    OneOrMore,
    OptionId,
    OptionLabel,
    Weekday,
    Wording,
    ZoneText,
    lists,
)
from sla_core.catalog.values import TimeText as TimeText
from sla_core.catalog.values import Tries as Tries
from sla_core.catalog.values import WaitText as WaitText
from sla_core.catalog.values import Weekdays as Weekdays
from sla_core.catalog.values import zone as zone
from sla_core.policy import Metric, Mode, Source
from sla_core.triage import Kind, ShownAt


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


class FactFile(Cited):
    """A rule without a clock. `during` and `outside` name hours; `tells` is `says` by default."""

    shown: frozenset[ShownAt] = frozenset()
    tells: str | None = Field(default=None, min_length=3, max_length=300)
    label: str = Field(default="", max_length=40)
    plans: frozenset[str] = frozenset()
    severities: frozenset[str] = frozenset()
    when: dict[str, frozenset[str]] = {}
    during: str | None = None
    outside: str | None = None
    order_form: bool | None = None


class ReadingFile(Strict):
    clause: str
    question: str
    chosen: str


class UptimeFile(Cited):
    percent: float = Field(gt=0, lt=100)


class DeprecatedFile(Strict):
    """A feature that ends. `until` is the last day on which it is supported."""

    name: str = Field(min_length=3, max_length=100)
    announced: date
    until: date


class DeprecationsFile(Cited):
    supported_months: int = Field(ge=1, le=120)
    feature: tuple[DeprecatedFile, ...] = ()


class PolicyFile(Strict):
    vendor: str
    name: str
    effective: date
    document: str
    fact: tuple[FactFile, ...] = ()
    reading: tuple[ReadingFile, ...] = ()
    uptime: UptimeFile | None = None
    deprecations: DeprecationsFile | None = None
    not_yet: dict[str, str] = {}


class OpenFile(Strict):
    """Hours on some weekdays. With `until`, one opening of several days, from each of `days` to that day."""

    days: Weekdays
    from_: BoundaryText = Field(alias="from")
    to: BoundaryText
    until: Weekday | None = None
    counts_as: Literal["start", "end"] = "start"


class SpecialFile(Strict):
    """Other hours on single dates."""

    dates: tuple[date, ...] = Field(min_length=1)
    from_: BoundaryText = Field(alias="from")
    to: BoundaryText


class ListFile(Strict):
    """An iCalendar file of which some days are left out or kept, or are working days."""

    file: str
    only: frozenset[str] = frozenset()
    excluding: frozenset[str] = frozenset()
    working: frozenset[str] | Literal[True] = frozenset()


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


Listed = Annotated[
    tuple[ListFile, ...],
    BeforeValidator(lists, json_schema_input_type=str | ListFile | tuple[str | ListFile, ...]),
]


class DaysOffFile(Strict):
    """Closed days. `working` overrides all else. `ics` names iCalendar files in the same folder."""

    public: tuple[PublicFile, ...] = ()
    annual: tuple[AnnualFile, ...] = ()
    dates: dict[date, str] = {}
    ics: Listed = ()
    ics_not_days: Literal["fault", "leave out"] = "fault"
    working: dict[date, str] = {}
    certified_until: date | None = None


class ClosuresFile(DaysOffFile):
    early: dict[date, TimeText] = {}
    half_days: TimeText | None = None


class CalendarFile(Cited):
    """`closed` closes the whole calendar.

    Hours between two zones may name the holidays of each end. A holiday at both ends is closed. One at the
    opening end only opens at `shared_from` by the closing end's clocks (default: the usual time of day). One
    at the closing end only has all of its hours.
    """

    open: tuple[OpenFile, ...] = ()
    special: tuple[SpecialFile, ...] = ()
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


class OriginTimeFile(Strict):
    """What a promise is for requests by one way in. What it does not say is as for those in chat."""

    within: AmountOrNone = None
    goal: AmountText | None = None
    strict: AmountText | None = None
    calendar: str | None = None
    warn_at: float | None = Field(default=None, gt=0, lt=1)
    wording: Wording | None = None
    clause: OneOrMore | None = None
    says: str | None = Field(default=None, min_length=3)
    where: str | None = Field(default=None, min_length=3)
    quote: str | None = None


def _hours_or_more(raw: Any) -> Any:
    """The times by origin, of which text names the calendar."""
    if not isinstance(raw, dict):
        return raw
    return {origin: {"calendar": own} if isinstance(own, str) else own for origin, own in raw.items()}


ByOrigin = Annotated[dict[str, OriginTimeFile], BeforeValidator(_hours_or_more)]


class PlanTimeFile(OriginTimeFile):
    """What a promise is for one plan. What it does not say is as for the other plans."""

    by_origin: ByOrigin = Field(default={}, alias="doors")


TimesByPlan = dict[str, str | PlanTimeFile]


def _by_plan_or_time(within: object) -> object:
    """As it is: a table by plan was moved to `plans` before."""
    return within


class PromiseFile(Cited):
    """A promise. `within` is `"none"` if only the plans below have it, or a table of times by plan."""

    metric: Metric
    within: Annotated[
        AmountOrNone, BeforeValidator(_by_plan_or_time, json_schema_input_type=str | TimesByPlan)
    ]
    plans: dict[str, PlanTimeFile] = {}
    by_origin: ByOrigin = Field(default={}, alias="doors")
    goal: AmountText | None = None
    strict: AmountText | None = None
    met_by_downgrade_to: str | None = None
    ends_with: str | None = None
    extension: tuple[ExtensionFile, ...] = ()
    calendar: str
    warn_at: float = Field(default=0.75, gt=0, lt=1)
    wording: Wording | None = None
    met_by: str | None = None
    ends_with_due_date: bool = False

    @model_validator(mode="before")
    @classmethod
    def _by_plan(cls, raw: Any) -> Any:
        if not isinstance(raw, dict):
            return raw
        if isinstance(raw.get("within"), dict):
            if "plans" in raw:
                raise ValueError("has times by plan twice: write them either in `within` or in `plans`")
            raw = {**raw, "within": NONE, "plans": raw["within"]}
        return raw

    @field_validator("plans", mode="before", json_schema_input_type=TimesByPlan)
    @classmethod
    def _times(cls, raw: Any) -> Any:
        if not isinstance(raw, dict):
            return raw
        return {plan: {"within": own} if isinstance(own, str) else own for plan, own in raw.items()}

    def under(self, plan: str) -> PromiseFile | None:
        """The promise as this plan has it; None if it does not."""
        return self._with(self.plans.get(plan))

    def through(self, origin: str) -> PromiseFile | None:
        """The promise as it is for requests of this origin; None if there is none."""
        return self._with(self.by_origin.get(origin))

    def _with(self, own: OriginTimeFile | None) -> PromiseFile | None:
        if own is None:
            return self if self.within is not None else None
        said = {key: getattr(own, key) for key in own.model_fields_set}
        if "within" in said and said["within"] is None:
            return None
        if said.get("within", self.within) != self.within:
            said = {"goal": None, "strict": None, **said}
        found = self.model_copy(update=said)
        return found if found.within is not None else None


class SeverityFile(Cited):
    name: str
    shown: str | None = Field(default=None, min_length=1, max_length=40)
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
    inherits: str | None = None
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
    by_origin: dict[str, str] = Field(default={}, alias="doors")


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
    plans: frozenset[str] = frozenset()


class AdviceFile(Strict):
    clause: str
    says: str = Field(min_length=3)
    where: str = Field(min_length=3)
    when: dict[str, frozenset[str]] = {}
    refers: bool = False
    plans: frozenset[str] = frozenset()


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


MilestoneLabel = Annotated[str, Field(min_length=3, max_length=60, pattern=r"^[^|\n]+$")]


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
