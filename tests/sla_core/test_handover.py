"""A ticket that needs somebody on duty passes to the next person at the end of a turn (M3-17)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from sla_core.calendar import Span
from sla_core.engine import evaluate
from sla_core.events import (
    Acknowledged,
    Alerted,
    Answered,
    Closed,
    Event,
    Handover,
    Held,
    Kind,
    Paged,
    Reopened,
    Resolved,
    Resumed,
    SeverityChanged,
    Taken,
    Who,
)
from sla_core.oncall import Overrides, Rotation, Shift, TimedRota
from sla_core.policy import Policy
from sla_core.ticket import Ticket, fold
from tests.sla_core.builders import ANN, BERLIN, BOB, HOUR, MINUTE, Rotas, local, m3ter, opened

NINE = local("2026-03-10 09:00")
"""A Tuesday. Bob's turn of eight hours begins, then Eve's, then Kim's."""
EVE, KIM = Who("slack:T0:U0EVE", "Eve"), Who("slack:T0:U0KIM", "Kim")
LEE = Who("slack:T0:U0LEE", "Lee")
"""An agent in no rota."""


def rotation(*people: str, hours: float = 8, overrides: Sequence[Shift] = ()) -> TimedRota:
    starts = datetime.fromisoformat("2026-03-10T09:00")
    layer = Rotation(people, ZoneInfo(BERLIN), starts, timedelta(hours=hours))
    return TimedRota((layer,), ZoneInfo(BERLIN), Overrides(tuple(overrides)))


def shifts(first_line: TimedRota | None = None, **roles: Sequence[str]) -> Rotas:
    """The first line takes turns; leadership is Mia. The TAM is Dana."""
    rota = first_line or rotation("bob", "eve", "kim")
    return Rotas({"leadership": ["mia"], **roles}, rotations={"first_line": rota})


class Night:
    """A ticket that the engine wakes exactly when it asks for it."""

    def __init__(self, *history: Event, rotas: Rotas | None = None, policy: Policy | None = None) -> None:
        self.history: list[Event] = [opened(NINE, "S1", "gold"), *history]
        self.rotas, self.policy = rotas or shifts(), policy or m3ter()

    @property
    def ticket(self) -> Ticket:
        return fold("ACME-1", self.history)

    def run(self, until: timedelta, *acts: Event) -> list[str]:
        """What was asked for and who was paged after the first hour, as `hours:minutes what`."""
        now, end, waiting = self.history[-1].at, NINE + until, sorted(acts, key=lambda act: act.at)
        for _ in range(2000):
            found = evaluate(self.ticket, self.policy, now, self.rotas)
            self.history += found.events
            again = evaluate(self.ticket, self.policy, now, self.rotas)
            assert again.events == (), "evaluating again returns no events"
            wake = again.wake_at
            assert wake is None or wake > now, "the next wake is ahead"
            if waiting and waiting[0].at <= min(wake or end, end):
                now = waiting[0].at
                self.history.append(waiting.pop(0))
            elif wake is None or wake > end:
                return self.told()
            else:
                now = wake
        raise AssertionError("it never comes to rest")

    def told(self) -> list[str]:
        return [
            f"{_since(event.at)} {_what(event)}"
            for event in self.history
            if isinstance(event, Paged | Handover) and event.at >= NINE + HOUR
        ]


def _since(at: datetime) -> str:
    minutes = int((at - NINE) / MINUTE)
    return f"{minutes // 60}:{minutes % 60:02}"


def _what(event: Paged | Handover) -> str:
    if isinstance(event, Paged):
        return event.person or "nobody"
    return f"{event.owner.name} is {'on duty' if event.step is None else 'off duty'}"


TAKEN = Taken(NINE + MINUTE, BOB)


def test_at_the_end_of_the_owners_turn_the_next_person_is_asked_to_take_over() -> None:
    """M3-17: paged again, then the next of the rota without the owner, then the next steps."""
    night = Night(TAKEN)
    assert night.run(8 * HOUR + 31 * MINUTE) == [
        *("8:00 Bob is off duty", "8:00 eve", "8:05 eve", "8:10 kim", "8:15 kim"),
        *("8:20 mia", "8:25 mia", "8:30 mia", "8:30 dana"),
    ]
    assert night.ticket.owner == BOB


@pytest.mark.parametrize("takes", [Taken(NINE + 482 * MINUTE, EVE), None])
def test_whoever_takes_it_or_answers_the_customer_owns_it_until_the_end_of_their_turn(
    takes: Event | None,
) -> None:
    night = Night(TAKEN)
    act = takes or Answered(NINE + 482 * MINUTE, EVE, Kind.UPDATE, "Still on it")
    told = night.run(16 * HOUR + MINUTE, act)
    assert told == ["8:00 Bob is off duty", "8:00 eve", "16:00 Eve is off duty", "16:00 kim"]
    assert night.ticket.owner == EVE


