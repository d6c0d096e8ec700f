"""Python's search for garbage, set for a process that serves for months."""

from __future__ import annotations

import gc

GC_THRESHOLD = 20_000
"""New objects still there, after which the new ones are searched; Python's own 700 is for small programs."""


def freeze_loaded_objects() -> None:
    """What was loaded until now stays for good, and is not searched any more.

    Policies, calendars and libraries are some hundred thousand objects. To search them all takes 35 ms, in
    which nobody is answered, again and again under load.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD, 20, 20)
