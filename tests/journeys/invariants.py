"""What must hold after every simulated month (engine.md, test 1)."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot.desk.desk import Desk
from bot.desk.index import check
from bot.model.views import Audience, TicketCard
from bot.ports import Card, Message, Priority
from sla_core.engine import evaluate, promises
from sla_core.events import Breached, Event, Reopened, Warned
from sla_core.policy import Policy
from sla_core.ticket import State, Ticket, evolve, fold
from tests.harness import ACME, TRIAGE, view_text
from tests.journeys.failures import UnreliableChat
from tests.journeys.inline_sqlite import InlineSqlite, InspectableMemoryStore

AT_ONCE = timedelta(seconds=1)
"""Of the time that a process was up: within it, what is due is fired."""
MANY = 1000
"""More tickets than a month has."""


@dataclass
class Invariants:
    desk: Desk
    store: InlineSqlite | InspectableMemoryStore
    chat: UnreliableChat
    outages: Sequence[tuple[datetime, datetime]]
    """From when until when there was no process."""

    async def is_well(self, tickets: int) -> list[tuple[Event, ...]]:
        """The histories of all tickets, as many as were opened."""
        self._everything_was_said_once()
        self._is_in_order()
        wake_times = self.store.wake_times()
        assert len(wake_times) == tickets, "each opened once"
        histories = []
        for key, (wake_at, closed) in wake_times.items():
            ticket = await self.desk.ticket(key)
            assert closed == (ticket.state is State.CLOSED)
            self._kept_time(ticket, wake_at)
            await self._shows(key)
            histories.append(ticket.history)
        self._was_done_once(histories)
        await self._is_indexed()
        return histories

    async def _is_indexed(self) -> None:
        if isinstance(self.store, InlineSqlite):
            rows = await self.store.index_after("", MANY)
            checked = check(rows, self.desk.directory, self.desk.clock.now())
            assert (checked.wrong, checked.unreadable) == ([], {}), "each row is what its events say"

    def _everything_was_said_once(self) -> None:
        stored_messages = self.store.stored_messages()
        left = [
            (message.key, message.state)
            for message in stored_messages
            if message.state in ("waiting", "refused")
        ]
        assert left == [], "everything was said"
        keys = Counter(said.key for said in self.chat.posted)
        assert [key for key, times in keys.items() if times > 1] == [], "nothing was said twice"
        assert keys.keys() == {message.key for message in stored_messages if message.edits is None}, (
            "nothing is lost"
        )

    def _is_in_order(self) -> None:
        """In each channel, messages of one priority are in the order in which they were decided."""
        stands = {said.key: position for position, said in enumerate(self.chat.posted)}
        lanes: dict[tuple[str, int], list[tuple[int, int]]] = {}
        for message in self.store.stored_messages():
            if message.edits is None:
                lane = (message.lane, message.priority)
                lanes.setdefault(lane, []).append((message.turn, stands[message.key]))
        for lane, turns in lanes.items():
            positions = [position for _, position in sorted(turns)]
            assert positions == sorted(positions), lane

    def _was_done_once(self, histories: Iterable[Sequence[Event]]) -> None:
        """Every text of the people carries the envelope that it came in."""
        texts = [text for history in histories for event in history if (text := getattr(event, "text", ""))]
        assert len(texts) == len(set(texts)), "no act was done twice"

    def _kept_time(self, ticket: Ticket, wake_at: datetime | None) -> None:
        policy, now = self.desk.policy_of(ticket), self.desk.clock.now()
        again = evaluate(ticket, policy, now, self.desk.duty)
        assert again.events == (), "nothing is overdue"
        assert again.wake_at == wake_at, "it is looked at again when it next changes"
        assert wake_at is None or wake_at > now
        fired = [event for event in ticket.history if isinstance(event, Warned | Breached)]
        runs = Counter((type(event), event.run) for event in fired)
        assert set(runs.values()) <= {1}, "each is told once"
        for event in fired:
            if isinstance(event, Breached):
                assert event.at >= event.due_at, "never before its time"
            else:
                assert event.at < event.due_at, "a warning after the deadline is none"
        self._replays(ticket, policy)

    def _replays(self, ticket: Ticket, policy: Policy) -> None:
        """Event by event: the state is the recorded one's, nothing came late, no pause cost anybody time."""
        then = fold(ticket.key, ticket.history[:1])
        held: tuple[datetime, Ticket] | None = None
        ended: tuple[datetime, Ticket] | None = None
        for before, event in zip(ticket.history, ticket.history[1:], strict=False):
            assert before.at <= event.at, "in the order of time"
            told_by = self._up_before(event.at)
            if told_by > before.at:
                assert evaluate(then, policy, told_by, self.desk.duty).events == (), (
                    f"{ticket.key} late {event}"
                )
            after = evolve(then, event)
            if after.held and not then.held:
                held = event.at, then
            elif held is not None and not after.held:
                _nothing_was_lost("hold", *held, after, event.at, policy)
                held = None
            if then.state is State.OPEN and after.state is not State.OPEN:
                ended = event.at, then
            elif isinstance(event, Reopened) and ended is not None:
                _nothing_was_lost("close", *ended, after, event.at, policy)
            then = after
        assert replace(then, version=ticket.version, history=ticket.history) == ticket

    def _up_before(self, at: datetime) -> datetime:
        """The instant from which to `at` a process was up for as long as firing what is due may take."""
        left = AT_ONCE
        for down, up in reversed(self.outages[: bisect_left(self.outages, (at, at))]):
            if at - up >= left:
                break
            left -= max(at - up, timedelta(0))
            at = down
        return at - left

    async def _shows(self, key: str) -> None:
        """Both cards are what they would be if they were drawn now."""
        for audience, place in ((Audience.CUSTOMER, ACME), (Audience.AGENTS, TRIAGE)):
            stands = self.chat.by_key[f"{key}/{audience}"].view
            drawn = await self.desk.render(Message("", key, place, Card(audience), Priority.STATE))
            assert isinstance(stands, TicketCard)
            assert view_text(stands) == view_text(drawn), "each card is as it would be drawn now"


def _nothing_was_lost(
    what: str, stopped_at: datetime, stopped: Ticket, resumed: Ticket, resumed_at: datetime, policy: Policy
) -> None:
    """What remained of each promise when the clocks were stopped remains when they go on."""
    left = {p.promise_id: p.left(stopped_at) for p in promises(stopped, policy) if not p.settled}
    for promise in promises(resumed, policy):
        if promise.promise_id in left and not promise.settled:
            lost = left[promise.promise_id] - promise.left(resumed_at)
            assert not lost, f"{stopped.key} the {what} cost {promise.promise_id} {lost}"
