"""What `frontline doctor` asks of Slack: channels, user groups, people, the time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from adapters.slack.web_api import Refused, Unheard
from adapters.slack.workspaces.workspace import Workspace, Workspaces
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
        triage = chat.triage.id
        yield await _found(f"channel {triage} (triage)", _channel(workspaces, triage, is_triage=True))
    for account in settings.accounts.values():
        for channel in account.channels:
            if channel.platform == "slack":
                look = _channel(workspaces, channel.id, is_triage=False)
                yield await _found(f"channel {channel.id} ({account.id})", look)
    for agent in chat.agents:
        is_group = agent.startswith("S")
        about = f"{'user group' if is_group else 'person'} {agent} (agents)"
        yield await _found(about, (_group if is_group else _person)(workspaces, agent))
    for person in settings.people.values():
        if person.slack:
            yield await _found(f"person {person.slack} ({person.id})", _person(workspaces, person.slack))


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


async def _found(about: str, look: Awaitable[tuple[Health, str]]) -> Finding:
    try:
        health, says = await look
    except (NotNow, Never) as problem:
        health, says = Health.FAULT, _cure(problem)
    return Finding(health, about, says)


async def _channel(workspaces: Workspaces, channel: str, is_triage: bool) -> tuple[Health, str]:
    _, told = await workspaces.tell(channel, "conversations.info", {"channel": channel})
    found = told.get("channel") or {}
    name = f"#{found.get('name') or channel}"
    if found.get("is_archived"):
        return Health.FAULT, f"{name} is archived; unarchive it, or take it out of frontline.toml"
    if not found.get("is_member"):
        return Health.FAULT, f"the bot is not in {name}; invite it there: /invite @Frontline"
    if is_triage and found.get("is_ext_shared"):
        return Health.FAULT, f"{name} is shared with another company, who would read your notes"
    shared = ", shared with another company" if found.get("is_ext_shared") else ""
    return Health.WELL, f"the bot is in {name}{shared}"


async def _group(workspaces: Workspaces, group: str) -> tuple[Health, str]:
    _, told = await workspaces.tell(group, "usergroups.users.list", {"usergroup": group})
    count = len(told.get("users", ()))
    if not count:
        return Health.DOUBT, "nobody is in it, so that it makes nobody an agent"
    return Health.WELL, f"{count} people"


async def _person(workspaces: Workspaces, user: str) -> tuple[Health, str]:
    _, told = await workspaces.tell(user, "users.info", {"user": user})
    found = told.get("user") or {}
    if found.get("deleted"):
        return Health.FAULT, "was deactivated; name somebody else in frontline.toml"
    return Health.WELL, str(found.get("real_name") or found.get("name") or "is there")


def _cure(problem: NotNow | Never) -> str:
    said = str(problem)
    return next((cure for word, cure in _CURES.items() if word in said), said)
