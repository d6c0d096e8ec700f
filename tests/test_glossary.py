"""Names that were given up do not come back: tests/glossary.txt lists them, with what to write instead."""

from __future__ import annotations

import ast
import re
import shutil
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
FLOORS = ("sla_core", "bot", "adapters")
LOGGERS = frozenset({"log", "logger"})
BINDERS = frozenset({"bind", "bound_contextvars"})
STORED_OR_CONFIGURED = frozenset({"SQLModel", "BaseSettings"})
"""Classes whose attributes are columns or environment variables."""
HISTORY = "adapters/sql/migrations/versions/"
"""Migrations name what stood in the database then."""

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


def entries(text: str) -> dict[str, str]:
    """Each old name or `*word*`, with the new one. Raises ValueError for a line that is neither."""
    found = {}
    for line in text.splitlines():
        if line.strip() and not line.startswith("#"):
            old, arrow, new = (part.strip() for part in line.partition(" -> "))
            if not (old and arrow and new) or old in found:
                raise ValueError(f"write `old -> new`, each old name once: {line}")
            found[old] = new
    return found


@cache
def glossary() -> dict[str, str]:
    return entries((REPOSITORY / "tests" / "glossary.txt").read_text(encoding="utf-8"))


@cache
def defined_by(source: str) -> Sequence[tuple[str, int]]:
    return [*definitions(ast.parse(source))]


def definitions(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """The names that a file defines, and the keys of its log lines; each with its line."""
    exempt = {
        id(statement)
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
        and any(isinstance(base, ast.Name) and base.id in STORED_OR_CONFIGURED for base in node.bases)
        for statement in node.body
    }
    for node in ast.walk(tree):
        match node:
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield name, node.lineno
            case ast.arg(arg=name) | ast.Attribute(attr=name, ctx=ast.Store()):
                yield name, node.lineno
            case ast.Call(func=func) if _is_logging(func):
                yield from ((key.arg, node.lineno) for key in node.keywords if key.arg)
        if isinstance(node, ast.Module | ast.ClassDef):
            yield from _assigned(statement for statement in node.body if id(statement) not in exempt)


def _assigned(statements: Iterator[ast.stmt]) -> Iterator[tuple[str, int]]:
    for statement in statements:
        match statement:
            case ast.Assign(targets=targets):
                names = [each for target in targets for each in ast.walk(target)]
            case ast.AnnAssign(target=target):
                names = [target]
            case _:
                continue
        yield from ((each.id, each.lineno) for each in names if isinstance(each, ast.Name))


def _is_logging(func: ast.expr) -> bool:
    match func:
        case ast.Name(id=name) | ast.Attribute(attr=name) if name in BINDERS:
            return True
        case ast.Attribute(value=ast.Name(id=name)):
            return name in LOGGERS
        case _:
            return False


@cache
def replacement(name: str) -> str | None:
    """What to write instead of a name; None if the name may stay."""
    known, bare = glossary(), name.lstrip("_")
    words = (f"*{word.lower()}*" for word in _WORD.findall(bare))
    return next((known[old] for old in (bare, *words) if old in known), None)


def faults(root: Path) -> list[str]:
    found = []
    for floor in FLOORS:
        for path in sorted((root / floor).rglob("*.py")):
            place = path.relative_to(root).as_posix()
            if place.startswith(HISTORY) or "node_modules" in path.parts:
                continue
            folders = [(part, 1) for part in (path.parent.name, path.stem)]
            for name, line in (*folders, *defined_by(path.read_text(encoding="utf-8"))):
                if (new := replacement(name)) is not None:
                    found.append(f"{place}:{line} {name}: write {new}")
    return found


def test_no_name_that_was_given_up_is_back() -> None:
    assert faults(REPOSITORY) == []


def test_each_line_is_an_old_and_a_new_name() -> None:
    assert all(re.fullmatch(r"\w+|\*[a-z]+\*", old) for old in glossary())
    for wrong in ("purse", "purse ->", "-> rate_limit_key", "purse -> a\npurse -> b"):
        with pytest.raises(ValueError, match="old -> new"):
            entries(wrong)


def put(root: Path, place: str, source: str) -> None:
    (root / place).parent.mkdir(parents=True, exist_ok=True)
    (root / place).write_text(source, encoding="utf-8")


@pytest.mark.parametrize(
    ("place", "source", "name"),
    [
        ("bot/courier.py", "", "courier"),
        ("bot/broken.py", "class Auditor: ...\n", "Auditor"),
        ("bot/broken.py", "class PurseRow: ...\n", "PurseRow"),
        ("bot/broken.py", "def purse_of(place): ...\n", "purse_of"),
        ("bot/broken.py", "async def f(*, _notebook): ...\n", "_notebook"),
        ("bot/broken.py", "class A:\n    bell: int = 0\n", "bell"),
        ("bot/broken.py", "class A:\n    def __init__(self):\n        self._atlas = 0\n", "_atlas"),
        ("sla_core/broken.py", "EDGE, LAST_WORDS = 1, 2\n", "LAST_WORDS"),
        ("adapters/broken.py", "class Never(Exception): ...\n", "Never"),
        ("adapters/broken.py", "def f(log):\n    log.info('x', cure='y')\n", "cure"),
        ("adapters/broken.py", "def f():\n    with bound_contextvars(drill=1): ...\n", "drill"),
    ],
)
def test_a_name_that_is_back_is_found(tmp_path: Path, place: str, source: str, name: str) -> None:
    put(tmp_path, place, source)
    (fault,) = faults(tmp_path)
    assert fault.startswith(f"{place}:")
    assert f" {name}: write " in fault


def test_one_is_found_in_the_whole_code(tmp_path: Path) -> None:
    for floor in FLOORS:
        unneeded = shutil.ignore_patterns("__pycache__", "node_modules")
        shutil.copytree(REPOSITORY / floor, tmp_path / floor, ignore=unneeded)
    desk = tmp_path / "bot" / "desk" / "desk.py"
    desk.write_text(desk.read_text(encoding="utf-8").replace("key_values", "notebook"), encoding="utf-8")
    assert {fault.partition(":")[0] for fault in faults(tmp_path)} == {"bot/desk/desk.py"}


def test_prose_configuration_and_sql_may_keep_the_words(tmp_path: Path) -> None:
    source = '''
"""The courier took the notebook."""
class Environment(BaseSettings):
    frontline_drill: str | None = None
class Row(SQLModel, table=True):
    purse: str
DELETE = "DELETE FROM purse"
pursed = spotless = 0
'''
    put(tmp_path, "bot/broken.py", source)
    assert faults(tmp_path) == []
