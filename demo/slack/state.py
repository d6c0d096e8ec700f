"""The state of the workspace: people, channels, messages, open modals, triggers and calls."""

import asyncio
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from demo.slack.elements import Json
from demo.slack.view import View

T = TypeVar("T")

SLACKBOT = "USLACKBOT"
TRIGGER_LIFETIME = 3.0
RESPONSE_URL_LIFETIME = 30 * 60.0
RESPONSE_URL_USES = 5


class SlackError(Exception):
    """An error of the Web API, with Slack's own error code."""

    def __init__(self, error: str, messages: list[str] | None = None) -> None:
        super().__init__(error)
        self.error = error
        self.messages = messages or []


@dataclass(eq=False)
class Person:
    id: str
    name: str
    real_name: str
    team_id: str
    tz: str = "UTC"
    tz_label: str = ""
    email: str = ""
    is_bot: bool = False
    is_guest: bool = False

    @property
    def tz_offset(self) -> int:
        """Seconds east of UTC right now."""
        offset = datetime.now(UTC).astimezone(ZoneInfo(self.tz)).utcoffset()
        return int(offset.total_seconds()) if offset else 0


@dataclass(eq=False)
class Group:
    id: str
    handle: str
    members: list[str]


@dataclass(eq=False)
class Upload:
    """A file that somebody uploaded with a message or form."""

    id: str
    name: str
    user: str
    content: bytes = b"a file"


@dataclass(eq=False)
class Message:
    channel: str
    ts: str
    user: str
    text: str = ""
    blocks: list[Json] = field(default_factory=list)
    thread_ts: str | None = None
    metadata: Json | None = None
    ephemeral_to: str | None = None
    reactions: dict[str, list[str]] = field(default_factory=dict)
    edited: bool = False
    edits: int = 0
    deleted: bool = False
    pinned: bool = False
    username: str = ""
    """The name under which an app posted it, if it chose one; an edit takes it away."""
    icon_url: str = ""
    files: list[Upload] = field(default_factory=list)

    @property
    def is_reply(self) -> bool:
        return self.thread_ts is not None and self.thread_ts != self.ts


@dataclass(eq=False)
class Channel:
    id: str
    name: str
    members: list[str]
    is_private: bool = False
    is_ext_shared: bool = False
    is_im: bool = False
    archived: bool = False
    messages: list[Message] = field(default_factory=list)


@dataclass(eq=False)
class Trigger:
    id: str
    user: str
    at: float
    used: bool = False


@dataclass(eq=False)
class ResponseUrl:
    """One response_url: who it answers, and how often it was used."""

    id: str
    user: str
    channel: str
    message: Message | None
    at: float
    uses: int = 0


@dataclass(frozen=True)
class Call:
    """One Web API call by the bot, with its result."""

    method: str
    args: Json
    result: Json
    status: int = 200

    @property
    def error(self) -> str | None:
        return self.result.get("error")


