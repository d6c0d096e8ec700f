"""Forks processes that have imported everything: `python -m tests.process.fork_server FD`.

A start of Python and the imports take two seconds of processor time, and the tests start hundreds of desks.
FD is a socket. Each request is a line of JSON, {"module", "words", "folder", "environment"}, with three
files: the process's stdout, its stderr, and a socket on which two lines answer: its pid, and its exit status.
The server ends when its socket is closed; the processes do not.
"""

from __future__ import annotations

import faulthandler
import gc
import json
import os
import runpy
import socket
import sys
import threading
import warnings
from contextlib import suppress
from importlib import import_module

from bot.__main__ import main
from bot.api import documents

LOADED = (
    "adapters.slack.adapter",
    "adapters.sql.engines.postgres",
    "adapters.sql.migrate",
    "adapters.sql.store",
    "adapters.web.api",
    "adapters.web.client",
    "adapters.web.server",
    "adapters.worker_pool",
    "alembic.autogenerate",
    "bot.cli.operate",
    "bot.desk.routes",
    "bot.runtime.doctor",
    "bot.runtime.runtime",
    "holidays",
    "rich.console",
)


def serve(requests: socket.socket) -> str:
    """The module to run, in each process that is to run one. Exits when the socket is closed."""
    while True:
        line, files, _, _ = socket.recv_fds(requests, 1 << 20, 3)
        while line and not line.endswith(b"\n"):
            line += requests.recv(1 << 20)
        if not line:
            sys.exit()
        assert threading.active_count() == 1, "a thread would not survive the fork"
        if os.fork():
            for file in files:
                os.close(file)
            with suppress(ChildProcessError):
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass
            continue
        requests.close()
        request = json.loads(line)
        stdout, stderr, status = files
        _report(status, stdout, stderr)
        os.dup2(stdout, 1)
        os.dup2(stderr, 2)
        for file in files:
            os.close(file)
        # Those that Python made are for the server's own files, which may be of another kind.
        sys.stdout = os.fdopen(1, "w", closefd=False)
        sys.stderr = os.fdopen(2, "w", 1, errors="backslashreplace", closefd=False)
        os.chdir(request["folder"])
        os.environ.clear()
        os.environ.update(request["environment"])
        # Python itself reads these two only when it starts.
        faulthandler.enable()
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", ResourceWarning)
        sys.argv = [sys.argv[0], *request["words"]]
        module: str = request["module"]
        return module


def _report(status: int, *others: int) -> None:
    """Returns in a new process. This one reports its pid, waits for its end and reports that."""
    pid = os.fork()
    if not pid:
        return
    for file in others:
        os.close(file)
    os.write(status, f"{pid}\n".encode())
    _, ended = os.waitpid(pid, 0)
    os.write(status, f"{os.waitstatus_to_exitcode(ended)}\n".encode())
    os._exit(0)


if __name__ == "__main__":
    for module in LOADED:
        import_module(module)
    documents.build()
    gc.collect()
    gc.freeze()
    chosen = serve(socket.socket(fileno=int(sys.argv[1])))
    if chosen == "bot":
        sys.exit(main(sys.argv[1:]))
    runpy.run_module(chosen, run_name="__main__", alter_sys=True)
