"""The ids of the desk's file: what is no id, and where its reader finds the right one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Protocol

SLACK_CHANNEL = re.compile(r"[CG][A-Z0-9]+")
SLACK_PERSON = re.compile(r"[UW][A-Z0-9]+")
SLACK_GROUP = re.compile(r"S[A-Z0-9]+")
_ENTRA_ID = r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12,13}"
"""The Agents Playground's have a digit more."""
TEAMS_PERSON = re.compile(rf"(?:{_ENTRA_ID}/)?{_ENTRA_ID}")
TEAMS_CHANNEL = re.compile(r"19:[^\s/]+|(?:team|channel-[a-z]+)-id")
"""Those without 19: are the Agents Playground's."""
TEAMS_GROUP = re.compile(r"19:[^\s/]+")

_INIT = "frontline init finds ids by name"
CHANNEL_ID = "open the channel's details in Slack, the id is at the bottom of About, such as C0TRIAGE"
PERSON_ID = "open the person's profile in Slack, choose More (⋮) and Copy member ID, such as U0BOB"
_GROUP = "for a user group, open it in Slack under People and copy its id, such as S0SUPPORT"
_OBJECT_ID = (
    "write the person's object id from Entra (Users, the person, Object ID), such as"
    " 00000000-0000-0000-0000-000000000001, with their tenant's id and / before it if that is not"
    " MICROSOFT_APP_TENANT_ID"
)
_TEAMS_LINK = "choose Get link to channel in Teams, its link has the id, 19:…@thread.tacv2, behind /channel/"


class Chat(Protocol):
    """`[slack]` or `[teams]` of the file."""

    @property
    def triage(self) -> str | None: ...
    @property
    def agents(self) -> tuple[str, ...]: ...


class Listed(Protocol):
    """One of `[[people]]`."""

    @property
    def id(self) -> str: ...
    @property
    def slack(self) -> str | None: ...
    @property
    def teams(self) -> str | None: ...


def id_faults(
    slack: Chat | None, teams: Chat | None, people: tuple[Listed, ...]
) -> Iterator[tuple[str, str]]:
    """Keys whose value is no id of its platform, each with how to find it."""
    if slack and slack.triage and not SLACK_CHANNEL.fullmatch(slack.triage):
        yield "slack.triage", f"{_no_id(slack.triage)}; {CHANNEL_ID}; {_INIT}"
    for agent in slack.agents if slack else ():
        if not (SLACK_PERSON.fullmatch(agent) or SLACK_GROUP.fullmatch(agent)):
            yield "slack.agents", f"{_no_id(agent)}; {PERSON_ID}; {_GROUP}; {_INIT}"
    if teams and teams.triage and not TEAMS_CHANNEL.fullmatch(teams.triage):
        yield "teams.triage", f"{_no_id(teams.triage)}; {_TEAMS_LINK}"
    for agent in teams.agents if teams else ():
        if not (TEAMS_PERSON.fullmatch(agent) or TEAMS_GROUP.fullmatch(agent)):
            yield "teams.agents", f"{_no_id(agent)}; {_OBJECT_ID}; or the id of a channel or team, 19:…"
    for person in people:
        if person.slack is not None and not SLACK_PERSON.fullmatch(person.slack):
            yield f"people.{person.id}.slack", f"{_no_id(person.slack)}; {PERSON_ID}; {_INIT}"
        if person.teams is not None and not TEAMS_PERSON.fullmatch(person.teams):
            yield f"people.{person.id}.teams", f"{_no_id(person.teams)}; {_OBJECT_ID}"


def channel_fault(channel: str) -> str | None:
    """What is wrong with a customer's channel, such as `slack:C0ACME`; None if it is an id."""
    platform, _, id_ = channel.partition(":")
    if platform == "slack" and not SLACK_CHANNEL.fullmatch(id_):
        return f'"{channel}" is not a channel id; {CHANNEL_ID}: "slack:C0ACME"; {_INIT}'
    if platform == "teams" and not TEAMS_CHANNEL.fullmatch(id_):
        return f'"{channel}" is not a channel id; {_TEAMS_LINK}: "teams:19:…@thread.tacv2"'
    return None


def _no_id(text: str) -> str:
    if "@" in text.strip("@") and not text.startswith("19:"):
        return f'"{text}" is an e-mail address, not an id'
    return f'"{text}" is a name, not an id' if text[:1] in "#@" else f'"{text}" is no id'
