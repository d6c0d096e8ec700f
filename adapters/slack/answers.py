"""What the desk answers, in the way each kind of Slack request wants to be answered."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any, assert_never

import structlog
from slack_bolt.async_app import AsyncAck
from slack_bolt.response import BoltResponse

from adapters.slack import modals
from adapters.slack.blocks import page
from adapters.slack.filling import Refills
from adapters.slack.home import home
from adapters.slack.offers import Offers
from adapters.slack.paper import Json
from adapters.slack.payloads import Filled, Pressed, Slash, Submitted
from adapters.slack.text import Pen
from adapters.slack.web_api import Refused, Unheard, WebApi
from bot.address import MessageRef
from bot.exchange import Answer, Ask, Command, Done, Door, HomeOpened, Inbound, Posted, Revised, Show
from bot.forms import Form
from bot.views import Notice, View
from sla_core.countdown import Tone

log = structlog.get_logger(__name__)

SORRY = "That did not work on our side, nothing was changed; please try again."
TOO_LATE = "Slack could not open the form in time; please try again."
NEEDS_BUTTON = "That needs a form; please use a button or the command."
REDELIVER = 503
"""The status that makes Slack deliver an event again."""
TRIGGER_LIFE = 2.3
"""Seconds we give Slack to open a form; the trigger dies after 3, and so does the person's request."""


def told(words: str) -> Notice:
    return Notice((words,), Tone.WARN)


