"""Monta's policy: its hours and times by hand, its form, and what its partners live through."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from bot.cli.policy.explain import explain
from bot.cli.policy.questions import questions
from bot.cli.policy.trace import traces, unknown_clauses
from bot.clock import parse_instant
from bot.desk import home
from bot.model.inbound import Ask, Show
from bot.model.views import Audience, QueueBoard
from sla_core.catalog.load import load
from sla_core.policy import Mode, Policy
from sla_core.triage import Answers
from tests.desk_file import account, desk_file
from tests.harness import ALICE, BOB, DANA, TRIAGE, DeskInMemory, answer_text, form_of, open_desk, rich_text

COPENHAGEN = ZoneInfo("Europe/Copenhagen")
TUESDAY = "2026-03-10T09:00:00Z"
"""Ten o'clock in Copenhagen."""
SUNDAY_NIGHT = "2026-03-22T01:00:00Z"
"""Two o'clock in Copenhagen."""

DESK_FILE = desk_file(
    "monta",
    rotas={"partner_support": ["bob", "eve"], "support_24_7": ["eve"], "leadership": ["mia"]},
    people=["dana", "bob", "eve", "mia"],
    accounts=[account(name="Acme Charging", plan="partner")],
)

CONTRACT = """
[accounts.order_form]
cites = "Partner contract 2026, annex B"
P1.first_response = "1h"
"""

PARTNER = {"audience": "partner", "revenue": "critical", "users": "all", "workaround": "no"}
P1 = PARTNER | {"topic": "outage"}
P2 = PARTNER | {"topic": "core", "users": "several"}
P3 = PARTNER | {"topic": "core", "users": "several", "workaround": "yes"}
P4 = PARTNER | {"topic": "question", "revenue": "none", "users": "one"}


@pytest.fixture
def policy() -> Policy:
    return load("monta")[-1]


async def a_desk(tmp_path: Path, at: str = TUESDAY, more: str = "") -> DeskInMemory:
    return await open_desk(tmp_path, at, DESK_FILE + more)


def local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=COPENHAGEN)


def times(severity: str, at: str, key: str = "due_at") -> list[str]:
    """When each promise falls, by the clocks of Copenhagen."""
    found = explain("monta", "partner", severity, local(at))
    instants = [parse_instant(clock[key]) for clock in found["clocks"] if clock.get(key)]
    return [f"{instant.astimezone(COPENHAGEN):%a %Y-%m-%d %H:%M}" for instant in instants]


def proposed(policy: Policy, **answers: str) -> str:
    given: Answers = {question: (answer,) for question, answer in (PARTNER | answers).items()}
    assert policy.triage.faults(given) == {}
    return policy.triage.propose(given).severity


def test_every_requirement_is_carried_or_waits_with_a_reason(policy: Policy) -> None:
    """MTA-1 … MTA-26."""
    found = {traced.id: traced for traced in traces(policy)}
    assert list(found) == [f"MTA-{number}" for number in range(1, 27)]
    assert not [traced.id for traced in found.values() if traced.unexplained]
    assert set(policy.not_yet) == {"MTA-18", "MTA-19"}
    assert [traced.id for traced in found.values() if not traced.carriers] == ["MTA-19"]
    assert unknown_clauses(policy) == []


# Hours and times ------------------------------------------------------------------------------


def test_the_listed_holidays_and_no_others(policy: Policy) -> None:
    """MTA-23: from the day of the document to the end of its list, exactly the days that it names."""
    closures = policy.calendars["business-hours"].closures
    days = [*closures.in_year(2024), *closures.in_year(2025)]
    listed = [day for day in days if date(2024, 3, 13) <= day <= date(2025, 1, 1) and day.weekday() < 5]
    assert [day.isoformat() for day in listed] == [
        "2024-03-28",
        "2024-03-29",
        "2024-04-01",
        "2024-05-09",
        "2024-05-20",
        "2024-12-24",
        "2024-12-25",
        "2024-12-26",
        "2024-12-31",
        "2025-01-01",
    ]
    assert closures.certified_until == date(2025, 1, 1)


