"""`frontline policy schema`: editors complete keys and mark faults by it."""

from __future__ import annotations

import json
import tomllib
from datetime import date
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from sla_core.catalog.load import PACKS, load
from tests.cli.conftest import Run
from tests.packs.test_other_vendors import VENDORS


def as_json(value: Any) -> Any:
    """As an editor sees TOML: dates are text."""
    return json.loads(json.dumps(value, default=date.isoformat))


def test_every_file_of_every_pack_fits_and_a_wrong_key_does_not(run: Run, tmp_path: Path) -> None:
    """contract.md, Commands."""
    schemas = json.loads(run("policy", "schema").out)
    for file in sorted([*PACKS.rglob("*.toml"), *VENDORS.rglob("*.toml")]):
        validator = Draft202012Validator(schemas[file.name])
        content = as_json(tomllib.loads(file.read_text(encoding="utf-8")))
        assert [error.message for error in validator.iter_errors(content)] == [], file
        table = next((part for part in content.values() if isinstance(part, dict)), content)
        (table if file.name in ("plans.toml", "severities.toml", "calendars.toml") else content)["colour"] = 1
        assert not validator.is_valid(content), file
    assert json.loads(run("policy", "schema", "plans.toml").out) == schemas["plans.toml"]
    assert run("policy", "schema", "plan.toml").faults[0].startswith('a policy has no file "plan.toml"')


def test_what_may_be_text_or_a_table_fits_as_either(run: Run) -> None:
    """A time for everybody or by plan, closed days from one file or several."""
    schemas = json.loads(run("policy", "schema").out)

    def fits(file: str, key: str, *values: str) -> list[bool]:
        base = {
            "severities.toml": '[P1]\nname = "Urgent"\nclause = "EX-1"\nsays = "Down."\nwhere = "page 1"\n'
            '[[P1.promise]]\nmetric = "workaround"\ncalendar = "office"\nclause = ["EX-1", "EX-2"]\n'
            'says = "In time."\nwhere = "page 1"\n',
            "calendars.toml": '[office]\nclause = "EX-1"\nsays = "By day."\nwhere = "page 1"\n',
        }[file]
        validator = Draft202012Validator(schemas[file])
        return [validator.is_valid(as_json(tomllib.loads(f"{base}{key} = {value}\n"))) for value in values]

    by_plan = '{ gold = "2h", silver = { within = "1 business day", calendar = "office" }, basic = "none" }'
    assert fits("severities.toml", "within", '"2h"', '"none"', by_plan) == [True] * 3
    assert fits("severities.toml", "within", "2", '{ gold = { soon = "2h" } }', "{ gold = 2 }") == [False] * 3
    more = 'within = "none"\nplans'
    assert fits("severities.toml", more, by_plan, "{ gold = 2 }", '"2h"') == [True, False, False]
    file = '{ file = "china.ics", working = true }'
    assert fits("calendars.toml", "closed.ics", '"a.ics"', file, f'["a.ics", {file}]') == [True] * 3
    assert fits("calendars.toml", "closed.ics", "1", '[{ files = "a.ics" }]') == [False] * 2


def test_schemas_lie_beside_the_files(run: Run, ours: Path) -> None:
    said = run("policy", "schema", "--into", str(ours / "2025-02-10"))
    assert "plans.schema.json: put this line on top of plans.toml: #:schema ./plans.schema.json" in said.plain
    assert (said.code, len(load(ours))) == (0, 1)
