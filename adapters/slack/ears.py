"""Each kind of Slack's requests: read, handed to the desk, answered after the desk has decided."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

import structlog

from adapters.slack import doors, farewells, files
from adapters.slack.ack import Ack, acknowledged
from adapters.slack.answers import Answers
from adapters.slack.envelope import Body, kind_of_event, part, plain, team_of_actor
from adapters.slack.events import READERS
from adapters.slack.home import looked_again
from adapters.slack.payloads import Filled, Malformed, Pressed, Shortcut, Slash, Submitted, read
from adapters.slack.workspaces import Asked, Workspace, Workspaces
from bot.exchange import Dispatch, Done, Press
from bot.ports import NotYet

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Heard:
    """A request, and the workspace in which it is answered; None where we are not installed any more."""

    body: Body
    origin: Asked
    at: Workspace | None
    again: bool
    """Whether Slack says that it was sent before."""


Hears = Callable[[Heard], Awaitable[Ack]]


class Ears:
    """One ear for each kind. Each raises Malformed for what makes no sense, and nothing else."""

    def __init__(self, dispatch: Dispatch, workspaces: Workspaces, nowhere: Answers) -> None:
        self._dispatch, self._workspaces, self._nowhere = dispatch, workspaces, nowhere
        self.by_kind: dict[str, Hears] = {
            "block_actions": self._on_press,
            "command": self._on_command,
            "event_callback": self._on_event,
            "message_action": self._on_shortcut,
            "shortcut": self._on_shortcut,
            "url_verification": _on_challenge,
            "view_closed": self._on_closed,
            "view_submission": self._on_submission,
        }

    async def at(self, origin: Asked) -> Workspace | None:
        try:
            return await self._workspaces.asked(origin)
        except Exception:
            log.exception("no telling where a request came from", team=origin.team)
            return None

    async def _on_command(self, heard: Heard) -> Ack:
        slash, at = read(Slash, heard.body), heard.at
        if at is None:
            return self._nowhere.sorry_for_command()
        try:
            return await at.answers.to_command(slash, await self._dispatch(at.reader.command(slash)))
        except Exception:
            log.exception("command failed", command=slash.command)
            return self._nowhere.sorry_for_command()

    async def _on_press(self, heard: Heard) -> Ack:
        if part(heard.body, "view").get("type") == "modal":
            return await self._on_filling(heard)
        pressed, at = read(Pressed, heard.body), heard.at
        if at is None:
            return self._nowhere.sorry_for_press(pressed)
        press = at.reader.press(pressed)
        if press is None:
            return acknowledged()
        try:
            act = await at.names.known(press)
            answer = await self._dispatch(act)
            told = await at.answers.to_press(pressed, answer)
        except Exception:
            log.exception("press failed", action=press.action)
            return at.answers.sorry_for_press(pressed)
        if pressed.on_home and isinstance(answer, Done):
            await self._redraw_home(at, act)
        return told

    async def _redraw_home(self, at: Workspace, press: Press) -> None:
        """What was done on a page is seen there; next time it is opened at the latest."""
        act = looked_again(press)
        try:
            await at.answers.to_event(act, await self._dispatch(act))
        except Exception:
            log.exception("home tab not redrawn")

    async def _on_submission(self, heard: Heard) -> Ack:
        submitted, at = read(Submitted, heard.body), heard.at
        if at is None:
            return self._nowhere.sorry_for_submission(submitted)
        try:
            submission = at.reader.submission(submitted)
        except ValueError:
            raise Malformed("private_metadata: not ours") from None
        try:
            named = await at.names.known(submission)
            return at.answers.to_submission(submitted, await self._dispatch(named))
        except Exception:
            log.exception("submission failed", form=submission.form)
            return self._nowhere.sorry_for_submission(submitted)

    async def _on_filling(self, heard: Heard) -> Ack:
        filled, at = read(Filled, heard.body), heard.at
        if at is None or filled.actions[0].type == "button":
            return acknowledged()
        try:
            filling = at.reader.filling(filled)
        except ValueError:
            raise Malformed("private_metadata: not ours") from None
        try:
            return at.answers.to_filling(filled, await self._dispatch(filling))
        except Exception:
            # The form stays as it is, and is looked at as a whole when it is sent.
            log.exception("form not drawn anew", form=filling.form)
            return acknowledged()

    async def _on_closed(self, heard: Heard) -> Ack:
        closed, at = read(Submitted, heard.body), heard.at
        if at is None or not closed.view.private_metadata:
            return acknowledged()
        try:
            left = at.reader.left(closed)
        except ValueError:
            raise Malformed("private_metadata: not ours") from None
        try:
            await self._dispatch(left)
        except Exception:
            log.exception("closing failed", form=left.form)
        return acknowledged()

    async def _on_event(self, heard: Heard) -> Ack:
        body, event = heard.body, kind_of_event(heard.body)
        if event in farewells.KINDS:
            return await self._farewell(heard)
        reads, hearing = READERS.get(event), heard.at
        if reads is None:
            return acknowledged()
        if hearing is None:
            return acknowledged(status=503)
        at = self._workspaces.speaking(heard.origin.channel, hearing)
        reader = replace(at.reader, alias=hearing.us.bot_user)
        act = reads(reader, body, team_of_actor(body))
        if act is None:
            return acknowledged()
        try:
            act = await doors.quoted(act, reader, at.api)
            act = await files.known(at.api, act, body)
            answer = await self._dispatch(await at.names.known_in_event(act))
        except NotYet as early:
            log.info("event to be delivered again", kind=event, why=str(early))
            return acknowledged(status=503)
        except Exception:
            # Slack delivers an event again that was not taken, and nobody waits for an answer.
            log.exception("event failed", kind=event)
            return acknowledged(status=503)
        # An edited message was heard of in another event before.
        again = heard.again or bool(part(body, "event").get("edited"))
        return await at.answers.to_event(act, answer, again=again)

    async def _farewell(self, heard: Heard) -> Ack:
        try:
            await farewells.hear(heard.body, heard.origin, self._workspaces)
        except Malformed:
            raise
        except Exception:
            log.exception("event failed", kind=kind_of_event(heard.body))
            return acknowledged(status=503)
        return acknowledged()

    async def _on_shortcut(self, heard: Heard) -> Ack:
        called_up, at = read(Shortcut, heard.body), heard.at
        if at is None:
            return acknowledged()
        act = doors.shortcut(at.reader, called_up)
        try:
            return await at.answers.to_shortcut(act, called_up.trigger_id, await self._dispatch(act))
        except Exception:
            log.exception("shortcut failed", shortcut=called_up.callback_id)
            return at.answers.sorry_for_shortcut(act)


async def _on_challenge(heard: Heard) -> Ack:
    """Slack asks whether this address is ours, when it is set."""
    return acknowledged({"challenge": plain(heard.body.get("challenge"))})
