"""What we call and hear of Slack, and the scopes each of them needs; `manifest.yml` is held equal to this."""

from __future__ import annotations

METHODS: dict[str, frozenset[str]] = {
    "apps.connections.open": frozenset(),
    "auth.teams.list": frozenset(),
    "auth.test": frozenset(),
    "chat.postEphemeral": frozenset({"chat:write"}),
    "chat.postMessage": frozenset({"chat:write"}),
    "chat.update": frozenset({"chat:write"}),
    "conversations.history": frozenset({"channels:history", "groups:history", "im:history"}),
    "conversations.info": frozenset({"channels:read", "groups:read"}),
    "conversations.open": frozenset({"im:write"}),
    "conversations.replies": frozenset({"channels:history", "groups:history", "im:history"}),
    "files.info": frozenset({"files:read"}),
    "oauth.v2.access": frozenset(),
    "usergroups.users.list": frozenset({"usergroups:read"}),
    "users.conversations": frozenset({"channels:read", "groups:read"}),
    "users.info": frozenset({"users:read"}),
    "views.open": frozenset(),
    "views.publish": frozenset(),
    "views.update": frozenset(),
}
FORM_METHODS = frozenset(
    {
        "conversations.history",
        "conversations.info",
        "conversations.replies",
        "files.info",
        "oauth.v2.access",
        "usergroups.users.list",
        "users.conversations",
        "users.info",
    }
)
"""These read nothing from a JSON body."""

_PUBLIC, _PRIVATE = frozenset({"channels:read"}), frozenset({"groups:read"})
EVENTS: dict[str, frozenset[str]] = {
    **{
        f"channel_{turn}": _PUBLIC
        for turn in ("archive", "deleted", "id_changed", "left", "rename", "shared", "unarchive", "unshared")
    },
    **{f"group_{turn}": _PRIVATE for turn in ("archive", "deleted", "left", "rename", "unarchive")},
    **{f"member_{turn}_channel": _PUBLIC | _PRIVATE for turn in ("joined", "left")},
    "app_home_opened": frozenset(),
    "app_mention": frozenset({"app_mentions:read"}),
    "app_uninstalled": frozenset(),
    "message.channels": frozenset({"channels:history"}),
    "message.groups": frozenset({"groups:history"}),
    "message.im": frozenset({"im:history"}),
    "reaction_added": frozenset({"reactions:read"}),
    "tokens_revoked": frozenset(),
}
COMMANDS = frozenset({"commands"})
FILES = frozenset({"files:read"})
"""A form that takes files needs it, though nothing is called for them."""

SCOPES = frozenset().union(COMMANDS, FILES, *METHODS.values(), *EVENTS.values())
