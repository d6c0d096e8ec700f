"""Commerceup's policy: its hours and times by hand, its form, and what its merchants live through."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from bot.cli.policy.explain import explain
from bot.cli.policy.questions import questions
from bot.cli.policy.trace import traces, unknown_clauses
from bot.clock import parse_instant
from bot.config.settings import load_desk
from bot.model.forms import ChoiceField
from bot.model.inbound import FormChanged
from bot.model.views import Audience
from bot.notify.recipients import messages_of
from sla_core.calendar import Span
from sla_core.catalog.load import PACKS, Faults, load
from sla_core.events import Breached, Notified, Opened, Resolved
from sla_core.policy import Mode, Policy
from sla_core.report.tally import uptime_line
from sla_core.ticket import fold
from sla_core.triage import Answers
from tests.desk_file import account, desk_file
from tests.harness import ALICE, BOB, DANA, DeskInMemory, answer_text, done, form_of, open_desk, rich_text

INDIA = ZoneInfo("Asia/Kolkata")
TUESDAY = "2026-03-10T06:30:00Z"
"""Noon in India."""
SATURDAY_NIGHT = "2026-03-21T20:00:00Z"
"""Half past one on Sunday in India."""

DESK_FILE = desk_file(
    "commerceup",
    rotas={"support": ["bob", "eve"], "engineering": ["kim"]},
    people=["dana", "bob", "eve", "kim"],
    accounts=[account(name="Acme Shoes", plan="standard")],
).replace('slack = "U0DANA"', 'slack = "U0DANA"\nemail = "dana@commerceup.example"')

ORDER_FORM = """
[accounts.order_form]
cites = "Order form 2026-04"
C2.first_response = { within = "4h", calendar = "business-hours" }
hold = true
"""

SECOND_STORE = account("bags", "Acme Bags", "standard", channel="slack:C0BAGS")

C1 = {"type": "issue", "impact": "sales"}
C2 = {"type": "issue", "impact": "function"}
C3 = {"type": "issue", "impact": "standard"}
C4 = {"type": "feature", "impact": "none"}


@pytest.fixture
def policy() -> Policy:
    return load("commerceup")[-1]


async def a_desk(tmp_path: Path, at: str = TUESDAY, more: str = "") -> DeskInMemory:
    return await open_desk(tmp_path, at, DESK_FILE + more)


def local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=INDIA)


def times(severity: str, at: str, key: str = "due_at") -> list[str]:
    """When each promise falls, by the clocks of India."""
    found = explain("commerceup", "standard", severity, local(at))
    instants = [parse_instant(clock[key]) for clock in found["clocks"] if clock.get(key)]
    return [f"{instant.astimezone(INDIA):%a %Y-%m-%d %H:%M}" for instant in instants]


def on_card(desk: DeskInMemory, key: str) -> dict[str, str]:
    """Each promise on the customer's card, and when it is due by the clocks of India."""
    lines = desk.card_view(key).promises
    return {line.label: f"{line.due_at.astimezone(INDIA):%a %d %b %H:%M}" for line in lines if line.due_at}


async def breaches(desk: DeskInMemory, key: str) -> list[str]:
    """Which promise was broken, and of which class."""
    history = (await desk.ticket(key)).history
    return [event.run.rpartition("/")[0] for event in history if isinstance(event, Breached)]


def test_every_requirement_is_carried_or_waits_with_a_reason(policy: Policy) -> None:
    """CUP-1 … CUP-20."""
    found = {traced.id: traced for traced in traces(policy)}
    assert list(found) == [f"CUP-{number}" for number in range(1, 21)]
    assert not [traced.id for traced in found.values() if traced.unexplained]
    assert set(policy.not_yet) == {"CUP-2", "CUP-3", "CUP-4", "CUP-13", "CUP-17"}
    assert [traced.id for traced in found.values() if not traced.carriers] == ["CUP-2", "CUP-13"]
    assert unknown_clauses(policy) == []


# Hours and times ------------------------------------------------------------------------------


def test_hours_are_indian_and_no_weekday_is_closed(policy: Policy) -> None:
    """CUP-7, A15: ten to six, Monday to Friday; holidays are excepted but not named."""
    hours = policy.calendars["business-hours"]
    shown = [hours.is_open(local(f"2026-03-10 {at}")) for at in ("09:59:59", "10:00", "17:59:59", "18:00")]
    assert shown == [False, True, True, False]
    assert not hours.is_open(local("2026-03-14 12:00"))
    assert hours.is_open(local("2026-01-26 12:00"))
    assert hours.closures.in_year(2026) == {}
    assert any(reading.clause == "CUP-7" for reading in policy.readings)


