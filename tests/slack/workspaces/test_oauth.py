"""Installing the app: accepted once, in one browser, in time, and stored encrypted."""

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
from adapters.slack.outbound.web_api import SCOPES, WebApi, client
from adapters.slack.workspaces.installation_store import TOPIC, EncryptedInstallationStore, SecretKeys
from adapters.slack.workspaces.token_rotation import LEASE, AppCredentials, TokenRenewal
from adapters.sql.store import connect
from bot.desk.desk import InMemoryKeyValueStore
from bot.model.views import Notice
from demo.slack import FakeSlack
from demo.slack.elements import Json
from demo.slack.web_api.apps import Apps
from demo.slack.web_api.args import Args
from sla_core.promise import Tone
from tests.scripted_desk import StoppedClock
from tests.slack.installable_desk import (
    KEY,
    ORG,
    OTHER_KEY,
    InstallableDesk,
    RealClockAhead,
    oauth_settings,
    opened,
)
from tests.waiting import turns


@pytest.fixture
async def installable() -> AsyncIterator[InstallableDesk]:
    async with FakeSlack(bot_token="") as slack, opened(slack, InMemoryKeyValueStore()) as made:
        slack.bot_url = f"{made.url}/slack/events"
        yield made
        assert slack.complaints == []


async def test_the_link_leads_to_slack_with_every_scope(installable: InstallableDesk) -> None:
    there = urlsplit(await installable.authorize_url())
    assert there.path == "/oauth/v2/authorize"
    asked = parse_qs(there.query)
    assert asked["client_id"] == ["1.2"]
    assert set(asked["scope"][0].split(",")) == SCOPES
    assert "redirect_uri" not in asked


async def test_the_browsers_mark_is_kept_from_others(installable: InstallableDesk) -> None:
    behind_a_proxy = {"X-Forwarded-Proto": "https"}
    address = f"{installable.url}/slack/install"
    async with installable.browser.get(address, headers=behind_a_proxy, allow_redirects=False) as answer:
        mark = answer.headers["Set-Cookie"]
    assert all(word in mark for word in ("HttpOnly", "SameSite=Lax", "Secure", "Max-Age=600"))


async def test_who_agrees_is_installed_and_served_at_once(installable: InstallableDesk) -> None:
    status, page = await installable.install(installable.slack)
    assert status == 200
    assert "Frontline is installed in Vendor" in page
    bob = installable.slack.person("Bob")
    general = installable.slack.channel("general", [bob])
    assert (await installable.slack.command(bob, general, "/support")).status == 200
    [heard] = installable.desk.heard
    assert (heard.actor.team, heard.actor.user.home) == ("T0VENDOR", "T0VENDOR")


async def test_what_is_stored_tells_no_token(installable: InstallableDesk) -> None:
    await installable.install(installable.slack)
    [token] = installable.slack.apps.grants
    [encrypted] = installable.notes.topics[TOPIC].values()
    assert token not in str(installable.notes.topics)
    opened_up = SecretKeys(KEY).decrypt(encrypted)
    assert opened_up is not None
    assert token in opened_up
    assert token not in repr(await installable.stored())


async def test_nothing_is_logged_of_tokens_and_codes(
    installable: InstallableDesk, capsys: pytest.CaptureFixture[str]
) -> None:
    installable.slack.apps.rotates = True
    agreed = installable.slack.apps.authorize(await installable.authorize_url(), installable.slack.workspace)
    await installable.callback(agreed)
    installable.clock.ahead = timedelta(hours=11)
    await installable.refresh()
    await installable.slack.uninstall()
    said = "".join(capsys.readouterr())
    assert "the app was installed" in said
    assert "slack token renewed" in said
    secrets = {
        *installable.slack.apps.grants,
        *installable.slack.apps.refresh_tokens,
        *installable.slack.apps.used_codes,
    }
    assert not [secret for secret in secrets | {"client-secret", KEY} if secret in said]


