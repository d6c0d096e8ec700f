"""`frontline questions`: the form of a plan, its options, and which answers lead to which severity."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bot.cli.app import DONE, print_json
from bot.cli.policy.lookup import plan_of
from bot.clock import real_now
from sla_core.catalog.load import load
from sla_core.policy import Plan, Policy, version_at
from sla_core.triage import Answers, Kind, Question, Triage


def run(vendor: str, plan: str, json_output: bool) -> int:
    policies, today = load(vendor), real_now().date()
    if json_output:
        print_json(questions(policies, plan, today))
    else:
        show(policies, plan, today, Console())
    return DONE


def questions(policies: Sequence[Policy], plan: str, today: date) -> dict[str, Any]:
    """The output of `frontline questions --json`. Raises UsageFault for an unknown plan."""
    policy = version_at(list(policies), today)
    bought = plan_of(policy, plan)
    return {
        "vendor": policy.vendor,
        "plan": bought.id,
        "questions": [
            {
                "id": question.id,
                "label": question.label,
                "kind": str(question.kind),
                "required": question.required,
                "options": [{"id": option.id, "label": option.label} for option in question.options],
                **_condition(question),
            }
            for question in policy.triage.questions
        ],
        "answers": {
            severity: _given(policy.triage, answers)
            for severity in policy.severities
            if (answers := policy.triage_for(bought.id).example(severity)) is not None
        },
    }


def _condition(question: Question) -> dict[str, dict[str, list[str]]]:
    """The earlier answers that make the question apply; empty if it always does."""
    when = {id_: sorted(options) for id_, options in question.when.items()}
    return {"when": when} if when else {}


def _given(triage: Triage, answers: Answers) -> dict[str, str | list[str]]:
    """Answers for scripts: one option ID or text, or a list if several can be chosen."""
    kinds = {question.id: question.kind for question in triage.questions}
    return {id_: list(given) if kinds[id_] is Kind.CHOICES else given[0] for id_, given in answers.items()}


def show(policies: Sequence[Policy], plan: str, today: date, console: Console) -> None:
    """Prints the questions for people."""
    policy = version_at(list(policies), today)
    bought = plan_of(policy, plan)
    console.print(f"[bold]{escape(policy.name)}, plan {escape(bought.name)}: what the form asks[/]")
    _show_way_in(bought, console)
    for question in policy.triage.questions:
        needed = "" if question.required else ", optional"
        clauses = escape(", ".join(question.clauses))
        console.print(
            f"\n[bold]{escape(question.label)}[/] [dim]{question.id}, {question.kind}{needed}; {clauses}[/]"
        )
        for id_, options in question.when.items():
            console.print(f"[dim]asked where {id_} = {escape(' or '.join(sorted(options)))}[/]")
        if question.hint:
            console.print(f"[dim]{escape(question.hint)}[/]")
        for option in question.options:
            console.print(f"  {escape(option.id)}: {escape(option.label)}", highlight=False)
    console.print()
    console.print(_answers_by_severity(policy, bought.id))


def _show_way_in(plan: Plan, console: Console) -> None:
    if not plan.chat:
        way_in = f"; the vendor's own way in is {plan.way_in}" if plan.way_in else ""
        console.print(escape(f"This plan has no chat: only the worst class is taken in here{way_in}."))


def _answers_by_severity(policy: Policy, plan: str) -> Table:
    table = Table(title="One way to each severity", title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("severity", "answers", "because", "clause"):
        table.add_column(heading)
    triage = policy.triage_for(plan)
    for severity in policy.severities:
        answers = triage.example(severity)
        if answers is None:
            table.add_row(escape(severity), "no answers lead here", "", "")
            continue
        decided = triage.propose(answers)
        said = "\n".join(f"{id_} = {', '.join(given)}" for id_, given in answers.items())
        table.add_row(escape(severity), escape(said), escape(decided.says), escape(decided.clause))
    return table
