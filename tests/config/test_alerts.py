"""`[[alerts]]`: every fault at once with the known names, and secrets that live in the environment alone."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path

import pytest

from bot.config.alarms import AlarmFormat, AlarmSource
from bot.config.environment import check_environment, read_environment, variable
from bot.config.settings import load_desk
from sla_core.catalog.load import Faults
from tests.harness import DESK_FILE

GOOD = """
[[alerts]]
name = "prod"
format = "alertmanager"
account = "acme"
severity = "S1"
secret = "$ALERTS_SECRET"
"""


def faults(tmp_path: Path, file: str, *, with_environment: bool = False) -> list[str]:
    path = tmp_path / "frontline.toml"
    path.write_text(file, encoding="utf-8")
    try:
        settings = load_desk(path)
        if with_environment:
            check_environment(read_environment(), settings)
    except Faults as wrong:
        return [str(fault) for fault in wrong.faults]
    return []


@pytest.fixture
def slack(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything that the desk needs but the secrets of its hooks."""
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-1")
    monkeypatch.setenv("SLACK_SIGNING_SECRET", "5ecre7")
    for name in ("ALERTS_SECRET", "OTHER_SECRET"):
        monkeypatch.delenv(name, raising=False)


def test_the_contracts_example_is_read_without_its_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MON-33, M3-25; `frontline check` needs no secret."""
    monkeypatch.delenv("ALERTS_SECRET", raising=False)
    path = tmp_path / "frontline.toml"
    path.write_text(DESK_FILE + GOOD, encoding="utf-8")
    (source,) = load_desk(path).alerts
    assert source == AlarmSource("prod", AlarmFormat.ALERTMANAGER, "acme", "S1", "$ALERTS_SECRET")
    assert source.who.name == "prod monitoring"


def test_every_fault_is_told_at_once_with_the_known_names(tmp_path: Path) -> None:
    wrong = (
        GOOD.replace("alertmanager", "nagios")
        .replace('"acme"', '"acne"')
        .replace('"S1"', '"P1"')
        .replace('"$ALERTS_SECRET"', '"hunter2"')
    )
    odd = GOOD.replace('"prod"', '"Prod DB"')
    found = faults(tmp_path, DESK_FILE.replace('tam = "dana"', 'tam = "joe"') + wrong + wrong + odd)
    assert set(found) == {
        'frontline.toml: accounts.acme.tam: there is no person "joe"; known are bob, dana, eve, kim, mia',
        'frontline.toml: alerts: "prod" is there more than once; keep one of them',
        'frontline.toml: alerts.prod.format: there is no format "nagios"; known are alertmanager, json',
        'frontline.toml: alerts.prod.account: there is no account "acne"; known are acme, silverline',
        'frontline.toml: alerts.prod.severity: there is no severity "P1"; known are S1, S2, S3, none',
        "frontline.toml: alerts.prod.secret: must not stand in this file; put it into an environment "
        'variable, and write its name here, such as "$ALERTS_SECRET"',
        "frontline.toml: alerts.Prod DB.name: is part of an address; write up to 24 of a-z, 0-9 and -, "
        "such as prod",
    }
    assert "hunter2" not in "".join(found)


@pytest.mark.parametrize("key", ["name", "format", "account", "severity", "secret"])
def test_each_key_is_required(tmp_path: Path, key: str) -> None:
    lines = [line for line in GOOD.splitlines() if not line.startswith(key)]
    (fault,) = faults(tmp_path, DESK_FILE + "\n".join(lines))
    assert fault.startswith(f"frontline.toml: alerts.1.{key}: is missing; write {key} = ")


def test_an_unknown_key_is_a_fault(tmp_path: Path) -> None:
    (fault,) = faults(tmp_path, DESK_FILE + GOOD + 'team = "red"\n')
    assert fault.startswith("frontline.toml: alerts.1.team: is not a key")


@pytest.mark.usefixtures("slack")
def test_a_secret_that_is_not_set_is_named_with_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    second = GOOD.replace('"prod"', '"staging"')
    third = second.replace("staging", "lab").replace("ALERTS_SECRET", "OTHER_SECRET")
    assert faults(tmp_path, DESK_FILE + GOOD, with_environment=True) == [
        "environment: ALERTS_SECRET: is not set; alerts.prod.secret in frontline.toml names it"
    ]
    assert faults(tmp_path, DESK_FILE + GOOD + second + third, with_environment=True) == [
        "environment: ALERTS_SECRET: is not set; alerts.prod.secret and alerts.staging.secret in "
        "frontline.toml name it",
        "environment: OTHER_SECRET: is not set; alerts.lab.secret in frontline.toml names it",
    ]
    monkeypatch.setenv("ALERTS_SECRET", " a plain secret ")
    assert faults(tmp_path, DESK_FILE + GOOD, with_environment=True) == []
    assert variable("$ALERTS_SECRET") == "a plain secret"


@pytest.mark.usefixtures("slack")
@pytest.mark.parametrize("secret", ["whsec_", "whsec_hunter2!", "whsec_ä"])
def test_a_signing_secret_has_to_be_base64(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, secret: str
) -> None:
    monkeypatch.setenv("ALERTS_SECRET", secret)
    (fault,) = faults(tmp_path, DESK_FILE + GOOD, with_environment=True)
    assert fault == (
        "environment: ALERTS_SECRET: begins with whsec_, which base64 must follow; copy the whole secret"
    )
    monkeypatch.setenv("ALERTS_SECRET", "whsec_" + b64encode(b"twenty-five bytes of hush").decode())
    assert faults(tmp_path, DESK_FILE + GOOD, with_environment=True) == []
