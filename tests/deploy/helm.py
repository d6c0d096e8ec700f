"""Renders the chart where helm is not installed: the few forms of its template language that the chart uses.

Anything else raises ValueError, so a template that needs more shows up here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import yaml

CHART = Path(__file__).resolve().parents[2] / "deploy" / "helm" / "frontline"
_RANGE = re.compile(r"[ ]*\{\{- range \$name, \$value := (\S+) \}\}\n(.*?)[ ]*\{\{- end \}\}\n", re.DOTALL)
_TAG = re.compile(r"(?P<before>\s*)\{\{(?P<cut>-?) (?P<says>.*?) \}\}")

Scope = Mapping[str, Any]


def render(release: str = "desk", **values: Any) -> dict[str, dict[str, Any]]:
    """The chart's objects by kind, with these values in place of the defaults."""
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))
    defaults = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
    scope = {
        ".Release.Name": release,
        ".Chart.AppVersion": chart["appVersion"],
        **dict(_paths(".Values", defaults | values)),
    }
    return {made["kind"]: made for made in _objects(scope)}


def _objects(scope: Scope) -> Iterator[dict[str, Any]]:
    for template in sorted((CHART / "templates").glob("*.yaml")):
        text = _RANGE.sub(lambda found: _repeated(found, scope), template.read_text(encoding="utf-8"))
        yield yaml.safe_load(_filled(text, scope))


def _paths(root: str, value: Any) -> Iterator[tuple[str, Any]]:
    yield root, value
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _paths(f"{root}.{name}", inner)


def _repeated(found: re.Match[str], scope: Scope) -> str:
    body = found[2].removeprefix("\n")
    return "".join(
        _filled(body, {**scope, "$name": name, "$value": value}) for name, value in scope[found[1]].items()
    )


def _filled(text: str, scope: Scope) -> str:
    def fill(found: re.Match[str]) -> str:
        said = _evaluated(found["says"], scope)
        return said if found["cut"] else found["before"] + said

    return _TAG.sub(fill, text)


def _evaluated(says: str, scope: Scope) -> str:
    first, *pipes = (each.strip() for each in says.split("|"))
    function, _, name = first.rpartition(" ")
    value = scope[name]
    if function == "toYaml":
        value = yaml.safe_dump(value).rstrip("\n")
    elif function:
        raise ValueError(function)
    for pipe in pipes:
        match pipe.split():
            case ["quote"]:
                value = json.dumps(str(value))
            case ["sha256sum"]:
                value = sha256(str(value).encode()).hexdigest()
            case ["nindent", width]:
                value = "".join(f"\n{' ' * int(width)}{line}" for line in str(value).splitlines())
            case ["default", other]:
                value = value or scope[other]
            case _:
                raise ValueError(pipe)
    return str(value)
