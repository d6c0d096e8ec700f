"""Writes the Teams app package, for the app of MICROSOFT_APP_ID."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from bot.cli.process import DONE, print_faults
from bot.environment import read_environment


def run(out: Path, package_for: Callable[[str], bytes]) -> int:
    """`package_for` makes the package of an app by its id; ValueError says what Teams would refuse."""
    app_id = read_environment().microsoft_app_id
    if app_id is None:
        return print_faults(
            "environment: MICROSOFT_APP_ID: is not set; copy it from the app's registration in Entra"
        )
    try:
        package = package_for(app_id)
    except ValueError as wrong:
        return print_faults(f"teams-package: {wrong}")
    try:
        out.write_bytes(package)
    except OSError as wrong:
        return print_faults(
            f"--out: {out} cannot be written: {wrong.strerror}; make its folder, or name another file"
        )
    print(f"{out} is written; upload it in Teams (Apps, Manage your apps) or in its admin center.")
    return DONE
