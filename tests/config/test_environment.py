"""The environment: what each variable means, what is refused, and that a secret never shows."""

from __future__ import annotations

import os
from base64 import b64encode
from datetime import time
from pathlib import Path

import pytest

from bot.config.environment import Environment, check_environment, read_environment
from bot.config.settings import load_desk
from bot.config.web import is_loopback
from sla_core.catalog.load import Faults
from tests.harness import DESK_FILE

TOKEN, SECRET = "xoxb-1234-very-secret", "5ecre7-of-the-app"
NAMES = [name.upper() for name in Environment.model_fields]


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing set, in an empty folder."""
    for name in {*NAMES, *(key for key in os.environ if key.startswith(("SLACK_", "FRONTLINE_")))}:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


def faults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str = DESK_FILE, **given: str) -> list[str]:
    """What is wrong with an environment that has both Slack secrets, and what is given."""
    for name, value in {"SLACK_BOT_TOKEN": TOKEN, "SLACK_SIGNING_SECRET": SECRET, **given}.items():
        monkeypatch.setenv(name, value)
    path = tmp_path / "frontline.toml"
    path.write_text(file, encoding="utf-8")
    try:
        check_environment(read_environment(), load_desk(path))
    except Faults as wrong:
        return [str(fault) for fault in wrong.faults]
    return []


def test_the_defaults_are_the_contracts() -> None:
    env = read_environment()
    assert env.frontline_config == Path("frontline.toml")
    assert env.database_url == "sqlite:///frontline.db"
    assert (env.host, env.port) == ("127.0.0.1", 3000)
    assert env.slack_api_url == "https://slack.com/api/"
    assert env.slack_bot_token is None
    assert env.slack_signing_secret is None
    assert env.simulated_clock is None


def test_each_variable_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {
        "FRONTLINE_CONFIG": "/etc/frontline/desk.toml",
        "DATABASE_URL": "sqlite:////var/lib/frontline.db",
        "HOST": "0.0.0.0",
        "PORT": "8080",
        "SLACK_BOT_TOKEN": TOKEN,
        "SLACK_SIGNING_SECRET": SECRET,
        "SLACK_API_URL": "http://127.0.0.1:9/api/",
        "FRONTLINE_CLOCK": "2026-12-24T15:30:00+01:00*600",
    }
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    env = read_environment()
    assert env.frontline_config == Path("/etc/frontline/desk.toml")
    assert env.database_url == given["DATABASE_URL"]
    assert (env.host, env.port, env.slack_api_url) == ("0.0.0.0", 8080, given["SLACK_API_URL"])
    assert env.slack_bot_token is not None
    assert env.slack_bot_token.get_secret_value() == TOKEN
    assert env.slack_signing_secret is not None
    assert env.slack_signing_secret.get_secret_value() == SECRET
    assert env.simulated_clock is not None
    assert (f"{env.simulated_clock.stage:%d %H:%M}", env.simulated_clock.speed) == ("24 14:30", 600)


def test_an_empty_variable_is_an_unset_one(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.setenv(name, "")
    assert read_environment() == Environment()
    assert read_environment().port == 3000


def test_no_secret_is_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    """contract.md: secrets live only in the environment."""
    monkeypatch.setenv("SLACK_BOT_TOKEN", TOKEN)
    monkeypatch.setenv("SLACK_SIGNING_SECRET", SECRET)
    env = read_environment()
    for shown in (repr(env), str(env), str(env.model_dump()), env.model_dump_json()):
        assert TOKEN not in shown
        assert SECRET not in shown


def test_no_error_contains_a_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    odd = {"PORT": "http", "FRONTLINE_CLOCK": "noon"}
    found = faults(tmp_path, monkeypatch, **odd) + faults(tmp_path, monkeypatch, PORT="70000")
    assert found
    assert not any(TOKEN in fault or SECRET in fault for fault in found)


@pytest.mark.parametrize("name", ["SLACK_BOT_TOKEN", "SLACK_SIGNING_SECRET"])
def test_a_missing_secret_is_named_with_where_to_find_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    (fault,) = faults(tmp_path, monkeypatch, **{name: ""})
    assert fault.startswith(f"environment: {name}: is not set; copy")


def test_all_errors_are_reported_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = faults(
        tmp_path,
        monkeypatch,
        SLACK_BOT_TOKEN="",
        SLACK_SIGNING_SECRET="",
        PORT="99999",
        FRONTLINE_CLOCK="noon",
    )
    keys = [fault.split(": ")[1] for fault in found]
    assert keys == ["SLACK_BOT_TOKEN", "SLACK_SIGNING_SECRET", "PORT", "FRONTLINE_CLOCK", "FRONTLINE_CLOCK"]


@pytest.mark.parametrize("port", ["http", "99999", "-1", "1.5"])
def test_an_invalid_port_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, port: str) -> None:
    (fault,) = faults(tmp_path, monkeypatch, PORT=port)
    assert fault.startswith("environment: PORT: ")


@pytest.mark.parametrize(
    "url",
    [
        "https://slack.com/api/",
        "http://192.168.0.5:8080/api/",
        "http://localhost.example.com/api/",
        "http://127.0.0.1.example.com/api/",
    ],
)
def test_a_simulated_clock_needs_a_local_slack(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    """contract.md: refused unless SLACK_API_URL is loopback."""
    found = faults(tmp_path, monkeypatch, SLACK_API_URL=url, FRONTLINE_CLOCK="2026-12-24T15:30:00Z*600")
    assert any("FRONTLINE_CLOCK: needs a SLACK_API_URL on this machine" in fault for fault in found), found


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.0.1", "localhost", "[::1]"])
def test_a_simulated_clock_with_a_local_slack(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    given = {"SLACK_API_URL": f"http://{host}:8080/api/", "FRONTLINE_CLOCK": "2026-12-24T15:30:00Z*600"}
    assert faults(tmp_path, monkeypatch, **given) == []


@pytest.mark.parametrize(
    "clock",
    [
        "noon",
        "2026-12-24T15:30:00*600",
        "2026-12-24T15:30:00Z",
        "2026-12-24T15:30:00Z*0",
        "2026-12-24T15:30:00Z*-5",
        "2026-13-24T15:30:00Z*5",
        "0001-01-01T00:00:00+14:00*5",
        f"2026-12-24T15:30:00Z*{'9' * 40}",
    ],
)
def test_an_invalid_clock_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clock: str) -> None:
    given = {"SLACK_API_URL": "http://127.0.0.1:8080/api/", "FRONTLINE_CLOCK": clock}
    (fault,) = faults(tmp_path, monkeypatch, **given)
    assert fault.startswith("environment: FRONTLINE_CLOCK: ")
    assert clock.partition("*")[0] in fault


@pytest.mark.parametrize(
    "url", ["127.0.0.1:8080/api/", "http://[::1/api/", "slack.com", "file:///etc", "http://"]
)
def test_an_invalid_address_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    (fault,) = faults(tmp_path, monkeypatch, SLACK_API_URL=url)
    assert fault.startswith(f'environment: SLACK_API_URL: "{url}" is not a web address; ')


def test_plain_dates_are_for_a_local_client_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert [
        f.split(": ")[1] for f in faults(tmp_path, monkeypatch, FRONTLINE_LOCAL_SLACK="Mars/Olympus")
    ] == [
        "FRONTLINE_LOCAL_SLACK",
        "FRONTLINE_LOCAL_SLACK",
    ]


KEY = b64encode(b"k" * 32).decode()
MANY = {
    "SLACK_BOT_TOKEN": "",
    "SLACK_CLIENT_ID": "1.2",
    "SLACK_CLIENT_SECRET": "5ecre7-of-the-client",
    "FRONTLINE_SECRET_KEY": KEY,
}


@pytest.mark.parametrize(
    ("given", "keys"),
    [
        ({"SLACK_APP_TOKEN": "xapp-1", "SLACK_SIGNING_SECRET": ""}, []),
        ({"SLACK_APP_TOKEN": "xoxb-1", "SLACK_SIGNING_SECRET": ""}, ["SLACK_APP_TOKEN"]),
        ({"SLACK_APP_TOKEN": "xapp-1", "SLACK_BOT_TOKEN": ""}, ["SLACK_BOT_TOKEN"]),
        (MANY, []),
        (MANY | {"SLACK_SIGNING_SECRET": ""}, ["SLACK_SIGNING_SECRET"]),
        (MANY | {"SLACK_SIGNING_SECRET": "", "SLACK_APP_TOKEN": "xapp-1"}, []),
        (MANY | {"SLACK_BOT_TOKEN": TOKEN}, ["SLACK_BOT_TOKEN"]),
        (MANY | {"SLACK_CLIENT_ID": ""}, ["SLACK_CLIENT_ID"]),
        (
            MANY | {"SLACK_CLIENT_SECRET": "", "FRONTLINE_SECRET_KEY": ""},
            ["SLACK_CLIENT_SECRET", "FRONTLINE_SECRET_KEY"],
        ),
        (MANY | {"FRONTLINE_SECRET_KEY": f"{KEY}, {KEY}"}, []),
        (MANY | {"FRONTLINE_SECRET_KEY": "hunter2"}, ["FRONTLINE_SECRET_KEY"]),
        (MANY | {"FRONTLINE_SECRET_KEY": f"{KEY},"}, ["FRONTLINE_SECRET_KEY"]),
        ({"FRONTLINE_SECRET_KEY": "hunter2"}, ["FRONTLINE_SECRET_KEY"]),
    ],
)
def test_each_slack_mode_names_its_missing_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: dict[str, str], keys: list[str]
) -> None:
    found = faults(tmp_path, monkeypatch, **given)
    assert [fault.split(": ")[1] for fault in found] == keys
    told = " ".join(found) + repr(read_environment())
    assert not any(secret in told for secret in (TOKEN, KEY, "hunter2", "5ecre7", "xapp-1", "xoxb-1"))


ONLY_TEAMS = 'vendor = "m3ter"\n[teams]\ntriage = "19:triage@thread.tacv2"\n'
APP = {
    "MICROSOFT_APP_ID": "00000000-0000-0000-0000-00000000000a",
    "MICROSOFT_APP_PASSWORD": "5ecre7-of-the-bot",
    "MICROSOFT_APP_TENANT_ID": "00000000-0000-0000-0000-00000000000b",
}


def test_teams_needs_its_app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = faults(tmp_path, monkeypatch, ONLY_TEAMS)
    assert [fault.split(": ")[1] for fault in found] == list(APP)
    assert faults(tmp_path, monkeypatch, ONLY_TEAMS, **APP) == []
    assert APP["MICROSOFT_APP_PASSWORD"] not in repr(read_environment())


@pytest.mark.parametrize(("kind", "good"), [("MultiTenant", True), ("UserAssignedMSI", False)])
def test_only_known_app_types_are_accepted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, good: bool
) -> None:
    assert (faults(tmp_path, monkeypatch, ONLY_TEAMS, **APP, MICROSOFT_APP_TYPE=kind) == []) is good


@pytest.mark.parametrize(
    ("host", "value", "good"),
    [
        ("127.0.0.1", "1", True),
        ("localhost", "1", True),
        ("0.0.0.0", "1", False),
        ("desk.example", "1", False),
        ("127.0.0.1", "true", False),
    ],
)
def test_unsigned_teams_requests_are_for_this_machine_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: str, value: str, good: bool
) -> None:
    found = faults(tmp_path, monkeypatch, ONLY_TEAMS, HOST=host, FRONTLINE_TEAMS_ANONYMOUS=value)
    assert (found == []) is good
    assert all(fault.startswith("environment: FRONTLINE_TEAMS_ANONYMOUS: ") for fault in found)


def test_loopback_addresses_are_recognized() -> None:
    assert all(map(is_loopback, ("localhost", "127.0.0.1", "127.255.0.9", "::1")))
    assert not any(map(is_loopback, ("", "slack.com", "0.0.0.0", "10.0.0.1", "localhost.evil", "::2")))


def test_the_pager_is_not_tested_unless_it_is_asked_for() -> None:
    assert read_environment().pager_test_at is None


def test_the_time_of_the_pager_test_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert faults(tmp_path, monkeypatch, FRONTLINE_DRILL="09:30") == []
    assert read_environment().pager_test_at == time(9, 30)


@pytest.mark.parametrize("text", ["9", "24:00", "9:00", "09:60", "09:00+01:00", "daily"])
def test_an_invalid_time_of_day_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    (fault,) = faults(tmp_path, monkeypatch, FRONTLINE_DRILL=text)
    cure = "write it in UTC, such as 09:00, or unset it"
    assert fault == f'environment: FRONTLINE_DRILL: "{text}" is not a time of day; {cure}'
