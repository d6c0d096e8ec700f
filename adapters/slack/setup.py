"""What `frontline init` needs of Slack: the workspace by names, a check of the app's token, the manifest."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from adapters.slack.outbound.web_api import SlackApiError, SlackFault, SlackUnavailable, WebApi
from bot.cli.setup.draft import OAUTH, SOCKET
from bot.cli.setup.workspace import Channel, Group, Member, SlackSetup, Workspace

PAGE, MOST_PAGES = 500, 20
"""Slack cuts longer pages. A workspace with more people than this is offered in part."""
LONGEST_WAIT = 30.0
"""Seconds that one answer may ask us to wait."""
WITHOUT_GROUPS = frozenset({"paid_teams_only", "plan_upgrade_required", "unknown_method"})
"""Refusals of a workspace that has no user groups, whatever the app may read."""

_APP_TOKEN = (
    "make one with the scope connections:write in your Slack app, Basic Information, App-Level Tokens"
)
_ADDRESS = re.compile(r"^ +(request_)?url: https://YOUR-ADDRESS.*\n", re.MULTILINE)


def slack_setup(url: str) -> SlackSetup:
    """What `init` needs, from the Web API at this address."""
    return SlackSetup(
        lambda token: asyncio.run(read_workspace(token, url)),
        lambda token: asyncio.run(check_app_token(token, url)),
        manifest,
    )


async def read_workspace(token: str, url: str) -> Workspace:
    """Reads channels, people and user groups with the bot's token. Raises SlackFault, with what to do."""
    api = WebApi(token, url)
    bot = await api.open()
    try:
        types = {"types": "public_channel,private_channel", "exclude_archived": "true"}
        channels, every_channel = await _pages(api, "conversations.list", "channels", types)
        members, every_member = await _pages(api, "users.list", "members", {})
        groups, no_groups = await _groups(api)
        team = (await _called(api, "auth.test", {})).get("team")
    finally:
        await api.close()
    return Workspace(
        str(team or "the workspace"),
        bot.name,
        [_channel(each) for each in channels],
        [_member(each) for each in members if _is_colleague(each)],
        [Group(str(each["id"]), str(each.get("handle") or each["id"])) for each in groups],
        every_channel and every_member,
        no_groups=no_groups,
        lacking=None if api.scopes is None else api.lacking,
    )


async def check_app_token(token: str, url: str) -> None:
    """Checks a token for Socket Mode. Raises SlackFault, with what to do."""
    if not token.startswith("xapp-"):
        raise SlackFault(f"SLACK_APP_TOKEN is not an app-level token (xapp-…): {_APP_TOKEN}")
    api = WebApi(token, url)
    api.connect()
    try:
        await api.request("apps.connections.open", {})
    except SlackApiError as refusal:
        if refusal.error == "missing_scope":
            says = f"SLACK_APP_TOKEN lacks the scope connections:write: {_APP_TOKEN}"
        else:
            says = f"Slack refuses SLACK_APP_TOKEN ({refusal.error}): {_APP_TOKEN}"
        raise SlackFault(says) from None
    except SlackUnavailable as unavailable:
        raise _unreachable(api, unavailable) from None
    finally:
        await api.close()


def manifest(mode: str, address: str, command: str) -> str:
    """The app's manifest for a way to reach the desk. `address`: `https://…`, unused over a socket."""
    text = _manifest_file().read_text(encoding="utf-8")
    _, _, text = text.partition("_metadata:")
    text = f"_metadata:{text}".replace("command: /support", f"command: {command}")
    text = text.replace("type /support", f"type {command}")
    if mode == SOCKET:
        text = _ADDRESS.sub("", text).replace("socket_mode_enabled: false", "socket_mode_enabled: true")
    if mode == OAUTH:
        redirect = f"oauth_config:\n  redirect_urls:\n    - {address}/slack/oauth_redirect\n"
        text = text.replace("oauth_config:\n", redirect)
    return (
        "# The Slack app of this desk. At api.slack.com/apps choose Create New App, From a manifest.\n"
        + text.replace("https://YOUR-ADDRESS", address)
    )


def _manifest_file() -> Path:
    """In the installed package beside this file; in the source tree at its top."""
    installed = Path(__file__).with_name("manifest.yml")
    return installed if installed.is_file() else Path(__file__).parents[2] / "manifest.yml"


async def _pages(
    api: WebApi, method: str, what: str, arguments: Mapping[str, Any]
) -> tuple[list[Mapping[str, Any]], bool]:
    """Everything that a method lists, and whether that is all."""
    found: list[Mapping[str, Any]] = []
    cursor = ""
    for _ in range(MOST_PAGES):
        limit = {} if method == "usergroups.list" else {"limit": str(PAGE)}
        answer = await _called(api, method, {**arguments, **limit, **({"cursor": cursor} if cursor else {})})
        found += answer.get(what) or ()
        cursor = str((answer.get("response_metadata") or {}).get("next_cursor") or "")
        if not cursor:
            return found, True
    return found, False


async def _groups(api: WebApi) -> tuple[list[Mapping[str, Any]], str]:
    """The user groups, and why there are none to see: some plans, and a local Slack, have none at all."""
    try:
        return (await _pages(api, "usergroups.list", "usergroups", {}))[0], ""
    except SlackFault as fault:
        refusal = fault.__cause__
        if isinstance(refusal, SlackApiError) and refusal.error in WITHOUT_GROUPS:
            return [], refusal.error
        raise


async def _called(api: WebApi, method: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    waited = 0.0
    while True:
        try:
            return await api.request(method, arguments)
        except SlackApiError as refusal:
            details = (
                f"Slack refuses to list what the desk's file needs ({refusal}); compare the app's scopes"
            )
            raise SlackFault(f"{details} with the manifest, install the app again") from refusal
        except SlackUnavailable as unavailable:
            if unavailable.after is None or waited + unavailable.after > LONGEST_WAIT:
                raise _unreachable(api, unavailable) from None
            waited += unavailable.after
            await asyncio.sleep(unavailable.after)


def _unreachable(api: WebApi, why: SlackUnavailable) -> SlackFault:
    return SlackFault(f"Slack cannot be reached at {api.url} ({why}): check the network and SLACK_API_URL")


def _channel(found: Mapping[str, Any]) -> Channel:
    return Channel(str(found["id"]), str(found.get("name") or found["id"]), bool(found.get("is_member")))


def _is_colleague(found: Mapping[str, Any]) -> bool:
    """Whether this is a person of the vendor: no bot, nobody who has left, nobody of another company."""
    outside = found.get("deleted") or found.get("is_bot") or "is_stranger" in found
    return not outside and found.get("id") != "USLACKBOT"


def _member(found: Mapping[str, Any]) -> Member:
    profile = found.get("profile") or {}
    handle = str(found.get("name") or "")
    name = found.get("real_name") or profile.get("real_name") or handle or found["id"]
    return Member(str(found["id"]), str(name), handle)
