"""Activities as Teams sends them."""

from __future__ import annotations

from typing import Any

from tests.teams.fake_connector import APP, ELSEWHERE, TENANT

Json = dict[str, Any]

CHANNEL = "19:acme@thread.tacv2"
TEAM = "19:team@thread.tacv2"
ROOT = "1700000000001"
CHAT = "a:1chat-with-ann"
BOT = f"28:{APP}"
ANN = "00000000-0000-0000-0000-0000000000a1"
BOB = "00000000-0000-0000-0000-0000000000b2"


def person(name: str = "Ann", user: str = ANN, **more: Any) -> Json:
    return {"id": f"29:{name.lower()}", "name": name, "aadObjectId": user, **more}


def activity(service: str, type_: str = "message", /, **more: Any) -> Json:
    """In a reply chain of the customer's channel."""
    return {
        "type": type_,
        "id": "1700000000002",
        "timestamp": "2026-03-20T12:00:00.000Z",
        "channelId": "msteams",
        "serviceUrl": service,
        "from": person(),
        "recipient": {"id": BOT, "name": "Frontline"},
        "conversation": {
            "id": f"{CHANNEL};messageid={ROOT}",
            "isGroup": True,
            "conversationType": "channel",
            "tenantId": TENANT,
        },
        "entities": [{"type": "clientInfo", "locale": "en-GB", "timezone": "Europe/London"}],
        "channelData": {"tenant": {"id": TENANT}, "team": {"id": TEAM}},
        **more,
    }


def personal(service: str, type_: str = "message", /, **more: Any) -> Json:
    chat = {"id": CHAT, "conversationType": "personal", "tenantId": TENANT}
    return activity(service, type_, conversation=chat, **more)


def mention(text: str = "<at>Frontline</at>", id_: str = BOT) -> Json:
    return {"type": "mention", "mentioned": {"id": id_, "name": "Frontline"}, "text": text}


def mentioning(service: str, words: str, **more: Any) -> Json:
    return activity(service, text=f"<at>Frontline</at> {words}", entities=[mention()], **more)


def invoke(service: str, name: str, value: Any, **more: Any) -> Json:
    given = {"id": "f:1", "replyToId": ROOT, **more}
    return activity(service, "invoke", name=name, value=value, **given)


def executed(service: str, data: Any, **more: Any) -> Json:
    action = {"type": "Action.Execute", "id": "x", "verb": "x", "data": data}
    return invoke(service, "adaptiveCard/action", {"action": action, "trigger": "manual"}, **more)


def guest_tenant(**more: Any) -> Json:
    """A sender of another organisation."""
    return person("Eli", "00000000-0000-0000-0000-0000000000e1", tenantId=ELSEWHERE, **more)


def file(name: str = "error.log", **more: Any) -> Json:
    """As a message brings it."""
    url = f"https://contoso.sharepoint.com/sites/acme/Shared%20Documents/{name}"
    kind = "application/vnd.microsoft.teams.file.download.info"
    return {"contentType": kind, "contentUrl": url, "name": name, "content": {"uniqueId": "1"}, **more}


def event(kind: str, channel: str = CHANNEL, name: str = "acme") -> Json:
    """What Teams says of the change of a message, of a channel or of its team."""
    where = {"tenant": {"id": TENANT}, "team": {"id": TEAM}, "channel": {"id": channel, "name": name}}
    return {"eventType": kind, **where}


def samples(service: str) -> list[Json]:
    """One of each kind that Teams sends; the material for mutation."""
    press = {"action": "acknowledge", "value": "ACME-1"}
    return [
        mentioning(service, "support Bills are late"),
        activity(service, text="no mention"),
        activity(service, text="see", attachments=[file(), {"contentType": "text/html"}]),
        activity(service, "messageUpdate", text="other words", channelData=event("editMessage")),
        activity(service, "messageDelete", channelData=event("softDeleteMessage")),
        activity(service, "conversationUpdate", channelData=event("channelDeleted")),
        personal(service, text="help"),
        activity(service, text="", value=press),
        executed(service, press),
        invoke(service, "task/fetch", {"data": {**press, "msteams": {"type": "task/fetch"}}}),
        invoke(service, "task/submit", {"data": {"frontline": {"form": "reply", "context": {}}}}),
        invoke(service, "composeExtension/fetchTask", {"commandId": "support", "commandContext": "compose"}),
        invoke(service, "composeExtension/query", {"commandId": "find"}),
        activity(service, "conversationUpdate", membersAdded=[{"id": BOT}]),
        activity(service, "installationUpdate", action="remove"),
        activity(service, "messageReaction", reactionsAdded=[{"type": "like"}]),
        activity(service, "event", name="application/vnd.microsoft.meetingStart", value={"Id": "x"}),
    ]
