"""Delivers the desk's answers in the form that each kind of Teams request needs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from enum import Enum, auto
from typing import ClassVar, TypeAlias, TypeGuard, assert_never

import structlog
from botbuilder.schema import AdaptiveCardInvokeResponse  # type: ignore[import-untyped]
from botbuilder.schema.teams import (  # type: ignore[import-untyped]
    TaskModuleMessageResponse,
    TaskModuleResponseBase,
)

from adapters.teams.outbound.sender import MessageSender
from adapters.teams.payloads import Activity
from adapters.teams.rendering import dialogs
from adapters.teams.rendering.card_parts import CONTENT_TYPE, CardMessage
from adapters.teams.rendering.cards import view_card
from adapters.teams.rendering.dialogs import SignedForms, SubmittedForm
from adapters.teams.rendering.text import MOST_BYTES, CardTextRenderer, Json, size
from bot.model.forms import Form
from bot.model.inbound import Answer, Ask, Done, Show
from bot.model.views import Notice, View
from bot.ports import PermanentFailure, TemporaryFailure
from sla_core.promise import Tone

log = structlog.get_logger(__name__)

SORRY = "Something went wrong on our side. Nothing was changed; please try again."
DONE = "Done."
THANKS = "Sent. Thank you."
OPENED = "{key} is open. Please continue in the thread of its card."
CANCELLED = "Cancelled. Nothing was sent."
ELSEWHERE = "The answer is in your chat with this app."
IN_THREAD = "The answer is in the thread of this message."
NOT_HERE = (
    "The answer is for you alone, and everybody could read it here. Please use the app's command or a button."
)
TITLE = "Frontline"
_MESSAGE = "application/vnd.microsoft.activity.message"
_ERROR = "application/vnd.microsoft.error"
_PRIVATE_TIMEOUT = 2.5
"""Seconds for a private message while an invoke waits; Teams times out after five."""
_TRIES = 3
_MAX_BACKOFF = 5.0


Reply: TypeAlias = AdaptiveCardInvokeResponse | TaskModuleResponseBase | None
"""The answer to a card or dialog; None for a message."""


class _CardReply(AdaptiveCardInvokeResponse):  # type: ignore[misc]
    """Botbuilder's own type can hold a card or an error, but not a line of text."""

    _attribute_map: ClassVar[Json] = {
        **AdaptiveCardInvokeResponse._attribute_map,
        "value": {"key": "value", "type": "object"},
    }


class RequestKind(Enum):
    """How a request was made, which determines how we can answer it."""

    CARD = auto()
    """Action.Execute: answered with a card that only the presser sees, or a line of text."""
    TASK = auto()
    """A dialog, opened by a button or a message extension."""
    MESSAGE = auto()
    """A message, or the Action.Submit of an old client: only a new message can answer it."""


def as_notice(words: str, tone: Tone = Tone.WARN) -> View:
    return Notice((words,), tone)


