"""`frontline simulate`: tickets replayed under a policy, and what another policy would have made of them."""

from __future__ import annotations

import csv
import io
import json
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from bot.cli import progress
from bot.cli.policy.lookup import UsageFault
from bot.cli.policy.simulation.compare import Histories, SimulationRequest, simulate
from bot.cli.policy.simulation.simulate import as_json
from bot.cli.policy.simulation.tickets_csv import read_tickets
from sla_core.catalog.load import Faults
from sla_core.events import Answered, Closed, Event, Held, Kind, Reopened, Resolved, Resumed, SeverityChanged
from sla_core.outcome import Replay, Result, replay
from sla_core.policy import Metric, Term
from tests.cli.conftest import REPOSITORY, Run
from tests.sla_core.builders import ANN, BOB, TicketHistory, full_policy, local, opened, refused, utc

EXAMPLE = REPOSITORY / "docs" / "examples" / "tickets.csv"
UNTIL = "2026-04-01T00:00:00Z"
HEAD = "ticket,opened,severity,responded,resolved\n"
MONDAY = local("2026-03-09 10:00")
"""Silver's hours, which these stories run in, are 10:00 to 18:00 in Berlin."""


def words(*more: str, tickets: Path = EXAMPLE, vendor: str = "m3ter", plan: str = "gold") -> tuple[str, ...]:
    given = ("--vendor", vendor, "--plan", plan, "--tickets", str(tickets), "--until", UNTIL)
    return ("simulate", *given, *more)


def found(run: Run, *more: str) -> Any:
    said = run(*words(*more), "--json")
    assert (said.code, said.err) == (0, ""), said.err
    return json.loads(said.out)


# One policy -----------------------------------------------------------------------------------------


def test_the_example_by_hand(run: Run) -> None:
    """M3-13 … M3-18: gold opens at 10:00 in Berlin and closes at 17:00 in New York."""
    promises = {
        ticket["ticket"]: [(p["due_at"], p["outcome"], p["margin_seconds"]) for p in ticket["promises"]]
        for ticket in found(run)["tickets"]
    }
    assert promises == {
        # Friday 16:30 and 4 hours: 20:30; answered 18:00.
        "T-1": [("2026-03-20T19:30:00Z", "met", 9000)],
        # Saturday 03:10 and 1 hour of any day: 04:10; answered 04:25.
        "T-2": [("2026-03-21T03:10:00Z", "breached", -900)],
        # Monday before opening and 1 business day: that day's close, 21:00 UTC; then Tuesday 10:00 to 17:30.
        "T-3": [("2026-03-23T21:00:00Z", "breached", -27000)],
        # Friday 17:45 and 4 hours: 21:45 in Berlin, 15 minutes before the close; Monday 10:00 to 11:15.
        "T-4": [("2026-03-27T20:45:00Z", "breached", -5400)],
        "T-5": [],
    }


def test_warnings_and_pages_with_their_instants(run: Run) -> None:
    tickets = {ticket["ticket"]: ticket for ticket in found(run)["tickets"]}
    assert [p["warned_at"] for p in tickets["T-2"]["promises"]] == ["2026-03-21T02:55:00Z"]
    assert tickets["T-2"]["pages"] == [{"at": "2026-03-21T02:10:00Z", "role": "first_line", "severity": "S1"}]
    assert [p["warned_at"] for p in tickets["T-1"]["promises"]] == [None]
    assert [t for t, ticket in tickets.items() if ticket["pages"]] == ["T-2"]


def test_totals_by_severity_and_metric(run: Run) -> None:
    totals = {(row["severity"], row["metric"]): row for row in found(run)["totals"]}
    assert list(totals) == [
        ("S1", "first_response"),
        ("S1", "page"),
        ("S2", "first_response"),
        ("S3", "first_response"),
    ]
    assert totals["S1", "page"]["paged"] == 1
    s2 = totals["S2", "first_response"]
    assert [s2[name] for name in ("met", "breached", "open", "ended", "warned")] == [1, 1, 0, 0, 1]