@pytest.mark.parametrize(
    ("severity", "at", "due"),
    [
        # C1 and C2 by the clock, on a Sunday night, after hours and over the year's end
        ("C1", "2026-03-22 01:30", ["Sun 2026-03-22 03:30", "Sun 2026-03-22 07:30"]),
        ("C1", "2026-12-31 23:00", ["Fri 2027-01-01 01:00", "Fri 2027-01-01 05:00"]),
        ("C2", "2026-03-20 19:00", ["Fri 2026-03-20 23:00", "Sat 2026-03-21 19:00"]),
        # C3: Friday at five, after the close on Friday, on a Saturday, at ten sharp
        ("C3", "2026-03-20 17:00", ["Mon 2026-03-23 17:00", "Fri 2026-03-27 17:00"]),
        ("C3", "2026-03-20 18:00", ["Mon 2026-03-23 18:00", "Fri 2026-03-27 18:00"]),
        ("C3", "2026-03-21 12:00", ["Mon 2026-03-23 18:00", "Fri 2026-03-27 18:00"]),
        ("C3", "2026-03-23 10:00", ["Mon 2026-03-23 18:00", "Fri 2026-03-27 18:00"]),
        # The weeks in which Europe and America change their clocks are weeks like others.
        ("C3", "2026-03-27 12:00", ["Mon 2026-03-30 12:00", "Fri 2026-04-03 12:00"]),
        ("C3", "2026-10-23 12:00", ["Mon 2026-10-26 12:00", "Fri 2026-10-30 12:00"]),
        # C4 over the year's end: no holiday is known, so none is passed over.
        ("C4", "2026-12-23 12:00", ["Fri 2026-12-25 12:00", "Wed 2027-01-06 12:00"]),
    ],
)
def test_due_by_hand(severity: str, at: str, due: list[str]) -> None:
    """CUP-4, CUP-7, CUP-8, CUP-9, CUP-10, CUP-11, A3, A21: a first response and a resolution."""
    assert times(severity, at) == due


def test_ranges_have_a_goal_and_a_limit() -> None:
    """CUP-8, CUP-11, A20: 2 to 6 hours, 5 to 10 business days; the others have one time."""
    assert times("C1", "2026-03-22 01:30", "goal_at") == ["Sun 2026-03-22 03:30"]
    assert times("C4", "2026-12-23 12:00", "goal_at") == ["Wed 2026-12-30 12:00"]
    assert times("C2", "2026-03-20 19:00", "goal_at") == times("C3", "2026-03-20 19:00", "goal_at") == []


def test_c2_by_the_clock_is_told_to_be_a_reading(policy: Policy) -> None:
    """CUP-9, A21: check flags the tension with hours that are kept for C1."""
    assert any(reading.clause == "CUP-9" and "A21" in reading.chosen for reading in policy.readings)


def test_the_undated_text_has_a_date_here(policy: Policy) -> None:
    """CUP-1: versions are dated folders; the reading says that the document bears no date."""
    assert policy.version == "2024-01-01"
    assert any("bears no date" in reading.open_question for reading in policy.readings)


def test_the_share_of_a_year_that_may_be_lost(policy: Policy) -> None:
    """CUP-19: 99.8 % of 365 days leave 17 hours and 31 minutes."""
    assert policy.uptime is not None
    line = uptime_line(policy.uptime, [], Span(local("2026-01-01 00:00"), local("2027-01-01 00:00")))
    assert line.allowed_in_a_year // timedelta(minutes=1) == 17 * 60 + 31
    assert "17 hours and 31 minutes" in policy.uptime.source.says


def test_doors_of_their_own(policy: Policy) -> None:
    """CUP-3: by e-mail and on the platform; the mail part waits (CUP-4, CUP-13)."""
    (door,) = [fact.tells for fact in policy.facts if "CUP-3" in fact.source.clauses]
    assert "support@commerceup.io" in door
    assert all("mail" in policy.not_yet[clause] for clause in ("CUP-3", "CUP-4", "CUP-13"))


