"""Translates what people do in Teams into the desk's values."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from urllib.parse import quote, urlsplit

from botbuilder.schema import Mention  # type: ignore[import-untyped]
from botbuilder.schema.teams import MessageActionsPayload  # type: ignore[import-untyped]
from msrest.exceptions import DeserializationError  # type: ignore[attr-defined]

from adapters.teams.payloads import Activity, Malformed
from adapters.teams.rendering.card_parts import read_press
from adapters.teams.rendering.dialogs import SubmittedForm
from bot.model.address import Actor, MessageRef, Place, UserRef
from bot.model.inbound import (
    ChannelChange,
    ChannelChanged,
    Command,
    File,
    FormClosed,
    MessageAction,
    MessageChanged,
    Posted,
    Press,
    Submission,
)
from bot.ports import Clock
from bot.text import clean, one_line

PLATFORM = "teams"
COMMAND = "/support"
_AT = re.compile(r"<at(?:\s[^<>]*)?>([^<>]*)</at>", re.IGNORECASE)
_LINE_END = re.compile(r"<br\s*/?>|</(?:p|div|li|h\d|blockquote|tr)>", re.IGNORECASE)
_LINK = re.compile(r"""<a\s[^<>]*?href=["']([^"'<>]*)["'][^<>]*>(.*?)</a>""", re.IGNORECASE | re.DOTALL)
_TAG = re.compile(r"<[^<>]*>")
_SUPPORT = re.compile(r"\s*/?support(?=[\s:,]|$)[\s:,]*", re.IGNORECASE)


def user_of(activity: Activity) -> str:
    """Returns the Entra object id, or else the id for this bot, which no list of agents contains."""
    return activity.sender.aad_object_id or activity.sender.id


def place_of(activity: Activity) -> Place:
    return Place(PLATFORM, activity.conversation.place, direct=activity.is_personal)


@dataclass(frozen=True, slots=True)
class MessageText:
    """A message's text. `to_bot`: the message mentions the bot, or nobody else can see it."""

    text: str
    to_bot: bool


def message_text(activity: Activity) -> MessageText:
    """Returns the text without the bot's mention; other mentions and escapes become what was typed."""
    text, to_bot = activity.text or "", activity.is_personal or activity.is_targeted
    for mention in _mentions(activity):
        if mention.mentioned and mention.mentioned.id == activity.recipient.id:
            to_bot = True
            if mention.text:
                text = text.replace(mention.text, " ")
    text = _AT.sub(lambda found: f"@{found[1]}", text)
    return MessageText(_plain(text), to_bot)


def command_words(text: str) -> str:
    """Returns a command's text without its name."""
    return _SUPPORT.sub("", text, count=1) if _SUPPORT.match(text) else text


def plain_text(html_text: str) -> str:
    """Converts the HTML of a message to plain text."""
    return _plain(_TAG.sub(" ", html_text))


