"""What users of other desks complain about (complaints.md, 1 to 19): the arithmetic, then the desk.

Many have further tests beside the parts they concern.
"""

from __future__ import annotations

import ast
import re
from datetime import date, timedelta
from pathlib import Path

import pytest

from bot.model.address import Place
from bot.model.inbound import Answer, Show
from bot.model.views import Audience, Receipt
from sla_core.calendar import BusinessCalendar
from sla_core.catalog.load import load
from sla_core.engine import countdowns, promises
from sla_core.events import (
    Answered,
    Breached,
    Closed,
    CustomerWrote,
    Held,
    Kind,
    Reopened,
    Resolved,
    Resumed,
    SeverityChanged,
    Warned,
)
from sla_core.hours.openings import Closures
from sla_core.policy import Metric
from sla_core.promise import Phase, receipt
from tests.desk_file import account
from tests.harness import ACME, ALICE, DANA, DESK_FILE_WITH_HOLD, S2, DeskInMemory, open_desk
from tests.harness import BOB as AGENT
from tests.packs import test_monta as monta
from tests.sla_core.builders import (
    ANN,
    BOB,
    HOUR,
    MINUTE,
    TicketHistory,
    business_hours,
    hold,
    hours,
    local,
    m3ter,
    opened,
    promise,
)

TEN = local("2026-03-10 10:00")
NO_TIME = timedelta(0)
OVER = {Phase.MET, Phase.ENDED}
TESTS = Path(__file__).resolve().parent.parent

ORDER_FORMS = DESK_FILE_WITH_HOLD + account("bolt", "Bolt AG", tam=None, channel="slack:C0BOLT")
"""Acme's order form sets 2 hours for S2 and grants holding; Bolt has the plan and no more."""
BOLT = Place("slack", "C0BOLT")
FRIDAY = "2026-03-20T15:30:00Z"
"""Half past four in Berlin; Gold's hours last until 21:00 UTC."""


def test_1_a_receipt_names_every_day_that_was_skipped() -> None:
    """Complaint 1: six days instead of four, and nobody could see why."""
    closed = Closures(dates={date(2026, 3, 11): "St. Martin", date(2026, 3, 12): "Volkstrauertag"})
    calendar = business_hours(closures=closed)
    due_at = calendar.add_days(TEN + HOUR, 4)
    assert due_at == local("2026-03-18 11:00")
    whys = {stretch.why for stretch in receipt(calendar, TEN + HOUR, due_at)}
    assert whys == {"open", "night", "weekend", "holiday: St. Martin", "holiday: Volkstrauertag"}


def test_1_a_day_is_named_after_what_closes_it() -> None:
    """Complaint 1: Constitution Day, on which Monta works, falls on Whit Monday in 2028."""
    closures = load("monta")[-1].calendars["business-hours"].closures
    assert closures.in_year(2028)[date(2028, 6, 5)] == "Pentecost Monday"
    assert date(2027, 6, 5) not in closures.in_year(2027)


@pytest.mark.parametrize("zone", ["America/Santiago", "Pacific/Kiritimati", "Pacific/Honolulu"])
def test_2_a_holiday_is_the_whole_local_date(zone: str) -> None:
    """Complaint 2: a day early, because a date was taken for an instant."""
    closed = Closures(dates={date(2026, 9, 18): "Independence Day"})
    calendar = business_hours("00:00", "24:00", zone=zone, closures=closed)
    midnight = local("2026-09-18 00:00", zone)
    assert calendar.closing(midnight - MINUTE) == midnight
    assert calendar.next_opening(midnight) == local("2026-09-21 00:00", zone)


def test_3_alarms_keep_the_clock_s_hours() -> None:
    """Complaint 3: reminders at midnight and on weekends."""
    friday = local("2026-03-13 17:30")
    story = TicketHistory(opened(friday), policy=m3ter())
    story.run_until(friday + timedelta(days=20), friday)
    assert [type(event) for event in story.heard(Warned, Breached)] == [Warned, Breached]
    for event in story.heard(Warned, Breached):
        there = event.at.astimezone(business_hours().zone)
        assert there.weekday() < 5
        assert 10 <= there.hour < 18


