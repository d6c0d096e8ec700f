"""Who is paged when, to the second, until somebody answers (contract.md, Paging)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from sla_core.events import (
    Acknowledged,
    Alerted,
    Answered,
    Closed,
    Escalated,
    Event,
    Kind,
    Paged,
    Reopened,
    SeverityChanged,
    Taken,
    Who,
)
from sla_core.paging import DELEGATED, due_pages, next_page_at, next_step, reached_step
from sla_core.policy import Duty, Mode, Policy, Step
from sla_core.ticket import fold
from tests.sla_core.builders import ANN, BOB, HOUR, MINUTE, SOURCE, Rotas, local, m3ter, opened

TEN = local("2026-03-10 10:00")
"""A Tuesday, within everybody's hours."""
ALWAYS = "around-the-clock"


def policy(*steps: Step) -> Policy:
    return replace(m3ter(), steps=steps)


def step(role: str, mode: Mode = Mode.ESCALATED_TO, hours: str = ALWAYS) -> Step:
    return Step(role, role, {severity: Duty(mode, hours) for severity in ("S1", "S2")}, SOURCE)


FIRST, SECOND = step("first_line", Mode.AVAILABLE), step("second_line")
LEADERSHIP = step("leadership")


class Night:
    """A ticket, and the clock of whoever pages."""

    def __init__(self, policy: Policy, rotas: Rotas, *history: Event) -> None:
        self.policy, self.rotas, self.history = policy, rotas, list(history) or [opened(TEN, "S1", "gold")]

    def run(self, until: timedelta, acts: Sequence[Event] = ()) -> list[str]:
        """Everything that is paged up to then, as `minute person`; `acts` happen at their instants."""
        end, waiting = TEN + until, sorted(acts, key=lambda act: act.at)
        while True:
            ticket = fold("ACME-1", self.history)
            due = next_page_at(ticket, self.policy, self.rotas)
            if waiting and waiting[0].at <= min(due or end, end):
                self.history.append(waiting.pop(0))
                continue
            if due is None or due > end:
                return self.told()
            now = max(due, self.history[-1].at)
            pages = due_pages(ticket, self.policy, self.rotas, now)
            assert pages
            self.history += pages

    def told(self) -> list[str]:
        return [
            f"{int((page.at - TEN) / MINUTE)} {page.person}"
            for page in self.history
            if isinstance(page, Paged) and page.person is not None
        ]


def test_the_timeline_of_the_contract() -> None:
    """MON-18: a page is answered or carried to the end of its chain and on; it never stops by itself."""
    rotas = Rotas({"first_line": ["bob", "eve"], "second_line": ["mia"], "leadership": ["mia"]})
    night = Night(policy(FIRST, SECOND), rotas)
    assert night.run(40 * MINUTE) == [
        *("0 bob", "5 bob", "10 eve", "15 eve", "20 mia", "25 mia"),
        *("30 mia", "30 dana", "35 mia", "35 dana", "40 mia", "40 dana"),
    ]


def test_one_answer_ends_every_chain() -> None:
    rotas = Rotas({"first_line": ["bob", "eve"], "second_line": ["mia"], "leadership": ["mia"]})
    answers: list[Event] = [
        Acknowledged(TEN + 7 * MINUTE, BOB),
        Taken(TEN + 7 * MINUTE, BOB),
        Answered(TEN + 7 * MINUTE, BOB, Kind.REPLY, "On it"),
        Alerted(TEN + 7 * MINUTE, BOB, "acknowledge", "bob", page=True),
        Alerted(TEN + 7 * MINUTE, BOB, "call", "bob", page=True),
        Closed(TEN + 7 * MINUTE, ANN),
    ]
    for answer in answers:
        assert Night(policy(FIRST, SECOND), rotas).run(10 * HOUR, [answer]) == ["0 bob", "5 bob"], answer


def test_a_button_of_the_tams_message_does_not_stop_paging() -> None:
    rotas = Rotas({"first_line": ["bob"], "leadership": ["mia"]})
    seen = Alerted(TEN + MINUTE, Who("slack:T0:U0DANA", "Dana"), "acknowledge", "dana")
    assert Night(policy(FIRST), rotas).run(10 * MINUTE, [seen])[:3] == ["0 bob", "5 bob", "10 mia"]


