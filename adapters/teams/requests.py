"""Teams' requests: let in, run as turns, read, handed to the desk, answered after it has decided."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from aiohttp import web

from adapters.teams import channels, dialogs, inbound
from adapters.teams.answers import OUTDATED, Answers, Way
from adapters.teams.auth import Forbidden, Gate, Identity, Unauthorized
from adapters.teams.keys import Unreachable
from adapters.teams.limits import Json
from adapters.teams.payloads import Activity, Malformed, activity, parties
from adapters.teams.people import People
from adapters.teams.references import References
from adapters.teams.sealed import Forged, Forms, Sent
from adapters.teams.turns import INVOKE, Reply, Turns
from bot.address import MessageRef
from bot.exchange import Dispatch, Posted, Revised

log = structlog.get_logger(__name__)

TEAMS = "msteams"
TicketOf = Callable[[MessageRef], Awaitable[str | None]]
"""The ticket whose message this is, if it is one's."""

_UPDATES = frozenset({"conversationUpdate", "installationUpdate"})
_CHANGED, _DELETED = "messageUpdate", "messageDelete"
_HANDLED = _UPDATES | {"message", _CHANGED, _DELETED, INVOKE}


class Requests:
    """Everything Teams sends to one address."""

    def __init__(
        self,
        *,
        gate: Gate,
        turns: Turns,
        reader: inbound.Reader,
        answers: Answers,
        forms: Forms,
        people: People,
        references: References,
        ticket_of: TicketOf,
    ) -> None:
        self._gate, self._turns, self._reader = gate, turns, reader
        self._answers, self._forms = answers, forms
        self._people, self._references, self._ticket_of = people, references, ticket_of

    def handler(self, dispatch: Dispatch) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def receive(request: web.Request) -> web.StreamResponse:
            if request.content_type != "application/json":
                return _refused(415, "send JSON")
            try:
                identity = await self._gate.identify(request.headers.get("Authorization"))
                body = parsed(await request.read())
                reply = await self._admitted(dispatch, identity, body)
            except Unauthorized as why:
                log.warning("teams request without a good token", why=str(why))
                return _refused(401, "unauthorized")
            except Forbidden as why:
                log.warning("teams request that is not for us", why=str(why))
                return _refused(403, "forbidden")
            except Malformed as why:
                log.warning("malformed teams request", why=str(why)[:300])
                return _refused(400, "malformed request")
            except Unreachable as why:
                log.error("teams request that cannot be checked", why=str(why))
                return _refused(503, "try again")
            if reply.body is None:
                return web.Response(status=reply.status)
            return web.json_response(reply.body, status=reply.status)

        return receive

    async def _admitted(self, dispatch: Dispatch, identity: Identity | None, body: Json) -> Reply:
        kind, service, channel = body.get("type"), body.get("serviceUrl"), body.get("channelId")
        if not isinstance(kind, str) or not kind or not isinstance(service, str):
            raise Malformed("no type, or no service address")
        self._gate.admit(identity, service, channel if isinstance(channel, str) else "")
        if kind not in _HANDLED or channel != TEAMS:
            log.info("teams activity that nobody handles", kind=kind[:80], channel=str(channel)[:80])
            return Reply()
        try:
            read = activity(body)
        except Malformed as why:
            if kind not in _UPDATES:
                raise
            log.warning("teams update that cannot be read", why=str(why)[:300])
            return Reply()
        return await self._turns.take(read, identity, lambda read: self._answered(dispatch, read))

    async def _answered(self, dispatch: Dispatch, read: Activity) -> Reply:
        home = await self._people.home(read)
        self._references.learn(read, inbound.user_of(read), home)
        if read.type in _UPDATES:
            return await self._updated(dispatch, read)
        if read.type == _DELETED:
            return await self._heard(dispatch, read, self._reader.revised(read, home, None))
        if read.sender.id == read.recipient.id or read.sender.role == "bot":
            return Reply()
        if read.type == INVOKE:
            return await self._invoked(dispatch, read, home)
        if read.type == _CHANGED:
            revised = self._reader.revised(read, home, inbound.spoken(read).text)
            return await self._heard(dispatch, read, revised)
        if _is_ours(read.value) and not (read.text or "").strip():
            return await self._acted(dispatch, read, home, Way.MESSAGE, read.value)
        return await self._said(dispatch, read, home)

    async def _updated(self, dispatch: Dispatch, read: Activity) -> Reply:
        """Who came and went. What it tells about the conversation is durable before we say that we know."""
        us = read.recipient.id
        came, went = parties(read.members_added), parties(read.members_removed)
        log.info(
            "teams conversation changed",
            place=read.conversation.place,
            what=(read.about.event_type or read.action or read.type)[:80],
            bot_added=us in came,
            bot_removed=us in went or read.action == "remove",
            came=len(came),
            went=len(went),
        )
        try:
            await self._references.written()
            for turn in channels.turns(read, self._references, self._reader.clock.now()):
                await dispatch(turn)
        except Exception:
            log.exception("news of a conversation not taken in")
            return Reply(503)
        return Reply()

    async def _invoked(self, dispatch: Dispatch, read: Activity, home: str) -> Reply:
        match read.name:
            case "adaptiveCard/action":
                return await self._acted(dispatch, read, home, Way.CARD, read.value_of("action", "data"))
            case "task/fetch" | "task/submit" | "composeExtension/submitAction":
                return await self._acted(dispatch, read, home, Way.TASK, read.value_of("data"))
            case "composeExtension/fetchTask":
                return await self._commanded(dispatch, read, home, Way.TASK, inbound.quoted(read))
            case _:
                log.info("teams invoke that nobody handles", name=(read.name or "")[:80])
                return Reply(200, {})

    async def _said(self, dispatch: Dispatch, read: Activity, home: str) -> Reply:
        """A message: to the bot it is a command, unless it belongs to a ticket's thread."""
        spoken = inbound.spoken(read)
        posted = self._reader.posted(read, home, spoken.text)
        if spoken.to_us and inbound.asked(spoken.text) == spoken.text and posted.thread is not None:
            belongs = await self._ticket_of(posted.thread) is not None
        else:
            belongs = not spoken.to_us
        if not belongs:
            return await self._commanded(dispatch, read, home, Way.MESSAGE, spoken.text)
        return await self._heard(dispatch, read, posted)

    async def _heard(self, dispatch: Dispatch, read: Activity, said: Posted | Revised) -> Reply:
        """What was written in a conversation, or changed there."""
        try:
            answer = await dispatch(said)
        except Exception:
            # Nobody waits for an answer, and what was written must not be lost: it may be delivered again.
            log.exception("message failed")
            return Reply(503)
        # The act itself is seen in the thread.
        return await self._answers.to_act(read, Way.MESSAGE, answer)

    async def _commanded(self, dispatch: Dispatch, read: Activity, home: str, way: Way, text: str) -> Reply:
        try:
            answer = await dispatch(self._reader.command(read, home, text))
            return await self._answers.to_act(read, way, answer)
        except Exception:
            log.exception("command failed")
            return self._answers.sorry(read, way)

    async def _acted(self, dispatch: Dispatch, read: Activity, home: str, way: Way, data: Any) -> Reply:
        """A button, or a form that was sent."""
        if dialogs.holds_form(data):
            return await self._sent(dispatch, read, home, way, data)
        press = self._reader.press(read, home, data)
        try:
            return await self._answers.to_act(read, way, await dispatch(press))
        except Exception:
            log.exception("press failed", action=press.action)
            return self._answers.sorry(read, way)

    async def _sent(self, dispatch: Dispatch, read: Activity, home: str, way: Way, data: Json) -> Reply:
        sent: Sent | None = None
        try:
            sent = self._forms.read(data)
        except Forged as why:
            log.warning("form that we did not open", why=str(why))
            return self._answers.sorry(read, way, words=OUTDATED)
        except ValueError as wrong:
            raise Malformed(str(wrong)) from None
        try:
            answer = await dispatch(self._reader.submission(read, home, sent))
            return await self._answers.to_form(read, way, sent, answer)
        except Exception:
            log.exception("submission failed", form=sent.form)
            return self._answers.sorry(read, way, sent)


def parsed(raw: bytes) -> Json:
    """Raises Malformed. Text that no database can hold is mended."""
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise Malformed(f"no JSON ({type(error).__name__})") from None
    if not isinstance(body, dict):
        raise Malformed("no JSON object")
    lowered = raw.lower()
    return _mended(body) if b"\\ud" in lowered or b"\\u0000" in lowered else body


def _mended(value: Any) -> Any:
    match value:
        case str():
            return value.replace("\0", "").encode("utf-8", "replace").decode()
        case dict():
            return {_mended(key): _mended(inner) for key, inner in value.items()}
        case list():
            return [_mended(inner) for inner in value]
        case _:
            return value


def _is_ours(value: Any) -> bool:
    return dialogs.holds_form(value) or (isinstance(value, dict) and "action" in value)


def _refused(status: int, why: str) -> web.Response:
    return web.json_response({"error": why}, status=status)
