"""Bolt reads settings from the environment; ours come from one place only."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_slack_variables() -> Iterator[None]:
    """Takes the variables SLACK_* out of the environment while something of Bolt's is built.

    Bolt would make a second OAuth flow, with a store in plain text, from SLACK_CLIENT_ID and
    SLACK_CLIENT_SECRET, and would take more from variables that we do not document.
    """
    hidden = {name: value for name, value in os.environ.items() if name.startswith("SLACK_")}
    for name in hidden:
        del os.environ[name]
    try:
        yield
    finally:
        os.environ.update(hidden)