def test_a_step_that_resolves_from_the_start_has_a_chain_of_its_own() -> None:
    """M3-19: engineering is paged for a Severity 1 from the start; its chain ends with its people."""
    rotas = Rotas({"first_line": ["bob"], "engineering": ["kim", "lee"], "leadership": ["mia"]})
    night = Night(policy(FIRST, step("engineering", Mode.RESOLVER), LEADERSHIP), rotas)
    assert night.run(35 * MINUTE) == [
        *("0 bob", "0 kim", "5 bob", "5 kim", "10 kim", "10 lee", "15 kim", "15 lee"),
        *("20 lee", "25 lee", "30 mia", "35 mia"),
    ]


def test_somebody_in_two_roles_is_paged_once_at_a_time() -> None:
    """Bob is first line and engineering: within `repeat` he is skipped, and counts as tried there."""
    rotas = Rotas({"first_line": ["bob"], "engineering": ["bob", "kim"], "leadership": ["mia"]})
    night = Night(policy(FIRST, step("engineering", Mode.RESOLVER), LEADERSHIP), rotas)
    assert night.run(9 * MINUTE) == ["0 bob", "0 kim", "5 bob", "5 kim"]


def test_an_empty_step_is_passed_over() -> None:
    rotas = Rotas({"first_line": [], "second_line": ["eve"], "leadership": ["mia"]})
    assert Night(policy(FIRST, SECOND), rotas).run(5 * MINUTE) == ["0 eve", "5 eve"]


def test_nobody_anywhere_still_pages_the_last_resort() -> None:
    assert Night(policy(FIRST), Rotas({})).run(10 * MINUTE) == ["0 dana", "5 dana", "10 dana"]


def test_a_step_whose_window_is_shut_is_passed_over() -> None:
    """M3-19: on a Saturday the second line has no hours, so leadership is next."""
    saturday = local("2026-03-14 12:00")
    rotas = Rotas({"first_line": ["bob"], "second_line": ["eve"], "leadership": ["mia"]})
    night = Night(
        policy(FIRST, step("second_line", hours="support-hours"), LEADERSHIP),
        rotas,
        opened(saturday, "S1", "gold"),
    )
    minutes = int((saturday - TEN) / MINUTE)
    told = night.run(saturday - TEN + 14 * MINUTE)
    assert told == [f"{minutes} bob", f"{minutes + 5} bob", f"{minutes + 10} mia"]


def test_a_handover_in_the_middle_pages_the_next_of_the_new_order() -> None:
    later = {TEN + 8 * MINUTE: {"first_line": ["kim", "bob"]}}
    rotas = Rotas({"first_line": ["bob", "eve"], "leadership": ["mia"]}, handovers=later)
    assert Night(policy(FIRST), rotas).run(15 * MINUTE) == ["0 bob", "5 bob", "10 kim", "15 kim"]


def test_an_escalation_pages_the_next_step_while_the_first_one_goes_on() -> None:
    rotas = Rotas({"first_line": ["bob", "eve"], "second_line": ["kim"], "leadership": ["mia"]})
    escalated = Escalated(TEN + 2 * MINUTE, Who("slack:T0:U0LEE", "Lee"), "stuck", True, 1)
    told = Night(policy(FIRST, SECOND, LEADERSHIP), rotas).run(11 * MINUTE, [escalated])
    assert told == ["0 bob", "2 kim", "5 bob", "7 kim", "10 eve"]


def test_an_escalation_for_a_step_off_hours_waits_for_its_opening() -> None:
    saturday, monday = local("2026-03-14 12:00"), local("2026-03-16 10:00")
    rotas = Rotas({"first_line": ["bob"], "second_line": ["eve"]})
    history = (
        opened(saturday, "S2", "gold"),
        Escalated(saturday, Who("slack:T0:U0LEE", "Lee"), "stuck", True, 1, monday),
    )
    night = Night(policy(FIRST, step("second_line", hours="support-hours")), rotas, *history)
    assert night.run(monday - TEN) == [f"{int((monday - TEN) / MINUTE)} eve"]