async def test_the_same_answer_counts_once(installable: InstallableDesk) -> None:
    agreed = installable.slack.apps.authorize(await installable.authorize_url(), installable.slack.workspace)
    assert (await installable.callback(agreed))[0] == 200
    status, page = await installable.callback(agreed)
    assert status == 400
    assert "used already" in page
    assert installable.slack.apps.exchanges == 1


async def test_of_two_answers_at_once_one_counts(installable: InstallableDesk) -> None:
    agreed = installable.slack.apps.authorize(await installable.authorize_url(), installable.slack.workspace)
    answers = await asyncio.gather(installable.callback(agreed), installable.callback(agreed))
    assert sorted(status for status, _ in answers) == [200, 400]
    assert installable.slack.apps.exchanges == 1


async def test_it_has_to_be_done_within_ten_minutes(installable: InstallableDesk) -> None:
    agreed = installable.slack.apps.authorize(await installable.authorize_url(), installable.slack.workspace)
    installable.clock.ahead = timedelta(minutes=11)
    status, page = await installable.callback(agreed)
    assert status == 400
    assert "more than ten minutes" in page
    assert installable.notes.topics.get(TOPIC) is None


async def test_another_browser_cannot_finish_it(installable: InstallableDesk) -> None:
    agreed = installable.slack.apps.authorize(await installable.authorize_url(), installable.slack.workspace)
    where = f"{installable.url}/slack/oauth_redirect"
    async with aiohttp.ClientSession() as stranger, stranger.get(where, params=agreed) as answer:
        assert answer.status == 400
        assert "another browser" in await answer.text()
    assert installable.slack.apps.exchanges == 0


async def test_the_address_is_not_enough_to_make_the_cookie(installable: InstallableDesk) -> None:
    agreed = installable.slack.apps.authorize(await installable.authorize_url(), installable.slack.workspace)
    where, forged = f"{installable.url}/slack/oauth_redirect", {"frontline-install": agreed["state"]}
    async with (
        aiohttp.ClientSession(cookies=forged, cookie_jar=aiohttp.CookieJar(unsafe=True)) as thief,
        thief.get(where, params=agreed) as answer,
    ):
        assert answer.status == 400
        assert "another browser" in await answer.text()
    assert installable.slack.apps.exchanges == 0


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
    installable: InstallableDesk, given: dict[str, str], status: int, words: str
) -> None:
    query = {name: value.encode("utf-8", "replace").decode() for name, value in given.items()}
    found, page = await installable.callback(query)
    assert found == status
    assert words in page
    assert 'href="install"' in page
    assert installable.notes.topics.get(TOPIC) is None


async def test_a_code_that_slack_does_not_know(installable: InstallableDesk) -> None:
    agreed = installable.slack.apps.authorize(await installable.authorize_url(), installable.slack.workspace)
    status, page = await installable.callback(agreed | {"code": "made-up"})
    assert status == 400
    assert "did not accept the code (invalid_code)" in page


async def test_no_code_at_all(installable: InstallableDesk) -> None:
    agreed = installable.slack.apps.authorize(await installable.authorize_url(), installable.slack.workspace)
    assert "no code" in (await installable.callback({"state": agreed["state"]}))[1]


async def test_scopes_that_are_missing_are_named(installable: InstallableDesk) -> None:
    fewer = sorted(SCOPES - {"chat:write"})
    status, page = await installable.install(installable.slack, scopes=fewer)
    assert status == 400
    assert "more permissions than it was given: chat:write." in page
    assert installable.notes.topics.get(TOPIC) is None


@pytest.mark.parametrize("method", ["oauth.v2.access", "auth.test"])
async def test_slack_that_does_not_answer(installable: InstallableDesk, method: str) -> None:
    installable.slack.fail_next(method, status=503)
    status, page = await installable.install(installable.slack)
    assert status == 503
    assert "try again" in page
    assert installable.notes.topics.get(TOPIC) is None


async def test_a_wrong_client_secret_is_the_operators_to_mend(
    installable: InstallableDesk, capsys: pytest.CaptureFixture[str]
) -> None:
    installable.slack.apps.client_secret = "changed"
    status, page = await installable.install(installable.slack)
    assert status == 400
    assert "our operators have been told" in page
    assert "check SLACK_CLIENT_ID, SLACK_CLIENT_SECRET" in capsys.readouterr().out


