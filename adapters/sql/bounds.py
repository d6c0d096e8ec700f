"""How long the lanes of either database put up with what cannot be right."""

from __future__ import annotations

from datetime import timedelta

READ_AGAIN_AFTER = timedelta(minutes=1)
"""How long a message that cannot be read is left alone."""
PAID_AHEAD = timedelta(minutes=1)
"""What is paid further ahead than this was paid by a clock that has been set back since, and is forgotten."""