def test_later_years_follow_easter(policy: Policy) -> None:
    """MTA-23, A12: 2026 by the rules, without 1 May and 5 June."""
    days = policy.calendars["business-hours"].closures.in_year(2026)
    in_office_weeks = [f"{day:%d.%m.}" for day in days if day.weekday() < 5]
    easter = ["02.04.", "03.04.", "06.04.", "14.05.", "25.05."]
    assert in_office_weeks == ["01.01.", *easter, "24.12.", "25.12.", "31.12."]


def test_hours_are_the_business_hours(policy: Policy) -> None:
    """MTA-22, A1: nine to five by Copenhagen's clocks, in summer too; the closing second is outside."""
    hours = policy.calendars["business-hours"]
    for day in ("2026-01-15", "2026-07-15"):
        shown = [hours.is_open(local(f"{day} {at}")) for at in ("08:59:59", "09:00", "16:59:59", "17:00")]
        assert shown == [False, True, True, False]
    assert not hours.is_open(local("2026-03-14 12:00"))
    assert hours.is_open(parse_instant("2026-07-15T07:00:00Z"))


@pytest.mark.parametrize(
    ("severity", "at", "due"),
    [
        # A plain Tuesday, and Friday at half past four: half an hour counts, the rest on Monday.
        ("P1", "2026-03-10 10:00", ["Tue 2026-03-10 12:00", "Tue 2026-03-10 14:00"]),
        ("P1", "2026-03-20 16:30", ["Mon 2026-03-23 10:30", "Mon 2026-03-23 12:30"]),
        # Sunday at two in the night: counts from Monday at nine.
        ("P1", "2026-03-22 02:00", ["Mon 2026-03-23 11:00", "Mon 2026-03-23 13:00"]),
        # Over both changes of the clocks.
        ("P1", "2026-03-27 16:00", ["Mon 2026-03-30 10:00", "Mon 2026-03-30 12:00"]),
        ("P1", "2026-10-23 16:00", ["Mon 2026-10-26 10:00", "Mon 2026-10-26 12:00"]),
        # Easter: Thursday, Friday and Monday are closed.
        ("P1", "2026-04-01 16:00", ["Tue 2026-04-07 10:00", "Tue 2026-04-07 12:00"]),
        # 1 May and 5 June are days like others; hours that run out at the close are due there.
        ("P1", "2026-05-01 13:00", ["Fri 2026-05-01 15:00", "Fri 2026-05-01 17:00"]),
        ("P1", "2026-06-05 10:00", ["Fri 2026-06-05 12:00", "Fri 2026-06-05 14:00"]),
        # Over Christmas and the year's end: 24, 25, 26, 31 December and 1 January are closed.
        ("P2", "2025-12-23 14:00", ["Mon 2025-12-29 10:00", "Tue 2026-01-06 14:00"]),
        ("P2", "2026-03-10 10:00", ["Tue 2026-03-10 14:00", "Tue 2026-03-17 10:00"]),
        ("P3", "2026-03-20 16:30", ["Tue 2026-03-24 16:30", "Wed 2026-04-08 16:30"]),
        # Nine sharp and a Saturday alike: at the close of the business day before (A3).
        ("P3", "2026-03-09 09:00", ["Tue 2026-03-10 17:00", "Fri 2026-03-20 17:00"]),
        ("P3", "2026-03-07 12:00", ["Tue 2026-03-10 17:00", "Fri 2026-03-20 17:00"]),
        # Ascension Day and Whit Monday are passed over.
        ("P4", "2026-05-05 11:00", ["Tue 2026-05-12 11:00", "Thu 2026-06-04 11:00"]),
    ],
)
def test_due_by_hand(severity: str, at: str, due: list[str]) -> None:
    """MTA-1, MTA-6, MTA-7, MTA-8, MTA-9, MTA-22, MTA-23: a reply and a resolution, in business time."""
    assert times(severity, at) == due


def test_a_p4_has_a_stricter_alarm() -> None:
    """MTA-9, A8: 3 business days for the alarm, 5 for the breach; the other classes have one time only."""
    assert times("P4", "2026-05-05 11:00", "strict_at") == ["Fri 2026-05-08 11:00"]
    assert all(times(severity, "2026-05-05 11:00", "strict_at") == [] for severity in ("P1", "P2", "P3"))


