"""The same desk in a terminal."""

from adapters.console.cast import Cast
from adapters.console.connect import Console
from adapters.console.keyboard import typed
from adapters.console.repl import delivered, run
from adapters.console.screen import Screen

__all__ = ["Cast", "Console", "Screen", "delivered", "run", "typed"]
