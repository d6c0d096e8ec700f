"""The desk's file: the contract's sample loads, and all errors are reported at once, each with its key."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from bot.config.settings import DeskSettings, load_desk
from bot.model.address import Place, UserRef
from sla_core.catalog.load import PACKS, Faults
from sla_core.oncall import ListRota
from sla_core.policy import Metric, amount_text
from tests.harness import DESK_FILE

AGENT, DANA = "00000000-0000-0000-0000-000000000001", "00000000-0000-0000-0000-000000000002"
SAMPLE = """
vendor = "m3ter"                     # a pack of the catalog, or a folder of your own

[slack]
command = "/support"
triage  = "C0TRIAGE"                 # the vendor's own channel, where agents work
agents  = ["U0BOB", "S0SUPPORT"]     # people or user groups

[teams]
triage = "19:triage@thread.tacv2"
agents = ["00000000-0000-0000-0000-000000000001"]   # Entra object ids

[[people]]                           # everyone a rota, a TAM or a page may name
id = "dana"
name = "Dana"
slack = "U0DANA"
teams = "00000000-0000-0000-0000-000000000002"
email = "dana@vendor.example"

[[people]]
id = "bob"
name = "Bob"
slack = "U0BOB"

[[people]]
id = "eve"
name = "Eve"
slack = "U0EVE"

[[people]]
id = "kim"
name = "Kim"
slack = "U0KIM"

[[people]]
id = "mia"
name = "Mia"
slack = "U0MIA"

[rotas]                              # the roles of the pack's escalation policy → people, in order
first_line  = ["bob", "eve"]
second_line = ["eve", "bob"]
engineering = ["kim"]
leadership  = ["mia"]

