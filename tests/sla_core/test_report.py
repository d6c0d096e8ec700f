"""A period's figures: against a recount that shares no code, and by hand where a story is needed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from sla_core.calendar import Span
from sla_core.events import Answered, Event, Held, Kind, Resolved, Resumed, SeverityChanged, Undelivered
from sla_core.outcome import Result
from sla_core.policy import Metric, Policy
from sla_core.report.record import Stage, TicketRecord, record
from sla_core.report.tally import MOST_BREACHES, Tally, uptime_line
from sla_core.rules import Uptime
from tests.sla_core.builders import ANN, BOB, SOURCE, TicketHistory, local, m3ter, opened
from tests.sla_core.recount import NOW, Story, history, policy_of, recount, stories

PERIOD = Span(local("2026-01-01 00:00"), local("2027-01-01 00:00"))
MONDAY = local("2026-03-09 10:00")


def tally_of(told: Sequence[Story]) -> Tally:
    tally = Tally(PERIOD, NOW)
    for story in told:
        tally.add(record(story.key, history(story), policy_of(story.cls[0]), NOW))
    return tally


def agrees(told: Sequence[Story]) -> None:
    tally = tally_of(told)
    ours = {
        (group.account, group.month, group.severity, str(group.metric)): (
            *(each.met, each.breached, each.open),
            *(each.median_seconds, each.worst_seconds),
        )
        for group, each in tally.rows()
    }
    theirs = {place: count.row for place, count in recount(told).items()}
    assert ours == theirs
    volume = tally.volume
    assert volume.opened == len(told)
    assert volume.ratings.total() == sum(story.rating is not None for story in told)


def test_the_figures_equal_an_independent_recount() -> None:
    """To the second, with holds, reopenings, and breaches that are recorded late."""
    agrees([*stories(1, 200)])


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(2, 12))
def test_the_figures_equal_an_independent_recount_of_ten_thousand(seed: int) -> None:
    """The same, a thousand tickets each."""
    agrees([*stories(seed, 1000)])


# By hand ------------------------------------------------------------------------------------------


def recorded(*events: Event, until: datetime, policy: Policy | None = None) -> TicketRecord:
    """A ticket of 10:00 on a Monday, silver's S2: an answer in 4 h, news each 2 h, resolved in 8 h."""
    story = TicketHistory(opened(MONDAY), policy=policy)
    for event in (*events, None):
        start = story.history[-1].at
        story.run_until(event.at if event else until, start)
        if event:
            story.add(event)
    return record("ACME-1", story.history, story.policy, until)


def outcomes(found: TicketRecord, metric: Metric) -> list[tuple[Result, int | None]]:
    return [(each.result, each.seconds) for each in found.promises if each.metric is metric]


def at(text: str) -> datetime:
    return local(f"2026-03-{text}")


def reply(instant: datetime) -> Answered:
    return Answered(instant, BOB, Kind.REPLY, "We look into it")


def test_a_missed_silence_is_a_breach_for_each_span_until_somebody_writes() -> None:
    """Two hours, missed at 12:00 and 14:00; the words of 15:30 answer both and meet the third."""
    found = recorded(reply(at("09 15:30")), until=at("09 15:45"))
    spans = outcomes(found, Metric.NEXT_UPDATE)
    met = Result.MET, 5400
    assert spans[:3] == [(Result.BREACHED, 19800), (Result.BREACHED, 12600), met]
    assert spans[3:] == [(Result.OPEN, None)]
    assert outcomes(found, Metric.FIRST_RESPONSE) == [(Result.BREACHED, 19800)]


def test_how_late_is_told_by_the_clock_and_the_receipt_says_why_it_was_due() -> None:
    """As on the card: due at 14:00, answered next morning at 10:30."""
    found = recorded(reply(at("10 10:30")), until=at("10 11:00"))
    (first,) = (each for each in found.promises if each.metric is Metric.FIRST_RESPONSE)
    assert (first.due_at, first.late(found.until)) == (at("09 14:00"), timedelta(hours=20, minutes=30))
    assert [stretch.why for stretch in first.receipt()] == ["open"]
    tally = Tally(PERIOD, found.until)
    tally.add(found)
    worst = tally.breaches()[0]
    assert (worst.ticket, worst.metric, worst.clauses) == ("ACME-1", Metric.NEXT_UPDATE, ("X-1",))


def test_a_breach_counts_once_when_the_severity_changes_after_it() -> None:
    """A10: the answer that was missed as S2 stays due then, as S2's breach, and not a second time as S1's."""
    raised = SeverityChanged(at("09 15:00"), BOB, "S1", "It is down")
    found = recorded(raised, reply(at("09 15:20")), until=at("09 15:30"), policy=m3ter())
    assert [(each.severity, each.result, each.seconds) for each in found.promises] == [
        ("S2", Result.BREACHED, 19200)
    ]


def test_an_answer_that_never_arrived_answers_nothing() -> None:
    lost = Undelivered(at("09 11:01"), BOB, "m1", "the channel is archived", 2)
    found = recorded(reply(at("09 11:00")), lost, until=at("09 13:00"), policy=m3ter())
    assert outcomes(found, Metric.FIRST_RESPONSE) == [(Result.OPEN, None)]