def test_the_receipt_names_what_was_skipped() -> None:
    """MTA-23, complaint 1: which days did not count, by name."""
    found = explain("monta", "partner", "P1", local("2026-04-01 16:00"))
    reasons = [line["why"] for line in found["clocks"][0]["receipt"]]
    assert "holiday: Maundy Thursday" in reasons
    assert "holiday: Good Friday" in reasons
    assert "holiday: Easter Monday" in reasons
    assert [clock["clauses"] for clock in found["clocks"]] == [["MTA-6"], ["MTA-6"]]


def test_the_version_is_that_of_the_document(policy: Policy) -> None:
    """MTA-24."""
    assert policy.version == "2024-03-13"
    assert [policy.version for policy in load("monta")] == ["2024-03-13"]


# The form -------------------------------------------------------------------------------------


def test_the_form_is_short_and_in_the_vendor_s_terms(policy: Policy) -> None:
    """MTA-3: both impact questions are there and must be answered; MTA-2: who asks comes first."""
    asked = policy.triage.questions
    assert len(asked) <= 6
    assert asked[0].id == "audience"
    required = [question.label for question in asked if question.required]
    assert "Business and revenue impact" in required
    assert "Confirmed number of users affected" in required
    assert all(len(option.label) <= 75 for question in asked for option in question.options)


@pytest.mark.parametrize(
    ("severity", "answers"),
    [
        ("P1", {"topic": "outage"}),
        ("P1", {"topic": "outage", "users": "unknown"}),
        ("P1", {"topic": "all_chargers", "users": "one"}),
        ("P1", {"topic": "payments"}),
        ("P1", {"topic": "gdpr_major", "revenue": "none", "users": "unknown", "workaround": "yes"}),
        # An outage that lacks something of a P1
        ("P2", {"topic": "outage", "workaround": "yes"}),
        ("P2", {"topic": "outage", "revenue": "direct"}),
        ("P2", {"topic": "all_chargers", "revenue": "direct"}),
        ("P4", {"topic": "outage", "users": "one"}),
    ],
)
def test_what_is_a_p1(policy: Policy, severity: str, answers: dict[str, str]) -> None:
    """MTA-4, MTA-12: only a complete outage, without a workaround, at severe cost; or a major breach."""
    assert proposed(policy, **answers) == severity


@pytest.mark.parametrize(
    ("severity", "answers"),
    [
        ("P2", {"topic": "core", "users": "several"}),
        ("P2", {"topic": "core", "users": "several", "revenue": "direct"}),
        ("P2", {"topic": "payments", "users": "several"}),
        ("P2", {"topic": "frozen", "users": "one"}),
        ("P2", {"topic": "slow", "users": "several", "revenue": "potential"}),
        ("P2", {"topic": "gdpr_minor", "users": "one"}),
        ("P3", {"topic": "core", "users": "several", "revenue": "potential"}),
        ("P4", {"topic": "core", "users": "one"}),
        ("P4", {"topic": "slow", "users": "one"}),
    ],
)
def test_what_is_a_p2(policy: Policy, severity: str, answers: dict[str, str]) -> None:
    """MTA-4, MTA-13: core functions for several customers, without a workaround, at a direct cost."""
    assert proposed(policy, **answers) == severity


@pytest.mark.parametrize(
    ("severity", "answers"),
    [
        ("P3", {"topic": "core", "users": "several", "workaround": "yes"}),
        ("P3", {"topic": "payments", "users": "several", "workaround": "yes"}),
        ("P3", {"topic": "exports"}),
        ("P3", {"topic": "several_chargers", "checked": "yes"}),
        ("P3", {"topic": "several_chargers", "checked": "no"}),
        ("P3", {"topic": "error", "users": "several"}),
    ],
)
def test_what_is_a_p3(policy: Policy, severity: str, answers: dict[str, str]) -> None:
    """MTA-4, MTA-14."""
    assert proposed(policy, **answers) == severity


