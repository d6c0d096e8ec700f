"""Installing the app: Bolt's OAuth flow, from a link in the browser to a stored installation."""

from __future__ import annotations

import os
import secrets
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from hashlib import sha256
from html import escape
from typing import Any
from urllib.parse import quote, urljoin

import structlog
from aiohttp import web
from slack_bolt.adapter.aiohttp import to_aiohttp_response
from slack_bolt.async_app import AsyncBoltRequest
from slack_bolt.oauth.async_callback_options import AsyncCallbackOptions, AsyncFailureArgs, AsyncSuccessArgs
from slack_bolt.oauth.async_oauth_flow import AsyncOAuthFlow
from slack_bolt.oauth.async_oauth_settings import AsyncOAuthSettings
from slack_bolt.response import BoltResponse
from slack_sdk.oauth import OAuthStateUtils
from slack_sdk.oauth.installation_store import Installation
from slack_sdk.oauth.state_store.async_state_store import AsyncOAuthStateStore

from adapters.slack.outbound.web_api import (
    REQUIRED_SCOPES,
    SCOPES,
    SlackApiError,
    SlackFault,
    SlackUnavailable,
    WebApi,
)
from adapters.slack.workspaces.installation_store import (
    BOT_NAME,
    WORKSPACE_URL,
    EncryptedInstallationStore,
    SecretKeys,
)
from adapters.slack.workspaces.registry import WorkspaceRegistry
from adapters.slack.workspaces.token_rotation import AppCredentials, TokenRenewal
from adapters.slack.workspaces.workspace import ChannelRoutes, WorkspaceFactory
from bot.clock import WallClock
from bot.logs import log_fault
from bot.ports import Clock, KeyValueStore

log = structlog.get_logger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

USED_STATES = "slack-install-used"
COOKIE = "frontline-install"
STATE_LIFETIME = timedelta(minutes=10)
"""How long a person may take to approve the app."""
_AGAIN = "Please begin again; nothing was changed."


class InstallError(Exception):
    """Why nothing was installed, in lines for the person who tried."""

    def __init__(self, *lines: str, status: int = 400) -> None:
        super().__init__(" ".join(lines))
        self.lines, self.status = lines, status


class EncryptedStates(AsyncOAuthStateStore):
    """Each state is valid once, for ten minutes of real time. Only used states are stored."""

    def __init__(self, keys: SecretKeys, key_values: KeyValueStore, clock: Clock) -> None:
        self._keys, self._key_values, self._clock = keys, key_values, clock

    async def async_issue(self) -> str:
        return self._keys.encrypt_at(secrets.token_urlsafe(24), self._now())

    async def async_consume(self, state: str) -> bool:
        """Returns True for only one of two requests with the same state. The lock outlives the state."""
        nonce, now = self.nonce(state), self._clock.now()
        if nonce is None:
            return False
        mark = sha256(nonce.encode()).hexdigest()
        return await self._key_values.try_lock(
            f"{USED_STATES}/{mark}", secrets.token_hex(), now + 2 * STATE_LIFETIME, now
        )

    def nonce(self, state: str) -> str | None:
        """Decrypts a state's nonce. Returns None if the state is not ours or has expired."""
        return self._keys.decrypt_recent(state, self._now(), int(STATE_LIFETIME.total_seconds()))

    def _now(self) -> int:
        return int(self._clock.now().timestamp())


class _Cookie(OAuthStateUtils):
    """A cookie with the state's nonce, so that the URL alone is not enough to install."""

    def __init__(self, states: EncryptedStates) -> None:
        super().__init__(cookie_name=COOKIE, expiration_seconds=int(STATE_LIFETIME.total_seconds()))
        self._states = states

    def build_set_cookie_for_new_state(self, state: str) -> str:
        return super().build_set_cookie_for_new_state(self._states.nonce(state) or "")

    def is_valid_browser(self, state: str | None, request_headers: Mapping[str, str | Sequence[str]]) -> bool:
        nonce = self._states.nonce(state or "")
        return nonce is not None and super().is_valid_browser(nonce, dict(request_headers))


