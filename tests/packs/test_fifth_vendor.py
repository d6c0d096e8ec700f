"""A fifth vendor is a folder: written by following docs/policies.md alone, with no code anywhere for it.

Beside it: broken copies of each pack of the catalog report all that is wrong with them at once.
"""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

import pytest

from bot.__main__ import main
from bot.cli.policy.check import warnings_of
from bot.cli.policy.explain import explain
from sla_core.catalog.load import PACKS, Faults, load, vendors
from tests.desk_file import account, desk_file
from tests.harness import ALICE, BOB, TRIAGE, open_desk
from tests.sla_core.builders import utc

FIFTH = Path(__file__).resolve().parent / "fifth_vendor"

ORDER_FORM = """
cites = "Order form 7, section 1"
hold = true
K2.first_response = "1h"
K3.resolution = { within = "2 business days", calendar = "shop-hours" }
"""
DESK = desk_file(
    FIFTH.as_posix(),
    rotas={"kiln_masters": ["bob"], "owner": ["dana"]},
    people=["bob", "dana"],
    accounts=[account(name="Acme Ceramics Ltd", plan="studio", order_form=ORDER_FORM)],
)


# The fifth vendor -----------------------------------------------------------------------------------


def test_check_is_clean(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(FIFTH)]) == 0
    said = capsys.readouterr()
    assert said.err == ""
    assert "1 policy read, no faults" in said.out
    (policy,) = load(FIFTH)
    assert list(warnings_of(policy, date(2026, 3, 10))) == []


@pytest.mark.parametrize(
    ("plan", "severity", "at", "metric", "due", "why"),
    [
        (
            "studio",
            "K2",
            "2026-06-02 11:00",
            "first_response",
            "2026-06-02 16:00",
            "half an hour, lunch, 3 ½",
        ),
        (
            "studio",
            "K2",
            "2026-03-27 11:30",
            "first_response",
            "2026-03-30 10:30",
            "over the change of clocks",
        ),
        (
            "studio",
            "K2",
            "2026-03-27 11:30",
            "resolution",
            "2026-04-01 10:30",
            "3 business days, same offset",
        ),
        (
            "studio",
            "K3",
            "2026-05-28 15:30",
            "first_response",
            "2026-05-29 11:30",
            "7 h in, Friday has only 4",
        ),
        ("studio", "K3", "2026-04-02 08:00", "first_response", "2026-04-07 08:00", "over Easter"),
        (
            "studio",
            "K3",
            "2026-05-01 09:00",
            "first_response",
            "2026-05-04 09:00",
            "open on May Day this year",
        ),
        (
            "studio",
            "K2",
            "2026-12-24 10:00",
            "first_response",
            "2026-12-29 11:30",
            "an hour before 11:00, then 3",
        ),
        (
            "studio",
            "K3",
            "2026-12-24 11:00",
            "first_response",
            "2026-12-29 17:30",
            "closed already: that close",
        ),
        ("studio", "K3", "2027-01-28 09:00", "first_response", "2027-02-01 09:00", "stocktaking, as chosen"),
        ("factory", "K2", "2026-06-02 11:00", "first_response", "2026-06-03 01:00", "from 22:00 that night"),
        (
            "factory",
            "K2",
            "2026-03-29 04:00",
            "first_response",
            "2026-03-30 00:00",
            "05:00 to 06:00, by new clocks",
        ),
        (
            "factory",
            "K2",
            "2026-12-23 05:00",
            "first_response",
            "2026-12-27 01:00",
            "a night closed, two without",
        ),
        ("works", "K1", "2026-07-01 00:00", "first_response", "2026-07-01 00:30", "at any hour"),
        ("works", "K1", "2026-07-01 00:00", "next_update", "2026-07-01 01:00", "at any hour"),
    ],
)
def test_tickets_by_hand(plan: str, severity: str, at: str, metric: str, due: str, why: str) -> None:
    """British summer time is an hour ahead of the UTC that these instants are in."""
    found = explain(FIFTH, plan, severity, utc(at))
    (clock,) = [clock for clock in found["clocks"] if clock["metric"] == metric]
    assert clock["due_at"] == f"{utc(due):%Y-%m-%dT%H:%M:%SZ}", why


def test_a_range_has_both_ends() -> None:
    found = explain(FIFTH, "studio", "K1", utc("2026-07-01 00:00"))
    ends = {clock["metric"]: (clock["goal_at"], clock["due_at"]) for clock in found["clocks"]}
    assert ends["resolution"] == ("2026-07-01T02:00:00Z", "2026-07-01T06:00:00Z")


def test_names_in_receipts() -> None:
    (first, _) = explain(FIFTH, "studio", "K2", utc("2026-12-24 10:00"))["clocks"]
    reasons = [stretch["why"] for stretch in first["receipt"]]
    assert reasons == [
        "open",
        "night",
        "holiday: Christmas Day",
        "holiday: Boxing Day",
        "weekend",
        "holiday: Boxing Day (observed)",
        "night",
        "open",
    ]


