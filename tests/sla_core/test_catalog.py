"""Policy packs as files: m3ter's is whole, and broken copies say all that is wrong at once."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest

from sla_core.catalog.load import PACKS, Fault, Faults, load, vendors
from sla_core.policy import Metric, Mode, Policy, version_at
from tests.sla_core.builders import m3ter

VERSION = "2025-02-10"


class Copy:
    """A copy of m3ter's pack, to be broken."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        shutil.copytree(PACKS / "m3ter", folder)

    def file(self, name: str) -> Path:
        return self.folder / VERSION / name

    def change(self, name: str, old: str, new: str) -> None:
        text = self.file(name).read_text(encoding="utf-8")
        assert old in text, f"{name} has no {old!r}"
        self.file(name).write_text(text.replace(old, new, 1), encoding="utf-8")

    def add(self, name: str, text: str) -> None:
        with self.file(name).open("a", encoding="utf-8") as file:
            file.write(f"\n{text}\n")

    def load(self) -> list[Policy]:
        return load(self.folder)

    def faults(self) -> list[Fault]:
        with pytest.raises(Faults) as raised:
            self.load()
        return raised.value.faults


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    return Copy(tmp_path / "ours")


def test_m3ter_is_in_the_catalog() -> None:
    assert "m3ter" in vendors()
    assert m3ter().version == VERSION


def test_what_m3ter_promises() -> None:
    """M3-13 … M3-18."""
    policy = m3ter()
    promised = {
        (severity.id, target.metric, target.limit, target.source.clauses)
        for severity in policy.severities.values()
        for target in severity.targets
    }
    (business_day,) = {limit for id_, _, limit, _ in promised if id_ == "S3"}
    assert promised == {
        ("S1", Metric.FIRST_RESPONSE, timedelta(hours=1), ("M3-13",)),
        ("S2", Metric.FIRST_RESPONSE, timedelta(hours=4), ("M3-14",)),
        ("S3", Metric.FIRST_RESPONSE, business_day, ("M3-15",)),
    }
    assert str(business_day) == "1 business day"
    assert list(policy.severities) == ["S1", "S2", "S3", "none"]
    assert policy.worst.id == "S1"
    assert [severity.pages for severity in policy.severities.values()] == [True, False, False, False]


def test_what_the_plans_include() -> None:
    """M3-3 … M3-7: names and former names; chat and a TAM under Gold only."""
    silver, gold = m3ter().plans["silver"], m3ter().plans["gold"]
    assert (silver.aliases, silver.chat, silver.tam) == (("standard",), False, False)
    assert (gold.aliases, gold.chat, gold.tam) == (("pro",), True, True)
    assert silver.way_in == "https://support.m3ter.com/"
    assert not silver.hold
    assert not gold.hold


def test_the_workflow_matrix() -> None:
    """M3-19, A17: four steps, by level, each with a mode and its hours."""
    matrix = {
        step.role: [(duty.mode, duty.calendar) for id_, duty in step.duties.items() if id_ != "none"]
        for step in m3ter().steps
    }
    day_and_night, by_day = "around-the-clock", "support-hours"
    assert matrix == {
        "first_line": [(Mode.AVAILABLE, day_and_night)] * 3,
        "second_line": [(Mode.AVAILABLE, day_and_night), *[(Mode.RESOLVER, by_day)] * 2],
        "engineering": [(Mode.RESOLVER, day_and_night), *[(Mode.ESCALATED_TO, by_day)] * 2],
        "leadership": [(Mode.ESCALATED_TO, day_and_night), *[(Mode.ESCALATED_TO, by_day)] * 2],
    }


def test_no_sentence_is_copied_from_the_vendor() -> None:
    """requirements.md: the project paraphrases and cites. No rule carries a quote of its own accord."""
    policy = m3ter()
    sources = [
        *(fact.source for fact in policy.facts),
        *(s.source for s in policy.severities.values()),
        *(s.source for s in policy.steps),
    ]
    assert all(source.quote is None for source in sources)
    assert all(source.says and source.where and source.clauses for source in sources)


def test_an_unchanged_copy_loads(copy: Copy) -> None:
    assert [policy.version for policy in copy.load()] == [VERSION]


def test_versions_apply_from_their_effective_date(copy: Copy) -> None:
    """M3-2; before the first version, the first."""
    shutil.copytree(copy.folder / VERSION, copy.folder / "2027-01-01")
    newer = copy.folder / "2027-01-01" / "policy.toml"
    newer.write_text(newer.read_text(encoding="utf-8").replace("2025-02-10", "2027-01-01"), encoding="utf-8")
    policies = copy.load()
    in_force = [version_at(policies, day).version for day in (date(2000, 1, 1), date(2026, 12, 31))]
    assert in_force == [VERSION, VERSION]
    assert version_at(policies, date(2027, 1, 1)).version == "2027-01-01"


