"""All files or none: after an error or Ctrl-C everything is as it was."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from bot.cli.setup.files import OWNER_ONLY, NewFile, write_together
from bot.faults import OperatorFault


def content(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir() if path.is_file()}


def test_what_is_checked_is_the_new_file_and_secrets_are_never_readable_by_others(tmp_path: Path) -> None:
    seen: list[str] = []

    def check(new: Path) -> None:
        seen.append(new.read_text(encoding="utf-8"))
        staged = tmp_path / "..env.new"
        assert stat.S_IMODE(staged.stat().st_mode) == OWNER_ONLY

    files = [NewFile(tmp_path / "a.toml", "new a"), NewFile(tmp_path / ".env", "secret", OWNER_ONLY)]
    assert write_together(files, check) == []
    assert seen == ["new a"]
    assert content(tmp_path) == {"a.toml": "new a", ".env": "secret"}


@pytest.mark.parametrize("error", [KeyboardInterrupt, OperatorFault, OSError(28, "No space left on device")])
def test_a_check_that_fails_changes_nothing(tmp_path: Path, error: type[BaseException]) -> None:
    (tmp_path / "a.toml").write_text("old a", encoding="utf-8")

    def check(new: Path) -> None:
        raise error

    expected = OperatorFault if isinstance(error, OSError) else error
    with pytest.raises(expected):
        write_together([NewFile(tmp_path / "a.toml", "new a"), NewFile(tmp_path / "b", "b")], check)
    assert content(tmp_path) == {"a.toml": "old a"}


def test_if_the_second_file_cannot_be_written_the_first_is_put_back(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text("old a", encoding="utf-8")
    (tmp_path / "b").mkdir()
    files = [NewFile(tmp_path / name, f"new {name}") for name in ("a.toml", "c", "b")]
    with pytest.raises(OperatorFault, match=r"cannot be written: .*; nothing was changed"):
        write_together(files, lambda _: None)
    assert content(tmp_path) == {"a.toml": "old a"}