def test_an_escalation_is_paged_at_once_when_the_severity_is_raised_while_it_waits() -> None:
    """M3-19: the hours are those of the present severity. It is the same page, not a second one."""
    saturday, monday = local("2026-03-14 12:00"), local("2026-03-16 10:00")
    begins = saturday - TEN
    second = replace(SECOND, duties={**SECOND.duties, "S2": Duty(Mode.ESCALATED_TO, "support-hours")})
    rotas = Rotas({"first_line": ["bob"], "second_line": ["eve"], "leadership": ["mia"]})
    history = (
        opened(saturday, "S2", "gold"),
        Escalated(saturday, Who("slack:T0:U0LEE", "Lee"), "stuck", True, 1, monday),
    )
    raised = SeverityChanged(saturday + HOUR, Who("slack:T0:U0LEE", "Lee"), "S1", "it is down")
    told = Night(policy(FIRST, second), rotas, *history).run(begins + HOUR + 4 * MINUTE, [raised])
    minutes = int((begins + HOUR) / MINUTE)
    assert told == [f"{minutes} bob", f"{minutes} eve"]


def test_an_answer_ends_an_escalation_that_waits_for_its_hours() -> None:
    saturday, monday = local("2026-03-14 12:00"), local("2026-03-16 10:00")
    rotas = Rotas({"first_line": ["bob"], "second_line": ["eve"]})
    history = (
        opened(saturday, "S2", "gold"),
        Escalated(saturday, Who("slack:T0:U0LEE", "Lee"), "stuck", True, 1, monday),
        Answered(saturday, BOB, Kind.REPLY, "On it"),
    )
    night = Night(policy(FIRST, step("second_line", hours="support-hours")), rotas, *history)
    assert night.run(monday - TEN + HOUR) == []


def test_an_escalation_after_an_answer_at_the_same_instant_pages() -> None:
    """The order of the history decides, not the clock."""
    rotas = Rotas({"first_line": ["bob"], "second_line": ["kim"], "leadership": ["mia"]})
    lee = Who("slack:T0:U0LEE", "Lee")
    history = (opened(TEN, "S1", "gold"), Taken(TEN, lee), Escalated(TEN, lee, "stuck", True, 1))
    assert Night(policy(FIRST, SECOND), rotas, *history).run(0 * MINUTE) == ["0 kim"]


def test_without_anybody_for_the_last_resort_the_chain_ends_and_says_so() -> None:
    night = Night(policy(FIRST), Rotas({"first_line": ["bob"]}, tam=()))
    assert night.run(HOUR) == ["0 bob", "5 bob"]
    last = night.history[-1]
    assert isinstance(last, Paged)
    assert (last.at, last.person, last.skipped) == (TEN + 10 * MINUTE, None, ())


def test_several_chains_page_the_last_resort_once() -> None:
    rotas = Rotas({"first_line": ["bob"], "second_line": ["kim"], "leadership": ["mia"]})
    escalated = Escalated(TEN + 2 * MINUTE, Who("slack:T0:U0LEE", "Lee"), "stuck", True, 1)
    told = Night(policy(FIRST, SECOND), rotas).run(30 * MINUTE, [escalated])
    assert told == [
        *("0 bob", "2 kim", "5 bob", "7 kim", "10 mia", "10 dana", "15 mia", "15 dana"),
        *("20 mia", "20 dana", "25 mia", "25 dana", "30 mia", "30 dana"),
    ]


def test_a_last_resort_that_snoozes_is_paged_when_the_first_of_them_wakes() -> None:
    rotas = Rotas({"first_line": ["bob"], "leadership": ["mia"]})
    dana, mia = Who("slack:T0:U0DANA", "Dana"), Who("slack:T0:U0MIA", "Mia")
    snoozes: list[Event] = [
        Alerted(TEN + 11 * MINUTE, mia, "snooze", "mia", until=TEN + 71 * MINUTE, page=True),
        Alerted(TEN + 12 * MINUTE, dana, "snooze", "dana", until=TEN + 27 * MINUTE, page=True),
    ]
    told = Night(policy(FIRST), rotas).run(33 * MINUTE, snoozes)
    assert told == ["0 bob", "5 bob", "10 mia", "10 dana", "27 dana", "32 dana"]