def test_an_unknown_vendor_lists_the_known() -> None:
    with pytest.raises(Faults, match=r"nobody: no such vendor or folder; the catalog has .*m3ter"):
        load("nobody")


def test_an_empty_folder_says_what_belongs_there(tmp_path: Path) -> None:
    with pytest.raises(Faults, match="holds no dated policy"):
        load(tmp_path)


def test_a_pack_s_name_wins_over_a_folder_of_that_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "m3ter").mkdir()
    monkeypatch.chdir(tmp_path)
    assert load("m3ter")[0].version == VERSION


TWICE_PROMISED = """
[[S3.promise]]
metric = "first_response"
within = "8h"
calendar = "support-hours"
clause = "M3-15"
says = "Twice."
where = "nowhere"

"""

Breakage = Callable[[Copy], None]


def broken(name: str, old: str, new: str) -> Breakage:
    return lambda copy: copy.change(name, old, new)


def with_courtesy(severity: str, every: str) -> str:
    cited = 'clause = "M3-14"\nsays = "As an example."\nwhere = "nowhere"'
    return f'[{severity}.courtesy]\nevery = "{every}"\n{cited}\n\n'


def added(name: str, text: str) -> Breakage:
    return lambda copy: copy.add(name, text)


def test_a_step_may_say_how_long_a_page_waits_and_how_often_it_is_tried(copy: Copy) -> None:
    """A5: five minutes and twice, as the desk's file says, unless the policy has a number."""
    assert {(step.ack_within, step.tries) for step in m3ter().steps} == {(None, None)}
    name = 'name = "First line"'
    broken("escalation.toml", name, f'{name}\nack_within = "15m"\ntries = 3')(copy)
    (step, *_) = copy.load()[-1].steps
    assert (step.ack_within, step.tries) == (timedelta(minutes=15), 3)


