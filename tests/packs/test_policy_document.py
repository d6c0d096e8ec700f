"""docs/policies.md names every key of a policy's files and no other, and its samples are what it says."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from pydantic import BaseModel

from bot.cli.policy.check import check_path, warnings_of
from bot.cli.policy.explain import explain, explanation
from bot.config.settings import load_desk
from sla_core.catalog import schema
from sla_core.policy import Origin
from tests.sla_core.builders import HOUR, local, utc

LONDON = "Europe/London"
REPOSITORY = Path(__file__).resolve().parent.parent.parent
DOCUMENT = (REPOSITORY / "docs" / "policies.md").read_text(encoding="utf-8")
REFERENCE = DOCUMENT.partition("\n## Six texts")[0]
"""All but the worked texts, see tests/packs/test_worked_texts.py."""


def keys_of(shape: type[BaseModel]) -> set[str]:
    """The keys that a part has besides those of the parts it builds on."""
    inherited = {name for base in shape.__bases__ for name in getattr(base, "model_fields", {})}
    return {field.alias or name for name, field in shape.model_fields.items() if name not in inherited}


def shapes() -> dict[str, type[BaseModel]]:
    found = inspect.getmembers(
        schema, lambda member: inspect.isclass(member) and issubclass(member, BaseModel)
    )
    return {name: shape for name, shape in found if shape.__module__ == schema.__name__ and keys_of(shape)}


def tables() -> dict[str, set[str]]:
    """Schema → the keys in the first column of the table that describes it."""
    found = {}
    for name, table in re.findall(r"<!-- schema: (\w+) -->\n((?:\|.*\n)+)", DOCUMENT):
        rows = table.splitlines()[2:]
        cells = [re.match(r"\| `\[*([a-z_]+)\]*` \|", row) for row in rows]
        assert all(cells), f"{name}: a row does not begin with a key"
        keys = [cell[1] for cell in cells if cell]
        assert len(set(keys)) == len(keys), name
        assert name not in found
        found[name] = set(keys)
    return found


def test_the_document_names_every_key_and_no_other() -> None:
    assert tables() == {name: keys_of(shape) for name, shape in shapes().items()}


def blocks() -> Iterator[str]:
    yield from re.findall(r"```toml\n(.*?)```", REFERENCE, flags=re.DOTALL)


@pytest.fixture
def example(tmp_path: Path) -> Path:
    """The policy that the document's first screen writes."""
    folder = tmp_path / "policies" / "example" / "2026-01-01"
    folder.mkdir(parents=True)
    for block in blocks():
        if named := re.match(r"# (\w+\.toml)\n", block):
            (folder / named[1]).write_text(block, encoding="utf-8")
    assert len(list(folder.iterdir())) == 5
    return folder


def test_the_five_files_are_a_policy_and_do_what_is_said(example: Path) -> None:
    found = check_path(str(example.parent), lambda _: [])
    assert found.faults == []
    (clock,) = explain(example.parent, "standard", "P1", utc("2026-03-20 16:30"))["clocks"]
    assert clock["due_at"] == "2026-03-23T10:30:00Z"
    assert list(warnings_of(found.policies[0], date(2026, 3, 10))) == []


def test_the_other_samples_fit_into_it(example: Path) -> None:
    """Each is added to the file of its part; the order form goes into a desk's file."""
    homes = {
        "[[fact]]": "policy.toml",
        "[week]": "calendars.toml",
        "[athens]": "calendars.toml",
        "[bridge]": "calendars.toml",
        "[P3]": "severities.toml",
        "[hotline]": "calendars.toml",
        "[[P3.promise]]": "severities.toml",
        "[[P2.promise]]": "severities.toml",
        "[[accounts]]": "frontline.toml",
    }
    more = 'clause = "EX-13"\nsays = "Another plan."\nwhere = "section 13"'
    with (example / "plans.toml").open("a", encoding="utf-8") as plans:
        plans.write("".join(f'\n[{plan}]\nname = "{plan}"\n{more}\n' for plan in ("premium", "trial")))
    desk = example.parent.parent.parent / "frontline.toml"
    desk.write_text('vendor = "policies/example"\n[slack]\ntriage = "C0TRIAGE"\n', encoding="utf-8")
    rest = [block for block in blocks() if not block.startswith("# ")]
    assert [block.split()[0] for block in rest] == list(homes)
    for block in rest:
        home = homes[block.split()[0]]
        with (desk if home == "frontline.toml" else example / home).open("a", encoding="utf-8") as file:
            file.write(f"\n{block}")
    settings = load_desk(desk)
    assert settings.accounts["acme"].may_hold
    assert len(settings.accounts["acme"].terms) == 3
    policy = settings.policies[0]
    said = {plan: [t.source.says for t in policy.targets("P3", (), plan)[:1]] for plan in policy.plans}
    assert said == {
        "standard": ["First response within 2 business days."],
        "premium": ["First response within 4 hours."],
        "trial": ["Solved within 8 hours."],
    }
    by_origin = {}
    for origin in Origin:
        clock = explanation([policy], "trial", "P3", local("2026-03-20 16:00", LONDON), origin=origin).clocks[
            -1
        ]
        by_origin[origin] = clock.due_at, clock.promise.target.source.says
    assert by_origin == {
        Origin.CHAT: (local("2026-03-23 16:00", LONDON), "Solved within 8 hours."),
        Origin.API: (local("2026-03-23 16:00", LONDON), "Solved within 8 hours."),
        Origin.ALARM: (local("2026-03-24 16:00", LONDON), "Solved within 16 hours."),
        Origin.PHONE: (
            local("2026-03-21 00:00", LONDON),
            "Solved within 8 hours. By phone, other hours count: Our telephone is answered at any hour.",
        ),
    }
    calendars = policy.calendars
    assert {"office", "week", "athens", "bridge", "hotline"} == set(calendars)
    for at, on in (("2026-03-02", "2026-03-03"), ("2026-02-27", "2026-03-02")):
        start, end = (local(f"{day} 10:00", "America/Los_Angeles") for day in (at, on))
        assert calendars["week"].add_days(start, 1) == end
    athens = "Europe/Athens"
    due = calendars["athens"].add(local("2026-12-24 12:00", athens), 2 * HOUR)
    assert due == local("2026-12-28 10:00", athens)
