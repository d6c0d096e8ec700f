"""The real process with phones and pagers: pages out, acknowledgements back, and `doctor --page`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from demo.slack import FakeSlack
from sla_core.events import Alerted
from tests.desk_file import desk_file
from tests.harness import DESK_FILE, S1
from tests.pager.services import (
    VARIABLES,
    Services,
    Signed,
    acknowledged_in_pagerduty,
    running,
    with_pages,
)
from tests.process.desk_process import SECRET, TOKEN, CommandResult, DeskProcess, frontline
from tests.process.live_site import CALM_PAGING, LiveSite
from tests.waiting import eventually

PAGERS = """
[[pagers]]
name = "pd"
kind = "pagerduty"
role = "first_line"
key = "$PD_ROUTING_KEY"
secret = "$PD_WEBHOOK_SECRET"
url = "$PD_URL"

[[pagers]]
name = "hook"
kind = "webhook"
role = "first_line"
secret = "$HOOK_SECRET"
url = "$HOOK_URL"
"""


@pytest.fixture
async def services() -> AsyncIterator[Services]:
    async with running() as made:
        yield made


def variables(services: Services) -> dict[str, str]:
    return {
        **VARIABLES,
        "PD_URL": f"{services.address}/pagerduty",
        "HOOK_URL": f"{services.address}/webhook",
        "BOB_PHONE": services.ntfy,
        "BOB_MAIL": services.mailto,
    }


def with_phones(file: str) -> str:
    return with_pages(file, "bob", ["$BOB_PHONE", "$BOB_MAIL"]) + PAGERS


async def sends(url: str, signed: Signed) -> int:
    body, headers = signed
    async with aiohttp.ClientSession() as session, session.post(url, data=body, headers=headers) as answer:
        return answer.status


async def test_a_page_goes_out_and_its_acknowledgement_comes_back(tmp_path: Path, services: Services) -> None:
    """MON-16, MON-18: with a link to the card; the answer takes the buttons and ends the incident's ring."""
    async with LiveSite(tmp_path, speed=1) as site:
        file = with_phones(DESK_FILE) + CALM_PAGING
        (tmp_path / "frontline.toml").write_text(file, encoding="utf-8")
        desk = await site.opens(**variables(services))
        card = await site.opened(S1, "All is down")
        await eventually(lambda: services.pagerduty() and services.webhook() and services.at("/"))
        await eventually(lambda: services.mail and site.slack.dms(site.bob))
        (event,), (pushed,) = services.at("/pagerduty"), services.at("/")
        assert event.json["dedup_key"] == "ACME-1"
        (link,) = event.json["links"]
        assert link["text"] == "Open ACME-1"
        assert link["href"] in pushed.json["message"]
        hook = f"{desk.address}/hooks/pager/pd"
        assert await sends(hook, acknowledged_in_pagerduty("ACME-1", "Bob")) == 202
        assert await sends(hook, (b"{}", {})) == 401
        (page,) = site.slack.dms(site.bob)
        await site.until(lambda: not site.slack.buttons(page))
        assert "Bob has this ticket." in site.text(page)
        await eventually(lambda: services.pagerduty() == [("trigger", "ACME-1"), ("acknowledge", "ACME-1")])
        await site.until(lambda: "acknowledged the page" in site.thread(site.agents_card(card))[-1])
        assert (await site.fills(site.bob, site.agents_card(card), "Resolve", text="It runs.")).closed
        await eventually(lambda: services.pagerduty()[-1] == ("resolve", "ACME-1"))
        await eventually(lambda: services.webhook()[-1] == ("page.resolved", "ACME-1"))
        assert desk.troubles() == []
        logged = str(desk.logged)
        for secret in (*VARIABLES.values(), services.host):
            assert secret not in logged
        assert await site.stopped() == 0
        answers = [e for e in (await site.history())["ACME-1"] if isinstance(e, Alerted)]
        assert [(e.act, e.by.id) for e in answers] == [("acknowledge", "slack::U0BOB")]


@pytest.mark.parametrize("command", ["serve", "doctor"])
async def test_a_missing_variable_stops_the_start_and_not_the_check(
    tmp_path: Path, services: Services, command: str
) -> None:
    (tmp_path / "frontline.toml").write_text(with_phones(desk_file()), encoding="utf-8")
    given = {"SLACK_BOT_TOKEN": TOKEN, "SLACK_SIGNING_SECRET": SECRET}
    missing = await frontline(command, folder=tmp_path, **given)
    assert missing.code == 1
    assert {line.split(": ")[1] for line in missing.faults} == {*variables(services)}
    assert all(line.startswith("environment: ") for line in missing.faults)
    assert all(line.endswith("in frontline.toml names it") for line in missing.faults)
    assert (await frontline("check", str(tmp_path), folder=tmp_path)).code == 0