@pytest.mark.parametrize("topic", ["question", "display", "transaction", "one_charger"])
def test_what_is_a_p4(policy: Policy, topic: str) -> None:
    """MTA-4, MTA-15: regardless of the stated cost; so is an error that only one user has seen."""
    assert proposed(policy, topic=topic) == "P4"
    assert proposed(policy, topic="error", users="one") == "P4"


def test_every_set_of_answers_has_one_severity(policy: Policy) -> None:
    """MTA-4: the same answers always lead to the same priority, and each priority can be reached."""
    found = questions([policy], "partner", date(2026, 3, 10))["answers"]
    assert list(found) == ["P1", "P2", "P3", "P4"]
    for severity, answers in found.items():
        given = {question: (answer,) for question, answer in answers.items()}
        assert policy.triage.propose(given).severity == severity
        assert policy.triage.referral(given) is None


@pytest.mark.parametrize(
    ("audience", "promise"),
    [
        ("private", "the first reply comes within 5 minutes"),
        ("business", "the first reply comes within 3 business days"),
        ("installer", "guided on the phone by a specialist"),
    ],
)
async def test_others_are_sent_where_they_are_helped(tmp_path: Path, audience: str, promise: str) -> None:
    """MTA-2, A8: with the promise that holds for them, before anything else is asked; nothing is lost."""
    desk = await a_desk(tmp_path)
    form = await desk.asks_for_help(ALICE)

    answer = await desk.sends(ALICE, form, summary="The app is slow", details="Since nine", audience=audience)

    again = form_of(answer)
    assert list(again.errors) == ["audience"]
    assert promise in again.errors["audience"]
    kept = {field.id: field.value for field in again.fields}
    assert (kept["summary"], kept["details"]) == ("The app is slow", "Since nine")
    assert await desk.keys() == []


async def test_both_impact_questions_must_be_answered(tmp_path: Path) -> None:
    """MTA-3."""
    desk = await a_desk(tmp_path)
    form = await desk.asks_for_help(ALICE)
    answers = {"audience": "partner", "topic": "question", "workaround": "no"}
    again = form_of(await desk.sends(ALICE, form, summary="How do exports work?", **answers))
    assert set(again.errors) == {"revenue", "users"}


async def test_checks_that_are_missing_are_shown_and_hold_nothing_up(tmp_path: Path) -> None:
    """MTA-16: who has not checked the charge point gets the list, and the ticket is opened all the same."""
    desk = await a_desk(tmp_path)
    form = await desk.asks_for_help(ALICE)
    answers = PARTNER | {"topic": "one_charger", "checked": "no"}

    answer = await desk.sends(ALICE, form, summary="Charge point 7 is dark", **answers)

    assert "please check at the charge point" in answer_text(answer)
    assert desk.card_view("ACME-1").severity == "P4 (proposed)"
    notes = [text for name, text in desk.card_view("ACME-1", Audience.AGENTS).facts if name == "Note"]
    assert any("please check at the charge point" in note for note in notes)


async def test_who_has_checked_is_not_told_to(tmp_path: Path) -> None:
    """MTA-16."""
    desk = await a_desk(tmp_path)
    key = await desk.submits(
        ALICE, "Nine are dark", PARTNER | {"topic": "several_chargers", "checked": "yes"}
    )
    card = desk.card_view(key, Audience.AGENTS)
    assert not any(name == "Note" for name, _ in card.facts)
    assert any(text == "Yes, and it did not help" for _, text in card.answers)


async def test_the_form_points_to_known_incidents(tmp_path: Path) -> None:
    """MTA-18: where they are shown; the feed itself waits."""
    desk = await a_desk(tmp_path)
    form = await desk.asks_for_help(ALICE)
    assert "status page" in rich_text(form.intro)
    assert "Ongoing incidents" in rich_text(form.intro)
    assert "feed" in desk.desk.directory.settings.policies[-1].not_yet["MTA-18"]


