"""Looks for known vulnerabilities in the pinned packages, with pip-audit.

    python -m tools.audit

A finding fails unless tools/audited.toml answers it. Where the advisories cannot be read, that is one line.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

HOUSE = Path(__file__).resolve().parents[1]
ANSWERS = Path(__file__).with_name("audited.toml")
TIMEOUT = 180
"""Seconds for all packages."""


def main() -> int:
    lock = HOUSE / "requirements.lock"
    words = ["--disable-pip", "--require-hashes", "--requirement", str(lock), "--format", "json"]
    try:
        done = subprocess.run(
            [sys.executable, "-m", "pip_audit", "--progress-spinner", "off", "--timeout", "10", *words],
            capture_output=True,
            text=True,
            check=False,
            timeout=TIMEOUT,
        )
        found = json.loads(done.stdout)
    except (subprocess.TimeoutExpired, ValueError):
        print("pip-audit: the advisories cannot be read here, so nothing was audited")
        return 0
    lines, code = judged(found, read_answers(ANSWERS))
    print("\n".join(lines))
    return code


def read_answers(file: Path) -> dict[str, str]:
    """Why a finding needs no newer version, by its id."""
    return {each["id"]: each["why"] for each in tomllib.loads(file.read_text("utf-8")).get("answered", [])}


def judged(found: Mapping[str, Any], answers: Mapping[str, str]) -> tuple[list[str], int]:
    """What to print of pip-audit's JSON, and the exit code: 1 if a finding has no answer."""
    packages = found["dependencies"]
    read = [each for each in packages if "skip_reason" not in each]
    if not read:
        return ["pip-audit: the advisories cannot be read here, so nothing was audited"], 0
    lines, open_ones = [f"pip-audit: {len(read)} of {len(packages)} packages audited"], 0
    for package in read:
        for each in package["vulns"]:
            known = [each["id"], *each.get("aliases", ())]
            answer = next((answers[id_] for id_ in known if id_ in answers), None)
            open_ones += answer is None
            fixed = ", ".join(each["fix_versions"]) or "no version yet"
            says = answer or f"fixed in {fixed}: make lock LOCK_ARGS=--upgrade, or answer it in audited.toml"
            lines.append(f"{package['name']} {package['version']}: {each['id']}: {says}")
    return lines, 1 if open_ones else 0


if __name__ == "__main__":
    sys.exit(main())
