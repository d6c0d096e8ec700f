"""The entry points of docs/parity.md, as the apps' manifests declare them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import yaml

HOUSE = Path(__file__).resolve().parents[1]
OFFERED = "→ `Get help` (→ modal) and `Answer here` (→ question by question)"


def entry_points() -> Iterator[tuple[str, ...]]:
    """The rows of the entry points. An entry point that no manifest declares is missing."""
    slack = yaml.safe_load((HOUSE / "manifest.yml").read_text("utf-8"))
    teams = json.loads((HOUSE / "adapters/teams/manifest/manifest.json").read_text("utf-8"))
    features, heard = slack["features"], slack["settings"]["event_subscriptions"]["bot_events"]
    granted = slack["oauth_config"]["scopes"]["bot"]
    extensions = {each["id"]: each for part in teams["composeExtensions"] for each in part["commands"]}
    extension = extensions["support"]
    reads = {each["name"] for each in teams["authorization"]["permissions"]["resourceSpecific"]}
    scopes = teams["bots"][0]["scopes"]
    shortcuts = {each["type"] for each in features["shortcuts"]}
    callbacks = {each["callback_id"] for each in features["shortcuts"]}

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
        "**missing**: a terminal has no mentions",
    )
    yield (
        "the reaction 🎫 on a message",
        opens("reaction_added" in heard, f"{OFFERED}, in its thread, with the message's text", "-"),
        "**missing**: Teams reports reactions to the bot's own messages only",
        "**missing**: there are none",
    )
    yield (
        "a message that begins with `support:`",
        opens("message.channels" in heard, f"{OFFERED}, in its thread", "-"),
        opens("ChannelMessage.Read.Group" in reads, "→ form as a card, if that permission was granted", "-"),
        "**missing**: in its channels you only write below tickets",
    )
    yield (
        "the command in a direct message",
        "→ modal, for the accounts of the channels that you share with the bot",
        opens("personal" in scopes, "any message there → form as a card", "-"),
        "`in dm`, then `/support`",
    )
    yield (
        "plain text in a direct message",
        opens("message.im" in heard, f"{OFFERED}, in the conversation", "nothing answers"),
        "→ form as a card, prefilled with this text",
        "`say TEXT` → questions",
    )
    yield (
        "`status KEY`, `close KEY`, `oncall`, `history KEY`, `help`",
        opens(
            "app_mention" in heard, "after the command, a mention or `support:`, or in a direct message", "-"
        ),
        "after a mention, answered in its thread if the person is of another tenant; or in a direct message",
        "after `/support`, or with `say` in a direct message",
    )
    yield (
        "`desk`, `desk sign out`, for agents and TAMs",
        opens("message.im" in heard, "after the command or a mention, or in a direct message", "-"),
        "after a mention, answered in the person's own chat; or in a direct message",
        "after `/support`, or with `say` in a direct message",
    )
    yield (
        "`away until DATE`, `away`, `back`, for TAMs",
        opens("message.im" in heard, "after the command or a mention, or in a direct message", "-"),
        "after a mention, or in a direct message; `away` → form as a card",
        "after `/support`, or with `say` in a direct message",
    )
    yield (
        "from a message",
        opens("message" in shortcuts, "message shortcut → modal; none for another workspace's members", "-"),
        opens("message" in extension["context"], "message action → dialog", "the manifest does not offer it"),
        "**missing**: there is none",
    )
    yield (
        "`Send to customer` on an agent's message in triage",
        opens("send_to_customer" in callbacks, "message shortcut → modal with its words", "-"),
        opens("send_to_customer" in extensions, "message action → dialog with its words", "-"),
        "**missing**: messages have no menus; `Reply`",
    )
    yield (
        "a saved reply in the form of `Reply`",
        "choosing fills the text at once",
        "chosen, then `Send` shows the text, and sends it the second time",
        "as in Teams",
    )
    yield (
        "the agent's name on a reply",
        opens(
            "chat:write.customize" in granted,
            "as its author, with the picture; and in the text",
            "in the text",
        ),
        "in the text; **missing**: an app cannot post under another name",
        "in the text",
    )
    yield (
        "files of a reply, or of a message sent with `Send to customer`",
        opens("files:write" in granted, "copied to the customer's thread, each a message of its own", "-"),
        "named in the form, to be sent as links; **missing**: an app cannot upload to a channel",
        "**missing**: there are none",
    )
    yield (
        "addresses in a reply",
        "links below the quotation",
        "links below the quotation",
        "links below the quotation",
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
            "ChannelMessage.Read.Group" in reads, "read if that permission was granted, else by mention", "-"
        ),
        "`say TEXT`",
    )
    yield (
        "a message in the thread that a ticket was asked from",
        opens("message.channels" in heard, "heard", "-"),
        opens(
            "ChannelMessage.Read.Group" in reads, "read if that permission was granted, else by mention", "-"
        ),
        "**missing**: no ticket is asked from a thread there",
    )
    yield (
        "another app's message in either thread",
        opens("message.channels" in heard, "shown to agents", "-"),
        "shown to agents, if Teams delivers it",
        "**missing**: there are no other apps",
    )
    yield (
        "the way from a message, row or direct message to the card",
        "permalink",
        "deep link; the channel's name until Teams has named the team's group",
        "the channel's name: a terminal has no addresses",
    )
    yield (
        "that message is changed or deleted later",
        opens("message.channels" in heard, "agents are told", "-"),
        opens("ChannelMessage.Read.Group" in reads, "agents are told, if that permission was granted", "-"),
        "**missing**: typed text stays",
    )
    yield (
        "a file with it",
        opens("files:read" in slack["oauth_config"]["scopes"]["bot"], "name and link", "-"),
        "name, and a link if it is in SharePoint",
        "**missing**: there are none",
    )
    yield (
        "a channel that we join or leave, that is archived, deleted, shared",
        opens("member_joined_channel" in heard, "agents are told; `Get help` is posted", "-"),
        "the same; for a team, in the channels that we know",
        "**missing**: its channels never change",
    )
    yield (
        "a personal page (Home, tab)",
        opens(features["app_home"]["home_tab_enabled"], "Home", "Home is off"),
        opens(teams.get("staticTabs"), "tab", "the app has no tab; `list` in its chat shows the same"),
        "`list` and `show KEY`, in each place",
    )
    command = features["slash_commands"][0]["command"]
    yield (
        "the open tickets, most urgent first",
        opens("message.im" in heard, f"`{command} list`, or `list` in a direct conversation", "-"),
        opens("personal" in scopes, "`list` in a direct conversation or in a mention", "-"),
        "`list`, or `/support list`",
    )
    yield (
        "the board: a message in the customer's channel that lists what is open there",
        opens("pins:write" in granted, "edited, removed, pinned", "no pin"),
        "edited, removed; **missing**: an app cannot pin a message",
        "edited, removed",
    )
    yield (
        "`Get help` in sight when much stands below it",
        opens("pins:write" in granted, "pinned; posted again below, the old one deleted", "no pin"),
        "posted again below, the old one deleted; **missing**: an app cannot pin a message",
        "the command is always there",
    )
    yield (
        "a customer's message that nobody answers",
        "→ a line in triage after ten minutes",
        "→ a line in triage after ten minutes, if the app may read all messages of the channel",
        "**missing**: in its channels you only write below tickets",
    )
