"""The private answers, notices and faults of the desk, read from the source of the modules that give them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

HOUSE = Path(__file__).resolve().parents[1]
ANSWERS_IN = (
    "bot/desk",
    "bot/runtime/monitor.py",
    "bot/runtime/pager_test.py",
    "bot/runtime/doctor.py",
    "adapters/slack/outbound/responder.py",
    "adapters/slack/rendering",
    "adapters/slack/workspaces/registry.py",
    "adapters/teams/outbound/responder.py",
    "adapters/teams/rendering",
)


def answers() -> Iterator[tuple[str, list[str]]]:
    """Each module with the private answers and faults that it gives; what varies stands in braces."""
    for place in ANSWERS_IN:
        root = HOUSE / place
        for path in [root] if root.is_file() else sorted(root.rglob("*.py")):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            found = dict.fromkeys(_sentences(tree))
            if found:
                yield path.relative_to(HOUSE).as_posix(), [*found]


def _sentences(tree: ast.AST) -> Iterator[str]:
    """Texts in the code that read like sentences and are no docstrings or log lines."""
    skipped = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    inside: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("log."):
            skipped |= {id(part) for part in ast.walk(node)}
        if isinstance(node, ast.JoinedStr):
            inside |= {id(part) for part in node.values}
    for node in ast.walk(tree):
        if id(node) in skipped or id(node) in inside:
            continue
        says = _text(node)
        if (
            says
            and says[0].isupper() | (says[0] in "{“")
            and says.rstrip("”").endswith((".", "?", ":"))
            and " " in says
        ):
            yield " ".join(says.split())


def _text(node: ast.AST) -> str:
    match node:
        case ast.Constant(value=str(text)):
            return text.strip()
        case ast.JoinedStr(values=parts):
            texts = (p.value if isinstance(p, ast.Constant) else f"{{{_name(p)}}}" for p in parts)
            return "".join(map(str, texts)).strip()
        case _:
            return ""


def _name(part: ast.AST) -> str:
    """What varies: the last name of the expression."""
    names = [
        each.attr if isinstance(each, ast.Attribute) else getattr(each, "id", "") for each in ast.walk(part)
    ]
    return next(filter(None, names), "…")
