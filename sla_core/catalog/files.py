"""Reads the files of one version of a policy: what is valid, what is right in the rest, and all faults."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import TypeAdapter, ValidationError

from sla_core.catalog.wording import faults_in

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong in a file, and how to fix it."""

    file: str
    key: str
    says: str

    def __str__(self) -> str:
        return f"{self.file}: {self.key}: {self.says}" if self.key else f"{self.file}: {self.says}"


class Faults(ValueError):
    """Everything that is wrong, found in one pass."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("\n".join(str(fault) for fault in faults))
        self.faults = faults


def faults_of(
    file: str, wrong: ValidationError, shape: object = None, within: tuple[str, ...] = ()
) -> Iterator[Fault]:
    """The schema's errors in an operator's words. `within` is the key of the checked part."""
    return (Fault(file, key, says) for key, says in faults_in(wrong, shape, within))


@dataclass(frozen=True)
class Whole(Generic[T]):
    """A file of one table. `value` is None if it has a fault, `right` if nothing in it is right."""

    raw: dict[str, Any] | None
    value: T | None
    right: Partial[T] | None

    @property
    def unread(self) -> bool:
        """Whether the file is there, but no TOML."""
        return self.raw is None and self.value is None

    def listed(self, name: str, key: str) -> list[str]:
        """This key of each table in a list, as far as it is text, whatever else is wrong in the file."""
        items = (self.raw or {}).get(name)
        tables = items if isinstance(items, list) else []
        return [each[key] for each in tables if isinstance(each, dict) and isinstance(each.get(key), str)]


@dataclass(frozen=True)
class Parts(Generic[T]):
    """A file of named tables: the valid ones, what is right in the others, and the names of all."""

    raw: dict[str, Any] | None
    valid: dict[str, T]
    right: dict[str, Partial[T]]

    @property
    def names(self) -> frozenset[str] | None:
        """None if the file cannot be read."""
        return None if self.raw is None else frozenset(self.raw)


@dataclass
class PackFiles:
    """A dated folder. Collects the faults of all its files."""

    folder: Path
    label: str
    """How faults name it."""
    faults: list[Fault] = field(default_factory=list)

    def fault(self, file: str, key: str, says: str) -> None:
        found = Fault(f"{self.label}/{file}", key, says)
        if found not in self.faults:
            self.faults.append(found)

    def faulty_parts(self, file: str) -> set[str]:
        """The names of a file's tables in which something is wrong."""
        return {fault.key.partition(".")[0] for fault in self.faults if fault.file == f"{self.label}/{file}"}

    def has(self, file: str) -> bool:
        return (self.folder / file).is_file()

    def raw(self, file: str, required: bool) -> dict[str, Any] | None:
        """The file's content, unchecked; None if it cannot be read, or is not there."""
        if not self.has(file):
            if required:
                self.fault(file, "", "the file is missing; see docs/policies.md for what belongs into it")
            return None
        try:
            return tomllib.loads((self.folder / file).read_text(encoding="utf-8"))
        except tomllib.TOMLDecodeError as broken:
            self.fault(file, "", f"is not valid TOML: {broken}")
        except UnicodeDecodeError:
            self.fault(file, "", "is not UTF-8 text; save it as UTF-8")
        except OSError as unreadable:
            self.fault(file, "", f"cannot be read: {unreadable.strerror}; give yourself the right to read it")
        return None

    def whole(self, file: str, shape: type[T], required: bool = True) -> Whole[T]:
        raw = self.raw(file, required)
        if raw is None:
            # A file that may be missing is as good as an empty one.
            empty = None if required or self.has(file) else TypeAdapter(shape).validate_python({})
            return Whole(None, empty, Partial(empty) if empty is not None else None)
        try:
            value = TypeAdapter(shape).validate_python(raw)
        except ValidationError as wrong:
            self._report(file, wrong, shape)
            return Whole(raw, None, right_part(shape, raw))
        return Whole(raw, value, Partial(value))

    def parts(self, file: str, shape: type[T]) -> Parts[T]:
        raw = self.raw(file, required=True)
        found: Parts[T] = Parts(raw, {}, {})
        for name, part in (raw or {}).items():
            try:
                found.valid[name] = TypeAdapter(shape).validate_python(part)
                found.right[name] = Partial(found.valid[name])
            except ValidationError as wrong:
                self._report(file, wrong, shape, (name,))
                if right := right_part(shape, part):
                    found.right[name] = right
        return found

    def _report(self, file: str, wrong: ValidationError, shape: object, within: tuple[str, ...] = ()) -> None:
        for each in faults_of(f"{self.label}/{file}", wrong, shape, within):
            self.fault(file, each.key, each.says)


MOST_ROUNDS = 50
"""How often faults may come to light behind others."""

REFERS = "there is no "
"""How a fault begins that names something that is nowhere: it is right whatever else is wrong."""


@dataclass(frozen=True)
class Partial(Generic[T]):
    """A part without its faulty pieces. `places` are the first numbers of what is left of its lists."""

    value: T
    places: Mapping[str, list[int]] = field(default_factory=dict)

    def place(self, key: str) -> str:
        """The key as the file counts: `rule.2` is the third rule once the first was left out."""
        steps = key.split(".")
        if len(steps) > 1 and steps[0] in self.places and steps[1].isdigit():
            steps[1] = str(self.places[steps[0]][int(steps[1]) - 1] + 1)
        return ".".join(steps)


def right_part(shape: type[T], raw: Any) -> Partial[T] | None:
    """The part without its faulty keys and list items; None if nothing right is left of it."""
    left = deepcopy(raw)
    numbers = (
        {name: [*range(len(items))] for name, items in left.items() if isinstance(items, list)}
        if isinstance(left, dict)
        else {}
    )
    for _ in range(MOST_ROUNDS):
        try:
            return Partial(TypeAdapter(shape).validate_python(left), numbers)
        except ValidationError as wrong:
            # A missing key is wrong in the table that lacks it.
            places = {
                error["loc"][:-1] if error["type"] == "missing" else error["loc"] for error in wrong.errors()
            }
        for place in sorted(places, key=_order, reverse=True):
            if not place or not _removed(left, place, numbers):
                return None
    return None


def _order(place: tuple[int | str, ...]) -> tuple[tuple[bool, int, str], ...]:
    return tuple((isinstance(s, str), 0, s) if isinstance(s, str) else (False, s, "") for s in place)


def _removed(raw: Any, place: tuple[int | str, ...], numbers: Mapping[str, list[int]]) -> bool:
    """Removes the innermost piece of this place that the file has. False if it has none of it."""
    owner: Any = None
    last: Any = None
    at = raw
    for step in place:
        in_list = isinstance(at, list) and isinstance(step, int) and step < len(at)
        if not in_list and not (isinstance(at, dict) and step in at):
            break
        owner, last, at = at, step, at[step]
    if owner is None:
        return False
    del owner[last]
    if isinstance(last, int) and owner is raw.get(place[0]) and place[0] in numbers:
        del numbers[str(place[0])][last]
    return True
