"""Proposes a severity from answers, with the clause that decided it; and rules that people only read."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import product

from sla_core.rules import Source

Answers = Mapping[str, tuple[str, ...]]
"""Question id → answer: option ids, or one text."""


class Kind(StrEnum):
    """How a question is answered."""

    CHOICE = "choice"
    CHOICES = "choices"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Option:
    id: str
    label: str


@dataclass(frozen=True, slots=True)
class Question:
    """A question of the intake form, in the vendor's words."""

    id: str
    label: str
    kind: Kind
    clauses: tuple[str, ...]
    options: tuple[Option, ...] = ()
    required: bool = True
    hint: str | None = None
    when: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """It is asked only if each of these earlier questions was answered with one of these options."""

    def matters(self, answers: Answers) -> bool:
        return holds(self.when, answers)

    def label_of(self, option: str) -> str:
        return next((o.label for o in self.options if o.id == option), option)


@dataclass(frozen=True, slots=True)
class Rule:
    """Proposes `severity` if every question in `when` was answered with one of its options."""

    severity: str
    clause: str
    says: str
    when: Mapping[str, frozenset[str]] = field(default_factory=dict)
    overrides: bool = False
    """Whether these answers override a screening, which agents see as a note."""
    plans: frozenset[str] = frozenset()
    """The plans under which the rule holds; empty: all."""

    def holds(self, answers: Answers) -> bool:
        return holds(self.when, answers)


@dataclass(frozen=True, slots=True)
class Advice:
    """Advice for certain answers. If it `refers`, no ticket is opened, and `says` names the right way."""

    clause: str
    says: str
    where: str
    when: Mapping[str, frozenset[str]] = field(default_factory=dict)
    refers: bool = False
    plans: frozenset[str] = frozenset()
    """The plans under which it is given; empty: all."""

    def holds(self, answers: Answers) -> bool:
        return holds(self.when, answers)


@dataclass(frozen=True, slots=True)
class Report:
    """What the vendor wants a report to contain. `hint` is shown below Details."""

    clause: str
    says: str
    where: str
    hint: str | None = None


@dataclass(frozen=True, slots=True)
class Proposal:
    severity: str
    clause: str
    says: str
    overrides: bool = False


@dataclass(frozen=True, slots=True)
class Triage:
    """The questions and the rules, in order. The first rule that holds decides; the last one always holds."""

    questions: tuple[Question, ...]
    rules: tuple[Rule, ...]
    advice: tuple[Advice, ...] = ()
    intro: str = ""
    """The text above the questions."""
    report: Report | None = None

    def under(self, plan: str) -> Triage:
        """The triage of a plan: without the rules and the advice of other plans."""
        rules = tuple(rule for rule in self.rules if not rule.plans or plan in rule.plans)
        advice = tuple(each for each in self.advice if not each.plans or plan in each.plans)
        return replace(self, rules=rules, advice=advice)

    def relevant_answers(self, answers: Answers) -> dict[str, tuple[str, ...]]:
        """The answer to every question; empty for questions that are not asked."""
        found: dict[str, tuple[str, ...]] = {}
        for question in self.questions:
            found[question.id] = answers.get(question.id, ()) if question.matters(found) else ()
        return found

    def advised(self, answers: Answers) -> list[Advice]:
        """The advice for these answers, in order."""
        return [advice for advice in self.advice if advice.holds(answers)]

    def referral(self, answers: Answers) -> Advice | None:
        """The advice that refers these answers elsewhere, or None. Other questions need no answer then."""
        return next((advice for advice in self.advice if advice.refers and advice.holds(answers)), None)

    def faults(self, answers: Answers) -> dict[str, str]:
        """Question id → what is wrong with its answer, and how to fix it."""
        found = {}
        for question in self.questions:
            given = answers.get(question.id, ())
            if not question.matters(answers):
                continue
            if question.required and not any(text.strip() for text in given):
                found[question.id] = (
                    "Please choose an answer." if question.options else "Please write a few words."
                )
                continue
            known = {option.id for option in question.options}
            strange = [answer for answer in given if known and answer not in known]
            if strange:
                found[question.id] = f'"{strange[0]}" is not one of the answers; please choose again.'
            elif question.kind is Kind.CHOICE and len(given) > 1:
                found[question.id] = "Please choose one answer only."
        return found

    def propose(self, answers: Answers) -> Proposal:
        """The proposal of the first rule that holds."""
        rule = next(rule for rule in self.rules if rule.holds(answers))
        return Proposal(rule.severity, rule.clause, rule.says, rule.overrides)

    def certain_proposal(self, answers: Answers) -> Proposal | None:
        """The proposal that no answer to an open required question can change; None if one could."""
        open_: set[str] = set()
        for question in self.questions:
            empty = not any(text.strip() for text in answers.get(question.id, ()))
            if question.required and empty and _may_hold(question.when, answers, open_):
                open_.add(question.id)
        severities = set()
        for rule in self.rules:
            if not _may_hold(rule.when, answers, open_):
                continue
            severities.add(rule.severity)
            if len(severities) > 1:
                return None
            if rule.holds(answers):
                return Proposal(rule.severity, rule.clause, rule.says, rule.overrides)
        return None

    def example(self, severity: str) -> dict[str, tuple[str, ...]] | None:
        """Answers that lead to `severity`, or None if none do."""
        for rule in self.rules:
            if rule.severity == severity:
                for answers in self._completions(rule):
                    if self.propose(answers).severity == severity:
                        return answers
        return None

    def _completions(self, rule: Rule) -> Iterator[dict[str, tuple[str, ...]]]:
        """Sets of answers for which `rule` holds, in the order of the options."""
        needed = set(rule.when)
        for question in reversed(self.questions):
            needed |= set(question.when) if question.id in needed else set()
        asked = [q for q in self.questions if q.options and (q.required or q.id in needed)]
        choices = [
            [o.id for o in q.options if q.id not in rule.when or o.id in rule.when[q.id]] for q in asked
        ]
        texts = {q.id: ("Sample text",) for q in self.questions if q.required and not q.options}
        for combination in product(*choices):
            chosen = {q.id: (option,) for q, option in zip(asked, combination, strict=True)}
            yield {id_: given for id_, given in self.relevant_answers(chosen | texts).items() if given}


