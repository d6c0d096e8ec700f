"""`frontline` itself: its help, its exit codes, and where it prints what."""

from __future__ import annotations

import asyncio
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pytest

from bot.__main__ import main
from bot.cli.policy import check
from sla_core.catalog.load import vendors
from tests.cli.conftest import REPOSITORY, Run

FRIDAY = "2026-03-20T16:30:00+01:00"
POLICY = ("--vendor", "m3ter", "--plan", "gold")
EXPLAIN = ("explain", *POLICY, "--severity", "S2", "--at", FRIDAY)
REPORTS = ["report", "export", "audit"]
COMMANDS = {
    "Have a look": ["demo", "console"],
    "Policies": ["check", "explain", "questions", "simulate", "policy"],
    "Operate": ["oncall", *REPORTS, "init", "serve", "doctor", "migrate", "teams-package", "token"],
}

# Help -----------------------------------------------------------------------------------------------


def test_frontline_alone_prints_its_help(run: Run) -> None:
    """contract.md: exit code 0."""
    said = run()
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith("Usage: frontline ")
    assert said.out == run("--help").out == run("-h").out


def test_the_help_lists_each_command_with_one_line_under_its_group(run: Run) -> None:
    sections = dict(part.split(":\n", 1) for part in run("--help").out.split("\n\n") if ":\n" in part)
    for heading, names in COMMANDS.items():
        lines = [line.split(maxsplit=1) for line in sections[heading].splitlines()]
        assert [line[0] for line in lines] == names
        assert all(line[1].endswith(".") for line in lines)


@pytest.mark.parametrize("command", [name for names in COMMANDS.values() for name in names])
def test_each_command_has_its_own_help(run: Run, command: str) -> None:
    said = run(command, "--help")
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith(f"Usage: frontline {command} ")


def test_the_help_names_every_pack(run: Run) -> None:
    assert f"({', '.join(vendors())})" in run("explain", "--help").plain


def test_the_version(run: Run) -> None:
    said = run("--version")
    assert (said.code, said.out, said.err) == (0, f"frontline {version('frontline')}\n", "")


# Wrong usage ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (("nonsense",), "frontline: No such command 'nonsense' (see frontline --help)"),
        (
            ("explian",),
            "frontline: No such command 'explian'. Did you mean 'explain'? (see frontline --help)",
        ),
        (("--colour",), "frontline: No such option: --colour (see frontline --help)"),
        (("serve", "--faster"), "frontline serve: No such option: --faster (see frontline serve --help)"),
        (("check", "one", "two"), "unexpected extra argument"),
        (("demo", "--speed", "0"), "'--speed': Input should be greater than or equal to 1"),
        (("demo", "--speed", "nan"), "'--speed': Input should be"),
        (("demo", "--speed", "100001"), "'--speed': Input should be less than or equal to 100000"),
        (("teams-package",), "Missing option '--website'"),
        (("simulate", *POLICY), "Give either --tickets or --account"),
        (("simulate", *POLICY, "--tickets", "t.csv", "--account", "a"), "Give either --tickets or --account"),
        (("explain", "--vendor", "two\nlines\x1b[1m", "--colour"), "No such option: --colour"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(run: Run, words: tuple[str, ...], fault: str) -> None:
    said = run(*words)
    assert (said.code, said.out, len(said.faults)) == (2, "", 1)
    assert fault in said.err


# Nothing is left behind -----------------------------------------------------------------------------

DESK = """\
vendor = "m3ter"
[slack]
triage = "C0TRIAGE"
agents = ["U0BOB"]
"""
NO_DATABASE = (
    "frontline.db: the database does not exist; check DATABASE_URL, or create it with frontline migrate"
)


@pytest.mark.parametrize(
    ("words", "faults"),
    [
        (EXPLAIN, []),
        (("questions", *POLICY), []),
        (("check",), []),
        (("simulate", *POLICY, "--tickets", str(REPOSITORY / "docs" / "examples" / "tickets.csv")), []),
        (("simulate", *POLICY, "--account", "acme"), [NO_DATABASE]),
    ],
    ids=["explain", "questions", "check", "simulate given tickets", "simulate stored tickets"],
)
def test_a_command_that_only_reads_makes_no_database(
    run: Run, tmp_path: Path, words: tuple[str, ...], faults: list[str]
) -> None:
    (tmp_path / "frontline.toml").write_text(DESK, encoding="utf-8")
    said = run(*words)
    assert (said.code, said.faults) == (1 if faults else 0, faults)
    assert [path.name for path in tmp_path.iterdir()] == ["frontline.toml"]


def test_doctor_makes_no_database(frontline: Run, tmp_path: Path) -> None:
    """It says so, finds that Slack is away, and looks at the rest all the same."""
    (tmp_path / "frontline.toml").write_text(DESK, encoding="utf-8")
    secrets = {"SLACK_BOT_TOKEN": "xoxb-1", "SLACK_SIGNING_SECRET": "secret"}
    said = frontline("doctor", SLACK_API_URL="http://127.0.0.1:9/api/", **secrets)
    assert (said.code, said.err) == (1, "")
    assert "look   database: there is none yet: frontline serve makes it; if you had one, check" in said.out
    assert "fault  slack: Slack cannot be reached" in said.out
    assert [path.name for path in tmp_path.iterdir()] == ["frontline.toml"]


def test_an_empty_file_stays_empty(run: Run, tmp_path: Path) -> None:
    (tmp_path / "frontline.db").touch()
    assert run("simulate", *POLICY, "--account", "acme").faults == [NO_DATABASE]
    assert (tmp_path / "frontline.db").read_bytes() == b""


# Where stdout is full, closed, or has few letters ---------------------------------------------------

PRINTING = [
    ("--help",),
    ("--version",),
    ("explain", "--help"),
    EXPLAIN,
    (*EXPLAIN, "--json"),
    ("questions", *POLICY),
    ("questions", *POLICY, "--json"),
    ("check", "m3ter"),
]
FAULTY = [
    (("explain",), 2, "frontline explain: Missing option"),
    ((*EXPLAIN[:-3], "S9", "--at", FRIDAY), 1, 'm3ter has no severity "S9"'),
    (("questions", "--vendor", "m4ter", "--plan", "gold"), 1, "m4ter: no such vendor or folder"),
    (("check", "nowhere"), 1, "nowhere: no such vendor or folder"),
]
Stdout = Callable[[pytest.MonkeyPatch], None]


def full(monkeypatch: pytest.MonkeyPatch) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full here")
    monkeypatch.setattr(sys, "stdout", os.fdopen(os.open("/dev/full", os.O_WRONLY), "w", encoding="utf-8"))


def closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)


