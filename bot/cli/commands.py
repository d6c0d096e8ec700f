"""The command line of `explain`, `questions` and `check`."""

from __future__ import annotations

import argparse
import json
import os
import sys
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from bot.cli import check, explain, questions
from bot.cli.lookup import Wrong, instant
from bot.clock import real_now
from sla_core.catalog.load import Faults, load, vendors

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]

Command = Callable[[Namespace], int]
DONE, FAULT = 0, 1
DEFAULT_CONFIG = "frontline.toml"

_EXPLAIN = """\
Prints every clock of such a ticket: what is promised, when it is due, and a receipt that adds up: which
stretches between submission and deadline count, which do not, and why.

  frontline explain --vendor m3ter --plan gold --severity S2 --at 2026-03-20T16:30:00+01:00
  frontline explain --vendor ./policies/ours --plan basic --severity P1 --at 2026-12-24T10:00:00Z --json
"""
_QUESTIONS = """\
Prints what the form behind /support asks under a plan, what may be answered, and for each severity one set
of answers that leads to it.

  frontline questions --vendor m3ter --plan gold
  frontline questions --vendor m3ter --plan gold --json
"""
_CHECK = """\
Checks policies and the desk's file. Every fault is printed at once to stderr as FILE: KEY: WHAT IS WRONG.
Warnings name what a policy leaves open. Worked examples come last.

  frontline check                      the desk's file (FRONTLINE_CONFIG, ./frontline.toml), every pack
  frontline check ./policies/ours      a policy of your own, or a folder with a frontline.toml in it
  frontline check m3ter --trace        each requirement ID, and what carries it
"""


def register(subparsers: Subparsers) -> None:
    """Add the commands. Each sets `run`, which takes the parsed arguments and returns the exit code."""
    packs = ", ".join(vendors())
    parser = _add(subparsers, "explain", "every clock of a ticket, with its receipt", _EXPLAIN, _explain)
    _add_policy(parser, packs)
    parser.add_argument("--severity", required=True, metavar="S", help="a severity of the policy, such as S2")
    parser.add_argument(
        "--at", required=True, metavar="INSTANT", help="when it is submitted, with Z or an offset"
    )
    parser.add_argument("--json", action="store_true", help="for scripts")

    parser = _add(subparsers, "questions", "what the intake form asks", _QUESTIONS, _questions)
    _add_policy(parser, packs)
    parser.add_argument("--json", action="store_true", help="for scripts")

    parser = _add(subparsers, "check", "check policies and configuration", _CHECK, _check)
    parser.add_argument("folder", nargs="?", metavar="FOLDER", help="what to check (default: all there is)")
    parser.add_argument("--trace", action="store_true", help="what carries each requirement of the vendor")


def _add(
    subparsers: Subparsers, name: str, summary: str, description: str, run: Command
) -> argparse.ArgumentParser:
    parser = subparsers.add_parser(
        name,
        help=summary,
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.set_defaults(run=_told_plainly(run))
    return parser


def _add_policy(parser: argparse.ArgumentParser, packs: str) -> None:
    parser.add_argument(
        "--vendor", required=True, metavar="V", help=f"a pack of the catalog ({packs}) or a folder"
    )
    parser.add_argument("--plan", required=True, metavar="P", help="a plan of the policy, or its former name")


def _told_plainly(run: Command) -> Command:
    """The command with each fault on stderr in one line, and no traceback."""

    def told(args: Namespace) -> int:
        try:
            return run(args)
        except Faults as wrong:
            return _faults([str(fault) for fault in wrong.faults])
        except Wrong as wrong:
            return _faults([str(wrong)])

    return told


def _faults(faults: list[str]) -> int:
    for fault in faults:
        print(" ".join(fault.split()), file=sys.stderr)
    return FAULT


def _explain(args: Namespace) -> int:
    at = instant(args.at)
    found = explain.explanation(load(args.vendor), args.plan, args.severity, at)
    if args.json:
        return _print_json(explain.as_json(found))
    explain.show(found, Console())
    return DONE


def _questions(args: Namespace) -> int:
    policies, today = load(args.vendor), real_now().date()
    if args.json:
        return _print_json(questions.questions(policies, args.plan, today))
    questions.show(policies, args.plan, today, Console())
    return DONE


def _check(args: Namespace) -> int:
    if args.folder is not None:
        found = check.check_place(args.folder)
    else:
        named = os.environ.get("FRONTLINE_CONFIG")
        found = check.check_everything(Path(named or DEFAULT_CONFIG), required=bool(named))
    _faults([str(fault) for fault in found.faults])
    check.report(found, real_now().date(), args.trace, Console())
    return FAULT if found.faults else DONE


def _print_json(value: dict[str, Any]) -> int:
    print(json.dumps(value, indent=2, ensure_ascii=False))
    return DONE
