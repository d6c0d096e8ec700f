"""`frontline teams-package`: the zip that is uploaded, or one line that says what is missing."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from bot.__main__ import main

APP = "11111111-2222-3333-4444-555555555555"


def test_the_package_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MICROSOFT_APP_ID", APP)
    out = tmp_path / "app.zip"

    assert main(["teams-package", "--website", "https://vendor.example", "--out", str(out)]) == 0

    with zipfile.ZipFile(out) as package:
        assert sorted(package.namelist()) == ["color.png", "manifest.json", "outline.png"]
        manifest = json.loads(package.read("manifest.json"))
    assert APP in json.dumps(manifest["bots"])
    assert str(out) in capsys.readouterr().out


def test_without_an_app_it_says_where_to_find_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("MICROSOFT_APP_ID", raising=False)
    assert main(["teams-package", "--website", "https://vendor.example"]) == 1
    assert "MICROSOFT_APP_ID" in capsys.readouterr().err


def test_a_bad_address_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MICROSOFT_APP_ID", APP)
    assert main(["teams-package", "--website", "vendor"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("teams-package: ")
