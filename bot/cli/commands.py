"""The command line of `explain`, `questions`, `check` and `simulate`."""

from __future__ import annotations

import argparse
import json
import os
import sys
from argparse import Namespace
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from bot.cli import check, explain, questions, simulate, simulate_show
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
_SIMULATE = """\
Replays tickets against a policy: what each promise would have come to and by how much, what would have been
warned of and paged, and when. With --against, what a second policy would change.

  frontline simulate --vendor m3ter --plan gold --tickets docs/examples/tickets.csv
  frontline simulate --vendor m3ter --plan gold --tickets tickets.csv --against ./policies/ours
  frontline simulate --vendor m3ter --plan gold --account acme --against monta --map S1=P1 --map S2=P2

A file names its columns in its first line; `,` or `;` stands between them. Instants carry their offset;
responded and resolved may be empty. Other columns are kept; `ticket` names the ticket:

  ticket,opened,severity,responded,resolved
  T-1,2026-03-20T16:30:00+01:00,S2,2026-03-20T18:00:00+01:00,2026-03-23T11:00:00+01:00
  T-2,2026-03-21T03:10:00+01:00,S1,2026-03-21T04:25:00+01:00,

Stored tickets are those of the database at DATABASE_URL, with their holds, changes of severity and replies.
Each is replayed under the version of the policy in force when it was opened.
"""


def register(subparsers: Subparsers, histories: simulate.Histories | None = None) -> None:
    """Add the commands. Each sets `run`, which takes the parsed arguments and returns the exit code.

    `histories` reads stored tickets for `simulate`.
    """
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

    run = partial(_simulate, histories)
    parser = _add(subparsers, "simulate", "replay tickets against a policy", _SIMULATE, run)
    _add_policy(parser, packs)
    given = parser.add_mutually_exclusive_group(required=True)
    given.add_argument("--tickets", metavar="FILE", help="tickets from a CSV file")
    given.add_argument("--account", metavar="A", help="the stored tickets of an account")
    parser.add_argument("--against", metavar="V2", help="a second policy: a pack, a folder, or one version")
    parser.add_argument("--against-plan", metavar="P2", help="its plan (default: the same name, or the only)")
    parser.add_argument(
        "--map",
        action="append",
        default=[],
        metavar="S1=P1",
        help="which of its severities a ticket's is (may be given again)",
    )
    parser.add_argument(
        "--until", metavar="INSTANT", help="judge what is open as of then (default: now), with Z or an offset"
    )
    parser.add_argument("--json", action="store_true", help="for scripts")


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


def _simulate(histories: simulate.Histories | None, args: Namespace) -> int:
    asked = simulate.Asked(
        vendor=args.vendor,
        plan=args.plan,
        tickets=args.tickets,
        account=args.account,
        against=args.against,
        against_plan=args.against_plan,
        mapped=args.map,
        until=args.until,
    )
    found = simulate.simulate(asked, histories, real_now(), Console(stderr=True))
    if args.json:
        return _print_json(simulate_show.as_json(found))
    simulate_show.show(found, Console())
    return DONE


def _print_json(value: dict[str, Any]) -> int:
    print(json.dumps(value, indent=2, ensure_ascii=False))
    return DONE
