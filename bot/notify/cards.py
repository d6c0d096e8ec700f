"""Renders a ticket at an instant: the customer's card, the agents' card, a row of a queue."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from bot.config.alarms import is_monitoring
from bot.config.directory import Directory
from bot.model.facts import lines_of
from bot.model.queue import QueueEntry, QueueSummary
from bot.model.views import (
    Audience,
    Button,
    GetHelp,
    LastWords,
    Menu,
    PromiseLine,
    QueueRow,
    Style,
    TicketCard,
)
from bot.notify import emergency_texts, history
from sla_core.engine import countdowns, promises, targets_of
from sla_core.events import CustomerWrote, Escalated, Held
from sla_core.policy import Metric, Policy
from sla_core.promise import Countdown, Phase, Promise, Tone
from sla_core.ticket import State, Ticket
from sla_core.triage import ShownAt

METRIC_NAMES = {
    Metric.FIRST_RESPONSE: "First response",
    Metric.ASSIGNMENT: "Assignment",
    Metric.NEXT_UPDATE: "Next update",
    Metric.DIAGNOSIS: "Diagnosis",
    Metric.WORKAROUND: "Workaround",
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
        _with_misses(ticket, countdown, promise_line(countdown, wording_of(ticket, policy, countdown.metric)))
        for countdown in shown
    )
    severity = policy.severities[ticket.severity]
    for_agents = audience is Audience.AGENTS
    buttons, menus = (
        _agents_buttons(ticket, policy, now) if for_agents else (tuple(_customer_buttons(ticket, policy)), ())
    )
    return TicketCard(
        key=ticket.key,
        audience=audience,
        title=ticket.opened.summary,
        state=_state(ticket),
        severity=severity_text(ticket, policy),
        severity_name=severity.name_beside,
        next_up=next_up(ticket.state, ticket.customers_turn, policy.name, for_agents),
        owner=_owner(ticket, for_agents),
        tone=_tone(ticket, lines),
        promises=lines,
        about=tuple(_about(ticket, policy, directory)) if for_agents else (),
        facts=(
            *_hold(ticket, for_agents),
            *_severity_changed(ticket, policy),
            *emergency_texts.facts(ticket),
            *(_facts if for_agents else _customer_facts)(ticket, policy, directory, now),
        ),
        contact=() if for_agents else emergency_texts.contact_on_card(ticket, policy, directory, now),
        last_words=_last_words(ticket) if for_agents else None,
        details=ticket.opened.details,
        answers=tuple(_answers(ticket, policy)),
        note=() if lines or ticket.state is not State.OPEN else (f"{severity.source.says}",),
        buttons=buttons,
        menus=menus,
        history=history.recent_lines(ticket, policy, directory.settings.people) if for_agents else (),
        earlier=history.count_earlier(ticket) if for_agents else 0,
        drawn_at=now,
    )


def next_due(ticket: Ticket, policy: Policy, now: datetime) -> Countdown | None:
    """The countdown of the unsettled promise that is due first; promises on hold come last."""
    both = zip(promises(ticket, policy), countdowns(ticket, policy, now), strict=True)
    unsettled = [shown for promise, shown in both if not promise.settled]
    return min(unsettled, key=lambda shown: (shown.due_at is None, shown.due_at or now), default=None)


def promise_line(countdown: Countdown, wording: str) -> PromiseLine:
    """The line of one promise on a card. `wording` is what the vendor calls the promise."""
    standing, at, then = _standing(countdown)
    return PromiseLine(
        label=METRIC_NAMES[countdown.metric] + ("" if wording == "target" else f" ({wording})"),
        standing=standing,
        phase=countdown.phase,
        tone=countdown.tone,
        spent=countdown.spent,
        due_at=countdown.due_at,
        goal_at=countdown.goal_at,
        note="counted from the change of severity" if countdown.rebased else None,
        standing_at=at,
        then=then,
    )


def _with_misses(ticket: Ticket, countdown: Countdown, line: PromiseLine) -> PromiseLine:
    """The line of a silence clock that was missed says how often: the clock itself runs again."""
    missed = ticket.missed_updates if countdown.metric is Metric.NEXT_UPDATE else 0
    if not missed:
        return line
    return replace(line, note=f"missed {'once' if missed == 1 else f'{missed} times'} since our last message")


def wording_of(ticket: Ticket, policy: Policy, metric: Metric) -> str:
    """What the vendor calls a promise: by an order form its name for it, or `contract` for an aim or a goal.

    A due date set by an agent is always a `target`.
    """
    if metric is Metric.DUE_DATE:
        return "target"
    usual = policy.plans[ticket.opened.plan].wording
    terms = [t for t in ticket.opened.terms if (t.severity, t.metric) == (ticket.severity, metric)]
    if terms and (terms[-1].name or usual != "target"):
        return terms[-1].name or "contract"
    targets = targets_of(ticket, policy, ticket.severity)
    return next((t.wording for t in targets if t.metric is metric and t.wording), usual)


def _standing(countdown: Countdown) -> tuple[str, datetime | None, str]:
    """What PromiseLine calls `standing`, `standing_at` and `then`."""
    left = bound_text(countdown.bound, countdown.pauses) if countdown.bound is not None else ""
    match countdown.phase:
        case Phase.RUNNING if left:
            return left, None, ""
        case Phase.PAUSED if countdown.resumes_at is not None:
            return "paused until", countdown.resumes_at, f"then {left}"
        case Phase.PAUSED:
            return "paused", None, ""
        case Phase.BREACHED if countdown.met_at is not None and countdown.due_at is not None:
            return "breached", None, f"answered {duration(countdown.met_at - countdown.due_at)} late"
        case Phase.MET:
            return "met", countdown.met_at, ""
        case phase:
            return phase.value, None, ""


def bound_text(bound: timedelta, pauses: bool = False) -> str:
    """`less than 4 h left`; in support hours if the clock pauses on the way (`pauses`)."""
    if bound < timedelta(hours=1):
        return f"less than {int(bound / timedelta(minutes=1))} min left"
    hours = int(bound / timedelta(hours=1))
    unit = ("support hour" if hours == 1 else "support hours") if pauses else "h"
    return f"less than {hours} {unit} left"


def duration(length: timedelta) -> str:
    """`3 h`, `1 h 5 min`, `2 days`; `less than a minute`."""
    minutes = int(length.total_seconds()) // 60
    if minutes >= 48 * 60:
        return f"{minutes // (24 * 60)} days"
    parts = ((minutes // 60, "h"), (minutes % 60, "min"))
    return " ".join(f"{count} {unit}" for count, unit in parts if count) or "less than a minute"


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


def severity_text(ticket: Ticket, policy: Policy) -> str:
    """What people read of the severity, marked as proposed until an agent confirmed it."""
    shown = policy.shown(ticket.severity)
    return shown if ticket.confirmed else f"{shown} (proposed)"


def next_up(state: State, customers_turn: bool, vendor: str, for_agents: bool) -> str:
    """Whose turn it is; empty once the ticket is closed."""
    match state:
        case State.CLOSED:
            return ""
        case State.RESOLVED:
            return "the customer, to close or reopen it" if for_agents else "you, please close or reopen it"
        case State.OPEN if customers_turn:
            return "the customer" if for_agents else "you, please reply"
        case State.OPEN:
            return vendor


def owner_text(owner: str, acknowledged_by: str) -> str:
    """The owner's name, else `unassigned` and who has seen the ticket. Names are empty if nobody did."""
    if owner:
        return owner
    return f"unassigned, seen by {acknowledged_by}" if acknowledged_by else "unassigned"


