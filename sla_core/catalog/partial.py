"""What of a faulty part of a file is right: it is checked against the other files all the same."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from pydantic import TypeAdapter, ValidationError

T = TypeVar("T")

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
