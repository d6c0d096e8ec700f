"""`frontline export`."""

from __future__ import annotations

import asyncio

from bot.cli.reports.session import OpenArchive, Request, outcome, reading, write_text
from bot.reports.formats.rows import TICKET_HEAD, csv_line, event_line, ticket_row

FORMATS = ("csv", "jsonl")


def run(request: Request, archive: OpenArchive) -> int:
    """Prints tickets or events while they are read. Raises OperatorFault, Faults."""
    return asyncio.run(_export(request, request.checked_format(FORMATS), archive))


async def _export(request: Request, format_: str, archive: OpenArchive) -> int:
    async with reading(request, archive) as walk:
        if format_ == "csv":
            write_text([csv_line(TICKET_HEAD)])
            async for found in walk.records():
                write_text([csv_line(ticket_row(found))])
        else:
            async for key, history in walk.histories():
                write_text(event_line(key, seq, event) for seq, event in enumerate(history, 1))
        return outcome(walk.unreadable)