async def test_p1_and_p2_are_told_to_call(tmp_path: Path) -> None:
    """MTA-20: at the opening and on the card for as long as it lasts; others are not."""
    desk = await a_desk(tmp_path)
    for answers, told in ((P1, True), (P2, True), (P3, False), (P4, False)):
        form = await desk.asks_for_help(ALICE)
        answer = await desk.sends(ALICE, form, summary="Something", **answers)
        assert not isinstance(answer, Ask)
        key = (await desk.keys())[0]
        facts = dict(desk.card_view(key).facts)
        assert ("partner phone line" in facts.get("Phone", "")) is told
        if told:
            assert "Support & Billing" in answer_text(answer)


# What partners live through -------------------------------------------------------------------


async def test_an_outage_at_night_calls_people_at_once(tmp_path: Path) -> None:
    """MTA-21, MTA-6, A9, A11: the written times wait for Monday and are said; people are called now."""
    desk = await a_desk(tmp_path, SUNDAY_NIGHT)

    key = await desk.submits(ALICE, "Everything is down", P1)

    assert desk.standing(key) == ["paused until", "paused until"]
    assert desk.thread(key, Audience.AGENTS)[0].endswith("Paged: @Bob.")
    assert desk.thread(key) == [
        "ACME-1 Bob has been paged, although it is outside our support hours. Our response "
        "times count from Mon 23 Mar 08:00, when our support hours begin. "
        "First response is due Mon 23 Mar 10:00. Resolution is due Mon 23 Mar 12:00. "
        "Until our support hours begin, we will write here every hour, the next time by Sun 22 Mar 02:00."
    ]
    assert ("", "We page for this at any hour; the promised times count business hours") in (
        desk.card_view(key).facts
    )
    await desk.presses(BOB, "Acknowledge", key)
    await desk.forward_to("2026-03-23T09:59:59Z")
    assert "Breached" not in await desk.events(key)
    await desk.forward_to("2026-03-23T10:00:00Z")
    assert (await desk.events(key)).count("Breached") == 1


async def test_a_p2_at_night_calls_people_too(tmp_path: Path) -> None:
    """MTA-21, A11; a P3 waits for the morning, and by day nothing needs to be said of the hours."""
    desk = await a_desk(tmp_path, SUNDAY_NIGHT)
    urgent = await desk.submits(ALICE, "Charging fails", P2)
    assert pages(desk, urgent) == ["ACME-1 P2 for Acme Charging: Charging fails"]
    calm = await desk.submits(ALICE, "Charging is slow", P3)
    opening = "ACME-2 New ticket from Acme Charging, P3 (proposed). @Bob"
    assert desk.thread(calm, Audience.AGENTS) == [opening]

    by_day = await a_desk(tmp_path)
    key = await by_day.submits(ALICE, "Charging fails", P2)
    assert len(pages(by_day, key)) == 1
    assert by_day.thread(key) == []


async def test_an_empty_rota_is_passed_over_and_the_customer_reads_who_was_paged(tmp_path: Path) -> None:
    """MTA-21: the team of the night is next."""
    empty = DESK_FILE.replace('partner_support = ["bob", "eve"]\n', "")
    desk = await open_desk(tmp_path, SUNDAY_NIGHT, empty)
    key = await desk.submits(ALICE, "Everything is down", P1)
    assert desk.thread(key)[0].startswith(
        "ACME-1 Eve has been paged, although it is outside our support hours."
    )
    assert desk.thread(key, Audience.AGENTS)[0].endswith("Paged 24/7 support team: @Eve.")


async def test_nobody_is_said_to_be_paged_where_nobody_is_on_call(tmp_path: Path) -> None:
    """MTA-21: no promise to the customer that nobody keeps; the agents read that nobody is on call."""
    file = desk_file("monta", rotas={}, accounts=[account(plan="partner", tam=None)])
    desk = await open_desk(tmp_path, SUNDAY_NIGHT, file)
    key = await desk.submits(ALICE, "Everything is down", P1)
    assert desk.thread(key) == []
    assert "Nobody is on call, so nobody was paged." in desk.thread(key, Audience.AGENTS)[0]


