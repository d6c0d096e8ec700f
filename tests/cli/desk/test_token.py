"""`frontline token`: the secret is shown once, and nothing but its hash is kept."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from bot.model.api_token import digest_of
from tests.cli.conftest import Run
from tests.desk_file import desk_file


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    (tmp_path / "frontline.toml").write_text(desk_file(), encoding="utf-8")
    return tmp_path


def test_a_token_is_shown_once_listed_and_revoked(run: Run, desk: Path) -> None:
    """contract.md: the token is the only line on stdout; the database and its files hold only a hash."""
    assert run("token", "list").out.startswith("There are no tokens, so the API is off.")
    assert not (desk / "frontline.db").exists(), "a command that only reads creates no database"
    said = run("token", "new", "acme-sync", "--scope", "write", "--account", "acme", "--expires", "90d")
    assert (said.code, said.err) == (0, "")
    (secret,) = said.out.splitlines()
    assert secret.startswith("frontline_")
    stored = b"".join(path.read_bytes() for path in desk.glob("frontline.db*"))
    assert secret.encode() not in stored
    with closing(sqlite3.connect(desk / "frontline.db")) as db:
        assert db.execute("SELECT digest FROM api_token").fetchall() == [(digest_of(secret),)]
    run("token", "new", "statistics", "--scope", "read")
    listed = [line.split() for line in run("token", "list").out.splitlines()]
    assert [row[:3] for row in listed] == [
        ["NAME", "SCOPE", "ACCOUNTS"],
        ["acme-sync", "write", "acme"],
        ["statistics", "read", "all"],
    ]
    assert listed[2][-1] == "never"
    assert run("token", "revoke", "acme-sync").out == "acme-sync is revoked.\n"
    assert "acme-sync" not in run("token", "list").out


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (("new", "Acme Sync", "--scope", "read"), 'token: "Acme Sync" is no name'),
        (("new", "a", "--scope", "read", "--expires", "soon"), '--expires: "soon" is no length of time'),
        (("new", "a", "--scope", "read", "--expires", "0d"), '--expires: "0d" is no length of time'),
        (("new", "a", "--scope", "read", "--expires", "99999w"), "is no length of time"),
        (
            ("new", "a", "--scope", "read", "--account", "globex"),
            'there is no account "globex"',
        ),
        (("revoke", "nobody"), 'token: there is no token "nobody"'),
    ],
)
def test_a_fault_is_one_line(run: Run, desk: Path, words: tuple[str, ...], fault: str) -> None:
    said = run("token", *words)
    assert (said.code, said.out, len(said.faults)) == (1, "", 1)
    assert fault in said.err
    assert not (desk / "frontline.db").exists()


def test_a_name_is_given_once(run: Run, desk: Path) -> None:
    run("token", "new", "statistics", "--scope", "read")
    said = run("token", "new", "statistics", "--scope", "write")
    assert (said.code, said.out) == (1, "")
    assert 'there is a token "statistics" already' in said.err
    assert run("token", "new", "statistics", "--scope", "all").code == 2
