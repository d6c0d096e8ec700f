"""Mitigations and seasons as an operator writes them: what loads, and what each fault says."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

import pytest

from sla_core.catalog.load import PACKS, Faults, load
from sla_core.policy import Policy
from tests.sla_core.builders import utc

VERSION = "2024-01-01"
FREEZE = """
[[freeze]]
clause = "EX-1"
says = "Nothing is deployed over the holidays."
where = "section 1"
zone = "Europe/Berlin"
milestone = "Fix developed"
urgent = ["S1"]
dates = [{ from = "12-20", to = "01-07" }, { from = 2026-08-01, to = 2026-08-15 }]
"""


class Copy:
    """A copy of Monetate's pack."""

    def __init__(self, folder: Path) -> None:
        self.folder = Path(shutil.copytree(PACKS / "monetate", folder))

    def writes(self, name: str, text: str) -> Copy:
        (self.folder / VERSION / name).write_text(text, encoding="utf-8")
        return self

    def changes(self, name: str, old: str, new: str) -> Copy:
        text = (self.folder / VERSION / name).read_text(encoding="utf-8")
        assert old in text
        return self.writes(name, text.replace(old, new, 1))

    def policy(self) -> Policy:
        return load(self.folder)[-1]

    def faults(self) -> list[str]:
        with pytest.raises(Faults) as raised:
            load(self.folder)
        return [str(fault).removeprefix(f"ours/{VERSION}/") for fault in raised.value.faults]


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    return Copy(tmp_path / "ours")


def test_dates_of_one_year_and_of_every_year(copy: Copy) -> None:
    """MON-32: both forms in one list."""
    policy = copy.writes("seasons.toml", FREEZE).policy()
    found = {at: policy.freeze_at(utc(at)) for at in ("2031-01-01 12:00", "2026-08-14 12:00")}
    assert [end for _, end in filter(None, found.values())] == [date(2031, 1, 7), date(2026, 8, 15)]
    assert policy.freeze_at(utc("2027-08-14 12:00")) is None
    assert policy.peaks == ()


def test_a_policy_without_seasons_and_mitigations_has_none(copy: Copy) -> None:
    """MON-31, MON-32, MON-34: both files are optional."""
    for name in ("seasons.toml", "mitigations.toml"):
        (copy.folder / VERSION / name).unlink()
    policy = copy.changes("severities.toml", "mitigations = true\n", "").policy()
    assert (policy.mitigations, policy.freezes, policy.peaks) == ((), (), ())


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (
            '"12-20"',
            '"20-12"',
            'freeze.1.dates.1.from: "20-12" is not a day; write 2026-11-09, or "11-09" for every year',
        ),
        (
            '"12-20"',
            '"02-29"',
            'freeze.1.dates.1.from: "02-29" is not a day; write 2026-11-09, or "11-09" for every year',
        ),
        (
            '"01-07"',
            "2027-01-07",
            "freeze.1.dates.1: needs two dates or two days of every year:"
            ' from = "11-09" goes with to = "12-07"',
        ),
        (
            "2026-08-15",
            "2026-08-01",
            "freeze.1.dates.2: ends before it begins; `to` is the first day after it",
        ),
        (
            "Europe/Berlin",
            "CET+1",
            'freeze.1.zone: "CET+1" is not a time zone; write an IANA name such as Europe/Berlin',
        ),
        ('["S1"]', '["S9"]', 'freeze.1.urgent: there is no severity "S9"; known are S1, standard'),
        (
            "urgent =",
            "urgnt =",
            "freeze.1.urgnt: is not a key that Frontline knows; did you mean `urgent`? Fix or remove it",
        ),
    ],
)
def test_a_wrong_freeze_says_what_is_wrong(copy: Copy, old: str, new: str, says: str) -> None:
    """MON-32: the file, the key, the fault and what to write."""
    assert old in FREEZE
    assert copy.writes("seasons.toml", FREEZE.replace(old, new, 1)).faults() == [f"seasons.toml: {says}"]


def test_a_freeze_asks_at_a_milestone_of_the_policy(copy: Copy) -> None:
    """MON-32: a milestone that does not exist could never ask."""
    copy.changes("milestones.toml", 'label = "Fix developed"', 'label = "Reproduced"')
    (fault,) = copy.writes("seasons.toml", FREEZE).faults()
    assert fault.startswith('seasons.toml: freeze.1.milestone: there is no milestone "Fix developed"; known')


def test_mitigations_have_names_of_their_own(copy: Copy) -> None:
    """MON-34: what is done is recorded by its label."""
    faults = copy.changes("mitigations.toml", '"Server allocation"', '"Internet routing"').faults()
    says = 'there is another mitigation "Internet routing"'
    assert faults == [f"mitigations.toml: mitigation.label: {says}"]


def test_a_severity_with_mitigations_needs_some(copy: Copy) -> None:
    """MON-34: a flag without a list is a mistake."""
    faults = copy.writes("mitigations.toml", "").faults()
    says = "there is no mitigation; write some into mitigations.toml"
    assert faults == [f"severities.toml: S1.mitigations: {says}"]


def test_how_a_shared_contact_is_enforced_is_one_of_two(copy: Copy) -> None:
    """CUP-16: anything else is a fault that names both."""
    copy.changes(
        "plans.toml",
        'wording = "aim"',
        'wording = "aim"\nfirst_contact = { name = "Manager", accounts = 1, enforce = "error" }',
    )
    (fault,) = copy.faults()
    assert fault.startswith(
        'plans.toml: north-america.first_contact.enforce: "error" is unknown here; known are "fault" or'
    )