def test_who_takes_part_in_an_escalation(policy: Policy) -> None:
    """MTA-4, MTA-18, MTA-21: Partner Support first, then the team of the night, then stakeholders."""
    assert [step.role for step in policy.steps] == ["partner_support", "support_24_7", "leadership"]
    first, night, _ = policy.steps
    assert {id_ for id_, duty in first.duties.items() if duty.calendar == "around-the-clock"} == {"P1", "P2"}
    assert set(night.duties) == {"P1", "P2"}
    assert first.duties["P3"].mode is Mode.RESOLVER


async def test_staff_raise_and_lower_the_priority(tmp_path: Path) -> None:
    """MTA-10, A10: either way, measured from the submission; a time in the past begins at the change."""
    desk = await a_desk(tmp_path)
    key = await desk.submits(ALICE, "Charging is slow", P3)
    await desk.fast_forward(hours=1)

    await desk.submits_form(BOB, "Change severity", key, severity="P2", text="Several partners are affected")
    assert due_on_card(desk, key) == ["Tue 10 Mar 14:00", "Tue 17 Mar 10:00"]
    assert "Bob changed the severity from P3 to P2" in desk.thread(key)[0]

    await desk.submits_form(BOB, "Change severity", key, severity="P4", text="It was one of them only")
    assert due_on_card(desk, key) == ["Tue 17 Mar 10:00", "Fri 10 Apr 10:00"]

    await desk.fast_forward(days=2)
    await desk.submits_form(BOB, "Change severity", key, severity="P2", text="It came back for all")
    assert due_on_card(desk, key)[0] == "Thu 12 Mar 15:00"
    assert desk.card_view(key).promises[0].note == "counted from the change of severity"
    assert "Breached" not in await desk.events(key)


async def test_a_breached_promise_keeps_its_due_instant_through_a_change(tmp_path: Path) -> None:
    """A10: missed on Tuesday as a P3 and raised to P1 on Thursday: nothing is announced for the past."""
    desk = await a_desk(tmp_path, "2026-03-06T09:00:00Z")
    key = await desk.submits(ALICE, "Charging is slow", P3)
    await desk.forward_to("2026-03-12T10:00:00Z")
    assert (await desk.events(key)).count("Breached") == 1

    await desk.submits_form(BOB, "Change severity", key, severity="P1", text="All chargers are down")

    assert desk.thread(key)[-1] == (
        "ACME-1 Bob changed the severity from P3 to P1 (Urgent, complete outage): “All chargers are down” "
        "First response is overdue: it was due Tue 10 Mar 09:00. "
        "Resolution is due Thu 12 Mar 14:00, counted from this change. "
    )
    assert due_on_card(desk, key) == ["Tue 10 Mar 10:00", "Thu 12 Mar 15:00"]
    assert desk.standing(key) == ["breached", "less than 4 h left"]
    await desk.forward_to("2026-03-12T13:59:59Z")
    assert (await desk.events(key)).count("Breached") == 1, "the breach of Tuesday is not recorded again"


async def test_customers_cannot_change_the_priority(tmp_path: Path) -> None:
    """MTA-10: by staff."""
    desk = await a_desk(tmp_path)
    key = await desk.submits(ALICE, "Charging is slow", P3)
    assert "Change severity" not in desk.labels(key)


async def test_the_worst_comes_first(tmp_path: Path) -> None:
    """MTA-11: by priority, and of two alike the one that is due first."""
    desk = await a_desk(tmp_path)
    slow = await desk.submits(ALICE, "Charging is slow", P3)
    slow_too = await desk.submits(ALICE, "Charging is slow again", P3)
    down = await desk.submits(ALICE, "Everything is down", P1)
    await desk.submits_form(BOB, "Reply", slow, text="We look into it.")
    answer = await home.listing(desk.desk, BOB, TRIAGE)
    assert isinstance(answer, Show)
    assert isinstance(answer.view, QueueBoard)
    [section] = answer.view.sections
    assert [row.key for row in section.rows] == [down, slow_too, slow]


