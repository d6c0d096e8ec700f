"""Hours and times that depend on the door by which a request came: chat, phone, an alarm, the API."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from bot.__main__ import main
from bot.cli.policy.explain import explanation
from bot.model.views import Audience
from sla_core.policy import Metric, Origin, Policy, Term
from tests.desk_file import account, chat, desk_file
from tests.harness import ALICE, BOB, S2, TRIAGE, answer_text, open_desk
from tests.packs.operator_pack import VERSION, OperatorPack
from tests.sla_core.builders import HOUR, local

FRIDAY = local("2026-03-20 21:30")
"""Half an hour before Gold's hours end, in the week in which only New York is on summer time."""
HOTLINE = """
[hotline]
clause = "X-1"
says = "Calls are answered at any hour."
where = "our terms, phone"
always = true
"""


@pytest.fixture
def ours(tmp_path: Path) -> OperatorPack:
    return OperatorPack(tmp_path / "ours").add(HOTLINE)


def written(ours: OperatorPack, file: str, after: str, text: str) -> OperatorPack:
    """The pack with these keys after a line of one of its files."""
    path = ours.folder / VERSION / file
    head, found, rest = path.read_text(encoding="utf-8").partition(f"{after}\n")
    assert found
    path.write_text(f"{head}{found}{text}\n{rest}", encoding="utf-8")
    return ours


def on_promise(ours: OperatorPack, text: str) -> OperatorPack:
    """What the first response of S2 says besides."""
    return written(ours, "severities.toml", 'says = "First response within 4 support hours."', text)


def on_plan(ours: OperatorPack, text: str, plan: str = "gold") -> OperatorPack:
    return written(ours, "plans.toml", f"[{plan}]", text)


def due(policy: Policy, origin: Origin, plan: str = "gold", terms: tuple[Term, ...] = ()) -> object:
    (clock,) = explanation([policy], plan, "S2", FRIDAY, terms, origin=origin).clocks
    return clock.due_at


def test_a_promise_counts_other_hours_for_calls(ours: OperatorPack) -> None:
    """Half an hour is left of Friday in chat; by phone the four hours run on through the night."""
    policy = on_promise(ours, 'doors.phone = "hotline"').policy()
    assert due(policy, Origin.CHAT) == due(policy, Origin.API) == local("2026-03-23 13:30")
    assert due(policy, Origin.PHONE) == FRIDAY + 4 * HOUR
    assert due(policy, Origin.PHONE, "silver") == FRIDAY + 4 * HOUR
    assert policy.origins("gold") == {Origin.PHONE}


def test_a_plan_counts_other_hours_for_every_promise_but_those_with_their_own(ours: OperatorPack) -> None:
    on_promise(ours, 'doors.alarm = { within = "8h", says = "{within} for alarms." }')
    policy = on_plan(ours, 'doors = { phone = "hotline", alarm = "hotline" }').policy()
    assert due(policy, Origin.PHONE) == FRIDAY + 4 * HOUR
    assert due(policy, Origin.ALARM) == FRIDAY + 8 * HOUR
    assert due(policy, Origin.PHONE, "silver") == due(policy, Origin.CHAT, "silver")
    (by_phone,) = policy.targets("S2", (), "gold", Origin.PHONE)
    assert by_phone.source.says == (
        "First response within 4 support hours. By phone, other hours count: Calls are answered at any hour."
    )
    assert by_phone.source.clauses == ("M3-14", "X-1")
    assert by_phone.source.where.endswith("; our terms, phone")
    (by_alarm,) = policy.targets("S2", (), "gold", Origin.ALARM)
    assert by_alarm.source.says == "8 hours for alarms."


def test_a_plan_of_its_own_may_have_its_own_doors(ours: OperatorPack) -> None:
    text = 'doors.phone = "hotline"\nplans.silver = { doors = { phone = { within = "none" } } }'
    policy = on_promise(ours, text).policy()
    assert policy.targets("S2", (), "silver", Origin.PHONE) == ()
    assert due(policy, Origin.PHONE) == FRIDAY + 4 * HOUR
    plans = ours.folder / VERSION / "plans.toml"
    cited = 'clause = "X-2"\nsays = "More."\nwhere = "terms"'
    more = f'\n[platinum]\nname = "Platinum"\ninherits = "silver"\n{cited}'
    plans.write_text(plans.read_text(encoding="utf-8") + more, encoding="utf-8")
    assert ours.policy().targets("S2", (), "platinum", Origin.PHONE) == ()


