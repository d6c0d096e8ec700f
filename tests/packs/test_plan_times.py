"""Times that depend on the plan, further promises and what meets them, rules that look at the plan."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from bot.__main__ import main
from bot.cli.policy.explain import explanation
from sla_core.engine import evaluate, promises
from sla_core.events import (
    Acknowledged,
    Answered,
    Closed,
    DueDateSet,
    Event,
    Kind,
    Reopened,
    Resolved,
    SeverityChanged,
    Taken,
    Who,
)
from sla_core.hours.amounts import CalendarDays
from sla_core.policy import Metric, Policy, Term
from sla_core.promise import Promise
from sla_core.ticket import fold
from tests.packs.operator_pack import VERSION, OperatorPack
from tests.sla_core.builders import HOUR, local, opened, utc

BOB = Who("slack:T0VENDOR:U0BOB", "Bob")
START = local("2026-03-10 10:00")
LATER = local("2026-03-10 12:00")
OURS = 'calendar = "support-hours"\nclause = "M3-14"\nsays = "Within {within}."\nwhere = "our own terms"'


@pytest.fixture
def ours(tmp_path: Path) -> OperatorPack:
    return OperatorPack(tmp_path / "ours")


def promised(ours: OperatorPack, text: str, severity: str = "S2", flags: str = "") -> OperatorPack:
    """One more promise of a severity."""
    file = ours.folder / VERSION / "severities.toml"
    said = file.read_text(encoding="utf-8").replace(f"[{severity}]\n", f"[{severity}]\n{flags}\n", 1)
    head, _, rest = said.partition("\n[S3]")
    file.write_text(f"{head}\n[[{severity}.promise]]\n{text}\n{OURS}\n\n[S3]{rest}", encoding="utf-8")
    return ours


def milestones(ours: OperatorPack, label: str) -> OperatorPack:
    cited = 'clause = "M3-14"\nsays = "Told."\nwhere = "our own terms"'
    text = f'[[milestone]]\nlabel = "{label}"\ntells = "It is so."\n{cited}\n'
    (ours.folder / VERSION / "milestones.toml").write_text(text, encoding="utf-8")
    return ours


def one(policy: Policy, metric: Metric, *acts: Event, severity: str = "S2", plan: str = "gold") -> Promise:
    ticket = fold("ACME-1", (opened(START, severity, plan), *acts))
    return next(promise for promise in promises(ticket, policy) if promise.metric is metric)


def limits(policy: Policy, metric: Metric) -> dict[str, str]:
    found = ((plan, policy.targets("S2", (), plan)) for plan in policy.plans)
    return {plan: str(t.limit) for plan, targets in found for t in targets if t.metric is metric}


# Times by plan ----------------------------------------------------------------------------------------


def test_a_table_gives_each_plan_its_time_or_none(ours: OperatorPack) -> None:
    text = 'metric = "resolution"\nwithin = { gold = "3 business days", silver = "none" }'
    policy = promised(ours, text).policy()
    assert limits(policy, Metric.RESOLUTION) == {"gold": "3 business days"}
    assert {c.promise.metric for c in explanation([policy], "silver", "S2", START).clocks} == {
        Metric.FIRST_RESPONSE
    }
    assert one(policy, Metric.RESOLUTION).target.source.says == "Within 3 business days."


def test_a_plan_overrides_what_the_others_have(ours: OperatorPack) -> None:
    """A goal of the promise is dropped with its time; what is not overridden stays."""
    text = 'metric = "resolution"\nwithin = "8 business days"\ngoal = "5 business days"\n'
    text += 'warn_at = 0.5\nplans.gold = { within = "2 business days" }'
    policy = promised(ours, text).policy()
    silver, gold = (one(policy, Metric.RESOLUTION, plan=plan).target for plan in ("silver", "gold"))
    assert (str(silver.limit), str(silver.goal), silver.warn_at) == (
        "8 business days",
        "5 business days",
        0.5,
    )
    assert (str(gold.limit), gold.goal, gold.warn_at) == ("2 business days", None, 0.5)


def test_a_plan_inherits_the_times_and_calendars_of_another(ours: OperatorPack) -> None:
    cited = 'clause = "M3-3"\nsays = "More than Gold."\nwhere = "our own terms"'
    plans = ours.folder / VERSION / "plans.toml"
    more = f'\n[platinum]\nname = "Platinum"\ninherits = "gold"\n{cited}\n'
    plans.write_text(plans.read_text(encoding="utf-8") + more, encoding="utf-8")
    text = 'metric = "resolution"\nwithin = { gold = "3 business days", silver = "none" }'
    policy = promised(ours, text).policy()
    assert limits(policy, Metric.RESOLUTION)["platinum"] == "3 business days"
    assert policy.calendar("platinum", "support-hours") is policy.calendars["gold-hours"]


def test_the_order_form_stays_on_top(ours: OperatorPack) -> None:
    """M3-1."""
    policy = promised(ours, 'metric = "resolution"\nwithin = "8h"\nplans.gold = "4h"').policy()
    term = Term("S2", Metric.RESOLUTION, timedelta(hours=1), "Order form 7")
    (found,) = (t for t in policy.targets("S2", (term,), "gold") if t.metric is Metric.RESOLUTION)
    assert (found.limit, found.source.where) == (HOUR, "Order form 7")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (
            'within = { gold = "4h" }',
            'S2.promise.within: says nothing for the plan silver; give it a time, or "none"',
        ),
        (
            'within = "4h"\nplans = { bronze = "8h" }',
            'S2.promise.plans.bronze: there is no plan "bronze"; known are gold, silver',
        ),
        (
            'within = "4h"\nplans.gold = { calendar = "never" }',
            'S2.promise.calendar: there is no calendar "never"',
        ),
        (
            'within = "4h"\nplans.gold = { within = "2h", goal = "3h" }',
            "S2.promise.goal: must be shorter than what it is within, in the same unit",
        ),
    ],
)
def test_what_is_wrong_with_times_by_plan(ours: OperatorPack, text: str, fault: str) -> None:
    faults = promised(ours, f'metric = "resolution"\n{text}').faults()
    assert any(said.startswith(f"severities.toml: {fault}") for said in faults), faults


def test_words_that_name_another_time_are_a_fault(ours: OperatorPack) -> None:
    """`Why?` would tell gold what silver has."""
    promised(ours, 'metric = "resolution"\nwithin = "8h"\nplans.gold = "4h"')
    file = ours.folder / VERSION / "severities.toml"
    said = file.read_text(encoding="utf-8").replace("Within {within}.", "Within 8 hours.")
    file.write_text(said, encoding="utf-8")
    assert ours.faults() == [
        "severities.toml: S2.promise.plans.gold.says: the words of the promise name another time: "
        "write {within} in its `says`, or give this plan its own"
    ]


DESK = """vendor = "ours"
[slack]
triage = "C0TRIAGE"
agents = ["U0BOB"]
[[accounts]]
id = "acme"
name = "Acme GmbH"
plan = "gold"
channels = ["slack:C0ACME"]
order_form = { cites = "Order form 7", S2 = { first_response = "1h" } }
"""


def test_explain_shows_the_clocks_of_an_account(
    ours: OperatorPack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """contract.md: with that account's order form."""
    desk = ours.folder.parent / "frontline.toml"
    desk.write_text(DESK, encoding="utf-8")
    monkeypatch.setenv("FRONTLINE_CONFIG", str(desk))
    asked = ["explain", "--severity", "S2", "--at", "2026-03-20T15:30:00Z", "--json"]
    assert main([*asked, "--account", "acme"]) == 0
    said = capsys.readouterr().out
    assert '"plan": "gold"' in said
    assert '"due_at": "2026-03-20T16:30:00Z"' in said
    assert main([*asked, "--account", "nobody"]) == 1
    assert capsys.readouterr().err == 'the desk has no account "nobody"; it has acme\n'
    assert main([*asked, "--account", "acme", "--plan", "gold"]) == 2
    assert main(asked) == 2