class Responder:
    """Delivers answers; those that are messages are sent after the request was acknowledged."""

    def __init__(self, sender: MessageSender, forms: SignedForms, renderer: CardTextRenderer) -> None:
        self._sender, self._forms, self._renderer = sender, forms, renderer
        self._replies: set[asyncio.Task[None]] = set()

    async def settle(self) -> None:
        """Waits for pending replies."""
        while self._replies:
            await asyncio.gather(*self._replies, return_exceptions=True)

    async def to_act(self, activity: Activity, kind: RequestKind, answer: Answer) -> Reply:
        """Answers a command or a button."""
        match answer:
            case Show():
                return await self._show(activity, kind, answer)
            case Ask(form):
                return self._ask(activity, kind, form)
            case Done():
                return self._text_reply(kind, DONE)
            case _:
                assert_never(answer)

    async def to_form(
        self,
        activity: Activity,
        kind: RequestKind,
        submitted: SubmittedForm,
        answer: Answer,
        hidden: View | None = None,
    ) -> Reply:
        """Answers a submitted form. `hidden` is what the form's card took the place of, if that is known."""
        if isinstance(answer, Ask):
            return self._ask(activity, kind, answer.form, submitted)
        if isinstance(answer, Show) and not takes_form(answer):
            return await self._show(activity, kind, answer)
        thanks = as_notice(OPENED.format(key=answer.ticket) if answer.ticket else THANKS, Tone.DONE)
        self._close_form(activity, submitted, thanks)
        match answer:
            case Show(view):
                if kind is RequestKind.CARD:
                    return _card(self._restored(hidden, view))
                return await self._show(activity, kind, answer)
            case Done():
                if kind is RequestKind.CARD:
                    return _card(self._draw(hidden or thanks).content)
                return None
            case _:
                assert_never(answer)

    def to_cancel(
        self, activity: Activity, kind: RequestKind, submitted: SubmittedForm, hidden: View | None
    ) -> Reply:
        """Answers a form that was cancelled: shows again what it took the place of."""
        view = hidden or as_notice(CANCELLED, Tone.CALM)
        self._close_form(activity, submitted, view)
        return _card(self._draw(view).content) if kind is RequestKind.CARD else None

    def failed(
        self,
        activity: Activity,
        kind: RequestKind,
        submitted: SubmittedForm | None = None,
        words: str = SORRY,
    ) -> Reply:
        """Answers that nothing was changed; keeps what was typed if possible."""
        if kind is RequestKind.CARD:
            # An error leaves the card and its inputs as they are.
            problem = {"code": "NotDone", "message": words}
            if submitted is None:
                return self._text_reply(kind, words)
            return _CardReply(status_code=400, type=_ERROR, value=problem)
        again = self._forms.with_error(submitted, words) if submitted else None
        if again is not None and submitted is not None:
            return self._ask(activity, kind, again, submitted)
        if kind is RequestKind.MESSAGE:
            self._in_background(lambda: self._privately(activity, Show(as_notice(words), public=True)))
        return self._text_reply(kind, words)

    async def _show(self, activity: Activity, kind: RequestKind, shown: Show) -> Reply:
        view = shown.view
        match kind:
            case RequestKind.TASK:
                return dialogs.message_dialog(TITLE, view, self._renderer)
            case RequestKind.MESSAGE:
                self._in_background(lambda: self._privately(activity, shown))
                return None
            case RequestKind.CARD:
                drawn = self._draw(view)
                if _is_plain_notice(view) and self._renderer.plain(view.text) in drawn.fallback:
                    return self._text_reply(kind, drawn.fallback)
                if await self._try_privately(activity, view):
                    return self._text_reply(kind, ELSEWHERE)
                # Never a card: it would take the place of the pressed one.
                if not shown.public:
                    return self._text_reply(kind, NOT_HERE)
                self._in_background(lambda: self._sender.reply(activity, drawn))
                return self._text_reply(kind, IN_THREAD)
            case _:
                assert_never(kind)

    def _ask(
        self, activity: Activity, kind: RequestKind, form: Form, submitted: SubmittedForm | None = None
    ) -> Reply:
        match kind:
            case RequestKind.TASK:
                return dialogs.dialog(self._forms.sign(form), self._renderer)
            case RequestKind.CARD:
                standalone = submitted is not None and submitted.standalone
                return _card(dialogs.form_card(self._forms.sign(form, standalone=standalone), self._renderer))
            case RequestKind.MESSAGE:
                card = CardMessage(
                    dialogs.form_card(self._forms.sign(form, standalone=True), self._renderer), form.title
                )
                if submitted is not None and submitted.standalone and activity.reply_to_id:
                    self._in_background(lambda: self._sender.replace(activity, card))
                else:
                    self._in_background(lambda: self._sender.reply(activity, card))
                return None
            case _:
                assert_never(kind)

    def _close_form(self, activity: Activity, submitted: SubmittedForm, instead: View) -> None:
        """Replaces a form that was a message of its own, so that nobody submits it again."""
        if submitted.standalone and activity.reply_to_id:
            closed = self._draw(instead)
            self._in_background(lambda: self._sender.replace(activity, closed))

    def _restored(self, hidden: View | None, view: View) -> Json:
        """The card that a form took the place of, below the answer; only the answer if both are too long."""
        said = self._draw(view).content
        if hidden is None:
            return said
        card = self._draw(hidden).content
        whole = {**card, "body": [*said["body"], *card["body"]]}
        return whole if size(whole) <= MOST_BYTES else said

    def _text_reply(self, kind: RequestKind, words: str) -> Reply:
        match kind:
            case RequestKind.CARD:
                return _CardReply(status_code=200, type=_MESSAGE, value=words)
            case RequestKind.TASK:
                return TaskModuleMessageResponse(value=words)
            case RequestKind.MESSAGE:
                return None
            case _:
                assert_never(kind)

    def _draw(self, view: View) -> CardMessage:
        return view_card(view, self._renderer)

    async def _try_privately(self, activity: Activity, view: View) -> bool:
        try:
            async with asyncio.timeout(_PRIVATE_TIMEOUT):
                return await self._sender.reply_privately(activity, self._draw(view))
        except (TemporaryFailure, PermanentFailure, TimeoutError) as why:
            log.info("no private message", why=str(why))
            return False

    async def _privately(self, activity: Activity, shown: Show) -> None:
        drawn = self._draw(shown.view)
        try:
            if await self._sender.reply_privately(activity, drawn):
                return
        except PermanentFailure as why:
            log.info("no private message", why=str(why))
        await self._sender.reply(activity, drawn if shown.public else self._draw(as_notice(NOT_HERE)))

    def _in_background(self, say: Callable[[], Awaitable[object]]) -> None:
        task = asyncio.create_task(_with_retries(say))
        self._replies.add(task)
        task.add_done_callback(self._replies.discard)


def takes_form(answer: Answer) -> bool:
    """Whether a form is over after this answer. After a refusal somebody else may still submit it."""
    match answer:
        case Show(view):
            return not (isinstance(view, Notice) and view.tone is Tone.WARN)
        case _:
            return isinstance(answer, Done)


def _is_plain_notice(view: View) -> TypeGuard[Notice]:
    return isinstance(view, Notice) and not view.buttons


async def _with_retries(say: Callable[[], Awaitable[object]]) -> None:
    for attempt in range(1, _TRIES + 1):
        try:
            await say()
            return
        except TemporaryFailure as busy:
            if attempt == _TRIES:
                log.warning("reply lost", why=str(busy))
                return
            await asyncio.sleep(
                min(float(attempt) if busy.retry_after is None else busy.retry_after, _MAX_BACKOFF)
            )
        except PermanentFailure as refusal:
            log.warning("reply lost", why=str(refusal))
            return
        except Exception:
            log.exception("reply failed")
            return


def _card(content: Json) -> Reply:
    return _CardReply(status_code=200, type=CONTENT_TYPE, value=content)
