"""Lines as they are typed, or as a pipe or a file gives them."""

from __future__ import annotations

import asyncio
import codecs
import os
import threading
from collections.abc import AsyncIterator

_CHUNK = 65536


async def read_lines(stream: int) -> AsyncIterator[str]:
    """Lines of a file descriptor until its end.

    A thread reads the descriptor itself: files, pipes and terminals alike, and no lock is held at exit.
    """
    loop = asyncio.get_running_loop()
    lines: asyncio.Queue[str | None] = asyncio.Queue()

    def give(line: str | None) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(lines.put_nowait, line)

    def read() -> None:
        decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        rest = ""
        try:
            while chunk := os.read(stream, _CHUNK):
                *whole, rest = (rest + decoder.decode(chunk)).split("\n")
                for line in whole:
                    give(line.removesuffix("\r"))
            if rest := rest + decoder.decode(b"", final=True):
                give(rest)
        except OSError:
            pass
        finally:
            give(None)

    threading.Thread(target=read, name="keyboard", daemon=True).start()
    while (line := await lines.get()) is not None:
        yield line