def test_the_report_is_readable(run: Run) -> None:
    plain = run(*words()).plain
    for text in (
        "5 tickets under m3ter Support, plan Gold, as of 2026-04-01T00:00:00Z",
        "next updates are not judged",
        "T-1 S2 first response Fri 20 Mar 2026 20:30 CET met, 2 h 30 min to spare – –",
        "T-2 S1 first response Sat 21 Mar 2026 03:10 UTC breached, 15 min late Sat 21 Mar 2026 02:55 UTC",
        "first_line Sat 21 Mar 2026 02:10 UTC",
        "T-5 none no clock",
        "S2 first response 1 1 0 0 50.0 % 1 –",
    ):
        assert text in plain, text


def test_what_is_still_open(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    file.write_text(
        HEAD + "A,2026-03-31T17:00:00Z,S2,,\nB,2026-03-30T10:00:00Z,S2,,\nC,2026-04-02T10:00:00Z,S2,,\n",
        encoding="utf-8",
    )
    said = run(*words(tickets=file), "--json")
    a, b = json.loads(said.out)["tickets"]
    # 17:00 to 21:00 UTC on the day itself is exactly 4 hours: due at the close, and past by midnight.
    assert (a["promises"][0]["outcome"], a["promises"][0]["due_at"]) == ("breached", "2026-03-31T21:00:00Z")
    # Breached Monday 14:00 UTC: 7 hours of Monday and the 13 of Tuesday have passed since.
    assert b["promises"][0]["margin_seconds"] == -(7 + 13) * 3600
    assert "1 of 3 tickets were opened later and are left out" in json.loads(said.out)["notes"]
    early = ("simulate", "--vendor", "m3ter", "--plan", "gold", "--tickets", str(file), "--json", "--until")
    (b, *_) = json.loads(run(*early, "2026-03-30T13:00:00Z").out)["tickets"]
    assert (b["promises"][0]["outcome"], b["promises"][0]["margin_seconds"]) == ("open", 3600)
    assert "less than a counted second late so far" in run(*words(tickets=file)).plain


# Two policies ---------------------------------------------------------------------------------------


def test_the_difference_between_two_plans(run: Run) -> None:
    """Silver's hours end at 18:00, so T-4 has until Monday."""
    difference = found(run, "--against", "m3ter", "--against-plan", "silver")["difference"]
    assert difference["changed"] == [
        {
            "ticket": "T-4",
            "metric": "first_response",
            "was": {"outcome": "breached", "due_at": "2026-03-27T20:45:00Z"},
            "becomes": {"outcome": "met", "due_at": "2026-03-30T11:45:00Z"},
        }
    ]
    totals = [(row["outcome"], row["was"], row["becomes"]) for row in difference["totals"]]
    assert totals == [("met", 1, 2), ("breached", 3, 2), ("warned", 3, 2), ("paged", 1, 1)]
    plain = run(*words("--against", "m3ter", "--against-plan", "silver")).plain
    assert "What would differ: 1 ticket" in plain
    assert "T-4 first response S2 breached, 1 h 30 min late" in plain


def test_an_edited_copy_against_the_pack(run: Run, ours: Path) -> None:
    """An operator tries a change before it is in force: S1 no longer pages, S2 has 6 hours."""
    file = ours / "2025-02-10" / "severities.toml"
    text = file.read_text(encoding="utf-8").replace("pages = true", "pages = false")
    file.write_text(text.replace('within = "4h"', 'within = "6h"'), encoding="utf-8")
    for place in (ours, ours / "2025-02-10"):
        changed = found(run, "--against", str(place))["difference"]["changed"]
        assert [
            (c["ticket"], c["metric"], c["was"]["outcome"], c["becomes"]["outcome"]) for c in changed
        ] == [
            ("T-2", "page", "paged", None),
            ("T-4", "first_response", "breached", "met"),
        ]


def test_the_same_policy_makes_no_difference(run: Run) -> None:
    assert found(run, "--against", "m3ter")["difference"]["changed"] == []
    assert "What would differ: no tickets" in run(*words("--against", "m3ter")).plain


@pytest.fixture
def levels(ours: Path) -> Path:
    """m3ter's policy in which the severities go by other names."""
    folder = ours / "2025-02-10"
    for name in ("policy.toml", "severities.toml", "triage.toml", "escalation.toml"):
        text = (folder / name).read_text(encoding="utf-8")
        for number in (1, 2, 3):
            text = text.replace(f"[S{number}", f"[P{number}").replace(f"[[S{number}.", f"[[P{number}.")
            text = text.replace(f'"S{number}"', f'"P{number}"').replace(f"\nS{number} =", f"\nP{number} =")
        (folder / name).write_text(text, encoding="utf-8")
    return ours


def test_severities_that_the_second_policy_lacks(run: Run, levels: Path) -> None:
    said = run(*words("--against", str(levels)))
    assert said.code == 1
    assert len(said.faults) == 3
    says = '--against: m3ter has no severity "S1"; it has P1, P2, P3, none; map it to one'
    assert any(fault.startswith(says) for fault in said.faults)
    mapped = ("--map", "S1=P1", "--map", "S2=P2", "--map", "S3=P3")
    whole = found(run, "--against", str(levels), *mapped)
    assert whole["difference"]["changed"] == []
    assert [ticket["severity"] for ticket in whole["against"]["tickets"]] == ["P2", "P1", "P3", "P2", "none"]


def test_wrong_arguments_are_reported(run: Run, levels: Path) -> None:
    for more, says in (
        (("--against", "m3ter", "--map", "S1=S9"), '--map: S1: there is no severity "S9"; choose from S1'),
        (("--map", "S1"), '--map: "S1" is not a pair of severities; write S1=P1'),
        (("--until", "noon"), '--until: "noon" is not an instant'),
        (("--against", "m3ter", "--against-plan", "x"), 'm3ter has no plan "x"; it has silver'),
        (("--against", "nobody"), "no such vendor or folder"),
    ):
        said = run(*words(*more))
        assert (said.code, said.out) == (1, "")
        assert any(says in fault for fault in said.faults), said.err
    assert run("simulate", "--vendor", "m3ter", "--plan", "gold").code == 2


# The file -------------------------------------------------------------------------------------------


def test_all_errors_of_a_file_are_reported_at_once(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "bad.csv"
    file.write_text(
        HEAD
        + "A,2026-03-20T16:30:00,S2,,\n"
        + "B,2026-03-20T16:30:00Z,S9,yesterday,\n"
        + "C,2026-03-20T16:30:00Z,S9,,\n"
        + "\n"
        + "D,2026-03-20T16:30:00Z,S2,2026-03-20T16:00:00Z,1900-01-01T00:00:00Z\n"
        + "E,2026-03-20T16:30:00Z,S2\n"
        + "F,,,,\n",
        encoding="utf-8",
    )
    said = run(*words(tickets=file))
    assert (said.code, said.out) == (1, "")
    for fault, text in zip(
        said.faults,
        (
            'bad.csv: line 2, opened: "2026-03-20T16:30:00" does not say which zone it is in; add Z',
            'bad.csv: line 3, responded: "yesterday" is not an instant; write 2026-',
            'bad.csv: line 6, resolved: "1900-01-01T00:00:00Z" is outside the years 1973 to 2190',
            'bad.csv: line 6, responded: "2026-03-20T16:00:00Z" is before it was opened',
            "bad.csv: line 7: has 3 cells, but line 1 names 5",
            'bad.csv: line 8, opened: "" is not an instant',
            "bad.csv: line 8, severity: is empty; name a severity of the policy",
            'bad.csv: line 4, severity: m3ter has no severity "S9"; it has S1, S2, S3, none',
        ),
        strict=True,
    ):
        assert text in fault, fault


def test_files_as_spreadsheets_write_them(run: Run, tmp_path: Path) -> None:
    """A byte-order mark, semicolons, columns in another order, quotes, empty lines at the end."""
    file = tmp_path / "sheet.csv"
    text = (
        "Severity;Opened;Resolved;Responded;Customer;Ticket\r\n"
        'S2;2026-03-20T15:30:00Z;;2026-03-20T17:00:00Z;"Acme; Berlin";77\r\n;;;;;\r\n'
    )
    file.write_bytes(text.encode("utf-8-sig"))
    (ticket,) = json.loads(run(*words(tickets=file), "--json").out)["tickets"]
    assert (ticket["ticket"], ticket["label"]) == ("77", {"customer": "Acme; Berlin", "ticket": "77"})
    assert ticket["promises"][0]["outcome"] == "met"


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b"", "line 1: lacks the columns opened, severity, responded, resolved; it begins with opened,"),
        (b"opened,severity,resolved\n", "line 1: lacks the column responded"),
        (HEAD.encode(), "has no tickets; write one on each line below the first"),
        (b"opened,severity,responded,resolved,opened\n", "line 1, opened: appears more than once"),
        (HEAD.encode() + b'"A,2026', "is not valid CSV"),
    ],
)
def test_files_without_tickets_are_refused(run: Run, tmp_path: Path, raw: bytes, says: str) -> None:
    file = tmp_path / "t.csv"
    file.write_bytes(raw)
    said = run(*words(tickets=file))
    assert said.code == 1
    assert len(said.faults) == 1
    assert says in said.faults[0]


