"""What the monthly report says: a month's attainment in a few lines."""

from __future__ import annotations

from datetime import date

from bot.model.views import Part, RichText, Strong
from bot.notify.cards import METRIC_NAMES, duration
from sla_core.report.tally import Attainment, Tally

MOST_LINES, MOST_MISSED = 8, 5


def monthly(account: str, month: date, tally: Tally) -> RichText:
    """The figures of an account's month, for its TAM and its channel alike."""
    parts: list[Part] = [Strong(f"{account}, support in {month:%B %Y}")]
    volume, whole = tally.volume, tally.whole
    if not volume.opened:
        return (*parts, "\nNo ticket was opened.")
    parts.append(f"\nTickets: {volume.opened} opened, {volume.resolved} of them resolved.")
    if whole.total:
        parts.append(f"\nPromises: {_kept(whole)}.")
    by_promise = tally.by(lambda group: (group.severity, METRIC_NAMES[group.metric].lower()))
    for (severity, metric), found in [*by_promise.items()][:MOST_LINES]:
        parts.append(f"\n• {severity} {metric}: {_kept(found)}")
    if missed := tally.breaches()[:MOST_MISSED]:
        listed = ", ".join(
            f"{breach.ticket} ({METRIC_NAMES[breach.metric].lower()}, "
            f"{duration(breach.late)} late{'' if breach.answered_at else ' so far'})"
            for breach in missed
        )
        more = tally.breaches_in_all - len(missed)
        parts.append(f"\nMissed: {listed}{f' and {more} more' if more else ''}.")
    if volume.rating is not None:
        parts.append(f"\nRating: {volume.rating:.1f} of 5, from {volume.ratings.total()} of the tickets.")
    return tuple(parts)


def _kept(found: Attainment) -> str:
    decided = found.met + found.breached
    still_open = f", {found.open} still open" if found.open else ""
    if found.share is None:
        return f"none decided yet{still_open}"
    share = 100 if found.share == 1 else min(int(100 * found.share + 0.5), 99)
    return f"{found.met} of {decided} kept ({share}%){still_open}"


def whole_report(account: str, since: date, until: date) -> RichText:
    """How the TAM gets all of it."""
    options = f"--account {account} --from {since} --to {until}"
    return ("\n\nThe whole report, from where Frontline runs: ", f"frontline report {options} --format html")
