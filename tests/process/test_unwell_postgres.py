"""When its PostgreSQL is locked, gone, read-only or renamed, the desk says so and recovers by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

import psycopg
import pytest

from demo.slack import Message
from tests.harness import S2
from tests.postgres import Postgres, running
from tests.process.desk_process import DeskProcess, frontline
from tests.process.live_site import LiveSite
from tests.waiting import eventually

AGAIN = "Nothing was changed; please try again"
CANNOT = "the database cannot be written: "

Fault = Callable[[Postgres, str], AbstractContextManager[None]]


class SiteOnPostgres(LiveSite):
    """A site whose desk keeps everything in this database."""

    def __init__(self, folder: Path, database: str) -> None:
        super().__init__(folder)
        self._database = database

    @property
    def database(self) -> str:
        return self._database

    def told(self, words: str) -> int:
        return sum(words in self.text(message) for message in self.triage.messages)


def administer(server: Postgres, *statements: str) -> None:
    options = "-c default_transaction_read_only=off"
    with psycopg.connect(server.url("postgres"), autocommit=True, options=options) as admin:
        for statement in statements:
            admin.execute(statement.encode())


def name_of(database: str) -> str:
    return str(psycopg.conninfo.conninfo_to_dict(database)["dbname"])


@contextmanager
def locked(server: Postgres, database: str) -> Iterator[None]:
    """Another session holds a lock that lets others read, as CREATE INDEX does."""
    with psycopg.connect(database) as other:
        other.execute("LOCK TABLE inbox, ticket, event, outbox IN SHARE MODE")
        yield


@contextmanager
def halted(server: Postgres, database: str) -> Iterator[None]:
    server.halt()
    yield
    server.resume()


@contextmanager
def read_only(server: Postgres, database: str) -> Iterator[None]:
    """As a standby is, or a server whose disk is nearly full."""
    administer(server, "ALTER SYSTEM SET default_transaction_read_only = on", "SELECT pg_reload_conf()")
    yield
    administer(server, "ALTER SYSTEM RESET default_transaction_read_only", "SELECT pg_reload_conf()")


@contextmanager
def renamed(server: Postgres, database: str) -> Iterator[None]:
    name = name_of(database)
    end = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
    administer(
        server, f"ALTER DATABASE {name} ALLOW_CONNECTIONS false", end, f"ALTER DATABASE {name} RENAME TO away"
    )
    yield
    administer(
        server, f"ALTER DATABASE away RENAME TO {name}", f"ALTER DATABASE {name} ALLOW_CONNECTIONS true"
    )


@contextmanager
def crowded(server: Postgres, database: str) -> Iterator[None]:
    """Other programs hold every connection that the server allows."""
    end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
    everything = server.url("postgres")
    with psycopg.connect(everything, autocommit=True) as admin, ExitStack() as held:
        while True:
            try:
                held.enter_context(psycopg.connect(everything))
            except psycopg.OperationalError:
                if not admin.execute(end, [name_of(database)]).fetchall():
                    break
        yield


async def is_said(
    site: SiteOnPostgres, server: Postgres, fault: Fault, why: str, doctor: str = ""
) -> Message:
    """A customer and an operator meet the fault; then it is over. The card of a ticket opened after it.

    `doctor` is what it says of it; empty: it is not asked.
    """
    reply = await site.slack.command(site.alice, site.acme, "/support", "Bills are slow")
    assert site.slack.modal_of(site.alice), reply.shown
    before = {message.ts for message in site.posted(site.acme)}

    async def said() -> str:
        reasons = await site.reasons()
        return reasons if any(f"{CANNOT}{says}" in reasons for says in (why, "no answer within 3 s")) else ""

    with fault(server, site.database):
        # The server hands a changed setting to its sessions when it gets to it.
        assert "readiness unknown" not in await eventually(said)
        refused = await site.slack.submit(site.alice, dict(S2))
        assert not refused.closed
        assert AGAIN in str(refused.errors)
        if doctor:
            examined = await frontline("doctor", folder=site.folder, **site.environment)
            assert examined.code == 1
            assert doctor in examined.out, examined
            assert "the bot is in #triage" in examined.out, "the rest is checked all the same"
            assert "Traceback" not in examined.out + examined.err
    await site.recovered()
    assert (await site.slack.submit(site.alice)).closed
    new = await site.until(lambda: [m for m in site.posted(site.acme) if m.ts not in before])
    await site.until(lambda: site.cards(site.triage, site.key_of(new[0])))
    card: Message = new[0]
    return card


def no_traceback(desk: DeskProcess) -> None:
    assert desk.process.returncode == 0
    assert not [line for line in desk.logged if line.get("level") == "none"]


async def test_a_server_that_stops_is_said_and_survived(tmp_path: Path) -> None:
    with running() as server:
        async with SiteOnPostgres(tmp_path, server.fresh()) as site:
            desk = await site.opens()
            await is_said(site, server, halted, "the server cannot be reached")
            assert await site.stopped() == 0
            no_traceback(desk)
            assert len(await site.history()) == 1


@pytest.mark.soak
async def test_each_fault_of_the_database_is_said_and_survived(tmp_path: Path) -> None:
    """One process meets them all, one after another; then one that lasts, which agents read in triage."""
    read_only_words = "cannot execute INSERT in a read-only transaction"
    with running() as server:
        async with SiteOnPostgres(tmp_path, server.fresh()) as site:
            desk = await site.opens()
            lock = "canceling statement due to lock timeout"
            for fault, why, doctor in (
                (locked, lock, lock),
                (read_only, read_only_words, read_only_words),
                (renamed, "the server cannot be reached", "does not exist"),
                (crowded, "the server cannot be reached", "too many clients already"),
                (halted, "the server cannot be reached", "cannot be reached"),
            ):
                card = await is_said(site, server, fault, why, doctor)
                await site.in_hand(card)
            server.halt()
            behind = "Frontline is behind: nothing can be recorded or sent."
            await site.slack.until(lambda: site.told(behind), 180)
            server.resume()
            await site.slack.until(lambda: site.told("Frontline works again."), 60)
            assert site.told(behind) == 1
            assert await site.stopped() == 0
            no_traceback(desk)
            assert len(await site.history()) == 5
