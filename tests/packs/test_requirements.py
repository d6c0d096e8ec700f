"""Every requirement of the four vendors is carried where people see it, or waits with a reason."""

from __future__ import annotations

import re
import shutil
from itertools import combinations, product
from pathlib import Path

import pytest

from bot.cli.policy.check import warnings_of
from bot.cli.policy.trace import REQUIREMENTS, hidden_facts, traces
from sla_core.catalog.load import PACKS, Faults, load
from sla_core.policy import Policy
from sla_core.triage import Fact, ShownAt
from tests.desk_file import desk_file
from tests.harness import ALICE, answer_text, open_desk
from tests.sla_core.builders import utc

LIST = Path(__file__).parent / "requirements.txt"
LINE = re.compile(r"(\w+) +(\w+)-1\.\.(\d+)")

NOT_YET = {
    "monetate": {"MON-14"},
    "monta": {"MTA-18", "MTA-19"},
    "m3ter": {"M3-23", "M3-30"},
    "commerceup": {"CUP-2", "CUP-3", "CUP-4", "CUP-13", "CUP-17"},
}
"""What waits for mail, grants, incidents, broadcasts, quotes, linked tickets."""


def listed() -> dict[str, list[str]]:
    """Vendor → its IDs, from the list beside this file."""
    found = {}
    for line in LIST.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            vendor, letters, count = LINE.fullmatch(line).groups()  # type: ignore[union-attr]
            found[vendor] = [f"{letters}-{number}" for number in range(1, int(count) + 1)]
    return found


VENDORS = listed()


def newest(vendor: str) -> Policy:
    return load(vendor)[-1]


@pytest.mark.parametrize("vendor", VENDORS)
def test_every_id_is_carried_and_seen_or_waits(vendor: str) -> None:
    """MON-1 … MON-35, MTA-1 … MTA-26, M3-1 … M3-32, CUP-1 … CUP-20: each has a place or a reason."""
    found = {traced.id: traced.as_json() for traced in traces(newest(vendor))}
    assert list(found) == VENDORS[vendor]
    assert len(VENDORS[vendor]) == REQUIREMENTS[vendor][1]
    assert {id_ for id_, each in found.items() if each["not_yet"]} == NOT_YET[vendor]
    for id_, each in found.items():
        if id_ not in NOT_YET[vendor]:
            assert each["carried"], id_
            assert each["by"], id_
        assert bool(each["by"]) == bool(each["shown"]), id_


@pytest.mark.parametrize("vendor", VENDORS)
def test_every_fact_is_shown_in_plain_words(vendor: str) -> None:
    """No ID, no jargon of the file: people read these sentences as they stand."""
    policy = newest(vendor)
    assert hidden_facts(policy) == []
    ids = re.compile(r"\b(MON|MTA|M3|CUP|A)-?\d")
    for fact in policy.facts:
        assert not ids.search(fact.tells), fact.tells
        assert fact.label or fact.tells.endswith("."), fact.tells


def overlap(one: Fact, other: Fact) -> bool:
    """Whether both may be shown at once."""
    if one.hours is not None and one.hours == other.hours and one.outside is not other.outside:
        return False
    sets = [(one.plans, other.plans), (one.severities, other.severities)]
    sets += [(one.when[question], other.when[question]) for question in one.when.keys() & other.when.keys()]
    return all(not a or not b or a & b for a, b in sets)


@pytest.mark.parametrize("vendor", VENDORS)
def test_no_place_has_more_than_a_few_of_them(vendor: str) -> None:
    """Two at each place (also above the form, and in its preview), three in the help and in `Why?`."""
    policy = newest(vendor)
    for place, in_preview in product(ShownAt, (False, True)):
        here = [f for f in policy.facts if place in f.shown and f.follows_answers is in_preview]
        most = 3 if place in (ShownAt.HELP, ShownAt.WHY) else 2
        crowds = [
            each
            for each in combinations(here, most + 1)
            if all(overlap(one, other) for one, other in combinations(each, 2))
        ]
        assert crowds == [], place


def test_a_fact_that_nobody_is_shown_carries_nothing(tmp_path: Path) -> None:
    """`check` names it, and the trace of its clause is empty."""
    folder = tmp_path / "m3ter"
    shutil.copytree(PACKS / "m3ter", folder)
    file = folder / "2025-02-10" / "policy.toml"
    text = file.read_text(encoding="utf-8")
    start = text.index('clause = "M3-6"')
    file.write_text(text[:start] + text[start:].replace('shown = ["help"]\n', "", 1), encoding="utf-8")
    (policy,) = load(folder)
    (traced,) = [each for each in traces(policy) if each.id == "M3-6"]
    assert traced.unexplained
    said = list(warnings_of(policy, utc("2026-03-20 12:00").date()))
    assert any("nobody is shown the fact of M3-6" in text for text in said)
    assert any("nothing carries M3-6" in text for text in said)


DEPRECATED = """
[[deprecations.feature]]
name = "Charts API"
announced = 2026-03-01
until = 2027-05-31

"""


async def test_a_feature_that_ends_is_named_until_then(tmp_path: Path) -> None:
    """M3-26: fifteen months from the notice at least; until then the help says that it is supported."""
    folder = tmp_path / "m3ter"
    shutil.copytree(PACKS / "m3ter", folder)
    file = folder / "2025-02-10" / "policy.toml"
    text = file.read_text(encoding="utf-8").replace("[not_yet]", f"{DEPRECATED}[not_yet]")
    file.write_text(text, encoding="utf-8")
    with pytest.raises(Faults, match=r"deprecations.feature.1.until: is too soon: .* 2027-06-01 or later"):
        load(folder)

    file.write_text(text.replace("2027-05-31", "2027-06-01"), encoding="utf-8")
    for at, named in (
        ("2026-02-28", False),
        ("2026-03-01", True),
        ("2027-06-01", True),
        ("2027-06-02", False),
    ):
        desk = await open_desk(tmp_path, f"{at}T12:00:00Z", desk_file(str(folder)))
        said = answer_text(await desk.command(ALICE, text="help"))
        assert ("Charts API: still supported until Tue 1 Jun 2027." in said) is named, at


WRONG = """
[[fact]]
clause = "M3-6"
says = "Requests can be raised on the web."
where = "plan table"
shown = ["help"]
plans = ["bronze"]
severities = ["S9"]
when = { request = ["nothing"] }
during = "support-hours"
outside = "tea-time"

"""


def test_every_fault_of_a_fact_is_named(tmp_path: Path) -> None:
    """Names that nothing has, two kinds of hours, and what is known on tickets only: all in one run."""
    folder = tmp_path / "m3ter"
    shutil.copytree(PACKS / "m3ter", folder)
    file = folder / "2025-02-10" / "policy.toml"
    text = file.read_text(encoding="utf-8")
    number = text.count("[[fact]]") + 1
    file.write_text(text.replace("[[reading]]", f"{WRONG}[[reading]]", 1), encoding="utf-8")
    with pytest.raises(Faults) as found:
        load(folder)
    key = f"fact.{number}."
    faults = {(each.key.removeprefix(key), each.says.split(";")[0]) for each in found.value.faults}
    assert {key for key, _ in faults} == {"plans", "severities", "when.request", "when", "outside"}
    assert ("plans", 'there is no plan "bronze"') in faults
    assert ("severities", 'there is no severity "S9"') in faults
    assert ("when.request", 'there is no option "nothing"') in faults
    assert ("outside", 'there is no calendar "tea-time"') in faults
    assert ("outside", "is one too many beside `during`") in faults
    assert ("when", "is known on tickets only, not at help") in faults
