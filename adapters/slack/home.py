"""The Home tab: who looks at it, and what is drawn on it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import structlog

from adapters.slack.blocks import page
from adapters.slack.board import MOST_IN_HOME, MOST_TEXT_IN_HOME, board_blocks
from adapters.slack.paper import Json, stamped
from adapters.slack.payloads import LookedDelivery, read
from adapters.slack.reader import Reader, direct
from adapters.slack.text import Pen
from bot.address import Actor, Place, UserRef
from bot.exchange import HomeOpened, Press
from bot.views import QueueBoard, View

log = structlog.get_logger(__name__)


def looked(reader: Reader, body: Mapping[str, Any], home: str) -> HomeOpened | None:
    """None for the other tabs, and for a page that is another workspace's to draw."""
    delivery = read(LookedDelivery, body)
    event, us = delivery.event, reader.us
    if event.tab != "home":
        return None
    drawn_by = event.view.app_installed_team_id if event.view else None
    if (drawn_by or delivery.team_id) != us.team:
        # People of another organisation open their own workspace's page, which we could only spoil.
        log.info("a home tab that is not ours", user=event.user, team=drawn_by or delivery.team_id)
        return None
    theirs = event.view.team_id if event.view else None
    actor = Actor(UserRef("slack", theirs or home, event.user), us.team, event.user)
    key = f"event/{delivery.event_id}"
    return HomeOpened(key, reader.clock.now(), actor, direct(event.channel, event.user))


def looked_again(press: Press) -> HomeOpened:
    """After a press on their page it reads differently."""
    return HomeOpened(f"{press.key}/home", press.at, press.actor, press.place)


def home(view: View, pen: Pen, where: Place) -> Json:
    """What stands on somebody's page, which remembers their direct conversation for its buttons."""
    match view:
        case QueueBoard():
            blocks = stamped(board_blocks(view, pen, MOST_IN_HOME, MOST_TEXT_IN_HOME))
        case _:
            blocks = page(view, pen).blocks
    return {"type": "home", "private_metadata": where.id, "blocks": blocks}
