"""What is written on any of Slack's requests: its kind, and where it came from.

Slack puts the ids into other keys for each kind of request, and into other ones again for shared channels and
organisations (platforms: Slack Connect, org-wide installs). None of them is taken on trust to be text.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from adapters.slack.workspaces import Asked

Body = Mapping[str, Any]
NOTHING: Body = {}


def kind(body: Body) -> str:
    """As Slack calls it; its commands have no type."""
    found = body.get("type", "command" if "command" in body else "")
    return found[:80] if isinstance(found, str) else ""


def kind_of_event(body: Body) -> str:
    found = part(body, "event").get("type")
    return found[:80] if isinstance(found, str) else ""


def asked(body: Body) -> Asked:
    """Which installation is asked, by whom and where."""
    event = part(body, "event")
    grant = _grant(body)
    return Asked(
        team=_team(body, grant) or ("" if grant else _team(event, NOTHING)),
        enterprise=_enterprise(body, grant) or ("" if grant else _enterprise(event, NOTHING)),
        everywhere=(grant or body).get("is_enterprise_install") in (True, "true"),
        channel=_id(body, "channel") or _id(event, "channel") or _id(part(event, "item"), "channel"),
        user=_id(body, "user")
        or _id(event, "user")
        or _id(part(event, "message"), "user")
        or _id(part(event, "previous_message"), "user"),
    )


def team_of_actor(body: Body) -> str:
    """The home workspace of who did it, as far as an event says so; in a shared channel it often does not."""
    event = part(body, "event")
    if body.get("is_ext_shared_channel") is not True:
        return asked(body).team
    if event.get("type") == "app_mention" and event.get("user_team") is not None:
        # For people of an organisation this is the organisation's id, and their workspace stands nowhere.
        return _workspace(event.get("user_team"), NOTHING)
    return _workspace(event.get("user_team"), body) or _workspace(event.get("team"), body)


def part(body: Body, name: str) -> Body:
    """What stands there, as far as it is an object."""
    found = body.get(name)
    return found if isinstance(found, dict) else NOTHING


def plain(value: object) -> str:
    """Ids as Slack writes them: text of plain letters."""
    return value if isinstance(value, str) and value.isascii() and value.isprintable() else ""


def _grant(body: Body) -> Body:
    """Events name the installation that hears them; in a shared channel the rest may be about another one."""
    grants = body.get("authorizations")
    first = grants[0] if isinstance(grants, list) and grants else None
    return first if isinstance(first, dict) else NOTHING


def _team(body: Body, grant: Body) -> str:
    view = part(body, "view")
    # A form opened in a shared channel: `team` is that of who filled it in.
    named = plain(view.get("app_installed_team_id")) or _id(body, "team", "")
    if named or grant:
        return named or plain(grant.get("team_id"))
    return (
        plain(body.get("team_id")) or plain(part(body, "user").get("team_id")) or plain(view.get("team_id"))
    )


def _enterprise(body: Body, grant: Body) -> str:
    named = _id(body, "enterprise", "")
    if named or grant:
        return named or plain(grant.get("enterprise_id"))
    return plain(body.get("enterprise_id")) or plain(part(body, "team").get("enterprise_id"))


def _id(body: Body, name: str, flat: str = "_id") -> str:
    """An id under its name, alone or in an object, or under its name with `_id`."""
    found = body.get(name)
    if found is None and flat:
        return plain(body.get(name + flat))
    return plain(found.get("id") if isinstance(found, dict) else found)


def _workspace(team: object, body: Body) -> str:
    """A workspace's id; an organisation's is taken for the workspace that the event names with it."""
    found = plain(team)
    if found.startswith("T"):
        return found
    if found.startswith("E"):
        for side in ("", "context_"):
            if found == body.get(f"{side}enterprise_id"):
                return plain(body.get(f"{side}team_id"))
    return ""