def _owner(ticket: Ticket, for_agents: bool) -> str:
    owner, seen_by = ticket.owner, ticket.acknowledged_by
    off_duty = " (off duty)" if for_agents and ticket.handover and ticket.state is State.OPEN else ""
    return owner_text(f"{owner.name}{off_duty}" if owner else "", seen_by.name if seen_by else "")


def without_full_stop(says: str) -> str:
    """A sentence of the policy to be continued."""
    return says.strip().removesuffix(".")


def _hold(ticket: Ticket, for_agents: bool) -> Iterator[tuple[str, str]]:
    """Says who paused the clocks, why, and how they resume."""
    if not ticket.held:
        return
    since = ticket.holds[-1].start
    hold = next((e for e in reversed(ticket.history) if isinstance(e, Held) and e.at == since), None)
    why = f"{hold.by.name}: “{hold.reason.strip()}”" if hold else ticket.holds[-1].why
    ends = "" if for_agents else " Its deadlines are paused until you write in this ticket's thread."
    yield "On hold", why + ends


def _severity_changed(ticket: Ticket, policy: Policy) -> Iterator[tuple[str, str]]:
    """Says how the severity changed last, and if it was for a workaround or had been misjudged (CUP-8)."""
    if len(ticket.severities) < 2:
        return
    before, now = policy.shown(ticket.severities[-2][1]), policy.shown(ticket.severity)
    last = history.last_severity_change(ticket)
    if ticket.downgraded_from is not None:
        yield "Workaround", f"lowered the severity from {before} to {now}"
    elif last is not None and last.misjudged:
        yield "Severity corrected", f"{last.by.name} changed it from {before} to {now}: it never was {before}"
    elif last is not None:
        yield "Severity changed", f"{last.by.name} changed it from {before} to {now}"


