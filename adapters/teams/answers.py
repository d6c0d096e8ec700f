"""What the desk answers, in the way each kind of Teams request wants to be answered."""

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

from adapters.teams import dialogs
from adapters.teams.card_parts import CONTENT_TYPE, Card
from adapters.teams.cards import view_card
from adapters.teams.limits import Json
from adapters.teams.payloads import Activity
from adapters.teams.sealed import Forms, Sent
from adapters.teams.speech import Speech
from adapters.teams.text import Pen
from bot.exchange import Answer, Ask, Done, Show
from bot.forms import Form
from bot.ports import Never, NotNow
from bot.views import Notice, View
from sla_core.countdown import Tone

log = structlog.get_logger(__name__)

SORRY = "That did not work on our side, nothing was changed; please try again."
OUTDATED = "This form cannot be sent any more; please open it again."
DONE = "Done."
THANKS = "Thank you, this was sent."
ELSEWHERE = "The answer is in your chat with this app."
NOT_HERE = "The answer is for you only and cannot be shown here; please use the app's command or a button."
TITLE = "Frontline"
_MESSAGE = "application/vnd.microsoft.activity.message"
_ERROR = "application/vnd.microsoft.error"
_PATIENCE = 2.5
"""Seconds for a private message while an invoke waits; Teams gives up after five."""
_TRIES = 3
_LONGEST_PAUSE = 5.0


Reply: TypeAlias = AdaptiveCardInvokeResponse | TaskModuleResponseBase | None
"""What a card or a dialog is answered with; a message is answered with None."""


class _CardReply(AdaptiveCardInvokeResponse):  # type: ignore[misc]
    """Botbuilder's own holds a card or an error, but no line of text."""

    _attribute_map: ClassVar[Json] = {
        **AdaptiveCardInvokeResponse._attribute_map,
        "value": {"key": "value", "type": "object"},
    }


class Way(Enum):
    """How a request was made, which decides how it can be answered."""

    CARD = auto()
    """Action.Execute: a card in place of the one pressed, for the presser alone, or a line of text."""
    TASK = auto()
    """A dialog, of a button or of a message extension."""
    MESSAGE = auto()
    """A message, or the Action.Submit of an old client: only further messages can answer it."""


def told(words: str, tone: Tone = Tone.WARN) -> View:
    return Notice((words,), tone)