def test_a_missing_file_is_reported(run: Run, tmp_path: Path) -> None:
    said = run(*words(tickets=tmp_path / "no.csv"))
    assert (said.code, len(said.faults)) == (1, 1)
    assert "cannot be read: No such file or directory" in said.err


def test_the_help_shows_the_example(run: Run) -> None:
    said = run("simulate", "--help")
    assert said.code == 0
    lines = EXAMPLE.read_text(encoding="utf-8").splitlines()
    assert lines[0] in said.out
    assert lines[1] in said.out
    assert len(read_tickets(EXAMPLE).cases) == len(list(csv.reader(lines))) - 1


# Stored tickets -------------------------------------------------------------------------------------


def answered(at: datetime, kind: Kind = Kind.REPLY) -> Answered:
    return Answered(at, BOB, kind, "Looking")


def stored(*histories: Sequence[Event]) -> Histories:
    def of(account: str) -> list[tuple[str, Sequence[Event]]]:
        numbered = [(f"ACME-{n}", history) for n, history in enumerate(histories, start=1)]
        return numbered if account == "acme" else []

    return of


def request(**more: Any) -> SimulationRequest:
    usual = SimulationRequest("m3ter", "silver", None, "acme", None, None, (), (), None)
    return replace(usual, **more)


def simulated(histories: Histories, **more: Any) -> Any:
    console = Console(file=io.StringIO())
    return as_json(simulate(request(**more), histories, utc("2026-04-01 00:00"), console))


