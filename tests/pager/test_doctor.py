"""`frontline doctor --page`: a test page by six protocols, each before its server on loopback."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from standardwebhooks.webhooks import Webhook

from adapters.slack import Slack
from adapters.teams.adapter import Teams
from bot import __main__ as root
from bot.clock import WallClock
from bot.config.settings import DeskSettings, load_desk
from bot.runtime.doctor import ways_to
from demo.slack import FakeSlack, Person
from tests.desk_file import SLACK, TEAMS, desk_file
from tests.memory_store import MemoryStore
from tests.pager.services import WEBHOOK_SECRET, Services, services_of, with_pages
from tests.process.desk_process import SECRET, TOKEN
from tests.teams.fake_connector import OURS, FakeMicrosoft, Refusal

SAID = "Test page for Dana. You do not need to do anything."


@dataclass
class Around:
    """Everything that a page to Dana may go to."""

    slack: FakeSlack
    dana: Person
    microsoft: FakeMicrosoft
    services: Services
    settings: DeskSettings

    async def pages(self, person: str = "dana") -> int:
        """The exit code of `frontline doctor --page`."""
        store, clock = MemoryStore(), WallClock()
        slack = Slack(TOKEN, SECRET, clock, api_url=self.slack.api_url)
        teams = Teams(OURS, clock, store, store.ticket_of, endpoints=self.microsoft.cloud)
        return await root._page(person, self.settings, [slack, teams, *services_of(self.settings)])

    def on_teams(self) -> list[str]:
        sent = [call for call in self.microsoft.calls if call.path.endswith("/activities")]
        return [SAID for call in sent if SAID in str(call.card)]


def desk_of(services: Services) -> str:
    rotas = {"first_line": ["bob", "dana"], "leadership": ["mia"]}
    file = desk_file(chats=[SLACK, TEAMS], platforms=["slack", "teams"], rotas=rotas)
    return with_pages(file, "dana", [services.ntfy, services.mailto]) + services.pagers()


@asynccontextmanager
async def around(folder: Path, services: Services, file: str) -> AsyncIterator[Around]:
    (folder / "frontline.toml").write_text(file, encoding="utf-8")
    settings, microsoft = load_desk(folder / "frontline.toml"), FakeMicrosoft()
    await microsoft.start()
    async with FakeSlack(signing_secret=SECRET, bot_token=TOKEN) as slack:
        yield Around(slack, slack.person("Dana", id="U0DANA"), microsoft, services, settings)
    await microsoft.stop()


async def test_a_test_page_by_six_protocols(
    tmp_path: Path, services: Services, capsys: pytest.CaptureFixture[str]
) -> None:
    """MON-18: whether a page can reach a person is known before an emergency."""
    async with around(tmp_path, services, desk_of(services)) as at:
        assert await at.pages() == 0
        assert [at.slack.text_of(message) for message in at.slack.dms(at.dana)] == [SAID]
        assert at.on_teams() == [SAID]
    assert services.at("/")[0].json["message"] == SAID
    (mail,) = services.mail
    body = mail.get_body(("plain", "html"))
    assert body is not None
    assert SAID in body.get_content()
    (trigger, incident), resolve = services.pagerduty()
    assert (trigger, resolve) == ("trigger", ("resolve", incident))
    assert services.at("/pagerduty")[0].json["payload"]["summary"] == SAID
    for request in services.at("/webhook"):
        Webhook(WEBHOOK_SECRET).verify(request.body, dict(request.headers))
    assert len({*services.pagerduty(), *services.webhook()}) == 4
    shown = capsys.readouterr().out.split("\n")
    ways = ("slack", "teams", "page (1)", "page (2)")
    for way in (*(f"people.dana.{each}" for each in ways), "pagers.pd", "pagers.hook"):
        assert f"ok     {way}: reached" in shown


async def test_each_way_that_fails_says_why_and_what_to_do(
    tmp_path: Path, services: Services, capsys: pytest.CaptureFixture[str]
) -> None:
    async with around(tmp_path, services, desk_of(services).replace("U0DANA", "U0GONE")) as at:
        at.microsoft.refuse = [Refusal(403, "BotNotInConversationRoster")] * 9
        services.statuses = {"/": [500], "/pagerduty": [503], "/webhook": [404]}
        services.headers = {"Retry-After": "3"}
        assert await at.pages() == 1
    shown = capsys.readouterr().out
    for way, fix in (
        ("people.dana.slack", "check people.dana.slack, and that the app may write to this person"),
        ("people.dana.teams", "check people.dana.teams, and that the app may write to this person"),
        ("people.dana.page (1)", "check the address, and that its service can be reached"),
        ("pagers.pd", "check the key, secret and url of pagers.pd"),
        ("pagers.hook", "check the key, secret and url of pagers.hook"),
    ):
        (line,) = [line for line in shown.split("\n") if f" {way}: " in line]
        assert line.startswith("fault  ")
        assert fix in line
    assert "ok     people.dana.page (2): reached" in shown
    assert "5 to fix" in shown


async def test_nobody_else_s_ways_are_used(tmp_path: Path, services: Services) -> None:
    """Mia holds no role with a pager, and has no address."""
    async with around(tmp_path, services, desk_of(services)) as at:
        mia = at.settings.people["mia"]
        assert [way.about for way in ways_to(at.settings, mia)] == ["people.mia.slack", "people.mia.teams"]


async def test_a_person_without_any_way_is_a_fault(
    tmp_path: Path, services: Services, capsys: pytest.CaptureFixture[str]
) -> None:
    alone = '\n[[people]]\nid = "lee"\nname = "Lee"\n'
    async with around(tmp_path, services, desk_of(services) + alone) as at:
        assert await at.pages("lee") == 1
    assert "people.lee: there is no way to page Lee; add" in capsys.readouterr().err


async def test_the_pager_of_a_role_that_nobody_holds_is_tested_by_its_name(
    tmp_path: Path, services: Services
) -> None:
    file = desk_of(services).replace('first_line = ["bob", "dana"]\n', "")
    async with around(tmp_path, services, file) as at:
        pd = at.settings.people["pd"]
        assert {way.about for way in ways_to(at.settings, pd)} == {"pagers.pd", "pagers.hook"}
        assert await at.pages("pd") == 0
