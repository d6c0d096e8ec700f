"""The files of a new pack, with comments that say what to fill in."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence

from bot.cli.policy.new_policy.answers import METRICS, Hours, PackAnswers, PlanAnswer, SeverityAnswer
from bot.cli.policy.schemas import schema_name
from sla_core.catalog.values import NONE

HOURS = "hours"
"""What promises call the calendar that each plan maps to its own."""
_CITED = """\
# clause: your own ID for the sentence behind the rule. where: its place in the document.
# says: the rule in your own words, which people read under Why?
"""


def files_of(vendor: str, answers: PackAnswers) -> dict[str, str]:
    """Maps the name of each file of the pack to its text."""
    clause = _Clauses(answers)
    found = {
        "policy.toml": _policy(vendor, answers),
        "calendars.toml": "\n".join(_calendar(plan, clause.plan(plan)) for plan in answers.plans),
        "plans.toml": "\n".join(_plan(plan, clause.plan(plan)) for plan in answers.plans),
        "severities.toml": "\n".join(_severity(each, answers, clause) for each in answers.severities),
        "triage.toml": _triage(answers, clause),
    }
    if answers.roles:
        found["escalation.toml"] = "\n".join(_steps(answers, clause))
    heads = {
        "policy.toml": "# The policy's name and dates. What the text leaves open goes into [[reading]].\n",
        "calendars.toml": f"# When support is open and closed, one table for each plan.\n{_CITED}",
        "plans.toml": "# What accounts buy. frontline.toml names a plan by its table's name.\n",
        "severities.toml": "# The classes, worst first, and what is promised for each.\n"
        "# {within} stands for the time of the customer's plan.\n",
        "triage.toml": "# What the form asks. The first rule that matches decides on the severity.\n",
        "escalation.toml": "# Who is paged, in this order. [rotas] of frontline.toml says which people.\n",
    }
    return {
        name: f"#:schema ./{schema_name(name)}\n{heads[name]}# Reference: docs/policies.md\n\n{text}"
        for name, text in found.items()
    }


class _Clauses:
    """Numbers the plans, severities and steps of a pack: `EXA-1`, `EXA-2`."""

    def __init__(self, answers: PackAnswers) -> None:
        letters = [each for each in answers.name.upper() if each.isascii() and each.isalpha()]
        self._prefix = "".join(letters[:3]) or "OUR"
        names = [*(plan.id for plan in answers.plans)], [*(each.id for each in answers.severities)]
        self._plans = {name: number for number, name in enumerate(names[0], start=1)}
        self._severities = {name: number for number, name in enumerate(names[1], start=len(names[0]) + 1)}

    def plan(self, plan: PlanAnswer) -> str:
        return f"{self._prefix}-{self._plans[plan.id]}"

    def severity(self, severity: SeverityAnswer) -> str:
        return f"{self._prefix}-{self._severities[severity.id]}"

    def steps(self) -> str:
        return f"{self._prefix}-{len(self._plans) + len(self._severities) + 1}"


def _policy(vendor: str, answers: PackAnswers) -> str:
    return f"""vendor = {_text(vendor)}
name = {_text(answers.name)}
effective = {answers.effective}
document = {_text(answers.document)}