def test_4_hold_time_is_not_added_to_the_creation_time() -> None:
    """Complaint 4: wrong on days on which nobody works."""
    friday = local("2026-03-13 17:00")
    held = promise(start=friday, gaps=[hold("2026-03-13 17:30", "2026-03-16 11:00")])
    assert held.due_at == local("2026-03-16 14:30")


def test_5_pending_over_a_weekend_wins_no_time() -> None:
    """Complaint 5: too much delay was accounted, for a promise in days."""
    friday = local("2026-03-13 17:00")
    held = promise(
        within="2 business days", start=friday, gaps=[hold("2026-03-13 17:30", "2026-03-16 10:30")]
    )
    assert held.due_at == local("2026-03-17 18:00")
    assert promise(within="2 business days", start=friday).due_at == local("2026-03-17 17:00")


def test_6_a_warning_before_the_deadline_is_not_at_midnight() -> None:
    """Complaint 6: executed at 00:00 instead of 10:00 when the window spans two days."""
    evening = promise(start=local("2026-03-10 15:00"))
    assert evening.due_at == local("2026-03-11 11:00")
    assert evening.warn_at == local("2026-03-10 18:00")
    later = promise(start=local("2026-03-10 15:01"))
    assert later.warn_at == local("2026-03-11 10:01")


@pytest.mark.parametrize("days", ["mon tue", "tue wed fri", "thu", "sat sun", "wed"])
def test_7_any_set_of_weekdays_will_do(days: str) -> None:
    """Complaint 7: wrong unless both Monday and Thursday are scheduled."""
    calendar = business_hours(days=days)
    for number in range(14):
        start = local("2026-03-09 15:00") + timedelta(days=number)
        due_at = calendar.add(start, 12 * HOUR)
        assert due_at > start
        assert calendar.elapsed(start, due_at) == 12 * HOUR
        assert NO_TIME < calendar.elapsed(start, calendar.add_days(start, 1)) <= 8 * HOUR


def test_8_hours_stay_put_when_clocks_change() -> None:
    """Complaint 8: schedules and escalation windows moved one hour."""
    policy = m3ter()
    engineering = policy.steps[2]
    saturday_before, saturday_after = local("2026-03-28 12:00"), local("2026-10-24 12:00")
    assert policy.opens_at("silver", engineering, "S2", saturday_before) == local("2026-03-30 10:00")
    assert policy.opens_at("silver", engineering, "S2", saturday_after) == local("2026-10-26 10:00")


def test_9_past_tickets_keep_the_offset_of_their_day() -> None:
    """Complaint 9: business minutes used today's offset for past tickets."""
    winter, summer = local("2026-01-14 17:00"), local("2026-07-15 17:00")
    assert business_hours().elapsed(winter, winter + 24 * HOUR) == 8 * HOUR
    assert business_hours().add(winter, 2 * HOUR) == local("2026-01-15 11:00")
    assert business_hours().add(summer, 2 * HOUR) == local("2026-07-16 11:00")
    opening = local("2026-07-15 10:00")
    assert business_hours().elapsed(winter, summer) == business_hours().elapsed(winter, opening) + 7 * HOUR


def test_10_hours_are_counted_by_hours() -> None:
    """Complaint 10: asked for years. Four hours on Friday afternoon end on Monday."""
    (response,) = promises(TicketHistory(opened(local("2026-03-13 16:30"))).ticket, m3ter())
    assert response.due_at == local("2026-03-16 12:30")


