"""When the surroundings of the real process fail, it says so, loses nothing and recovers by itself."""

from __future__ import annotations

import asyncio
import gzip
import os
import resource
import shutil
import socket
import sqlite3
import sys
import time
from asyncio import ReadTransport, create_subprocess_exec
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager, closing
from pathlib import Path

import pytest
from aiohttp import ClientSession

from tests.harness import S2
from tests.process.desk_process import DeskProcess, environment, frontline
from tests.process.forked_process import ForkedProcess
from tests.process.live_site import LiveSite
from tests.sql.raw_sql import damage
from tests.waiting import eventually

AT_ONCE = 50
"""Connections; more than the system queues for a listener would be tried again for a minute."""


def stderr_of(desk: DeskProcess) -> ReadTransport:
    """Our end of the pipe that the desk logs to."""
    assert isinstance(desk.process, ForkedProcess)
    return desk.process.stderr_pipe


def moved(source: Path, target: Path) -> None:
    """The database with its log."""
    for file in source.glob("frontline.db*"):
        shutil.move(file, target / file.name)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no full device")
async def test_a_log_on_a_full_disk_stops_nothing(tmp_path: Path) -> None:
    """Tickets are opened and answered; /readyz says what is wrong, and metrics count the lines."""
    async with LiveSite(tmp_path) as site:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        full, given = os.open("/dev/full", os.O_WRONLY), environment(**site.environment, PORT=str(port))
        serve = (sys.executable, "-m", "bot", "serve")
        process = await create_subprocess_exec(*serve, cwd=tmp_path, env=given, stderr=full)
        os.close(full)
        site.desk = DeskProcess(process, [{"event": "listening", "address": f"http://127.0.0.1:{port}"}])
        site.slack.bot_url = site.desk.events
        await eventually(site.answers)
        card = await site.opened(S2, "Bills are slow")
        await site.in_hand(card)
        assert await site.reasons() == "the log cannot be written: No space left on device"
        assert await site.measured("frontline_log_lines_lost_total") > 0
        assert await site.stopped() == 0
        assert len(await site.history()) == 1


async def test_a_log_whose_reader_is_gone_stops_nothing(tmp_path: Path) -> None:
    async with LiveSite(tmp_path) as site:
        desk = await site.opens()
        stderr_of(desk).close()
        card = await site.opened(S2, "Bills are slow")
        await site.in_hand(card)
        await eventually(site.reasons)
        assert await site.reasons() == "the log cannot be written: Broken pipe"
        assert await site.stopped() == 0
        assert len(await site.history()) == 1


async def test_a_log_whose_reader_stops_reading_stops_nothing(tmp_path: Path) -> None:
    async with LiveSite(tmp_path) as site:
        desk = await site.opens()
        stderr_of(desk).pause_reading()
        for number in range(3):
            await site.opened(S2, f"Bills are slow ({number})")
        async with ClientSession() as session:
            for _ in range(600):
                headers = {"Content-Type": "application/json", "X-Forwarded-For": "x" * 200}
                async with session.post(desk.events, data=b"{}", headers=headers) as said:
                    assert said.status == 401
        await site.opened(S2, "The log is full by now")
        stderr_of(desk).resume_reading()
        await eventually(lambda: desk.logged)
        assert await site.stopped() == 0
        assert len(await site.history()) == 4


