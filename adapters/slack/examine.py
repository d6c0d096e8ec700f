"""What `frontline doctor` asks of Slack: channels, user groups, people, the time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from adapters.slack.web_api import Refused, Unheard
from adapters.slack.workspaces import Workspace, Workspaces
from bot.clock import real_now
from bot.doctor import Finding, Health, of_clock
from bot.ports import Never, NotNow
from bot.settings import DeskSettings

_CURES = {
    "channel_not_found": "the bot cannot see it; invite it (/invite @Frontline), and check the id",
    "missing_scope": "a scope is missing; compare the app with manifest.yml and install it again",
    "user_not_found": "nobody has this id; copy it from the person's profile (Copy member ID)",
    "no_such_subteam": "there is no such user group; copy its id from the group's page",
}


async def examine(workspaces: Workspaces, settings: DeskSettings) -> AsyncIterator[Finding]:
    """The token was taken and its scopes are enough, else there were no workspaces to ask."""
    everyone = await workspaces.everyone()
    for at in everyone:
        yield Finding(Health.WELL, "slack", f"{at.us.name} is installed in {at.us.team}, with all scopes")
    if not everyone:
        yield Finding(Health.DOUBT, "slack", "no workspace has installed the app yet; open /slack/install")
        return
    yield await _time(everyone[0])
    chat = settings.chats["slack"]
    if chat.triage is not None:
        yield await _channel(workspaces, chat.triage.id, "triage")
    for account in settings.accounts.values():
        for channel in account.channels:
            if channel.platform == "slack":
                yield await _channel(workspaces, channel.id, account.id)
    for agent in chat.agents:
        yield await (_group if agent.startswith("S") else _person)(workspaces, agent, "agents")
    for person in settings.people.values():
        if person.slack:
            yield await _person(workspaces, person.slack, person.id)


async def _time(at: Workspace) -> Finding:
    try:
        sent, shown = real_now(), await at.api.shown_time()
    except (Refused, Unheard) as silence:
        return Finding(Health.FAULT, "slack", f"does not answer: {silence}")
    try:
        theirs: datetime | None = parsedate_to_datetime(shown).astimezone(UTC) if shown else None
    except ValueError:
        theirs = None
    return of_clock(sent, theirs, "Slack")


async def _channel(workspaces: Workspaces, channel: str, what: str) -> Finding:
    about = f"channel {channel} ({what})"
    try:
        _, told = await workspaces.tell(channel, "conversations.info", {"channel": channel})
    except (NotNow, Never) as problem:
        return Finding(Health.FAULT, about, _cure(problem))
    found = told.get("channel") or {}
    name = f"#{found.get('name') or channel}"
    if found.get("is_archived"):
        return Finding(
            Health.FAULT, about, f"{name} is archived; unarchive it, or take it out of frontline.toml"
        )
    if not found.get("is_member"):
        return Finding(Health.FAULT, about, f"the bot is not in {name}; invite it there: /invite @Frontline")
    if what == "triage" and found.get("is_ext_shared"):
        return Finding(
            Health.FAULT, about, f"{name} is shared with another company, who would read your notes"
        )
    shared = ", shared with another company" if found.get("is_ext_shared") else ""
    return Finding(Health.WELL, about, f"the bot is in {name}{shared}")


async def _group(workspaces: Workspaces, group: str, what: str) -> Finding:
    about = f"user group {group} ({what})"
    try:
        _, told = await workspaces.tell(group, "usergroups.users.list", {"usergroup": group})
    except (NotNow, Never) as problem:
        return Finding(Health.FAULT, about, _cure(problem))
    count = len(told.get("users", ()))
    if not count:
        return Finding(Health.DOUBT, about, "nobody is in it, so that it makes nobody an agent")
    return Finding(Health.WELL, about, f"{count} people")


async def _person(workspaces: Workspaces, user: str, what: str) -> Finding:
    about = f"person {user} ({what})"
    try:
        _, told = await workspaces.tell(user, "users.info", {"user": user})
    except (NotNow, Never) as problem:
        return Finding(Health.FAULT, about, _cure(problem))
    found = told.get("user") or {}
    if found.get("deleted"):
        return Finding(Health.FAULT, about, "was deactivated; name somebody else in frontline.toml")
    return Finding(Health.WELL, about, str(found.get("real_name") or found.get("name") or "is there"))


def _cure(problem: NotNow | Never) -> str:
    said = str(problem)
    return next((cure for word, cure in _CURES.items() if word in said), said)
