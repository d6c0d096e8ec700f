"""Delivers the desk's answers in the form that each kind of Slack request needs."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any, assert_never

import structlog
from slack_bolt.async_app import AsyncAck
from slack_bolt.response import BoltResponse

from adapters.slack.outbound.web_api import SlackApiError, SlackUnavailable, WebApi
from adapters.slack.payloads import BlockActions, ModalBlockActions, ModalView, SlashCommand, ViewSubmission
from adapters.slack.rendering import modals
from adapters.slack.rendering.block_kit import Json, MrkdwnRenderer, message_metadata
from adapters.slack.rendering.messages import home_view, render_message
from bot.logs import log_fault
from bot.model.address import MessageRef
from bot.model.forms import Form
from bot.model.inbound import (
    Answer,
    Ask,
    Command,
    Done,
    EntryPoint,
    HomeOpened,
    Inbound,
    MessageAction,
    MessageChanged,
    Posted,
    Show,
)
from bot.model.views import Notice, View
from sla_core.promise import Tone

log = structlog.get_logger(__name__)

SORRY = "Something went wrong on our side. Nothing was changed; please try again."
TOO_LATE = "Slack did not open the form in time. Please try again."
NEEDS_BUTTON = "This needs a form. Please press a button or use the app's command."
REDELIVER_STATUS = 503
"""The HTTP status that makes Slack deliver an event again."""
OPEN_TIMEOUT = 2.3
"""Seconds to wait for Slack to open a form; the trigger and the person's request expire after 3."""


def as_notice(words: str) -> Notice:
    return Notice((words,), Tone.WARN)


