"""What we call and hear of Slack, and the scopes each of them needs; `manifest.yml` is held equal to this."""

from __future__ import annotations

METHODS: dict[str, frozenset[str]] = {
    "auth.test": frozenset(),
    "chat.postEphemeral": frozenset({"chat:write"}),
    "chat.postMessage": frozenset({"chat:write"}),
    "chat.update": frozenset({"chat:write"}),
    "conversations.open": frozenset({"im:write"}),
    "usergroups.users.list": frozenset({"usergroups:read"}),
    "users.conversations": frozenset({"channels:read", "groups:read"}),
    "users.info": frozenset({"users:read"}),
    "views.open": frozenset(),
}
FORM_METHODS = frozenset({"usergroups.users.list", "users.conversations", "users.info"})
"""These read nothing from a JSON body."""

EVENTS: dict[str, frozenset[str]] = {
    "message.channels": frozenset({"channels:history"}),
    "message.groups": frozenset({"groups:history"}),
    "message.im": frozenset({"im:history"}),
}
COMMANDS = frozenset({"commands"})

SCOPES = frozenset().union(COMMANDS, *METHODS.values(), *EVENTS.values())
