"""`frontline init` on a local Slack: from nothing to a desk that the doctor finds well."""

from __future__ import annotations

import asyncio
import io
import os
import stat
import sys
import tomllib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from dotenv import dotenv_values

from adapters.slack.outbound.web_api import SCOPES
from bot.__main__ import main
from bot.config.environment import Environment
from bot.config.settings import load_desk
from demo.slack import FakeSlack
from sla_core.oncall import ListRota
from tests.cli.conftest import Outcome

TOKEN, APP_TOKEN = "xoxb-frontline", "xapp-1-frontline"
Init = Callable[..., Awaitable[Outcome]]
Line = str | Callable[[], object]
"""What is typed, or what happens before the next line is typed."""
SOCKET = ["", "", ""]
"""The policy of m3ter, over a socket, with /support."""
TOKENS = [TOKEN, APP_TOKEN]
ACME = ["Acme GmbH", "", "gold", "#acme", "Dana"]
ROLES = ["", "@eve, @bob", "", "eve"]
HAPPY = [*SOCKET, *TOKENS, "#triage", "@bob, support", *ROLES, *ACME, "y"]


class Typing(io.TextIOBase):
    """A stdin at which somebody types one line after the other."""

    def __init__(self, lines: Sequence[Line]) -> None:
        self.left = list(lines)

    def readline(self, size: int | None = -1) -> str:  # type: ignore[override]
        while self.left and not isinstance(self.left[0], str):
            happens = self.left.pop(0)
            assert not isinstance(happens, str)
            happens()
        return f"{self.left.pop(0)}\n" if self.left else ""


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No variable of ours, an empty folder, the logs' settings of the tests."""
    for name in Environment.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr("bot.telemetry.configure_logs", lambda **_: None)


@pytest.fixture
async def slack(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FakeSlack]:
    """A workspace with a triage channel, Acme's channel, three people and a user group."""
    async with FakeSlack(bot_token=TOKEN, scopes=sorted(SCOPES)) as made:
        bob, eve, dana = made.person("Bob"), made.person("Eve"), made.person("Dana")
        alice = made.person("Alice", team="T0ACME")
        made.channel("triage", [bob, eve], private=True)
        made.channel("acme", [bob, dana, alice])
        made.group("support", [bob, eve])
        monkeypatch.setenv("SLACK_API_URL", made.api_url)
        yield made


