"""Forms drawn anew while people fill them in; of several drawings for one form the newest wins."""

from __future__ import annotations

import structlog

from adapters.slack import modals
from adapters.slack.paper import Json
from adapters.slack.payloads import Filled
from adapters.slack.payloads import View as Modal
from adapters.slack.web_api import Refused, Unheard, WebApi

log = structlog.get_logger(__name__)

MOST_REMEMBERED = 1000
_OVERTAKEN = "hash_conflict"
_CLOSED = "not_found"


class Refills:
    """What is put into open views of one workspace."""

    def __init__(self, api: WebApi) -> None:
        self._api = api
        self._newest: dict[str, str] = {}
        self._busy: set[str] = set()

    async def show(self, filled: Filled, drawn: Json) -> None:
        """Nothing typed is lost: Slack keeps what stands in an input whose ids stay the same."""
        view, at = filled.view, filled.actions[0].action_ts
        if at < self._newest.get(view.id, ""):
            return
        self._remember(view.id, at)
        if modals.looks_like(view, drawn) and view.id not in self._busy:
            return
        self._busy.add(view.id)
        try:
            await self._update(view, drawn, at)
        except Unheard as silence:
            log.warning("form not drawn anew", form=view.callback_id, why=str(silence))
        except Refused as refusal:
            if refusal.error not in (_OVERTAKEN, _CLOSED):
                why, details = str(refusal), refusal.details
                log.error("form not drawn anew", form=view.callback_id, why=why, details=details)
        finally:
            self._busy.discard(view.id)

    async def _update(self, view: Modal, drawn: Json, at: str) -> None:
        new = {"view_id": view.id, "view": drawn}
        try:
            await self._api.ask("views.update", {**new, "hash": view.hash})
        except Refused as refusal:
            # Drawn by an earlier choice meanwhile; after a later one, that drawing is the better one.
            if refusal.error != _OVERTAKEN or self._newest.get(view.id) != at:
                raise
            await self._api.ask("views.update", new)

    def _remember(self, view: str, at: str) -> None:
        self._newest.pop(view, None)
        self._newest[view] = at
        if len(self._newest) > MOST_REMEMBERED:
            del self._newest[next(iter(self._newest))]