class Workspace:
    """The whole workspace. Every change wakes the callers of `until`."""

    def __init__(self, team_id: str, domain: str, bot_name: str, trigger_clock: Callable[[], float]) -> None:
        self.team_id, self.domain = team_id, domain
        self.app_id, self.bot_id, self.verification = "A0FRONTLINE", "B0FRONTLINE", "legacy-token"
        self.bot = Person(f"U0{_upper(bot_name)}", bot_name.lower(), bot_name, team_id, is_bot=True)
        slackbot = Person(SLACKBOT, "slackbot", "Slackbot", team_id, is_bot=True)
        self.users: dict[str, Person] = {self.bot.id: self.bot, SLACKBOT: slackbot}
        self.groups: dict[str, Group] = {}
        self.org: Json | None = None
        """The organisation, if the app was installed for all of it."""
        self.channels: dict[str, Channel] = {}
        self.files: dict[str, Upload] = {}
        self.stacks: dict[str, list[View]] = {}
        self.homes: dict[str, View] = {}
        self.triggers: dict[str, Trigger] = {}
        self.response_urls: dict[str, ResponseUrl] = {}
        self.calls: list[Call] = []
        self.complaints: list[str] = []
        self.emit: Callable[[Json, str | None], None] = lambda event, actor: None
        self.base_url = ""
        self._clock = trigger_clock
        self._last_ts = 0
        self._changed = asyncio.Event()

    def upload(self, user: str, name: str) -> Upload:
        """Adds a person's file, not yet in any channel."""
        file = Upload(f"F0{len(self.files) + 1:08}", name, user)
        self.files[file.id] = file
        return file

    def touch(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def until(self, question: Callable[[], T], timeout: float) -> T:
        """Returns the first truthy answer; asks again after every change. Raises TimeoutError."""
        try:
            async with asyncio.timeout(timeout):
                while not (answer := question()):
                    await self._changed.wait()
                return answer
        except TimeoutError:
            recent = ", ".join(f"{call.method} {call.error or 'ok'}" for call in self.calls[-8:])
            raise TimeoutError(f"nothing within {timeout:g} s; last calls: {recent or 'none'}") from None

    def complain(self, words: str) -> None:
        """Records a mistake that Slack would ignore or report vaguely, but a test should not."""
        self.complaints.append(words)

    def next_ts(self) -> str:
        self._last_ts = max(self._last_ts + 1, time.time_ns() // 1000)
        return f"{self._last_ts // 1_000_000}.{self._last_ts % 1_000_000:06d}"

    def new_trigger(self, user: str) -> str:
        name = f"{len(self.triggers) + 1}.{uuid.uuid4().int % 10**10}.{uuid.uuid4().hex}"
        self.triggers[name] = Trigger(name, user, self._clock())
        return name

    def use_trigger(self, name: str) -> Trigger:
        trigger = self.triggers.get(name)
        if trigger is None:
            raise SlackError("invalid_arguments", ["[ERROR] invalid `trigger_id` [json-pointer:/trigger_id]"])
        if trigger.used:
            raise SlackError("exchanged_trigger_id")
        if self._clock() - trigger.at > TRIGGER_LIFETIME:
            raise SlackError("expired_trigger_id")
        trigger.used = True
        return trigger

    def new_response_url(self, user: str, channel: str, message: Message | None) -> str:
        name = uuid.uuid4().hex
        self.response_urls[name] = ResponseUrl(name, user, channel, message, self._clock())
        return f"{self.base_url}/response/{self.team_id}/{name}"

    def use_response_url(self, name: str) -> ResponseUrl:
        response_url = self.response_urls.get(name)
        if response_url is None or self._clock() - response_url.at > RESPONSE_URL_LIFETIME:
            raise SlackError("expired_url")
        if response_url.uses >= RESPONSE_URL_USES:
            raise SlackError("used_url")
        response_url.uses += 1
        return response_url

    def person(self, user: str) -> Person:
        if user not in self.users:
            raise SlackError("user_not_found")
        return self.users[user]

    def channel(self, channel: str) -> Channel:
        """Returns the conversation. Raises SlackError if the bot cannot see it."""
        found = self.channels.get(channel)
        if found is None or (found.is_private and self.bot.id not in found.members):
            raise SlackError("channel_not_found")
        return found

    def is_external(self, user: str) -> bool:
        return self.users[user].team_id != self.team_id

    def is_stranger(self, user: str) -> bool:
        shared = (channel for channel in self.channels.values() if self.bot.id in channel.members)
        return self.is_external(user) and not any(
            user in channel.members for channel in shared if not channel.is_im
        )

    def im(self, user: str) -> Channel:
        """Returns the direct conversation of the bot and one person."""
        if self.is_stranger(user):
            raise SlackError("invalid_user_combination")
        name = f"D0{user[2:] if user.startswith('U0') else user}"
        if name not in self.channels:
            shared = self.is_external(user)
            members = [user, self.bot.id]
            self.channels[name] = Channel(name, "directmessage", members, is_im=True, is_ext_shared=shared)
        return self.channels[name]

    def message(self, channel: Channel, ts: str) -> Message:
        for message in channel.messages:
            if message.ts == ts and not message.deleted and message.ephemeral_to is None:
                return message
        raise SlackError("message_not_found")

    def add(self, message: Message) -> Message:
        self.channels[message.channel].messages.append(message)
        self.touch()
        return message


def _upper(name: str) -> str:
    return "".join(letter for letter in name.upper() if letter.isascii() and letter.isalnum()) or "X"


def slug(prefix: str, name: str, taken: dict[str, Any]) -> str:
    """Returns a readable id such as U0ALICE, with a number if it is taken."""
    first = f"{prefix}0{_upper(name)}"
    choices = (first if number == 1 else f"{first}{number}" for number in range(1, 10_000))
    return next(choice for choice in choices if choice not in taken)