def test_the_order_form_stays_on_top_of_the_door(ours: OperatorPack) -> None:
    """M3-1: in the hours of the door, unless the form names others."""
    policy = on_promise(ours, 'doors.phone = "hotline"').policy()
    hour = Term("S2", Metric.FIRST_RESPONSE, timedelta(hours=1), "Order form 7")
    assert due(policy, Origin.PHONE, terms=(hour,)) == FRIDAY + HOUR
    office = Term("S2", Metric.FIRST_RESPONSE, timedelta(hours=1), "Order form 7", "silver-hours")
    assert due(policy, Origin.PHONE, terms=(office,)) == local("2026-03-23 11:00")


@pytest.mark.parametrize(
    ("promise", "plan", "fault"),
    [
        ('doors.fax = "hotline"', "", 'S2.promise.doors.fax: there is no door "fax"; known are alarm, api'),
        ('doors.chat = "hotline"', "", "S2.promise.doors.chat: is the usual door"),
        (
            'doors.phone = "never"',
            "",
            'S2.promise.doors.phone: there is no calendar "never"; known are around-',
        ),
        ('doors.phone = { within = "2h" }', "", "S2.promise.doors.phone.says: the words of the promise name"),
        ('doors.phone = { within = "soon" }', "", "S2.promise.1.doors.phone.within:"),
        ('doors.phone = { within = "999999h", says = "Late." }', "", "within: is never over in the calendar"),
        ("", 'doors.fax = "hotline"', 'gold.doors.fax: there is no door "fax"; known are alarm, api, phone'),
        ("", 'doors.phone = "never"', 'gold.doors.phone: there is no calendar "never"; known'),
    ],
)
def test_what_is_wrong_with_doors(ours: OperatorPack, promise: str, plan: str, fault: str) -> None:
    faults = on_plan(on_promise(ours, promise), plan).faults()
    assert any(fault in each for each in faults), faults


def test_explain_counts_by_door(ours: OperatorPack, capsys: pytest.CaptureFixture[str]) -> None:
    on_promise(ours, 'doors.phone = "hotline"')
    given = ["explain", "--vendor", str(ours.folder), "--plan", "gold", "--severity", "S2"]
    given += ["--at", "2026-03-20T20:30:00Z", "--json"]
    assert main([*given, "--door", "phone"]) == 0
    assert '"due_at": "2026-03-21T00:30:00Z"' in capsys.readouterr().out
    assert main([*given, "--door", "fax"]) == 1
    assert 'there is no door "fax"; known are chat, phone, alarm, api' in capsys.readouterr().err


async def test_an_agent_who_was_called_says_so_in_the_form(ours: OperatorPack, tmp_path: Path) -> None:
    """M3-5: the ticket keeps its door, so card, `Why?` and notes follow the call."""
    on_promise(ours, 'doors.phone = "hotline"')
    file = desk_file(vendor="ours", chats=[chat("slack", "C0TRIAGE", ["U0BOB"])], accounts=[account()])
    desk = await open_desk(tmp_path, "2026-03-20T20:30:00Z", file)
    assert "came_in" not in [field.id for field in (await desk.asks_for_help(ALICE)).fields]
    chatted = await desk.submits(ALICE, "Bills are late", S2)
    called = await desk.submits(BOB, "Invoices stay empty", S2, TRIAGE, came_in="phone")
    origins = [(await desk.ticket(key)).opened.origin for key in (chatted, called)]
    assert origins == [Origin.CHAT, Origin.PHONE]
    assert desk.standing(chatted) != desk.standing(called)
    facts = desk.card_view(called, Audience.AGENTS).facts
    assert ("Note", "the customer reported this by phone") in facts
    why = answer_text(await desk.presses(BOB, "Why?", called))
    assert "By phone, other hours count: Calls are answered at any hour." in why
    assert "other hours" not in answer_text(await desk.presses(BOB, "Why?", chatted))
