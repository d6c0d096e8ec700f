"""The terminal, and a person who types."""

from __future__ import annotations

import io
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from zoneinfo import ZoneInfo

from rich.console import Console as Terminal

from adapters.console import Console, Personas, Screen, rendering, run
from adapters.console.rendering import buttons_of
from bot.config.settings import DeskSettings
from bot.model.address import MessageRef, Place, UserRef
from bot.model.inbound import Dispatch
from bot.model.views import Receipt, SharedFile, TicketCard, View
from bot.ports import Clock
from tests.platforms.on_slack import nothing
from tests.platforms.workplace import Answers, DisplayedMessage

UTC = ZoneInfo("UTC")
WIDE = 2000
_SEQUENCE = re.compile(r"\x1b\[[\d;]*m")
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


class OnConsole:
    """It stands in for Slack, as the desk's file names it."""

    name = "console"
    channel = Place("slack", "C0ACME")
    triage = Place("slack", "C0TRIAGE")

    def __init__(self, settings: DeskSettings, clock: Clock) -> None:
        self.out = Terminal(file=io.StringIO(), width=100, color_system=None, force_terminal=False)
        self.screen = Screen(self.out, Personas(settings), UTC)
        self.ours = Console("slack", self.screen)
        self.clock = clock
        self.dispatch: Dispatch = nothing
        self.settle: Callable[[], Awaitable[None]] = _at_once

    def user(self, name: str) -> UserRef:
        someone = self.screen.personas.find(name)
        assert someone is not None
        return someone.actors["slack"].user

    def displayed(self, message: MessageRef) -> DisplayedMessage:
        post = self.screen.log.find(message)
        if post is None:
            raise LookupError(message)
        raw = _drawn(post.view)
        whole = _SEQUENCE.sub("", raw)
        live = {*_SEQUENCE.findall(raw), *_CONTROL.findall(whole)}
        labels = tuple(re.findall(r"\[\d+\] (.+?)(?=  |\s*[│\n])", whole)) if buttons_of(post.view) else ()
        bare = _without_buttons(post.view)
        text = _SEQUENCE.sub("", _drawn(bare))
        thread = post.thread.id if post.thread else None
        return DisplayedMessage(text, labels, tuple(sorted(live)), post.ref.place.id, thread)

    def printed(self) -> str:
        assert isinstance(self.out.file, io.StringIO)
        return self.out.file.getvalue()

    async def types(self, *lines: str) -> str:
        """What the terminal prints of it."""

        async def script() -> AsyncIterator[str]:
            for line in lines:
                yield line

        before = len(self.printed())
        assert await run(self.screen, self.dispatch, self.clock, script(), self.settle) == 0
        return self.printed()[before:]

    async def opens(self, who: str, summary: str, answers: Answers) -> None:
        """The command, no details, one answer a question, and Enter to send."""
        await self.types(f"as {who}", f"/support {summary}", "", "", *answers.values(), "")

    async def presses(self, who: str, label: str, on: MessageRef, text: str | None = None) -> str:
        post = self.screen.log.find(on)
        assert post is not None
        press = f"press {label} {self.screen.log.ticket_of(post)}"
        # Enter keeps what the form shows in a further field, and sends it.
        told = await self.types(f"as {who}", press, *(() if text is None else (text, "", "")))
        return told.partition(f"presses {label}")[2]

    async def reads_form(self, who: str, label: str, on: MessageRef) -> str:
        return await self.presses(who, label, on, "cancel")

    async def writes(self, who: str, text: str, below: MessageRef) -> None:
        post = self.screen.log.find(below)
        assert post is not None
        await self.types(f"as {who}", f"show {self.screen.log.ticket_of(post)}", f"say {text}")


def _without_buttons(view: View) -> View:
    match view:
        case Receipt() | SharedFile():
            return view
        case TicketCard():
            return replace(view, buttons=(), menus=())
        case _:
            return replace(view, buttons=())


def _drawn(view: View) -> str:
    """On a wide and colourful terminal."""
    styled = Terminal(file=io.StringIO(), width=WIDE, color_system="standard", force_terminal=True)
    styled.print(rendering.render(view, UTC))
    assert isinstance(styled.file, io.StringIO)
    return styled.file.getvalue()


async def _at_once() -> None:
    return
