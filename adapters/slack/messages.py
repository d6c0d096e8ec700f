"""Messages as they were written, and what became of them later."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from adapters.slack.payloads import Id, MessageCallback, OptionalId, Profile, parse, slack_id
from adapters.slack.reader import PERSON_SUBTYPES, Reader, place
from bot.address import MessageRef
from bot.exchange import MessageChanged, Posted

_LATER = frozenset({"message_changed", "message_deleted"})
_TOMBSTONE = "tombstone"
"""What stands where a message was deleted that had been replied to."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True, frozen=True)


class _Written(_Part):
    """A message inside of the event that tells of it."""

    subtype: str | None = None
    user: OptionalId | None = None
    bot_id: OptionalId | None = None
    text: str = ""
    ts: OptionalId = ""
    thread_ts: OptionalId | None = None
    user_team: OptionalId | None = None
    user_profile: Profile | None = None

    @property
    def root(self) -> str | None:
        """The message that it replies to."""
        return self.thread_ts if self.thread_ts != self.ts else None


class _Change(_Part):
    type: Literal["message"]
    subtype: Literal["message_changed", "message_deleted"]
    channel: Id
    message: _Written | None = None
    previous_message: _Written | None = None


class _Changed(_Part):
    event_id: Id
    event: _Change


def read_message(reader: Reader, body: Mapping[str, Any], home: str) -> Posted | MessageChanged | None:
    """A message somebody wrote, or what they did to it later."""
    event = body.get("event")
    if isinstance(event, dict) and slack_id(event.get("subtype")) in _LATER:
        return _read_change(reader, parse(_Changed, body), home)
    return reader.posted(parse(MessageCallback, body), home)


def _read_change(reader: Reader, delivery: _Changed, home: str) -> MessageChanged | None:
    """None for what no person did, for other changes than of words, and for what is no reply.

    A message of our own that stands in the channel itself is told when it is deleted.
    """
    change, identity = delivery.event, reader.identity
    now, before = change.message, change.previous_message
    deleted = change.subtype == "message_deleted" or (now is not None and now.subtype == _TOMBSTONE)
    told = before if deleted else now
    if told is None or not told.user or not told.ts:
        return None
    ours = told.user == identity.bot_user
    if ours and not (deleted and told.root is None):
        return None
    if not ours and (told.bot_id or told.subtype not in PERSON_SUBTYPES or told.root is None):
        return None
    if not deleted and before is not None and before.text == told.text:
        return None
    where = place(change.channel)
    team = told.user_team if told.user_team and told.user_team.startswith("T") else home
    return MessageChanged(
        key=f"event/{delivery.event_id}",
        at=reader.clock.now(),
        actor=reader.actor(told.user, identity.team if ours else team, _name(told)),
        place=where,
        message=MessageRef(where, told.ts),
        text=None if deleted else reader.to_plain_text(told.text),
        thread=MessageRef(where, told.root) if told.root else None,
    )


def _name(told: _Written) -> str:
    profile = told.user_profile
    names = (profile.display_name, profile.real_name, profile.name) if profile else ()
    return next((name for name in names if name), told.user or "")
