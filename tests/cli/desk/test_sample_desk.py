"""The desk that `console` and `demo` show if there is no desk's file."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.cli.try_out import sample_desk
from sla_core.catalog.load import Faults, vendors


@pytest.mark.parametrize("vendor", vendors())
def test_every_pack_has_one(vendor: str) -> None:
    settings = sample_desk(vendor)
    assert settings.policies[-1].vendor == vendor
    assert settings.warnings == ()
    assert settings.accounts["acme"].plan in settings.policies[-1].plans


def test_a_folder_is_relative_to_the_working_directory(
    ours: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """contract.md; also one with a name that TOML would read otherwise."""
    monkeypatch.chdir(tmp_path)
    ours.rename('our "own" \\policies')
    assert sample_desk('./our "own" \\policies').policies[-1].vendor == "m3ter"


def test_an_unknown_vendor_is_a_fault() -> None:
    with pytest.raises(Faults, match="no such vendor or folder"):
        sample_desk("m4ter")