async def test_a_database_that_fails_shows_no_traceback(
    installable: InstallableDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(topic: str, key: str, value: str, expires_at: datetime | None = None) -> None:
        raise RuntimeError("the disk is full")

    monkeypatch.setattr(installable.notes, "put", broken)
    status, page = await installable.install(installable.slack)
    assert status == 503
    assert "did not work on our side" in page
    assert "disk" not in page


async def test_an_organisation_is_kept_as_one_and_led_on(installable: InstallableDesk) -> None:
    status, there = await installable.install(
        installable.slack, enterprise=ORG, org_wide=[installable.slack.workspace]
    )
    assert status == 302
    assert there == "https://app.slack.com/manage/E0MEGA/integrations/profile/A0FRONTLINE/workspaces/add"
    assert set(installable.notes.topics[TOPIC]) == {"E0MEGA"}


async def test_installing_again_replaces_the_token(installable: InstallableDesk) -> None:
    await installable.install(installable.slack)
    await installable.slack.uninstall()
    await installable.install(installable.slack)
    bob = installable.slack.person("Bob")
    general = installable.slack.channel("general", [bob])
    assert (await installable.slack.command(bob, general, "/support")).status == 200
    assert len(installable.desk.heard) == 1


# --- what is stored


STORED_BY_THE_LAST_RELEASE = """{"id":"T0VENDOR","name":"Vendor","token":"xoxb-before",
"bot_user":"U0FRONTLINE","bot_id":"B0FRONTLINE","bot_name":"frontline","enterprise":"","refresh":"",
"ends_at":0,"since":1763000000,"gone":false}"""


async def test_what_the_last_release_stored_is_served_on() -> None:
    notes = InMemoryKeyValueStore()
    await notes.put(TOPIC, "T0VENDOR", SecretKeys(KEY).encrypt(STORED_BY_THE_LAST_RELEASE))
    async with FakeSlack(bot_token="xoxb-before") as slack, opened(slack, notes) as installable:
        slack.bot_url = f"{installable.url}/slack/events"
        bob = slack.person("Bob")
        assert (await slack.command(bob, slack.channel("general", [bob]), "/support")).status == 200
        [heard] = installable.desk.heard
        assert heard.actor.team == "T0VENDOR"
        await installable.ours.post(heard.place, Notice(("Hello.",), Tone.CALM), None)
        assert slack.complaints == []


async def test_bolts_own_authorization_finds_what_is_stored(installable: InstallableDesk) -> None:
    """So the store keeps to Bolt's protocol."""
    await installable.install(installable.slack)
    [token] = installable.slack.apps.grants
    store, asks = installable.workspaces._store, client(None, installable.slack.api_url, None)
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
    assert (await installable.stored()).gone


# --- keys


async def test_a_lost_key_is_a_fault_with_its_cure(installable: InstallableDesk) -> None:
    await installable.install(installable.slack)
    again = oauth_settings(installable.notes, RealClockAhead(), OTHER_KEY)
    ours = Slack("", "secret", StoppedClock(), api_url=installable.slack.api_url, oauth_settings=again)
    with pytest.raises(
        SlackFault, match=r"FRONTLINE_SECRET_KEY does not decrypt .* T0VENDOR: add the key"
    ) as caught:
        await ours.start()
    assert "\n" not in str(caught.value)
    assert OTHER_KEY not in str(caught.value)


@pytest.mark.parametrize("key", ["", "short", "x" * 44, f"{KEY},short", "ключ"])
def test_a_key_that_is_none_is_a_fault(key: str) -> None:
    with pytest.raises(SlackFault, match=r"^FRONTLINE_SECRET_KEY .*openssl rand -base64 32") as caught:
        Slack(
            "",
            "secret",
            StoppedClock(),
            oauth_settings=oauth_settings(InMemoryKeyValueStore(), RealClockAhead(), key),
        )
    assert KEY not in str(caught.value)


async def test_keys_are_changed_by_putting_the_new_one_in_front(installable: InstallableDesk) -> None:
    await installable.install(installable.slack)
    async with opened(installable.slack, installable.notes, f"{OTHER_KEY},{KEY}"):
        pass
    [encrypted] = installable.notes.topics[TOPIC].values()
    assert SecretKeys(OTHER_KEY).decrypt(encrypted) is not None, "sealed anew, so that the old one can go"
    async with opened(installable.slack, installable.notes, OTHER_KEY):
        pass


# --- tokens that end


async def rotating(installable: InstallableDesk) -> Apps:
    installable.slack.apps.rotates = True
    assert (await installable.install(installable.slack))[0] == 200
    return installable.slack.apps


async def test_a_token_is_renewed_when_less_than_two_hours_remain(installable: InstallableDesk) -> None:
    apps = await rotating(installable)
    installable.clock.ahead = timedelta(hours=9, minutes=59)
    await installable.refresh()
    assert apps.exchanges == 1
    installable.clock.ahead = timedelta(hours=10, minutes=1)
    await installable.refresh()
    assert apps.exchanges == 2
    await installable.refresh()
    assert apps.exchanges == 2


async def test_two_processes_do_not_both_renew(installable: InstallableDesk) -> None:
    apps = await rotating(installable)
    async with opened(installable.slack, installable.notes) as other:
        installable.clock.ahead = other.clock.ahead = timedelta(hours=11)
        await asyncio.gather(
            installable.refresh(),
            other.refresh(),
            installable.refresh(),
        )
        for _ in range(2):
            await installable.refresh()
            await other.refresh()
        assert apps.exchanges == 2
        tokens = {made.workspaces._active["T0VENDOR"].api.token for made in (installable, other)}
        assert len(tokens) == 1


@pytest.mark.parametrize("database", ["sqlite", "postgres"])
async def test_two_processes_renew_a_token_once(
    installable: InstallableDesk, tmp_path: Path, request: pytest.FixtureRequest, database: str
) -> None:
    apps = await rotating(installable)
    file = f"sqlite:///{tmp_path}/frontline.db"
    url = file if database == "sqlite" else str(request.getfixturevalue("postgres_url"))
    api = WebApi("", installable.slack.api_url)
    api.connect()
    async with connect(url) as one, connect(url) as other:
        stores = [EncryptedInstallationStore(notes, SecretKeys(KEY)) for notes in (one, other)]
        await stores[0].async_save_bot((await installable.stored()).to_bolt())
        processes = [
            TokenRenewal(
                store, notes, api, AppCredentials("1.2", "client-secret"), RealClockAhead(timedelta(hours=11))
            )
            for store, notes in zip(stores, (one, other), strict=True)
        ]
        for _ in range(3):
            await asyncio.gather(*(process.renew_if_due("T0VENDOR") for process in processes))
        kept, same = [await store.find("T0VENDOR") for store in stores]
        assert kept == same
        assert kept is not None
        assert kept.token in apps.grants
    await api.close()
    assert apps.exchanges == 2
    assert [call for call in installable.slack.calls_to("oauth.v2.access") if call.error] == []


async def test_the_lock_of_a_process_that_died_runs_out(installable: InstallableDesk) -> None:
    apps = await rotating(installable)
    installable.clock.ahead = timedelta(hours=11)
    now = installable.clock.now()
    assert await installable.notes.try_lock("slack-renewal/T0VENDOR", "dead", now + LEASE, now)
    await installable.refresh()
    assert apps.exchanges == 1
    installable.clock.ahead += LEASE
    await installable.refresh()
    assert apps.exchanges == 2
    now = installable.clock.now()
    assert await installable.notes.try_lock("slack-renewal/T0VENDOR", "next", now + LEASE, now), (
        "it is free again"
    )


async def test_a_refresh_token_that_was_used_elsewhere_is_read_again(installable: InstallableDesk) -> None:
    """A process that slept over its claim comes too late, and finds what the other one stored."""
    apps = await rotating(installable)
    async with opened(installable.slack, installable.notes) as other:
        stale = await installable.stored()
        other.clock.ahead = timedelta(hours=11)
        await other.refresh()
        renewed = await installable.workspaces._renewal._renew(stale)
        assert renewed is not None
        assert renewed.token in apps.grants
        assert renewed.refresh != stale.refresh


async def test_a_renewal_that_slack_refuses_is_told_and_the_token_is_kept(
    installable: InstallableDesk, capsys: pytest.CaptureFixture[str]
) -> None:
    apps = await rotating(installable)
    apps.refresh_tokens.clear()
    installable.clock.ahead = timedelta(hours=11)
    await installable.refresh()
    assert "slack refuses to renew a token: install the app again" in capsys.readouterr().out
    assert (await installable.stored()).token in apps.grants


@pytest.mark.parametrize("missing", ["expires_in", "access_token", "token_type"])
async def test_a_renewal_that_slack_answers_incompletely_changes_nothing(
    installable: InstallableDesk,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    missing: str,
) -> None:
    apps = await rotating(installable)
    before, whole = await installable.stored(), apps.exchange

    def exchange(args: Args, authorization: str) -> Json:
        answer = whole(args, authorization)
        del answer[missing]
        return answer

    monkeypatch.setattr(apps, "exchange", exchange)
    installable.clock.ahead = timedelta(hours=11)
    await installable.refresh()
    assert apps.exchanges == 2
    assert await installable.stored() == before
    said = capsys.readouterr().out
    assert "the refresh token may be used up" in said
    assert "slack token renewed" not in said


@pytest.mark.parametrize("refresh", [None, "", 7])
async def test_a_renewal_that_names_no_refresh_token_leaves_the_old_one(
    installable: InstallableDesk, monkeypatch: pytest.MonkeyPatch, refresh: object
) -> None:
    """Without one the installation would end with its token, and nothing would try to renew it."""
    apps = await rotating(installable)
    before, whole = await installable.stored(), apps.exchange
    monkeypatch.setattr(apps, "exchange", lambda *given: whole(*given) | {"refresh_token": refresh})
    installable.clock.ahead = timedelta(hours=11)
    await installable.refresh()
    after = await installable.stored()
    assert after.token != before.token
    assert after.ends_at > before.ends_at
    assert after.refresh == before.refresh


class SlowValues(InMemoryKeyValueStore):
    """Gives way to others at every chance, in an order of its own."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._random = Random(seed)

    async def _give_way(self) -> None:
        await turns(self._random.randrange(4))

    async def put(self, topic: str, key: str, value: str, expires_at: datetime | None = None) -> None:
        await self._give_way()
        await super().put(topic, key, value, expires_at)
        await self._give_way()

    async def get(self, topic: str, key: str) -> str | None:
        await self._give_way()
        return await super().get(topic, key)

    async def try_lock(self, name: str, holder: str, until: datetime, now: datetime) -> bool:
        await self._give_way()
        had = await super().try_lock(name, holder, until, now)
        await self._give_way()
        return had


@pytest.mark.parametrize("seed", range(25))
async def test_however_they_interleave_no_refresh_token_is_used_twice(seed: int) -> None:
    notes, clock = SlowValues(seed), RealClockAhead()
    async with FakeSlack(bot_token="", apps=Apps(rotates=True)) as slack, opened(slack, notes) as installable:
        assert (await installable.install(slack))[0] == 200
        clock.ahead = timedelta(hours=11)
        api = WebApi("", slack.api_url)
        api.connect()
        installs = EncryptedInstallationStore(notes, SecretKeys(KEY))
        many = [
            TokenRenewal(installs, notes, api, AppCredentials("1.2", "client-secret"), clock)
            for _ in range(4)
        ]
        for _ in range(8):
            await asyncio.gather(*(one.renew_if_due("T0VENDOR") for one in many))
        await api.close()
        assert slack.apps.exchanges == 2
        refused = [call for call in slack.calls_to("oauth.v2.access") if call.error]
        assert refused == []