def test_nobody_is_paged_for_what_they_just_did() -> None:
    rotas = Rotas({"first_line": ["bob", "eve"], "leadership": ["mia"]})
    raised = (opened(TEN - HOUR, "S2", "gold"), SeverityChanged(TEN, BOB, "S1", "it is down"))
    assert Night(policy(FIRST), rotas, *raised).run(5 * MINUTE) == ["0 eve", "5 eve"]


def test_delegate_pages_that_person_now_and_gives_them_one_repeat() -> None:
    rotas = Rotas({"first_line": ["bob", "eve"], "leadership": ["mia"]})
    at = TEN + 4 * MINUTE
    handed: list[Event] = [
        Alerted(at, BOB, "delegate", "bob", to="kim", page=True),
        Paged(at, BOB, DELEGATED, -1, "kim"),
    ]
    assert Night(policy(FIRST), rotas).run(14 * MINUTE, handed) == ["0 bob", "4 kim", "9 bob", "14 eve"]


def test_snooze_spares_that_person_only() -> None:
    rotas = Rotas({"first_line": ["bob", "eve"], "leadership": ["mia"]})
    later = Alerted(TEN + MINUTE, BOB, "snooze", "bob", until=TEN + HOUR, page=True)
    assert Night(policy(FIRST), rotas).run(10 * MINUTE, [later]) == ["0 bob", "5 eve", "10 eve"]


def test_whoever_snoozed_is_paged_when_it_is_over_unless_somebody_answered() -> None:
    rotas = Rotas({"first_line": ["bob", "eve"], "leadership": ["mia"]})
    later = Alerted(TEN + MINUTE, BOB, "snooze", "bob", until=TEN + 16 * MINUTE, page=True)
    told = Night(policy(FIRST), rotas).run(16 * MINUTE, [later])
    assert told == ["0 bob", "5 eve", "10 eve", "15 mia", "15 dana", "16 bob"]
    answer = Acknowledged(TEN + 2 * MINUTE, BOB)
    assert Night(policy(FIRST), rotas).run(HOUR, [later, answer]) == ["0 bob"]


def test_a_snooze_of_a_direct_message_does_not_spare_from_pages() -> None:
    rotas = Rotas({"first_line": ["bob"], "leadership": ["mia"]})
    later = Alerted(TEN + MINUTE, Who("slack:T0:U0DANA", "Dana"), "snooze", "dana", until=TEN + HOUR)
    assert Night(policy(FIRST), rotas).run(10 * MINUTE, [later])[-1] == "10 dana"


def test_an_emergency_that_is_reopened_without_an_answer_is_paged_from_the_start() -> None:
    """MON-18: whoever acknowledged it before it was closed has not answered what is broken again."""
    rotas = Rotas({"first_line": ["bob"], "engineering": ["kim"], "leadership": ["mia"]})
    seen = Acknowledged(TEN + 2 * MINUTE, BOB)
    closed, reopened = Closed(TEN + 3 * MINUTE, ANN), Reopened(TEN + 20 * MINUTE, ANN)
    steps = policy(FIRST, step("engineering", Mode.RESOLVER), LEADERSHIP)
    histories: list[list[Event]] = [[closed, reopened], [seen, closed, reopened]]
    for acts in histories:
        told = Night(steps, rotas).run(26 * MINUTE, acts)
        assert told == ["0 bob", "0 kim", "20 bob", "20 kim", "25 bob", "25 kim"]
    again = Acknowledged(TEN + 22 * MINUTE, BOB)
    assert Night(steps, rotas).run(HOUR, [closed, reopened, again])[-1] == "20 kim"


def test_an_emergency_that_was_answered_is_not_paged_again_when_it_is_reopened() -> None:
    """Its owner is mentioned instead."""
    rotas = Rotas({"first_line": ["bob"], "leadership": ["mia"]})
    answered = Answered(TEN + MINUTE, BOB, Kind.REPLY, "On it")
    acts: list[Event] = [answered, Closed(TEN + 3 * MINUTE, ANN), Reopened(TEN + 20 * MINUTE, ANN)]
    assert Night(policy(FIRST), rotas).run(HOUR, acts) == ["0 bob"]