def test_the_time_in_each_state() -> None:
    waits = replace(reply(at("09 11:00")), kind=Kind.MESSAGE)
    found = recorded(
        waits,
        Held(at("09 12:00"), BOB, "logs"),
        Resumed(at("09 14:00"), ANN),
        Resolved(at("09 17:00"), BOB, "Done"),
        until=at("09 18:00"),
    )
    assert {stage: length // timedelta(hours=1) for stage, length in found.stages.items()} == {
        Stage.UNANSWERED: 1,
        Stage.WITH_CUSTOMER: 4,
        Stage.ON_HOLD: 2,
        Stage.RESOLVED: 1,
    }


def test_readings_that_change_an_outcome_are_shown_both_ways() -> None:
    """A1: at 18:30 in July, Berlin's office is closed, and by winter's time it is open until 19:00."""
    begun, answered = local("2026-07-06 18:30"), local("2026-07-07 14:15")
    late = record("ACME-1", (opened(begun), reply(answered)), m3ter(), begun + timedelta(2))
    tally = Tally(PERIOD, late.until)
    tally.add(late)
    met = {question.id: each for question, each in tally.readings.questions()}
    assert (met["A1"].met, met["A1"].differ, met["A1"].met_now) == (1, 1, 0)
    (example,) = met["A1"].examples
    assert (example.due_at, example.result) == (local("2026-07-07 14:00"), Result.BREACHED)
    assert (example.other_due_at, example.other_result) == (local("2026-07-07 14:30"), Result.MET)


def test_a_workaround_that_lowers_the_severity_is_read_both_ways() -> None:
    """A19, CUP-8: a C1 of 12:00 is made a C2 at 13:00, answered at 15:00, and resolved after 24 h 30 min.

    As C1's, the response is late (2 h); as C2's, it would be in time (4 h). The resolution is in time counted
    from the workaround, and late counted from the submission.
    """
    begun, commerceup = local("2026-03-10 12:00"), policy_of("commerceup")
    lowered = SeverityChanged(begun + timedelta(hours=1), BOB, "C2", "Pay by transfer", workaround=True)
    answered = reply(begun + timedelta(hours=3))
    resolved = Resolved(begun + timedelta(hours=24, minutes=30), BOB, "Done")
    first = replace(opened(begun, "C1", "standard"), vendor="commerceup")

    def differences(*events: Event) -> list[tuple[Metric, Result, timedelta, Result]]:
        tally = Tally(PERIOD, begun + timedelta(days=2))
        tally.add(record("ACME-1", (first, *events), commerceup, tally.now))
        return [
            (each.metric, each.result, each.other_due_at - begun, each.other_result)
            for question, found in tally.readings.questions()
            if question.id == "A19"
            for each in found.examples
        ]

    assert differences(lowered, answered, resolved) == [
        (Metric.FIRST_RESPONSE, Result.BREACHED, timedelta(hours=4), Result.MET),
        (Metric.RESOLUTION, Result.MET, timedelta(hours=24), Result.BREACHED),
    ]
    early = reply(begun + timedelta(minutes=30))
    assert [metric for metric, *_ in differences(early, lowered, resolved)] == [Metric.RESOLUTION]
    misjudged = replace(lowered, workaround=False)
    assert differences(misjudged, answered, resolved) == []


def test_only_the_latest_breaches_are_kept_with_their_receipts() -> None:
    tally = Tally(PERIOD, NOW)
    for number in range(MOST_BREACHES + 5):
        answered = reply(MONDAY + timedelta(hours=5, minutes=number))
        tally.add(record(f"ACME-{number}", (opened(MONDAY), answered), m3ter(), NOW))
    kept = tally.breaches()
    assert (tally.breaches_in_all, len(kept)) == (MOST_BREACHES + 5, MOST_BREACHES)
    assert [breach.ticket for breach in (kept[0], kept[-1])] == [f"ACME-{MOST_BREACHES + 4}", "ACME-5"]


def test_the_uptime_line_counts_overlapping_outages_once_and_only_within_the_period() -> None:
    """CUP-19: 99.8 % of a year leave 17 h 31 min 12 s."""
    hours = [local(f"2026-03-01 {hour:02}:00") for hour in range(6)]
    outages = [Span(hours[1], hours[3]), Span(hours[2], hours[4]), Span(hours[4], local("2026-09-01 00:00"))]
    line = uptime_line(Uptime(0.998, SOURCE), outages, Span(hours[0], hours[5]))
    assert line.allowed_in_a_year == timedelta(hours=17, minutes=31, seconds=12)
    assert (line.down, line.outages, line.kept) == (timedelta(hours=4), 3, True)
    assert round(line.share, 4) == 0.2


def test_a_severity_that_occurs_more_often_than_expected_is_counted_by_quarter() -> None:
    """MTA-17: one P1 a quarter is expected; June and July are two quarters."""
    monta = policy_of("monta")
    tally = Tally(PERIOD, NOW)
    for number, day in enumerate(("2026-04-01", "2026-06-30", "2026-07-02")):
        first = replace(opened(local(f"{day} 12:00"), "P1", "partner"), vendor="monta")
        tally.add(record(f"ACME-{number}", (first,), monta, NOW))
    assert {place: (rare.opened, rare.expected) for place, rare in tally.rare.items()} == {
        ("acme", "2026 Q2", "P1"): (2, 1),
        ("acme", "2026 Q3", "P1"): (1, 1),
    }
    assert tally.rare["acme", "2026 Q2", "P1"].clauses == ("MTA-17",)