def test_11_business_hours_split_shifts_and_half_days() -> None:
    """Complaint 11: by the wall clock although hours were ticked; lunch; a close at three."""
    wednesday = date(2026, 11, 25)
    calendar = BusinessCalendar(
        (hours("09:00", "12:00"), hours("13:00", "18:00")),
        Closures(dates={date(2026, 11, 26): "Thanksgiving"}),
        {wednesday: 15 * HOUR},
    )
    assert calendar.add(local("2026-11-25 11:00"), 4 * HOUR) == local("2026-11-27 10:00")
    assert calendar.add_days(local("2026-11-24 17:00"), 1) == local("2026-11-25 15:00")


def test_12_a_paused_ticket_does_not_tick() -> None:
    """Complaint 12: paused tickets kept ticking, or were not recalculated after."""
    story = TicketHistory(opened(TEN), Held(TEN + HOUR, BOB, "needs logs"), policy=m3ter())
    assert story.run_until(TEN + timedelta(days=100), TEN + HOUR) == [TEN + HOUR]
    assert story.heard(Warned, Breached) == []
    for days in (1, 10, 100):
        (shown,) = countdowns(story.ticket, story.policy, TEN + timedelta(days=days))
        assert (shown.phase, shown.bound) == (Phase.ON_HOLD, 3 * HOUR)
        assert shown.spent == pytest.approx(0.25)


def test_13_a_pause_survives_a_change_of_severity_and_back() -> None:
    """Complaint 13: the pause was lost when a new SLA was attached."""
    story = TicketHistory(
        opened(TEN, "S3"),
        Held(TEN + HOUR, BOB, "needs logs"),
        SeverityChanged(TEN + 2 * HOUR, BOB, "S2", "production"),
        policy=m3ter(),
    )
    (held,) = promises(story.ticket, story.policy)
    assert held.due_at is None
    assert held.left(TEN + 5 * HOUR) == 3 * HOUR
    story.add(SeverityChanged(TEN + 3 * HOUR, BOB, "S3", "one screen only"))
    assert promises(story.ticket, story.policy)[0].due_at is None
    story.add(Resumed(TEN + 4 * HOUR, BOB))
    (goes_on,) = promises(story.ticket, story.policy)
    assert promise(within="1 business day", start=TEN).due_at == local("2026-03-10 18:00")
    assert goes_on.due_at == local("2026-03-11 13:00")


def test_14_nothing_ticks_after_the_resolution() -> None:
    """Complaint 14: the clock ran on because the customer said thanks."""
    thanked = TEN + 40 * MINUTE
    story = TicketHistory(opened(TEN, "S1"), Resolved(TEN + 30 * MINUTE, BOB, "Fixed"))
    story.add(CustomerWrote(thanked, ANN, "Thanks!"))
    assert story.run_until(TEN + timedelta(days=30), thanked) == [thanked]
    assert {shown.phase for shown in countdowns(story.ticket, story.policy, thanked)} <= OVER
    assert story.heard(Breached, Warned) == []


def test_15_an_answer_stops_the_right_clock() -> None:
    """Complaint 15: escalated although it was answered; figures missing until it was reopened."""
    story = TicketHistory(opened(TEN, "S1"), Answered(TEN + 10 * MINUTE, BOB, Kind.REPLY, "On it"))
    shown = {c.metric: c.phase for c in countdowns(story.ticket, story.policy, TEN + 20 * MINUTE)}
    assert shown == {
        Metric.FIRST_RESPONSE: Phase.MET,
        Metric.NEXT_UPDATE: Phase.RUNNING,
        Metric.RESOLUTION: Phase.RUNNING,
    }


def test_16_parking_a_ticket_is_seen() -> None:
    """Complaint 16: parked to stop the timer. The receipt names who held it, when and why."""
    held = hold("2026-03-10 11:00", "2026-03-10 12:00")
    lines = receipt(business_hours(), TEN, TEN + 5 * HOUR, [held])
    assert [(line.why, line.counted) for line in lines] == [
        ("open", HOUR),
        ("hold: Bob, waits for logs", timedelta(0)),
        ("open", 3 * HOUR),
    ]


