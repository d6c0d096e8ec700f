"""`/desk`: a read-only page for agents and TAMs, drawn on the server, without scripts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, tzinfo
from functools import partial
from hashlib import sha256
from typing import Any

import structlog
from aiohttp import web
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from adapters.web.server import Handler, Ready, Route, readiness_of
from bot.desk.desk import Desk
from bot.desk.web import sign_in
from bot.desk.web.page import PageSource
from bot.desk.web.sign_in import Refused
from bot.logs import log_fault
from bot.model.views import RichText, Strong
from bot.text import due_text, named_time, plain_part, promise_symbol, standing_text, weekday_time

log = structlog.get_logger(__name__)

COOKIE = "frontline_desk"
PATH = "/desk"
REFRESH_EVERY = 60
"""Seconds after which the page loads itself again."""
_NOT_SIGNED_IN = Refused(
    "Sign in",
    "Write “desk” to the bot in a direct message, or type “desk” after its command. It sends you a link that "
    "signs you in. The page is for agents and account managers.",
)
_OFF = Refused("There is no page here", "The desk's file gives it no address.")
_ELSEWHERE = Refused("Nothing was changed", "Please press the button on our own page.")
_BUSY = Refused("The page cannot be drawn now", "Please load it again in a minute.")


class DeskWebPage:
    """The routes of the page. `ready` says why the desk is not ready."""

    def __init__(self, desk: Desk, ready: Ready) -> None:
        self._desk, self._ready, self._source = desk, ready, PageSource(desk)
        templates = Environment(
            loader=PackageLoader("adapters.web"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        templates.globals.update(path=PATH, symbol=promise_symbol)
        self._templates = templates
        self._style = templates.get_template("style.css").render()
        digest = sha256(self._style.encode()).hexdigest()[:16]
        templates.globals["style"] = f"{PATH}/style-{digest}.css"
        self._style_path = f"{PATH}/style-{digest}.css"

    def routes(self) -> list[Route]:
        return [
            ("GET", PATH, self._guarded(self._page)),
            ("GET", self._style_path, self._stylesheet),
            ("GET", f"{PATH}/sign-in/{{token}}", self._guarded(self._offer)),
            ("POST", f"{PATH}/sign-in/{{token}}", self._guarded(self._sign_in)),
            ("POST", f"{PATH}/sign-out", self._guarded(self._sign_out)),
        ]

    def _guarded(self, handler: Handler) -> Handler:
        async def guarded(request: web.Request) -> web.StreamResponse:
            if not self._desk.directory.settings.web_url:
                return self._message(404, _OFF)
            if request.method == "POST" and request.headers.get("Sec-Fetch-Site", "none") not in _OURS:
                return self._message(403, _ELSEWHERE)
            try:
                return await handler(request)
            except Exception:
                log_fault(log, "the desk's page cannot be drawn")
            return self._message(503, _BUSY)

        return guarded

    async def _page(self, request: web.Request) -> web.StreamResponse:
        reader = await sign_in.of_session(self._desk, _session(request))
        if reader is None:
            return self._message(401, _NOT_SIGNED_IN)
        page = await self._source.page(reader, await readiness_of(self._ready))
        return self._answer(200, "desk.html", page=page, refresh=REFRESH_EVERY, **_formats(page.zone))

    async def _stylesheet(self, request: web.Request) -> web.StreamResponse:
        headers = {
            "Cache-Control": "public, max-age=31536000, immutable",
            "X-Content-Type-Options": "nosniff",
        }
        return web.Response(text=self._style, content_type="text/css", headers=headers)

    async def _offer(self, request: web.Request) -> web.StreamResponse:
        """Asks before the link is used up: chat programs and scanners open links by themselves."""
        actor = await sign_in.of_link(self._desk, request.match_info["token"], _session(request))
        if isinstance(actor, Refused):
            return self._message(410 if actor is sign_in.USED else 403, actor)
        name = self._desk.directory.name_of(actor)
        return self._answer(200, "sign_in.html", name=name, action=request.path)

    async def _sign_in(self, request: web.Request) -> web.StreamResponse:
        made = await sign_in.use_link(self._desk, request.match_info["token"], _session(request))
        if isinstance(made, Refused):
            return self._message(410 if made is sign_in.USED else 403, made)
        log.info("signed in to the desk's page")
        answer = web.Response(status=303, headers={**_HEADERS, "Location": PATH})
        answer.set_cookie(
            COOKIE,
            made,
            max_age=int(sign_in.SESSION_LIFE.total_seconds()),
            path=PATH,
            httponly=True,
            samesite="Strict",
            secure=self._desk.directory.settings.web_url.startswith("https:"),
        )
        return answer

    async def _sign_out(self, request: web.Request) -> web.StreamResponse:
        await sign_in.end(self._desk, _session(request))
        answer = web.Response(status=303, headers={**_HEADERS, "Location": PATH})
        answer.del_cookie(COOKIE, path=PATH)
        return answer

    def _message(self, status: int, refused: Refused) -> web.Response:
        return self._answer(status, "message.html", refused=refused)

    def _answer(self, status: int, template: str, **values: Any) -> web.Response:
        text = self._templates.get_template(template).render(**values)
        return web.Response(status=status, text=text, content_type="text/html", headers=_HEADERS)


_OURS = ("same-origin", "none")
_HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def _session(request: web.Request) -> str:
    return request.cookies.get(COOKIE, "")


def _formats(zone: tzinfo) -> dict[str, Any]:
    """What the template formats instants and promises with."""

    def day_time(at: datetime) -> str:
        return weekday_time(at, zone)

    return {
        "time": partial(named_time, zone=zone),
        "due": partial(due_text, when=partial(named_time, zone=zone)),
        "standing": partial(standing_text, time=day_time),
        "lines": partial(_lines, zone=zone),
    }


def _lines(parts: RichText, zone: tzinfo) -> list[Markup]:
    """Rich text as lines of HTML."""
    lines = [Markup("")]
    for part in parts:
        text = plain_part(part, zone)
        if isinstance(part, Strong):
            lines[-1] += Markup("<strong>{}</strong>").format(text)
            continue
        first, *others = text.split("\n")
        lines[-1] += first
        lines += [Markup.escape(each) for each in others]
    return [line for line in lines if line.strip()]
