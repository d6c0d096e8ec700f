"""Says what is wrong with a key of a file in its author's words, with an example of what is right."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from enum import StrEnum
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

EXAMPLES = {
    "accounts": "20",
    "agents": '["U0BOB"]',
    "aliases": '["basic"]',
    "calendar": '"office"',
    "calendars": '{ hours = "office" }',
    "categories": '["public"]',
    "certified_until": "2026-12-31",
    "channels": '["slack:C0ACME"]',
    "chosen": "{ 2027 = 2027-12-27 }",
    "clause": '"EX-2"',
    "country": '"GB"',
    "dates": '{ 2026-12-24 = "Christmas Eve" }',
    "days": '["mon", "tue", "wed", "thu", "fri"]',
    "document": '"Support terms, 1 January 2026"',
    "early": '{ 2026-12-31 = "14:00" }',
    "effective": "2026-01-01",
    "email": '"dana@vendor.example"',
    "every": '"1h"',
    "excluding": '["Easter Monday"]',
    "extra": '"2 business days"',
    "from": '"09:00 Europe/London"',
    "goal": '"1h"',
    "hours": '"office"',
    "ics": '"holidays.ics"',
    "id": '"impact"',
    "kind": '"choice"',
    "label": '"Can you work?"',
    "metric": '"first_response"',
    "mode": '"available"',
    "name": '"Gold"',
    "not_yet": '{ EX-8 = "Visits are arranged by e-mail." }',
    "on": '"12-25"',
    "only": '["Christmas Day"]',
    "options": '{ no = "No", yes = "Yes" }',
    "per_quarter": "1",
    "plan": '"gold"',
    "recommended": '["P1"]',
    "role": '"first_line"',
    "roles": '["first_line"]',
    "says": '"First response within 2 office hours."',
    "severities": '["P1", "P2"]',
    "severity": '"P1"',
    "starts": "2026-01-05T09:00:00",
    "tells": '"We found the cause."',
    "to": '"17:00 Europe/London"',
    "tries": "2",
    "triage": '"C0TRIAGE"',
    "turn": '"1 week"',
    "urgent": '["P1"]',
    "vendor": '"example"',
    "warn_at": "0.75",
    "when": '{ impact = ["no"] }',
    "where": '"section 2, row P1"',
    "within": '"2h"',
    "working": '{ 2026-11-27 = "Open today" }',
    "zone": '"Europe/London"',
}
"""A right value for a key, as TOML."""

_OF_A_PART = {
    ("DatesFile", "from"): "2026-11-09",
    ("DatesFile", "to"): "2026-12-07",
    ("SeasonFile", "dates"): "[{ from = 2026-11-09, to = 2026-12-07 }]",
    ("FreezeFile", "dates"): "[{ from = 2026-11-09, to = 2026-12-07 }]",
    ("PeakFile", "dates"): "[{ from = 2026-11-09, to = 2026-12-07 }]",
    ("MilestoneFile", "label"): '"Fix developed"',
    ("MitigationFile", "label"): '"Roll back"',
    ("ExtensionFile", "label"): '"A part has to be ordered"',
    ("ExtensionFile", "id"): '"parts"',
    ("StepFile", "name"): '"First line"',
    ("SeverityFile", "name"): '"Urgent"',
    ("SeverityFile", "shown"): '"General request"',
    ("FirstContactFile", "name"): '"Success manager"',
    ("AnnualFile", "name"): '"Christmas Day"',
    ("RuleFile", "says"): '"You cannot work."',
}
_FORMS = {
    "id": 'lower-case letters, digits and "_", a letter first, at most 40',
    "on": "month and day",
    "command": "a slash and lower-case letters",
}

Step = int | str


def faults_in(
    wrong: ValidationError, shape: object = None, within: tuple[str, ...] = ()
) -> Iterator[tuple[str, str]]:
    """Each fault as its key and what is wrong. `within` is the key of the checked part, `shape` its type."""
    for error in wrong.errors():
        steps = [*within, *(step for step in error["loc"] if step != "[key]")]
        key = ".".join(str(step + 1) if isinstance(step, int) else step for step in steps)
        yield key, _says(error, shape)


def _says(error: ErrorDetails, shape: object) -> str:
    if error["type"] == "value_error":
        return str(error["ctx"]["error"])
    named = _Named(error["loc"], shape)
    if error["type"] == "extra_forbidden":
        return _unknown_key(named)
    what = _what(error, named)
    if named.of_a_name:  # The known ones, or the form, are said already.
        return what
    return f"{what}; write {named.example}"


class _Named:
    """The key at which an error lies, and what its schema says about it."""

    def __init__(self, loc: tuple[Step, ...], shape: object) -> None:
        self.loc = loc
        names = [step for step in loc if isinstance(step, str) and step != "[key]"]
        self.key = names[-1] if names else ""
        self.in_list = bool(loc) and isinstance(loc[-1], int)
        self.of_a_name = bool(loc) and loc[-1] == "[key]"
        self.model, self.field = _looked_up(shape, loc)

    @property
    def known(self) -> list[str]:
        return [*_fields(self.model)] if self.model else []

    @property
    def example(self) -> str:
        value = self._value()
        if value in ("[[", "["):
            names = ".".join(step for step in self.loc if isinstance(step, str))
            return f"[[{names}]]" if value == "[[" else f"[{names}]"
        return f"{self.key} = {value}" if self.key else value

    def _value(self) -> str:
        owners = [base.__name__ for base in self.model.__mro__] if self.model else []
        for owner in owners:
            if found := _OF_A_PART.get((owner, self.key)):
                return found
        if self.field is None:
            return EXAMPLES.get(self.key, '"text"')
        value = _by_type(self.field.annotation)
        return value if value in ("[[", "[", "true") else EXAMPLES.get(self.key, value)


def _by_type(annotation: object) -> str:
    """An example of a value of this type; `[[` for tables in a list, `[` for a table."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _by_type(arguments[0])
    if origin in (Union, UnionType):
        return _by_type(next(each for each in arguments if each is not type(None)))
    if origin in (tuple, list, frozenset, set):
        return "[[" if _model(arguments[0]) else '["one", "two"]'
    if origin in (dict, Mapping):
        return '{ name = "text" }'
    if _model(annotation):
        return "["
    if origin is Literal:
        return f'"{arguments[0]}"'
    if isinstance(annotation, type) and issubclass(annotation, StrEnum):
        return f'"{next(iter(annotation))}"'
    return {bool: "true", int: "1", float: "0.5"}.get(annotation, '"text"')  # type: ignore[call-overload, no-any-return]