# Further promises -------------------------------------------------------------------------------------


def test_an_assignment_is_met_by_the_first_owner(ours: OperatorPack) -> None:
    policy = promised(ours, 'metric = "assignment"\nwithin = "2h"').policy()
    assert one(policy, Metric.ASSIGNMENT, Acknowledged(LATER, BOB)).met_at is None
    assert one(policy, Metric.ASSIGNMENT, Taken(LATER, BOB)).met_at == LATER
    assert one(policy, Metric.ASSIGNMENT, Answered(LATER, BOB, Kind.REPLY, "On it")).met_at == LATER
    assert one(policy, Metric.ASSIGNMENT, Closed(LATER, BOB)).ended_at == LATER
    ticket = fold("ACME-1", (opened(START, "S2", "gold"),))
    due = START + 2 * HOUR + timedelta(microseconds=1)
    breached = [event for event in evaluate(ticket, policy, due).events if getattr(event, "metric", "")]
    assert [str(event.metric) for event in breached if hasattr(event, "metric")] == ["assignment"]


@pytest.mark.parametrize("metric", [Metric.DIAGNOSIS, Metric.WORKAROUND])
def test_a_milestone_of_the_vendor_s_own_meets_it_for_good(ours: OperatorPack, metric: Metric) -> None:
    """Reopening takes a resolution back, not what the customer was told."""
    text = f'metric = "{metric}"\nwithin = "14 days"\nmet_by = "Way round found"'
    policy = milestones(promised(ours, text, flags="milestones = true"), "Way round found").policy()
    told = Answered(LATER, BOB, Kind.MILESTONE, "Way round found")
    resolved = Resolved(LATER + HOUR, BOB, "Done")
    reopened = Reopened(LATER + 2 * HOUR, BOB)
    assert one(policy, metric).met_at is None
    assert one(policy, metric, told, resolved, reopened).met_at == LATER
    assert one(policy, metric, resolved).met_at == LATER + HOUR
    assert one(policy, metric, resolved, reopened).met_at is None
    lowered = SeverityChanged(LATER, BOB, "S3", "it works again", workaround=True)
    raised = SeverityChanged(LATER + HOUR, BOB, "S2", "it does not")
    met_at = LATER if metric is Metric.WORKAROUND else None
    assert one(policy, metric, lowered, raised).met_at == met_at