async def doctor(folder: Path, services: Services, person: str, **more: str) -> CommandResult:
    async with FakeSlack(signing_secret=SECRET, bot_token=TOKEN) as slack:
        bob = slack.person("Bob", id="U0BOB")
        slack.channel("triage", [bob], id="C0TRIAGE")
        (folder / "frontline.toml").write_text(with_phones(desk_file()), encoding="utf-8")
        given = {"SLACK_API_URL": slack.api_url, "SLACK_BOT_TOKEN": TOKEN, "SLACK_SIGNING_SECRET": SECRET}
        found = await frontline(
            "doctor", "--page", person, folder=folder, **{**given, **variables(services), **more}
        )
        direct = [slack.text_of(message) for message in slack.dms(bob)]
    if person == "bob":
        assert direct == ["Test page for Bob. You do not need to do anything."]
    return found


async def test_a_test_page_takes_every_way(tmp_path: Path, services: Services) -> None:
    found = await doctor(tmp_path, services, "bob")
    assert found.code == 0, found
    for way in ("people.bob.slack", "people.bob.page (1)", "people.bob.page (2)", "pagers.pd", "pagers.hook"):
        assert f"ok     {way}: reached" in found.out
    said = "Test page for Bob. You do not need to do anything."
    assert services.at("/")[0].json["message"] == said
    assert len(services.mail) == 1
    (triggered, incident), resolved = services.pagerduty()
    assert (triggered, resolved) == ("trigger", ("resolve", incident))
    assert [kind for kind, _ in services.webhook()] == ["page.triggered", "page.resolved"]
    assert not (tmp_path / "frontline.db").exists()


async def test_a_way_that_fails_is_named_with_what_to_do(tmp_path: Path, services: Services) -> None:
    services.statuses = {"/": [403], "/pagerduty": [401]}
    found = await doctor(tmp_path, services, "bob")
    assert found.code == 1
    assert (
        "fault  people.bob.page (1): not reached: Apprise could not send it; check the address" in found.out
    )
    assert "fault  pagers.pd: not reached: the pager answers with status 401" in found.out
    assert "ok     pagers.hook: reached" in found.out
    assert "2 to fix" in found.out


async def test_an_unknown_person_lists_the_known_ones(tmp_path: Path, services: Services) -> None:
    found = await doctor(tmp_path, services, "rob")
    assert (found.code, found.faults) == (
        1,
        ['--page: there is no person "rob"; known are bob, dana, eve, kim, mia'],
    )


async def test_an_address_that_apprise_does_not_know_stops_the_desk(
    tmp_path: Path, services: Services
) -> None:
    """`frontline serve` names the person and not the address."""
    (tmp_path / "frontline.toml").write_text(with_phones(desk_file()), encoding="utf-8")
    async with FakeSlack(signing_secret=SECRET, bot_token=TOKEN) as slack:
        given = {"SLACK_API_URL": slack.api_url, "SLACK_BOT_TOKEN": TOKEN, "SLACK_SIGNING_SECRET": SECRET}
        told = variables(services) | {"BOB_PHONE": "pigeon://loft-7"}
        refused = await frontline("serve", folder=tmp_path, **given, **told)
        examined = await frontline("doctor", folder=tmp_path, **given, **told)
    says = "people.bob.page (1): Apprise does not understand this address"
    assert (refused.code, examined.code) == (1, 1)
    assert refused.faults[-1].startswith(says)
    assert says in examined.out
    assert "loft-7" not in refused.err + examined.out


async def test_a_started_desk_answers_only_for_its_pagers(tmp_path: Path, services: Services) -> None:
    (tmp_path / "frontline.toml").write_text(with_phones(DESK_FILE), encoding="utf-8")
    async with FakeSlack(signing_secret=SECRET, bot_token=TOKEN) as slack:
        given = {"SLACK_API_URL": slack.api_url, "SLACK_BOT_TOKEN": TOKEN, "SLACK_SIGNING_SECRET": SECRET}
        desk = await DeskProcess.start(tmp_path, **given, **variables(services))
        try:
            sent = acknowledged_in_pagerduty("ACME-1", "Bob")
            assert await sends(f"{desk.address}/hooks/pager/old", sent) == 404
            assert await sends(f"{desk.address}/hooks/pager/pd", sent) == 202, "an unknown ticket"
            assert desk.troubles() == []
        finally:
            await desk.kill()
