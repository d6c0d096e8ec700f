"""The interactive session: type commands, press buttons, and switch between people."""

from __future__ import annotations

import asyncio
import codecs
import os
import re
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import assert_never
from uuid import uuid4

from rich.text import Text

from adapters.console import commands
from adapters.console.adapter import Post, Screen, ShownButtons
from adapters.console.forms import ask_form
from adapters.console.rendering import Quoted, literal
from bot.model.address import Actor
from bot.model.forms import Form, TextField
from bot.model.inbound import Answer, Ask, Command, Dispatch, Done, Posted, Press, Show, Submission
from bot.model.views import Button, Notice, Quote, Strong, View
from bot.notify import cards
from bot.ports import Clock, Outbox
from bot.runtime.delivery import LEASE
from bot.text import named_time, one_line
from sla_core.promise import Tone

_KEY = re.compile(r"[a-z][a-z0-9-]*-\d+", re.IGNORECASE)
IN_FLIGHT_WITHIN = 2 * LEASE
"""By then the lease of a message that is being sent now has expired."""
_CANNOT_WAIT = "This desk runs in real time. To use wait, set FRONTLINE_CLOCK to a simulated clock."

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
    """Reads lines until `quit` or the end of input. Returns the exit code.

    `settle` returns when the messages of an act have been delivered. `wait` advances a simulated clock.
    `echo` writes each line after its prompt, for readers of a script's output.
    """
    return await _Session(screen, dispatch, clock, lines, settle, wait, echo).run()


def until_delivered(outbox: Outbox, clock: Clock, most: float = 10.0) -> Settle:
    """A `settle` that waits until delivery has nothing ready to send, for at most `most` seconds."""

    async def settle() -> None:
        try:
            async with asyncio.timeout(most):
                while await _under_way(outbox, clock.now()):
                    await asyncio.sleep(0.01)
        except TimeoutError:
            return

    return settle


async def _under_way(outbox: Outbox, now: datetime) -> bool:
    """Whether a message waits or is being sent. One query for both, since one state becomes the other."""
    return bool(await outbox.lanes(now + IN_FLIGHT_WITHIN, 1))


