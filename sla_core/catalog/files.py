"""Reads the files of one version of a policy: what is valid, what is right in the rest, and all faults."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import TypeAdapter, ValidationError

from sla_core.catalog.partial import Partial, right_part
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