@pytest.mark.parametrize(
    ("breaks", "file", "key", "says"),
    [
        (broken("policy.toml", 'vendor = "m3ter"', 'vendr = "m3ter"'), "policy.toml", "vendor", "is missing"),
        (
            broken("policy.toml", "effective = 2025-02-10", 'effective = "soon"'),
            "policy.toml",
            "effective",
            "date",
        ),
        (broken("policy.toml", 'vendor = "m3ter"', "vendor = m3ter"), "policy.toml", "", "is not valid TOML"),
        (
            broken("calendars.toml", "10:00 Europe/Berlin", "10:00 Europe/Bärlin"),
            "calendars.toml",
            "silver-hours.open.1.from",
            "not a time zone",
        ),
        (
            broken("calendars.toml", "10:00 Europe/Berlin", "10 Uhr"),
            "calendars.toml",
            "silver-hours.open.1.from",
            "not an opening or closing time",
        ),
        (
            broken("calendars.toml", "18:00 Europe/Berlin", "25:00 Europe/Berlin"),
            "calendars.toml",
            "silver-hours.open.1.to",
            "not a time of day",
        ),
        (
            broken("calendars.toml", '"thu", "fri"]', '"thu", "friday"]'),
            "calendars.toml",
            "silver-hours.open.1.days",
            "not a weekday",
        ),
        (
            broken("calendars.toml", "always = true", ""),
            "calendars.toml",
            "around-the-clock",
            "always = true",
        ),
        (
            added("calendars.toml", '[gold-hours.closed]\npublic = [{ country = "XX" }]'),
            "calendars.toml",
            "gold-hours.closed.public",
            "XX",
        ),
        (
            added(
                "calendars.toml",
                '[gold-hours.closed]\npublic = [{ country = "DK", only = ["Store Bededag"] }]',
            ),
            "calendars.toml",
            "gold-hours.closed.public",
            'has no holiday "Store Bededag"',
        ),
        (
            added("calendars.toml", '[gold-hours.closed]\nannual = [{ name = "Leap", on = "02-30" }]'),
            "calendars.toml",
            "gold-hours.closed.annual.on",
            "is not a date",
        ),
        (
            broken("severities.toml", 'within = "4h"', 'within = "4 hrs"'),
            "severities.toml",
            "S2.promise.1.within",
            "not a length of time",
        ),
        (
            broken("severities.toml", 'calendar = "support-hours"', 'calendar = "office"'),
            "severities.toml",
            "S2.promise.calendar",
            'there is no calendar "office"; known are',
        ),
        (
            broken("severities.toml", "pages = true", "pages = true\ncolour = 1"),
            "severities.toml",
            "S1.colour",
            "is not a key that Frontline knows",
        ),
        (
            broken("severities.toml", 'metric = "first_response"', 'metric = "first_reply"'),
            "severities.toml",
            "S1.promise.1.metric",
            "first_response",
        ),
        (
            broken("plans.toml", 'support-hours = "silver-hours"', 'support-hours = "bronze-hours"'),
            "plans.toml",
            "silver.calendars.support-hours",
            'no calendar "bronze-hours"',
        ),
        (
            broken("plans.toml", 'calendars = { support-hours = "silver-hours" }', ""),
            "plans.toml",
            "silver.calendars",
            'does not say which calendar "support-hours" is',
        ),
        (
            broken("severities.toml", 'within = "4h"', 'within = "4h"\ngoal = "5h"'),
            "severities.toml",
            "S2.promise.goal",
            "must be shorter",
        ),
        (
            broken("severities.toml", 'within = "4h"', 'within = "4h"\ngoal = "1 business day"'),
            "severities.toml",
            "S2.promise.goal",
            "in the same unit",
        ),
        (
            broken("severities.toml", "[none]", TWICE_PROMISED + "[none]"),
            "severities.toml",
            "S3.promise",
            "first_response is promised more than once",
        ),
        (
            broken("triage.toml", 'id = "privacy"', 'id = "production"'),
            "triage.toml",
            "question.3.id",
            'another question "production"',
        ),
        (
            broken("plans.toml", "[gold.calls]", '[gold.calls]\nrecommended = ["S9"]'),
            "plans.toml",
            "gold.calls.recommended",
            'there is no severity "S9"; known are S1, S2, S3, none',
        ),
        (
            broken("plans.toml", "[gold.calls]", '[gold.calls]\nseverities = ["S9"]'),
            "plans.toml",
            "gold.calls.severities",
            'there is no severity "S9"',
        ),
        (
            broken("plans.toml", "[gold.calls]", '[gold.calls]\nroles = ["coordinator"]'),
            "plans.toml",
            "gold.calls.roles",
            'there is no role "coordinator"; known are engineering, first_line, leadership, second_line',
        ),
        (
            broken("plans.toml", "chat = false", 'chat = "no way"'),
            "plans.toml",
            "silver.chat",
            "must be true",
        ),
        (
            broken("triage.toml", 'production = ["down"]', 'production = ["dead"]'),
            "triage.toml",
            "rule.2.when.production",
            'no option "dead"',
        ),
        (
            broken("triage.toml", 'production = ["down"]', 'impact = ["down"]'),
            "triage.toml",
            "rule.2.when.impact",
            'no question "impact"',
        ),
        (
            broken("triage.toml", 'clause = "M3-13"', 'clause = "M3-13"\nwhen = { privacy = ["yes"] }'),
            "triage.toml",
            "question.3.when.privacy",
            'no earlier question "privacy"; known are production, request',
        ),
        (
            broken("triage.toml", 'clause = "M3-13"', 'clause = "M3-13"\nwhen = { production = ["dead"] }'),
            "triage.toml",
            "question.3.when.production",
            'no option "dead"',
        ),
        (
            broken("triage.toml", 'severity = "S2"', 'severity = "S7"'),
            "triage.toml",
            "rule.3.severity",
            'no severity "S7"; known are S1, S2, S3, none',
        ),
        (
            broken("triage.toml", 'clause = "M3-18"', 'clause = "M3-18"\nwhen = { privacy = ["no"] }'),
            "triage.toml",
            "rule.6",
            "must hold for every answer",
        ),
        (
            broken("triage.toml", 'kind = "choice"', 'kind = "text"'),
            "triage.toml",
            "question.1.options",
            "no options",
        ),
        (
            broken("escalation.toml", "S3 = {", "S8 = {"),
            "escalation.toml",
            "step.1.duties.S8",
            'no severity "S8"',
        ),
        (
            broken("escalation.toml", 'hours = "support-hours"', 'hours = "tea-time"'),
            "escalation.toml",
            "step.2.duties.S2.hours",
            'no calendar "tea-time"',
        ),
        (
            broken("escalation.toml", 'mode = "default resolver"', 'mode = "on holiday"'),
            "escalation.toml",
            "step.2.duties.S2.mode",
            "available",
        ),
        (
            broken(
                "escalation.toml",
                'name = "First line"',
                'name = "First line"\nack_within = "2 business days"',
            ),
            "escalation.toml",
            "step.1.ack_within",
            "not a time to wait for an answer",
        ),
        (
            broken("severities.toml", "[S2]", with_courtesy("S2", "2 business days") + "[S2]"),
            "severities.toml",
            "S2.courtesy.every",
            "not a time between courtesy updates",
        ),
        (
            broken("severities.toml", "[S2]", with_courtesy("S2", "5m") + "[S2]"),
            "severities.toml",
            "S2.courtesy.every",
            'write "1h", from "15m" to "24h"',
        ),
        (
            broken("severities.toml", "[S2]", with_courtesy("none", "1h") + "[S2]"),
            "severities.toml",
            "none.courtesy",
            "has no promise whose hours could be closed",
        ),
        (lambda copy: copy.file("plans.toml").unlink(), "plans.toml", "", "the file is missing"),
        (lambda copy: copy.file("plans.toml").write_bytes(b"\xff\xfe"), "plans.toml", "", "not UTF-8"),
    ],
)
def test_a_broken_copy_reports_place_and_problem(
    copy: Copy, breaks: Breakage, file: str, key: str, says: str
) -> None:
    """contract.md: every fault with file and key."""
    breaks(copy)
    found = [fault for fault in copy.faults() if fault.file == f"ours/{VERSION}/{file}" and fault.key == key]
    assert found, [str(fault) for fault in copy.faults()]
    assert any(says in fault.says for fault in found), [str(fault) for fault in found]


