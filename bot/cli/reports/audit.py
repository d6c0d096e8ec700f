"""`frontline audit`."""

from __future__ import annotations

import asyncio
import sys

from rich.console import Console

from bot.cli.app import DONE, print_faults
from bot.cli.progress import progress_bar
from bot.cli.reports.session import OpenArchive
from bot.reports.event_chain import Audit, audit


def run(archive: OpenArchive) -> int:
    """Prints `ok`, or what is wrong with which event on stderr. Raises OperatorFault."""
    found = asyncio.run(_audit(archive))
    if found.unhashed:
        print(
            f"note: {found.unhashed} events have no hash, because an older version stored them; "
            "frontline migrate --rebuild adds them",
            file=sys.stderr,
        )
    if found.faults:
        return print_faults(*(f"{ticket} event {seq}: {what}" for ticket, seq, what in found.faults))
    print("ok")
    return DONE


async def _audit(archive: OpenArchive) -> Audit:
    async with archive() as store:
        with progress_bar("Tickets", await store.index_size(), Console(stderr=True)) as done:
            return await audit(store, done)
