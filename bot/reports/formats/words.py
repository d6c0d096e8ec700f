"""Words and numbers that every format of a report shares."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from bot.reports.period_report import PeriodReport
from sla_core.policy import Metric
from sla_core.report.readings import Difference, Question, ReadingTally
from sla_core.report.record import Stage
from sla_core.report.tally import Attainment, Breach, Rare, Volume

DASH = "–"


def utc_text(at: datetime | None) -> str:
    """UTC in whole seconds, for scripts; empty for None."""
    return "" if at is None else f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def fraction(share: float | None) -> str:
    """Four digits after the point; empty for None. Never rounded up to 1."""
    if share is None:
        return ""
    return f"{int(share * 10_000 + 0.5) / 10_000 if share in (0, 1) else min(round(share, 4), 0.9999):.4f}"


def percent(share: float | None) -> str:
    """One digit after the point; a dash for None. Only what is whole is shown as 100 %."""
    return DASH if share is None else f"{100 * share if share == 1 else min(100 * share, 99.9):.1f}%"


def metric_text(metric: Metric) -> str:
    return metric.replace("_", " ")


def length_text(seconds: int | None) -> str:
    """`2 d 3 h`, `1 h 30 min`, `52 min`, `45 s`: the two largest units; a dash for None."""
    if seconds is None:
        return DASH
    if seconds < 60:
        return f"{seconds} s"
    minutes = seconds // 60
    parts = ((minutes // 1440, "d"), (minutes // 60 % 24, "h"), (minutes % 60, "min"))
    first = next(place for place, (count, _) in enumerate(parts) if count)
    return " ".join(f"{count} {unit}" for count, unit in parts[first : first + 2] if count)


def span_text(length: timedelta) -> str:
    return length_text(int(length.total_seconds()))


def at_text(at: datetime | None, zone: ZoneInfo | None = None) -> str:
    if at is None:
        return DASH
    there = at.astimezone(zone or UTC)
    return f"{there:%a %d %b %Y %H:%M %Z}"


ATTAINMENT_HEADS = ("total", "met", "missed", "open", "kept", "median", "worst")


def attainment_cells(found: Attainment) -> tuple[str, ...]:
    return (
        *(str(found.total), str(found.met), str(found.breached), str(found.open)),
        percent(found.share),
        length_text(found.median_seconds),
        length_text(found.worst_seconds),
    )


def breach_text(breach: Breach) -> str:
    """How late the answer came, or that there is none."""
    if breach.answered_at is None:
        return f"{span_text(breach.late)} so far"
    return f"{span_text(breach.late)} late"


def receipt_text(breach: Breach) -> str:
    """What counted until it was due: `4 h open, 13 h night`."""
    sums: dict[str, timedelta] = {}
    for stretch in breach.receipt:
        sums[stretch.why] = sums.get(stretch.why, timedelta(0)) + stretch.span.length
    return ", ".join(f"{span_text(length)} {why}" for why, length in sums.items())


def stage_lengths(volume: Volume) -> list[tuple[Stage, timedelta]]:
    """How long tickets were in each state, in the order of a ticket's life."""
    return [(stage, volume.stages[stage]) for stage in Stage if stage in volume.stages]


def reading_cells(question: Question, tally: ReadingTally) -> tuple[str, ...]:
    """The id, the question, the chosen and the other reading, how often it was met, and what differs."""
    if not question.other:
        return question.id, question.asks, question.chosen, DASH, str(tally.met), DASH
    return (
        *(question.id, question.asks, question.chosen, question.other),
        str(tally.met),
        difference_text(tally),
    )


def difference_text(tally: ReadingTally) -> str:
    """How the outcomes would differ, such as `2 kept would be missed, 1 missed would be kept`."""
    missed = tally.differ - tally.met_now
    parts = [f"{tally.met_now} kept would not be"] if tally.met_now else []
    parts += [f"{missed} not kept would end otherwise"] if missed else []
    return ", ".join(parts) or "no outcome"


def example_text(found: Difference) -> str:
    return (
        f"{found.ticket} {found.severity} {metric_text(found.metric)}: {found.result}, due "
        f"{at_text(found.due_at)}; otherwise {found.other_result}, due {at_text(found.other_due_at)}"
    )


def rare_texts(report: PeriodReport, source: Callable[[Rare], str]) -> Iterator[str]:
    """A line for each severity that occurred more often in a quarter than the policy expects."""
    for (account, quarter, severity), rare in sorted(report.tally.rare.items()):
        if rare.opened > rare.expected:
            name = report.names.get(account, account)
            counted = f"{rare.opened} of {severity}, {rare.expected} expected"
            yield f"{name}, {quarter}: {counted} ({source(rare)})"


def uptime_texts(report: PeriodReport) -> Iterator[tuple[str, str]]:
    """Accounts by name, and a line for each."""
    for account, line in report.uptime.items():
        outages = f"{line.outages} outage{'' if line.outages == 1 else 's'}"
        yield (
            report.names.get(account, account),
            f"up {100 * line.share:.3f}% of the period: down {span_text(line.down)} in {outages}; "
            f"{100 * line.promised.share:g}% of a year allows {span_text(line.allowed_in_a_year)}"
            f"{'' if line.kept else ', which is exceeded'}",
        )
