"""`order_form` of an account in the desk's file: what its order form promises beside the plan."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from sla_core.catalog.crosscheck import PROMISED, unknown
from sla_core.catalog.schema import Strict
from sla_core.policy import Metric, Plan, Policy, parse_amount


def _amount(text: str) -> str:
    parse_amount(text)
    return text


def _clause(raw: object) -> object:
    return {"within": raw} if isinstance(raw, str) else raw


class _Clause(Strict):
    """`"2h"`, or with more: `{ within = "8h", calendar = "around-the-clock", name = "metering SLA" }`."""

    within: Annotated[str, AfterValidator(_amount)]
    calendar: str | None = None
    name: str = Field(default="", max_length=40)


class OrderFormPart(Strict):
    """An `order_form` as it is written: who says so, and the terms by severity."""

    cites: Annotated[str, Field(min_length=3)]
    hold: bool = False
    terms: dict[str, dict[Metric, Annotated[_Clause, BeforeValidator(_clause)]]] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _severities_aside(cls, raw: Any) -> Any:
        if not isinstance(raw, dict):
            return raw
        known = {key: value for key, value in raw.items() if key in ("cites", "hold")}
        return known | {"terms": {key: value for key, value in raw.items() if key not in known}}


def order_form_faults(form: OrderFormPart, policy: Policy, plan: Plan | None) -> Iterator[tuple[str, str]]:
    """Names in it that the policy does not have."""
    plan_id = plan.id if plan else ""
    calendars = {*policy.calendars, *(plan.calendars if plan else ())}
    for severity, clauses in form.terms.items():
        if severity not in policy.severities:
            yield severity, unknown("severity", severity, policy.severities)
            continue
        promised = {target.metric for target in policy.targets(severity, (), plan_id)}
        for metric, clause in clauses.items():
            where = f"{severity}.{metric}"
            if metric not in PROMISED:
                yield where, unknown("metric", metric, PROMISED)
            elif clause.calendar is not None and clause.calendar not in calendars:
                yield f"{where}.calendar", unknown("calendar", clause.calendar, calendars)
            elif clause.calendar is None and metric not in promised:
                example = f'{{ within = "{clause.within}", calendar = "{sorted(calendars)[0]}" }}'
                yield where, f"the plan makes no such promise, so say which calendar counts it: {example}"