def test_hours_that_close_before_they_open(copy: Copy) -> None:
    """19:00 in Berlin is after 18:00 in Tokyo of the same date, which is no night shift."""
    copy.change("calendars.toml", "18:00 Europe/Berlin", "17:00 Asia/Tokyo")
    (fault,) = copy.faults()
    assert (fault.key, fault.says) == ("silver-hours.open.1", "closes before it opens")


def test_all_errors_are_reported_at_once(copy: Copy) -> None:
    """contract.md: one reading, all faults, over all files and versions."""
    copy.change("policy.toml", 'name = "m3ter Support"', "")
    copy.change("calendars.toml", "10:00 Europe/Berlin", "10:00 Europe/Bärlin")
    copy.change("severities.toml", 'within = "4h"', 'within = "soon"')
    copy.change("plans.toml", "tam = false", "team = false")
    copy.change("triage.toml", 'kind = "choice"', 'kind = "chioce"')
    copy.change("escalation.toml", 'mode = "available"', 'mode = "asleep"')
    shutil.copytree(copy.folder / VERSION, copy.folder / "2027-01-01")
    faults = {(fault.file.split("/")[1], fault.file.split("/")[2], fault.key) for fault in copy.faults()}
    assert faults == {
        (version, file, key)
        for version in (VERSION, "2027-01-01")
        for file, key in (
            ("policy.toml", "name"),
            ("calendars.toml", "silver-hours.open.1.from"),
            ("severities.toml", "S2.promise.1.within"),
            ("plans.toml", "silver.team"),
            ("triage.toml", "question.1.kind"),
            ("escalation.toml", "step.1.duties.S1.mode"),
        )
    } | {("2027-01-01", "policy.toml", "effective")}


def test_unresolved_names_across_files_are_reported_together(copy: Copy) -> None:
    copy.change("severities.toml", 'calendar = "support-hours"', 'calendar = "office"')
    copy.change("plans.toml", 'support-hours = "gold-hours"', 'support-hours = "golden-hours"')
    copy.change("triage.toml", 'severity = "S2"', 'severity = "S7"')
    copy.change("escalation.toml", "S3 = {", "S8 = {")
    assert {fault.key for fault in copy.faults()} == {
        "S2.promise.calendar",
        "gold.calendars.support-hours",
        "rule.3.severity",
        "step.1.duties.S8",
    }


def test_a_goal_is_shorter_than_its_limit(copy: Copy) -> None:
    """A20: aim at two hours, no later than four."""
    copy.change("severities.toml", 'within = "4h"', 'within = "4h"\ngoal = "2h"')
    (target,) = copy.load()[0].severities["S2"].targets
    assert target.goal == timedelta(hours=2)


def test_each_error_is_one_line(copy: Copy) -> None:
    copy.change("plans.toml", "tam = false", "team = false")
    copy.change("policy.toml", 'vendor = "m3ter"', "vendor = m3ter")
    assert all("\n" not in str(fault) for fault in copy.faults())
