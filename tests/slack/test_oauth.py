"""Installing the app: agreed once, in one browser, in time; stored so that nobody can read it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest
from slack_bolt.async_app import AsyncBoltContext
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.authorization.async_authorize import AsyncInstallationStoreAuthorize

from adapters.slack import Slack, SlackFault
from adapters.slack.scopes import SCOPES
from adapters.slack.web_api import WebApi, client
from adapters.slack.workspaces.installation_store import TOPIC, EncryptedInstallationStore, SecretKeys
from adapters.slack.workspaces.token_rotation import LEASE, App, Renewal
from adapters.sql.store import connect
from bot.pad import Pad
from bot.views import Notice
from demo.slack import FakeSlack
from demo.slack.apps import Apps
from demo.slack.args import Args
from demo.slack.elements import Json
from sla_core.countdown import Tone
from tests.slack.conftest import Stopped
from tests.slack.offices import KEY, ORG, OTHER_KEY, Office, Real, opened, sharing
from tests.waiting import turns


@pytest.fixture
async def office() -> AsyncIterator[Office]:
    async with FakeSlack(bot_token="") as slack, opened(slack, Pad()) as made:
        slack.bot_url = f"{made.url}/slack/events"
        yield made
        assert slack.complaints == []


async def test_the_link_leads_to_slack_with_every_scope(office: Office) -> None:
    there = urlsplit(await office.begun())
    assert there.path == "/oauth/v2/authorize"
    asked = parse_qs(there.query)
    assert asked["client_id"] == ["1.2"]
    assert set(asked["scope"][0].split(",")) == SCOPES
    assert "redirect_uri" not in asked


async def test_the_browsers_mark_is_kept_from_others(office: Office) -> None:
    behind_a_proxy = {"X-Forwarded-Proto": "https"}
    address = f"{office.url}/slack/install"
    async with office.browser.get(address, headers=behind_a_proxy, allow_redirects=False) as answer:
        mark = answer.headers["Set-Cookie"]
    assert all(word in mark for word in ("HttpOnly", "SameSite=Lax", "Secure", "Max-Age=600"))


async def test_who_agrees_is_installed_and_served_at_once(office: Office) -> None:
    status, page = await office.install(office.slack)
    assert status == 200
    assert "Frontline is installed in Vendor" in page
    bob = office.slack.person("Bob")
    general = office.slack.channel("general", [bob])
    assert (await office.slack.command(bob, general, "/support")).status == 200
    [heard] = office.desk.heard
    assert (heard.actor.team, heard.actor.user.home) == ("T0VENDOR", "T0VENDOR")


async def test_what_is_stored_tells_no_token(office: Office) -> None:
    await office.install(office.slack)
    [token] = office.slack.apps.bearers
    [sealed] = office.notes.pages[TOPIC].values()
    assert token not in str(office.notes.pages)
    opened_up = SecretKeys(KEY).unseal(sealed)
    assert opened_up is not None
    assert token in opened_up
    assert token not in repr(await office.stored())


async def test_nothing_is_logged_of_tokens_and_codes(
    office: Office, capsys: pytest.CaptureFixture[str]
) -> None:
    office.slack.apps.rotates = True
    agreed = office.slack.apps.agree(await office.begun(), office.slack.world)
    await office.returned(agreed)
    office.clock.gone_by = timedelta(hours=11)
    await office.look()
    await office.slack.uninstall()
    said = "".join(capsys.readouterr())
    assert "the app was installed" in said
    assert "slack token renewed" in said
    secrets = {*office.slack.apps.bearers, *office.slack.apps.refreshers, *office.slack.apps.spent}
    assert not [secret for secret in secrets | {"client-secret", KEY} if secret in said]


async def test_the_same_answer_counts_once(office: Office) -> None:
    agreed = office.slack.apps.agree(await office.begun(), office.slack.world)
    assert (await office.returned(agreed))[0] == 200
    status, page = await office.returned(agreed)
    assert status == 400
    assert "used already" in page
    assert office.slack.apps.exchanges == 1


async def test_of_two_answers_at_once_one_counts(office: Office) -> None:
    agreed = office.slack.apps.agree(await office.begun(), office.slack.world)
    answers = await asyncio.gather(office.returned(agreed), office.returned(agreed))
    assert sorted(status for status, _ in answers) == [200, 400]
    assert office.slack.apps.exchanges == 1


async def test_it_has_to_be_done_within_ten_minutes(office: Office) -> None:
    agreed = office.slack.apps.agree(await office.begun(), office.slack.world)
    office.clock.gone_by = timedelta(minutes=11)
    status, page = await office.returned(agreed)
    assert status == 400
    assert "more than ten minutes" in page
    assert office.notes.pages.get(TOPIC) is None


async def test_another_browser_cannot_finish_it(office: Office) -> None:
    agreed = office.slack.apps.agree(await office.begun(), office.slack.world)
    where = f"{office.url}/slack/oauth_redirect"
    async with aiohttp.ClientSession() as stranger, stranger.get(where, params=agreed) as answer:
        assert answer.status == 400
        assert "another browser" in await answer.text()
    assert office.slack.apps.exchanges == 0


async def test_the_address_is_not_enough_to_make_the_cookie(office: Office) -> None:
    agreed = office.slack.apps.agree(await office.begun(), office.slack.world)
    where, forged = f"{office.url}/slack/oauth_redirect", {"frontline-install": agreed["state"]}
    async with (
        aiohttp.ClientSession(cookies=forged, cookie_jar=aiohttp.CookieJar(unsafe=True)) as thief,
        thief.get(where, params=agreed) as answer,
    ):
        assert answer.status == 400
        assert "another browser" in await answer.text()
    assert office.slack.apps.exchanges == 0


@pytest.mark.parametrize(
    ("given", "status", "words"),
    [
        ({"error": "access_denied"}, 200, "You chose not to install it"),
        ({"error": "<b>odd"}, 400, "&lt;b&gt;odd"),
        ({"code": "x"}, 400, "did not begin on our page"),
        ({"code": "x", "state": "forged"}, 400, "not begun on our page"),
        ({"code": "x", "state": "\ud83d"}, 400, "not begun on our page"),
        ({}, 400, "did not begin on our page"),
    ],
)
async def test_each_failure_has_a_calm_page(
    office: Office, given: dict[str, str], status: int, words: str
) -> None:
    query = {name: value.encode("utf-8", "replace").decode() for name, value in given.items()}
    found, page = await office.returned(query)
    assert found == status
    assert words in page
    assert 'href="install"' in page
    assert office.notes.pages.get(TOPIC) is None


async def test_a_code_that_slack_does_not_know(office: Office) -> None:
    agreed = office.slack.apps.agree(await office.begun(), office.slack.world)
    status, page = await office.returned(agreed | {"code": "made-up"})
    assert status == 400
    assert "did not accept the code (invalid_code)" in page


async def test_no_code_at_all(office: Office) -> None:
    agreed = office.slack.apps.agree(await office.begun(), office.slack.world)
    assert "no code" in (await office.returned({"state": agreed["state"]}))[1]


async def test_scopes_that_are_missing_are_named(office: Office) -> None:
    fewer = sorted(SCOPES - {"chat:write"})
    status, page = await office.install(office.slack, scopes=fewer)
    assert status == 400
    assert "more permissions than it was given: chat:write." in page
    assert office.notes.pages.get(TOPIC) is None


@pytest.mark.parametrize("method", ["oauth.v2.access", "auth.test"])
async def test_slack_that_does_not_answer(office: Office, method: str) -> None:
    office.slack.fail_next(method, status=503)
    status, page = await office.install(office.slack)
    assert status == 503
    assert "try again" in page
    assert office.notes.pages.get(TOPIC) is None


async def test_a_wrong_client_secret_is_the_operators_to_mend(
    office: Office, capsys: pytest.CaptureFixture[str]
) -> None:
    office.slack.apps.client_secret = "changed"
    status, page = await office.install(office.slack)
    assert status == 400
    assert "our operators have been told" in page
    assert "check SLACK_CLIENT_ID, SLACK_CLIENT_SECRET" in capsys.readouterr().out


async def test_a_database_that_fails_shows_no_traceback(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(topic: str, key: str, value: str, expires_at: datetime | None = None) -> None:
        raise RuntimeError("the disk is full")

    monkeypatch.setattr(office.notes, "note", broken)
    status, page = await office.install(office.slack)
    assert status == 503
    assert "did not work on our side" in page
    assert "disk" not in page


async def test_an_organisation_is_kept_as_one_and_led_on(office: Office) -> None:
    status, there = await office.install(office.slack, enterprise=ORG, everywhere=[office.slack.world])
    assert status == 302
    assert there == "https://app.slack.com/manage/E0MEGA/integrations/profile/A0FRONTLINE/workspaces/add"
    assert set(office.notes.pages[TOPIC]) == {"E0MEGA"}


async def test_installing_again_replaces_the_token(office: Office) -> None:
    await office.install(office.slack)
    await office.slack.uninstall()
    await office.install(office.slack)
    bob = office.slack.person("Bob")
    general = office.slack.channel("general", [bob])
    assert (await office.slack.command(bob, general, "/support")).status == 200
    assert len(office.desk.heard) == 1


# --- what is stored


STORED_BY_THE_LAST_RELEASE = """{"id":"T0VENDOR","name":"Vendor","token":"xoxb-before",
"bot_user":"U0FRONTLINE","bot_id":"B0FRONTLINE","bot_name":"frontline","enterprise":"","refresh":"",
"ends_at":0,"since":1763000000,"gone":false}"""


async def test_what_the_last_release_stored_is_served_on() -> None:
    notes = Pad()
    await notes.note(TOPIC, "T0VENDOR", SecretKeys(KEY).seal(STORED_BY_THE_LAST_RELEASE))
    async with FakeSlack(bot_token="xoxb-before") as slack, opened(slack, notes) as office:
        slack.bot_url = f"{office.url}/slack/events"
        bob = slack.person("Bob")
        assert (await slack.command(bob, slack.channel("general", [bob]), "/support")).status == 200
        [heard] = office.desk.heard
        assert heard.actor.team == "T0VENDOR"
        await office.ours.post(heard.place, Notice(("Hello.",), Tone.CALM), None)
        assert slack.complaints == []


async def test_bolts_own_authorization_finds_what_is_stored(office: Office) -> None:
    """So the store keeps to Bolt's protocol."""
    await office.install(office.slack)
    [token] = office.slack.apps.bearers
    store, asks = office.workspaces._store, client(None, office.slack.api_url, None)
    bolt = AsyncInstallationStoreAuthorize(
        logger=logging.getLogger("bolt"), installation_store=store, bot_only=True
    )
    context = AsyncBoltContext(client=asks, is_enterprise_install=False)

    async def authorized() -> AuthorizeResult | None:
        return await bolt(context=context, enterprise_id=None, team_id="T0VENDOR", user_id="U0BOB")

    found = await authorized()
    assert found is not None
    assert (found.bot_token, found.team_id) == (token, "T0VENDOR")
    await store.async_delete_all(enterprise_id=None, team_id="T0VENDOR")
    assert await authorized() is None
    assert (await office.stored()).gone