# [[reading]]
# clause = "EX-1"
# question = "What the text leaves open."
# chosen = "How it is read here."
"""


def _calendar(plan: PlanAnswer, clause: str) -> str:
    place = f"hours of {plan.name}"
    lines = [f"[{_key(f'{plan.id}-hours')}]", *_cited(clause, _hours_says(plan.hours, plan.country), place)]
    if plan.hours is None:
        return "\n".join([*lines, "always = true", ""])
    if plan.country:
        country, _, region = plan.country.partition("-")
        part = f", subdivision = {_text(region)}" if region else ""
        lines.append(f"closed.public = [{{ country = {_text(country)}{part} }}]")
    lines += [
        "",
        f"[[{_key(f'{plan.id}-hours')}.open]]",
        f"days = {json.dumps(plan.hours.days)}",
        f"from = {_text(f'{plan.hours.start} {plan.hours.zone}')}",
        f"to = {_text(f'{plan.hours.end} {plan.hours.zone}')}",
        "",
    ]
    return "\n".join(lines)


def _hours_says(hours: Hours | None, country: str) -> str:
    if hours is None:
        return "Every hour of every day."
    closed = f", except on public holidays of {country}" if country else ""
    days = ", ".join(day.capitalize() for day in hours.days)
    return f"{days}, from {hours.start} to {hours.end}, {hours.zone}{closed}."


def _plan(plan: PlanAnswer, clause: str) -> str:
    return "\n".join(
        [
            f"[{_key(plan.id)}]",
            f"name = {_text(plan.name)}",
            *_cited(clause, f"Support under {plan.name}.", f"description of {plan.name}"),
            f"calendars = {{ {HOURS} = {_text(f'{plan.id}-hours')} }}",
            "# chat = false   # no support by chat; way_in is the address then",
            "# tam = false    # no Technical Account Manager",
            "",
        ]
    )


def _severity(severity: SeverityAnswer, answers: PackAnswers, clauses: _Clauses) -> str:
    clause, place = clauses.severity(severity), f"description of {severity.id}"
    lines = [
        f"[{_key(severity.id)}]",
        f"name = {_text(severity.name)}",
        *_cited(clause, severity.says, place),
    ]
    if severity.pages:
        lines.append("pages = true")
    for metric, by_plan in severity.promises.items():
        if set(by_plan.values()) == {NONE}:
            continue
        lines += [
            "",
            f"[[{_key(severity.id)}.promise]]",
            f"metric = {_text(metric)}",
            f"within = {_within(by_plan)}",
            f'calendar = "{HOURS}"',
            *_cited(clause, f"{METRICS[metric]} within {{within}}.", f"times of {severity.id}"),
        ]
    return "\n".join([*lines, ""])


def _within(by_plan: Mapping[str, str]) -> str:
    if len(set(by_plan.values())) == 1:
        return _text(next(iter(by_plan.values())))
    return f"{{ {', '.join(f'{_key(plan)} = {_text(length)}' for plan, length in by_plan.items())} }}"


def _triage(answers: PackAnswers, clauses: _Clauses) -> str:
    severities = answers.severities
    parts = []
    if len(severities) > 1:
        options = "\n".join(f"{_key(each.id)} = {_text(each.says)}" for each in severities)
        clause = clauses.severity(severities[0])
        parts.append(
            f'[[question]]\nid = "impact"\nlabel = "What is the impact?"\nkind = "choice"\n'
            f"clause = {_text(clause)}\n\n[question.options]\n{options}\n"
        )
    for each in severities:
        rule = f"[[rule]]\nseverity = {_text(each.id)}\nclause = {_text(clauses.severity(each))}\n"
        when = "" if each is severities[-1] else f"when = {{ impact = [{_text(each.id)}] }}\n"
        parts.append(f"{rule}says = {_text(each.says)}\n{when}")
    return "\n".join(parts)


def _steps(answers: PackAnswers, clauses: _Clauses) -> Iterator[str]:
    paged = [each for each in answers.severities if each.pages] or answers.severities[:1]
    for number, role in enumerate(answers.roles):
        mode = "escalated to" if number else "available"
        duties = "\n".join(f'{_key(each.id)} = {{ mode = "{mode}", hours = "{HOURS}" }}' for each in paged)
        name = role.replace("_", " ").capitalize()
        cited = _cited(
            clauses.steps(), f"Step {number + 1} of an escalation.", f"escalation, step {number + 1}"
        )
        yield "\n".join(
            [
                "[[step]]",
                f"role = {_text(role)}",
                f"name = {_text(name)}",
                *cited,
                "",
                "[step.duties]",
                duties,
                "",
            ]
        )


def _cited(clause: str, says: str, where: str) -> Sequence[str]:
    return [f"clause = {_text(clause)}", f"says = {_text(says)}", f"where = {_text(where)}"]


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "")


def _key(name: str) -> str:
    return _text(name) if "." in name else name
