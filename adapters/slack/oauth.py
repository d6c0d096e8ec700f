"""Installing the app: from a link in the browser to a stored installation."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any
from urllib.parse import quote, urlencode, urljoin

import structlog
from aiohttp import web

from adapters.slack import pages
from adapters.slack.installs import Installation, Installations, SecretKeys
from adapters.slack.renewal import App, end_of, refresh_of
from adapters.slack.scopes import SCOPES
from adapters.slack.web_api import Refused, Unheard, WebApi
from bot.ports import Clock, Notebook

log = structlog.get_logger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

USED = "slack-install-used"
COOKIE = "frontline-install"
LIFE = timedelta(minutes=10)
"""How long somebody may take to agree."""
_AGAIN = "Please begin again; nothing was changed."


class Refusal(Exception):
    """Why nothing was installed, in lines for whoever tried."""

    def __init__(self, *lines: str, status: int = 400) -> None:
        super().__init__(" ".join(lines))
        self.lines, self.status = lines, status


class Installing:
    """Begun here and agreed to at Slack, in the same browser, once, within ten minutes; by real time."""

    def __init__(
        self,
        app: App,
        keys: SecretKeys,
        notebook: Notebook,
        installs: Installations,
        api: WebApi,
        clock: Clock,
        look: Callable[[], Awaitable[None]],
    ) -> None:
        """`api` has no token; `look` is called when something was installed."""
        self._app, self._keys, self._notebook, self._installs = app, keys, notebook, installs
        self._api, self._clock, self._look = api, clock, look

    def routes(self) -> list[tuple[str, str, Handler]]:
        return [
            ("GET", "/slack/install", self._begin),
            ("GET", "/slack/oauth_redirect", self._end),
        ]

    async def _begin(self, request: web.Request) -> web.StreamResponse:
        nonce = secrets.token_urlsafe(24)
        state = self._keys.seal_at(nonce, self._now())
        asked = {"client_id": self._app.client_id, "scope": ",".join(sorted(SCOPES)), "state": state}
        there = f"{urljoin(self._api.url, '../oauth/v2/authorize')}?{urlencode(asked)}"
        answer = web.Response(status=302, headers={"Location": there, "Cache-Control": "no-store"})
        answer.set_cookie(
            COOKIE,
            nonce,
            max_age=int(LIFE.total_seconds()),
            path="/",
            httponly=True,
            samesite="Lax",
            secure=request.secure or request.headers.get("X-Forwarded-Proto", "") == "https",
        )
        return answer

    async def _end(self, request: web.Request) -> web.StreamResponse:
        try:
            return await self._installed(request)
        except Refusal as refusal:
            log.warning("not installed", why=str(refusal))
            return pages.not_installed(*refusal.lines, status=refusal.status)
        except Exception:
            log.exception("an installation failed")
            return pages.not_installed("That did not work on our side. Please try again later.", status=503)

    async def _installed(self, request: web.Request) -> web.StreamResponse:
        given = request.query
        if given.get("error") == "access_denied":
            raise Refusal("You chose not to install it. Nothing was changed.", status=200)
        if "error" in given:
            raise Refusal(f"Slack says: {given['error'][:100]}.", _AGAIN)
        await self._check(given.get("state", ""), request.cookies.get(COOKIE, ""))
        if not given.get("code"):
            raise Refusal("Slack sent no code along.", _AGAIN)
        told = await self._ask(given["code"])
        kept = await self._introduced(told)
        await self._installs.keep(kept)
        await self._look()
        log.info("the app was installed", workspace=kept.id, name=kept.name)
        if kept.everywhere:
            # It is in no workspace of the organisation yet; Slack's own page lets an admin choose.
            org, app = quote(kept.id), quote(str(told.get("app_id") or ""))
            there = f"https://app.slack.com/manage/{org}/integrations/profile/{app}/workspaces/add"
            return web.Response(status=302, headers={"Location": there})
        return pages.installed(kept.name)

    async def _check(self, state: str, cookie: str) -> None:
        if not state:
            raise Refusal("This did not begin on our page.", "Please begin here.")
        now = self._clock.now()
        nonce = self._keys.unseal_fresh(state, self._now(), int(LIFE.total_seconds()))
        if nonce is None:
            raise Refusal("That took more than ten minutes, or was not begun on our page.", _AGAIN)
        if not hmac.compare_digest(nonce.encode(), cookie.encode("utf-8", "replace")):
            raise Refusal("This was begun in another browser, or cookies are switched off.", _AGAIN)
        used = await self._notebook.notes(USED)
        mark = sha256(nonce.encode()).hexdigest()
        if mark in used:
            raise Refusal("This link was used already.", "If Frontline is not installed yet, begin again.")
        await self._notebook.note(USED, mark, now.isoformat())
        for old in (key for key, at in used.items() if datetime.fromisoformat(at) + LIFE < now):
            await self._notebook.forget(USED, old)

    async def _ask(self, code: str) -> Mapping[str, Any]:
        try:
            told = await self._api.ask("oauth.v2.access", {**self._app.says(), "code": code})
        except Refused as refusal:
            if refusal.error in ("bad_client_secret", "invalid_client_id", "bad_redirect_uri"):
                log.error(
                    "slack refuses the app: check SLACK_CLIENT_ID, SLACK_CLIENT_SECRET and the redirect URL"
                )
                raise Refusal(
                    "Slack does not accept our app's settings; our operators have been told."
                ) from None
            raise Refusal(f"Slack did not accept the code ({refusal.error}).", _AGAIN) from None
        except Unheard:
            raise Refusal("Slack did not answer. Please try again in a minute.", status=503) from None
        granted = {scope.strip() for scope in str(told.get("scope") or "").split(",")}
        if missing := SCOPES - granted:
            raise Refusal(
                f"It needs more permissions than it was given: {', '.join(sorted(missing))}.",
                "Whoever made the app adds them (manifest.yml has them all); then begin again.",
            )
        return told

    async def _introduced(self, told: Mapping[str, Any]) -> Installation:
        enterprise, team = told.get("enterprise") or {}, told.get("team") or {}
        everywhere = bool(told.get("is_enterprise_install"))
        host = enterprise if everywhere else team
        if not host.get("id") or not told.get("access_token") or told.get("token_type") != "bot":
            raise Refusal("Slack named no workspace, or gave no bot token.", _AGAIN)
        api = WebApi(str(told["access_token"]), self._api.url)
        api.connect()
        try:
            us = await api.ask("auth.test", {})
        except (Refused, Unheard) as failure:
            log.warning("a new token does not work", why=str(failure))
            raise Refusal("Slack gave a token that does not work. Please try again.", status=503) from None
        finally:
            await api.close()
        return Installation(
            id=str(host["id"]),
            name=str(host.get("name") or host["id"]),
            token=str(told["access_token"]),
            bot_user=str(told.get("bot_user_id") or us.get("user_id") or ""),
            bot_id=str(us.get("bot_id") or ""),
            bot_name=str(us.get("user") or ""),
            enterprise=str(enterprise.get("id") or ""),
            refresh=refresh_of(told),
            ends_at=end_of(told, self._clock.now()),
            since=self._now(),
        )

    def _now(self) -> int:
        return int(self._clock.now().timestamp())