# The form -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("severity", "kind", "impact"),
    [
        ("C1", "issue", "store"),
        ("C1", "issue", "sales"),
        ("C1", "issue", "interface"),
        ("C1", "issue", "reports"),
        ("C1", "complaint", "sales"),
        ("C2", "issue", "function"),
        ("C3", "issue", "standard"),
        ("C3", "design", "none"),
        ("C3", "design", "minor"),
        ("C4", "issue", "minor"),
        ("C4", "feature", "none"),
        ("C4", "feature", "standard"),
        ("C4", "complaint", "none"),
        ("C4", "training", "none"),
    ],
)
def test_what_is_what(policy: Policy, severity: str, kind: str, impact: str) -> None:
    """CUP-5, CUP-12, CUP-18: what is affected decides, then the kind of request."""
    given: Answers = {"type": (kind,), "impact": (impact,)}
    assert policy.triage.faults(given) == {}
    assert policy.triage.propose(given).severity == severity


def test_the_form_is_short_and_reaches_every_class(policy: Policy) -> None:
    """CUP-1, CUP-18: the merchant selects a type; complaints and features are among them."""
    kind, _ = policy.triage.questions
    assert {"complaint", "feature"} <= {option.id for option in kind.options}
    assert all(len(o.label) <= 75 for question in policy.triage.questions for o in question.options)
    found = questions([policy], "standard", date(2026, 3, 10))["answers"]
    assert list(found) == ["C1", "C2", "C3", "C4"]
    for severity, answers in found.items():
        given = {question: (answer,) for question, answer in answers.items()}
        assert policy.triage.propose(given).severity == severity
        assert policy.triage.referral(given) is None


async def test_content_is_the_merchant_s_own_to_put_up(tmp_path: Path) -> None:
    """CUP-17: such a request opens nothing, says what is offered instead, and loses nothing typed."""
    desk = await a_desk(tmp_path)
    form = await desk.asks_for_help(ALICE)

    answer = await desk.sends(ALICE, form, summary="Put up our spring shoes", type="content")

    again = form_of(answer)
    assert list(again.errors) == ["type"]
    assert "trains you" in again.errors["type"]
    assert {field.id: field.value for field in again.fields}["summary"] == "Put up our spring shoes"
    assert await desk.keys() == []

    assert done(await desk.sends(ALICE, again, type="training", impact="none"))
    assert desk.card_view("ACME-1").severity == "C4 (proposed)"


async def test_a_site_that_is_down_is_told_what_holds(tmp_path: Path) -> None:
    """CUP-19, A23: guidance on the ticket and to the customer, and no clock for it."""
    desk = await a_desk(tmp_path)
    form = await desk.asks_for_help(ALICE)

    answer = await desk.sends(ALICE, form, summary="The shop is gone", type="issue", impact="store")

    told = answer_text(answer)
    assert told.endswith("That aim has no countdown of its own; the times of C1 apply.")
    facts = desk.card_view("ACME-1", Audience.AGENTS).facts
    assert any(
        name == "Note" and text == f"the customer was told: {told.removesuffix('.')}" for name, text in facts
    )
    assert list(on_card(desk, "ACME-1")) == ["First response (goal)", "Resolution (goal)"]


# The worst class ------------------------------------------------------------------------------


async def test_a_c1_at_night_calls_people_at_once(tmp_path: Path) -> None:
    """CUP-4, CUP-8: support at any hour for C1, and only for C1."""
    desk = await a_desk(tmp_path, SATURDAY_NIGHT)

    key = await desk.submits(ALICE, "Nobody can pay", C1)

    assert desk.thread(key, Audience.AGENTS)[0].endswith("Paged: @Bob.")
    assert desk.standing(key) == ["less than 2 h left", "less than 6 h left"]
    assert desk.thread(key) == []

    calm = await desk.submits(ALICE, "The voucher page is out", C2, known="new")
    assert not any("Paged" in text for text in desk.thread(calm, Audience.AGENTS))