class Responder:
    """Delivers answers; private replies to buttons are sent after the ack."""

    def __init__(self, api: WebApi, renderer: MrkdwnRenderer, *, omits_unchanged: bool) -> None:
        self._api, self._renderer, self._omits_unchanged = api, renderer, omits_unchanged
        self._prompts = ThreadPrompts(api, renderer)
        self._replies: set[asyncio.Task[None]] = set()
        self._modal_updater = ModalUpdater(api)

    async def settle(self) -> None:
        """Waits for pending replies."""
        while self._replies:
            await asyncio.gather(*self._replies, return_exceptions=True)

    async def to_command(self, ack: AsyncAck, slash: SlashCommand, answer: Answer) -> BoltResponse:
        match answer:
            case Show(view):
                return await ack(self._ephemeral_body(view))
            case Ask():
                late = await self._open_form(slash.trigger_id, answer)
                return await (ack(self._ephemeral_body(late)) if late else ack())
            case Done():
                return await ack()
            case _:
                assert_never(answer)

    async def to_press(self, ack: AsyncAck, pressed: BlockActions, answer: Answer) -> BoltResponse:
        match answer:
            case Show(view):
                self._in_background(self._reply(pressed, view))
            case Ask():
                if late := await self._open_form(pressed.trigger_id, answer):
                    self._in_background(self._reply(pressed, late))
            case Done():
                pass
            case _:
                assert_never(answer)
        return await ack()

    async def to_submission(self, ack: AsyncAck, submitted: ViewSubmission, answer: Answer) -> BoltResponse:
        match answer:
            case Show(view):
                return await ack(response_action="update", view=self._message_modal(view))
            case Ask(form):
                found = modals.errors(submitted.view, form.errors)
                if found and modals.same_inputs(submitted.view, form):
                    return await ack(response_action="errors", errors=found)
                return await ack(response_action="update", view=self._form_modal(form))
            case Done():
                return await ack(response_action="clear")
            case _:
                assert_never(answer)

    def to_form_change(self, changed: ModalBlockActions, answer: Answer) -> None:
        """Redraws the form; an open form has no place for any other answer."""
        if isinstance(answer, Ask):
            self._in_background(self._modal_updater.redraw(changed, self._form_modal(answer.form)))

    async def to_shortcut(
        self, ack: AsyncAck, act: Command | MessageAction, trigger: str, answer: Answer
    ) -> BoltResponse:
        match answer:
            case Show(view):
                if await self._open_modal(trigger, self._message_modal(view)) is not None:
                    self._in_background(self._reply_privately(act, view))
            case Ask():
                if late := await self._open_form(trigger, answer):
                    self._in_background(self._reply_privately(act, late))
            case Done():
                pass
            case _:
                assert_never(answer)
        return await ack()

    async def to_event(
        self, ack: AsyncAck, act: Inbound, answer: Answer, *, redelivered: bool
    ) -> BoltResponse:
        """`redelivered`: we may have answered an earlier delivery of the event."""
        match answer:
            case Show() if isinstance(act, HomeOpened):
                self.to_home(act, answer)
            case Show(view):
                self._in_background(self._reply_privately(act, view))
            case Ask(_, instead) if instead is not None and isinstance(act, Command | Posted):
                try:
                    if not await self._prompts.post_once(act, instead, redelivered):
                        return BoltResponse(status=REDELIVER_STATUS)
                except SlackApiError as refusal:
                    log.error("prompt refused", why=str(refusal), details=refusal.details)
                    self._in_background(self._reply_privately(act, instead))
            case Ask():
                # An event has no trigger to open a form with.
                self._in_background(self._reply_privately(act, as_notice(NEEDS_BUTTON)))
            case Done():
                pass
            case _:
                assert_never(answer)
        return await ack()

    def to_home(self, act: HomeOpened, answer: Answer) -> None:
        if isinstance(answer, Show):
            self._in_background(self._publish(act, answer.view))

    async def command_failed(self, ack: AsyncAck) -> BoltResponse:
        return await ack(self._ephemeral_body(as_notice(SORRY)))

    async def press_failed(self, ack: AsyncAck, pressed: BlockActions) -> BoltResponse:
        self._in_background(self._reply(pressed, as_notice(SORRY)))
        return await ack()

    async def submission_failed(self, ack: AsyncAck, submitted: ViewSubmission) -> BoltResponse:
        if found := modals.errors(submitted.view, {"": SORRY}):
            return await ack(response_action="errors", errors=found)
        return await ack(response_action="update", view=self._message_modal(as_notice(SORRY)))

    async def shortcut_failed(self, ack: AsyncAck, act: Command | MessageAction) -> BoltResponse:
        self._in_background(self._reply_privately(act, as_notice(SORRY)))
        return await ack()

    async def _open_form(self, trigger: str, ask: Ask) -> View | None:
        """Opens the form. On failure, returns a view that says so, with buttons to continue without it."""
        why = await self._open_modal(trigger, self._form_modal(ask.form))
        if why is None:
            return None
        return replace(as_notice(why), buttons=ask.fallback.buttons if ask.fallback else ())

    async def _open_modal(self, trigger: str, view: Json) -> str | None:
        """Opens a modal. On failure, returns the text to show."""
        name = view.get("callback_id")
        try:
            async with asyncio.timeout(OPEN_TIMEOUT):
                await self._api.request("views.open", {"trigger_id": trigger, "view": view})
        except (TimeoutError, SlackUnavailable) as unavailable:
            log.warning("form not opened", form=name, why=str(unavailable) or "no answer in time")
            return TOO_LATE
        except SlackApiError as refusal:
            if refusal.error in ("expired_trigger_id", "exchanged_trigger_id"):
                log.warning("form not opened", form=name, why=refusal.error)
                return TOO_LATE
            log.error("form not opened", form=name, why=refusal.error, details=refusal.details)
            return SORRY
        return None

    def _form_modal(self, form: Form) -> Json:
        return modals.modal(form, self._renderer, omits_unchanged=self._omits_unchanged)

    def _ephemeral_body(self, view: View) -> Json:
        drawn = render_message(view, self._renderer)
        return {"response_type": "ephemeral", "text": drawn.text, "blocks": drawn.blocks}

    def _message_modal(self, view: View) -> Json:
        """Returns the view as a modal without a form."""
        return modals.message_view("Frontline", render_message(view, self._renderer).blocks)

    async def _reply(self, pressed: BlockActions, view: View) -> None:
        container = pressed.container
        thread = {"thread_ts": container.thread_ts} if container.thread_ts else {}
        try:
            if pressed.on_home:
                await self._reply_over_home(pressed, view)
            elif pressed.response_url:
                body = {**self._ephemeral_body(view), "replace_original": False, **thread}
                await self._api.respond(pressed.response_url, body)
            else:
                channel = pressed.channel.id if pressed.channel else container.channel_id
                await self._ephemeral(channel or "", pressed.user.id, view, thread)
        except (SlackApiError, SlackUnavailable) as failure:
            log.warning("private reply lost", why=str(failure))

    async def _reply_over_home(self, pressed: BlockActions, view: View) -> None:
        """Replies in a modal, or in a direct message if the trigger is used up."""
        try:
            shown = self._message_modal(view)
            await self._api.request("views.open", {"trigger_id": pressed.trigger_id, "view": shown})
        except SlackApiError:
            drawn = render_message(view, self._renderer)
            said = {"channel": pressed.user.id, "text": drawn.text, "blocks": drawn.blocks}
            await self._api.request("chat.postMessage", said)

    async def _publish(self, act: HomeOpened, view: View) -> None:
        try:
            drawn = home_view(view, self._renderer, act.place)
            await self._api.request("views.publish", {"user_id": act.actor.user.id, "view": drawn})
        except (SlackApiError, SlackUnavailable) as failure:
            log.warning("home tab not drawn", user=act.actor.user.id, why=str(failure))

    async def _reply_privately(self, act: Inbound, view: View) -> None:
        if not isinstance(act, Posted | Command | MessageAction | MessageChanged):
            return
        below = _ephemeral_thread(act) if isinstance(act, Command) else act.thread
        thread = {"thread_ts": below.id} if below else {}
        try:
            if act.place.direct:
                drawn = render_message(view, self._renderer)
                said = {"channel": act.place.id, "text": drawn.text, "blocks": drawn.blocks}
                await self._api.request("chat.postMessage", said)
            else:
                await self._ephemeral(act.place.id, act.actor.user.id, view, thread)
        except (SlackApiError, SlackUnavailable) as failure:
            log.warning("private reply lost", why=str(failure))

    async def _ephemeral(self, channel: str, user: str, view: View, thread: Json) -> None:
        drawn = render_message(view, self._renderer)
        body = {"channel": channel, "user": user, "text": drawn.text, "blocks": drawn.blocks, **thread}
        await self._api.request("chat.postEphemeral", body)

    def _in_background(self, reply: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(_log_failure(reply))
        self._replies.add(task)
        task.add_done_callback(self._replies.discard)


async def _log_failure(reply: Coroutine[Any, Any, None]) -> None:
    try:
        await reply
    except Exception:
        log_fault(log, "private reply failed")


def _ephemeral_thread(act: Command) -> MessageRef | None:
    """Returns the thread for an ephemeral reply, from a mention's key; only existing threads show one."""
    if act.name != EntryPoint.MENTION or act.about is None or act.key.endswith(f"/{act.about.id}"):
        return None
    return act.about


MOST_FORMS = 1000
_HASH_CONFLICT = "hash_conflict"
_NOT_FOUND = "not_found"


class ModalUpdater:
    """Updates the open modals of one workspace."""

    def __init__(self, api: WebApi) -> None:
        self._api = api
        self._newest: dict[str, str] = {}
        self._busy: set[str] = set()

    async def redraw(self, changed: ModalBlockActions, drawn: Json) -> None:
        """Replaces the view. Slack keeps what was typed in each input whose ids stay the same."""
        view, at = changed.view, changed.actions[0].action_ts
        if at < self._newest.get(view.id, ""):
            return
        self._remember(view.id, at)
        if modals.looks_the_same(view, drawn) and view.id not in self._busy:
            return
        self._busy.add(view.id)
        try:
            await self._update(view, drawn, at)
        except SlackUnavailable as unavailable:
            log.warning("form not redrawn", form=view.callback_id, why=str(unavailable))
        except SlackApiError as refusal:
            if refusal.error not in (_HASH_CONFLICT, _NOT_FOUND):
                why, details = str(refusal), refusal.details
                log.error("form not redrawn", form=view.callback_id, why=why, details=details)
        finally:
            self._busy.discard(view.id)

    async def _update(self, view: ModalView, drawn: Json, at: str) -> None:
        new = {"view_id": view.id, "view": drawn}
        try:
            await self._api.request("views.update", {**new, "hash": view.hash})
        except SlackApiError as refusal:
            # An earlier choice may have redrawn it meanwhile. If a later one did, keep that version.
            if refusal.error != _HASH_CONFLICT or self._newest.get(view.id) != at:
                raise
            await self._api.request("views.update", new)

    def _remember(self, view: str, at: str) -> None:
        self._newest.pop(view, None)
        self._newest[view] = at
        if len(self._newest) > MOST_FORMS:
            del self._newest[next(iter(self._newest))]


PROMPT_TIMEOUT = 2.0
"""Seconds; Slack redelivers an event that is not acknowledged within three."""
MOST_PROMPTS = 2000


class ThreadPrompts:
    """Posts each prompt once, however often its event arrives.

    The process remembers its own prompts. If another process may have posted one, or Slack did not confirm
    ours, it looks in the thread.
    """

    def __init__(self, api: WebApi, renderer: MrkdwnRenderer) -> None:
        self._api, self._renderer = api, renderer
        self._posted: OrderedDict[str, bool] = OrderedDict()
        """Whether Slack confirmed the prompt, by key."""
        self._lock = asyncio.Lock()

    async def post_once(self, act: Command | Posted, prompt: Notice, redelivered: bool) -> bool:
        """Returns False if Slack has to deliver the event again. `redelivered`: it may be posted already.

        Raises SlackApiError if Slack rejects it for good.
        """
        try:
            async with asyncio.timeout(PROMPT_TIMEOUT), self._lock:
                if not self._posted.get(act.key):
                    unsure = redelivered or act.key in self._posted
                    if not (unsure and await self._is_posted(act)):
                        self._remember(act.key, confirmed=False)
                        await self._post(act, prompt)
                    self._remember(act.key, confirmed=True)
        except (SlackUnavailable, TimeoutError) as unavailable:
            log.warning("prompt not posted", why=str(unavailable) or "no answer in time")
            return False
        return True

    async def _post(self, act: Command | Posted, prompt: Notice) -> None:
        drawn, below = render_message(prompt, self._renderer), thread_root(act)
        said: Json = {"channel": act.place.id, "text": drawn.text, "blocks": drawn.blocks}
        thread = {"thread_ts": below.id} if below else {}
        await self._api.request("chat.postMessage", {**said, **thread, "metadata": message_metadata(act.key)})

    async def _is_posted(self, act: Command | Posted) -> bool:
        below = thread_root(act)
        arguments = {"channel": act.place.id, "include_all_metadata": True, "limit": 200}
        if below:
            found = await self._api.request("conversations.replies", {**arguments, "ts": below.id})
        else:
            found = await self._api.request("conversations.history", arguments)
        return any(each.get("metadata") == message_metadata(act.key) for each in found.get("messages", ()))

    def _remember(self, key: str, *, confirmed: bool) -> None:
        self._posted[key] = confirmed
        if len(self._posted) > MOST_PROMPTS:
            self._posted.popitem(last=False)


def thread_root(act: Command | Posted) -> MessageRef | None:
    """Returns the message whose thread an answer belongs to, or None in a direct conversation."""
    if act.place.direct:
        return None
    return act.about if isinstance(act, Command) else act.thread or act.message
