"""Reads the rows of a CSV file as ticket systems and spreadsheets export them."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

SEPARATORS = (",", ";", "\t", "|")
PREAMBLE = 40
"""The most rows above the names of the columns."""


@dataclass(frozen=True)
class Row:
    """The cells by column, without blanks around them, and the number of the row's last line."""

    line: int
    cells: Mapping[str, str]


@dataclass(frozen=True)
class Export:
    """The rows of a file; or what is missing in it, as key and what is wrong."""

    rows: Sequence[Row]
    faults: Sequence[tuple[str, str]]
    columns: Sequence[str] = ()
    preamble: int = 0
    """How many rows stand above the names of the columns."""


def decoded(content: bytes) -> str:
    """UTF-8 or UTF-16 with their marks, else Windows-1252."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16", errors="replace")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace")


def read_export(text: str, needed: Sequence[str], theirs: Mapping[str, str]) -> Export:
    """The rows below the first row that names every needed column. `theirs`: the file's names for some.

    Needed columns have our names, others their own, in lower case. Of repeated columns that are not needed
    the first counts. Raises csv.Error.
    """
    names = {theirs[name].strip().casefold(): name for name in needed if name in theirs}
    wanted = {theirs.get(name, name).strip().casefold() for name in needed}
    best = _Best(0, 1, [])
    for separator in SEPARATORS:
        try:
            for number, (line, cells) in enumerate(islice(_rows(text, separator), PREAMBLE)):
                columns = [cell.strip().casefold() for cell in cells]
                best = max(best, _Best(len(wanted & set(columns)), line, columns), key=lambda one: one.found)
                if wanted <= set(columns):
                    rows = islice(_rows(text, separator), number + 1, None)
                    ours = [names.get(column, column) for column in columns]
                    return _below(line, ours, rows, needed, number)
        except csv.Error:
            if best.found == len(wanted):
                raise  # The columns are there, so it is a row below them.
    return Export((), [_lacking(best, needed, theirs)])


class _Best(NamedTuple):
    """The row that names most of the needed columns."""

    found: int
    line: int
    columns: list[str]


def _lacking(best: _Best, needed: Sequence[str], theirs: Mapping[str, str]) -> tuple[str, str]:
    _, line, columns = best
    missing = [name for name in needed if theirs.get(name, name).strip().casefold() not in columns]
    plural = "s" if len(missing) > 1 else ""
    shown = f"; the line has {', '.join(filter(None, columns))[:200]}" if any(columns) else ""
    says = (
        f"lacks the column{plural} {', '.join(missing)}; it begins with {','.join(needed)}, or say what they "
        f'are called there: --column {missing[0]}="Created at"{shown}'
    )
    return f"line {line}", says


def _below(
    at: int,
    columns: Sequence[str],
    rows: Iterator[tuple[int, Sequence[str]]],
    needed: Sequence[str],
    above: int,
) -> Export:
    faults = [
        (f"line {at}, {name}", "appears more than once; keep one of them")
        for name in needed
        if columns.count(name) > 1
    ]
    found = []
    for line, cells in rows:
        if any(cell.strip() for cell in cells[len(columns) :]):
            faults.append((f"line {line}", f"has {len(cells)} cells, but line {at} names {len(columns)}"))
            continue
        if len(cells) < len(columns) and columns[len(cells)] in needed:
            faults.append((f"line {line}", f"has {len(cells)} cells, but line {at} names {len(columns)}"))
            continue
        # Spreadsheets leave out empty cells at the end of a row.
        whole = [*cells, *[""] * (len(columns) - len(cells))]
        pairs = [*zip(columns, (cell.strip() for cell in whole), strict=False)]
        found.append(Row(line, dict(reversed(pairs))))
    return Export(found, faults, [*dict.fromkeys(name for name in columns if name)], above)


def _rows(text: str, separator: str) -> Iterator[tuple[int, Sequence[str]]]:
    """Each row that is not empty, with the number of its last line."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    for cells in reader:
        if any(cell.strip() for cell in cells):
            yield reader.line_num, cells
