"""Every path, name and command in README.md, docs/architecture.md and CONTRIBUTING.md exists.

A code span or a link is checked by its form: a path, a name that the code defines, or a command. A name is
looked up in one file: in the one of "`name` of `file`" (or "in"), otherwise in those before the colon of its
list item or in the first cells of its table row. Without such a file, a function or a member must be defined
in a file that its paragraph mentions. A class, or a name beside no file, may be defined anywhere.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
DOCUMENTS = ("README.md", "docs/architecture.md", "CONTRIBUTING.md")
SOURCES = ("sla_core", "bot", "adapters", "demo", "tests", "tools")
NOT_OURS = frozenset(
    {"make", "match", "list", "frontline", "frontline.toml", "frontline.db", "Action.Submit"}
)
"""Words in code spans that look like names or files of ours: programs, keywords, what people write."""

_FENCE = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
_SPAN = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"\]\(([^)#\s]+)\)")
_NAMES_OF_FILE = re.compile(r"((?:`[\w.]+`(?:, | and | or )?)+) ?(?:of|in) `([\w./-]+\.py)`")
_STARTS_BLOCK = re.compile(r"\s*(\||[-*] |\d+\. |#)")
_NAME = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")
_FILE = re.compile(r"[\w.-]+\.(md|toml|txt|py|yml|lock)")
_COMMAND = re.compile(r"(?:^|`|/bin/)(make|python -m|frontline) ([a-z][\w.-]*)(?: ([\w/.]+))?", re.MULTILINE)


def blocks(text: str) -> Iterator[str]:
    """Paragraphs, list items, headings and table rows, without fenced code."""
    lines: list[str] = []
    for line in _FENCE.sub("", text).splitlines():
        if not line.strip() or _STARTS_BLOCK.match(line):
            yield " ".join(lines)
            lines = []
        lines.append(line)
    yield " ".join(lines)


@cache
def defined(path: Path) -> frozenset[str]:
    """The names that a file defines, those of a class also as `Class.member`; not a function's variables."""
    found = {path.stem}

    def collect(node: ast.AST, prefix: str, *, in_function: bool = False) -> None:
        for child in ast.iter_child_nodes(node):
            match child:
                case ast.ClassDef(name=name):
                    found.update({name, f"{prefix}{name}"})
                    collect(child, f"{name}.")
                case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                    found.update({name, f"{prefix}{name}"})
                    collect(child, "", in_function=True)
                case ast.Assign() | ast.AnnAssign() if not in_function:
                    targets = child.targets if isinstance(child, ast.Assign) else [child.target]
                    nodes = [node for target in targets for node in ast.walk(target)]
                    for name in (node.id for node in nodes if isinstance(node, ast.Name)):
                        found.update({name, f"{prefix}{name}"})
                case _:
                    collect(child, prefix, in_function=in_function)

    collect(ast.parse(path.read_text(encoding="utf-8")), "")
    return frozenset(found)


@cache
def defined_anywhere() -> frozenset[str]:
    files = (path for folder in SOURCES for path in (REPOSITORY / folder).rglob("*.py"))
    return frozenset().union(*(defined(path) for path in files if "node_modules" not in path.parts))


def command_fault(program: str, argument: str, path: str) -> str | None:
    match program:
        case "make":
            makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
            known = re.search(rf"^{argument}:", makefile, re.MULTILINE) is not None
        case "frontline":
            known = argument.replace("-", "_") in _subcommands()
        case _:
            module = REPOSITORY.joinpath(*argument.split("."))
            known = module.with_suffix(".py").is_file() or module.is_dir() or argument in ("pytest", "bench")
            if argument == "pytest" and path and not (REPOSITORY / path).exists():
                return f"pytest {path}"
    return None if known else f"{program} {argument}"


@cache
def _subcommands() -> frozenset[str]:
    return frozenset().union(*(defined(path) for path in (REPOSITORY / "bot" / "cli").rglob("*.py")))


def _spans(text: str) -> list[str]:
    return [span for span in _SPAN.findall(text) if " " not in span]


def _is_path(span: str) -> bool:
    return "/" in span or _FILE.fullmatch(span) is not None


def _is_known(name: str, beside: frozenset[str]) -> bool:
    """Whether a name without a file of its own is defined: a class or a setting anywhere, others `beside`."""
    is_class = name[0].isupper() and "." not in name and not name.isupper()
    known = defined_anywhere() if is_class else beside or defined_anywhere()
    return name in known or (name.isupper() and name.lower() in defined_anywhere())


