"""The Events API: which kinds of event we hear, and who reads each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import structlog

from adapters.slack import channels
from adapters.slack.doors import mentioned, reacted
from adapters.slack.messages import said
from adapters.slack.payloads import LookedDelivery, read
from adapters.slack.reader import Reader, direct
from bot.address import Actor, UserRef
from bot.exchange import HomeOpened, Inbound, Press

log = structlog.get_logger(__name__)

Body = Mapping[str, Any]
ReadEvent = Callable[[Reader, Body, str], Inbound | None]
"""Takes the request's body and the actor's home team where the event tells it; None: nothing for the desk."""


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


READERS: dict[str, ReadEvent] = {
    "app_home_opened": looked,
    "app_mention": mentioned,
    "message": said,
    "reaction_added": reacted,
    **channels.READERS,
}
"""By the type of the event. What is not here is acknowledged and passed over."""
