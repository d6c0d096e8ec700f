"""Questions in a terminal, each asked until the answer is right; and files of answers."""

from __future__ import annotations

import getpass
import sys
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol, TypeVar

from pydantic import BaseModel, ValidationError
from rich.console import Console
from rich.markup import escape

from bot.faults import OperatorFault
from sla_core.catalog.files import Fault, Faults, faults_of

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


M = TypeVar("M", bound=BaseModel)


def read_answers_file(path: Path, shape: type[M]) -> M:
    """The content of a TOML file in this shape. Raises Faults with all that is wrong."""
    try:
        return shape.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise Faults([Fault(str(path), "", "there is no such file")]) from None
    except OSError as wrong:
        raise Faults([Fault(str(path), "", f"cannot be read: {wrong.strerror}")]) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as wrong:
        raise Faults([Fault(path.name, "", f"is not valid TOML: {wrong}")]) from None
    except ValidationError as wrong:
        raise Faults([*faults_of(path.name, wrong, shape)]) from None
