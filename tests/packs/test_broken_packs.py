"""A broken copy of each pack: everything that would hurt is named, with file and key, in one run."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from sla_core.catalog.load import PACKS, Faults, load
from tests.cli.conftest import Outcome
from tests.cli.conftest import run as run  # the fixture of the commands' tests

VENDORS = ("commerceup", "m3ter", "monetate", "monta")

Run = Callable[..., Outcome]


class Copy:
    """A copy of a pack, to be broken in every way at once."""

    def __init__(self, vendor: str, folder: Path) -> None:
        self.folder = Path(shutil.copytree(PACKS / vendor, folder / "ours"))
        (self.version,) = self.folder.iterdir()
        (policy,) = load(vendor)
        self.severity = next(iter(policy.severities))
        self.plan = next(iter(policy.plans))
        self.question = policy.triage.questions[0].id
        self.rules = len(policy.triage.rules)
        self.questions = len(policy.triage.questions)

    def change(self, name: str, pattern: str, new: str) -> None:
        file = self.version / name
        text, count = re.subn(pattern, new, file.read_text(encoding="utf-8"), count=1, flags=re.MULTILINE)
        assert count, f"{name} has no {pattern}"
        file.write_text(text, encoding="utf-8")

    def append(self, name: str, text: str) -> None:
        with (self.version / name).open("a", encoding="utf-8") as file:
            file.write(f"\n{text}\n")


CITED = 'clause = "X-1"\nsays = "An example."\nwhere = "nowhere"'


@pytest.mark.parametrize("vendor", VENDORS)
def test_everything_that_would_hurt_is_named_in_one_run(run: Run, tmp_path: Path, vendor: str) -> None:
    """contract.md, Commands: every fault at once, with file and key; exit 1."""
    copy = Copy(vendor, tmp_path)
    worst = copy.severity
    shutil.copytree(copy.version, copy.folder / "2030-01-01")  # a second version with the same day
    # Plans and severities that nobody can name, a promise that is never over.
    copy.append("plans.toml", f'[Premium]\nname = "Premium"\n{CITED}\n["Gold plus"]\nname = "Gold"\n{CITED}')
    copy.append(
        "severities.toml",
        f'[hold]\nname = "Parked"\n{CITED}\npages = true\nmilestones = true\n[[hold.promise]]\n{CITED}\n'
        'metric = "first_response"\nwithin = "99999999h"\ncalendar = "nights"',
    )
    copy.append(
        "calendars.toml",
        f'[nights]\n{CITED}\n[[nights.open]]\ndays = ["mon"]\nfrom = "22:00 UTC"\nto = "23:00 UTC"',
    )
    # A fault of the schema in the same part of a file hides nothing.
    copy.change("severities.toml", rf"^\[{worst}\]$", f'[{worst}]\ncolour = "red"')
    copy.change("severities.toml", r'^calendar = ".*"$', 'calendar = "nowhere"')
    # Questions that the form asks itself, rules behind the last one.
    asked = "".join(
        f'[[question]]\nid = "{id_}"\nlabel = "What is it?"\nkind = "text"\nclause = "X-1"\n'
        for id_ in ("summary", "details")
    )
    rule = f'[[rule]]\nseverity = "{worst}"\nclause = "X-1"\nsays = "Always."\n'
    copy.append("triage.toml", asked + rule)
    # Nothing to page, nothing to report, a file that nobody reads.
    (copy.version / "escalation.toml").unlink()
    (copy.version / "milestones.toml").unlink(missing_ok=True)
    (copy.version / "escalations.toml").write_text("", encoding="utf-8")
    (copy.version / "holidays.ics").write_text("", encoding="utf-8")

    said = run("check", str(copy.folder), "--json")
    assert said.code == 1
    label = f"ours/{copy.version.name}"
    found = {(fault["file"], fault["key"]): fault["says"] for fault in json.loads(said.out)["faults"]}
    for file, key, says in (
        ("plans.toml", "Premium", "write [premium]"),
        ("plans.toml", "Gold plus", "write [gold-plus]"),
        ("severities.toml", "hold", "write [P1]"),
        ("severities.toml", "hold.pages", "write one ([[step]]"),
        ("severities.toml", "hold.milestones", 'label = "Fix developed"'),
        ("severities.toml", "hold.promise.1.within", "is never over in the calendar nights; write a shorter"),
        ("severities.toml", f"{worst}.colour", "is not a key that Frontline knows"),
        ("triage.toml", f"question.{copy.questions + 1}.id", 'id = "summary_of_it"'),
        ("triage.toml", f"question.{copy.questions + 2}.id", 'id = "details_of_it"'),
        ("triage.toml", f"rule.{copy.rules + 1}", "is never tried"),
        ("escalations.toml", "", "did you mean escalation.toml?"),
        ("holidays.ics", "", 'write closed.ics = "holidays.ics"'),
    ):
        assert says in found.pop((f"{label}/{file}", key)), (file, key)
    unknown = [key for (file, key) in found if file == f"{label}/severities.toml" and "calendar" in key]
    assert found[f"{label}/severities.toml", unknown[0]].startswith('there is no calendar "nowhere"')
    assert any("the folder's name says 2030-01-01" in fault for fault in said.faults)
    assert any(f"is {copy.version.name}, like that of {label}" in fault for fault in said.faults)
    assert len(said.faults) == len(json.loads(said.out)["faults"])


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_duty_for_a_severity_that_is_nowhere(tmp_path: Path, vendor: str) -> None:
    """Also where the step, and another file, have faults of their own."""
    copy = Copy(vendor, tmp_path)
    nameless = f'[[step]]\nrole = "x"\n{CITED}\n[step.duties]\nS99 = {{ mode = "available" }}\n'
    duty = '[step.duties.S98]\nmode = "available"\nhours = "never"'
    copy.append("escalation.toml", f'{nameless}[[step]]\nrole = "x"\nname = "Y"\n{CITED}\n{duty}')
    copy.change("plans.toml", r"^says = .*$", "says = 1")
    with pytest.raises(Faults) as raised:
        load(copy.folder)
    steps = (copy.version / "escalation.toml").read_text(encoding="utf-8").count("[[step]]")
    found = {(fault.file.rpartition("/")[2], fault.key) for fault in raised.value.faults}
    assert found == {
        ("escalation.toml", f"step.{steps - 1}.name"),
        ("escalation.toml", f"step.{steps - 1}.duties.S99.hours"),
        ("escalation.toml", f"step.{steps}.duties.S98"),
        ("escalation.toml", f"step.{steps}.duties.S98.hours"),
        ("plans.toml", f"{copy.plan}.says"),
    }


PYDANTIC = ("input", "valid ", "frozenset", "tuple", "should", "dictionary", "instance", "string", "boolean")


@pytest.mark.parametrize("kinds", [1, pytest.param(5, marks=pytest.mark.soak)], ids=["one kind", "all kinds"])
@pytest.mark.parametrize("vendor", VENDORS)
def test_every_message_is_in_the_author_s_words_with_an_example(
    tmp_path: Path, vendor: str, kinds: int
) -> None:
    """Each key of each file in turn has values of other kinds, in `make test` each third key.

    No message is the library's.
    """
    copy = Copy(vendor, tmp_path)
    said = set()
    for file in sorted(copy.version.glob("*.toml")):
        text = file.read_text(encoding="utf-8")
        values = [*re.finditer(r"^(\w+) = (.*[^\[\n])$", text, re.MULTILINE)]
        firsts = [*{found[1]: found for found in values}.values()]
        for number, found in [*enumerate(firsts)][:: 3 if kinds == 1 else 1]:
            for nth in range(number, number + kinds):
                value = ('"x"', "7", "[]", "{}", "nan")[nth % 5]
                broken = text[: found.start(2)] + value + text[found.end(2) :]
                file.write_text(broken, encoding="utf-8")
                try:
                    load(copy.folder)
                except Faults as wrong:
                    said |= {fault.says for fault in wrong.faults}
        file.write_text(text, encoding="utf-8")
    assert said
    for says in said:
        assert not any(word in says for word in PYDANTIC), says
        assert re.search(r"(?i)write|known|there is|needs|remove|make|add|give|use|\bput\b", says), says


def test_a_folder_that_is_no_version(tmp_path: Path) -> None:
    """A dated folder without its head, files beside the versions, and a folder with another day's name."""
    copy = Copy("m3ter", tmp_path)
    (copy.folder / "2027-01-01").mkdir()
    (copy.folder / "plans.toml").write_text("", encoding="utf-8")
    copy.version.rename(copy.folder / "newest")
    shutil.copytree(copy.folder / "newest", copy.folder / "2026-01-01")
    other = copy.folder / "2026-01-01" / "policy.toml"
    text = other.read_text(encoding="utf-8").replace("2025-02-10", "2026-01-01").replace('"m3ter"', '"m4ter"')
    other.write_text(text, encoding="utf-8")
    for harmless in ("README.md", ".DS_Store", "policy.toml~", "plans.toml.bak", "terms.pdf", "notes.txt"):
        (copy.folder / "newest" / harmless).write_text("", encoding="utf-8")
    (copy.folder / "newest" / "seasons.toml.txt").write_text("", encoding="utf-8")
    with pytest.raises(Faults) as raised:
        load(copy.folder)
    assert {(fault.file, fault.key): fault.says.partition(";")[2] for fault in raised.value.faults} == {
        ("ours/2027-01-01", ""): " write one, or remove the folder",
        ("ours/plans.toml", ""): " move it into one of them, such as 2026-01-31/plans.toml",
        ("ours/newest/policy.toml", "effective"): " name it 2025-02-10",
        ("ours/newest/policy.toml", "vendor"): ' write vendor = "m4ter"',
        ("ours/newest/seasons.toml.txt", ""): " did you mean seasons.toml? Rename or remove it",
    }
