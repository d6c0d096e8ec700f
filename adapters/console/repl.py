"""The same desk in a terminal: type, read, press, and look through other eyes."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import assert_never
from uuid import uuid4

from rich.text import Text

from adapters.console import around
from adapters.console.forms import fill
from adapters.console.screen import Hand, Screen
from adapters.console.text import Quoted, literal, named_time, one_line
from adapters.console.wall import Post
from bot import cards
from bot.address import Actor
from bot.courier import LEASE
from bot.exchange import Answer, Ask, Command, Dispatch, Done, Posted, Press, Show, Submission
from bot.forms import Form, TextField
from bot.ports import Clock, Outbox
from bot.views import Button, Notice, Quote, Strong, View
from sla_core.countdown import Tone

_KEY = re.compile(r"[a-z][a-z0-9-]*-\d+", re.IGNORECASE)
ON_ITS_WAY = 2 * LEASE
"""By then a message that is being sent now would be free again, had it not been sent."""
_NO_WAIT = "Here time is real and cannot be sped up. A stage clock can be: set FRONTLINE_CLOCK."

Wait = Callable[[timedelta], Awaitable[None]]
Settle = Callable[[], Awaitable[None]]


async def run(
    screen: Screen,
    dispatch: Dispatch,
    clock: Clock,
    lines: AsyncIterator[str],
    settle: Settle,
    wait: Wait | None = None,
    echo: bool = False,
) -> int:
    """Read lines until `quit` or their end; gives the exit code.

    `settle` returns once what an act gave rise to has been delivered. `wait` lets a stage clock's time pass.
    `echo` writes each line behind its prompt, for readers of a script's output.
    """
    return await _Desktop(screen, dispatch, clock, lines, settle, wait, echo).run()


def delivered(outbox: Outbox, clock: Clock, most: float = 10.0) -> Settle:
    """For `settle`: until nothing waits that could be sent by the courier's clock, at most `most` seconds."""

    async def settle() -> None:
        try:
            async with asyncio.timeout(most):
                while await _under_way(outbox, clock.now()):
                    await asyncio.sleep(0.01)
        except TimeoutError:
            return

    return settle


async def _under_way(outbox: Outbox, now: datetime) -> bool:
    """Whether something waits to be sent or is being sent. One question, as either becomes the other."""
    return bool(await outbox.lanes(now + ON_ITS_WAY, 1))


