"""What a reader of any platform has before them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Protocol

from bot.model.address import MessageRef, Place, UserRef
from bot.model.inbound import Dispatch
from bot.ports import ChatPlatform

Answers = dict[str, str]
_TWICE = re.compile(r"((\w{3}) \d{1,2} \w{3} \d{4}, (\d\d:\d\d \w+)) \(\2 \3\)")


@dataclass(frozen=True)
class DisplayedMessage:
    """A message as it stands now. `live` is all in it that does more than be read, sorted."""

    text: str
    labels: tuple[str, ...]
    live: tuple[str, ...]
    place: str
    thread: str | None

    @property
    def words(self) -> str:
        """Its words alone: neither marks, quotation signs nor line ends; an instant once."""
        text = _TWICE.sub(r"\1", " ".join(self.text.split()))
        return " ".join(re.findall(r"\w+", text))


class Workplace(Protocol):
    """A real adapter, what it talks to, and the people there, who are known by their first names."""

    name: str
    channel: Place
    triage: Place
    dispatch: Dispatch

    @property
    def ours(self) -> ChatPlatform: ...
    def displayed(self, message: MessageRef) -> DisplayedMessage: ...
    def user(self, name: str) -> UserRef: ...
    async def opens(self, who: str, summary: str, answers: Answers) -> None:
        """By the door that people of this platform use."""
        ...

    async def presses(self, who: str, label: str, on: MessageRef, text: str | None = None) -> str:
        """With `text`, into the form that the button opens. What it says to the presser alone."""
        ...

    async def writes(self, who: str, text: str, below: MessageRef) -> None: ...


def letters(text: str) -> str:
    """Without anything that a grammar could be made of, and what is shown in place of that."""
    return re.sub(r"[\W_ˍˋ]+", "", text)
