"""How a command begins and ends: its streams, its faults, its exit code."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence
from contextlib import suppress

import typer

from bot.faults import OperatorFault

DONE, FAULT, WRONG_USAGE = 0, 1, 2


def run(app: typer.Typer, arguments: Sequence[str]) -> int:
    """Run one command and return its exit code. Faults go to stderr, one line each."""
    _prepare_streams()
    try:
        code = _command(app, arguments)
        sys.stdout.flush()
    except OSError:
        error = _stdout_error()
        if error is None:
            raise
        if isinstance(error, BrokenPipeError):
            return FAULT  # The reader has left, as `head` does, and Rich too ends without a word then.
        return print_faults(f"stdout: cannot be written: {error.strerror}")
    return code


def print_faults(*faults: str) -> int:
    """Print each fault on one line of stderr; return the exit code for it."""
    # With stderr full, the exit code is all that can still say it.
    with suppress(OSError):
        for fault in faults:
            print(" ".join(fault.split()), file=sys.stderr)
    return FAULT


def _command(app: typer.Typer, arguments: Sequence[str]) -> int:
    # Not `main`, which prints faults its own way and treats the end of the input as a fault.
    command = typer.main.get_command(app)
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
    """Open what was closed, and replace characters that a stream lacks.

    Python has None for a closed stream, and the next file opened would take its number. A closed stdout
    refuses to be written, so that what is printed is not lost without a word.
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
    """What stdout says when it is written to; None if it takes it.

    What it still holds after a refusal is dropped, or Python would try to write it when it ends.
    """
    try:
        print(flush=True)
    except OSError as error:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
        return error
    return None
