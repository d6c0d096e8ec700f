"""The policy that tickets are replayed under, and what of a ticket it has no path for."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from bot.cli.policy.lookup import UsageFault, plan_of
from bot.cli.policy.simulate_csv import TicketCase
from sla_core.catalog.load import Fault, load, vendors, version_at
from sla_core.events import Event, Opened, SeverityChanged
from sla_core.policy import Policy, Term


@dataclass(frozen=True)
class Rules:
    """A policy's dated versions, the plan, and what it calls the severities of other policies."""

    policies: Sequence[Policy]
    plan: str
    severity_names: Mapping[str, str] = field(default_factory=dict)
    second: bool = False
    """Whether names are mapped even where the policy knows them itself."""

    @property
    def name(self) -> str:
        return f"{self.policies[-1].name}, plan {self.policies[-1].plans[self.plan].name}"

    def policy_for(self, case: TicketCase) -> Policy:
        """The version in force when it was opened."""
        return version_at(list(self.policies), case.opened.at.date())

    def severity(self, name: str, policy: Policy) -> str:
        """What the policy calls a ticket's severity."""
        if not self.second and name in policy.severities:
            return name
        return self.severity_names.get(name, name)

    def ignores_order_form(self, case: TicketCase) -> bool:
        """An order form belongs to the vendor that it was agreed with."""
        return bool(case.opened.terms) and case.opened.vendor != self.policy_for(case).vendor

    def terms(self, case: TicketCase, policy: Policy) -> tuple[Term, ...]:
        if self.ignores_order_form(case):
            return ()
        return tuple(replace(t, severity=self.severity(t.severity, policy)) for t in case.opened.terms)

    def history(self, case: TicketCase) -> list[Event]:
        """The ticket's history as if it had been opened under this policy."""
        policy = self.policy_for(case)
        history: list[Event] = []
        for event in case.history:
            if isinstance(event, Opened):
                severity, terms = self.severity(event.severity, policy), self.terms(case, policy)
                version = policy.version
                event = replace(event, plan=self.plan, version=version, severity=severity, terms=terms)
            elif isinstance(event, SeverityChanged):
                event = replace(event, severity=self.severity(event.severity, policy))
            history.append(event)
        return history

    def policy_faults(self, cases: Sequence[TicketCase]) -> list[Fault]:
        """Severities and order-form terms that have no path in the policy."""
        faults: dict[tuple[str, str], Fault] = {}
        for case in cases:
            policy = self.policy_for(case)
            for name in _severities(case):
                if self.severity(name, policy) not in policy.severities:
                    fault = self._no_severity(name, policy, case)
                    faults[fault.file, name] = fault
            for term in self.terms(case, policy):
                if says := _term_fault(term, policy, self.plan):
                    faults[case.name, f"order form {term.severity}.{term.metric}"] = Fault(
                        case.name, "", says
                    )
        return list(faults.values())

    def _no_severity(self, name: str, policy: Policy, case: TicketCase) -> Fault:
        """Once a name for the second policy; at every ticket for the first, where it may be mistyped."""
        says = f'{policy.vendor} has no severity "{name}"; known are {", ".join(policy.severities)}'
        advice = f"say which one it is, such as --map {name}={policy.worst.id}"
        if self.second:
            return Fault("--against", "", f"{says}; {advice}")
        return Fault(case.where or case.name, "", says if case.where else f"{says}; {advice}")


def rules(path: str, plan: str, severity_names: Mapping[str, str]) -> Rules:
    """The first policy. Raises Faults or UsageFault."""
    return _checked(Rules(policies_of(path), plan, severity_names))


def second_rules(path: str, plan: str | None, severity_names: Mapping[str, str], first: Rules) -> Rules:
    """The second. Its plan, if it is not named, is the only one, or that of the same name as the first's."""
    policies = policies_of(path)
    plans = policies[-1].plans
    chosen = plan or (next(iter(plans)) if len(plans) == 1 else first.plan)
    try:
        return _checked(Rules(policies, chosen, severity_names, second=True))
    except UsageFault as wrong:
        raise wrong if plan else UsageFault(f"{wrong}; name one with --against-plan") from None


def unknown_severities(sets: Sequence[Rules], severity_names: Mapping[str, str]) -> list[Fault]:
    """`--map` to a severity that no policy has."""
    known = {id_: None for rules in reversed(sets) for policy in rules.policies for id_ in policy.severities}
    return [
        Fault("--map", theirs, f'there is no severity "{ours}"; known are {", ".join(known)}')
        for theirs, ours in severity_names.items()
        if ours not in known
    ]


def policies_of(path: str) -> list[Policy]:
    """A pack, a folder of dated versions, or one of these versions."""
    head = Path(path) / "policy.toml"
    if path in vendors() or not head.is_file():
        return load(path)
    versions = load(head.resolve().parent.parent)
    effective = tomllib.loads(head.read_text(encoding="utf-8"))["effective"]
    return [policy for policy in versions if policy.effective == effective]


def _checked(rules: Rules) -> Rules:
    """The rules with the plan's id; every version must have the plan."""
    ids = [plan_of(policy, rules.plan).id for policy in rules.policies]
    return replace(rules, plan=ids[-1])


def _term_fault(term: Term, policy: Policy, plan: str) -> str | None:
    """Why the policy cannot apply a term of an order form."""
    severity = policy.severities.get(term.severity)
    what = f"its order form's {term.severity}.{term.metric}"
    if severity is None:
        return None
    if term.calendar is None:
        promised = any(target.metric is term.metric for target in severity.targets)
        return None if promised else f"{what} replaces a promise that {policy.vendor} does not make here"
    known = {*policy.calendars, *policy.plans[plan].calendars}
    return None if term.calendar in known else f'{what} needs a calendar "{term.calendar}"'


def _severities(case: TicketCase) -> list[str]:
    names = [case.opened.severity, *(e.severity for e in case.history if isinstance(e, SeverityChanged))]
    return list(dict.fromkeys(names))