def test_stored_tickets_with_a_hold_and_a_change_of_severity() -> None:
    """A hold from 11:00 to 13:00 moves 4 hours from 14:00 to 16:00; then it becomes Severity 1."""
    history = (
        opened(MONDAY),
        Held(local("2026-03-09 11:00"), BOB, "waits for logs"),
        Resumed(local("2026-03-09 13:00"), ANN),
        SeverityChanged(local("2026-03-09 15:00"), BOB, "S1", "all is down"),
    )
    (ticket,) = simulated(stored(history))["tickets"]
    before, after = ticket["promises"]
    assert (before["severity"], before["due_at"], before["outcome"]) == (
        "S2",
        "2026-03-09T15:00:00Z",
        "ended",
    )
    # An hour from 10:00 with the hold is past by 15:00, so it is counted from the change (A10).
    assert (after["severity"], after["due_at"], after["outcome"]) == (
        "S1",
        "2026-03-09T15:00:00Z",
        "breached",
    )
    assert ticket["pages"] == [{"at": "2026-03-09T14:00:00Z", "role": "first_line", "severity": "S1"}]


def test_an_order_form_stays_in_force_with_its_own_vendor(ours: Path) -> None:
    term = Term("S2", Metric.FIRST_RESPONSE, timedelta(hours=2), "Order form 2026-04")
    history = (replace(opened(MONDAY), terms=(term,)), answered(MONDAY + timedelta(hours=3)))
    whole = simulated(stored(history))
    assert whole["tickets"][0]["promises"][0]["outcome"] == "breached"
    head = ours / "2025-02-10" / "policy.toml"
    text = head.read_text(encoding="utf-8").replace('vendor = "m3ter"', 'vendor = "other"')
    head.write_text(text, encoding="utf-8")
    whole = simulated(stored(history), against=str(ours))
    assert [c["becomes"]["outcome"] for c in whole["difference"]["changed"]] == ["met"]
    assert "order forms of 1 ticket were agreed with another vendor" in whole["notes"][0]