def test_17_no_sla_is_a_class_of_its_own() -> None:
    """Complaint 17, A16: others set one year. Here there is nothing to show."""
    story = TicketHistory(opened(TEN, "none"), policy=m3ter())
    assert promises(story.ticket, story.policy) == []
    assert countdowns(story.ticket, story.policy, TEN) == []


def test_a_reopened_ticket_is_not_overdue_at_once() -> None:
    """Complaints 12 and 14 together: closed for a month, reopened, and as much is left as before."""
    story = TicketHistory(opened(TEN, "S1"), Answered(TEN + 10 * MINUTE, BOB, Kind.REPLY, "On it"))
    story.add(Resolved(TEN + HOUR, BOB, "Fixed"), Closed(TEN + 2 * HOUR, ANN))
    back = TEN + timedelta(days=30)
    story.add(Reopened(back, ANN))
    left = {p.metric: p.left(back) for p in promises(story.ticket, story.policy) if not p.settled}
    assert left == {Metric.NEXT_UPDATE: HOUR, Metric.RESOLUTION: 3 * HOUR}


# At the desk ----------------------------------------------------------------------------------


def reasons(answer: Answer) -> list[str]:
    """The lines of all receipts that `Why?` shows."""
    assert isinstance(answer, Show)
    assert isinstance(answer.view, Receipt)
    return [row.why for table in answer.view.tables for row in table.rows]


async def a_held_ticket(tmp_path: Path) -> tuple[DeskInMemory, str]:
    """Opened at half past three (UTC), put on hold half an hour later."""
    desk = await open_desk(tmp_path, FRIDAY, ORDER_FORMS)
    key = await desk.submits(ALICE, "Bills are slow", S2)
    await desk.fast_forward(minutes=30)
    await desk.submits_form(AGENT, "Hold", key, text="waiting for your export")
    return desk, key


async def test_16_the_customer_sees_a_pause_and_why(tmp_path: Path) -> None:
    """Complaint 16: tickets are parked to stop the timer. Here the customer is told, and why."""
    desk, key = await a_held_ticket(tmp_path)
    assert desk.card_view(key).state == "on hold"
    assert desk.standing(key) == ["on hold"]
    told = (
        "ACME-1 Bob put this ticket on hold: “waiting for your export” "
        "Its deadlines are paused until you reply here. "
        "If you disagree with the hold, say so in your reply. @Alice"
    )
    assert desk.thread(key) == [told]
    await desk.fast_forward(hours=2)
    await desk.writes(ALICE, "Here it is.", key)
    whys = reasons(await desk.presses(ALICE, "Why?", key))
    assert whys == ["open", "hold: Bob, waiting for your export", "open"]


async def test_16_the_customer_can_contest_a_pause(tmp_path: Path) -> None:
    """Complaint 16: one message from the customer ends the pause, and agents see it."""
    desk, key = await a_held_ticket(tmp_path)
    await desk.submits_form(ALICE, "Escalate", key, text="Nobody asked me for an export")
    assert "Nobody asked me for an export" in desk.direct(DANA)[-1].text
    await desk.fast_forward(minutes=10)
    await desk.writes(ALICE, "You have had the export since Monday.", key)
    assert desk.standing(key) == ["less than 2 h left"]
    assert "“You have had the export since Monday.”" in desk.thread(key, Audience.AGENTS)[-1]
    due_at = desk.card_view(key).promises[0].due_at
    assert f"{due_at:%H:%M}" == "17:40"
    await desk.forward_to("2026-03-20T17:40:00Z")
    assert desk.standing(key) == ["breached"]


async def test_16_without_an_order_form_there_is_no_pause(tmp_path: Path) -> None:
    """Complaint 16, A25: no policy of ours grants holding, so nobody can stop the timer."""
    desk = await open_desk(tmp_path, FRIDAY, ORDER_FORMS)
    acme = await desk.submits(ALICE, "Bills are slow", S2)
    bolt = await desk.submits(ALICE, "Bills are slow", S2, BOLT)
    assert "Hold" in desk.labels(acme, Audience.AGENTS)
    assert "Hold" not in desk.labels(bolt, Audience.AGENTS)


