"""Questions in a terminal. A wrong answer is explained, and only that question is asked again."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Callable, Mapping
from typing import Protocol, TypeVar

from rich.console import Console
from rich.markup import escape

from bot.faults import OperatorFault

T = TypeVar("T")


class Terminal(Protocol):
    """Where the questions are asked."""

    def say(self, text: str) -> None: ...

    def read(self, prompt: str, secret: bool) -> str:
        """One line that was typed. Raises EOFError if there are no more, KeyboardInterrupt at Ctrl-C."""
        ...


class Keyboard:
    """This terminal. Secrets are not echoed."""

    def __init__(self) -> None:
        self._out = Console()

    def say(self, text: str) -> None:
        self._out.print(escape(text), highlight=False)

    def read(self, prompt: str, secret: bool) -> str:
        if secret and sys.stdin.isatty():
            return getpass.getpass(prompt)
        return input(prompt)


class Questions:
    def __init__(self, terminal: Terminal) -> None:
        self.terminal = terminal

    def ask(
        self,
        question: str,
        parse: Callable[[str], T],
        default: str = "",
        secret: bool = False,
        retry_same: bool = False,
    ) -> T:
        """Asks until `parse`, which raises OperatorFault, takes the answer.

        An empty answer is `default`; with `retry_same`, after a fault it is what was typed before.
        """
        while True:
            hint = f" [{default}]" if default and not secret else ""
            typed = self.terminal.read(f"{question}{hint}: ", secret).strip() or default
            try:
                return parse(typed)
            except OperatorFault as wrong:
                again = " Press Enter to try the same again." if retry_same and typed else ""
                self.terminal.say(f"  {wrong}.{again}")
            if retry_same:
                default = typed

    def choose(self, question: str, choices: Mapping[str, str], default: str) -> str:
        """One of the keys, by key or number. `choices` says what each means."""
        width = max(map(len, choices))
        for number, (key, says) in enumerate(choices.items(), start=1):
            self.terminal.say(f"  {number}  {key:<{width}}  {says}".rstrip())
        by_number = {str(number): key for number, key in enumerate(choices, start=1)}

        def parse(typed: str) -> str:
            chosen = by_number.get(typed, typed.casefold())
            found = next((key for key in choices if key.casefold() == chosen.casefold()), None)
            if found is None:
                raise OperatorFault(f'"{typed}" is none of these; type a number or {", ".join(choices)}')
            return found

        return self.ask(question, parse, default)
