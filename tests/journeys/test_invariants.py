"""The checks of the simulation can fail: each fault that is planted here is found within forty months."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from bot.clock import WakeSignal
from bot.config.settings import DeskSettings
from bot.desk.desk import Desk
from bot.model.address import MessageRef, Place
from bot.model.views import Notice, View
from bot.ports import Change, ChatPlatform, Clock, Outgoing
from bot.runtime import delivery
from sla_core import engine, promise
from sla_core.calendar import BusinessCalendar
from sla_core.events import Event
from sla_core.policy import Amount
from sla_core.promise import Promise
from sla_core.ticket import Gap, Ticket
from tests.journeys.inline_sqlite import InspectableMemoryStore
from tests.journeys.simulation import RunSize, Simulation

MINUTE = timedelta(minutes=1)
MONTHS = 40


def oversleeps(patch: pytest.MonkeyPatch) -> None:
    wait = WakeSignal.wait

    async def late(
        self: WakeSignal, clock: Clock, until: datetime | None, within: timedelta | None = None
    ) -> None:
        await wait(self, clock, until and until + timedelta(seconds=2), within)

    patch.setattr(WakeSignal, "wait", late)


def is_hasty(patch: pytest.MonkeyPatch) -> None:
    due = engine._due_promises

    def early(ticket: Ticket, running: Sequence[Promise], now: datetime) -> list[Event]:
        return [replace(event, at=now) for event in due(ticket, running, now + MINUTE)]

    patch.setattr(engine, "_due_promises", early)


def shortens_pauses(patch: pytest.MonkeyPatch) -> None:
    due = promise.due

    def stingy(
        calendar: BusinessCalendar, start: datetime, amount: Amount, gaps: Sequence[Gap] = ()
    ) -> datetime | None:
        shorter = [replace(gap, end=gap.end and max(gap.start, gap.end - MINUTE)) for gap in gaps]
        return due(calendar, start, amount, shorter)

    patch.setattr(promise, "due", stingy)


def counts_closed_time(patch: pytest.MonkeyPatch) -> None:
    due = promise.due

    def through(
        calendar: BusinessCalendar, start: datetime, amount: Amount, gaps: Sequence[Gap] = ()
    ) -> datetime | None:
        return due(calendar, start, amount, [gap for gap in gaps if gap.why != "resolved"])

    patch.setattr(promise, "due", through)


def says_it_again(patch: pytest.MonkeyPatch) -> None:
    async def nowhere(platform: ChatPlatform, outgoing: Outgoing) -> None:
        return None

    patch.setattr(delivery, "_find_earlier_try", nowhere)


def swallows_replies(patch: pytest.MonkeyPatch) -> None:
    spoken = delivery._post_or_edit

    async def some(platform: ChatPlatform, outgoing: Outgoing, view: View) -> MessageRef:
        message = outgoing.message
        is_edited_later = isinstance(message.content, Notice) and message.content.buttons
        if message.key.endswith("/customer/said") and not is_edited_later:
            assert isinstance(message.to, Place)
            return MessageRef(message.to, "0")
        return await spoken(platform, outgoing, view)

    patch.setattr(delivery, "_post_or_edit", some)


def leaves_cards_alone(patch: pytest.MonkeyPatch) -> None:
    decided = Desk._change_of

    def undrawn(
        self: Desk, after: Ticket, events: Sequence[Event], now: datetime, before: Ticket | None = None
    ) -> Change:
        change = decided(self, after, events, now, before)
        said = tuple(message for message in change.messages if message.edits is None)
        return replace(change, messages=said)

    patch.setattr(Desk, "_change_of", undrawn)


def wakes_whenever(patch: pytest.MonkeyPatch) -> None:
    decided = Desk._change_of

    def late(
        self: Desk, after: Ticket, events: Sequence[Event], now: datetime, before: Ticket | None = None
    ) -> Change:
        change = decided(self, after, events, now, before)
        return replace(change, wake_at=change.wake_at and change.wake_at + timedelta(seconds=2))

    patch.setattr(Desk, "_change_of", late)


@pytest.mark.parametrize(
    ("planted", "found"),
    [
        (oversleeps, "late"),
        (is_hasty, "never before its time"),
        (shortens_pauses, "the (hold|close) cost"),
        (counts_closed_time, "the close cost"),
        (says_it_again, "nothing was said twice|each act is taken in the end"),
        (swallows_replies, "nothing is lost"),
        (leaves_cards_alone, "each card is as it would be drawn now"),
        (wakes_whenever, "late"),
    ],
)
def test_each_invariant_detects_its_violation(
    desk_settings: DeskSettings,
    monkeypatch: pytest.MonkeyPatch,
    planted: Callable[[pytest.MonkeyPatch], None],
    found: str,
) -> None:
    planted(monkeypatch)
    with pytest.raises(AssertionError, match=found):
        _lives(desk_settings)


def _lives(desk_settings: DeskSettings) -> None:
    for seed in range(MONTHS):
        Simulation(desk_settings, seed, RunSize(tickets=8), InspectableMemoryStore()).run()
