"""Renders a ticket at an instant: the customer's card, the agents' card, a row of a queue."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from bot.config.directory import Directory
from bot.model.views import Audience, Button, GetHelp, PromiseLine, QueueRow, Style, TicketCard
from bot.notify import history
from bot.ports import QueueEntry, QueueSummary
from sla_core.engine import countdowns, promises
from sla_core.events import Held
from sla_core.policy import Metric, Policy, amount_text
from sla_core.promise import Countdown, Phase, Tone
from sla_core.ticket import State, Ticket

METRIC_NAMES = {
    Metric.FIRST_RESPONSE: "First response",
    Metric.NEXT_UPDATE: "Next update",
    Metric.RESOLUTION: "Resolution",
    Metric.DUE_DATE: "Due date",
}
GET_HELP = Button("get_help", "Get help", "", Style.PRIMARY)
_TONES = (Tone.DONE, Tone.CALM, Tone.WARN, Tone.ALARM)


def card(
    ticket: Ticket, policy: Policy, directory: Directory, audience: Audience, now: datetime
) -> TicketCard:
    """The card at `now`."""
    shown = [shown for shown in countdowns(ticket, policy, now) if shown.phase is not Phase.ENDED]
    lines = tuple(
        promise_line(countdown, wording_of(ticket, policy, countdown.metric)) for countdown in shown
    )
    severity = policy.severities[ticket.severity]
    for_agents = audience is Audience.AGENTS
    return TicketCard(
        key=ticket.key,
        audience=audience,
        title=ticket.opened.summary,
        state=_state(ticket),
        severity=ticket.severity,
        severity_name=severity.name,
        turn=_turn(ticket, policy, for_agents),
        owner=_owner(ticket),
        tone=_tone(ticket, lines),
        promises=lines,
        facts=(
            *_hold(ticket, for_agents),
            *(_facts if for_agents else _customer_facts)(ticket, policy, directory),
        ),
        details=ticket.opened.details if for_agents else "",
        note=() if lines else (f"{severity.source.says}",),
        buttons=tuple(_agents_buttons(ticket, policy) if for_agents else _customer_buttons(ticket)),
        history=history.recent_lines(ticket, policy) if for_agents else (),
        earlier=max(len(ticket.history) - history.MAX_LINES, 0) if for_agents else 0,
    )


def next_due(ticket: Ticket, policy: Policy, now: datetime) -> Countdown | None:
    """The countdown of the unsettled promise that is due first; promises on hold come last."""
    both = zip(promises(ticket, policy), countdowns(ticket, policy, now), strict=True)
    unsettled = [shown for promise, shown in both if not promise.settled]
    return min(unsettled, key=lambda shown: (shown.due_at is None, shown.due_at or now), default=None)


def promise_line(countdown: Countdown, wording: str) -> PromiseLine:
    """The line of one promise on a card. `wording` is what the vendor calls the promise."""
    return PromiseLine(
        label=METRIC_NAMES[countdown.metric] + ("" if wording == "target" else f" ({wording})"),
        standing=standing(countdown),
        phase=countdown.phase,
        tone=countdown.tone,
        spent=countdown.spent,
        due_at=countdown.due_at,
        goal_at=countdown.goal_at,
        note="counted anew from the change of severity" if countdown.rebased else None,
    )


def wording_of(ticket: Ticket, policy: Policy, metric: Metric) -> str:
    """What the vendor calls a promise: `contract` if an order form turns the plan's aim or goal into one.

    A due date set by an agent is always a `target`.
    """
    if metric is Metric.DUE_DATE:
        return "target"
    usual = policy.plans[ticket.opened.plan].wording
    if usual != "target" and any(
        (t.severity, t.metric) == (ticket.severity, metric) for t in ticket.opened.terms
    ):
        return "contract"
    targets = policy.targets(ticket.severity, ticket.opened.terms)
    return next((t.wording for t in targets if t.metric is metric and t.wording), usual)


def standing(countdown: Countdown) -> str:
    """`less than N h left`, `off hours`, `on hold`, `met`, `breached` or `ended`."""
    if countdown.phase is Phase.RUNNING and countdown.bound is not None:
        return bound_text(countdown.bound)
    return countdown.phase.value


def bound_text(bound: timedelta) -> str:
    if bound < timedelta(hours=1):
        return f"less than 1 h left, under {amount_text(bound)}"
    return f"less than {int(bound / timedelta(hours=1))} h left"


def get_help(policy: Policy) -> GetHelp:
    """The `Get help` message of a customer channel."""
    return GetHelp(policy.name, (GET_HELP,))


def _tone(ticket: Ticket, lines: tuple[PromiseLine, ...]) -> Tone:
    """The most urgent tone of the promises, or DONE once the ticket has ended."""
    if ticket.state is not State.OPEN:
        return Tone.DONE
    return max((line.tone for line in lines), key=_TONES.index, default=Tone.CALM)


def _state(ticket: Ticket) -> str:
    if ticket.state is not State.OPEN:
        return ticket.state.value
    return "on hold" if ticket.held else "open"


def _turn(ticket: Ticket, policy: Policy, for_agents: bool) -> str:
    match ticket.state:
        case State.RESOLVED if for_agents:
            return "The customer's, to close or reopen it"
        case State.RESOLVED:
            return "Yours: close it if it is solved, else reopen it"
        case State.CLOSED:
            return "Nobody's"
        case State.OPEN if ticket.customers_turn:
            return "The customer's" if for_agents else "Yours: your answer is awaited"
        case State.OPEN:
            return "Ours" if for_agents else possessive(policy.name)


def possessive(name: str) -> str:
    return f"{name}'" if name.endswith("s") else f"{name}'s"


def _owner(ticket: Ticket) -> str:
    if ticket.owner:
        return ticket.owner.name
    if ticket.acknowledged_by:
        return f"seen by {ticket.acknowledged_by.name}, not taken yet"
    return "nobody yet"


def who_works_on_it(owner: str, acknowledged_by: str) -> str:
    """Says who works on a ticket. The names are empty if nobody does."""
    if owner:
        return f"{owner} works on it"
    return f"seen by {acknowledged_by}, not taken yet" if acknowledged_by else "nobody works on it yet"


def with_clauses(says: str, clauses: Sequence[str]) -> str:
    """A sentence of the policy with its clauses, without the full stop."""
    return f"{says.strip().removesuffix('.')} ({', '.join(clauses)})"


def _hold(ticket: Ticket, for_agents: bool) -> Iterator[tuple[str, str]]:
    """Says who paused the clocks, why, and how they resume."""
    if not ticket.held:
        return
    since = ticket.holds[-1].start
    hold = next((e for e in reversed(ticket.history) if isinstance(e, Held) and e.at == since), None)
    why = f"{hold.by.name}: “{hold.reason.strip()}”" if hold else ticket.holds[-1].why
    ends = "" if for_agents else " The clocks go on as soon as you write in this ticket's thread."
    yield "On hold", why + ends


def _customer_facts(ticket: Ticket, policy: Policy, directory: Directory) -> Iterator[tuple[str, str]]:
    if not ticket.confirmed and ticket.state is State.OPEN and ticket.first_answer_at is None:
        yield "Confirmed", "not yet: proposed from your answers, an agent will confirm it"
    severity = policy.severities[ticket.severity]
    is_open = ticket.state is State.OPEN
    if severity.effort and is_open:
        yield "Effort", severity.effort
    contact = policy.plans[ticket.opened.plan].emergency_contact
    if severity.pages and contact and is_open:
        yield "Emergency contact", contact
    named = policy.plans[ticket.opened.plan].first_contact
    account = directory.settings.accounts.get(ticket.opened.account)
    person = directory.tam(account) if account and named else None
    if named and person:
        yield named.name, ", ".join(filter(None, (person.name, person.email)))


def _facts(ticket: Ticket, policy: Policy, directory: Directory) -> Iterator[tuple[str, str]]:
    opened = ticket.opened
    account = directory.settings.accounts.get(opened.account)
    plan = policy.plans[opened.plan]
    yield "Customer", f"{account.name if account else opened.account}, plan {plan.name}"
    yield "Opened by", f"{opened.by.name}, for the customer" if opened.by_agent else opened.by.name
    if ticket.confirmed:
        yield "Confirmed", "yes"
    elif ticket.state is State.OPEN:
        how = "" if ticket.first_answer_at is None else ". Take it confirms it"
        yield "Confirmed", f"not yet: {with_clauses(opened.why, [opened.clause])}{how}"
    for question in policy.triage.questions:
        given = opened.answers.get(question.id, ())
        if given:
            yield question.label, ", ".join(question.label_of(answer) for answer in given)
    if opened.exception:
        yield "Exception", opened.exception
    for note in opened.notes:
        yield "Note", note
    severity = policy.severities[ticket.severity]
    is_open = ticket.state is State.OPEN
    if severity.effort and is_open:
        yield "Effort", severity.effort
    if severity.staffed and ticket.owner is None and is_open:
        yield "Staffing", "somebody must be on it at all times, and nobody has taken it"


def _customer_buttons(ticket: Ticket) -> Iterator[Button]:
    yield Button("why", "Why?", ticket.key)
    if ticket.state is not State.CLOSED:
        yield Button("add_details", "Add details", ticket.key)
    if ticket.state is State.OPEN:
        yield Button("escalate", "Escalate", ticket.key)
    if ticket.state is not State.CLOSED:
        yield Button("close", "Close", ticket.key)
    if ticket.state is not State.OPEN:
        yield Button("reopen", "Reopen", ticket.key)


def take_button(key: str) -> Button:
    return Button("take", "Take it", key)


def _agents_buttons(ticket: Ticket, policy: Policy) -> Iterator[Button]:
    if ticket.state is not State.OPEN:
        yield Button("why", "Why?", ticket.key)
        if ticket.state is State.RESOLVED:
            yield Button("close", "Close", ticket.key)
        yield Button("reopen", "Reopen", ticket.key)
        return
    seen = bool(ticket.acknowledged_by or ticket.owner)
    if not seen:
        yield Button("acknowledge", "Acknowledge", ticket.key, Style.PRIMARY)
    yield take_button(ticket.key)
    yield Button("reply", "Reply", ticket.key, Style.PRIMARY if seen else Style.PLAIN)
    yield Button("severity", "Change severity", ticket.key)
    yield Button("update", "Update", ticket.key)
    yield Button("escalate", "Escalate", ticket.key)
    if ticket.opened.may_hold:
        if ticket.held:
            yield Button("resume", "Resume", ticket.key)
        else:
            yield Button("hold", "Hold", ticket.key)
    yield Button("resolve", "Resolve", ticket.key)
    yield Button("why", "Why?", ticket.key)
    if policy.severities[ticket.severity].milestones:
        for milestone in policy.milestones:
            if milestone.repeatable or milestone.label not in ticket.milestones:
                yield Button("milestone", milestone.label, f"{ticket.key}|{milestone.label}")


OPEN, RESOLVED, CLOSED = (state.value for state in State)


def queue_summary(ticket: Ticket, policy: Policy, now: datetime) -> QueueSummary:
    """What a queue sorts by and shows for the ticket at `now`."""
    due = next_due(ticket, policy, now)
    return QueueSummary(
        title=ticket.opened.summary,
        state=ticket.state.value,
        severity=ticket.severity,
        severity_name=policy.severities[ticket.severity].name,
        rank=list(policy.severities).index(ticket.severity),
        vendor=policy.name,
        opened_at=ticket.opened.at,
        ended_at=ticket.ended_at,
        owner=ticket.owner.name if ticket.owner else "",
        acknowledged_by=ticket.acknowledged_by.name if ticket.acknowledged_by else "",
        held=ticket.held,
        customers_turn=ticket.customers_turn,
        due=due,
        wording=wording_of(ticket, policy, due.metric) if due else "target",
    )


def queue_row(key: str, summary: QueueSummary, audience: Audience, now: datetime) -> QueueRow:
    """The row at `now`. For agents, it has a button if nobody owns the ticket."""
    for_agents = audience is Audience.AGENTS
    is_open = summary.state == OPEN
    due = _at(summary.due, now) if summary.due else None
    return QueueRow(
        key=key,
        title=summary.title,
        state="on hold" if is_open and summary.held else summary.state,
        severity=summary.severity,
        severity_name=summary.severity_name,
        turn=_next_of(summary, for_agents),
        owner=who_works_on_it(summary.owner, summary.acknowledged_by) if is_open else "",
        tone=Tone.DONE if not is_open else due.tone if due else Tone.CALM,
        promise=promise_line(due, summary.wording) if due else None,
        button=take_button(key) if for_agents and is_open and not summary.owner else None,
    )


def queue_order(entry: QueueEntry) -> tuple[bool, int, bool, datetime, datetime, str]:
    """The sort key for entries with a summary; the same order as Store.queue."""
    assert entry.summary is not None
    summary = entry.summary
    due_at = summary.due.due_at if summary.due else None
    return (
        summary.state != OPEN,
        summary.rank,
        due_at is None,
        due_at or summary.opened_at,
        summary.opened_at,
        entry.key,
    )


def _at(due: Countdown, now: datetime) -> Countdown:
    """The countdown at `now`: breached after its due instant, even before the breach is recorded."""
    if due.due_at is None or now <= due.due_at or due.phase is Phase.BREACHED:
        return due
    return replace(due, phase=Phase.BREACHED, tone=Tone.ALARM, bound=None, spent=1.0)


def _next_of(summary: QueueSummary, for_agents: bool) -> str:
    if summary.state == CLOSED:
        return "nobody's turn"
    if summary.state == RESOLVED or summary.customers_turn:
        return "the customer's turn" if for_agents else "your turn"
    return "our turn" if for_agents else f"{possessive(summary.vendor)} turn"