async def test_what_is_known_is_looked_up_first(tmp_path: Path) -> None:
    """CUP-6: an open C1 is shown, must be answered for, and takes what was typed."""
    desk = await a_desk(tmp_path)
    form = await desk.asks_for_help(ALICE)
    assert "known" not in [field.id for field in form.fields]
    first = await desk.submits(ALICE, "Nobody can pay", C1)

    form = await desk.asks_for_help(ALICE)
    (known,) = [field for field in form.fields if field.id == "known"]
    assert known.label == "Is it one of these open tickets?"
    assert known.hint == "Required for C1."
    again = form_of(await desk.sends(ALICE, form, summary="Cards are refused", **C1))
    assert list(again.errors) == ["known"]

    answer = await desk.sends(ALICE, again, known=first)
    assert answer_text(answer) == "Thank you. Your text was added to ACME-1."
    assert await desk.keys() == [first]
    assert any("Cards are refused" in text for text in desk.thread(first, Audience.AGENTS))

    second = await desk.submits(ALICE, "The shop is gone", C1, known="new")
    assert desk.card_view(second).severity == "C1 (proposed)"


async def test_other_classes_need_no_look(tmp_path: Path) -> None:
    """CUP-6: before a C1 only."""
    desk = await a_desk(tmp_path)
    await desk.submits(ALICE, "Nobody can pay", C1)
    key = await desk.submits(ALICE, "The voucher page is out", C2)
    assert desk.card_view(key).severity == "C2 (proposed)"


async def test_a_lowered_outage_is_found_and_a_minor_issue_is_not_asked(tmp_path: Path) -> None:
    """CUP-6: a workaround does not end an outage. Who answers that it is minor sees no list of outages."""
    desk = await a_desk(tmp_path)
    first = await desk.submits(ALICE, "Nobody can pay", C1)
    await desk.submits_form(
        BOB, "Change severity", first, severity="C2", because="workaround", text="Pay by bank transfer"
    )
    form = await desk.asks_for_help(ALICE)
    again = form_of(await desk.sends(ALICE, form, summary="Cards are refused", **C1))
    assert list(again.errors) == ["known"]
    (known,) = [field for field in again.fields if field.id == "known"]
    assert isinstance(known, ChoiceField)
    assert [option.id for option in known.options] == [first, "new"]

    values = {"summary": ("A new colour",)} | {id_: (answer,) for id_, answer in C4.items()}
    context = form.context
    act = FormChanged(desk.envelope(), desk.clock.now(), ALICE, form.id, values, context)
    calm = form_of(await desk.answers(act))
    assert "known" not in [field.id for field in calm.fields]
    assert done(await desk.sends(ALICE, calm))


async def test_a_workaround_keeps_the_promise_of_a_c1(tmp_path: Path) -> None:
    """CUP-8, A19: made a C2 with a workaround, its own 24 hours begin then."""
    desk = await a_desk(tmp_path)
    key = await desk.submits(ALICE, "Nobody can pay", C1)
    await desk.fast_forward(hours=1)
    await desk.submits_form(BOB, "Reply", key, text="We see it too.")
    await desk.fast_forward(hours=4)

    await desk.submits_form(
        BOB, "Change severity", key, severity="C2", because="workaround", text="Pay by bank transfer"
    )

    assert desk.card_view(key).severity == "C2"
    # 12:00 + 5 h = 17:00 on Tuesday; 24 hours later
    assert on_card(desk, key)["Resolution (goal)"] == "Wed 11 Mar 17:00"
    assert desk.standing(key) == ["met", "less than 24 h left"]
    assert "Pay by bank transfer" in desk.thread(key)[-1]
    await desk.fast_forward(hours=24, seconds=-1)
    assert await breaches(desk, key) == []
    await desk.fast_forward(seconds=1)
    assert await breaches(desk, key) == ["resolution/C2"]


async def test_an_unanswered_c1_stays_due_as_one(tmp_path: Path) -> None:
    """A19: a workaround does not give more time for the first response; it is breached as C1's."""
    desk = await a_desk(tmp_path)
    key = await desk.submits(ALICE, "Nobody can pay", C1)
    await desk.fast_forward(hours=1)
    for lower in ("C2", "C3"):
        await desk.submits_form(
            BOB, "Change severity", key, severity=lower, because="workaround", text="Pay by bank transfer"
        )
        assert on_card(desk, key)["First response (goal)"] == "Tue 10 Mar 14:00"
    await desk.fast_forward(hours=1, seconds=1)
    assert await breaches(desk, key) == ["first_response/C1"]

    await desk.submits_form(BOB, "Reply", key, text="We see it too.")
    assert desk.standing(key)[0] == "breached"
    await desk.submits_form(
        BOB, "Change severity", key, severity="C4", because="misjudged", text="One card was declined"
    )
    assert await breaches(desk, key) == ["first_response/C1"]


