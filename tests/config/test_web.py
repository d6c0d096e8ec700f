"""`[web]`: the address under which browsers reach the desk."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.config.settings import load_desk
from sla_core.catalog.load import Faults
from tests.harness import DESK_FILE, directory_of


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://desk.example/", "https://desk.example"),
        ("https://desk.example:8443", "https://desk.example:8443"),
        ("http://127.0.0.1:3000", "http://127.0.0.1:3000"),
        ("http://localhost:3000", "http://localhost:3000"),
    ],
)
def test_the_address_is_kept_without_a_slash(tmp_path: Path, url: str, kept: str) -> None:
    assert directory_of(tmp_path, f'{DESK_FILE}\n[web]\nurl = "{url}"\n').settings.web_url == kept


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('url = "desk.example"', "is not the address of a site; write"),
        ('url = "https://desk.example/support"', "is not the address of a site; write"),
        ('url = "https://bob@desk.example"', "is not the address of a site; write"),
        ('url = "http://desk.example"', "is not encrypted; write"),
        ("", "is missing"),
        ('url = "https://desk.example"\nport = 1', "port"),
    ],
)
def test_other_addresses_are_faults(tmp_path: Path, line: str, says: str) -> None:
    path = tmp_path / "frontline.toml"
    path.write_text(f"{DESK_FILE}\n[web]\n{line}\n", encoding="utf-8")
    with pytest.raises(Faults) as caught:
        load_desk(path)
    (fault,) = caught.value.faults
    assert fault.key.startswith("web")
    assert says in f"{fault.key} {fault.says}"