# --- keys


async def test_a_lost_key_is_a_fault_with_its_cure(office: Office) -> None:
    await office.install(office.slack)
    again = sharing(office.notes, Real(), OTHER_KEY)
    ours = Slack("", "secret", Stopped(), api_url=office.slack.api_url, sharing=again)
    with pytest.raises(
        SlackFault, match=r"FRONTLINE_SECRET_KEY does not open .* T0VENDOR: add the key"
    ) as caught:
        await ours.start()
    assert "\n" not in str(caught.value)
    assert OTHER_KEY not in str(caught.value)


@pytest.mark.parametrize("key", ["", "short", "x" * 44, f"{KEY},short", "ключ"])
def test_a_key_that_is_none_is_a_fault(key: str) -> None:
    with pytest.raises(SlackFault, match=r"^FRONTLINE_SECRET_KEY .*openssl rand -base64 32") as caught:
        Slack("", "secret", Stopped(), sharing=sharing(Pad(), Real(), key))
    assert KEY not in str(caught.value)


async def test_keys_are_changed_by_putting_the_new_one_in_front(office: Office) -> None:
    await office.install(office.slack)
    async with opened(office.slack, office.notes, f"{OTHER_KEY},{KEY}"):
        pass
    [sealed] = office.notes.pages[TOPIC].values()
    assert SecretKeys(OTHER_KEY).unseal(sealed) is not None, "sealed anew, so that the old one can go"
    async with opened(office.slack, office.notes, OTHER_KEY):
        pass


