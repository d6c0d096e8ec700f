"""`frontline migrate --rebuild`, and the progress bar of long commands."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from bot.cli.app import DONE, print_faults
from bot.config.directory import Directory
from bot.desk.index import Index, rebuild
from bot.ports import Clock

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


async def run(index: Index, directory: Directory, clock: Clock, progress: Console) -> int:
    """Corrects all index rows, with a bar on `progress`. Reports unreadable tickets as faults."""
    with progress_bar("Index rows", await index.index_size(), progress) as told:
        done = await rebuild(index, directory, clock, told)
    if done.wrong:
        print(f"{done.wrong} of {done.rows} index rows were wrong and have been corrected.")
    else:
        print(f"None of {done.rows} index rows was wrong.")
    if not done.unreadable:
        return DONE
    return print_faults(
        *(f"{ticket}: its index row is unchanged: {why}" for ticket, why in done.unreadable.items())
    )
