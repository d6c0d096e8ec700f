"""What is said in a thread where an event asked for a form: it has no trigger to open one with."""

from __future__ import annotations

import asyncio
from collections import OrderedDict

import structlog

from adapters.slack.blocks import page
from adapters.slack.marks import metadata
from adapters.slack.paper import Json
from adapters.slack.text import Pen
from adapters.slack.web_api import Unheard, WebApi
from bot.address import MessageRef
from bot.exchange import Command, Posted
from bot.views import Notice

log = structlog.get_logger(__name__)

PATIENCE = 2.0
"""Seconds; Slack delivers an event again when it was not taken within three."""
MOST_REMEMBERED = 2000


class Offers:
    """Each is said once, however often its event comes.

    What this process said it remembers; for what another one may have said, or this one without hearing that
    it arrived, it looks in the thread.
    """

    def __init__(self, api: WebApi, pen: Pen) -> None:
        self._api, self._pen = api, pen
        self._said: OrderedDict[str, bool] = OrderedDict()
        """Whether we heard that it arrived."""
        self._turn = asyncio.Lock()

    async def made(self, act: Command | Posted, offer: Notice, again: bool) -> bool:
        """Whether it stands there; if not, the event is to be delivered again. `again`: it may have been.

        Raises Refused where Slack will never take it.
        """
        try:
            async with asyncio.timeout(PATIENCE), self._turn:
                if not self._said.get(act.key):
                    unsure = again or act.key in self._said
                    if not (unsure and await self._is_there(act)):
                        self._remember(act.key, heard=False)
                        await self._say(act, offer)
                    self._remember(act.key, heard=True)
        except (Unheard, TimeoutError) as silence:
            log.warning("offer not made", why=str(silence) or "no answer in time")
            return False
        return True

    async def _say(self, act: Command | Posted, offer: Notice) -> None:
        drawn, below = page(offer, self._pen), root_of(act)
        said: Json = {"channel": act.place.id, "text": drawn.text, "blocks": drawn.blocks}
        thread = {"thread_ts": below.id} if below else {}
        await self._api.ask("chat.postMessage", {**said, **thread, "metadata": metadata(act.key)})

    async def _is_there(self, act: Command | Posted) -> bool:
        below = root_of(act)
        asked = {"channel": act.place.id, "include_all_metadata": True, "limit": 200}
        if below:
            found = await self._api.ask("conversations.replies", {**asked, "ts": below.id})
        else:
            found = await self._api.ask("conversations.history", asked)
        return any(each.get("metadata") == metadata(act.key) for each in found.get("messages", ()))

    def _remember(self, key: str, *, heard: bool) -> None:
        self._said[key] = heard
        if len(self._said) > MOST_REMEMBERED:
            self._said.popitem(last=False)


def root_of(act: Command | Posted) -> MessageRef | None:
    """The message in whose thread an answer to this belongs; none in a direct conversation."""
    if act.place.direct:
        return None
    return act.about if isinstance(act, Command) else act.thread or act.message