def holds(when: Mapping[str, frozenset[str]], answers: Answers) -> bool:
    """Whether each of these questions was answered with one of these options."""
    return all(options & set(answers.get(question, ())) for question, options in when.items())


def _may_hold(when: Mapping[str, frozenset[str]], answers: Answers, open_: Collection[str]) -> bool:
    """Whether it holds, or may still hold depending on the open questions."""
    return holds({question: options for question, options in when.items() if question not in open_}, answers)


class ShownAt(StrEnum):
    """Where a fact is shown."""

    FORM = "form"
    """Above the questions; one for a severity or for answers, in the preview below them."""
    CARD = "card"
    """The customer's card of an open ticket."""
    WHY = "why"
    """`Why?`, with its source."""
    HELP = "help"
    """`/support help` in a customer's channel."""
    HOME = "home"
    """The customer's Home tab."""
    AGENTS = "agents"
    """The agents' card of an open ticket."""
    QUEUE = "queue"
    """The agents' Home tab and queue."""
    TAM = "tam"
    """The Home tab of a TAM or another first contact."""


OF_TICKETS = frozenset({ShownAt.FORM, ShownAt.CARD, ShownAt.WHY, ShownAt.AGENTS})
"""Where a severity and answers are known."""


@dataclass(frozen=True, slots=True)
class Fact:
    """A rule without a clock. People read `tells` at each place of `shown`, where it concerns them."""

    source: Source
    tells: str
    shown: frozenset[ShownAt] = frozenset()
    """Empty: nowhere, so nothing carries it."""
    plans: frozenset[str] = frozenset()
    """The plans that it is for; empty: all."""
    severities: frozenset[str] = frozenset()
    """The severities that it is for; empty: all."""
    when: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """It is for tickets of which each of these questions was answered with one of these options."""
    hours: str | None = None
    """The name of the hours on which it depends; None: it holds at any time."""
    outside: bool = False
    """Whether it holds outside these hours, not during them."""
    order_form: bool | None = None
    """Whether it is only for those who have, or have not, terms of an order form; None: for all."""
    label: str = ""
    """What stands before it on a card."""

    @property
    def follows_answers(self) -> bool:
        """Whether the form can show it only once the answers are there."""
        return bool(self.severities or self.when)

    def concerns(self, plan: str | None, severity: str | None, answers: Answers) -> bool:
        """Whether it is for this plan, severity and answers; the hours are not looked at."""
        return (
            (not self.plans or plan in self.plans)
            and (not self.severities or severity in self.severities)
            and holds(self.when, answers)
        )
