"""Forms drawn anew while people fill them in; of several drawings for one form the newest wins."""

from __future__ import annotations

import structlog

from adapters.slack import modals
from adapters.slack.paper import Json
from adapters.slack.payloads import ModalBlockActions, ModalView
from adapters.slack.web_api import SlackApiError, SlackUnavailable, WebApi

log = structlog.get_logger(__name__)

MOST_REMEMBERED = 1000
_HASH_CONFLICT = "hash_conflict"
_NOT_FOUND = "not_found"


class ModalUpdater:
    """What is put into open views of one workspace."""

    def __init__(self, api: WebApi) -> None:
        self._api = api
        self._newest: dict[str, str] = {}
        self._busy: set[str] = set()

    async def redraw(self, changed: ModalBlockActions, drawn: Json) -> None:
        """Nothing typed is lost: Slack keeps what stands in an input whose ids stay the same."""
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
            log.warning("form not drawn anew", form=view.callback_id, why=str(unavailable))
        except SlackApiError as refusal:
            if refusal.error not in (_HASH_CONFLICT, _NOT_FOUND):
                why, details = str(refusal), refusal.details
                log.error("form not drawn anew", form=view.callback_id, why=why, details=details)
        finally:
            self._busy.discard(view.id)

    async def _update(self, view: ModalView, drawn: Json, at: str) -> None:
        new = {"view_id": view.id, "view": drawn}
        try:
            await self._api.request("views.update", {**new, "hash": view.hash})
        except SlackApiError as refusal:
            # Drawn by an earlier choice meanwhile; after a later one, that drawing is the better one.
            if refusal.error != _HASH_CONFLICT or self._newest.get(view.id) != at:
                raise
            await self._api.request("views.update", new)

    def _remember(self, view: str, at: str) -> None:
        self._newest.pop(view, None)
        self._newest[view] = at
        if len(self._newest) > MOST_REMEMBERED:
            del self._newest[next(iter(self._newest))]