class _Flow(AsyncOAuthFlow):
    """Bolt's flow with our own code exchange: Bolt's logs the code, but not why the exchange failed."""

    def __init__(self, settings: AsyncOAuthSettings, app: AppCredentials, api: WebApi, clock: Clock) -> None:
        super().__init__(settings=settings)
        self._app, self._api, self._clock = app, api, clock

    async def run_installation(self, code: str) -> Installation:
        """Raises InstallError."""
        data = await self._exchanged(code)
        enterprise, team = data.get("enterprise") or {}, data.get("team") or {}
        org_wide = bool(data.get("is_enterprise_install"))
        host, token = (enterprise if org_wide else team), str(data.get("access_token") or "")
        if not host.get("id") or not token or data.get("token_type") != "bot":
            raise InstallError("Slack named no workspace, or gave no bot token.", _AGAIN)
        identity = await self._authenticated(token)
        now, life, refresh = self._clock.now().timestamp(), data.get("expires_in"), data.get("refresh_token")
        return Installation(
            app_id=str(data.get("app_id") or ""),
            enterprise_id=enterprise.get("id"),
            enterprise_name=enterprise.get("name"),
            team_id=team.get("id"),
            team_name=team.get("name"),
            bot_token=token,
            bot_id=str(identity.get("bot_id") or ""),
            bot_user_id=str(data.get("bot_user_id") or identity.get("user_id") or ""),
            bot_refresh_token=refresh,
            bot_token_expires_at=int(now) + life if isinstance(life, int) and refresh else None,
            user_id="",
            is_enterprise_install=org_wide,
            installed_at=now,
            custom_values={
                BOT_NAME: str(identity.get("user") or ""),
                WORKSPACE_URL: str(identity.get("url") or ""),
            },
        )

    async def _exchanged(self, code: str) -> Mapping[str, Any]:
        try:
            data = await self._api.request("oauth.v2.access", {**self._app.as_arguments(), "code": code})
        except SlackApiError as refusal:
            if refusal.error in ("bad_client_secret", "invalid_client_id", "bad_redirect_uri"):
                log.error(
                    "slack refuses the app: check SLACK_CLIENT_ID, SLACK_CLIENT_SECRET and the redirect URL"
                )
                raise InstallError(
                    "Slack does not accept our app's settings; our operators have been told."
                ) from None
            raise InstallError(f"Slack did not accept the code ({refusal.error}).", _AGAIN) from None
        except SlackUnavailable:
            raise InstallError("Slack did not answer. Please try again in a minute.", status=503) from None
        granted = {scope.strip() for scope in str(data.get("scope") or "").split(",")}
        if missing := REQUIRED_SCOPES - granted:
            raise InstallError(
                f"It needs more permissions than it was given: {', '.join(sorted(missing))}.",
                "The person who made the app must add them (manifest.yml lists them all); then begin again.",
            )
        return data

    async def _authenticated(self, token: str) -> Mapping[str, Any]:
        api = WebApi(token, self._api.url)
        api.connect()
        try:
            return await api.request("auth.test", {})
        except (SlackApiError, SlackUnavailable) as failure:
            log.warning("a new token does not work", why=str(failure))
            raise InstallError(
                "Slack gave a token that does not work. Please try again.", status=503
            ) from None
        finally:
            await api.close()


class InstallFlow:
    """Installs the app: starts here, continues at Slack, and ends in the same browser within ten minutes."""

    def __init__(
        self,
        app: AppCredentials,
        states: EncryptedStates,
        store: EncryptedInstallationStore,
        api: WebApi,
        clock: Clock,
        on_installed: Callable[[], Awaitable[None]],
    ) -> None:
        """`api` has no token; `on_installed` is called after each installation. `clock` is real time."""
        self._states, self._on_installed = states, on_installed
        with without_slack_variables():
            settings = AsyncOAuthSettings(
                client_id=app.client_id,
                client_secret=app.client_secret,
                scopes=sorted(SCOPES),
                user_scopes=(),
                authorization_url=urljoin(api.url, "../oauth/v2/authorize"),
                install_page_rendering_enabled=False,
                callback_options=AsyncCallbackOptions(self._succeeded, self._failed),
                installation_store=store,
                installation_store_bot_only=True,
                state_store=states,
            )
            settings.state_utils = _Cookie(states)
            self._flow = _Flow(settings, app, api, clock)

    def routes(self) -> list[tuple[str, str, Handler]]:
        return [
            ("GET", "/slack/install", self._start_install),
            ("GET", "/slack/oauth_redirect", self._finish_install),
        ]

    async def _start_install(self, request: web.Request) -> web.StreamResponse:
        answer = await to_aiohttp_response(await self._flow.handle_installation(AsyncBoltRequest(body="")))
        answer.headers["Cache-Control"] = "no-store"
        # Bolt's adapter sets no SameSite, and its cookie is always Secure, so it never comes back over HTTP.
        cookie = answer.cookies[COOKIE]
        cookie["samesite"] = "Lax"
        cookie["secure"] = request.secure or request.headers.get("X-Forwarded-Proto", "") == "https"
        return answer

    async def _finish_install(self, request: web.Request) -> web.StreamResponse:
        cookies = "; ".join(request.headers.getall("Cookie", ()))
        bolt_request = AsyncBoltRequest(
            body="", query=request.rel_url.raw_query_string, headers={"cookie": cookies}
        )
        try:
            answer = await self._flow.handle_callback(bolt_request)
        except InstallError as refusal:
            answer = _refused(refusal)
        except Exception:
            log_fault(log, "installation failed")
            answer = not_installed_page("That did not work on our side. Please try again later.", status=503)
        return await to_aiohttp_response(answer)

    async def _succeeded(self, args: AsyncSuccessArgs) -> BoltResponse:
        await self._on_installed()
        made = args.installation
        org_wide = made.is_enterprise_install
        id_ = (made.enterprise_id if org_wide else made.team_id) or ""
        name = (made.enterprise_name if org_wide else made.team_name) or id_
        log.info("the app was installed", workspace=id_, name=name)
        if org_wide:
            # No workspace of the organisation has it yet; an admin chooses them on Slack's page.
            org, app = quote(id_), quote(made.app_id or "")
            there = f"https://app.slack.com/manage/{org}/integrations/profile/{app}/workspaces/add"
            return BoltResponse(status=302, headers={"Location": there})
        return installed_page(name)

    async def _failed(self, args: AsyncFailureArgs) -> BoltResponse:
        given = args.request.query
        return _refused(self._why(args.reason, "error" in given, (given.get("state") or [""])[0]))

    def _why(self, reason: str, by_slack: bool, state: str) -> InstallError:
        if by_slack:
            if reason == "access_denied":
                return InstallError("You chose not to install it. Nothing was changed.", status=200)
            return InstallError(f"Slack says: {reason[:100]}.", _AGAIN)
        if reason == "missing_code":
            return InstallError("Slack sent no code along.", _AGAIN)
        if not state:
            return InstallError("This did not begin on our page.", "Please begin here.")
        if self._states.nonce(state) is None:
            return InstallError("That took more than ten minutes, or was not begun on our page.", _AGAIN)
        if reason == "invalid_browser":
            return InstallError("This was begun in another browser, or cookies are switched off.", _AGAIN)
        return InstallError("This link was used already.", "If Frontline is not installed yet, begin again.")