@pytest.fixture
def init(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Init:
    async def run(typed: Sequence[Line] = (), *words: str) -> Outcome:
        """One run of the command, while the workspace answers."""
        stdin = Typing(typed)
        monkeypatch.setattr(sys, "stdin", stdin)
        code = await asyncio.to_thread(main, ["init", *words])
        said = capsys.readouterr()
        assert not stdin.left, f"nobody asked for {stdin.left}; it said: {said.out}{said.err}"
        return Outcome(code, said.out, said.err)

    return run


def files() -> set[str]:
    return {path.name for path in Path().iterdir()}


def text(name: str) -> str:
    return Path(name).read_text(encoding="utf-8")


def write(name: str, text: str) -> None:
    Path(name).write_text(text, encoding="utf-8")


def manifest() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(text("slack-manifest.yml"))
    return found


async def test_from_nothing_to_a_desk_in_one_command(init: Init, slack: FakeSlack) -> None:
    """contract.md, Commands: ids are read by name, and the doctor has the last word but one."""
    said = await init(HAPPY)
    assert (said.code, said.err) == (0, ""), said
    assert files() == {"frontline.toml", ".env", "slack-manifest.yml"}

    desk = load_desk(Path("frontline.toml"))
    assert desk.policies[-1].vendor == "m3ter"
    chat = desk.chats["slack"]
    assert (str(chat.triage), chat.agents) == ("slack:C0TRIAGE", ("U0BOB", "S0SUPPORT"))
    assert desk.rotas["first_line"] == ListRota(("bob",))
    assert desk.rotas["second_line"] == ListRota(("eve", "bob"))
    assert desk.rotas["engineering"] == ListRota(("eve", "bob")), "as the role before it"
    assert desk.rotas["leadership"] == ListRota(("eve",))
    assert desk.people["dana"].slack == "U0DANA"
    account = desk.accounts["acme-gmbh"]
    assert (account.plan, account.tam, [*map(str, account.channels)]) == ("gold", "dana", ["slack:C0ACME"])
    assert desk.warnings == ()

    assert dotenv_values(".env") == {"SLACK_BOT_TOKEN": TOKEN, "SLACK_APP_TOKEN": APP_TOKEN}
    assert stat.S_IMODE(os.stat(".env").st_mode) == 0o600
    app = manifest()
    assert app["settings"]["socket_mode_enabled"]
    assert app["oauth_config"]["scopes"]["bot"] == sorted(SCOPES)
    assert "https://" not in text("slack-manifest.yml")

    assert "ok     channel C0ACME (acme-gmbh): the bot is in #acme" in said.out
    assert "Nothing is wrong." in said.out
    after = said.plain.partition("Now: ")[2]
    assert after.index("frontline serve") < after.index("/support in the channel of Acme GmbH")
    assert TOKEN not in said.out
    assert APP_TOKEN not in said.out


async def test_a_bad_token_is_explained_and_asked_for_again(init: Init, slack: FakeSlack) -> None:
    typed: list[Line] = [*HAPPY]
    typed[3:5] = ["", "xoxp-mine", "xoxb-old", TOKEN, "xoxb-frontline", "xapp-old", APP_TOKEN]
    said = await init(typed)
    assert said.code == 0, said
    for says in (
        "SLACK_BOT_TOKEN is empty; copy it from: Install App",
        "SLACK_BOT_TOKEN is a user's token",
        "Slack refuses SLACK_BOT_TOKEN (invalid_auth)",
        "SLACK_APP_TOKEN is not an app-level token",
        "Slack refuses SLACK_APP_TOKEN (invalid_auth)",
    ):
        assert says in said.plain, says
    assert "xoxb-old" not in said.out


async def test_a_missing_scope_is_named_and_enter_tries_the_same_token(init: Init, slack: FakeSlack) -> None:
    server = slack._server
    server.scopes = frozenset(SCOPES - {"usergroups:read", "files:read"})

    def install_again() -> None:
        server.scopes = frozenset(SCOPES)

    typed: list[Line] = [*HAPPY]
    typed[4:4] = [install_again, ""]
    said = await init(typed)
    assert said.code == 0, said
    assert "lacks the scopes files:read, usergroups:read" in said.plain
    assert "install the app again. Press Enter to try the same again." in said.plain


async def test_a_scope_it_can_do_without_is_named_and_does_not_stop_it(init: Init, slack: FakeSlack) -> None:
    """The doctor says at the end what each would give."""
    optional = ("pins:write", "chat:write.customize", "files:write")
    slack._server.scopes = frozenset(SCOPES.difference(optional))
    said = await init(HAPPY)
    assert said.code == 0, said
    assert "with all scopes" not in said.plain
    for scope in optional:
        assert scope in said.plain.partition("It works without")[2].partition("; the doctor")[0], scope
        assert f"look slack: without {scope}: with it, " in said.plain, scope


async def test_a_workspace_without_user_groups(init: Init, slack: FakeSlack) -> None:
    """Such as one of a plan without them, or a local Slack."""
    slack.fail_next("usergroups.list", error="unknown_method")
    said = await init([*SOCKET, *TOKENS, "#triage", "@bob", *ROLES, *ACME, "y"])
    assert said.code == 0, said
    assert "This workspace has no user groups (unknown_method): name people." in said.plain
    assert load_desk(Path("frontline.toml")).chats["slack"].agents == ("U0BOB",)


async def test_while_slack_is_away_nothing_typed_is_lost(init: Init, slack: FakeSlack) -> None:
    slack.fail_next("auth.test", drop_connection=True)
    slack.fail_next("apps.connections.open", status=503)
    typed: list[Line] = [*HAPPY]
    typed[3:5] = [TOKEN, "", APP_TOKEN, ""]
    said = await init(typed)
    assert said.code == 0, said
    assert said.plain.count("Slack cannot be reached at") == 2
    assert "check the network and SLACK_API_URL" in said.plain


async def test_names_survive_an_outage_while_they_are_looked_up(init: Init, slack: FakeSlack) -> None:
    """Carol was added after the workspace was read, so it is read again, and Slack is away just then."""

    def joins_in_an_outage() -> None:
        slack.person("Carol")
        slack.fail_next("users.list", drop_connection=True)

    typed: list[Line] = [*HAPPY]
    typed[6:7] = [joins_in_an_outage, "@bob, carol", ""]
    said = await init(typed)
    assert said.code == 0, said
    assert "Slack cannot be reached at" in said.plain
    assert load_desk(Path("frontline.toml")).chats["slack"].agents == ("U0BOB", "U0CAROL")


async def test_a_channel_the_bot_is_not_in_waits_for_the_invitation(init: Init, slack: FakeSlack) -> None:
    acme = slack.channel("acme-eu", [], bot=False)
    typed: list[Line] = [*HAPPY]
    at = typed.index("#acme")
    typed[at : at + 1] = ["acme-eu", lambda: acme.members.append(slack.bot.id), ""]
    said = await init(typed)
    assert said.code == 0, said
    assert "frontline is not in #acme-eu: type /invite @frontline there, or later" in said.plain
    assert [*map(str, load_desk(Path("frontline.toml")).accounts["acme-gmbh"].channels)] == ["slack:C0ACMEEU"]


async def test_an_invitation_may_come_later_and_the_doctor_says_so(init: Init, slack: FakeSlack) -> None:
    slack.channel("acme-eu", [], bot=False)
    typed: list[Line] = [*HAPPY]
    at = typed.index("#acme")
    typed[at : at + 1] = ["acme-eu", "later"]
    said = await init(typed)
    assert said.code == 1
    assert "fault  channel C0ACMEEU (acme-gmbh): the bot is not in #acme-eu; invite it there" in said.out
    assert "1. frontline doctor until it finds nothing to fix" in said.plain


async def test_names_that_nobody_has_are_asked_for_again(init: Init, slack: FakeSlack) -> None:
    typed: list[Line] = [
        *SOCKET,
        *TOKENS,
        "#triag",
        "#triage",
        "bob, eva, ed",
        ",",
        "@bob, support",
        "@support",
    ]
    typed += ["@bob", *ROLES[1:], "Acme GmbH", "Acme!", "acme", "platinum", "2", "triage", "#acme", "", "y"]
    said = await init(typed)
    assert said.code == 0, said
    for says in (
        'vendor has no channel "#triag" that frontline can see (did you mean #triage?)',
        'nobody in vendor is called "eva" (did you mean @eve?); nobody in vendor is called "ed"',
        "Nobody could work the tickets",
        '"@support" is a user group; name its people here',
        '"Acme!" is no id; use small letters',
        '"platinum" is none of these; type a number or silver, gold',
        "That is triage, where agents talk among themselves",
    ):
        assert says in said.plain, says
    assert load_desk(Path("frontline.toml")).accounts["acme"].tam is None


async def test_over_http_it_asks_for_the_address_and_the_signing_secret(init: Init, slack: FakeSlack) -> None:
    secret = "signing-secret"
    begin = ["m3ter", "http", "desk.example", "https://desk.example/", "/help", TOKEN, "xapp-no", secret]
    said = await init([*begin, *HAPPY[5:]])
    assert said.code == 0, said
    assert '"desk.example" is no address that Slack can reach' in said.plain
    assert "SLACK_SIGNING_SECRET is a token, which is not what is asked for" in said.plain
    assert dotenv_values(".env") == {"SLACK_BOT_TOKEN": TOKEN, "SLACK_SIGNING_SECRET": secret}
    app = manifest()
    assert app["settings"]["event_subscriptions"]["request_url"] == "https://desk.example/slack/events"
    assert app["features"]["slash_commands"][0]["command"] == "/help"
    assert load_desk(Path("frontline.toml")).chats["slack"].command == "/help"
    assert "Event Subscriptions while it runs" in said.plain


async def test_for_many_workspaces_it_makes_a_key_and_takes_ids(init: Init, slack: FakeSlack) -> None:
    begin = ["m3ter", "oauth", "https://desk.example", "", "1.2", "client-secret", "signing-secret"]
    names = ["#triage", "C0TRIAGE", "U0BOB, S0SUPPORT", *[""] * 4, "Acme", "", "gold", "C0ACME", ""]
    said = await init([*begin, *names, "y"])
    assert said.code == 0, said
    assert '"#triage" is no id of a channel; open the channel' in said.plain
    written = dotenv_values(".env")
    assert written.keys() == {
        "SLACK_CLIENT_ID",
        "SLACK_CLIENT_SECRET",
        "SLACK_SIGNING_SECRET",
        "FRONTLINE_SECRET_KEY",
    }
    app = manifest()
    assert app["oauth_config"]["redirect_urls"] == ["https://desk.example/slack/oauth_redirect"]
    assert "https://desk.example/slack/install once for each workspace" in said.plain


@pytest.mark.parametrize("at", range(len(HAPPY)))
async def test_wherever_it_is_stopped_nothing_is_half_written(init: Init, slack: FakeSlack, at: int) -> None:
    """Only the manifest may be there, whole: it is pasted before the tokens exist."""

    def ctrl_c() -> None:
        raise KeyboardInterrupt

    said = await init([*HAPPY[:at], ctrl_c])
    assert (said.code, said.faults) == (1, ["init: stopped; frontline.toml and .env are as they were"])
    assert files() <= {"slack-manifest.yml"}
    if files():
        assert manifest()["settings"]


async def test_input_that_ends_writes_nothing(init: Init, slack: FakeSlack) -> None:
    assert (await init(HAPPY[:-1])).code == 1
    assert (await init([*HAPPY[:-1], "maybe", "n"])).code == 1
    assert files() == {"slack-manifest.yml"}


# Files that are there already -----------------------------------------------------------------------


async def test_it_replaces_nothing_unless_told_to(init: Init, slack: FakeSlack) -> None:
    write("frontline.toml", "# mine\n")
    write(".env", "DATABASE_URL=sqlite:///mine.db\nSLACK_SIGNING_SECRET=old\n")
    said = await init()
    assert said.code == 1
    assert [fault.partition(":")[0] for fault in said.faults] == ["frontline.toml", ".env"]
    assert "frontline init --force, which keeps a copy" in said.faults[0]
    assert text("frontline.toml") == "# mine\n"

    said = await init(HAPPY, "--force")
    assert said.code == 0, said
    assert text("frontline.toml.bak") == "# mine\n"
    assert text(".env.bak").endswith("SLACK_SIGNING_SECRET=old\n")
    assert dotenv_values(".env") == {
        "DATABASE_URL": "sqlite:///mine.db",
        "SLACK_BOT_TOKEN": TOKEN,
        "SLACK_APP_TOKEN": APP_TOKEN,
    }
    assert "What was there before is in frontline.toml.bak." in said.plain
    assert (await init(HAPPY, "--force")).code == 0
    assert {"frontline.toml.bak", "frontline.toml.bak1"} <= files()


# --answers ------------------------------------------------------------------------------------------

ANSWERS = """
vendor = "m3ter"

[slack]
triage = "#triage"
agents = ["@bob", "support"]

[rotas]
first_line = ["bob", "eve"]
leadership = ["U0EVE"]

[account]
name = "Acme GmbH"
plan = "gold"
channel = "#acme"
tam = "dana"
"""


@pytest.fixture
def in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLACK_BOT_TOKEN", TOKEN)
    monkeypatch.setenv("SLACK_APP_TOKEN", APP_TOKEN)


@pytest.mark.usefixtures("in_the_environment")
async def test_a_script_answers_from_a_file(init: Init, slack: FakeSlack) -> None:
    write("answers.toml", ANSWERS)
    said = await init((), "--answers", "answers.toml")
    assert (said.code, said.err) == (0, ""), said
    desk = load_desk(Path("frontline.toml"))
    assert desk.rotas["first_line"] == ListRota(("bob", "eve"))
    assert desk.accounts["acme-gmbh"].tam == "dana"
    assert dotenv_values(".env") == {"SLACK_BOT_TOKEN": TOKEN, "SLACK_APP_TOKEN": APP_TOKEN}
    assert tomllib.loads(text("frontline.toml"))["slack"]["agents"] == ["U0BOB", "S0SUPPORT"]


@pytest.mark.usefixtures("in_the_environment")
async def test_all_faults_of_the_answers_at_once(init: Init, slack: FakeSlack) -> None:
    wrong = ANSWERS.replace("#triage", "#nowhere").replace('"@bob", "support"', '"@bop", "nobody"')
    wrong = wrong.replace('"gold"', '"golden"').replace("#acme", "#amce").replace('"dana"', '"dani"')
    wrong = wrong.replace("leadership", "leaders").replace('"bob", "eve"', '"support"')
    write("answers.toml", wrong)
    said = await init((), "--answers", "answers.toml")
    assert said.code == 1
    assert [fault.split(": ")[:2] for fault in said.faults] == [
        ["answers.toml", "slack.triage"],
        ["answers.toml", "slack.agents"],
        ["answers.toml", "slack.agents"],
        ["answers.toml", "rotas.first_line"],
        ["answers.toml", "account.plan"],
        ["answers.toml", "account.channel"],
        ["answers.toml", "account.tam"],
        ["answers.toml", "rotas.leaders"],
    ]
    assert "did you mean @bob?" in said.faults[1]
    assert files() == {"answers.toml"}


@pytest.mark.parametrize(
    ("file", "keys"),
    [
        ("vendor = ", ["answers.toml: is not valid TOML"]),
        ('vendor = "m3ter"\ncolour = "blue"', ["answers.toml: account", "answers.toml: colour"]),
        (ANSWERS.replace("m3ter", "m4ter"), ["answers.toml: vendor", *["environment: SLACK_"] * 2]),
        (ANSWERS, ["environment: SLACK_"] * 2),
        (None, ["answers.toml: there is no such file"]),
    ],
    ids=["no TOML", "keys", "vendor and tokens", "tokens", "no file"],
)
async def test_answers_that_cannot_be_used(
    init: Init, slack: FakeSlack, file: str | None, keys: list[str]
) -> None:
    if file is not None:
        write("answers.toml", file)
    said = await init((), "--answers", "answers.toml")
    assert said.code == 1
    assert len(said.faults) == len(keys), said.faults
    for fault, key in zip(sorted(said.faults), keys, strict=True):
        assert fault.startswith(key), fault
    assert files() <= {"answers.toml"}


async def test_a_token_of_the_environment_that_fails_is_not_asked_for(
    init: Init, slack: FakeSlack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The environment wins over .env, so another one typed here would have no effect."""
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-old")
    said = await init(SOCKET)
    assert said.code == 1
    assert "correct or unset SLACK_BOT_TOKEN there" in said.err
    assert "xoxb-old" not in said.err + said.out


# Teams ----------------------------------------------------------------------------------------------


async def test_teams_asks_for_what_it_can_check(init: Init, monkeypatch: pytest.MonkeyPatch) -> None:
    """The doctor's fault about the unreachable sign-in is expected here: there is no tenant."""
    monkeypatch.setattr("bot.__main__._doctor", well)
    app, tenant, bob = (f"00000000-0000-0000-0000-00000000000{n}" for n in (1, 2, 3))
    begin = ["m3ter", "teams", "my app", app, "password", tenant, "triage", "19:triage@thread.tacv2"]
    rest = ["bob@vendor.example", bob, "Acme", "", "gold", "19:triage@thread.tacv2", "19:acme@thread.tacv2"]
    said = await init([*begin, *rest, "y"])
    assert (said.code, said.err) == (0, ""), said
    desk = load_desk(Path("frontline.toml"))
    assert desk.chats["teams"].agents == (bob,)
    assert [*map(str, desk.accounts["acme"].channels)] == ["teams:19:acme@thread.tacv2"]
    assert dotenv_values(".env")["MICROSOFT_APP_TENANT_ID"] == tenant
    assert files() == {"frontline.toml", ".env"}
    assert "frontline teams-package --website" in said.plain
    assert "docs/teams.md" in said.plain


async def well(page: str | None) -> int:
    return 0
