"""A log that cannot be written delays and fails nothing, and says so in /readyz."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from bot import telemetry
from bot.logs import MOST_LINES, STUCK_AFTER, LogSink
from bot.telemetry import shortened
from tests.waiting import eventually

FULL = Path("/dev/full")


def lost() -> float:
    return telemetry.REGISTRY.get_sample_value("frontline_log_lines_lost_total") or 0.0


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reader, writer = os.pipe()
    yield reader, writer
    for end in (reader, writer):
        try:
            os.close(end)
        except OSError:
            continue


async def test_lines_arrive_whole_and_in_order(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    sink = LogSink(writer)
    for number in range(100):
        sink.write(f"line {number} – ü\n")
    sink.write("a lone surrogate: \udc80\n")
    sink.close()
    os.close(writer)
    with os.fdopen(os.dup(reader), encoding="utf-8") as log:
        lines = log.read().splitlines()
    assert lines[:100] == [f"line {number} – ü" for number in range(100)]
    assert lines[100] == r"a lone surrogate: \udc80"
    assert sink.faults() == []


async def test_a_reader_that_is_gone_is_a_fault_until_lines_can_be_written(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    sink, before = LogSink(writer), lost()
    os.close(reader)
    sink.write("nobody reads this\n")
    await eventually(lambda: sink.faults() == ["the log cannot be written: Broken pipe"])
    assert lost() == before + 1
    sink.close()


@pytest.mark.skipif(not FULL.exists(), reason="needs /dev/full")
async def test_after_a_full_disk_the_log_goes_on_and_says_what_is_missing(tmp_path: Path) -> None:
    file = os.open(tmp_path / "log", os.O_WRONLY | os.O_CREAT)
    descriptor = os.open(FULL, os.O_WRONLY)
    sink = LogSink(descriptor)
    for _ in range(3):
        sink.write("lost\n")
    await eventually(lambda: sink.faults() == ["the log cannot be written: No space left on device"])
    os.dup2(file, descriptor)
    sink.write("there is space again\n")
    await eventually(lambda: sink.faults() == [])
    sink.write("next\n")
    sink.close()
    assert (tmp_path / "log").read_text().splitlines() == [
        "there is space again",
        "3 log lines were lost before this one",
        "next",
    ]


async def test_a_reader_that_stops_reading_blocks_nothing(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    now = [0.0]
    sink, before = LogSink(writer, lambda: now[0]), lost()
    for _ in range(MOST_LINES + 200):
        sink.write("x" * 1000 + "\n")
    assert lost() > before
    now[0] = STUCK_AFTER + 1
    assert sink.faults() == ["the log cannot be written: its reader has stopped reading"]
    os.set_blocking(reader, False)

    def read_on() -> bool:
        try:
            os.read(reader, 2**20)
        except BlockingIOError:
            return sink.faults() == []
        return False

    await eventually(read_on)
    sink.close()


async def test_a_fault_of_the_loop_that_goes_on_is_logged_once_a_minute() -> None:
    """Without file descriptors asyncio reports a hundred connections a second."""
    now = [0.0]
    faults, loop = telemetry.LoopFaults(lambda: now[0]), asyncio.get_running_loop()
    context = {
        "message": "socket.accept() out of system resource",
        "exception": OSError(24, "Too many open files"),
    }
    with structlog.testing.capture_logs() as logged:
        for _ in range(1000):
            faults(loop, context)
        faults(loop, {"message": "Task was destroyed but it is pending!"})
        now[0] = telemetry.LOOP_FAULTS_EVERY
        faults(loop, context)
    assert [line["what"] for line in logged] == [
        "socket.accept() out of system resource",
        "Task was destroyed but it is pending!",
        "socket.accept() out of system resource",
    ]
    assert logged[0]["why"] == "Too many open files"


def test_long_values_are_cut_in_their_middle() -> None:
    """A stranger's id of 100 KB, and a traceback that quotes it, fit into the line of any log reader."""
    line = {"place": f"teams:{'x' * 100_000}!", "exception": f"File {'y' * 100_000} Bug"}
    cut = shortened(None, "info", {**line, "count": 3, "what": ["a", "b"]})
    assert (cut["count"], cut["what"]) == (3, ["a", "b"])
    for name, text in line.items():
        assert (cut[name][:8], cut[name][-4:]) == (text[:8], text[-4:])
    assert len(str(cut)) < 20_000