async def test_a_ticket_through_the_desk(tmp_path: Path) -> None:
    """12:00 in London: by the order form an hour, half of it before lunch; then silence until the breach."""
    desk = await open_desk(tmp_path, "2026-06-02T11:00:00Z", DESK)
    form = await desk.asks_for_help(ALICE)
    assert [field.id for field in form.fields[2:]] == ["kiln", "wish", "model"]

    key = await desk.submits(ALICE, "The glaze cracked", {"kiln": "failed"})

    first, resolution = desk.card_view(key).promises
    assert first.due_at == utc("2026-06-02 13:00")
    assert (resolution.goal_at, resolution.due_at) == (utc("2026-06-03 11:00"), utc("2026-06-05 11:00"))
    await desk.forward_to("2026-06-02T12:59:59Z")
    assert "Breached" not in await desk.events(key)
    await desk.forward_to("2026-06-02T13:00:00Z")
    assert "Breached" in await desk.events(key)
    await desk.submits_form(BOB, "Reply", key, text="A new kiln shelf is on its way")
    assert desk.standing(key)[0] == "breached"


async def test_an_emergency_pages_and_a_refund_is_sent_elsewhere(tmp_path: Path) -> None:
    desk = await open_desk(tmp_path, "2026-06-06T23:00:00Z", DESK)
    await desk.submits(ALICE, "It glows", {"kiln": "danger"})
    assert any(text.endswith("Paged: @Bob.") for text in desk.heard(TRIAGE))
    answer = await desk.sends(
        ALICE, await desk.asks_for_help(ALICE), summary="Money back", kiln="fine", wish="refund"
    )
    (error,) = answer.form.errors.values()  # type: ignore[union-attr]
    assert "Refunds are given by the shop" in error
    assert await desk.keys() == ["ACME-1"]


# Broken copies --------------------------------------------------------------------------------------

CITED = 'clause = "X-1"\nsays = "A slip."\nwhere = "nowhere"\n'
SLIPS = {
    "calendars.toml": f"""
[moon-hours]
{CITED}
[sun-hours]
{CITED}
[[sun-hours.open]]
days = ["mon"]
from = "9"
to = "10:00 Europe/London"
""",
    "severities.toml": f"""
[Q8]
name = "Slipped"
{CITED}
[[Q8.promise]]
metric = "resolution"
within = "2 fortnights"
calendar = "moon-hours"
{CITED}
[Q9]
name = "Slipped too"
{CITED}
[[Q9.promise]]
metric = "resolution"
within = "2h"
goal = "3h"
calendar = "lost-hours"
met_by_downgrade_to = "Q0"
{CITED}""",
    "plans.toml": f'[slipped]\nname = "Slipped"\n{CITED}calendars = {{ moon = "lost-hours" }}',
    "triage.toml": '[[rule]]\nseverity = "Q0"\nclause = "X-1"\nsays = "Slipped."',
    "escalation.toml": f"""
[[step]]
role = "x"
name = "X"
{CITED}
[step.duties]
Q0 = {{ mode = "available", hours = "no-hours" }}
""",
    "milestones.toml": f'[[milestone]]\nlabel = "Zz"\ntells = "Zzz."\n{CITED}',
}
EXPECTED = (
    "policy.toml: colour: is not a key that Frontline knows",
    "calendars.toml: moon-hours: needs either",
    "calendars.toml: sun-hours.open.1.from: '9' is not an opening or closing time",
    'severities.toml: Q8.promise.1.within: "2 fortnights" is not a length of time',
    'severities.toml: Q9.promise.calendar: there is no calendar "lost-hours"',
    'severities.toml: Q9.promise.met_by_downgrade_to: there is no severity "Q0"',
    "severities.toml: Q9.promise.goal: must be shorter",
    'plans.toml: slipped.calendars.moon: there is no calendar "lost-hours"',
    'there is no severity "Q0"',
    "duties.Q0.hours: there is no calendar",
    "milestones.toml: milestone.",
)


@pytest.mark.parametrize("vendor", vendors())
def test_a_broken_copy_reports_all_its_faults_at_once(vendor: str, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(PACKS / vendor, tmp_path / "ours"))
    version = max(child for child in copy.iterdir() if child.is_dir())
    head = version / "policy.toml"
    head.write_text(f'colour = "blue"\n{head.read_text(encoding="utf-8")}', encoding="utf-8")
    for name, slip in SLIPS.items():
        with (version / name).open("a", encoding="utf-8") as file:
            file.write(f"\n{slip}\n")
    with pytest.raises(Faults) as raised:
        load(copy)
    faults = [str(fault) for fault in raised.value.faults]
    for text in EXPECTED:
        assert any(text in fault for fault in faults), (text, faults)
    for name in ("triage.toml", "escalation.toml"):
        assert any(f"/{name}: " in fault and '"Q0"' in fault for fault in faults), name