def ascii_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding="ascii"))


def printed() -> str:
    assert isinstance(sys.stdout, io.TextIOWrapper)
    assert isinstance(sys.stdout.buffer, io.BytesIO)
    return sys.stdout.buffer.getvalue().decode("ascii")


@pytest.mark.parametrize("words", PRINTING, ids=" ".join)
@pytest.mark.parametrize(
    ("stdout", "why"), [(full, "No space left on device"), (closed, "Bad file descriptor")]
)
def test_what_cannot_be_printed_is_a_fault(
    words: tuple[str, ...],
    stdout: Stdout,
    why: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stdout(monkeypatch)
    assert main(words) == 1
    sys.stdout.close()
    assert capsys.readouterr().err == f"stdout: cannot be written: {why}\n"


@pytest.mark.parametrize("words", PRINTING, ids=" ".join)
def test_ascii_is_enough(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(words) == 0
    usual = capsys.readouterr().out
    ascii_only(monkeypatch)
    assert main(words) == 0
    if "--json" in words:
        assert json.loads(printed()) == json.loads(usual)
    else:
        assert len(printed().splitlines()) == len(usual.splitlines())
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("words", "code", "fault"), FAULTY, ids=["explain", "explain S9", "questions", "check"]
)
@pytest.mark.parametrize("stdout", [full, closed, ascii_only])
def test_a_fault_is_one_line_of_stderr_whatever_stdout_is(
    words: tuple[str, ...],
    code: int,
    fault: str,
    stdout: Stdout,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """`check` also prints what it could read: where that fails, a second line says so."""
    stdout(monkeypatch)
    assert main(words) == code
    sys.stdout.close()
    first, *more = capsys.readouterr().err.splitlines()
    assert first.startswith(fault)
    assert all(line.startswith("stdout: cannot be written") for line in more)
    assert bool(more) is (words[0] == "check" and stdout is not ascii_only)


@pytest.mark.parametrize(
    ("form", "unbuffered"), [((), ""), ((), "1"), (("--json",), "")], ids=["people", "unbuffered", "scripts"]
)
def test_a_process_with_a_full_stdout_ends_without_a_traceback(
    frontline: Run, form: tuple[str, ...], unbuffered: str
) -> None:
    """Nor does Python itself complain when it ends."""
    with Path("/dev/full").open("w", encoding="utf-8") as stdout:
        said = frontline(*EXPLAIN, *form, stdout=stdout.fileno(), PYTHONUNBUFFERED=unbuffered)
    assert (said.code, said.err) == (1, "stdout: cannot be written: No space left on device\n")


@pytest.mark.parametrize("form", [(), ("--json",)], ids=["people", "scripts"])
def test_a_process_whose_reader_has_left_ends_without_a_word(frontline: Run, form: tuple[str, ...]) -> None:
    """As with `| head`."""
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w", encoding="utf-8") as stdout:
        said = frontline(*EXPLAIN, *form, stdout=stdout.fileno())
    assert (said.code, said.err) == (1, "")


def test_a_process_with_a_closed_stdout_ends_without_a_traceback(tmp_path: Path) -> None:
    done = subprocess.run(
        ["sh", "-c", 'exec "$0" "$@" >&-', sys.executable, "-m", "bot", *EXPLAIN],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        timeout=300,
    )
    assert (done.returncode, done.stderr) == (1, "stdout: cannot be written: Bad file descriptor\n")


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("console <&- 2>&-", 0),
        ("console <&- >&- 2>&-", 1),
        ("check nowhere >&- 2>&-", 1),
        ("nonsense 2>&-", 2),
    ],
)
def test_with_streams_closed_the_exit_code_says_it(tmp_path: Path, command: str, code: int) -> None:
    """A closed stdin is one that has ended."""
    done = subprocess.run(
        ["sh", "-c", f'exec "$0" -m bot {command}', sys.executable],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
        stdout=subprocess.DEVNULL,
        check=False,
        timeout=300,
    )
    assert done.returncode == code


def test_in_the_c_locale(frontline: Run) -> None:
    plain = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0", "PYTHONIOENCODING": ""}
    said = frontline(*EXPLAIN, **plain)
    assert (said.code, said.err) == (0, "")
    assert "####" in said.out


# Ctrl-C ---------------------------------------------------------------------------------------------


def test_ctrl_c_is_quiet(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(check, "run", interrupted)
    said = run("check")
    assert (said.code, said.out, said.err) == (0, "", "")


async def test_ctrl_c_ends_the_console(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", "console"),
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        # What a shell runs in the background may ignore Ctrl-C, and its children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert process.stdout
    assert process.stderr
    try:
        async with asyncio.timeout(60):
            await process.stdout.readuntil(b"help")
            process.send_signal(signal.SIGINT)
            assert await process.wait() == 0
            assert await process.stderr.read() == b""
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