async def test_a_wrong_c1_is_not_due_as_one(tmp_path: Path) -> None:
    """A19: what was misjudged gets the time of what it is."""
    desk = await a_desk(tmp_path)
    key = await desk.submits(ALICE, "Nobody can pay", C1)
    await desk.submits_form(
        BOB, "Change severity", key, severity="C2", because="misjudged", text="One card was declined"
    )
    assert on_card(desk, key)["First response (goal)"] == "Tue 10 Mar 16:00"


async def test_what_never_was_a_c1_is_measured_from_the_submission(tmp_path: Path) -> None:
    """CUP-8, A19: a wrong class keeps no promise."""
    desk = await a_desk(tmp_path)
    key = await desk.submits(ALICE, "Nobody can pay", C1)
    await desk.fast_forward(hours=5)

    await desk.submits_form(
        BOB, "Change severity", key, severity="C2", because="misjudged", text="One card was declined"
    )

    assert on_card(desk, key)["Resolution (goal)"] == "Wed 11 Mar 12:00"


async def test_which_of_the_two_it_is_must_be_said(tmp_path: Path) -> None:
    """CUP-8, A19: ask which; and a workaround needs its note."""
    desk = await a_desk(tmp_path)
    key = await desk.submits(ALICE, "Nobody can pay", C1)
    answer = await desk.submits_form(BOB, "Change severity", key, severity="C2", text="")
    assert set(form_of(answer).errors) == {"because", "text"}
    assert desk.card_view(key).severity == "C1 (proposed)"


async def test_a_workaround_after_six_hours_comes_too_late(tmp_path: Path) -> None:
    """CUP-8, A20: what was breached at the limit stays on record."""
    desk = await a_desk(tmp_path)
    key = await desk.submits(ALICE, "Nobody can pay", C1)
    await desk.submits_form(BOB, "Reply", key, text="We see it too.")
    await desk.fast_forward(hours=6)
    assert await breaches(desk, key) == ["resolution/C1"]
    await desk.submits_form(
        BOB, "Change severity", key, severity="C2", because="workaround", text="Pay by bank transfer"
    )
    assert await breaches(desk, key) == ["resolution/C1"]


# Dates, extra time, ends ----------------------------------------------------------------------


async def test_the_card_shows_goal_and_limit(tmp_path: Path) -> None:
    """CUP-8, CUP-14, A20: the goal passes without a breach."""
    desk = await a_desk(tmp_path)
    key = await desk.submits(ALICE, "Nobody can pay", C1)
    await desk.submits_form(BOB, "Reply", key, text="We see it too.")
    line = desk.card_view(key).promises[1]
    assert line.label == "Resolution (goal)"
    assert line.goal_at == parse_instant("2026-03-10T08:30:00Z")
    assert line.due_at == parse_instant("2026-03-10T12:30:00Z")
    await desk.fast_forward(hours=3)
    assert await breaches(desk, key) == []


async def test_a_due_date_is_a_promise_of_its_own(tmp_path: Path) -> None:
    """CUP-1: set by an agent, seen by the customer, broken by itself."""
    desk = await a_desk(tmp_path)
    for number, answers in enumerate((C1, C2, C3, C4), start=1):
        key = await desk.submits(ALICE, f"Issue {number}", answers)
        form = form_of(await desk.presses(BOB, "Update", key))
        assert "due_date" in [field.id for field in form.fields]
        await desk.sends(BOB, form, text="It is planned.", due_date="2026-03-10 15:00")
        assert on_card(desk, key)["Due date"] == "Tue 10 Mar 15:00"
        assert f"{key} Bob set a due date: we will resolve this by Tue 10 Mar 09:30." in desk.thread(key)

    await desk.forward_to("2026-03-10T09:29:59Z")
    assert await breaches(desk, "ACME-3") == []
    await desk.forward_to("2026-03-10T09:30:00Z")
    assert await breaches(desk, "ACME-3") == ["due_date/C3"]
    assert any("We missed the due date, due Tue 10 Mar 09:30" in text for text in desk.thread("ACME-3"))


