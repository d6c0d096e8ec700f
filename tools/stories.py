"""Sample tickets for docs/texts.md: who is in them, and stories of emergencies."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

from bot.model.address import Place, UserRef
from sla_core.engine import promises
from sla_core.events import (
    THE_CLOCK,
    Alerted,
    Answered,
    Breached,
    CallRequested,
    CourtesyTold,
    Escalated,
    Event,
    Extended,
    Kind,
    LastWarned,
    Opened,
    PageAccepted,
    Paged,
    Resolved,
    ServicesDisabled,
    ServicesEnabled,
    SeverityChanged,
    Taken,
    Undelivered,
    Warned,
    Who,
)
from sla_core.policy import Policy
from sla_core.ticket import Ticket, fold

NOON = datetime(2026, 3, 20, 12, 0, tzinfo=UTC)
CHANNEL = Place("slack", "C0ACME")
ALICE = Who(str(UserRef("slack", "T1", "U0ALICE")), "Alice")
BOB = Who(str(UserRef("slack", "T0", "U0BOB")), "Bob")
DANA = Who(str(UserRef("slack", "T0", "U0DANA")), "Dana")


@dataclass(frozen=True)
class Story:
    """What happened before, what happens now, and how the document calls it."""

    title: str
    severity: str
    before: Sequence[Event]
    now: Sequence[Event]
    opened_at: datetime = NOON


def silence_stories(policy: Policy, plan: str) -> Iterator[Story]:
    """Of a policy that promises news at intervals and offers calls: silence, and the customer's way up."""
    worst = next(iter(policy.severities))
    taken: list[Event] = [Taken(NOON, BOB), Answered(NOON, BOB, Kind.UPDATE, "We found it.")]
    (clock,) = promises(sample_ticket(policy, plan, worst, taken), policy)
    assert clock.due_at is not None
    about, due_at = (THE_CLOCK, clock.metric, clock.promise_id, clock.due_at), clock.due_at
    warning = Warned(due_at - timedelta(minutes=15), *about)
    missed = Breached(due_at + timedelta(microseconds=1), *about)
    soon, later = due_at - timedelta(minutes=10), due_at + timedelta(minutes=5)
    yield Story("Silence: an update is due soon", worst, taken, [warning])
    yield Story("Silence: nobody owns the ticket", worst, (), [warning])
    refused = Undelivered(soon, THE_CLOCK, "ACME-1/4/draft/U0BOB", "the person has left", None)
    yield Story("Silence: the draft cannot be delivered", worst, [*taken, warning], [refused])
    last = LastWarned(due_at - timedelta(minutes=7, seconds=30), *about)
    yield Story("Silence: the last warning", worst, [*taken, warning], [last])
    yield Story("Silence: an update was missed", worst, taken, [missed])
    again = promises(sample_ticket(policy, plan, worst, [*taken, missed]), policy)[0]
    assert again.due_at is not None
    second = Breached(later + timedelta(hours=3), THE_CLOCK, again.metric, again.promise_id, again.due_at)
    yield Story("Silence: another one was missed while Frontline was down", worst, [*taken, missed], [second])
    first = Escalated(soon, ALICE, "The sale begins.", False)
    yield Story("Way up: the customer escalated", worst, taken, [first])
    more = Escalated(later, ALICE, "In half an hour.", False)
    yield Story("Way up: the customer escalated again", worst, [*taken, first], [more])
    request = CallRequested(soon, ALICE, "Until 17:00", "+44 20 7946 0000", "dana")
    yield Story("Way up: the customer asked for a call", worst, taken, [request])
    yield Story("Way up: nobody can be asked to call", worst, taken, [replace(request, person=None)])
    yield Story(
        "Way up: somebody will call", worst, [*taken, request], [Alerted(later, DANA, "call", "dana")]
    )


def emergency_stories(policy: Policy) -> Iterator[Story]:
    """What only a policy with mitigations, a code freeze and disabled services has to say."""
    worst, usual = list(policy.severities)[:2]
    at = NOON + timedelta(minutes=15)
    disabled = ServicesDisabled(at, BOB, "The tag breaks the checkout.")
    yield Story("An agent disabled the services", worst, (), [disabled])
    enabled = ServicesEnabled(at, BOB, "The tag is mended.")
    yield Story("An agent enabled the services again", worst, [disabled], [enabled])
    first, *others = policy.mitigations
    done = Answered(at, BOB, Kind.UPDATE, first.says, mitigation=first.label)
    yield Story(f"Mitigation: {first.label}", worst, (), [done])
    for each in others:
        done = replace(done, text=each.says, mitigation=each.label, skipped=(first.label,))
        yield Story(f"Mitigation out of order: {each.label}", worst, (), [done])
    (freeze,) = policy.freezes
    fix = Answered(at, BOB, Kind.MILESTONE, freeze.milestone, urgent="Orders are lost without it.")
    yield Story("A fix is urgent during a code freeze", usual, (), [fix])
    later = replace(fix, urgent="", deploys_on=date(2026, 12, 8))
    yield Story("A fix waits for the end of a code freeze", usual, (), [later])


