"""What an operator has to mend."""

from __future__ import annotations

from bot.faults import OperatorFault


class DatabaseFault(OperatorFault):
    """The database cannot be used as configured; the one-line text names the cure."""
