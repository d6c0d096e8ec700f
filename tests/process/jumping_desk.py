"""Runs `frontline` on a machine whose clock is set wrong, as the file says that CLOCK_IS_OFF names.

    python -m tests.process.jumping_desk serve

The file holds by how many seconds, and, if it is not to be a minute, how many seconds a jump must hold.
MONITOR_EVERY is how many seconds lie between two checks of the monitor.
"""

from __future__ import annotations

import os
import sys
import time
from datetime import datetime, timedelta, tzinfo
from pathlib import Path

import bot.clock
import bot.runtime.monitor
from bot.__main__ import main

_FILE = Path(os.environ["CLOCK_IS_OFF"])
_real_time = time.time


def _off() -> float:
    seconds, *holds_after = _FILE.read_text(encoding="ascii").split()
    if holds_after:
        bot.clock.HOLDS_AFTER = timedelta(seconds=float(holds_after[0]))
    return float(seconds)


class JumpingDatetime(datetime):
    """`now` is what the wrong clock shows."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
        return datetime.fromtimestamp(_real_time() + _off(), tz)


if __name__ == "__main__":
    bot.clock.datetime = JumpingDatetime  # type: ignore[attr-defined]
    time.time = lambda: _real_time() + _off()
    if "MONITOR_EVERY" in os.environ:
        bot.runtime.monitor.EVERY = timedelta(seconds=float(os.environ["MONITOR_EVERY"]))
    sys.exit(main())
