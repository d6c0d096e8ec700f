"""`.env` beside the desk's file: what is not set in the environment comes from there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bot.config.environment import Environment, read_desk, read_environment, variable
from sla_core.catalog.load import Faults
from tests.desk_file import desk_file


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in (*(field.upper() for field in Environment.model_fields), "DANA_PAGER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


def test_the_environment_wins_over_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("SLACK_BOT_TOKEN='xoxb-file'\nPORT=8080\n# a comment\nHOST=\n", encoding="utf-8")
    monkeypatch.setenv("PORT", "9090")
    monkeypatch.setenv("SLACK_BOT_TOKEN", "")
    env = read_environment()
    assert env.slack_bot_token
    assert env.slack_bot_token.get_secret_value() == "xoxb-file", "an empty variable is not set"
    assert (env.port, env.host) == (9090, "127.0.0.1")


def test_it_is_beside_the_desk_s_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A FRONTLINE_CONFIG in it would point away from it, so it is not read from there."""
    desk = tmp_path / "desk"
    desk.mkdir()
    (desk / "ours.toml").write_text(desk_file(), encoding="utf-8")
    (desk / ".env").write_text(
        "SLACK_BOT_TOKEN=xoxb-1\nSLACK_SIGNING_SECRET=s3cret\nFRONTLINE_CONFIG=elsewhere.toml\n"
    )
    monkeypatch.setenv("FRONTLINE_CONFIG", "desk/ours.toml")
    env, settings = read_desk()
    assert env.frontline_config == Path("desk/ours.toml")
    assert env.slack_bot_token
    assert "acme" in settings.accounts


def test_variables_that_the_desk_s_file_names_come_from_it(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("DANA_PAGER = 'pager://1'\n", encoding="utf-8")
    assert variable("$DANA_PAGER") == "pager://1"
    assert "DANA_PAGER" not in os.environ
    monkeypatch.setenv("DANA_PAGER", "pager://2")
    assert variable("$DANA_PAGER") == "pager://2"
    assert variable("$NOBODY_S") == ""


def test_a_file_that_is_no_text_is_a_fault_without_its_content() -> None:
    Path(".env").write_bytes(b"SLACK_BOT_TOKEN=xoxb-\xff\xfe")
    with pytest.raises(Faults) as wrong:
        read_environment()
    assert [str(fault) for fault in wrong.value.faults] == [".env: is not UTF-8 text; write it again"]
    with pytest.raises(Faults):
        variable("$DANA_PAGER")