def test_what_cannot_be_met_is_a_fault(ours: OperatorPack) -> None:
    milestones(promised(ours, 'metric = "workaround"\nwithin = "8h"'), "Way round found")
    promised(ours, 'metric = "diagnosis"\nwithin = "8h"\nmet_by = "Way round found"')
    promised(ours, 'metric = "next_update"\nwithin = "8h"\nends_with_due_date = true')
    assert ours.faults() == [
        "severities.toml: S2.promise.met_by: is missing: name the milestone that meets the workaround, "
        'such as met_by = "Root cause found"',
        'severities.toml: S2.milestones: must be true, so that agents can report "Way round found"',
        "severities.toml: S2.due_date: is missing: updates end with a due date, "
        "so agents must be able to set one",
    ]


def test_updates_end_once_a_due_date_was_given(ours: OperatorPack) -> None:
    cited = 'due_date = { clause = "M3-14", says = "Agents set one.", where = "our own terms" }'
    text = 'metric = "next_update"\nwithin = "2h"\nends_with_due_date = true'
    policy = promised(ours, text, flags=cited).policy()
    first = DueDateSet(LATER, BOB, LATER + 48 * HOUR)
    again = DueDateSet(LATER + HOUR, BOB, LATER + 72 * HOUR)
    assert one(policy, Metric.NEXT_UPDATE).ended_at is None
    assert one(policy, Metric.NEXT_UPDATE, first, again).ended_at == LATER


def test_calendar_days_count_weekends_and_keep_the_time_of_day(ours: OperatorPack) -> None:
    """Over the change to summer time on 29 March: the same ten o'clock, an hour less of time."""
    policy = promised(ours, 'metric = "resolution"\nwithin = "20 days"').policy()
    promise = one(policy, Metric.RESOLUTION)
    assert promise.target.limit == CalendarDays(20)
    assert promise.due_at == local("2026-03-30 10:00")
    assert promise.whole == timedelta(20) - HOUR
    assert promise.target.source.says == "Within 20 days."


# Rules that look at the plan --------------------------------------------------------------------------


def test_a_severity_rule_may_look_at_the_plan(ours: OperatorPack) -> None:
    triage = ours.folder / VERSION / "triage.toml"
    text = triage.read_text(encoding="utf-8")
    rule = '[[rule]]\nseverity = "S1"\nclause = "M3-12"\nsays = "Gold comes first."\nplans = ["gold"]\n\n'
    triage.write_text(text.replace("[[rule]]", f"{rule}[[rule]]", 1), encoding="utf-8")
    policy = ours.policy()
    answers = policy.triage.example("S3") or policy.triage_for("silver").example("S3") or {}
    assert policy.triage_for("gold").propose(answers).severity == "S1"
    assert policy.triage_for("silver").propose(answers).severity == "S3"
    assert policy.triage_for("gold").example("S3") is None
    triage.write_text(triage.read_text(encoding="utf-8").replace('["gold"]', '["bronze"]'), encoding="utf-8")
    assert ours.faults() == ['triage.toml: rule.1.plans: there is no plan "bronze"; known are gold, silver']
    assert utc("2026-03-10 09:00") == START
