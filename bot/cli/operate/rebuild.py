"""What `frontline migrate --rebuild` says."""

from __future__ import annotations

from rich.console import Console

from bot.cli.process import DONE, print_faults
from bot.cli.progress import progress_bar
from bot.directory import Directory
from bot.index import Index, rebuild
from bot.ports import Clock


async def run(index: Index, directory: Directory, clock: Clock, progress: Console) -> int:
    """Sets all rows right, with a bar on `progress`; tickets that cannot be read are faults."""
    with progress_bar("Index rows", await index.index_size(), progress) as told:
        done = await rebuild(index, directory, clock, told)
    if done.wrong:
        print(f"{done.wrong} of {done.rows} index rows were wrong, and were written again.")
    else:
        print(f"None of {done.rows} index rows was wrong.")
    if not done.unreadable:
        return DONE
    return print_faults(
        *(f"{ticket}: its index row is left as it is: {why}" for ticket, why in done.unreadable.items())
    )