def test_an_order_form_that_the_policy_has_no_place_for() -> None:
    term = Term("S2", Metric.RESOLUTION, timedelta(hours=2), "Order form 2026-04")
    elsewhere = replace(term, calendar="moon-hours")
    history = (replace(opened(MONDAY), terms=(term,)),)
    again = (replace(opened(MONDAY), terms=(elsewhere,)),)
    with pytest.raises(Faults) as raised:
        simulated(stored(history, again))
    one, two = map(str, raised.value.faults)
    assert one == "ACME-1: its order form's S2.resolution replaces a promise that m3ter does not make here"
    assert two == 'ACME-2: its order form\'s S2.resolution needs a calendar "moon-hours"'


def test_an_account_without_tickets(run: Run) -> None:
    with pytest.raises(UsageFault, match='no ticket of an account "acne"'):
        simulated(stored((opened(MONDAY),)), account="acne")
    said = run("simulate", "--vendor", "m3ter", "--plan", "gold", "--account", "acme")
    assert said.code == 1
    assert len(said.faults) == 1


# What became of each promise ------------------------------------------------------------------------


def told(history: Sequence[Event], until: str = "2026-03-13 12:00") -> Replay:
    return replay("ACME-1", history, full_policy(), utc(until))


def ends(replayed: Replay, metric: Metric) -> list[tuple[str, datetime]]:
    return [(str(o.result), o.due_at) for o in replayed.outcomes if o.promise.metric is metric and o.due_at]


def test_each_update_begins_the_next_silence() -> None:
    """2 hours each: met at 11:00; missed at 13:00, then met at 14:00; ended by resolving at 15:00."""
    history = (
        opened(MONDAY),
        answered(local("2026-03-09 11:00")),
        answered(local("2026-03-09 14:00")),
        Resolved(local("2026-03-09 15:00"), BOB, "Mended"),
    )
    replayed = told(history)
    assert ends(replayed, Metric.NEXT_UPDATE) == [
        ("met", local("2026-03-09 12:00")),
        ("breached", local("2026-03-09 13:00")),
        ("met", local("2026-03-09 15:00")),
        ("ended", local("2026-03-09 16:00")),
    ]
    assert ends(replayed, Metric.FIRST_RESPONSE) == [("met", local("2026-03-09 14:00"))]
    assert ends(replayed, Metric.RESOLUTION) == [("met", local("2026-03-09 18:00"))]


def test_reopening_goes_on_with_the_same_resolution() -> None:
    history = (
        opened(MONDAY),
        Resolved(local("2026-03-09 12:00"), BOB, "Mended"),
        Reopened(local("2026-03-10 12:00"), ANN, "It is back"),
    )
    replayed = told(history)
    # 2 of 8 hours were spent when it was resolved; the other 6 begin at noon, so 18:00 on Tuesday.
    assert ends(replayed, Metric.RESOLUTION) == [("breached", local("2026-03-10 18:00"))]


