"""What people are called; Slack's requests tell a handle at best, and of messages only the id."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeVar

from adapters.slack.text import one_line
from adapters.slack.web_api import SlackApiError, SlackUnavailable, WebApi
from bot.address import Actor, UserRef
from bot.exchange import Command, Inbound, MessageChanged, Posted, Press, Submission

Act = TypeVar("Act", Command, Press, Submission, Posted, MessageChanged)

LOOKUP_TIMEOUT = 0.8
"""Seconds; whoever acted is waiting for the ack."""


class UserNames:
    """Asked once for each person; an act goes on without an answer."""

    def __init__(self, api: WebApi) -> None:
        self._api = api
        self._found: dict[str, tuple[str | None, str]] = {}
        """Of each person, what they are called and the workspace they are of."""

    async def with_name_in_event(self, act: Inbound) -> Inbound:
        """Only what is said to the desk is worth the question, not every word in a channel."""
        if isinstance(act, Posted):
            return await self.with_name(act) if act.thread or act.place.direct else act
        if isinstance(act, MessageChanged):
            return await self.with_name(act) if act.thread else act
        return await self.with_name(act) if isinstance(act, Command) else act

    async def with_name(self, act: Act) -> Act:
        """The same act, its actor called by name, and of a workspace where the request named none."""
        user = act.actor.user.id
        if user not in self._found:
            try:
                async with asyncio.timeout(LOOKUP_TIMEOUT):
                    told = await self._api.request("users.info", {"user": user})
                found = told.get("user") or {}
                self._found[user] = _name(found), str(found.get("team_id") or "")
            except SlackApiError:
                self._found[user] = None, ""
            except (SlackUnavailable, TimeoutError):
                return act
        said, (name, team) = act.actor, self._found[user]
        actor = Actor(UserRef("slack", said.user.home or team, user), said.team, name or said.name)
        return replace(act, actor=actor)


def _name(user: Mapping[str, Any]) -> str | None:
    # People of another organisation carry their names inside the profile only.
    profile = user.get("profile") or {}
    names = (profile.get("real_name"), user.get("real_name"), profile.get("display_name"), user.get("name"))
    return next((one_line(name) for name in names if isinstance(name, str) and name.strip()), None)
