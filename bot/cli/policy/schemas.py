"""`frontline policy schema`: the JSON Schema of a policy's files, for editors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from bot.cli.app import DONE, print_json
from bot.cli.policy.lookup import UsageFault
from sla_core.catalog import schema

DIALECT = "https://json-schema.org/draft/2020-12/schema"
WHOLE: dict[str, type[BaseModel]] = {
    "policy.toml": schema.PolicyFile,
    "triage.toml": schema.TriageFile,
    "escalation.toml": schema.EscalationFile,
    "milestones.toml": schema.MilestonesFile,
    "mitigations.toml": schema.MitigationsFile,
    "seasons.toml": schema.SeasonsFile,
}
NAMED: dict[str, type[BaseModel]] = {
    "calendars.toml": schema.CalendarFile,
    "severities.toml": schema.SeverityFile,
    "plans.toml": schema.PlanFile,
}
"""Files of named tables, all of one kind."""


class _AsWritten(GenerateJsonSchema):
    """Values as they stand in TOML: times, zones and lengths of time are text.

    What accepts more than text names it as its input type.
    """

    def function_before_schema(self, schema: core_schema.BeforeValidatorFunctionSchema) -> JsonSchemaValue:
        if written := schema.get("json_schema_input_schema"):
            return self.generate_inner(written)
        inner = schema["schema"]
        text: JsonSchemaValue = {"type": "string"}
        match inner["type"]:
            case "model" | "model-fields":
                return self.generate_inner(inner)
            case "tuple":
                return {"anyOf": [text, self.generate_inner(inner)]}
            case "dict":
                table = self.generate_inner(inner)
                return {**table, "additionalProperties": {"anyOf": [text, table["additionalProperties"]]}}
            case _:
                return text


def schema_name(file: str) -> str:
    """What the schema of a file is called beside it."""
    return f"{Path(file).stem}.schema.json"


def schema_of(file: str) -> dict[str, Any]:
    """The JSON Schema of a file of a policy, such as `plans.toml`."""
    model = {**WHOLE, **NAMED}[file]
    found = model.model_json_schema(schema_generator=_AsWritten)
    if file in NAMED:
        definitions = found.pop("$defs", {})
        found = {
            "type": "object",
            "additionalProperties": {"$ref": f"#/$defs/{model.__name__}"},
            "$defs": {**definitions, model.__name__: found},
        }
    return {"$schema": DIALECT, **found, "title": file}


def run(file: str | None, into: Path | None) -> int:
    """Prints the schema of a file, or of all by name; `into` is a folder to write them into instead."""
    files = sorted({**WHOLE, **NAMED})
    if file is not None and file not in files:
        raise UsageFault(f'a policy has no file "{file}"; it has {", ".join(files)}')
    chosen = [file] if file is not None else files
    if into is None:
        print_json(schema_of(file) if file is not None else {each: schema_of(each) for each in chosen})
        return DONE
    for each in chosen:
        target = into / schema_name(each)
        try:
            target.write_text(json.dumps(schema_of(each), indent=2) + "\n", encoding="utf-8")
        except OSError as wrong:
            raise UsageFault(f"{target}: cannot be written: {wrong.strerror}") from None
        print(f"{target}: put this line on top of {each}: #:schema ./{schema_name(each)}")
    return DONE