async def test_a_due_date_is_kept_by_the_resolution(tmp_path: Path) -> None:
    """CUP-1: and a date that has passed, or is none, is not taken."""
    desk = await a_desk(tmp_path)
    key = await desk.submits(ALICE, "The price list is wrong", C3)
    for wrong in ("2026-03-10 11:59", "soon"):
        answer = await desk.submits_form(BOB, "Update", key, text="It is planned.", due_date=wrong)
        assert set(form_of(answer).errors) == {"due_date"}
    await desk.submits_form(BOB, "Update", key, text="It is planned.", due_date="2026-03-11 18:00")
    await desk.submits_form(BOB, "Resolve", key, text="The list is right again.")
    assert desk.standing(key) == ["met", "met", "met"]


async def test_the_customer_closes(tmp_path: Path) -> None:
    """CUP-1, A18: resolving ends the clocks, closing is the customer's, and nothing closes by itself."""
    desk = await a_desk(tmp_path)
    key = await desk.submits(ALICE, "The price list is wrong", C3)
    assert "Close" not in desk.labels(key, Audience.AGENTS)
    await desk.submits_form(BOB, "Resolve", key, text="The list is right again.")
    assert desk.standing(key) == ["met", "met"]

    await desk.fast_forward(days=90)
    assert desk.card_view(key).state == "resolved"
    await desk.presses(ALICE, "Close", key)
    assert desk.card_view(key).state == "closed"


async def test_extra_time_for_an_app_submission(tmp_path: Path) -> None:
    """CUP-10, A22: 3 business days more, told to the customer at once, granted once."""
    desk = await a_desk(tmp_path)
    key = await desk.submits(ALICE, "The app shows old prices", C3)
    assert on_card(desk, key)["Resolution (goal)"] == "Tue 17 Mar 12:00"

    await desk.submits_form(BOB, "Update", key, text="A new version is ready.", extra_time="app_submission")

    assert on_card(desk, key)["Resolution (goal)"] == "Fri 20 Mar 12:00"
    (told,) = [text for text in desk.thread(key) if "extended the time" in text]
    assert "Needs an app-store submission: 3 business days more." in told
    assert "Resolution is due Fri 20 Mar 06:30" in told
    form = form_of(await desk.presses(BOB, "Update", key))
    assert "extra_time" not in [field.id for field in form.fields]
    await desk.forward_to("2026-03-20T06:29:59Z")
    assert await breaches(desk, key) == []
    await desk.forward_to("2026-03-20T06:30:00Z")
    assert await breaches(desk, key) == ["resolution/C3"]


async def test_extra_time_comes_before_the_deadline_or_not_at_all(tmp_path: Path) -> None:
    """CUP-10, A22; and for C3 alone."""
    desk = await a_desk(tmp_path)
    late = await desk.submits(ALICE, "The app shows old prices", C3)
    other = await desk.submits(ALICE, "A green button, please", C4)
    assert "extra_time" not in [f.id for f in form_of(await desk.presses(BOB, "Update", other)).fields]
    await desk.submits_form(BOB, "Reply", late, text="We see it.")
    await desk.forward_to("2026-03-17T06:30:00Z")

    answer = await desk.submits_form(BOB, "Update", late, text="A new version.", extra_time="app_submission")

    assert set(form_of(answer).errors) == {"extra_time"}
    assert on_card(desk, late)["Resolution (goal)"] == "Tue 17 Mar 12:00"


async def test_a_feature_may_have_a_date_of_its_own(tmp_path: Path) -> None:
    """CUP-11, A16: beside the range; updates as necessary have no clock."""
    desk = await a_desk(tmp_path)
    key = await desk.submits(ALICE, "A green button, please", C4)
    await desk.submits_form(BOB, "Update", key, text="It is on the list.", due_date="2026-06-30 18:00")
    assert on_card(desk, key) == {
        "First response (goal)": "Thu 12 Mar 12:00",
        "Resolution (goal)": "Tue 24 Mar 12:00",
        "Due date": "Tue 30 Jun 18:00",
    }


async def test_engineers_take_longer_and_the_customer_hears_so(tmp_path: Path) -> None:
    """CUP-14: the step calls them, the milestone tells the customer; both at the agent's word."""
    desk = await a_desk(tmp_path)
    key = await desk.submits(ALICE, "The price list is wrong", C3)

    await desk.presses(BOB, "Escalated", key)
    assert "Our engineers have it now. That can take longer" in desk.thread(key)[-1]

    await desk.submits_form(BOB, "Escalate", key, text="Needs a developer")
    assert any(text.endswith("Paged engineering: @Kim.") for text in desk.thread(key, Audience.AGENTS))