class Answers:
    """Delivers answers; private replies to buttons go out after the ack."""

    def __init__(self, api: WebApi, pen: Pen, *, keeps_untouched: bool) -> None:
        self._api, self._pen, self._keeps_untouched = api, pen, keeps_untouched
        self._offers = Offers(api, pen)
        self._replies: set[asyncio.Task[None]] = set()
        self._refills = Refills(api)

    async def settle(self) -> None:
        """Waits for the replies that are under way."""
        while self._replies:
            await asyncio.gather(*self._replies, return_exceptions=True)

    async def to_command(self, ack: AsyncAck, slash: Slash, answer: Answer) -> BoltResponse:
        match answer:
            case Show(view):
                return await ack(self._private(view))
            case Ask():
                late = await self._open(slash.trigger_id, answer)
                return await (ack(self._private(late)) if late else ack())
            case Done():
                return await ack()
            case _:
                assert_never(answer)

    async def to_press(self, ack: AsyncAck, pressed: Pressed, answer: Answer) -> BoltResponse:
        match answer:
            case Show(view):
                self._later(self._reply(pressed, view))
            case Ask():
                if late := await self._open(pressed.trigger_id, answer):
                    self._later(self._reply(pressed, late))
            case Done():
                pass
            case _:
                assert_never(answer)
        return await ack()

    async def to_submission(self, ack: AsyncAck, submitted: Submitted, answer: Answer) -> BoltResponse:
        match answer:
            case Show(view):
                return await ack(response_action="update", view=self._alone(view))
            case Ask(form):
                found = modals.errors(submitted.view, form.errors)
                if found and modals.same_inputs(submitted.view, form):
                    return await ack(response_action="errors", errors=found)
                return await ack(response_action="update", view=self._modal(form))
            case Done():
                return await ack(response_action="clear")
            case _:
                assert_never(answer)

    def to_filling(self, filled: Filled, answer: Answer) -> None:
        """The form anew; there is no place in an open form to say anything else."""
        if isinstance(answer, Ask):
            self._later(self._refills.show(filled, self._modal(answer.form)))

    async def to_shortcut(self, ack: AsyncAck, act: Command, trigger: str, answer: Answer) -> BoltResponse:
        match answer:
            case Show(view):
                if await self._shown(trigger, self._alone(view)) is not None:
                    self._later(self._whisper(act, view))
            case Ask():
                if late := await self._open(trigger, answer):
                    self._later(self._whisper(act, late))
            case Done():
                pass
            case _:
                assert_never(answer)
        return await ack()

    async def to_event(self, ack: AsyncAck, act: Inbound, answer: Answer, *, again: bool) -> BoltResponse:
        """`again`: an earlier delivery of it may have been answered."""
        match answer:
            case Show() if isinstance(act, HomeOpened):
                self.to_home(act, answer)
            case Show(view):
                self._later(self._whisper(act, view))
            case Ask(_, instead) if instead is not None and isinstance(act, Command | Posted):
                try:
                    if not await self._offers.made(act, instead, again):
                        return BoltResponse(status=REDELIVER)
                except Refused as refusal:
                    log.error("offer refused", why=str(refusal), details=refusal.details)
                    self._later(self._whisper(act, instead))
            case Ask():
                # An event gives no trigger to open a form with.
                self._later(self._whisper(act, told(NEEDS_BUTTON)))
            case Done():
                pass
            case _:
                assert_never(answer)
        return await ack()

    def to_home(self, act: HomeOpened, answer: Answer) -> None:
        if isinstance(answer, Show):
            self._later(self._publish(act, answer.view))

    async def sorry_for_command(self, ack: AsyncAck) -> BoltResponse:
        return await ack(self._private(told(SORRY)))

    async def sorry_for_press(self, ack: AsyncAck, pressed: Pressed) -> BoltResponse:
        self._later(self._reply(pressed, told(SORRY)))
        return await ack()

    async def sorry_for_submission(self, ack: AsyncAck, submitted: Submitted) -> BoltResponse:
        if found := modals.errors(submitted.view, {"": SORRY}):
            return await ack(response_action="errors", errors=found)
        return await ack(response_action="update", view=self._alone(told(SORRY)))

    async def sorry_for_shortcut(self, ack: AsyncAck, act: Command) -> BoltResponse:
        self._later(self._whisper(act, told(SORRY)))
        return await ack()

    async def _open(self, trigger: str, ask: Ask) -> View | None:
        """What to say where the form could not be opened, with the buttons that lead on without it."""
        why = await self._shown(trigger, self._modal(ask.form))
        if why is None:
            return None
        return replace(told(why), buttons=ask.instead.buttons if ask.instead else ())

    async def _shown(self, trigger: str, view: Json) -> str | None:
        """Opens a modal; what to say where that failed."""
        name = view.get("callback_id")
        try:
            async with asyncio.timeout(TRIGGER_LIFE):
                await self._api.ask("views.open", {"trigger_id": trigger, "view": view})
        except (TimeoutError, Unheard) as silence:
            log.warning("form not opened", form=name, why=str(silence) or "no answer in time")
            return TOO_LATE
        except Refused as refusal:
            if refusal.error in ("expired_trigger_id", "exchanged_trigger_id"):
                log.warning("form not opened", form=name, why=refusal.error)
                return TOO_LATE
            log.error("form not opened", form=name, why=refusal.error, details=refusal.details)
            return SORRY
        return None

    def _modal(self, form: Form) -> Json:
        return modals.modal(form, self._pen, keeps_untouched=self._keeps_untouched)

    def _private(self, view: View) -> Json:
        drawn = page(view, self._pen)
        return {"response_type": "ephemeral", "text": drawn.text, "blocks": drawn.blocks}

    def _alone(self, view: View) -> Json:
        """As a modal without a form."""
        return modals.closing("Frontline", page(view, self._pen).blocks)

    async def _reply(self, pressed: Pressed, view: View) -> None:
        container = pressed.container
        thread = {"thread_ts": container.thread_ts} if container.thread_ts else {}
        try:
            if pressed.on_home:
                await self._above_home(pressed, view)
            elif pressed.response_url:
                body = {**self._private(view), "replace_original": False, **thread}
                await self._api.respond(pressed.response_url, body)
            else:
                channel = pressed.channel.id if pressed.channel else container.channel_id
                await self._ephemeral(channel or "", pressed.user.id, view, thread)
        except (Refused, Unheard) as failure:
            log.warning("private reply lost", why=str(failure))

    async def _above_home(self, pressed: Pressed, view: View) -> None:
        """In a modal; where its trigger is used up, in the direct conversation."""
        try:
            shown = self._alone(view)
            await self._api.ask("views.open", {"trigger_id": pressed.trigger_id, "view": shown})
        except Refused:
            drawn = page(view, self._pen)
            said = {"channel": pressed.user.id, "text": drawn.text, "blocks": drawn.blocks}
            await self._api.ask("chat.postMessage", said)

    async def _publish(self, act: HomeOpened, view: View) -> None:
        try:
            drawn = home(view, self._pen, act.place)
            await self._api.ask("views.publish", {"user_id": act.actor.user.id, "view": drawn})
        except (Refused, Unheard) as failure:
            log.warning("home tab not drawn", user=act.actor.user.id, why=str(failure))

    async def _whisper(self, act: Inbound, view: View) -> None:
        if not isinstance(act, Posted | Command | Revised):
            return
        below = _thread_of(act) if isinstance(act, Command) else act.thread
        thread = {"thread_ts": below.id} if below else {}
        try:
            if act.place.direct:
                drawn = page(view, self._pen)
                said = {"channel": act.place.id, "text": drawn.text, "blocks": drawn.blocks}
                await self._api.ask("chat.postMessage", said)
            else:
                await self._ephemeral(act.place.id, act.actor.user.id, view, thread)
        except (Refused, Unheard) as failure:
            log.warning("private reply lost", why=str(failure))

    async def _ephemeral(self, channel: str, user: str, view: View, thread: Json) -> None:
        drawn = page(view, self._pen)
        body = {"channel": channel, "user": user, "text": drawn.text, "blocks": drawn.blocks, **thread}
        await self._api.ask("chat.postEphemeral", body)

    def _later(self, reply: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(_logged(reply))
        self._replies.add(task)
        task.add_done_callback(self._replies.discard)


async def _logged(reply: Coroutine[Any, Any, None]) -> None:
    try:
        await reply
    except Exception:
        log.exception("private reply failed")


def _thread_of(act: Command) -> MessageRef | None:
    """Where what is for one person only is seen: in a thread that exists already, by the key of a mention."""
    if act.name != Door.MENTION or act.about is None or act.key.endswith(f"/{act.about.id}"):
        return None
    return act.about