async def test_18_each_customer_has_the_times_of_their_own_contract(tmp_path: Path) -> None:
    """Complaint 18: no SLA by customer. Same plan and severity, other times, and each cites its source."""
    desk = await open_desk(tmp_path, FRIDAY, ORDER_FORMS)
    acme = await desk.submits(ALICE, "Bills are slow", S2, ACME)
    bolt = await desk.submits(ALICE, "Bills are slow", S2, BOLT)
    assert desk.standing(acme) == ["less than 2 h left"]
    assert desk.standing(bolt) == ["less than 4 h left"]
    answer = await desk.presses(ALICE, "Why?", acme)
    assert isinstance(answer, Show)
    assert isinstance(answer.view, Receipt)
    (table,) = answer.view.tables
    assert table.cites == "Source: Order form 2026-04, section 3"
    await desk.forward_to("2026-03-20T17:30:00Z")
    assert desk.standing(acme) == ["breached"]
    assert desk.standing(bolt) == ["less than 2 h left"]


@pytest.mark.parametrize(
    ("at", "standing", "due", "holidays"),
    [
        (
            "2026-04-01T14:00:00Z",
            "less than 16 support hours left",
            "Wed 08 Apr 14:00",
            {"holiday: Maundy Thursday", "holiday: Good Friday", "holiday: Easter Monday"},
        ),
        ("2026-04-04T10:00:00Z", "paused until", "Wed 08 Apr 15:00", {"holiday: Easter Monday"}),
        ("2026-03-10T09:00:00Z", "less than 16 support hours left", "Thu 12 Mar 09:00", set()),
    ],
)
async def test_19_customers_see_closed_days_as_they_ask(
    tmp_path: Path, at: str, standing: str, due: str, holidays: set[str]
) -> None:
    """Complaint 19: nobody told them of the holidays. The card has the real day, `Why?` names each one."""
    desk = await open_desk(tmp_path, at, monta.DESK_FILE)
    key = await desk.submits(ALICE, "Map is slow", monta.P3)
    response = desk.card_view(key).promises[0]
    assert (response.standing, f"{response.due_at:%a %d %b %H:%M}") == (standing, due)
    answer = await desk.presses(ALICE, "Why?", key)
    assert isinstance(answer, Show)
    assert isinstance(answer.view, Receipt)
    rows = answer.view.tables[0].rows
    assert {row.why for row in rows if row.why.startswith("holiday")} == holidays


async def test_19_customers_see_closed_days_as_they_answer(tmp_path: Path) -> None:
    """Complaint 19: nor when they answer. On Good Friday the card says off hours, and until when."""
    desk = await open_desk(tmp_path, "2026-04-01T14:00:00Z", monta.DESK_FILE)
    key = await desk.submits(ALICE, "Map is slow", monta.P3)
    assert desk.standing(key)[0].startswith("less than")
    await desk.forward_to("2026-04-03T10:00:00Z")
    await desk.writes(ALICE, "Any news?", key)
    assert desk.standing(key) == ["paused until", "paused until"]
    await desk.forward_to("2026-04-07T07:00:00Z")
    assert desk.standing(key)[0].startswith("less than")


def test_every_complaint_of_1_to_19_is_cited_by_a_test() -> None:
    cited = {number for path in TESTS.rglob("test_*.py") for number in complaints_cited(path)}
    assert set(range(1, 20)) - cited == set()


def complaints_cited(path: Path) -> set[int]:
    """The numbers after the word complaint in the docstrings of a file's tests."""
    tests = (
        node
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
    )
    said = " ".join(ast.get_docstring(test) or "" for test in tests)
    lists = re.findall(r"[Cc]omplaints? (\d+(?:(?:, | and )\d+)*)", said)
    return {int(number) for numbers in lists for number in re.findall(r"\d+", numbers)}