def test_a_customer_s_close_is_neither_met_nor_breached() -> None:
    replayed = told((opened(MONDAY), Closed(local("2026-03-09 11:00"), ANN)))
    assert {outcome.result for outcome in replayed.outcomes} == {Result.ENDED}


def test_an_answer_that_never_arrived_met_nothing() -> None:
    """The platform refused it for good at 14:30, half an hour after the deadline."""
    history = (opened(MONDAY), answered(local("2026-03-09 11:00")), refused(local("2026-03-09 14:30"), 2))
    replayed = told(history)
    assert ends(replayed, Metric.FIRST_RESPONSE) == [("breached", local("2026-03-09 14:00"))]
    assert ("breached", local("2026-03-09 12:00")) in ends(replayed, Metric.NEXT_UPDATE)


def test_warnings_and_breaches_are_computed_again() -> None:
    """A history with its own warnings and breaches comes to the same as without, numbers and all."""
    acts = (opened(MONDAY), answered(local("2026-03-09 11:00")))
    story = TicketHistory(*acts)
    story.run_until(local("2026-03-10 12:00"), local("2026-03-09 11:00"))
    story.add(answered(local("2026-03-10 12:00")))
    late = len(story.history)
    story.add(refused(local("2026-03-10 12:30"), late))
    lived = told(story.history)
    plain = told((*acts, answered(local("2026-03-10 12:00")), refused(local("2026-03-10 12:30"), 3)))
    assert lived.outcomes == plain.outcomes
    assert late > 3


def test_nothing_after_the_instant_counts() -> None:
    history = (opened(MONDAY), answered(local("2026-03-09 13:00")))
    replayed = told(history, until="2026-03-09 11:00")
    (first,) = [o for o in replayed.outcomes if o.promise.metric is Metric.FIRST_RESPONSE]
    assert (first.result, first.margin) == (Result.OPEN, timedelta(hours=2))


def test_a_hold_without_end_has_no_deadline() -> None:
    replayed = told((opened(MONDAY), Held(local("2026-03-09 11:00"), BOB, "waits")))
    (first,) = [o for o in replayed.outcomes if o.promise.metric is Metric.FIRST_RESPONSE]
    assert (first.result, first.due_at, first.margin) == (Result.OPEN, None, timedelta(hours=3))


# The bar --------------------------------------------------------------------------------------------


def test_a_bar_shows_only_when_it_takes_long(monkeypatch: pytest.MonkeyPatch) -> None:
    def shown(terminal: bool) -> str:
        out = io.StringIO()
        console = Console(file=out, force_terminal=terminal)
        assert list(progress.with_progress([1, 2], "Replaying tickets", console)) == [1, 2]
        return out.getvalue()

    assert shown(terminal=True) == ""
    monkeypatch.setattr(progress, "SHOW_PROGRESS_AFTER", -1.0)
    assert "Replaying tickets" in shown(terminal=True)
    assert shown(terminal=False) == ""


def test_a_thousand_tickets_take_seconds() -> None:
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    histories = [
        (opened(begin + timedelta(hours=n)), answered(begin + timedelta(hours=n + 5))) for n in range(1000)
    ]
    begun = time.process_time()
    simulated(stored(*histories))
    assert time.process_time() - begun < 20


def test_stored_tickets_are_only_read(run: Run, tmp_path: Path) -> None:
    """contract.md, Commands: a command that only reads never creates a database."""
    said = run("simulate", "--vendor", "m3ter", "--plan", "gold", "--account", "acme")
    assert (said.code, said.out, len(said.faults)) == (1, "", 1)
    assert "the database does not exist; check DATABASE_URL" in said.err
    assert not [*tmp_path.iterdir()]
