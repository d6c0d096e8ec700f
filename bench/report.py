"""The results of a group: tables of figures, and whether they pass the gates."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Row:
    """One contender. `ratio` is its cost divided by ours, or None if there is nothing to compare."""

    name: str
    cost: float | None
    unit: str
    ratio: float | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    title: str
    rows: tuple[Row, ...]

    def cost(self, name: str) -> float:
        found = next(row.cost for row in self.rows if row.name == name)
        assert found is not None, f"{name} was not timed"
        return found


@dataclass(frozen=True, slots=True)
class Gate:
    """A figure and its bound: at least `bound`, or at most if `at_most`."""

    name: str
    value: float
    bound: float
    unit: str = "x"
    stretch: bool = False
    at_most: bool = False

    @property
    def met(self) -> bool:
        return self.value <= self.bound if self.at_most else self.value >= self.bound

    def __str__(self) -> str:
        kind = "stretch" if self.stretch else "gate"
        wanted = f"{'at most' if self.at_most else 'at least'} {self.bound:g} {self.unit}"
        verdict = "met" if self.met else "MISSED"
        return f"{kind:<8} {self.name:<56} {self.value:>6.2f} {self.unit:<3} {wanted:<16} {verdict}"


@dataclass(frozen=True, slots=True)
class Report:
    group: str
    about: str
    tables: tuple[Table, ...]
    gates: tuple[Gate, ...]
    notes: tuple[str, ...] = field(default=())

    def lines(self) -> Iterator[str]:
        yield f"== {self.group}: {self.about}"
        for table in self.tables:
            yield ""
            yield table.title
            yield from _aligned(table.rows)
        yield ""
        yield from (str(gate) for gate in self.gates)
        if self.notes:
            yield ""
        yield from (f"note: {note}" for note in self.notes)

    def figures(self) -> dict[str, Any]:
        """The report as JSON."""
        gates = [asdict(gate) | {"met": gate.met} for gate in self.gates]
        return asdict(self) | {"gates": gates}


def compared(title: str, costs: dict[str, float], ours: str, notes: dict[str, str]) -> Table:
    """A table of costs in microseconds, ours first, contenders with only a note last."""
    rows = [
        Row(name, cost, "us", None if name == ours else cost / costs[ours], notes.get(name, ""))
        for name, cost in costs.items()
    ]
    rows += [Row(name, None, "", None, note) for name, note in notes.items() if name not in costs]
    return Table(title, tuple(rows))


def _aligned(rows: Sequence[Row]) -> Iterator[str]:
    width = max(len(row.name) for row in rows)
    for row in rows:
        cost = "" if row.cost is None else f"{row.cost:.2f} {row.unit}"
        ratio = "" if row.ratio is None else f"{row.ratio:.2f}x"
        yield f"  {row.name:<{width}}  {cost:>11}  {ratio:>8}  {row.note}".rstrip()
