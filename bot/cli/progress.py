"""The progress bar of long commands."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

T = TypeVar("T")

SHOW_PROGRESS_AFTER = 1.0
"""Seconds until the bar appears."""


@contextmanager
def progress_bar(what: str, total: int, console: Console) -> Iterator[Callable[[int], None]]:
    """Yields a function that takes the number done; `console` (a terminal) shows it in a bar."""
    begun = time.monotonic()
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    )
    task = bar.add_task(what, total=total)

    def done(number: int) -> None:
        if not bar.live.is_started and console.is_terminal and time.monotonic() - begun > SHOW_PROGRESS_AFTER:
            bar.start()
        bar.update(task, completed=number)

    try:
        yield done
    finally:
        if bar.live.is_started:
            bar.stop()


def with_progress(items: Sequence[T], what: str, console: Console) -> Iterator[T]:
    """Yields the items and shows their progress."""
    with progress_bar(what, len(items), console) as done:
        for number, item in enumerate(items):
            done(number)
            yield item