[[accounts]]
id = "acme"
name = "Acme GmbH"
plan = "gold"
tam = "dana"                         # a warning under a plan without one, and no DM is sent
channels = ["slack:C0ACME"]          # the dedicated customer channel; teams:19:…@thread.tacv2 for Teams
[accounts.order_form]                # takes precedence over the plan, clause by clause
cites = "Order form 2026-04, section 3"
S2.first_response = "2h"             # counted in the calendar of the promise it replaces
hold = false                         # whether agents may hold a clock
"""

Load = Callable[[str], DeskSettings]


@pytest.fixture
def loads(tmp_path: Path) -> Load:
    def load(text: str) -> DeskSettings:
        path = tmp_path / "frontline.toml"
        path.write_text(text, encoding="utf-8")
        return load_desk(path)

    return load


def faults(load: Load, text: str) -> list[str]:
    with pytest.raises(Faults) as wrong:
        load(text)
    return [str(fault) for fault in wrong.value.faults]


def only(load: Load, text: str) -> str:
    (fault,) = faults(load, text)
    return fault


def test_the_sample_of_the_contract_loads(loads: Load) -> None:
    """M3-1: an order form takes precedence over the plan, clause by clause."""
    desk = loads(SAMPLE)

    assert desk.policies[-1].vendor == "m3ter"
    assert desk.chats["slack"].triage == Place("slack", "C0TRIAGE")
    assert desk.chats["teams"].triage == Place("teams", "19:triage@thread.tacv2")
    assert desk.chats["slack"].agents == ("U0BOB", "S0SUPPORT")
    assert desk.rotas["first_line"] == ListRota(("bob", "eve"))
    dana = desk.people["dana"]
    teams = UserRef("teams", "", "00000000-0000-0000-0000-000000000002")
    assert (dana.on("slack"), dana.on("teams")) == (UserRef("slack", "", "U0DANA"), teams)
    acme = desk.accounts["acme"]
    assert (acme.plan, acme.tam, acme.channels) == ("gold", "dana", (Place("slack", "C0ACME"),))
    (term,) = acme.terms
    assert (term.severity, term.metric, amount_text(term.limit)) == ("S2", Metric.FIRST_RESPONSE, "2 hours")
    assert term.cites == "Order form 2026-04, section 3"
    assert not acme.may_hold
    assert acme.board
    assert desk.warnings == ()


def test_an_account_may_have_no_board(loads: Load) -> None:
    file = SAMPLE.replace('channels = ["slack:C0ACME"]', 'board = false\nchannels = ["slack:C0ACME"]')
    assert not loads(file).accounts["acme"].board


def test_everything_but_the_vendor_and_one_chat_has_a_default(loads: Load) -> None:
    desk = loads('vendor = "m3ter"\n[slack]\ntriage = "C0TRIAGE"\n')
    assert desk.chats["slack"].command == "/support"
    assert (desk.chats["slack"].agents, desk.accounts, desk.people, desk.rotas) == ((), {}, {}, {})


def test_a_file_without_a_chat_is_refused(loads: Load) -> None:
    assert "frontline.toml: slack: no chat is named" in only(loads, 'vendor = "m3ter"')


def test_a_missing_file_error_names_the_path_and_the_fix(tmp_path: Path) -> None:
    with pytest.raises(Faults, match=r"nowhere\.toml: there is no such file; .*FRONTLINE_CONFIG"):
        load_desk(tmp_path / "nowhere.toml")


def test_a_folder_and_a_binary_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(Faults, match="cannot be read"):
        load_desk(tmp_path)
    broken = tmp_path / "frontline.toml"
    broken.write_bytes(b'vendor = "m3t\xff"')
    with pytest.raises(Faults, match="cannot be read"):
        load_desk(broken)


def test_a_toml_error_names_the_line(loads: Load) -> None:
    assert "frontline.toml: is not valid TOML: " in only(loads, 'vendor = "m3ter\n[slack]')
    assert "line 1" in only(loads, 'vendor = "m3ter\n[slack]')


@pytest.mark.parametrize(
    ("was", "becomes", "says"),
    [
        ('triage  = "C0TRIAGE" ', 'triage = "C0TRIAGE"\ncolour = "red"', "slack.colour: is not a key"),
        ('vendor = "m3ter"', 'vendor = "m3ter"\nvendr = "m3ter"', "vendr: is not a key"),
        ('email = "dana', 'mail = "x"\nemail = "dana', "people.1.mail: is not a key"),
        ('"slack:C0ACME"', '"slack:#acme"', 'accounts.acme.channels: "slack:#acme" is not a channel id'),
        ('plan = "gold"', "", "accounts.1.plan: is missing"),
        ('command = "/support"', 'command = "support"', "slack.command: "),
        ('id = "acme"', 'id = "Acme!"', "accounts.1.id: "),
        (
            'plan = "gold"',
            'plan = "platinum"',
            'accounts.acme.plan: there is no plan "platinum"; known are gold, silver',
        ),
        (
            'tam = "dana" ',
            'tam = "nobody" ',
            'accounts.acme.tam: there is no person "nobody"; known are bob, dana, eve, kim, mia',
        ),
        (
            '["kim"]',
            '["kim", "joe"]',
            'rotas.engineering: there is no person "joe"; known are bob, dana, eve, kim, mia',
        ),
        ("first_line ", "frist_line ", 'rotas.frist_line: there is no role "frist_line"; known are'),
        (
            '["slack:C0ACME"]',
            "[]",
            'accounts.acme.channels: needs at least one channel, such as "slack:C0ACME"',
        ),
        (
            '"slack:C0ACME"',
            '"C0ACME"',
            'accounts.acme.channels: "C0ACME" is not a channel; write "slack:C0ACME"',
        ),
        (
            '"slack:C0ACME"',
            '"irc:acme"',
            'accounts.acme.channels: there is no platform "irc"; known are slack, teams',
        ),
        (
            '"slack:C0ACME"',
            '"slack:C0ACME", "slack:C0ACME"',
            'accounts.channels: "slack:C0ACME" is there more than once',
        ),
        ('id = "eve"', 'id = "bob"', 'people: "bob" is there more than once'),
        (
            "S2.first_response",
            "P2.first_response",
            'accounts.acme.order_form.P2: there is no severity "P2"; known are S1, S2, S3, none',
        ),
        (
            "S2.first_response",
            "S2.first_respons",
            'accounts.1.order_form.S2.first_respons: "first_respons" is unknown here; known are "first_resp',
        ),
        ('"2h" ', '"soon"', "accounts.1.order_form.S2.first_response.within: "),
        (
            "S2.first_response",
            "S2.resolution",
            "accounts.acme.order_form.S2.resolution: the plan makes no such promise",
        ),
        (
            '"2h" ',
            '{ within = "2h", calendar = "moon" }',
            'S2.first_response.calendar: there is no calendar "moon"',
        ),
        ('cites = "Order', 'sites = "Order', "accounts.1.order_form.cites: is missing"),
        (
            f'["{AGENT}"]',
            '["bob@vendor.example"]',
            '"bob@vendor.example" is an e-mail address, not an id; write',
        ),
        (
            'triage  = "C0TRIAGE"',
            'triage = "#triage"',
            'slack.triage: "#triage" is a name, not an id; open the',
        ),
        ('"U0BOB", "S0SUPPORT"', '"@bob"', 'slack.agents: "@bob" is a name, not an id; open the person'),
        ('"U0BOB", "S0SUPPORT"', '"bob@vendor.example"', "is an e-mail address, not an id; open the person"),
        ('"U0BOB", "S0SUPPORT"', '"C0TRIAGE"', 'slack.agents: "C0TRIAGE" is no id; open the person'),
        ('slack = "U0DANA"', 'slack = "S0DANA"', 'people.dana.slack: "S0DANA" is no id; open the person'),
        ("slack:C0ACME", "slack:#acme", 'accounts.acme.channels: "slack:#acme" is not a channel id'),
        (
            "slack:C0ACME",
            "teams:acme",
            'accounts.acme.channels: "teams:acme" is not a channel id; choose Get',
        ),
        ("19:triage@thread.tacv2", "Triage", 'teams.triage: "Triage" is no id; choose Get link to channel'),
        (f'["{AGENT}"]', f'["/{AGENT}"]', f'teams.agents: "/{AGENT}" is no id'),
        (f'["{AGENT}"]', f'["19:x/{AGENT}"]', f'teams.agents: "19:x/{AGENT}" is no id'),
        (f'teams = "{DANA}"', 'teams = "dana"', 'people.dana.teams: "dana" is no id; write'),
        (f'teams = "{DANA}"', f'teams = "contoso/{DANA}"', f'people.dana.teams: "contoso/{DANA}" is no id'),
        (f'teams = "{DANA}"', 'teams = "19:a@thread.tacv2"', "people.dana.teams: "),
    ],
)
def test_each_error_names_its_key(loads: Load, was: str, becomes: str, says: str) -> None:
    """Issue 2, bad input: an unknown name, role, plan or channel form lists the known ones."""
    assert was in SAMPLE
    found = faults(loads, SAMPLE.replace(was, becomes, 1))
    assert any(says in fault for fault in found), found
    assert all(fault.startswith("frontline.toml: ") for fault in found)


def test_an_unknown_vendor_lists_the_catalog_and_other_errors(loads: Load) -> None:
    found = faults(loads, SAMPLE.replace('"m3ter"', '"acme-sla"').replace('tam = "dana"', 'tam = "joe"'))
    assert len(found) == 2
    assert "no such vendor or folder; the catalog has commerceup, m3ter, monetate, monta" in found[0]
    assert 'accounts.acme.tam: there is no person "joe"' in found[1]


def test_all_errors_are_reported_at_once(loads: Load) -> None:
    """An unknown key does not hide the unknown names behind it."""
    wrong = (
        SAMPLE.replace('command = "/support"', 'comand = "/support"')
        .replace('plan = "gold"', 'plan = "platinum"')
        .replace('tam = "dana"', 'tam = "joe"')
        .replace('"slack:C0ACME"', '"C0ACME"')
        .replace('["kim"]', '["jim"]')
        .replace("S2.first", "S9.first")
        .replace('id = "eve"', 'id = "kim"')
    )
    found = [fault.split(": ")[1] for fault in faults(loads, wrong)]
    assert set(found) >= {
        "slack.comand",
        "people",
        "rotas.engineering",
        "accounts.acme.plan",
        "accounts.acme.tam",
        "accounts.acme.channels",
        "accounts.acme.order_form.S9",
    }


def test_two_accounts_cannot_share_a_channel_or_a_name(loads: Load) -> None:
    again = DESK_FILE.replace('id = "silverline"', 'id = "acme"').replace("C0SILVER", "C0ACME")
    found = faults(loads, again)
    assert any('accounts: "acme" is there more than once' in fault for fault in found)
    assert any('accounts.channels: "slack:C0ACME" is there more than once' in fault for fault in found)


def test_the_triage_channel_cannot_belong_to_an_account(loads: Load) -> None:
    """Complaint 35: otherwise customers would read what agents write to each other."""
    found = only(loads, SAMPLE.replace("slack:C0ACME", "slack:C0TRIAGE"))
    assert "accounts.acme.channels" in found
    assert "triage" in found


def test_a_tam_under_a_plan_without_one_is_a_warning(loads: Load) -> None:
    """M3-7: Silver has no Technical Account Manager."""
    silver = SAMPLE.replace('plan = "gold"', 'plan = "silver"')
    (warning,) = loads(silver).warnings
    assert warning == "accounts.acme.tam: the plan silver has no TAM, so nobody gets a direct message"


def test_gold_without_a_tam_is_a_warning(loads: Load) -> None:
    (warning,) = loads(SAMPLE.replace('tam = "dana" ', "#")).warnings
    assert warning == "accounts.acme: no tam is named; escalations go to leadership, else to triage"


def test_a_vendor_may_be_a_folder_beside_the_file(
    loads: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Relative to the file, wherever the process was started."""
    shutil.copytree(PACKS / "m3ter", tmp_path / "our-policy")
    monkeypatch.chdir("/")
    desk = loads(SAMPLE.replace('"m3ter"', '"our-policy"'))
    assert desk.policies[-1].vendor == "m3ter"


def test_an_order_form_may_grant_holding_and_add_a_promise(loads: Load) -> None:
    """A25, M3-1."""
    added = 'S3.resolution = { within = "8h", calendar = "around-the-clock" }\nhold = true'
    calendars = loads(SAMPLE).policies[-1].calendars
    acme = loads(SAMPLE.replace("hold = false", added.replace("around-the-clock", min(calendars)))).accounts[
        "acme"
    ]
    assert acme.may_hold
    assert {(term.severity, str(term.metric)) for term in acme.terms} == {
        ("S2", "first_response"),
        ("S3", "resolution"),
    }


@pytest.mark.parametrize(("line", "is_set"), [("", "suggest"), ('unticketed = "ignore"', "ignore")])
def test_plain_messages_are_suggested_unless_the_file_says_otherwise(
    loads: Load, line: str, is_set: str
) -> None:
    found = loads(SAMPLE.replace("channels = [", f"{line}\nchannels = ["))
    assert found.accounts["acme"].unticketed == is_set


def test_an_unknown_way_with_plain_messages_is_a_fault(loads: Load) -> None:
    says = only(loads, SAMPLE.replace("channels = [", 'unticketed = "shout"\nchannels = ['))
    assert "unticketed" in says
    assert "suggest" in says