@dataclass
class _Session:
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
                line = (await self._read(lambda: commands.prompt(self.screen))).strip()
                if line.casefold() in ("quit", "exit", "q"):
                    return 0
                if line:
                    await self._run_line(line)
            except EOFError:
                return 0

    async def _run_line(self, line: str) -> None:
        try:
            await self._run_command(line)
        except EOFError:
            raise
        except Exception as problem:  # one failed act does not end the session
            self.screen.warn(f"That did not work: {problem or type(problem).__name__}. Please try again.")
            self._show_what_was_typed([line])

    def _show_what_was_typed(self, texts: Iterable[str]) -> None:
        """Shows rejected input, so that it can be copied."""
        self.screen.write(Text("  You typed:", "dim"))
        for text in filter(str.strip, texts):
            self.screen.write(Quoted(text))

    def _welcome(self) -> None:
        screen, personas = self.screen, self.screen.personas
        help_ = cards.get_help(personas.settings.policies[-1])
        for channel in personas.channels:
            if channel.place != personas.settings.chats[channel.place.platform].triage:
                screen.log.add(screen.log.ref(channel.place), help_)
        screen.write(Text("Frontline in a terminal. help lists what can be typed.", "bold"))
        people = ", ".join(f"{p.name} ({p.role})" for p in personas.people)
        screen.write(literal(f"People: {people}"))
        screen.switch_to(screen.persona, screen.place)

    async def _run_command(self, line: str) -> None:
        word, _, rest = line.partition(" ")
        rest = rest.strip()
        match word.casefold():
            case "help" | "?":
                commands.show_help(self.screen)
            case "as":
                commands.switch_persona(self.screen, rest)
            case "in":
                commands.switch_place(self.screen, rest)
            case "show" if rest:
                if not self.screen.show_ticket(rest.upper()):
                    self.screen.warn(f"{rest} is not in this place; list shows the tickets.")
            case "show":
                self.screen.show_place()
            case "list":
                commands.list_tickets(self.screen)
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
            case slash if slash in self._slash_commands():
                await self._command(slash, rest)
            case _:
                commands.show_unknown(self.screen, line)

    # What is typed --------------------------------------------------------------------------------

    async def _command(self, name: str, text: str) -> None:
        act = Command(_envelope(), self.clock.now(), self._actor(), self.screen.place, name, text)
        await self._show_answer(await self.dispatch(act))

    async def _press_number(self, number: int) -> None:
        shown_buttons = self.screen.shown_buttons
        if shown_buttons is None:
            self.screen.warn("No buttons are shown here. Type show to print the place again, or press LABEL.")
        elif not 1 <= number <= len(shown_buttons.buttons):
            self.screen.warn(
                f"There is no button {number}; the last ones are 1 to {len(shown_buttons.buttons)}."
            )
        else:
            await self._press(shown_buttons, shown_buttons.buttons[number - 1])

    async def _press_label(self, text: str) -> None:
        words = text.split()
        key = words.pop().upper() if len(words) > 1 and _KEY.fullmatch(words[-1]) else None
        label = " ".join(words)
        found = commands.find_button(self.screen, label, key)
        if found is None:
            about = key or self.screen.ticket
            self.screen.warn(f"There is no button “{label}” here{f' for {about}' if about else ''}.")
        else:
            await self._press(*found)

    async def _press(self, shown_buttons: ShownButtons, button: Button) -> None:
        ticket = button.value.partition("|")[0]
        about = f" on {ticket}" if ticket else ""
        self.screen.write(
            literal(f"{self.screen.persona.name} presses {one_line(button.label)}{about}.", "dim")
        )
        now, actor = self.clock.now(), self._actor(shown_buttons.place.platform)
        act = Press(
            _envelope(), now, actor, shown_buttons.place, shown_buttons.message, button.action, button.value
        )
        await self._show_answer(await self.dispatch(act))

    async def _say(self, text: str) -> None:
        screen = self.screen
        root = self._card_post()
        if root is None and not screen.place.direct:
            where = screen.personas.label(screen.place)
            screen.warn(f"There is no thread of {screen.ticket or 'a ticket'} in {where}.")
            self._show_what_was_typed([text])
            return
        ref, actor = screen.log.ref(screen.place), self._actor()
        thread = root.ref if root else None
        screen.log.add(ref, Notice((Strong(actor.name), Quote(text))), thread).shown = True
        act = Posted(_envelope(), self.clock.now(), actor, ref.place, ref, text, thread)
        await self._show_answer(await self.dispatch(act))

    def _card_post(self) -> Post | None:
        found = self.screen.log.cards(self.screen.place)
        return next((post for post, card in found if card.key == self.screen.ticket), None)

    async def _wait(self, text: str) -> None:
        length = commands.parse_length(text)
        if self.wait is None:
            self.screen.warn(_CANNOT_WAIT)
        elif length is None:
            self.screen.warn("How long? wait 45m, wait 2h, wait 1h 30m, wait 2d; at most 400 days.")
        else:
            await self.wait(length)
            await self.settle()
            self.screen.write(f"It is {named_time(self.clock.now(), self.screen.zone)}.")

    # What is answered -----------------------------------------------------------------------------

    async def _show_answer(self, answer: Answer) -> None:
        match answer:
            case Show():
                self.screen.show_private(answer.view)
                await self.settle()
            case Done():
                await self.settle()
            case Ask():
                await self._fill(answer.form)
            case _:
                assert_never(answer)

    async def _fill(self, form: Form) -> None:
        """Asks until the form is accepted or cancelled. All attempts share an envelope, so it counts once."""
        envelope, actor, again = _envelope(), self._actor(self._platform(form)), False
        while True:
            try:
                values = await ask_form(form, self._read, self.screen, again)
            except EOFError:
                self.screen.warn(f"The input ended; {form.title} was not sent.")
                raise
            if values is None:
                self.screen.write(Text("Cancelled; nothing was sent.", "dim"))
                return
            act = Submission(envelope, self.clock.now(), actor, form.id, values, form.context)
            try:
                answer = await self.dispatch(act)
            except Exception as problem:  # the answers survive any failure
                self.screen.warn(f"It could not be sent: {problem or type(problem).__name__}. It is kept.")
                form, again = form.filled(values), True
                continue
            if not isinstance(answer, Ask):
                await self._show_answer(answer)
                if isinstance(answer, Show) and _refuses(answer.view):
                    fields = {field.id for field in form.fields if isinstance(field, TextField)}
                    self._show_what_was_typed(text for name in fields for text in values[name])
                return
            form, again = answer.form, False

    async def _read(self, prompt: str | Callable[[], str]) -> str:
        self.screen.prompt(prompt)
        try:
            line = await anext(self.lines)
        except StopAsyncIteration:
            self.screen.line_entered("")
            raise EOFError from None
        self.screen.line_entered(line if self.echo else None)
        return line

    # Where we are ---------------------------------------------------------------------------------

    def _slash_commands(self) -> set[str]:
        chat = self.screen.personas.settings.chats.get(self.screen.place.platform)
        return {"/support", chat.command or "/support"} if chat else {"/support"}

    def _actor(self, platform: str | None = None) -> Actor:
        return self.screen.persona.actors[platform or self.screen.place.platform]

    def _platform(self, form: Form) -> str | None:
        """The platform in a form's context, which may differ from that of the current place."""
        platform = form.context.get("place", "").partition(":")[0]
        return platform if platform in self.screen.persona.actors else None


def _refuses(view: View) -> bool:
    return isinstance(view, Notice) and view.tone in (Tone.WARN, Tone.ALARM)


def _envelope() -> str:
    return f"console-{uuid4().hex}"


_CHUNK = 65536


async def read_lines(stream: int) -> AsyncIterator[str]:
    """Yields the lines of a file descriptor until its end.

    A thread reads the descriptor itself: it works for files, pipes and terminals, and holds no lock at exit.
    """
    loop = asyncio.get_running_loop()
    lines: asyncio.Queue[str | None] = asyncio.Queue()

    def give(line: str | None) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(lines.put_nowait, line)

    def read() -> None:
        decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        rest = ""
        try:
            while chunk := os.read(stream, _CHUNK):
                *whole, rest = (rest + decoder.decode(chunk)).split("\n")
                for line in whole:
                    give(line.removesuffix("\r"))
            if rest := rest + decoder.decode(b"", final=True):
                give(rest)
        except OSError:
            pass
        finally:
            give(None)

    threading.Thread(target=read, name="keyboard", daemon=True).start()
    while (line := await lines.get()) is not None:
        yield line
