"""Which channels `frontline doctor` says can be posted to."""

from __future__ import annotations

from pathlib import Path

from bot.config.settings import load_desk
from bot.model.address import Place
from bot.model.views import Notice
from bot.runtime.doctor import Health
from tests.platforms.desk_files import ON_TEAMS
from tests.teams.activities import activity
from tests.teams.conftest import TeamsWithDesk
from tests.teams.fake_connector import Refusal

NOT_THERE = Refusal(403, "BotNotInConversationRoster")


async def findings(teams_desk: TeamsWithDesk, folder: Path) -> list[tuple[Health, str]]:
    """Of the channels of triage and of Acme, in this order."""
    (folder / "frontline.toml").write_text(ON_TEAMS, encoding="utf-8")
    settings = load_desk(folder / "frontline.toml")
    return [(each.health, each.says) async for each in teams_desk.teams.examine(settings)][1:3]


async def test_a_channel_where_nobody_has_written_yet_can_be_posted_to(
    teams_desk: TeamsWithDesk, tmp_path: Path
) -> None:
    assert [health for health, _ in await findings(teams_desk, tmp_path)] == [Health.OK, Health.OK]
    assert await teams_desk.teams.post(Place("teams", "19:acme@thread.tacv2"), Notice(("Hello",)), None)


async def test_a_channel_without_the_app_is_a_fault_that_says_where_to_add_it(
    teams_desk: TeamsWithDesk, tmp_path: Path
) -> None:
    teams_desk.microsoft.refuse = [None, NOT_THERE]
    triage, acme = await findings(teams_desk, tmp_path)
    assert triage[0] is Health.OK
    assert acme[0] is Health.FAULT
    assert "the bot is not in this conversation" in acme[1]
    assert acme[1].endswith("add the app to its team, or to the channel itself if it is shared or private")


async def test_a_channel_that_cannot_be_checked_is_no_good_news(
    teams_desk: TeamsWithDesk, tmp_path: Path
) -> None:
    teams_desk.microsoft.refuse = [Refusal(503)]
    triage, acme = await findings(teams_desk, tmp_path)
    assert (triage[0], acme[0]) == (Health.FAULT, Health.OK)
    assert triage[1].startswith("could not be checked: ")
    assert triage[1].endswith("; try again")


async def test_a_channel_that_the_app_may_not_read_is_named(
    teams_desk: TeamsWithDesk, tmp_path: Path
) -> None:
    """Teams does not say what the owner has allowed, so only a message that arrived is proof."""
    (tmp_path / "frontline.toml").write_text(ON_TEAMS, encoding="utf-8")
    settings = load_desk(tmp_path / "frontline.toml")

    async def doubts() -> list[str]:
        found = [each async for each in teams_desk.teams.examine(settings)]
        return [each.says for each in found if each.health is Health.WARNING]

    [doubt] = await doubts()
    assert "ChannelMessage.Read.Group" in doubt
    said = activity(teams_desk.microsoft.service, id="7", text="lunch?")
    said["conversation"]["id"] = "19:acme@thread.tacv2;messageid=7"
    await teams_desk.send(said)
    await teams_desk.settled()
    assert await doubts() == []
