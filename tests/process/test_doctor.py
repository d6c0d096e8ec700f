"""`frontline doctor` reports what is healthy, what is not, and how to fix it."""

from __future__ import annotations

import asyncio
from pathlib import Path

from adapters.sql.migrate import migrate
from demo.slack import FakeSlack
from tests.desk_file import ROTAS, account, chat, desk_file
from tests.process.desk_process import SECRET, TOKEN, CommandResult, frontline

DESK = desk_file(
    chats=[chat("slack", "C0TRIAGE", ["S0SUPPORT"])],
    rotas={role: ["bob"] for role in ROTAS},
    people=["bob"],
    accounts=[account(tam=None)],
)


async def doctor(folder: Path, slack: FakeSlack, **more: str) -> CommandResult:
    (folder / "frontline.toml").write_text(DESK, encoding="utf-8")
    url = f"sqlite:///{folder}/desk.db"
    migrate(url)
    given = {
        "DATABASE_URL": url,
        "SLACK_API_URL": slack.api_url,
        "SLACK_BOT_TOKEN": TOKEN,
        "SLACK_SIGNING_SECRET": SECRET,
    }
    return await frontline("doctor", folder=folder, **{**given, **more})


async def test_a_healthy_desk_passes(tmp_path: Path) -> None:
    async with FakeSlack(signing_secret=SECRET, bot_token=TOKEN) as slack:
        bob = slack.person("Bob", id="U0BOB")
        slack.channel("triage", [bob], id="C0TRIAGE")
        slack.channel("acme", [bob], id="C0ACME")
        slack.group("support", [bob], id="S0SUPPORT")
        found = await doctor(tmp_path, slack)
    assert found.code == 0, found
    for line in (
        "ok     database: answers and can be written",
        "ok     messages: 0 wait to be delivered",
        "ok     clock: as Slack shows it",
        "ok     channel C0TRIAGE (triage): the bot is in #triage",
        "ok     channel C0ACME (acme): the bot is in #acme",
        "ok     user group S0SUPPORT (agents): 1 people",
        "ok     person U0BOB (bob): Bob",
        "Nothing is wrong.",
    ):
        assert line in found.out, found.out


async def test_each_problem_is_reported_with_its_fix(tmp_path: Path) -> None:
    wrong, unreachable = tmp_path / "wrong", tmp_path / "unreachable"
    for folder in (wrong, unreachable):
        folder.mkdir()
    async with FakeSlack(signing_secret=SECRET, bot_token=TOKEN) as slack:
        slack.channel("triage", [], id="C0TRIAGE", bot=False)
        slack.group("support", [], id="S0SUPPORT")
        found, refused = await asyncio.gather(
            doctor(wrong, slack), doctor(unreachable, slack, SLACK_BOT_TOKEN="xoxb-another")
        )
    assert (found.code, refused.code) == (1, 1)
    assert "fault  channel C0TRIAGE (triage): the bot is not in #triage; invite it there" in found.out
    assert "fault  channel C0ACME (acme): the bot cannot see it; invite it" in found.out
    assert "look   user group S0SUPPORT (agents): nobody is in it" in found.out
    assert "fault  person U0BOB (bob): nobody has this id" in found.out
    assert "3 to fix" in found.out
    assert "ok     database" in refused.out, "the rest is looked at all the same"
    assert "fault  slack: Slack refuses SLACK_BOT_TOKEN" in refused.out
    assert "xoxb-another" not in refused.out