@dataclass
class _Desktop:
    screen: Screen
    dispatch: Dispatch
    clock: Clock
    lines: AsyncIterator[str]
    settle: Settle
    wait: Wait | None
    echo: bool

    async def run(self) -> int:
        self._welcome()
        while True:
            try:
                line = (await self._read(lambda: around.prompt(self.screen))).strip()
                if line.casefold() in ("quit", "exit", "q"):
                    return 0
                if line:
                    await self._try(line)
            except EOFError:
                return 0

    async def _try(self, line: str) -> None:
        try:
            await self._obey(line)
        except EOFError:
            raise
        except Exception as problem:  # one failed act must not end the session
            self.screen.warn(f"That did not work: {problem or type(problem).__name__}. Please try again.")
            self._give_back([line])

    def _give_back(self, texts: Iterable[str]) -> None:
        """What was typed and not taken, to be copied."""
        self.screen.say(Text("  You typed:", "dim"))
        for text in filter(str.strip, texts):
            self.screen.say(Quoted(text))

    def _welcome(self) -> None:
        screen, cast = self.screen, self.screen.cast
        help_ = cards.get_help(cast.settings.policies[-1])
        for room in cast.rooms:
            if room.place != cast.settings.chats[room.place.platform].triage:
                screen.wall.pin(screen.wall.ref(room.place), help_)
        screen.say(Text("Frontline in a terminal. help lists what can be typed.", "bold"))
        people = ", ".join(f"{p.name} ({p.role})" for p in cast.people)
        screen.say(literal(f"People: {people}"))
        screen.look(screen.who, screen.place)

    async def _obey(self, line: str) -> None:
        word, _, rest = line.partition(" ")
        rest = rest.strip()
        match word.casefold():
            case "help" | "?":
                around.tell_help(self.screen)
            case "as":
                around.become(self.screen, rest)
            case "in":
                around.go(self.screen, rest)
            case "show" if rest:
                if not self.screen.show_ticket(rest.upper()):
                    self.screen.warn(f"Nothing about {rest} stands here; list names the tickets.")
            case "show":
                self.screen.show_place()
            case "list":
                around.tickets(self.screen)
            case "why":
                await self._press_label(f"Why? {rest or self.screen.ticket or ''}")
            case "press" if rest:
                await self._press_label(rest)
            case "say" if rest:
                await self._say(rest)
            case "wait":
                await self._wait(rest)
            case number if number.isascii() and number.isdigit() and not rest:
                await self._press_number(int(number[:9]))
            case slash if slash in self._slashes():
                await self._command(slash, rest)
            case _:
                around.unknown(self.screen, line)

    # What is typed --------------------------------------------------------------------------------

    async def _command(self, name: str, text: str) -> None:
        act = Command(_envelope(), self.clock.now(), self._actor(), self.screen.place, name, text)
        await self._follow(await self.dispatch(act))

    async def _press_number(self, number: int) -> None:
        hand = self.screen.hand
        if hand is None:
            self.screen.warn("No buttons are shown here; show prints the place again, or press one by LABEL.")
        elif not 1 <= number <= len(hand.buttons):
            self.screen.warn(
                f"There is no button {number}; the last buttons go from 1 to {len(hand.buttons)}."
            )
        else:
            await self._press(hand, hand.buttons[number - 1])

    async def _press_label(self, text: str) -> None:
        words = text.split()
        key = words.pop().upper() if len(words) > 1 and _KEY.fullmatch(words[-1]) else None
        label = " ".join(words)
        found = around.button(self.screen, label, key)
        if found is None:
            about = key or self.screen.ticket
            self.screen.warn(f"No button “{label}” is here{f' for {about}' if about else ''}.")
        else:
            await self._press(*found)

    async def _press(self, hand: Hand, button: Button) -> None:
        ticket = button.value.partition("|")[0]
        about = f" on {ticket}" if ticket else ""
        self.screen.say(literal(f"{self.screen.who.name} presses {one_line(button.label)}{about}.", "dim"))
        now, actor = self.clock.now(), self._actor(hand.place.platform)
        act = Press(_envelope(), now, actor, hand.place, hand.message, button.action, button.value)
        await self._follow(await self.dispatch(act))

    async def _say(self, text: str) -> None:
        screen = self.screen
        root = self._root()
        if root is None and not screen.place.direct:
            where = screen.cast.label(screen.place)
            screen.warn(f"There is no thread of {screen.ticket or 'a ticket'} in {where}.")
            self._give_back([text])
            return
        ref, actor = screen.wall.ref(screen.place), self._actor()
        thread = root.ref if root else None
        screen.wall.pin(ref, Notice((Strong(actor.name), Quote(text))), thread).shown = True
        act = Posted(_envelope(), self.clock.now(), actor, ref.place, ref, text, thread)
        await self._follow(await self.dispatch(act))

    def _root(self) -> Post | None:
        found = self.screen.wall.cards(self.screen.place)
        return next((post for post, card in found if card.key == self.screen.ticket), None)

    async def _wait(self, text: str) -> None:
        length = around.amount(text)
        if self.wait is None:
            self.screen.warn(_NO_WAIT)
        elif length is None:
            self.screen.warn("How long? wait 45m, wait 2h, wait 1h 30m, wait 2d; at most 400 days.")
        else:
            await self.wait(length)
            await self.settle()
            self.screen.say(f"It is {named_time(self.clock.now(), self.screen.zone)}.")

    # What is answered -----------------------------------------------------------------------------

    async def _follow(self, answer: Answer) -> None:
        match answer:
            case Show():
                self.screen.private(answer.view)
                await self.settle()
            case Done():
                await self.settle()
            case Ask():
                await self._fill(answer.form)
            case _:
                assert_never(answer)

    async def _fill(self, form: Form) -> None:
        """Until it is taken or given up; the same envelope each time, so that it counts once."""
        envelope, actor, again = _envelope(), self._actor(self._platform(form)), False
        while True:
            try:
                values = await fill(form, self._read, self.screen, again)
            except EOFError:
                self.screen.warn(f"The input ended; {form.title} was not sent.")
                raise
            if values is None:
                self.screen.say(Text("Given up; nothing was sent.", "dim"))
                return
            act = Submission(envelope, self.clock.now(), actor, form.id, values, form.context)
            try:
                answer = await self.dispatch(act)
            except Exception as problem:  # what was typed outlives whatever went wrong
                self.screen.warn(f"It could not be sent: {problem or type(problem).__name__}. All is kept.")
                form, again = form.filled(values), True
                continue
            if not isinstance(answer, Ask):
                await self._follow(answer)
                if isinstance(answer, Show) and _refuses(answer.view):
                    fields = {field.id for field in form.fields if isinstance(field, TextField)}
                    self._give_back(text for name in fields for text in values[name])
                return
            form, again = answer.form, False

    async def _read(self, prompt: str | Callable[[], str]) -> str:
        self.screen.prompt(prompt)
        try:
            line = await anext(self.lines)
        except StopAsyncIteration:
            self.screen.prompted("")
            raise EOFError from None
        self.screen.prompted(line if self.echo else None)
        return line

    # Where we are ---------------------------------------------------------------------------------

    def _slashes(self) -> set[str]:
        chat = self.screen.cast.settings.chats.get(self.screen.place.platform)
        return {"/support", chat.command or "/support"} if chat else {"/support"}

    def _actor(self, platform: str | None = None) -> Actor:
        return self.screen.who.actors[platform or self.screen.place.platform]

    def _platform(self, form: Form) -> str | None:
        """Where a form was asked, as its context tells; it may be another chat than where we stand."""
        platform = form.context.get("place", "").partition(":")[0]
        return platform if platform in self.screen.who.actors else None


def _refuses(view: View) -> bool:
    return isinstance(view, Notice) and view.tone in (Tone.WARN, Tone.ALARM)


def _envelope() -> str:
    return f"console-{uuid4().hex}"
