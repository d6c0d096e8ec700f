"""What ends a command with one line for the operator."""

from __future__ import annotations


class OperatorFault(Exception):
    """A fault that the operator can fix. Its text is one line that says what to do."""
