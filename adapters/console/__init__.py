"""A terminal as a chat platform: the same desk, without Slack or Teams."""

from adapters.console.adapter import Console, Screen
from adapters.console.personas import Personas
from adapters.console.repl import read_lines, run, until_delivered

__all__ = ["Console", "Personas", "Screen", "read_lines", "run", "until_delivered"]