def _refused(refusal: InstallError) -> BoltResponse:
    log.warning("not installed", why=str(refusal))
    return not_installed_page(*refusal.lines, status=refusal.status)


_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
body {{ font: 1.1rem/1.5 system-ui, sans-serif; max-width: 34rem; margin: 15vh auto; padding: 0 1.5rem;
color: #1f2933; }}
h1 {{ font-size: 1.5rem; font-weight: 600; }}
a {{ color: #1f3a5f; }}
</style>
<h1>{title}</h1>
{body}
</html>
"""
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Type": "text/html",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
INSTALL_LINK = ("install", "Install Frontline again")
"""Relative to the page that Slack redirects to, whatever path a proxy adds."""


def html_page(
    title: str, *lines: str, link: tuple[str, str] | None = None, status: int = 200
) -> BoltResponse:
    """Returns a simple page; escapes all text."""
    body = "\n".join(f"<p>{escape(line)}</p>" for line in lines)
    if link:
        address, words = link
        body += f'\n<p><a href="{escape(address)}">{escape(words)}</a></p>'
    text = _PAGE.format(title=escape(title), body=body)
    return BoltResponse(status=status, body=text, headers={**_HEADERS})


def installed_page(name: str) -> BoltResponse:
    return html_page(
        f"Frontline is installed in {name}",
        "Invite it into the channels where it is to help: type /invite @Frontline there.",
        "You can close this page.",
    )


def not_installed_page(*lines: str, status: int = 400) -> BoltResponse:
    return html_page("Frontline was not installed", *lines, link=INSTALL_LINK, status=status)


@dataclass(frozen=True, slots=True)
class OAuthSettings:
    """The app's credentials and the store of installations; `triage` is the channel where agents work."""

    app: AppCredentials
    secret_key: str = field(repr=False)
    key_values: KeyValueStore
    triage: str
    clock: Clock = field(default_factory=WallClock)
    """Real time."""


class MultiWorkspace:
    def __init__(self, oauth_settings: OAuthSettings, url: str, make_workspace: WorkspaceFactory) -> None:
        """Raises SlackFault."""
        try:
            keys = SecretKeys(oauth_settings.secret_key)
        except ValueError as wrong:
            raise SlackFault(f"FRONTLINE_SECRET_KEY {wrong}") from None
        app, key_values, clock = oauth_settings.app, oauth_settings.key_values, oauth_settings.clock
        self._api = WebApi("", url)
        store = EncryptedInstallationStore(key_values, keys)
        renewal = TokenRenewal(store, key_values, self._api, app, clock)
        self.workspaces = WorkspaceRegistry(
            store,
            ChannelRoutes(key_values),
            renewal,
            url=url,
            make_workspace=make_workspace,
            triage=oauth_settings.triage,
        )
        states = EncryptedStates(keys, key_values, clock)
        self._install_flow = InstallFlow(app, states, store, self._api, clock, self.workspaces.refresh)

    async def open(self) -> None:
        self._api.connect()

    async def close(self) -> None:
        await self._api.close()

    def routes(self) -> list[tuple[str, str, Handler]]:
        return self._install_flow.routes()


@contextmanager
def without_slack_variables() -> Iterator[None]:
    """Removes the variables SLACK_* from the environment while building Bolt's objects.

    From SLACK_CLIENT_ID and SLACK_CLIENT_SECRET, Bolt would make a second OAuth flow with a plain-text
    store, and it reads more variables that we do not document.
    """
    hidden = {name: value for name, value in os.environ.items() if name.startswith("SLACK_")}
    for name in hidden:
        del os.environ[name]
    try:
        yield
    finally:
        os.environ.update(hidden)