def test_an_acknowledged_page_waits_for_the_end_of_that_turn_and_leaves_the_owner() -> None:
    night = Night(TAKEN)
    seen = Alerted(NINE + 482 * MINUTE, EVE, "acknowledge", "eve", page=True)
    told = night.run(16 * HOUR + MINUTE, seen)
    assert told == ["8:00 Bob is off duty", "8:00 eve", "16:00 Bob is off duty", "16:00 kim"]
    assert night.ticket.owner == BOB


def test_an_owner_who_stays_has_it_until_the_end_of_the_next_turn() -> None:
    """Bob goes on after his turn: by an answer, or by pressing `Take it` again."""
    for stays in (Answered(NINE + 482 * MINUTE, BOB, Kind.REPLY, "I stay"), Taken(NINE + 482 * MINUTE, BOB)):
        told = Night(TAKEN).run(16 * HOUR + MINUTE, stays)
        assert told == ["8:00 Bob is off duty", "8:00 eve", "16:00 Bob is off duty", "16:00 kim"]


def test_an_owner_with_the_next_turn_too_keeps_it() -> None:
    rotas = shifts(rotation("bob", "bob", "eve"))
    assert Night(TAKEN, rotas=rotas).run(16 * HOUR) == ["16:00 Bob is off duty", "16:00 eve"]
    assert Night(TAKEN, rotas=shifts(rotation("bob", hours=1))).run(40 * HOUR) == []


def test_an_override_in_the_middle_of_a_turn_asks_for_the_handover() -> None:
    """Kim stands in from hour 2 to 3 and takes it; then Bob is on duty again, and is asked."""
    stand_in = Shift("kim", Span(NINE + 2 * HOUR, NINE + 3 * HOUR))
    rotas = shifts(rotation("bob", "eve", overrides=[stand_in]))
    took = Taken(NINE + 2 * HOUR + MINUTE, KIM)
    assert Night(TAKEN, rotas=rotas).run(3 * HOUR, took) == [
        *("2:00 Bob is off duty", "2:00 kim", "3:00 Kim is off duty", "3:00 bob"),
    ]


def test_nobody_is_asked_any_more_once_the_owner_is_on_duty_again() -> None:
    """Nobody took it during the override, so it is Bob's as before."""
    stand_in = Shift("kim", Span(NINE + 2 * HOUR, NINE + 2 * HOUR + 7 * MINUTE))
    rotas = shifts(rotation("bob", "eve", overrides=[stand_in]))
    night = Night(TAKEN, rotas=rotas)
    told = night.run(8 * HOUR)
    assert told[:3] == ["2:00 Bob is off duty", "2:00 kim", "2:05 kim"]
    assert told[3:] == ["2:07 Bob is on duty", "8:00 Bob is off duty", "8:00 eve"]


def test_a_gap_in_the_rota_goes_on_to_the_next_step() -> None:
    gap = Shift(None, Span(NINE + 2 * HOUR, NINE + 4 * HOUR))
    rotas = shifts(rotation("bob", overrides=[gap]), second_line=["lou"])
    assert Night(TAKEN, rotas=rotas).run(2 * HOUR) == ["2:00 Bob is off duty", "2:00 lou"]


def test_lists_never_end_and_an_agent_in_no_rota_is_never_relieved() -> None:
    rotas = Rotas({"first_line": ["bob", "eve"], "leadership": ["mia"]})
    assert Night(TAKEN, rotas=rotas).run(100 * HOUR) == []
    by_lee = Taken(NINE + MINUTE, LEE)
    assert Night(by_lee).run(100 * HOUR) == []
    in_the_list = shifts(second_line=["lee"])
    assert Night(by_lee, rotas=in_the_list).run(100 * HOUR) == []


def test_a_turn_counts_although_its_owner_is_also_in_a_list() -> None:
    """As in the example of docs/configuration.md: Bob takes turns in the first line and is second line."""
    rotas = shifts(second_line=["eve", "bob"])
    assert Night(TAKEN, rotas=rotas).run(8 * HOUR) == ["8:00 Bob is off duty", "8:00 eve"]


