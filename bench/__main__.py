"""Runs the benchmarks: all groups, or those named."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path

from bench.measure import Progress
from bench.report import Report

GROUPS = {
    name: f"bench.{name}"
    for name in (
        "calendars",
        "simulation",
        "opens",
        "modal",
        "home",
        "acts",
        "teams",
        "commits",
        "wakes",
        "deliveries",
        "footprint",
    )
}
"""Maps each group to the module that measures it, loaded on demand: no group needs another's peers."""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=f"{', '.join(GROUPS)} (default: all)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures there")
    wanted = parser.parse_args(arguments)
    if strange := [group for group in wanted.groups if group not in GROUPS]:
        parser.error(f"no group {strange[0]!r}; choose from {', '.join(GROUPS)}")
    progress = Progress()
    machine = f"Python {platform.python_version()}, {platform.machine()}, {os.cpu_count()} cores"
    print(f"{machine}; medians of interleaved rounds; ratios are to Frontline")
    reports = []
    for group in wanted.groups or GROUPS:
        try:
            run: Callable[[Progress], Report] = import_module(GROUPS[group]).run
        except ModuleNotFoundError as missing:
            print(f"{group}: {missing.name} is not installed; `make bench` installs it", file=sys.stderr)
            return 1
        report = run(progress)
        progress.done()
        print("", *report.lines(), sep="\n", flush=True)
        reports.append(report.figures())
    if wanted.json:
        figures = {"machine": machine, "groups": reports}
        wanted.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