# --- tokens that end


async def rotating(office: Office) -> Apps:
    office.slack.apps.rotates = True
    assert (await office.install(office.slack))[0] == 200
    return office.slack.apps


async def test_a_token_is_renewed_when_less_than_two_hours_remain(office: Office) -> None:
    apps = await rotating(office)
    office.clock.gone_by = timedelta(hours=9, minutes=59)
    await office.look()
    assert apps.exchanges == 1
    office.clock.gone_by = timedelta(hours=10, minutes=1)
    await office.look()
    assert apps.exchanges == 2
    await office.look()
    assert apps.exchanges == 2


async def test_two_processes_do_not_both_renew(office: Office) -> None:
    apps = await rotating(office)
    async with opened(office.slack, office.notes) as other:
        office.clock.gone_by = other.clock.gone_by = timedelta(hours=11)
        await asyncio.gather(
            office.look(),
            other.look(),
            office.look(),
        )
        for _ in range(2):
            await office.look()
            await other.look()
        assert apps.exchanges == 2
        tokens = {made.workspaces._here["T0VENDOR"].api.token for made in (office, other)}
        assert len(tokens) == 1


@pytest.mark.parametrize("database", ["sqlite", "postgres"])
async def test_two_processes_renew_a_token_once(
    office: Office, tmp_path: Path, request: pytest.FixtureRequest, database: str
) -> None:
    apps = await rotating(office)
    file = f"sqlite:///{tmp_path}/frontline.db"
    url = file if database == "sqlite" else str(request.getfixturevalue("postgres_url"))
    api = WebApi("", office.slack.api_url)
    api.connect()
    async with connect(url) as one, connect(url) as other:
        stores = [EncryptedInstallationStore(notes, SecretKeys(KEY)) for notes in (one, other)]
        await stores[0].async_save_bot((await office.stored()).bot())
        processes = [
            Renewal(store, notes, api, App("1.2", "client-secret"), Real(timedelta(hours=11)))
            for store, notes in zip(stores, (one, other), strict=True)
        ]
        for _ in range(3):
            await asyncio.gather(*(process.renewed("T0VENDOR") for process in processes))
        kept, same = [await store.find("T0VENDOR") for store in stores]
        assert kept == same
        assert kept is not None
        assert kept.token in apps.bearers
    await api.close()
    assert apps.exchanges == 2
    assert [call for call in office.slack.calls_to("oauth.v2.access") if call.error] == []


