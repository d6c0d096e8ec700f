"""Rules without a clock, and where and when people read them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from sla_core.rules.source import Source
from sla_core.triage import Answers, holds


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