def message_lines(html_text: str) -> str:
    """Converts the HTML of a message to plain text with its lines, and with the addresses of its links."""
    text = _LINK.sub(_address_beside, html_text)
    lines = (plain_text(line) for line in _LINE_END.sub("\n", text).split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def _address_beside(link: re.Match[str]) -> str:
    url, shown = html.unescape(link[1]), html.unescape(_TAG.sub("", link[2])).strip()
    return html.escape(shown if shown in (url, "") or url.endswith(f"//{shown}") else f"{shown} ({url})")


def _mentions(activity: Activity) -> Iterator[Mention]:
    """Yields the mentions; skips other entities and invalid ones."""
    for entity in activity.entities if isinstance(activity.entities, list) else ():
        if isinstance(entity, dict) and entity.get("type") == "mention":
            with suppress(DeserializationError, RecursionError):
                yield Mention.deserialize(entity)


def _plain(text: str) -> str:
    return clean(html.unescape(text).replace("\u00a0", " ")).strip()


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads activities. `home` is the sender's tenant, `tenant` the vendor's."""

    tenant: str
    clock: Clock

    def command(self, activity: Activity, home: str, text: str, about: MessageRef | None = None) -> Command:
        key = self._key("command", activity)
        actor, words = self._actor(activity, home), command_words(text)
        return Command(key, self.clock.now(), actor, place_of(activity), COMMAND, words, about)

    def message_action(
        self, activity: Activity, home: str, action: str, message: MessageActionsPayload
    ) -> MessageAction:
        """Reads an entry of a message's menu. Raises Malformed."""
        where, root = place_of(activity), message.reply_to_id
        content = message.body.content if message.body else None
        if not isinstance(content, str | None) or not isinstance(root, str | None):
            raise Malformed("messagePayload: its text or its thread is no text")
        return MessageAction(
            key=self._key("message action", activity),
            at=self.clock.now(),
            actor=self._actor(activity, home),
            place=where,
            action=action,
            text=message_lines(content or ""),
            thread=MessageRef(where, root) if root and root != message.id else None,
            author=self._author(message),
            files=tuple(_shared_files(message)),
        )

    def _author(self, message: MessageActionsPayload) -> Actor | None:
        """Who wrote the message in a menu of which something was chosen. Teams does not name their tenant."""
        user = message.from_property.user if message.from_property else None
        if user is None or not isinstance(user.id, str) or not user.id:
            return None
        return Actor(UserRef(PLATFORM, self.tenant, user.id.lower()), self.tenant, user.id)

    def press(self, activity: Activity, home: str, data: Any) -> Press:
        """Raises Malformed."""
        try:
            action, value = read_press(data)
        except ValueError as wrong:
            raise Malformed(str(wrong)) from None
        where = place_of(activity)
        return Press(
            key=self._key("press", activity),
            at=self.clock.now(),
            actor=self._actor(activity, home),
            place=where,
            message=MessageRef(where, activity.reply_to_id) if activity.reply_to_id else None,
            action=action,
            value=value,
        )

    def submission(self, activity: Activity, home: str, submitted: SubmittedForm) -> Submission:
        """The desk identifies forms by their own key; this one is for a form from the previous release."""
        where = place_of(activity)
        own = activity.reply_to_id if submitted.standalone else None
        return Submission(
            key=f"submission/{PLATFORM}/{user_of(activity)}/{submitted.nonce}",
            at=self.clock.now(),
            actor=self._actor(activity, home),
            form=submitted.form,
            values=submitted.values,
            context=submitted.context,
            place=where,
            message=MessageRef(where, own) if own else None,
        )

    def closed(self, activity: Activity, home: str, submitted: SubmittedForm) -> FormClosed:
        """Reads the end of a form that was shown as a card. A form that was a message of its own hid none."""
        where = place_of(activity)
        hidden = None if submitted.standalone else activity.reply_to_id
        return FormClosed(
            key=f"{self._key('closed', activity)}/{submitted.nonce}",
            at=self.clock.now(),
            actor=self._actor(activity, home),
            form=submitted.form,
            values=submitted.values,
            context=submitted.context,
            message=MessageRef(where, hidden) if hidden else None,
        )

    def posted(self, activity: Activity, home: str, text: str) -> Posted:
        where, root = place_of(activity), root_of(activity)
        return Posted(
            key=self._key("message", activity),
            at=self.clock.now(),
            actor=self._actor(activity, home),
            place=where,
            message=MessageRef(where, activity.id),
            text=text,
            thread=MessageRef(where, root) if root else None,
            files=attached_files(activity),
            from_app=is_from_app(activity),
        )

    def revised(self, activity: Activity, home: str, text: str | None) -> MessageChanged:
        """Reads an edit or, without a text, a deletion; each one is a separate act."""
        where, root = place_of(activity), root_of(activity)
        once = sha256(repr((activity.timestamp, text)).encode()).hexdigest()[:16]
        return MessageChanged(
            key=f"{self._key('revised', activity)}/{once}",
            at=self.clock.now(),
            actor=self._actor(activity, home),
            place=where,
            message=MessageRef(where, activity.id),
            text=text,
            thread=MessageRef(where, root) if root else None,
        )

    def turned(
        self,
        activity: Activity,
        place: Place,
        turn: ChannelChange,
        name: str = "",
        beside: tuple[Place, ...] = (),
    ) -> ChannelChanged:
        """Reads a change of a channel; `name` is its new name, if any."""
        key = f"{self._key('turn', activity)}/{place.id}"
        return ChannelChanged(key, self.clock.now(), place, turn, name, beside=beside)

    def _actor(self, activity: Activity, home: str) -> Actor:
        name = one_line(activity.sender.name or "") or user_of(activity)
        # Agents belong to the vendor's tenant, wherever the conversation is.
        return Actor(UserRef(PLATFORM, home, user_of(activity)), self.tenant or home, name)

    def _key(self, kind: str, activity: Activity) -> str:
        return f"{kind}/{PLATFORM}/{activity.conversation.id}/{activity.id}"


def is_from_app(activity: Activity) -> bool:
    """Returns whether a bot or another application sent it, be it ours."""
    sender = activity.sender
    return sender.role == "bot" or sender.id.startswith("28:") or sender.id == activity.recipient.id


def root_of(activity: Activity) -> str | None:
    """Returns the message that this one replies to, or None."""
    root = activity.conversation.root
    return root if root and root != activity.id else None


_SHARES = (".sharepoint.com", ".sharepoint.us", ".sharepoint-mil.us", ".sharepoint.cn")
"""Where Teams stores files of channels and chats; a link to any other host could hide anything."""
_MARKS = re.compile(r"[_*~]")


def attached_files(activity: Activity) -> tuple[File, ...]:
    """Returns files with a name, not inline pictures, cards, quotations or the text's markup."""
    listed = activity.attachments if isinstance(activity.attachments, list) else []
    return tuple(_file(one) for one in listed if isinstance(one, dict) and _is_file(one))


def _shared_files(message: MessageActionsPayload) -> Iterator[File]:
    for one in message.attachments or ():
        held = {"contentType": one.content_type, "name": one.name, "contentUrl": one.content_url}
        if _is_file(held):
            yield _file(held)


def _is_file(one: dict[str, Any]) -> bool:
    kind = one.get("contentType")
    if not isinstance(kind, str) or "card" in kind or kind == "text/html":
        return False
    return kind.startswith("image/") or bool(isinstance(one.get("name"), str) and one["name"].strip())


def _file(one: dict[str, Any]) -> File:
    name, url = one.get("name"), one.get("contentUrl")
    shown = one_line(name) if isinstance(name, str) else ""
    return File(shown or "a picture", _address(url) if isinstance(url, str) else "")


def _address(url: str) -> str:
    """Returns a link that is safe in a card; "" if it is not on the file share."""
    try:
        parts = urlsplit(url)
        known = parts.scheme == "https" and (parts.hostname or "").endswith(_SHARES) and parts.port is None
    except ValueError:
        return ""
    if not known or parts.username is not None:
        return ""
    return _MARKS.sub(lambda mark: f"%{ord(mark[0]):02X}", quote(url, safe="%/:=&?#+!$,;'@-."))
