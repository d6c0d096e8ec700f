"""The ways in of docs/parity.md, as the apps' manifests open them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import yaml

HOUSE = Path(__file__).resolve().parents[1]
OFFERED = "→ `Get help` (→ modal) and `Answer here` (→ question by question)"


def doors() -> Iterator[tuple[str, ...]]:
    """The ways in, as the manifests open them; what no manifest asks for is missing."""
    slack = yaml.safe_load((HOUSE / "manifest.yml").read_text("utf-8"))
    teams = json.loads((HOUSE / "adapters/teams/manifest/manifest.json").read_text("utf-8"))
    features, heard = slack["features"], slack["settings"]["event_subscriptions"]["bot_events"]
    (extension,) = [command for each in teams["composeExtensions"] for command in each["commands"]]
    reads = {each["name"] for each in teams["authorization"]["permissions"]["resourceSpecific"]}
    scopes = teams["bots"][0]["scopes"]
    shortcuts = {each["type"] for each in features["shortcuts"]}

    def opens(open_: object, how: str, instead: str) -> str:
        return how if open_ else f"**missing**: {instead}"

    yield (
        f"a command: `{features['slash_commands'][0]['command']}`",
        "→ modal; Slack hides it from members of another workspace, who press `Get help`",
        opens("slash" in extension["triggers"], f"slash trigger `{extension['title']}` → dialog", "-"),
        "typed → questions",
    )
    yield ("`Get help`, the standing message", "button → modal", "button → dialog", "numbered button")
    yield (
        "mention of the bot in a channel",
        opens("app_mention" in heard, f"{OFFERED}, in its thread", "nothing answers"),
        opens("team" in scopes, "→ form as a card in its thread", "-"),
        "**missing**: a terminal has nobody to mention",
    )
    yield (
        "a ticket (🎫) put on a message",
        opens("reaction_added" in heard, f"{OFFERED}, in its thread, with the message's words", "-"),
        "**missing**: Teams tells of reactions to the bot's own messages only",
        "**missing**: there are none",
    )
    yield (
        "a message that begins with `support:`",
        opens("message.channels" in heard, f"{OFFERED}, in its thread", "-"),
        opens("ChannelMessage.Read.Group" in reads, "→ form as a card, where that right was granted", "-"),
        "**missing**: only words below a ticket are written in its channels",
    )
    yield (
        "the command in a direct conversation",
        "→ modal, for the accounts of the channels that one shares with the bot",
        opens("personal" in scopes, "any message there is taken for it → form as a card", "-"),
        "`in dm`, then `/support`",
    )
    yield (
        "plain words in a direct conversation",
        opens("message.im" in heard, f"{OFFERED}, in the conversation", "nothing answers"),
        "→ form as a card, begun with these words",
        "`say TEXT` → questions",
    )
    yield (
        "`status KEY`, `close KEY`, `help`",
        opens("app_mention" in heard, "after the command, a mention or `support:`, and directly", "-"),
        "after a mention, and directly",
        "after `/support`, and with `say` directly",
    )
    yield (
        "from somebody's message",
        opens("message" in shortcuts, "message shortcut → modal; none for another workspace's members", "-"),
        opens("message" in extension["context"], "message action → dialog", "the manifest does not offer it"),
        "**missing**: there is none",
    )
    yield (
        "from anywhere",
        opens("global" in shortcuts, "global shortcut → modal; none for another workspace's members", "-"),
        opens("slash" in extension["triggers"], f"`{extension['title']}` → dialog", "-"),
        "`in dm`, then `/support`",
    )
    yield (
        "a message in a ticket's thread",
        opens("message.channels" in heard, "heard", "-"),
        opens(
            "ChannelMessage.Read.Group" in reads, "heard where that right was granted, else by mention", "-"
        ),
        "`say TEXT`",
    )
    yield (
        "what becomes of that message later: changed, deleted",
        opens("message.channels" in heard, "told to agents", "-"),
        opens("ChannelMessage.Read.Group" in reads, "told to agents, where that right was granted", "-"),
        "**missing**: what was typed stands",
    )
    yield (
        "a file with it",
        opens("files:read" in slack["oauth_config"]["scopes"]["bot"], "name and link", "-"),
        "name, and a link where it lies in SharePoint",
        "**missing**: there are none",
    )
    yield (
        "a channel that we join or leave, that is archived, deleted, shared",
        opens("member_joined_channel" in heard, "told to agents; `Get help` comes with us", "-"),
        "the same; of teams, for the channels that we know of",
        "**missing**: its channels stay",
    )
    yield (
        "a page of one's own (Home, tab)",
        opens(features["app_home"]["home_tab_enabled"], "Home", "Home is off"),
        opens(teams.get("staticTabs"), "tab", "the app has no tab; `list` in its chat tells the same"),
        "`list` and `show KEY`, in each place",
    )
    command = features["slash_commands"][0]["command"]
    yield (
        "what is open, in the order of its turn",
        opens("message.im" in heard, f"`{command} list`, or `list` in a direct conversation", "-"),
        opens("personal" in scopes, "`list` in a direct conversation or in a mention", "-"),
        "`list`, or `/support list`",
    )
