"""The app's own page: an agent's queue, a TAM's accounts, a customer's tickets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from bot.desk import queue
from bot.desk.core import Desk, refusal
from bot.exchange import Answer, HomeOpened, Show
from bot.views import Part, Strong
from sla_core.policy import Policy, Step


async def opened(desk: Desk, act: HomeOpened) -> Answer:
    """The board of whoever looks, as it stands now; agents also see whom to call on."""
    try:
        board = await queue.board_of(desk, act.actor)
    except queue.ChannelsUnknown as why:
        return refusal(f"{why}.")
    if not desk.directory.is_agent(act.actor):
        return Show(board)
    return Show(replace(board, foot=tuple(_on_duty(desk))))


def _on_duty(desk: Desk) -> Iterator[Part]:
    """Each step of the escalation policy: who is in its rota, and whether its hours run."""
    now = desk.clock.now()
    policy = desk.directory.policy_on(now.date())
    if policy.steps:
        yield "Escalate calls these, one step after the other:"
    for step in policy.steps:
        people = ", then ".join(person.name for person in desk.directory.rota(step.role))
        yield "\n"
        yield Strong(f"{step.name}:")
        yield f" {people or 'nobody is in this rota'}{_hours(policy, step, now)}"


def _hours(policy: Policy, step: Step, now: datetime) -> str:
    """For which severities it is off hours; the plan with the longest hours counts."""
    on = [
        severity
        for severity in step.duties
        if any(policy.opens_at(plan, step, severity, now) == now for plan in policy.plans)
    ]
    if len(on) == len(step.duties):
        return ""
    return f" (off hours, except for {', '.join(on)})" if on else " (off hours)"