def test_an_escalation_that_nobody_answered_ends_when_the_customer_closes_the_ticket() -> None:
    """contract.md: `Close` stops paging, so a reopening does not begin it again; an escalation does."""
    lee = Who("slack:T0:U0LEE", "Lee")
    rotas = Rotas({"first_line": ["bob"], "second_line": ["eve"], "leadership": ["mia"]})
    opens, stuck = opened(TEN, "S2", "gold"), Escalated(TEN, lee, "stuck", True, 1)
    ended: list[Event] = [Closed(TEN + 3 * MINUTE, ANN), Reopened(TEN + 20 * MINUTE, ANN)]
    steps = policy(FIRST, SECOND, LEADERSHIP)
    assert Night(steps, rotas, opens, stuck).run(HOUR, ended) == ["0 eve"]
    again = Escalated(TEN + 30 * MINUTE, lee, "still stuck", True, 2)
    assert Night(steps, rotas, opens, stuck).run(35 * MINUTE, [*ended, again]) == [
        "0 eve",
        "30 mia",
        "35 mia",
    ]


def test_a_policy_may_give_its_steps_their_own_times() -> None:
    own = replace(FIRST, ack_within=2 * MINUTE, tries=3)
    rotas = Rotas({"first_line": ["bob"], "leadership": ["mia"]})
    assert Night(policy(own), rotas).run(6 * MINUTE) == ["0 bob", "2 bob", "4 bob", "6 mia", "6 dana"]


def test_the_furthest_step_is_known() -> None:
    rotas = Rotas({"first_line": [], "second_line": ["eve"]})
    night = Night(policy(FIRST, SECOND, LEADERSHIP), rotas)
    assert reached_step(fold("ACME-1", night.history), night.policy) == 0
    night.run(0 * MINUTE)
    assert reached_step(fold("ACME-1", night.history), night.policy) == 1


def test_a_step_that_resolves_from_the_start_does_not_count_as_reached() -> None:
    """M3-19: engineering works on a Severity 1 from the start, yet its second line is next."""
    rotas = Rotas({"first_line": ["bob"], "second_line": ["eve"], "engineering": ["kim"]})
    night = Night(m3ter(), rotas)
    assert night.run(0 * MINUTE) == ["0 bob", "0 kim"]
    found = next_step(fold("ACME-1", night.history), night.policy, rotas, TEN)
    assert found is not None
    assert night.policy.steps[found.step].role == "second_line"


names = st.sampled_from(["bob", "eve", "kim", "lee", "mia"])
people = st.lists(names, max_size=4, unique=True)


@given(people, people, people, st.integers(1, 3))
def test_every_page_is_repeated_or_carried_on_and_nobody_is_hurried(
    first: list[str], second: list[str], leaders: list[str], tries: int
) -> None:
    """The next page is never later than `repeat` after the last one, and none comes twice within it."""
    rotas = Rotas({"first_line": first, "second_line": second, "leadership": leaders}, tries=tries)
    night = Night(policy(FIRST, SECOND, LEADERSHIP), rotas)
    night.run(2 * HOUR)
    pages = [page for page in night.history if isinstance(page, Paged)]
    assert pages[0].at == TEN
    assert all(later.at - page.at <= rotas.repeat for page, later in pairwise(pages))
    assert next_page_at(fold("ACME-1", night.history), night.policy, rotas) is not None
    for person in {page.person for page in pages}:
        own = [page.at for page in pages if page.person == person]
        assert all(b - a >= rotas.repeat for a, b in pairwise(own))


def test_a_wake_that_comes_late_pages_once_and_not_for_each_missed_round() -> None:
    rotas = Rotas({"first_line": ["bob", "eve"], "leadership": ["mia"]})
    history: list[Event] = [opened(TEN, "S1", "gold")]
    ticket = fold("ACME-1", history)
    late = due_pages(ticket, policy(FIRST), rotas, TEN + HOUR)
    assert [page.person for page in late] == ["bob"]