async def test_the_lock_of_a_process_that_died_runs_out(office: Office) -> None:
    apps = await rotating(office)
    office.clock.gone_by = timedelta(hours=11)
    now = office.clock.now()
    assert await office.notes.try_lock("slack-renewal/T0VENDOR", "dead", now + LEASE, now)
    await office.look()
    assert apps.exchanges == 1
    office.clock.gone_by += LEASE
    await office.look()
    assert apps.exchanges == 2
    now = office.clock.now()
    assert await office.notes.try_lock("slack-renewal/T0VENDOR", "next", now + LEASE, now), "it is free again"


async def test_a_refresh_token_that_was_used_elsewhere_is_read_again(office: Office) -> None:
    """A process that slept over its claim comes too late, and finds what the other one stored."""
    apps = await rotating(office)
    async with opened(office.slack, office.notes) as other:
        stale = await office.stored()
        other.clock.gone_by = timedelta(hours=11)
        await other.look()
        renewed = await office.workspaces._renewal._renew(stale)
        assert renewed is not None
        assert renewed.token in apps.bearers
        assert renewed.refresh != stale.refresh


async def test_a_renewal_that_slack_refuses_is_told_and_the_token_is_kept(
    office: Office, capsys: pytest.CaptureFixture[str]
) -> None:
    apps = await rotating(office)
    apps.refreshers.clear()
    office.clock.gone_by = timedelta(hours=11)
    await office.look()
    assert "slack renews no token: install the app again at /slack/install" in capsys.readouterr().out
    assert (await office.stored()).token in apps.bearers


