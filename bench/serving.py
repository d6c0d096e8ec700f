"""Runs the real `frontline serve`, to measure it from outside."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.children import HOUSE, inherited
from demo.stage import a_local_slack, free_port

PATIENCE = 60.0


@contextmanager
def serving(url: str, file: Path, api: str) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """Yields the process and its URL."""
    port = free_port()
    environment = inherited() | {
        "DATABASE_URL": url,
        "FRONTLINE_CONFIG": str(file),
        "HOST": "127.0.0.1",
        "PORT": str(port),
        **a_local_slack(api),
    }
    debug = None if "BENCH_DEBUG" in os.environ else subprocess.DEVNULL
    process = subprocess.Popen(
        [sys.executable, "-m", "bot", "serve"], cwd=HOUSE, env=environment, stdout=debug, stderr=debug
    )
    try:
        yield process, f"http://127.0.0.1:{port}"
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


def ready_at(address: str, process: subprocess.Popen[bytes]) -> None:
    """Waits until /readyz answers 200."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    give_up = time.monotonic() + PATIENCE
    while time.monotonic() < give_up and process.poll() is None:
        with contextlib.suppress(OSError), opener.open(f"{address}/readyz", timeout=PATIENCE):
            return
        time.sleep(0.01)
    raise RuntimeError("the desk did not become ready")
