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

OTHER_VENDORS = Path(__file__).resolve().parents[2] / "packs" / "other_vendors"


def as_json(value: Any) -> Any:
    """As an editor sees TOML: dates are text."""
    return json.loads(json.dumps(value, default=date.isoformat))


def test_every_file_of_every_pack_fits_and_a_wrong_key_does_not(run: Run, tmp_path: Path) -> None:
    """contract.md, Commands."""
    schemas = json.loads(run("policy", "schema").out)
    for file in sorted([*PACKS.rglob("*.toml"), *OTHER_VENDORS.rglob("*.toml")]):
        validator = Draft202012Validator(schemas[file.name])
        content = as_json(tomllib.loads(file.read_text(encoding="utf-8")))
        assert [error.message for error in validator.iter_errors(content)] == [], file
        table = next((part for part in content.values() if isinstance(part, dict)), content)
        (table if file.name in ("plans.toml", "severities.toml", "calendars.toml") else content)["colour"] = 1
        assert not validator.is_valid(content), file
    assert json.loads(run("policy", "schema", "plans.toml").out) == schemas["plans.toml"]
    assert run("policy", "schema", "plan.toml").faults[0].startswith('a policy has no file "plan.toml"')


def test_schemas_lie_beside_the_files(run: Run, ours: Path) -> None:
    said = run("policy", "schema", "--into", str(ours / "2025-02-10"))
    assert "plans.schema.json: put this line on top of plans.toml: #:schema ./plans.schema.json" in said.plain
    assert (said.code, len(load(ours))) == (0, 1)