def _leads_somewhere(link: str, folder: str) -> bool:
    return link.startswith("https://") or (REPOSITORY / folder / link).exists()


def _leading_paths(block: str) -> list[str]:
    """The paths before the colon of a list item, or in those cells of a table row that hold only paths."""
    is_row = block.lstrip().startswith("|")
    parts = [_spans(part) for part in (block.split("|") if is_row else [block.partition(":")[0]])]
    return [path for part in parts if all(map(_is_path, part)) for path in part]


def _defined_in(paths: Sequence[str]) -> frozenset[str]:
    """The names that these files define, or the files in these folders."""
    found = [REPOSITORY / path for path in paths]
    files = [file for path in found for file in (path.glob("*.py") if path.is_dir() else [path])]
    return frozenset().union(*(defined(file) for file in files if file.suffix == ".py" and file.is_file()))


def faults(text: str, folder: str = "") -> list[str]:
    """What a document names and the repository does not have. `folder` is where its links start."""
    commands = (command_fault(*parts) for parts in _COMMAND.findall(text))
    found = [fault for fault in commands if fault]
    for block in blocks(text):
        found += [link for link in _LINK.findall(block) if not _leads_somewhere(link, folder)]
        spans = [span for span in _spans(block) if not span.startswith("/") and span not in NOT_OURS]
        paths = [span for span in spans if _is_path(span)]
        found += [path for path in paths if not (REPOSITORY / path).exists()]
        named = [(name, path) for names, path in _NAMES_OF_FILE.findall(block) for name in _spans(names)]
        found += [name for name, path in named if name not in (_defined_in([path]) or defined_anywhere())]
        beside = _defined_in(_leading_paths(block)) or _defined_in(paths)
        others = {span for span in spans if not _is_path(span) and _NAME.fullmatch(span)} - {*dict(named)}
        found += [name for name in sorted(others) if not _is_known(name, beside)]
    return found


@pytest.mark.parametrize("document", DOCUMENTS)
def test_what_a_document_names_exists(document: str) -> None:
    path = REPOSITORY / document
    assert faults(path.read_text(encoding="utf-8"), str(path.parent.relative_to(REPOSITORY))) == []


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("See `bot/desk/made_up.py`.", "bot/desk/made_up.py"),
        ("See `bot/made_up/`.", "bot/made_up/"),
        ("See `MADE_UP.md`.", "MADE_UP.md"),
        ("See [it](adr/9999-made-up.md).", "adr/9999-made-up.md"),
        ("`made_up_function` decides.", "made_up_function"),
        ("`Desk.made_up` decides.", "Desk.made_up"),
        ("`MadeUp.change` decides.", "MadeUp.change"),
        ("1. `bot/desk/routes.py`: `Desk.change` decides.", "Desk.change"),
        ("| `sla_core/ticket.py` | `evaluate` |", "evaluate"),
        ("1. `bot/desk/desk.py`: `evaluate` decides, before `fold` of `sla_core/ticket.py`.", "evaluate"),
        ("1. `bot/desk/desk.py`: `Desk.change` calls `fold` of `sla_core/engine.py`.", "fold"),
        ("`bot/desk/desk.py` uses `fold` and `evaluate` of `sla_core/ticket.py`.", "evaluate"),
        ("| Who? | `bot/desk/desk.py` | `fold`, called by `evaluate` of `sla_core/engine.py` |", "fold"),
        ("`Change` of `bot/desk/desk.py` is stored.", "Change"),
        ("`MADE_UP` is a setting.", "MADE_UP"),
        ("`bot/desk/desk.py` returns `MadeUp`.", "MadeUp"),
        ("Run `make made-up`.", "make made-up"),
        ("```\nmake made-up\n```", "make made-up"),
        ("Run `python -m tools.made_up`.", "python -m tools.made_up"),
        ("```\npython -m pytest tests/made_up\n```", "pytest tests/made_up"),
        ("Run `frontline made-up`.", "frontline made-up"),
    ],
)
def test_what_is_made_up_is_found(text: str, fault: str) -> None:
    assert faults(text, "docs") == [fault]


def test_what_exists_is_no_fault() -> None:
    text = """
    1. `bot/desk/desk.py`: `Desk.change` evaluates (`evaluate` of `sla_core/engine.py`).
    2. Anybody may run `make test`, `frontline check` or `python -m tools.parity`, and type `/support list`.

    `Message.lane` says what waits for what; see [why](adr).
    """
    assert faults(text, "docs") == []