def test_who_takes_part_in_an_escalation(policy: Policy) -> None:
    """CUP-14, CUP-17: support first, then the developers; at any hour for C1 only."""
    assert [step.role for step in policy.steps] == ["support", "engineering"]
    for step in policy.steps:
        at_any_hour = {id_ for id_, duty in step.duties.items() if duty.calendar == "around-the-clock"}
        assert at_any_hour == {"C1"}
    assert {duty.mode for duty in policy.steps[1].duties.values()} == {Mode.ESCALATED_TO}


# Account managers, costs ----------------------------------------------------------------------


async def test_the_account_manager_is_the_first_contact(tmp_path: Path) -> None:
    """CUP-15, notify them first when present: one direct message for an opening, and no mention beside it.

    The customer's card shows their address; agents read the name.
    """
    desk = await a_desk(tmp_path)
    key = await desk.submits(ALICE, "The price list is wrong", C3)
    contact = rich_text(desk.card_view(key).contact)
    assert contact == "Your account manager: Dana, dana@commerceup.example"
    assert desk.card_view(key, Audience.AGENTS).contact == ()
    (told,) = desk.direct(DANA)
    assert told.text.startswith("ACME-1 A new ticket was opened. You are the customer's account manager,")
    assert desk.thread(key, Audience.AGENTS) == [
        "ACME-1 New ticket from Acme Shoes, C3 (proposed). @Bob",
        "ACME-1 The customer's account manager: Dana",
    ]
    await desk.submits_form(ALICE, "Escalate", key, text="The sale begins today")
    assert "The sale begins today" in desk.direct(DANA)[-1].text


async def test_while_the_account_manager_is_away_another_person_hears_of_it(tmp_path: Path) -> None:
    """CUP-15: whoever stands in reads for whom, and until when."""
    file = DESK_FILE.replace('tam = "dana"', 'tam = "dana"\ntam_backup = "bob"')
    desk = await open_desk(tmp_path, TUESDAY, file)
    desk.desk.directory.away = {"dana": desk.clock.now() + timedelta(days=7)}
    key = await desk.submits(ALICE, "The price list is wrong", C3)
    assert desk.direct(DANA) == []
    (told,) = desk.direct(BOB)
    assert "You stand in for the customer's account manager," in told.text
    assert "This is for Dana, who is away until" in told.text
    instead = "Bob (Dana is away until Tue 17 Mar 2026)"
    assert rich_text(desk.card_view(key).contact) == f"Your account manager: {instead}"
    assert f"ACME-1 The customer's account manager: {instead}" in desk.thread(key, Audience.AGENTS)
    desk.desk.directory.away["bob"] = desk.clock.now() + timedelta(days=7)
    await desk.submits_form(BOB, "Reply", key, text="We look into it.")
    nobody = "Your account manager: Dana (away until Tue 17 Mar 2026)"
    assert rich_text(desk.card_view(key).contact) == nobody


async def test_an_account_manager_who_opens_a_ticket_is_not_told_of_it(tmp_path: Path) -> None:
    """CUP-15: nobody is notified of their own act; the customer still reads who it is."""
    desk = await a_desk(tmp_path)
    key = await desk.submits(DANA, "The price list is wrong", C3)
    assert desk.direct(DANA) == []
    contact = rich_text(desk.card_view(key).contact)
    assert contact == "Your account manager: Dana, dana@commerceup.example"


async def test_a_ticket_of_an_earlier_release_sends_its_contact_nothing(tmp_path: Path) -> None:
    """CUP-15: its history does not name whom its opening told, so nothing is edited or repeated."""
    desk = await a_desk(tmp_path)
    key = await desk.submits(ALICE, "The price list is wrong", C3)
    history = (await desk.ticket(key)).history
    first = history[0]
    assert isinstance(first, Opened)
    rest = [event for event in history[1:] if not isinstance(event, Notified)]
    before = (replace(first, contact=""), *rest, Resolved(first.at, first.by, "Done"))
    directory = desk.desk.directory
    policy = directory.settings.policies[-1]
    told = messages_of(fold(key, before), before[-1:], policy, directory)
    assert not [message.key for message in told if "/dm/" in message.key]