def _customer_facts(
    ticket: Ticket, policy: Policy, directory: Directory, now: datetime
) -> Iterator[tuple[str, str]]:
    severity = policy.severities[ticket.severity]
    is_open = ticket.state is State.OPEN
    if severity.effort and is_open:
        yield "", severity.effort
    yield from history.escalation(ticket, policy)
    yield from history.call(ticket, policy, directory.settings.people)
    if is_open and (recommended := policy.plans[ticket.opened.plan].recommended_call(ticket.severity)):
        yield "Phone", recommended
    contact = policy.plans[ticket.opened.plan].emergency_contact
    if severity.pages and contact and is_open:
        yield "Emergency contact", contact
    if is_open and (peak := policy.peak_at(now)):
        yield "", peak.says
    yield from lines_of(ticket, policy, ShownAt.CARD, now)


def can_request_call(ticket: Ticket, policy: Policy) -> bool:
    """Whether there are calls on request, and no request for one waits for somebody to take it."""
    waits = ticket.call_requested is not None and ticket.caller is None
    calls = policy.plans[ticket.opened.plan].calls_for(ticket.severity)
    return calls is not None and calls.on_request and ticket.state is State.OPEN and not waits


def _about(ticket: Ticket, policy: Policy, directory: Directory) -> Iterator[str]:
    """Account, plan, TAM, opener."""
    opened = ticket.opened
    account = directory.settings.accounts.get(opened.account)
    tam = directory.tam(account) if account else None
    yield account.name if account else opened.account
    yield policy.plans[opened.plan].name
    if tam:
        yield f"TAM {tam.name}"
    architect = directory.solution_architect(account) if account else None
    if architect:
        yield f"Solution Architect {architect.name}"
    whose = opened.words_of.name if opened.words_of else "the customer"
    yield f"opened by {opened.by.name} for {whose}" if opened.by_agent else f"opened by {opened.by.name}"


def _last_words(ticket: Ticket) -> LastWords | None:
    """What the customer wrote last after the opening; None if that is nothing."""
    for event in reversed(ticket.history):
        match event:
            case CustomerWrote() if is_monitoring(event.by):
                continue
            case CustomerWrote(by_agent=False, text=text) | Escalated(by_agent=False, reason=text) if (
                text.strip()
            ):
                return LastWords(event.by.name, event.at, text)
    return None


def _answers(ticket: Ticket, policy: Policy) -> Iterator[tuple[str, str]]:
    for question in policy.triage.questions:
        given = ticket.opened.answers.get(question.id, ())
        if given:
            yield question.label, ", ".join(question.label_of(answer) for answer in given)


def _facts(ticket: Ticket, policy: Policy, directory: Directory, now: datetime) -> Iterator[tuple[str, str]]:
    opened = ticket.opened
    is_open = ticket.state is State.OPEN
    if not ticket.confirmed and is_open:
        how = "" if ticket.first_answer_at is None else "; Take it confirms the severity"
        yield "Proposed because", f"{without_full_stop(opened.why)}{how}"
    if opened.exception:
        yield "Exception", opened.exception
    if ticket.rating is not None:
        yield "Rating", history.rated(ticket.rating)
    for note in opened.notes:
        yield "Note", note
    yield from history.call(ticket, policy, directory.settings.people)
    severity = policy.severities[ticket.severity]
    if severity.effort and is_open:
        yield "", severity.effort
    if severity.staffed and is_open and (ticket.owner is None or ticket.handover is not None):
        yield "Staffing", "this needs an owner on duty at all times, and nobody has taken it"
    yield from emergency_texts.freeze_fact(ticket, policy, now)
    yield from lines_of(ticket, policy, ShownAt.AGENTS, now)


def _customer_buttons(ticket: Ticket, policy: Policy) -> Iterator[Button]:
    yield Button("why", "Why?", ticket.key)
    if ticket.state is not State.CLOSED:
        yield Button("add_details", "Add details", ticket.key)
    if ticket.state is State.OPEN:
        yield Button("escalate", "Escalate", ticket.key)
    if can_request_call(ticket, policy):
        yield Button("call_request", "Request a call", ticket.key)
    if ticket.state is not State.CLOSED:
        yield Button("close", "Close", ticket.key)
    if ticket.state is not State.OPEN:
        yield Button("reopen", "Reopen", ticket.key)


def take_button(key: str) -> Button:
    return Button("take", "Take it", key)


