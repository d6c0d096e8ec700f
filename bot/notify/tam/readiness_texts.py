"""What a TAM's forecast says, once, in the week before a peak season (MON-31)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from bot.model.views import Part, RichText, Strong
from bot.notify.emergency_texts import day_text
from bot.notify.tam.alert_texts import listed
from bot.notify.tam.forecast_texts import ForecastRow, ticket_lines
from sla_core.policy import ComingPeak

_DAY = timedelta(days=1)


def readiness(
    coming: ComingPeak,
    on_call: Sequence[tuple[str, str]],
    vacant: Sequence[str],
    without_backup: Sequence[str],
    still_open: Sequence[ForecastRow],
) -> RichText:
    """`on_call` are steps and who begins the season on call for them, `vacant` the steps without anybody.

    `without_backup` are names of accounts, `still_open` the open tickets that are not named above it.
    """
    parts: list[Part] = [
        Strong(f"Peak season from {_days(coming.first, coming.end)}."),
        f" {coming.peak.source.says}",
    ]
    for freeze_first, freeze_end in coming.freezes:
        when = (
            "On these days"
            if (freeze_first, freeze_end) == (coming.first, coming.end)
            else (f"From {_days(freeze_first, freeze_end)}")
        )
        parts.append(f"\n{when}, there is a code freeze: only urgent fixes are deployed.")
    if on_call:
        parts.append(f"\nOn call when it begins: {', '.join(f'{name} ({step})' for step, name in on_call)}.")
    if vacant:
        parts.append(f"\nNobody is on call then: {listed(vacant)}.")
    if without_backup:
        parts.append(f"\nYou have no backup for {listed(without_backup)}.")
    if still_open:
        parts += ["\n", Strong("Also open:"), *ticket_lines(still_open)]
    return tuple(parts)


def _days(first: date, end: date) -> str:
    """`Mon 9 Nov 2026 to Sun 6 Dec 2026`; `end` is the first day after them."""
    return f"{day_text(first)} to {day_text(end - _DAY)}"
