"""The same desk in a terminal."""

from adapters.console.cast import Personas
from adapters.console.connect import Console
from adapters.console.keyboard import read_lines
from adapters.console.repl import run, until_delivered
from adapters.console.screen import Screen

__all__ = ["Console", "Personas", "Screen", "read_lines", "run", "until_delivered"]
