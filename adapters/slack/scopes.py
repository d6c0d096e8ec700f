"""The methods we call and the events we receive, with their scopes; a test compares `manifest.yml` to it."""

from __future__ import annotations

METHODS: dict[str, frozenset[str]] = {
    "apps.connections.open": frozenset(),
    "auth.teams.list": frozenset(),
    "auth.test": frozenset(),
    "chat.delete": frozenset({"chat:write"}),
    "chat.postEphemeral": frozenset({"chat:write"}),
    "chat.postMessage": frozenset({"chat:write"}),
    "chat.update": frozenset({"chat:write"}),
    "conversations.history": frozenset({"channels:history", "groups:history", "im:history"}),
    "conversations.info": frozenset({"channels:read", "groups:read"}),
    "conversations.open": frozenset({"im:write"}),
    "conversations.replies": frozenset({"channels:history", "groups:history", "im:history"}),
    "files.info": frozenset({"files:read"}),
    "oauth.v2.access": frozenset(),
    "pins.add": frozenset({"pins:write"}),
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
"""Methods that ignore a JSON body."""

_PUBLIC, _PRIVATE = frozenset({"channels:read"}), frozenset({"groups:read"})
EVENTS: dict[str, frozenset[str]] = {
    **{
        f"channel_{name}": _PUBLIC
        for name in ("archive", "deleted", "id_changed", "left", "rename", "shared", "unarchive", "unshared")
    },
    **{f"group_{name}": _PRIVATE for name in ("archive", "deleted", "left", "rename", "unarchive")},
    **{f"member_{name}_channel": _PUBLIC | _PRIVATE for name in ("joined", "left")},
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
"""Forms with a file input need it, though we call no method for them."""

SCOPES = frozenset().union(COMMANDS, FILES, *METHODS.values(), *EVENTS.values())
REQUIRED_SCOPES = SCOPES - {"pins:write"}
"""Without the others the app works all the same: an app installed earlier pins nothing."""
