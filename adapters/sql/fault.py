"""What an operator has to mend."""

from __future__ import annotations


class DatabaseFault(Exception):
    """The database cannot be used as configured; the one-line text names the cure."""
