"""What an opening records besides the typed words: the origin of the request, and notes for agents."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from bot.desk.desk import Desk
from bot.desk.intake.form import IntakeContext
from bot.model.address import Actor
from bot.model.api_token import API
from bot.notify.cards import without_full_stop
from bot.notify.rarity import note as rarity_note
from sla_core.events import Who
from sla_core.policy import Origin, Policy
from sla_core.triage import Proposal


def asking_for_origin(desk: Desk, intake: IntakeContext) -> IntakeContext:
    """The context whose form asks agents in triage whether the customer called, if the policy counts that."""
    if not desk.directory.is_triage(intake.place):
        return intake
    plans = (account.plan for account in intake.accounts)
    return replace(intake, asks_origin=any(Origin.PHONE in intake.policy.origins(plan) for plan in plans))


def origin_of(intake: IntakeContext, actor: Actor) -> Origin:
    """From where the request of a submitted form came."""
    return Origin.API if actor.user.platform == API else intake.origin


def opening_notes(
    policy: Policy, proposal: Proposal, earlier: Sequence[str], origin: Origin = Origin.CHAT
) -> Iterator[str]:
    """Notes for agents: a call, an overridden screening, or an unusual number of tickets of this severity."""
    if origin is Origin.PHONE:
        yield "the customer reported this by phone"
    if proposal.overrides:
        yield f"the answers override the screening: {without_full_stop(proposal.says)}"
    if earlier:
        yield rarity_note(proposal.severity, earlier, policy)


def duplicate_notes(intake: IntakeContext) -> Iterator[str]:
    """Notes for agents about possible duplicates, whatever the customer chose."""
    for each in intake.duplicates:
        yield f"it looks like {each.ticket.key} (both say {', '.join(each.words)})"


def author(words_of: str) -> Who | None:
    """The customer of a form's context: an address, a blank and a name; None if it names nobody."""
    id, _, name = words_of.partition(" ")
    return Who(id, name) if id else None
