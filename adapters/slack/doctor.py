"""The Slack checks of `frontline doctor`: channels, user groups, people, the time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from adapters.slack.outbound.web_api import OPTIONAL_SCOPES, SlackApiError, SlackUnavailable
from adapters.slack.workspaces.workspace import Workspace, Workspaces
from bot.clock import real_now
from bot.config.settings import DeskSettings
from bot.ports import PermanentFailure, TemporaryFailure
from bot.runtime.doctor import Finding, Health, compare_clocks

_FIXES = {
    "channel_not_found": "the bot cannot see it; invite it (/invite @Frontline), and check the id",
    "missing_scope": "a scope is missing; compare the app with manifest.yml and install it again",
    "user_not_found": "nobody has this id; copy it from the person's profile (Copy member ID)",
    "no_such_subteam": "there is no such user group; copy its id from the group's page",
}


async def examine(workspaces: Workspaces, settings: DeskSettings) -> AsyncIterator[Finding]:
    """Yields one finding per check. Run it after `start`, which has checked the token and its scopes."""
    all_workspaces = await workspaces.all_workspaces()
    for workspace in all_workspaces:
        for finding in _installed(workspace):
            yield finding
    if not all_workspaces:
        yield Finding(Health.WARNING, "slack", "no workspace has installed the app yet; open /slack/install")
        return
    yield await _check_clock(all_workspaces[0])
    chat = settings.chats["slack"]
    if chat.triage is not None:
        triage = chat.triage.id
        yield await _finding(f"channel {triage} (triage)", _check_channel(workspaces, triage, is_triage=True))
    for account in settings.accounts.values():
        for channel in account.channels:
            if channel.platform == "slack":
                check = _check_channel(workspaces, channel.id, is_triage=False)
                yield await _finding(f"channel {channel.id} ({account.id})", check)
    for agent in chat.agents:
        is_group = agent.startswith("S")
        about = f"{'user group' if is_group else 'person'} {agent} (agents)"
        yield await _finding(about, (_check_group if is_group else _check_person)(workspaces, agent))
    for person in settings.people.values():
        if person.slack:
            yield await _finding(
                f"person {person.slack} ({person.id})", _check_person(workspaces, person.slack)
            )


def _installed(workspace: Workspace) -> Iterator[Finding]:
    """Whether the token has all scopes, and what those give that it lacks."""
    identity, lacking = workspace.identity, workspace.api.lacking
    where = f"{identity.name} is installed in {identity.team}"
    if workspace.api.scopes is None:
        yield Finding(Health.OK, "slack", f"{where}; it does not say with which scopes")
        return
    yield Finding(Health.OK, "slack", f"{where}, with all {'required ' if lacking else ''}scopes")
    for scope in lacking:
        gives = OPTIONAL_SCOPES[scope]
        fix = "to get this, add the scope to the app (manifest.yml has it) and install it again"
        yield Finding(Health.WARNING, "slack", f"without {scope}: with it, {gives}; {fix}")


async def _check_clock(workspace: Workspace) -> Finding:
    try:
        sent, shown = real_now(), await workspace.api.server_time()
    except (SlackApiError, SlackUnavailable) as unavailable:
        return Finding(Health.FAULT, "slack", f"does not answer: {unavailable}")
    try:
        theirs: datetime | None = parsedate_to_datetime(shown).astimezone(UTC) if shown else None
    except ValueError:
        theirs = None
    return compare_clocks(sent, theirs, "Slack")


async def _finding(about: str, check: Awaitable[tuple[Health, str]]) -> Finding:
    try:
        health, says = await check
    except (TemporaryFailure, PermanentFailure) as problem:
        health, says = Health.FAULT, _fix(problem)
    return Finding(health, about, says)


async def _check_channel(workspaces: Workspaces, channel: str, is_triage: bool) -> tuple[Health, str]:
    _, response = await workspaces.call(channel, "conversations.info", {"channel": channel})
    found = response.get("channel") or {}
    name = f"#{found.get('name') or channel}"
    if found.get("is_archived"):
        return Health.FAULT, f"{name} is archived; unarchive it, or take it out of frontline.toml"
    if not found.get("is_member"):
        return Health.FAULT, f"the bot is not in {name}; invite it there: /invite @Frontline"
    if is_triage and found.get("is_ext_shared"):
        return Health.FAULT, f"{name} is shared with another company, who would read your notes"
    shared = ", shared with another company" if found.get("is_ext_shared") else ""
    return Health.OK, f"the bot is in {name}{shared}"


async def _check_group(workspaces: Workspaces, group: str) -> tuple[Health, str]:
    _, response = await workspaces.call(group, "usergroups.users.list", {"usergroup": group})
    count = len(response.get("users", ()))
    if not count:
        return Health.WARNING, "nobody is in it, so it adds no agents"
    return Health.OK, f"{count} people"


async def _check_person(workspaces: Workspaces, user: str) -> tuple[Health, str]:
    _, response = await workspaces.call(user, "users.info", {"user": user})
    found = response.get("user") or {}
    if found.get("deleted"):
        return Health.FAULT, "was deactivated; name somebody else in frontline.toml"
    return Health.OK, str(found.get("real_name") or found.get("name") or "is there")


def _fix(problem: TemporaryFailure | PermanentFailure) -> str:
    said = str(problem)
    return next((fix for word, fix in _FIXES.items() if word in said), said)