def night_stories(policy: Policy) -> Iterator[Story]:
    """What a severity with courtesy updates says outside business hours."""
    severity = next(each.id for each in policy.severities.values() if each.courtesy)
    evening = NOON + timedelta(hours=4, minutes=30)
    chain = f"first@{evening.isoformat()}"
    page = Paged(evening, THE_CLOCK, chain, 0, "bob")
    arrived = PageAccepted(evening, THE_CLOCK, chain, "bob")
    answer = Alerted(evening, BOB, "acknowledge", "bob", page=True)
    line = CourtesyTold(evening + timedelta(hours=1), THE_CLOCK)
    morning = CourtesyTold(NOON + timedelta(days=2, hours=19, minutes=30), THE_CLOCK)
    yield Story("Night: a page was delivered", severity, [page], [arrived], evening)
    yield Story("Night: no platform has taken a page yet", severity, [page], [line], evening)
    yield Story("Night: nobody has answered yet", severity, [page, arrived], [line], evening)
    yield Story("Night: somebody has the ticket", severity, [page, arrived, answer], [line], evening)
    yield Story("Night: the last message", severity, [page, arrived, answer], [morning], evening)


def owner_stories(policy: Policy) -> Iterator[Story]:
    """Of a ticket's owner, and of an escalation that waits for its hours."""
    worst, usual = list(policy.severities)[:2]
    soon, later = NOON + timedelta(minutes=30), NOON + timedelta(minutes=45)
    yield Story("An agent assigned the ticket to another one", usual, (), [Taken(soon, BOB, DANA)])
    yield Story("An agent took the ticket", worst, (), [Taken(soon, BOB)])
    waits = Escalated(soon, BOB, "This needs an engineer.", True, 2, NOON + timedelta(days=2))
    over = Resolved(later, BOB, "The queue runs again.")
    yield Story("A step that waits for its hours is not needed", usual, [waits], [over])
    general = list(policy.severities)[-1]
    defect = SeverityChanged(soon, BOB, usual, "A defect after all.")
    yield Story("A general request was opened", general, (), [])
    yield Story("A general request got a severity", general, (), [defect])


def gap_stories(policy: Policy) -> Iterator[Story]:
    """Of a desk with nobody on the second line, nor in engineering."""
    usual, at = list(policy.severities)[1], NOON + timedelta(minutes=30)
    stuck = Escalated(at, BOB, "I need help.", True, 3)
    yield Story("An agent escalated, and steps have nobody on call", usual, (), [stuck])


def range_stories() -> Iterator[Story]:
    """Of a policy with a severity that a workaround lowers, and extra time (Commerceup)."""
    at = NOON + timedelta(minutes=30)
    lowered = SeverityChanged(at, BOB, "C2", "Pay by bank transfer.", workaround=True)
    yield Story("A workaround lowered the severity", "C1", (), [lowered])
    wrong = SeverityChanged(at, BOB, "C2", "One card was declined.", misjudged=True)
    yield Story("The severity had been misjudged", "C1", (), [wrong])
    yield Story("An agent granted extra time", "C3", (), [Extended(at, BOB, "app_submission")])


def sample_opening(policy: Policy, plan: str, severity_id: str) -> Opened:
    rule = next((rule for rule in policy.triage.rules if rule.severity == severity_id), None)
    return Opened(
        at=NOON,
        by=ALICE,
        account="acme",
        vendor=policy.vendor,
        plan=plan,
        version=policy.version,
        severity=severity_id,
        clause="",
        why=rule.says if rule else "",
        summary="Exports fail",
        details="",
        answers={},
        channel=str(CHANNEL),
        may_hold=True,
        asked_in=str(CHANNEL),
        asked_below="1",
    )


def sample_ticket(policy: Policy, plan: str, severity_id: str, events: Sequence[Event]) -> Ticket:
    return fold("ACME-1", [sample_opening(policy, plan, severity_id), *events])
