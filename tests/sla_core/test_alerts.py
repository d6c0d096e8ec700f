"""Who is told of a warning, a breach or an escalation, and when again (contract.md, The TAM's DMs)."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from sla_core.events import Alerted, Answered, Event, Kind, Notified, Resolved, Who
from tests.sla_core.builders import BOB, HOUR, MINUTE, Rotas, TicketHistory, local, m3ter, opened

MORNING = local("2026-03-10 10:00")
DANA = Who("slack:T0:U0DANA", "Dana")
LEADERS = {"first_line": ["bob"], "leadership": ["mia"]}
DUTY = Rotas(LEADERS, stand_in=("eve",))


def told(history: TicketHistory) -> list[tuple[str, str, str]]:
    """When, whom and why, without what was held back."""
    return [
        (f"{(event.at - MORNING) / MINUTE:.0f}", event.person, event.why)
        for event in history.history
        if isinstance(event, Notified) and event.until is None
    ]


def an_s2(duty: Rotas = DUTY) -> TicketHistory:
    """m3ter Silver: the first response is due after four hours, the warning after three."""
    return TicketHistory(opened(MORNING), policy=m3ter(), duty=duty)


def test_the_ladder_begins_again_with_what_is_graver() -> None:
    history = an_s2()
    history.run_until(MORNING + 9 * HOUR, MORNING)
    assert told(history) == [
        ("180", "dana", ""),
        ("210", "dana", "again"),
        ("240", "eve", "backup"),
        ("240", "dana", ""),
        ("270", "dana", "again"),
        ("300", "eve", "backup"),
        ("330", "mia", "leadership"),
    ]


def test_after_recording_the_same_instant_has_nothing_more() -> None:
    history = an_s2()
    for woken in history.run_until(MORNING + 9 * HOUR, MORNING):
        assert history.wake(woken).events == ()


ANSWERS = [
    lambda at: Alerted(at, DANA, "acknowledge", "dana"),
    lambda at: Answered(at, BOB, Kind.REPLY, "We look into it."),
    lambda at: Resolved(at, BOB, "Restarted"),
]


@given(after=st.integers(181, 400), act=st.sampled_from(ANSWERS), quiet=st.integers(0, 300))
def test_nobody_is_told_twice_within_half_an_hour_nor_in_quiet_hours(
    after: int, act: object, quiet: int
) -> None:
    """Whatever happens when: each once, half an hour apart, not in quiet hours nor once it is over."""
    asleep = MORNING + quiet * MINUTE, MORNING + (quiet + 120) * MINUTE
    history = an_s2(Rotas(LEADERS, stand_in=("eve",), quiet={"dana": asleep}))
    at: datetime = MORNING + timedelta(minutes=after)
    history.run_until(at, MORNING)
    assert callable(act)
    event: Event = act(at)
    history.add(event)
    history.run_until(MORNING + 20 * HOUR, at)
    notices = [e for e in history.history if isinstance(e, Notified) and e.until is None]
    assert not any(e.person == "dana" and asleep[0] <= e.at < asleep[1] for e in notices)
    again = [e for e in notices if e.why in ("again", "backup", "leadership")]
    for one, other in pairwise(again):
        assert other.at - one.at >= 30 * MINUTE
    if isinstance(event, Resolved):
        assert all(e.of == history.history.index(event) + 1 for e in notices if e.at > at)