def test_whoever_takes_it_off_duty_has_it_until_the_end_of_the_turn() -> None:
    """Kim takes it in Bob's turn, Eve in Bob's too; Eve's own turn is next."""
    assert Night(Taken(NINE + MINUTE, KIM)).run(8 * HOUR) == ["8:00 Kim is off duty", "8:00 eve"]
    told = Night(Taken(NINE + MINUTE, EVE)).run(16 * HOUR)
    assert told == ["16:00 Eve is off duty", "16:00 kim"]


def test_somebody_who_only_acknowledged_is_relieved_too() -> None:
    """Never unassigned: an answered page without an owner passes on as well."""
    seen = Alerted(NINE + MINUTE, BOB, "acknowledge", "bob", page=True)
    assert Night(seen).run(8 * HOUR) == ["8:00 Bob is off duty", "8:00 eve"]
    again = Alerted(NINE + 481 * MINUTE, EVE, "acknowledge", "eve", page=True)
    told = Night(Acknowledged(NINE + MINUTE, BOB)).run(16 * HOUR, again)
    assert told == ["8:00 Bob is off duty", "8:00 eve", "16:00 Eve is off duty", "16:00 kim"]


def test_only_a_class_that_is_worked_on_without_pause_is_handed_over() -> None:
    policy = m3ter()
    s1 = replace(policy.severities["S1"], staffed=False)
    other = replace(policy, severities={**policy.severities, "S1": s1})
    assert Night(TAKEN, policy=other).run(100 * HOUR) == []
    lowered = SeverityChanged(NINE + 2 * HOUR, BOB, "S2", "works again")
    assert Night(TAKEN, lowered).run(100 * HOUR) == []


def test_a_ticket_that_becomes_one_off_duty_is_handed_over_at_once() -> None:
    lowered, raised = (
        SeverityChanged(NINE + hours * HOUR, LEE, severity, "so it is")
        for hours, severity in ((2, "S2"), (9, "S1"))
    )
    told = Night(TAKEN, lowered).run(9 * HOUR + MINUTE, raised)
    assert told[0] == "9:00 Bob is off duty"
    assert [line for line in told[1:] if line.endswith("eve")] == ["9:00 eve"], "one page, though two ask"


@pytest.mark.parametrize(
    ("ends", "begins"),
    [
        (Held(NINE + 2 * HOUR, BOB, "their logs"), Resumed(NINE + 9 * HOUR, ANN)),
        (Resolved(NINE + 2 * HOUR, BOB, "fixed"), Reopened(NINE + 9 * HOUR, ANN)),
        (Closed(NINE + 2 * HOUR, ANN), Reopened(NINE + 9 * HOUR, ANN)),
    ],
)
def test_on_hold_resolved_or_closed_nobody_has_to_be_on_duty(ends: Event, begins: Event) -> None:
    answered = Answered(NINE + 2 * MINUTE, BOB, Kind.REPLY, "On it")
    assert Night(TAKEN, answered).run(30 * HOUR, ends) == []
    told = Night(TAKEN, answered).run(9 * HOUR, ends, begins)
    assert told == ["9:00 Bob is off duty", "9:00 eve"]


def test_a_hold_in_the_middle_of_a_handover_stops_its_pages() -> None:
    held, resumed = Held(NINE + 481 * MINUTE, LEE, "their logs"), Resumed(NINE + 10 * HOUR, ANN)
    told = Night(TAKEN).run(10 * HOUR, held, resumed)
    assert told == ["8:00 Bob is off duty", "8:00 eve", "10:00 eve"]


def test_a_desk_that_was_down_at_the_end_of_the_turn_asks_once_when_it_is_back() -> None:
    night = Night(TAKEN)
    found = evaluate(night.ticket, night.policy, NINE + 9 * HOUR, night.rotas)
    assert [_what(event) for event in found.events if isinstance(event, Paged | Handover)] == [
        *("Bob is off duty", "eve"),
    ]
    back_on_duty = evaluate(night.ticket, night.policy, NINE + 25 * HOUR, night.rotas)
    assert not any(isinstance(event, Paged | Handover) for event in back_on_duty.events)


def test_a_rota_that_changes_is_seen_within_the_hour() -> None:
    """The instant of the next wake is stored, but a calendar may be edited meanwhile."""
    night = Night(TAKEN)
    wake = evaluate(night.ticket, night.policy, NINE + 3 * HOUR, night.rotas).wake_at
    assert wake is not None
    assert NINE + 3 * HOUR < wake <= NINE + 4 * HOUR
    edited = shifts(rotation("bob", "eve", hours=3.5))
    found = evaluate(night.ticket, night.policy, wake, edited)
    assert [_what(each) for each in found.events if isinstance(each, Paged | Handover)] == [
        *("Bob is off duty", "eve"),
    ]