class Answers:
    """Delivers answers; what goes as a message goes out after the request was taken."""

    def __init__(self, speech: Speech, forms: Forms, pen: Pen) -> None:
        self._speech, self._forms, self._pen = speech, forms, pen
        self._replies: set[asyncio.Task[None]] = set()

    async def settle(self) -> None:
        """Waits for the replies that are under way."""
        while self._replies:
            await asyncio.gather(*self._replies, return_exceptions=True)

    async def to_act(self, activity: Activity, way: Way, answer: Answer) -> Reply:
        """To a command or a button."""
        match answer:
            case Show(view):
                return await self._shown(activity, way, view)
            case Ask(form):
                return self._asked(activity, way, form)
            case Done():
                return self._said(way, DONE)
            case _:
                assert_never(answer)

    async def to_form(self, activity: Activity, way: Way, sent: Sent, answer: Answer) -> Reply:
        """To a form that was sent."""
        match answer:
            case Ask(form):
                return self._asked(activity, way, form, sent)
            case Show(view):
                if isinstance(view, Notice) and view.tone is Tone.WARN:
                    # It was refused: somebody else may still send this form.
                    return await self._shown(activity, way, view)
                self._end(activity, sent)
                if way is Way.CARD:
                    return _card(self._draw(view).content)
                return await self._shown(activity, way, view)
            case Done():
                self._end(activity, sent)
                if way is Way.CARD:
                    return _card(self._draw(told(THANKS, Tone.DONE)).content)
                return None
            case _:
                assert_never(answer)

    def sorry(self, activity: Activity, way: Way, sent: Sent | None = None, words: str = SORRY) -> Reply:
        """Nothing was changed; what was typed is kept where it can be."""
        if way is Way.CARD:
            # An error leaves the card, and what stands in its inputs, as it is.
            problem = {"code": "NotDone", "message": words}
            if sent is None:
                return self._said(way, words)
            return _CardReply(status_code=400, type=_ERROR, value=problem)
        again = self._forms.again(sent, words) if sent else None
        if again is not None and sent is not None:
            return self._asked(activity, way, again, sent)
        if way is Way.MESSAGE:
            self._later(lambda: self._privately(activity, told(words)))
        return self._said(way, words)

    async def _shown(self, activity: Activity, way: Way, view: View) -> Reply:
        match way:
            case Way.TASK:
                return dialogs.closing(TITLE, view, self._pen)
            case Way.MESSAGE:
                self._later(lambda: self._privately(activity, view))
                return None
            case Way.CARD:
                drawn = self._draw(view)
                if _is_a_line(view) and self._pen.plain(view.text) in drawn.fallback:
                    return self._said(way, drawn.fallback)
                if await self._in_time(activity, view):
                    return self._said(way, ELSEWHERE)
                return _card(drawn.content)
            case _:
                assert_never(way)

    def _asked(self, activity: Activity, way: Way, form: Form, sent: Sent | None = None) -> Reply:
        match way:
            case Way.TASK:
                return dialogs.dialog(self._forms.opened(form), self._pen)
            case Way.CARD:
                own = sent is not None and sent.own
                return _card(dialogs.form_card(self._forms.opened(form, own=own), self._pen))
            case Way.MESSAGE:
                card = Card(dialogs.form_card(self._forms.opened(form, own=True), self._pen), form.title)
                if sent is not None and sent.own and activity.reply_to_id:
                    self._later(lambda: self._speech.replace(activity, card))
                else:
                    self._later(lambda: self._speech.reply(activity, card))
                return None
            case _:
                assert_never(way)

    def _end(self, activity: Activity, sent: Sent) -> None:
        """Nobody else fills a form again that was a message by itself."""
        if sent.own and activity.reply_to_id:
            closed = self._draw(told(THANKS, Tone.DONE))
            self._later(lambda: self._speech.replace(activity, closed))

    def _said(self, way: Way, words: str) -> Reply:
        match way:
            case Way.CARD:
                return _CardReply(status_code=200, type=_MESSAGE, value=words)
            case Way.TASK:
                return TaskModuleMessageResponse(value=words)
            case Way.MESSAGE:
                return None
            case _:
                assert_never(way)

    def _draw(self, view: View) -> Card:
        return view_card(view, self._pen)

    async def _in_time(self, activity: Activity, view: View) -> bool:
        try:
            async with asyncio.timeout(_PATIENCE):
                return await self._speech.privately(activity, self._draw(view))
        except (NotNow, Never, TimeoutError) as why:
            log.info("no private message", why=str(why))
            return False

    async def _privately(self, activity: Activity, view: View) -> None:
        try:
            if await self._speech.privately(activity, self._draw(view)):
                return
        except Never as why:
            log.info("no private message", why=str(why))
        await self._speech.reply(activity, self._draw(told(NOT_HERE)))

    def _later(self, say: Callable[[], Awaitable[object]]) -> None:
        task = asyncio.create_task(_patiently(say))
        self._replies.add(task)
        task.add_done_callback(self._replies.discard)


def _is_a_line(view: View) -> TypeGuard[Notice]:
    return isinstance(view, Notice) and not view.buttons


async def _patiently(say: Callable[[], Awaitable[object]]) -> None:
    for attempt in range(1, _TRIES + 1):
        try:
            await say()
            return
        except NotNow as busy:
            if attempt == _TRIES:
                log.warning("reply lost", why=str(busy))
                return
            await asyncio.sleep(min(float(attempt) if busy.after is None else busy.after, _LONGEST_PAUSE))
        except Never as refusal:
            log.warning("reply lost", why=str(refusal))
            return
        except Exception:
            log.exception("reply failed")
            return


def _card(content: Json) -> Reply:
    return _CardReply(status_code=200, type=CONTENT_TYPE, value=content)
