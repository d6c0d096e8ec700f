"""What is said in a thread where an event asked for a form: it has no trigger to open one with."""

from __future__ import annotations

import asyncio
from collections import OrderedDict

import structlog

from adapters.slack.blocks import render_message
from adapters.slack.marks import message_metadata
from adapters.slack.paper import Json
from adapters.slack.text import MrkdwnRenderer
from adapters.slack.web_api import SlackUnavailable, WebApi
from bot.address import MessageRef
from bot.exchange import Command, Posted
from bot.views import Notice

log = structlog.get_logger(__name__)

PROMPT_TIMEOUT = 2.0
"""Seconds; Slack delivers an event again when it was not taken within three."""
MOST_REMEMBERED = 2000


class ThreadPrompts:
    """Each is said once, however often its event comes.

    What this process said it remembers; for what another one may have said, or this one without hearing that
    it arrived, it looks in the thread.
    """

    def __init__(self, api: WebApi, renderer: MrkdwnRenderer) -> None:
        self._api, self._renderer = api, renderer
        self._posted: OrderedDict[str, bool] = OrderedDict()
        """Whether we heard that it arrived."""
        self._lock = asyncio.Lock()

    async def post_once(self, act: Command | Posted, prompt: Notice, redelivered: bool) -> bool:
        """Whether it stands there; if not, the event is to be delivered again. `redelivered`: it may have been.

        Raises Refused where Slack will never take it.
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
        if len(self._posted) > MOST_REMEMBERED:
            self._posted.popitem(last=False)


def thread_root(act: Command | Posted) -> MessageRef | None:
    """The message in whose thread an answer to this belongs; none in a direct conversation."""
    if act.place.direct:
        return None
    return act.about if isinstance(act, Command) else act.thread or act.message