@pytest.mark.parametrize("missing", ["expires_in", "access_token", "token_type"])
async def test_a_renewal_that_slack_answers_incompletely_changes_nothing(
    office: Office, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], missing: str
) -> None:
    apps = await rotating(office)
    before, whole = await office.stored(), apps.access

    def access(args: Args, authorization: str) -> Json:
        answer = whole(args, authorization)
        del answer[missing]
        return answer

    monkeypatch.setattr(apps, "access", access)
    office.clock.gone_by = timedelta(hours=11)
    await office.look()
    assert apps.exchanges == 2
    assert await office.stored() == before
    said = capsys.readouterr().out
    assert "the refresh token may be used up" in said
    assert "slack token renewed" not in said


@pytest.mark.parametrize("refresh", [None, "", 7])
async def test_a_renewal_that_names_no_refresh_token_leaves_the_old_one(
    office: Office, monkeypatch: pytest.MonkeyPatch, refresh: object
) -> None:
    """Without one the installation would end with its token, and nothing would try to renew it."""
    apps = await rotating(office)
    before, whole = await office.stored(), apps.access
    monkeypatch.setattr(apps, "access", lambda *given: whole(*given) | {"refresh_token": refresh})
    office.clock.gone_by = timedelta(hours=11)
    await office.look()
    after = await office.stored()
    assert after.token != before.token
    assert after.ends_at > before.ends_at
    assert after.refresh == before.refresh


class Shuffled(Pad):
    """Gives way to others at every chance, in an order of its own."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._random = Random(seed)

    async def _give_way(self) -> None:
        await turns(self._random.randrange(4))

    async def note(self, topic: str, key: str, value: str, expires_at: datetime | None = None) -> None:
        await self._give_way()
        await super().note(topic, key, value, expires_at)
        await self._give_way()

    async def noted(self, topic: str, key: str) -> str | None:
        await self._give_way()
        return await super().noted(topic, key)

    async def try_lock(self, name: str, holder: str, until: datetime, now: datetime) -> bool:
        await self._give_way()
        had = await super().try_lock(name, holder, until, now)
        await self._give_way()
        return had


@pytest.mark.parametrize("seed", range(25))
async def test_however_they_interleave_no_refresh_token_is_used_twice(seed: int) -> None:
    notes, clock = Shuffled(seed), Real()
    async with FakeSlack(bot_token="", apps=Apps(rotates=True)) as slack, opened(slack, notes) as office:
        assert (await office.install(slack))[0] == 200
        clock.gone_by = timedelta(hours=11)
        api = WebApi("", slack.api_url)
        api.connect()
        installs = EncryptedInstallationStore(notes, SecretKeys(KEY))
        many = [Renewal(installs, notes, api, App("1.2", "client-secret"), clock) for _ in range(4)]
        for _ in range(8):
            await asyncio.gather(*(one.renewed("T0VENDOR") for one in many))
        await api.close()
        assert slack.apps.exchanges == 2
        refused = [call for call in slack.calls_to("oauth.v2.access") if call.error]
        assert refused == []