def _unknown_key(named: _Named) -> str:
    near = difflib.get_close_matches(named.key, named.known, 1)
    if near:
        return f"is not a key that Frontline knows; did you mean `{near[0]}`? Fix or remove it"
    known = f", known here are {', '.join(named.known)}" if named.known else ""
    return f"is not a key that Frontline knows; fix or remove it{known}"


def _what(error: ErrorDetails, named: _Named) -> str:
    context: Mapping[str, Any] = error.get("ctx", {})
    subject = "the name of an entry " if named.of_a_name else ""
    match error["type"]:
        case "missing":
            return "is missing"
        case "string_type":
            return f"{subject}must be text in quotes"
        case "string_too_short":
            least = context["min_length"]
            return "is empty" if least == 1 else f"is too short, at least {least} characters"
        case "string_too_long":
            return f"{subject}is too long, at most {context['max_length']} characters"
        case "string_pattern_mismatch":
            form = _FORMS.get(named.key)
            return f'"{error["input"]}" does not have the right form{f" ({form})" if form else ""}'
        case "bool_type" | "bool_parsing":
            return "must be true or false, without quotes"
        case "literal_error" | "enum":
            return f"{_shown(error['input'])} is unknown here; known are {_listed(context['expected'])}"
        case "tuple_type" | "list_type" | "set_type" | "frozen_set_type" | "iterable_type":
            return "must be a list, in brackets"
        case "dict_type" | "model_type" | "model_attributes_type" | "mapping_type":
            return "must be a table"
        case "too_short":
            return f"is an empty list, at least {context['min_length']} must be in it"
        case "too_long":
            return f"is a list that is too long, at most {context['max_length']} may be in it"
        case "greater_than":
            return f"must be more than {context['gt']:g}"
        case "greater_than_equal":
            return f"must be at least {context['ge']:g}"
        case "less_than":
            return f"must be less than {context['lt']:g}"
        case "less_than_equal":
            return f"must be at most {context['le']:g}"
        case kind if kind.startswith("int"):
            return f"{subject}must be a whole number, without quotes"
        case kind if kind.startswith(("float", "finite_number")):
            return "must be a number, without quotes"
        case kind if kind.startswith("datetime"):
            return f"{subject}must be a date and time, without quotes"
        case kind if kind.startswith("date"):
            return f"{subject}must be a date, without quotes"
        case _:
            return f"{subject}{_shown(error['input'])} does not fit here"


def _shown(value: object) -> str:
    text = f'"{value}"' if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else f"{text[:57]}…"


def _listed(expected: str) -> str:
    return expected.replace("'", '"')


def _fields(model: type[BaseModel]) -> dict[str, FieldInfo]:
    return {field.alias or name: field for name, field in model.model_fields.items()}


def _model(annotation: object) -> type[BaseModel] | None:
    """The schema of a table, or of the tables in a list."""
    plain = _one_of(annotation)
    return plain if isinstance(plain, type) and issubclass(plain, BaseModel) else None


def _one_of(annotation: object) -> object:
    """The type of one value, without Annotated, None and the list around it."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated or origin in (tuple, list, frozenset, set):
        return _one_of(arguments[0])
    if origin in (Union, UnionType):
        return _one_of(next(each for each in arguments if each is not type(None)))
    return annotation


def _looked_up(shape: object, loc: tuple[Step, ...]) -> tuple[type[BaseModel] | None, FieldInfo | None]:
    """The schema of the table that the last key of `loc` stands in, and that key's field."""
    within, owner, field = shape, None, None
    for step in loc:
        if not isinstance(step, str) or step == "[key]":
            continue
        within = _one_of(within)
        if model := _model(within):
            owner, field = model, _fields(model).get(step)
            if field is None:
                break
            within = field.annotation
        elif get_origin(within) in (dict, Mapping):
            owner, field, within = None, None, get_args(within)[1]
        else:
            break
    return owner, field