async def test_a_second_p1_in_a_quarter_is_noted(tmp_path: Path) -> None:
    """MTA-17: pointed out to the agents and never refused; a new quarter begins from none."""
    desk = await a_desk(tmp_path)
    first = await desk.submits(ALICE, "Everything is down", P1)
    await desk.submits_form(BOB, "Resolve", first, text="It runs again.")
    await desk.fast_forward(days=10)

    second = await desk.submits(ALICE, "Down again", P1)
    note = f"this is the customer's P1 number 2 this quarter, after {first}; the policy expects at most 1"
    assert any(note in text for text in desk.thread(second, Audience.AGENTS))
    assert desk.card_view(second).severity == "P1 (proposed)"
    assert not any("this quarter" in text for text in desk.thread(first, Audience.AGENTS))
    assert not any("this quarter" in text for text in desk.thread(second))

    await desk.presses(BOB, "Acknowledge", second)
    await desk.forward_to("2026-04-01T08:00:00Z")
    third = await desk.submits(ALICE, "And again", P1)
    assert not any("this quarter" in text for text in desk.thread(third, Audience.AGENTS))


async def test_the_times_are_aims_unless_a_contract_has_them(tmp_path: Path) -> None:
    """MTA-5: what the partner's contract sets is called so, the rest stays an aim."""
    desk = await a_desk(tmp_path)
    key = await desk.submits(ALICE, "Everything is down", P1)
    assert [line.label for line in desk.card_view(key).promises] == [
        "First response (aim)",
        "Resolution (aim)",
    ]

    bound = await a_desk(tmp_path, more=CONTRACT)
    key = await bound.submits(ALICE, "Everything is down", P1)
    assert [line.label for line in bound.card_view(key).promises] == [
        "First response (contract)",
        "Resolution (aim)",
    ]
    assert due_on_card(bound, key)[0] == "Tue 10 Mar 11:00"


async def test_a_reply_and_a_resolution_each_have_their_clock(tmp_path: Path) -> None:
    """MTA-1, MTA-7."""
    desk = await a_desk(tmp_path)
    key = await desk.submits(ALICE, "Charging fails", P2)
    assert desk.standing(key) == ["less than 4 h left", "less than 40 support hours left"]
    await desk.submits_form(BOB, "Reply", key, text="We are on it.")
    assert desk.standing(key) == ["met", "less than 40 support hours left"]
    await desk.submits_form(BOB, "Resolve", key, text="A new release is out.")
    assert desk.standing(key) == ["met", "met"]


async def decided(desk: DeskInMemory, key: str) -> list[str]:
    """The events of a ticket, without the records of direct messages."""
    return [event for event in await desk.events(key) if event != "Notified"]


async def test_a_p4_warns_by_the_stricter_reading(tmp_path: Path) -> None:
    """MTA-9, A8: at 3 business days the account's manager hears of it, at 5 it is a breach."""
    desk = await a_desk(tmp_path, "2026-05-05T09:00:00Z")
    key = await desk.submits(ALICE, "How do exports work?", P4)

    await desk.forward_to("2026-05-08T08:59:59Z")
    assert await decided(desk, key) == ["Opened"]
    await desk.forward_to("2026-05-08T09:00:00Z")
    assert await decided(desk, key) == ["Opened", "Warned"]
    assert "first response is due Tue 12 May 09:00" in desk.direct(DANA)[-1].text
    await desk.forward_to("2026-05-12T08:59:59Z")
    assert await decided(desk, key) == ["Opened", "Warned"]
    await desk.forward_to("2026-05-12T09:00:00Z")
    assert await decided(desk, key) == ["Opened", "Warned", "Breached"]


def test_broadcasts_wait(policy: Policy) -> None:
    """MTA-19: named as missing, with the reason."""
    assert "broadcasts" in policy.not_yet["MTA-19"]


def due_on_card(desk: DeskInMemory, key: str) -> list[str]:
    """When each promise on the customer's card is due, by the clocks of Copenhagen."""
    lines = desk.card_view(key).promises
    return [f"{line.due_at.astimezone(COPENHAGEN):%a %d %b %H:%M}" for line in lines if line.due_at]


def pages(desk: DeskInMemory, key: str) -> list[str]:
    """What each page for the ticket in triage says that it is about."""
    told = [text for text in desk.thread(key, Audience.AGENTS) if text.endswith("Paged: @Bob.")]
    return [text.partition(". Reported ")[0] for text in told]