async def test_an_account_manager_is_optional(tmp_path: Path) -> None:
    """CUP-15: without an account manager no name is shown."""
    desk = await open_desk(tmp_path, TUESDAY, DESK_FILE.replace('tam = "dana"\n', ""))
    key = await desk.submits(ALICE, "The price list is wrong", C3)
    assert desk.card_view(key).contact == ()
    assert desk.direct(DANA) == []
    opening = "ACME-1 New ticket from Acme Shoes, C3 (proposed). @Bob"
    assert desk.thread(key, Audience.AGENTS) == [opening]
    await desk.submits_form(ALICE, "Escalate", key, text="The sale begins today")
    assert "The sale begins today" in desk.thread(key, Audience.AGENTS)[-1]


def test_an_account_manager_has_one_store(tmp_path: Path) -> None:
    """CUP-16: a second one is flagged where the desk's file is read."""
    file = tmp_path / "frontline.toml"
    file.write_text(DESK_FILE, encoding="utf-8")
    assert load_desk(file).warnings == ()
    file.write_text(DESK_FILE + SECOND_STORE, encoding="utf-8")
    assert load_desk(file).warnings == (
        "accounts.bags.tam: dana has the 1 that the plan standard allows, such as acme; name somebody else",
    )


def test_a_policy_may_refuse_a_second_store(tmp_path: Path) -> None:
    """CUP-16: with `enforce = "fault"` the desk does not start."""
    shutil.copytree(PACKS / "commerceup", tmp_path / "strict")
    plans = tmp_path / "strict" / "2024-01-01" / "plans.toml"
    text = plans.read_text(encoding="utf-8")
    assert 'enforce = "warning"' in text
    plans.write_text(text.replace('enforce = "warning"', 'enforce = "fault"'), encoding="utf-8")
    file = tmp_path / "frontline.toml"
    one = DESK_FILE.replace('vendor = "commerceup"', 'vendor = "strict"')
    file.write_text(one, encoding="utf-8")
    assert load_desk(file).warnings == ()
    file.write_text(one + SECOND_STORE, encoding="utf-8")
    with pytest.raises(Faults) as raised:
        load_desk(file)
    assert [str(fault) for fault in raised.value.faults] == [
        "frontline.toml: accounts.bags.tam: dana has the 1 that the plan standard allows, such as acme;"
        " name somebody else"
    ]


async def test_clocks_wait_only_where_an_order_form_grants_it(tmp_path: Path) -> None:
    """CUP-2, A25: a price that waits for a yes holds nothing by itself; quotes to press on come later."""
    desk = await a_desk(tmp_path)
    key = await desk.submits(ALICE, "A green button, please", C4)
    assert "Hold" not in desk.labels(key, Audience.AGENTS)

    granted = await a_desk(tmp_path, more=ORDER_FORM)
    key = await granted.submits(ALICE, "A green button, please", C4)
    await granted.submits_form(BOB, "Hold", key, text="The quote of 200 EUR waits for your yes")
    assert granted.standing(key) == ["on hold", "on hold"]
    assert "The quote of 200 EUR waits for your yes" in granted.thread(key)[-1]
    policy = granted.desk.directory.settings.policies[-1]
    assert policy.not_yet["CUP-2"].startswith("Quotes")


async def test_an_order_form_may_set_business_hours(tmp_path: Path) -> None:
    """CUP-9, A21: four business hours from seven in the evening end at two the next day."""
    desk = await a_desk(tmp_path, "2026-03-10T13:30:00Z", ORDER_FORM)
    key = await desk.submits(ALICE, "The voucher page is out", C2)
    assert on_card(desk, key) == {
        "First response (contract)": "Wed 11 Mar 14:00",
        "Resolution (goal)": "Wed 11 Mar 19:00",
    }


async def test_a_person_s_words_are_the_response(tmp_path: Path) -> None:
    """CUP-13, A24: not the receipt; the mirror to e-mail waits with its reason."""
    desk = await a_desk(tmp_path)
    key = await desk.submits(ALICE, "The price list is wrong", C3)
    await desk.presses(BOB, "Acknowledge", key)
    assert "met" not in desk.standing(key)
    await desk.submits_form(BOB, "Reply", key, text="We see it.")
    assert desk.standing(key)[0] == "met"
    policy = desk.desk.directory.settings.policies[-1]
    assert "not mirrored" in policy.not_yet["CUP-13"]
