"""`[[pagers]]`, `page`, `zone` and `quiet` of the desk's file, and the variables that they name."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from bot.config.environment import check_environment, read_environment, value_of
from bot.config.pagers import PAGERDUTY_EVENTS, Pager
from bot.config.settings import DeskSettings, load_desk
from bot.model.address import Person
from sla_core.catalog.load import Faults
from sla_core.oncall import ListRota
from tests.desk_file import ROTAS, desk_file

PD = """
[[pagers]]
name = "pd"
kind = "pagerduty"
role = "first_line"
key = "$PD_ROUTING_KEY"
secret = "$PD_WEBHOOK_SECRET"
"""
HOOK = """
[[pagers]]
name = "goalert"
kind = "webhook"
role = "second_line"
secret = "$GOALERT_SECRET"
url = "$GOALERT_URL"
"""
DANA = 'id = "dana"\n'
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def load(folder: Path, text: str) -> DeskSettings:
    path = folder / "frontline.toml"
    path.write_text(text, encoding="utf-8")
    return load_desk(path)


def faults(folder: Path, text: str) -> list[str]:
    with pytest.raises(Faults) as wrong:
        load(folder, text)
    return [str(fault).removeprefix("frontline.toml: ") for fault in wrong.value.faults]


def test_pagers_are_read(tmp_path: Path) -> None:
    desk = load(tmp_path, desk_file() + PD + HOOK)
    assert desk.pagers == {
        "pd": Pager(
            "pd", "pagerduty", "first_line", "$PD_ROUTING_KEY", "$PD_WEBHOOK_SECRET", PAGERDUTY_EVENTS
        ),
        "goalert": Pager("goalert", "webhook", "second_line", "", "$GOALERT_SECRET", "$GOALERT_URL"),
    }
    assert PAGERDUTY_EVENTS == "https://events.pagerduty.com/v2/enqueue"
    assert desk.people.keys() == {"dana", "bob", "eve", "kim", "mia"}
    assert desk.warnings == ()


def test_a_pager_holds_a_role_that_nobody_holds(tmp_path: Path) -> None:
    """Also one whose list is empty. Of two pagers, the first one is paged; both get the page."""
    without = {role: people for role, people in ROTAS.items() if role != "first_line"}
    for rotas in (without, ROTAS | {"first_line": []}):
        desk = load(tmp_path, desk_file(rotas=rotas) + PD + HOOK.replace("second_line", "first_line"))
        assert desk.rotas["first_line"] == ListRota(("pd",))
        assert desk.people["pd"] == Person("pd", "On-call team")
        assert "goalert" not in desk.people
        assert desk.warnings == ()
    assert any("rotas.first_line: nobody" in w for w in load(tmp_path, desk_file(rotas=without)).warnings)


def test_a_pager_that_cannot_answer_is_a_warning(tmp_path: Path) -> None:
    (warning,) = load(tmp_path, desk_file() + PD.replace('secret = "$PD_WEBHOOK_SECRET"\n', "")).warnings
    assert warning.startswith("pagers.pd.secret: is not set, so acknowledgements in PagerDuty do not come")
    assert "/hooks/pager/pd" in warning


WRONG = [
    (PD.replace('"pagerduty"', '"pager"'), 'pagers.pd.kind: there is no kind "pager"; known are pagerduty'),
    (
        PD.replace("first_line", "third_line"),
        'pagers.pd.role: there is no role "third_line"; known are engineering',
    ),
    (PD.replace('"pd"', '"bob"'), 'pagers.bob.name: "bob" is a person\'s id too; choose another name'),
    (PD.replace('key = "$PD_ROUTING_KEY"\n', ""), "pagers.pd.key: is missing; write the routing key"),
    (PD + 'url = "pagerduty.com"\n', "pagers.pd.url: is not a web address; write https://…"),
    (PD + 'url = "http://[x"\n', "pagers.pd.url: is not a web address; write https://…"),
    (PD + PD, 'pagers: "pd" is there more than once; keep one of them'),
    (HOOK.replace('url = "$GOALERT_URL"\n', ""), "pagers.goalert.url: is missing; write the address"),
    (HOOK.replace('secret = "$GOALERT_SECRET"\n', ""), "pagers.goalert.secret: is missing; it signs"),
    (HOOK + 'key = "$K"\n', 'pagers.goalert.key: belongs to kind "pagerduty"; remove it'),
    (HOOK.replace("$GOALERT_SECRET", SECRET), "pagers.goalert.secret: must not stand in this file; put it"),
    (PD.replace("$PD_ROUTING_KEY", "R0UT"), "pagers.pd.key: must not stand in this file; put it into an"),
    (PD.replace("$PD_ROUTING_KEY", "$"), "pagers.pd.key: must not stand in this file; put it into an"),
    (HOOK.replace("$GOALERT_URL", "$a b"), "pagers.goalert.url: begins with $, but names no environment"),
]


@pytest.mark.parametrize(("part", "says"), WRONG)
def test_each_fault_is_named_with_its_key(tmp_path: Path, part: str, says: str) -> None:
    (fault,) = faults(tmp_path, desk_file() + part)
    assert fault.startswith(says)


@pytest.mark.parametrize("name", ["PD", "p d", "", "1st", "x" * 25, "pd/1"])
def test_a_name_has_the_form_of_an_account_s_id(tmp_path: Path, name: str) -> None:
    (fault,) = faults(tmp_path, desk_file() + PD.replace('"pd"', f'"{name}"'))
    assert "name" in fault


def test_unknown_keys_of_a_pager_are_faults(tmp_path: Path) -> None:
    (fault,) = faults(tmp_path, desk_file() + PD + 'token = "x"\n')
    assert "token" in fault


# People -------------------------------------------------------------------------------------


def test_where_a_person_is_and_when_they_sleep(tmp_path: Path) -> None:
    more = 'zone = "America/New_York"\nquiet = "22:00-07:00"\npage = ["$DANA_PAGER", "ntfy://ntfy.sh/x"]\n'
    desk = load(tmp_path, desk_file().replace(DANA, DANA + more))
    dana, bob = desk.people["dana"], desk.people["bob"]
    assert dana.zone == ZoneInfo("America/New_York")
    assert dana.quiet == (timedelta(hours=22), timedelta(hours=7))
    assert dana.page == ("$DANA_PAGER", "ntfy://ntfy.sh/x")
    assert (bob.zone, bob.quiet, bob.page) == (None, None, ())


@pytest.mark.parametrize(("zone", "city"), [("EST", "America/New_York"), ("CET", "Europe/Berlin")])
def test_an_abbreviation_is_a_fault_with_its_two_readings(tmp_path: Path, zone: str, city: str) -> None:
    """An abbreviation has no summer time."""
    (fault,) = faults(tmp_path, desk_file().replace(DANA, f'{DANA}zone = "{zone}"\n'))
    assert f'"{zone}" can be read in two ways: write "{city}" for the time of the city' in fault


@pytest.mark.parametrize("zone", ["UTC+2", "Moon/Base", "", "Europe/../Berlin"])
def test_a_zone_that_is_none_is_a_fault(tmp_path: Path, zone: str) -> None:
    (fault,) = faults(tmp_path, desk_file().replace(DANA, f'{DANA}zone = "{zone}"\n'))
    assert f'"{zone}" is not a time zone; write an IANA name such as Europe/Berlin' in fault


@pytest.mark.parametrize("quiet", ["22-07", "22:00", "25:00-07:00", "at night"])
def test_quiet_hours_that_are_none_are_a_fault(tmp_path: Path, quiet: str) -> None:
    (fault,) = faults(tmp_path, desk_file().replace(DANA, f'{DANA}quiet = "{quiet}"\n'))
    assert fault.startswith("people.1.quiet") or "quiet" in fault


def test_an_address_is_a_variable_or_itself(tmp_path: Path) -> None:
    (fault,) = faults(tmp_path, desk_file().replace(DANA, f'{DANA}page = ["ntfy://x", "$"]\n'))
    assert fault.startswith("people.dana.page: begins with $, but names no environment variable")


# Variables ----------------------------------------------------------------------------------


@pytest.fixture
def variables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in ("SLACK_APP_TOKEN", "SLACK_CLIENT_ID", "FRONTLINE_CLOCK", "FRONTLINE_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-1")
    monkeypatch.setenv("SLACK_SIGNING_SECRET", "s")
    monkeypatch.chdir(tmp_path)
    return monkeypatch


ALL = {
    "PD_ROUTING_KEY": "R0",
    "PD_WEBHOOK_SECRET": "s3cret",
    "GOALERT_SECRET": SECRET,
    "GOALERT_URL": "https://goalert.example/api/v2/generic/incoming?token=t0ken",
    "DANA_PAGER": "ntfy://ntfy.sh/dana",
}
FILE = desk_file().replace(DANA, f'{DANA}page = ["$DANA_PAGER"]\n') + PD + HOOK


def missing(folder: Path, text: str = FILE) -> list[str]:
    try:
        check_environment(read_environment(), load(folder, text))
    except Faults as wrong:
        return [str(fault) for fault in wrong.faults]
    return []


def test_the_file_is_in_order_without_its_variables(tmp_path: Path, variables: pytest.MonkeyPatch) -> None:
    """What `frontline check` reads. `serve` and `doctor` name every missing one, in a line each."""
    load(tmp_path, FILE)
    assert missing(tmp_path) == [
        "environment: DANA_PAGER: is not set; people.dana.page (1) in frontline.toml names it",
        "environment: PD_ROUTING_KEY: is not set; pagers.pd.key in frontline.toml names it",
        "environment: PD_WEBHOOK_SECRET: is not set; pagers.pd.secret in frontline.toml names it",
        "environment: GOALERT_SECRET: is not set; pagers.goalert.secret in frontline.toml names it",
        "environment: GOALERT_URL: is not set; pagers.goalert.url in frontline.toml names it",
    ]
    for name, value in ALL.items():
        variables.setenv(name, value)
    assert missing(tmp_path) == []


def test_a_variable_that_is_named_twice_is_missing_once(
    tmp_path: Path, variables: pytest.MonkeyPatch
) -> None:
    text = desk_file() + PD.replace("$PD_WEBHOOK_SECRET", "$PD_ROUTING_KEY")
    (fault,) = missing(tmp_path, text)
    assert fault.endswith("pagers.pd.key and pagers.pd.secret in frontline.toml name it")


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("GOALERT_SECRET", "whsec_%%%", "begins with whsec_, which base64 must follow"),
        ("GOALERT_SECRET", "whsec_=", "begins with whsec_, which base64 must follow"),
        ("GOALERT_URL", "goalert.example", "is not a web address; write https://…"),
    ],
)
def test_a_wrong_value_is_named_and_not_shown(
    tmp_path: Path, variables: pytest.MonkeyPatch, name: str, value: str, says: str
) -> None:
    for each, right in ALL.items():
        variables.setenv(each, right)
    variables.setenv(name, value)
    (fault,) = missing(tmp_path)
    assert fault.startswith(f"environment: {name}: {says}")
    assert value not in fault


def test_a_value_is_that_of_its_variable(variables: pytest.MonkeyPatch) -> None:
    variables.setenv("DANA_PAGER", "ntfy://ntfy.sh/dana")
    assert value_of("$DANA_PAGER") == "ntfy://ntfy.sh/dana"
    assert value_of("ntfy://ntfy.sh/x") == "ntfy://ntfy.sh/x"
    assert value_of("$NOT_THERE") == ""
