"""A process that runs a module of ours, started by the fork server of this test process."""

from __future__ import annotations

import asyncio
import atexit
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path

Output = tuple[asyncio.StreamReader, asyncio.ReadTransport]
_Status = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class ForkedProcess:
    """What `asyncio.subprocess.Process` can do, as far as the tests need it."""

    def __init__(self, pid: int, stdout: Output, stderr: Output, status: _Status) -> None:
        (self.stdout, _), (self.stderr, self.stderr_pipe) = stdout, stderr
        self.pid = pid
        self.returncode: int | None = None
        self._end = asyncio.create_task(self._wait(*status))

    @classmethod
    async def start(
        cls, words: Sequence[str], folder: Path, environment: Mapping[str, str], module: str = "bot"
    ) -> ForkedProcess:
        ours, theirs = socket.socketpair()
        (stdout, its_stdout), (stderr, its_stderr) = os.pipe(), os.pipe()
        request = {
            "module": module,
            "words": words,
            "folder": str(folder),
            "environment": dict(environment),
        }
        with theirs:
            files = (its_stdout, its_stderr, theirs.fileno())
            socket.send_fds(_server(), [json.dumps(request).encode() + b"\n"], files)
        os.close(its_stdout)
        os.close(its_stderr)
        status = await asyncio.open_connection(sock=ours)
        return cls(int(await status[0].readline()), await _read(stdout), await _read(stderr), status)

    def send_signal(self, number: int) -> None:
        if self.returncode is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    async def wait(self) -> int:
        return await asyncio.shield(self._end)

    async def communicate(self) -> tuple[bytes, bytes]:
        out, err, _ = await asyncio.gather(self.stdout.read(), self.stderr.read(), self.wait())
        return out, err

    async def _wait(self, status: asyncio.StreamReader, writer: asyncio.StreamWriter) -> int:
        self.returncode = int(await status.readline())
        writer.close()
        return self.returncode


async def _read(file: int) -> Output:
    reader = asyncio.StreamReader()
    pipe, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(file, "rb", 0)
    )
    return reader, pipe


@cache
def _server() -> socket.socket:
    ours, theirs = socket.socketpair()
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.process.fork_server", str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )

    def end() -> None:
        ours.close()
        process.wait()

    atexit.register(end)
    return ours
