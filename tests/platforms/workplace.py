"""What a reader sees on any platform."""

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
    """A message as it is now. `live` lists, sorted, everything in it that does more than show text."""

    text: str
    labels: tuple[str, ...]
    live: tuple[str, ...]
    place: str
    thread: str | None

    @property
    def words(self) -> str:
        """Its words only: no markup, quotation marks or line ends, and each instant once."""
        text = _TWICE.sub(r"\1", " ".join(self.text.split()))
        return " ".join(re.findall(r"\w+", text))


class Workplace(Protocol):
    """A real adapter, the platform behind it, and its people by first name."""

    name: str
    channel: Place
    triage: Place
    dispatch: Dispatch

    @property
    def ours(self) -> ChatPlatform: ...
    def displayed(self, message: MessageRef) -> DisplayedMessage: ...
    def user(self, name: str) -> UserRef: ...
    async def opens(self, who: str, summary: str, answers: Answers) -> None:
        """Opens a ticket through the platform's usual entry point."""
        ...

    async def presses(self, who: str, label: str, on: MessageRef, text: str | None = None) -> str:
        """Presses a button, and fills `text` into the form that it opens; "" sends the form as it is.

        Returns the private answer.
        """
        ...

    async def reads_form(self, who: str, label: str, on: MessageRef) -> str:
        """Presses a button, reads the form that it opens, and cancels it."""
        ...

    async def writes(self, who: str, text: str, below: MessageRef) -> None: ...


def letters(text: str) -> str:
    """The text without characters that a markup grammar uses, and without their substitutes."""
    return re.sub(r"[\W_ˍˋ]+", "", text)
