"""The Events API: which kinds of event we hear, and who reads each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import structlog

from adapters.slack import channels
from adapters.slack.doors import read_mention, read_reaction
from adapters.slack.messages import read_message
from adapters.slack.payloads import AppHomeOpenedCallback, parse
from adapters.slack.reader import Reader, dm_place
from bot.address import Actor, UserRef
from bot.exchange import HomeOpened, Inbound, Press

log = structlog.get_logger(__name__)

Body = Mapping[str, Any]
ReadEvent = Callable[[Reader, Body, str], Inbound | None]
"""Takes the request's body and the actor's home team where the event tells it; None: nothing for the desk."""


def read_home_opened(reader: Reader, body: Mapping[str, Any], home: str) -> HomeOpened | None:
    """None for the other tabs, and for a page that is another workspace's to draw."""
    delivery = parse(AppHomeOpenedCallback, body)
    event, identity = delivery.event, reader.identity
    if event.tab != "home":
        return None
    drawn_by = event.view.app_installed_team_id if event.view else None
    if (drawn_by or delivery.team_id) != identity.team:
        # People of another organisation open their own workspace's page, which we could only spoil.
        log.info("a home tab that is not ours", user=event.user, team=drawn_by or delivery.team_id)
        return None
    theirs = event.view.team_id if event.view else None
    actor = Actor(UserRef("slack", theirs or home, event.user), identity.team, event.user)
    key = f"event/{delivery.event_id}"
    return HomeOpened(key, reader.clock.now(), actor, dm_place(event.channel, event.user))


def home_opened_by_press(press: Press) -> HomeOpened:
    """After a press on their page it reads differently."""
    return HomeOpened(f"{press.key}/home", press.at, press.actor, press.place)


READERS: dict[str, ReadEvent] = {
    "app_home_opened": read_home_opened,
    "app_mention": read_mention,
    "message": read_message,
    "reaction_added": read_reaction,
    **channels.READERS,
}
"""By the type of the event. What is not here is acknowledged and passed over."""
