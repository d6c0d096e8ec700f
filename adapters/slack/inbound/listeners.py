"""One listener for each kind of Slack's requests: read, handed to the desk, answered after it has decided."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import structlog
from slack_bolt.async_app import AsyncAck, AsyncApp, AsyncBoltContext, AsyncBoltRequest
from slack_bolt.response import BoltResponse

from adapters.slack import doors, farewells, files
from adapters.slack.answers import REDELIVER, Answers
from adapters.slack.events import READERS, looked_again
from adapters.slack.payloads import Filled, Malformed, Pressed, Shortcut, Slash, Submitted, plain, read
from adapters.slack.workspaces.workspace import Asked, Workspace, Workspaces
from bot.exchange import Dispatch, Done, Press
from bot.ports import NotYet

log = structlog.get_logger(__name__)

Body = dict[str, Any]
WORKSPACE = "workspace"
"""Where the context of a request keeps the workspace that answers it; None if we are not installed there."""
_RETRIED = "x-slack-retry-num"
_ANY = re.compile("")


def origin(context: AsyncBoltContext) -> Asked:
    """Where a request came from, as Bolt reads it; Bolt takes it on trust that ids are text."""
    return Asked(
        team=plain(context.team_id),
        enterprise=plain(context.enterprise_id),
        everywhere=bool(context.is_enterprise_install),
        channel=plain(context.channel_id),
        user=plain(context.user_id),
    )


def actors_workspace(context: AsyncBoltContext) -> str:
    """The actor's workspace; empty if the request does not name it.

    For a mention by somebody of an organisation Bolt knows none, or gives the organisation's id.
    """
    team = plain(context.actor_team_id)
    return team if team.startswith("T") else ""


class Listeners:
    """Each raises Malformed for a request that makes no sense. It answers any other exception itself."""

    def __init__(self, dispatch: Dispatch, workspaces: Workspaces, nowhere: Answers) -> None:
        """`nowhere` answers where we are not installed any more, as far as that needs no token."""
        self._dispatch, self._workspaces, self._nowhere = dispatch, workspaces, nowhere

    def register(self, app: AsyncApp) -> None:
        """Bolt asks one after another, so those that people wait for come first."""
        app.command(_ANY)(self.on_command)
        app.view_submission(_ANY)(self.on_submission)
        app.block_action(_ANY)(self.on_press)
        app.event(_ANY)(self.on_event)
        app.view_closed(_ANY)(self.on_closed)
        app.shortcut(_ANY)(self.on_shortcut)

    async def on_command(self, ack: AsyncAck, body: Body, context: AsyncBoltContext) -> BoltResponse:
        if "type" in body:
            raise Malformed("type: a command has none")
        slash, at = read(Slash, body), _workspace(context)
        if at is None:
            return await self._nowhere.sorry_for_command(ack)
        try:
            return await at.answers.to_command(ack, slash, await self._dispatch(at.reader.command(slash)))
        except Malformed:
            raise
        except Exception:
            log.exception("command failed", command=slash.command)
            return await self._nowhere.sorry_for_command(ack)

    async def on_press(self, ack: AsyncAck, body: Body, context: AsyncBoltContext) -> BoltResponse:
        view = body.get("view")
        if isinstance(view, dict) and view.get("type") == "modal":
            return await self._on_filling(ack, body, context)
        pressed, at = read(Pressed, body), _workspace(context)
        if at is None:
            return await self._nowhere.sorry_for_press(ack, pressed)
        try:
            press = at.reader.press(pressed)
            if press is None:
                return await ack()
            act = await at.names.known(press)
            answer = await self._dispatch(act)
            told = await at.answers.to_press(ack, pressed, answer)
        except Malformed:
            raise
        except Exception:
            log.exception("press failed", action=pressed.actions[0].action_id)
            return await at.answers.sorry_for_press(ack, pressed)
        if pressed.on_home and isinstance(answer, Done):
            await self._redraw_home(at, act)
        return told

    async def _redraw_home(self, at: Workspace, press: Press) -> None:
        """What was done on a page is seen there; next time it is opened at the latest."""
        act = looked_again(press)
        try:
            at.answers.to_home(act, await self._dispatch(act))
        except Exception:
            log.exception("home tab not redrawn")

    async def on_submission(self, ack: AsyncAck, body: Body, context: AsyncBoltContext) -> BoltResponse:
        submitted, at = read(Submitted, body), _workspace(context)
        if at is None:
            return await self._nowhere.sorry_for_submission(ack, submitted)
        try:
            named = await at.names.known(at.reader.submission(submitted))
            return await at.answers.to_submission(ack, submitted, await self._dispatch(named))
        except Malformed:
            raise
        except Exception:
            log.exception("submission failed", form=submitted.view.callback_id)
            return await self._nowhere.sorry_for_submission(ack, submitted)

    async def _on_filling(self, ack: AsyncAck, body: Body, context: AsyncBoltContext) -> BoltResponse:
        filled, at = read(Filled, body), _workspace(context)
        if at is None or filled.actions[0].type == "button":
            return await ack()
        try:
            at.answers.to_filling(filled, await self._dispatch(at.reader.filling(filled)))
        except Malformed:
            raise
        except Exception:
            # The form stays as it is, and is checked as a whole when it is sent.
            log.exception("form not redrawn", form=filled.view.callback_id)
        return await ack()

    async def on_closed(self, ack: AsyncAck, body: Body, context: AsyncBoltContext) -> BoltResponse:
        closed, at = read(Submitted, body), _workspace(context)
        if at is None or not closed.view.private_metadata:
            return await ack()
        try:
            await self._dispatch(at.reader.left(closed))
        except Malformed:
            raise
        except Exception:
            log.exception("closing failed", form=closed.view.callback_id)
        return await ack()

    async def on_event(
        self, ack: AsyncAck, body: Body, event: Body, context: AsyncBoltContext, request: AsyncBoltRequest
    ) -> BoltResponse:
        kind, hearing = plain(event.get("type")), _workspace(context)
        if kind in farewells.KINDS:
            return await self._farewell(ack, kind, body, context)
        reads = READERS.get(kind)
        if reads is None:
            return await ack()
        if hearing is None:
            return BoltResponse(status=REDELIVER)
        try:
            at = self._workspaces.speaking(plain(context.channel_id), hearing)
            reader = replace(at.reader, alias=hearing.us.bot_user)
            act = reads(reader, body, actors_workspace(context))
            if act is None:
                return await ack()
            act = await doors.quoted(act, reader, at.api)
            act = await files.known(at.api, act, body)
            answer = await self._dispatch(await at.names.known_in_event(act))
            # Another event brought an edited message before.
            again = _RETRIED in request.headers or bool(event.get("edited"))
            return await at.answers.to_event(ack, act, answer, again=again)
        except Malformed:
            raise
        except NotYet as early:
            log.info("event to be delivered again", kind=kind, why=str(early))
            return BoltResponse(status=REDELIVER)
        except Exception:
            # Slack delivers an event again that was not taken, and nobody waits for an answer.
            log.exception("event failed", kind=kind)
            return BoltResponse(status=REDELIVER)

    async def _farewell(
        self, ack: AsyncAck, kind: str, body: Body, context: AsyncBoltContext
    ) -> BoltResponse:
        try:
            await farewells.hear(body, origin(context), self._workspaces)
        except Malformed:
            raise
        except Exception:
            log.exception("event failed", kind=kind)
            return BoltResponse(status=REDELIVER)
        return await ack()

    async def on_shortcut(self, ack: AsyncAck, body: Body, context: AsyncBoltContext) -> BoltResponse:
        called_up, at = read(Shortcut, body), _workspace(context)
        if at is None:
            return await ack()
        act = None
        try:
            act = doors.shortcut(at.reader, called_up)
            answer = await self._dispatch(act)
            return await at.answers.to_shortcut(ack, act, called_up.trigger_id, answer)
        except Malformed:
            raise
        except Exception:
            log.exception("shortcut failed", shortcut=called_up.callback_id)
            # Without an act we do not know whom to tell; Slack then shows an error of its own.
            return await at.answers.sorry_for_shortcut(ack, act) if act else BoltResponse(status=500)


def _workspace(context: AsyncBoltContext) -> Workspace | None:
    found: Workspace | None = context.get(WORKSPACE)
    return found