async def test_a_database_that_another_process_locks_is_not_ready_and_recovers(tmp_path: Path) -> None:
    async with LiveSite(tmp_path) as site:
        await site.opens()
        card = await site.opened(S2, "Bills are slow")
        with closing(sqlite3.connect(tmp_path / "frontline.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            reply = await site.slack.command(site.alice, site.acme, "/support", "Locked out")
            assert reply.status == 200
            assert await site.reasons() == "the database cannot be written: database is locked"
            other.execute("ROLLBACK")
        await site.recovered()
        await site.in_hand(card)
        assert await site.stopped() == 0


async def test_a_database_file_that_is_deleted_is_never_written_into_the_void(tmp_path: Path) -> None:
    """Until it is put back nothing is acknowledged; what was kept before is there after a restart."""
    async with LiveSite(tmp_path) as site:
        await site.opens()
        await site.opened(S2, "Bills are slow")
        kept = tmp_path / "elsewhere"
        kept.mkdir()
        moved(tmp_path, kept)
        says = "the database cannot be written: the database's file was deleted or replaced; put it back and"
        assert says in await site.reasons()
        for file in kept.glob("frontline.db*"):
            shutil.copy(file, tmp_path / file.name)
        assert says in await site.reasons(), "a restored copy is another file"
        await site.slack.command(site.alice, site.acme, "/support", "Lost?")
        modal = site.slack.modal_of(site.alice)
        assert modal
        refused = await site.slack.submit(site.alice, dict(S2))
        assert not refused.closed
        assert "Nothing was changed; please try again" in str(refused.errors)
        await site.killed()
        for file in kept.glob("frontline.db*"):
            shutil.move(file, tmp_path / file.name)
        await site.opens()
        assert await site.reasons() == ""
        assert (await site.slack.submit(site.alice)).closed
        await site.until(lambda: len(site.posted(site.acme)) == 2)
        assert await site.stopped() == 0
        assert len(await site.history()) == 2


async def test_a_damaged_file_is_found_by_the_doctor_and_by_who_meets_the_damage(tmp_path: Path) -> None:
    async with LiveSite(tmp_path) as site:
        await site.opens()
        for number in range(5):
            await site.opened(S2, f"Bills are slow ({number})")
        assert await site.stopped() == 0
        found = await frontline("doctor", folder=tmp_path, **site.environment)
        assert "damaged" not in found.out
        damage(tmp_path / "frontline.db", "event")
        found = await frontline("doctor", folder=tmp_path, **site.environment)
        assert found.code == 1
        assert "database: its file is damaged" in found.out
        assert "restore a backup" in found.out
        assert "Traceback" not in found.out + found.err
        await site.opens()
        work = site.posted(site.triage)[-1]
        assert (await site.slack.press(site.bob, work, "Acknowledge")).status == 200
        assert (await site.reasons()).startswith(
            "the database cannot be written: it is damaged (database disk image is malformed)"
        )


async def test_a_compressed_body_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    """A small bomb of gzip, and garbage that calls itself gzip, at any path."""
    async with LiveSite(tmp_path) as site:
        desk = await site.opens()
        bomb = gzip.compress(b"\0" * 50_000_000)
        async with ClientSession(auto_decompress=False) as session:
            for path in ("/slack/events", "/api/messages", "/healthz", "/nowhere"):
                for body in (bomb, b"garbage"):
                    sent = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
                    async with session.post(f"{desk.address}{path}", data=body, headers=sent) as said:
                        assert said.status in (404, 405, 415), path
            async with session.get(f"{desk.address}/healthz", headers={"Authorization": "x" * 20_000}) as it:
                assert it.status == 400
        assert await site.stopped() == 0
        assert "Traceback" not in str(desk.logged)
        assert desk.troubles() == []


@asynccontextmanager
async def idle_connections(desk: DeskProcess, number: int) -> AsyncIterator[list[socket.socket]]:
    """Connections on which nothing is sent; those that the desk does not accept wait in the system."""
    host, _, port = desk.address.removeprefix("http://").rpartition(":")
    loop = asyncio.get_running_loop()
    with ExitStack() as opened:
        made = [opened.enter_context(socket.socket()) for _ in range(number)]
        for each in made:
            each.setblocking(False)
        for begin in range(0, number, AT_ONCE):
            some = made[begin : begin + AT_ONCE]
            await asyncio.gather(*(loop.sock_connect(each, (host, int(port))) for each in some))
        yield made


async def test_running_out_of_files_is_survived_and_logged_once(tmp_path: Path) -> None:
    """Strangers take every file descriptor. Operators' METRICS_PORT is served by the same process."""
    async with LiveSite(tmp_path) as site:
        desk = await site.opens(METRICS_PORT="0")

        def addresses() -> list[str]:
            return [line["address"] for line in desk.logged if line.get("event") == "listening"]

        public, own = await eventually(lambda: addresses() if len(addresses()) == 2 else [])
        card = await site.opened(S2, "Bills are slow")
        resource.prlimit(desk.process.pid, resource.RLIMIT_NOFILE, (128, 128))
        async with idle_connections(desk, 200):
            await desk.says("the event loop reports a fault")
        await site.in_hand(card)
        async with ClientSession() as session:
            for path, at_public in (("healthz", 200), ("readyz", 404), ("metrics", 404)):
                async with session.get(f"{public}/{path}") as said:
                    assert said.status == at_public
                async with session.get(f"{own}/{path}") as said:
                    assert said.status == 200
                    assert "Bills are slow" not in await said.text()
        assert await site.stopped() == 0
        faults = [line for line in desk.troubles() if line["event"] == "the event loop reports a fault"]
        assert [line["why"] for line in faults] == ["Too many open files"]
        assert len(await site.history()) == 1


@pytest.mark.soak
async def test_three_thousand_idle_connections_are_closed_in_seconds(tmp_path: Path) -> None:
    """More than the desk may open; each is closed, and all the while people are answered."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limits[1] < 4_000:
        pytest.skip("this system lets a process open fewer files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (limits[1], limits[1]))
    try:
        async with LiveSite(tmp_path) as site:
            desk = await site.opens()
            resource.prlimit(desk.process.pid, resource.RLIMIT_NOFILE, (4_000, 4_000))
            async with idle_connections(desk, 3_000) as idle:
                card = await site.opened(S2, "Bills are slow")
                await eventually(lambda: all(is_closed(each) for each in idle))
                await site.in_hand(card)
            assert await site.stopped() == 0
            assert len(desk.troubles()) <= 1
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def is_closed(connection: socket.socket) -> bool:
    try:
        return connection.recv(1) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


@pytest.mark.soak
async def test_a_lock_that_lasts_is_told_to_everybody(tmp_path: Path) -> None:
    """The customer at once, operators by /readyz and the doctor, agents in triage after a minute."""
    async with LiveSite(tmp_path) as site:
        desk = await site.opens()
        await site.slack.command(site.alice, site.acme, "/support", "Bills are slow")
        began = time.monotonic()
        with closing(sqlite3.connect(tmp_path / "frontline.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            refused = await site.slack.submit(site.alice, dict(S2))
            assert not refused.closed
            assert "Nothing was changed; please try again" in str(refused.errors)
            assert "the database cannot be written: database is locked" in await site.reasons()
            examined = await frontline("doctor", folder=tmp_path, **site.environment)
            assert examined.code == 1
            assert "database is locked" in examined.out, examined
            assert "the bot is in #triage" in examined.out, "the rest is checked all the same"
            behind = "Frontline is behind: nothing can be recorded or sent."
            await site.slack.until(lambda: behind in told(site), 180)
            assert time.monotonic() - began > 30
            other.execute("ROLLBACK")
        await site.recovered()
        await site.slack.until(lambda: "Frontline works again." in told(site), 60)
        assert (await site.slack.submit(site.alice)).closed
        assert await site.stopped() == 0
        assert not [line for line in desk.logged if line.get("level") == "none"]
        assert len(await site.history()) == 1


def told(site: LiveSite) -> str:
    return " ".join(site.text(message) for message in site.triage.messages)
