"""The `frontline` command: help, version, groups of commands, and exit codes."""

from __future__ import annotations

import gc
import io
import json
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from bot.faults import OperatorFault

TRY_OUT, POLICY, OPERATE = "Have a look", "Policies", "Operate"

GC_THRESHOLDS = 20_000, 20, 20
"""Python's own suit small programs: with them, a sixth of a start looks for garbage among imports."""

_EPILOG = """\b
frontline COMMAND --help tells more about a command, with examples.
"""


class _Grouped(TyperGroup):
    """Lists each command on one line, under the heading of its group."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        groups: dict[str, list[tuple[str, str]]] = {}
        for name, command in self.commands.items():
            heading = getattr(command, "rich_help_panel", None) or "Others"
            groups.setdefault(heading, []).append((name, (command.help or "").partition("\n")[0]))
        for heading, listed in groups.items():
            with formatter.section(heading):
                formatter.write_dl(listed)


def new_app() -> typer.Typer:
    """The command line, without commands yet."""
    app = typer.Typer(
        cls=_Grouped,
        invoke_without_command=True,
        add_completion=False,
        rich_markup_mode=None,  # Loading Rich takes longer than printing the help.
        context_settings={"help_option_names": ["-h", "--help"]},
        epilog=_EPILOG,
    )
    app.callback()(_frontline)
    return app


def _version(requested: bool) -> None:
    if requested:
        from importlib.metadata import version

        print(f"frontline {version('frontline')}")
        raise typer.Exit


def _frontline(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> int:
    """A support desk in the customer's own Slack or Teams channel, with an honest SLA countdown."""
    if context.invoked_subcommand is None:
        print(context.get_help())
    return 0


DONE, FAULT, WRONG_USAGE = 0, 1, 2


def build(app: typer.Typer) -> TyperGroup:
    """The commands of `app`, read from the signatures of their functions."""
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    return group


def run(command: TyperGroup, arguments: Sequence[str]) -> int:
    """Runs one command and returns its exit code. Faults go to stderr, one line each."""
    gc.set_threshold(*GC_THRESHOLDS)
    _prepare_streams()
    try:
        code = _command(command, arguments)
        sys.stdout.flush()
    except OSError:
        error = _stdout_error()
        if error is None:
            raise
        if isinstance(error, BrokenPipeError):
            return FAULT  # The reader has closed the pipe, as `head` does; Rich ends silently then, too.
        return print_faults(f"stdout: cannot be written: {error.strerror}")
    return code


def print_faults(*faults: str) -> int:
    """Prints each fault on one line of stderr and returns the exit code."""
    # If stderr is full, only the exit code can report the fault.
    with suppress(OSError):
        for fault in faults:
            print(" ".join(fault.split()), file=sys.stderr)
    return FAULT


def _command(command: TyperGroup, arguments: Sequence[str]) -> int:
    # Not `main`, which formats faults itself and treats the end of input as a fault.
    try:
        with command.make_context("frontline", list(arguments)) as context:
            code: int = command.invoke(context)
            return code
    except typer.Exit as left:
        return left.exit_code
    except typer.TyperException as wrong:
        where: typer.Context | None = getattr(wrong, "ctx", None)
        path = where.command_path if where else "frontline"
        print_faults(f"{path}: {wrong.format_message().rstrip('.')} (see {path} --help)")
        return WRONG_USAGE
    except OperatorFault as wrong:
        return print_faults(str(wrong))
    except ValueError as wrong:
        from sla_core.catalog.load import Faults

        if not isinstance(wrong, Faults):
            raise
        return print_faults(*map(str, wrong.faults))
    except KeyboardInterrupt:
        return DONE


def _prepare_streams() -> None:
    """Reopens closed streams, and makes streams replace characters that they cannot encode.

    Python sets a closed stream to None, and the next opened file would get its descriptor. A closed stdout
    is replaced by one that cannot be written, so that lost output is reported.
    """
    if sys.stdin is None:
        sys.stdin = os.fdopen(os.open(os.devnull, os.O_RDONLY), closefd=False)
    if sys.stdout is None:
        sys.stdout = os.fdopen(os.open(os.devnull, os.O_RDONLY), "w", encoding="utf-8", closefd=False)
    if sys.stderr is None:
        sys.stderr = os.fdopen(os.open(os.devnull, os.O_WRONLY), "w", encoding="utf-8", closefd=False)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    if isinstance(sys.stderr, io.TextIOWrapper):
        sys.stderr.reconfigure(errors="backslashreplace")


def _stdout_error() -> OSError | None:
    """Flushes stdout. Returns the error, or None.

    After an error its buffer is dropped; otherwise Python would try to write it again at exit.
    """
    try:
        print(flush=True)
    except OSError as error:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
        return error
    return None


def print_json(value: dict[str, Any]) -> None:
    """Prints JSON. Escapes non-ASCII characters if stdout cannot encode them."""
    encoding = (sys.stdout.encoding or "ascii").lower()
    print(json.dumps(value, indent=2, ensure_ascii=not encoding.startswith("utf")))