def _agents_buttons(
    ticket: Ticket, policy: Policy, now: datetime
) -> tuple[tuple[Button, ...], tuple[Menu, ...]]:
    """At most five buttons, and the menus with everything else."""
    key = ticket.key
    why = Button("why", "Why?", key)
    services = _services_button(ticket, policy)
    if ticket.state is not State.OPEN:
        close = (Button("close", "Close", key),) if ticket.state is State.RESOLVED else ()
        return (*close, Button("reopen", "Reopen", key), *services, why), ()
    seen = bool(ticket.acknowledged_by or ticket.owner)
    acknowledge = Button("acknowledge", "Acknowledge", key, Style.PRIMARY)
    buttons = (
        take_button(key) if seen else acknowledge,
        Button("reply", "Reply", key, Style.PRIMARY if seen else Style.PLAIN),
        Button("update", "Update", key),
        Button("resolve", "Resolve", key),
        Button("escalate", "Escalate", key),
    )
    hold = Button("resume", "Resume", key) if ticket.held else Button("hold", "Hold", key)
    more = (
        *(() if seen else (take_button(key),)),
        Button("assign", "Assign", key),
        Button("severity", "Change severity", key),
        *((hold,) if ticket.opened.may_hold else ()),
        *services,
        why,
    )
    menus = (
        Menu("More", more),
        Menu("Milestone", tuple(_milestones(ticket, policy, now))),
        Menu("Mitigation", tuple(_mitigations(ticket, policy))),
    )
    return buttons, tuple(menu for menu in menus if menu.buttons)


def _services_button(ticket: Ticket, policy: Policy) -> tuple[Button, ...]:
    """Disabled services can be enabled whatever became of the ticket."""
    if ticket.services_disabled:
        return (Button("services_enabled", "Services enabled", ticket.key),)
    may = policy.severities[ticket.severity].disables_services and ticket.state is State.OPEN
    return (Button("services_disabled", "Services disabled", ticket.key),) if may else ()


def _milestones(ticket: Ticket, policy: Policy, now: datetime) -> Iterator[Button]:
    """During a code freeze, its milestone asks first, and stands on every ticket that is not urgent."""
    frozen = policy.freeze_at(now)
    asks = frozen[0].milestone if frozen and ticket.severity not in frozen[0].urgent else None
    for milestone in policy.milestones:
        offered = policy.severities[ticket.severity].milestones or milestone.label == asks
        if offered and (milestone.repeatable or milestone.label not in ticket.milestones):
            action = "frozen_milestone" if milestone.label == asks else "milestone"
            yield Button(action, milestone.label, f"{ticket.key}|{milestone.label}")


def _mitigations(ticket: Ticket, policy: Policy) -> Iterator[Button]:
    """What has not been done, the next one first."""
    if policy.severities[ticket.severity].mitigations:
        for each in policy.mitigations:
            if each.repeatable or each.label not in ticket.mitigations:
                yield Button("mitigation", each.label, f"{ticket.key}|{each.label}")


OPEN, RESOLVED, CLOSED = (state.value for state in State)


def queue_summary(ticket: Ticket, policy: Policy, now: datetime) -> QueueSummary:
    """What a queue sorts by and shows for the ticket at `now`."""
    due, running = next_due(ticket, policy, now), promises(ticket, policy)
    severity = policy.severities[ticket.severity]
    return QueueSummary(
        title=ticket.opened.summary,
        state=ticket.state.value,
        severity=ticket.severity,
        severity_name=severity.name,
        severity_shown=severity.shown_name or "",
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
        kept=tuple(_kept(running)),
        missed=tuple(sorted(ticket.breached.values())),
        owner_id=ticket.owner.id if ticket.owner else "",
        opened_by=ticket.opener.id if ticket.opener else "",
        answered=ticket.first_answer_at is not None,
        running=tuple(each.metric.value for each in running if not each.settled),
    )


def _kept(running: Iterable[Promise]) -> Iterator[datetime]:
    """When each promise was met in time. A silence clock is kept by every answer, so it is not counted."""
    for promise in running:
        if promise.met_at and (promise.due_at is None or promise.met_at <= promise.due_at):
            yield promise.met_at


def queue_row(key: str, summary: QueueSummary, audience: Audience, now: datetime) -> QueueRow:
    """The row at `now`. For agents, it has a button if nobody owns the ticket."""
    for_agents = audience is Audience.AGENTS
    is_open = summary.state == OPEN
    due = _at(summary.due, now) if summary.due else None
    return QueueRow(
        key=key,
        title=summary.title,
        state="on hold" if is_open and summary.held else summary.state,
        severity=summary.severity_shown or summary.severity,
        severity_name="" if summary.severity_shown else summary.severity_name,
        next_up=next_up(State(summary.state), summary.customers_turn, summary.vendor, for_agents),
        owner=owner_text(summary.owner, summary.acknowledged_by) if is_open else "",
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
    return replace(due, phase=Phase.BREACHED, tone=Tone.ALARM, bound=None, spent=1.0, resumes_at=None)
