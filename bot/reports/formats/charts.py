"""Charts of a report."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any

from bot.reports.formats.words import metric_text, percent
from bot.reports.period_report import PeriodReport
from sla_core.report.tally import merged

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def charts(report: PeriodReport) -> list[Chart]:
    """The charts of the page; none if no ticket was opened."""
    if not report.tally.volumes:
        return []
    drawings = (
        (_attainment_title(), _attainment_says(report), _draw_attainment),
        (_volume_title(), _volume_says(report), _draw_volume),
    )
    found = []
    for number, (title, says, draw) in enumerate(drawings):
        figure, (axes,) = blank_figure(1, 3.1)
        draw(report, axes)
        found.append(Chart(title, says, svg(figure, number)))
    return found


def picture(report: PeriodReport) -> bytes:
    """Both charts in one PNG."""
    figure, (upper, lower) = blank_figure(2, 7.4)
    figure.suptitle(report.title, fontsize=11, x=0.02, ha="left", fontweight="bold")
    for axes, title, draw in (
        (upper, _attainment_title(), _draw_attainment),
        (lower, _volume_title(), _draw_volume),
    ):
        draw(report, axes)
        axes.set_title(title, loc="left", fontsize=10)
    out = BytesIO()
    figure.savefig(out, format="png", dpi=150, metadata={"Title": report.title, "Software": "Frontline"})
    return out.getvalue()


def _attainment_title() -> str:
    return "Promises kept, by month"


def _volume_title() -> str:
    return "Tickets opened, by month and severity"


def _attainment(report: PeriodReport) -> dict[str, list[float | None]]:
    """By metric, the share that was kept in each month."""
    tally = report.tally
    metrics = dict.fromkeys(group.metric for group, _ in tally.rows())
    found: dict[str, list[float | None]] = {}
    for metric in metrics:
        shares = [
            merged(a for g, a in tally.attainments.items() if (g.metric, g.month) == (metric, month)).share
            for month in tally.months
        ]
        found[metric_text(metric)] = shares
    return found


def _volumes(report: PeriodReport) -> dict[str, list[int]]:
    """By severity, how many were opened in each month."""
    tally, found = report.tally, {}
    present = {severity for _, _, severity in tally.volumes}
    for severity, shown in tally.severities.items():
        if severity not in present:
            continue
        found[shown] = [
            sum(v.opened for (_, m, s), v in tally.volumes.items() if (m, s) == (month, severity))
            for month in tally.months
        ]
    return found


def _attainment_says(report: PeriodReport) -> str:
    series = {name: [*map(percent, shares)] for name, shares in _attainment(report).items()}
    return f"Bar chart of the share of promises kept in each month. {_spoken(report.tally.months, series)}."


def _volume_says(report: PeriodReport) -> str:
    series = {name: [*map(str, counts)] for name, counts in _volumes(report).items()}
    return f"Stacked bar chart of tickets opened in each month. {_spoken(report.tally.months, series)}."


def _spoken(months: Sequence[str], series: Mapping[str, Sequence[str]]) -> str:
    """`S1: 2026-03 100.0 %, 2026-04 98.0 %; S2: …`."""
    lines = []
    for name, values in series.items():
        pairs = (f"{month} {value}" for month, value in zip(months, values, strict=True))
        lines.append(f"{name}: {', '.join(pairs)}")
    return "; ".join(lines)


def _draw_attainment(report: PeriodReport, axes: Axes) -> None:
    months, series = report.tally.months, _attainment(report)
    width = 0.8 / max(len(series), 1)
    for place, (metric, shares) in enumerate(series.items()):
        fill, hatch = FILLS[place % len(FILLS)]
        offset = (place - (len(series) - 1) / 2) * width
        spots = [(number + offset, 100 * share) for number, share in enumerate(shares) if share is not None]
        bars = axes.bar(
            [x for x, _ in spots],
            [y for _, y in spots],
            width * 0.92,
            color=fill,
            hatch=hatch,
            edgecolor=GREY,
            linewidth=0.6,
            label=metric,
        )
        if len(months) * len(series) <= 18:
            axes.bar_label(bars, fmt=lambda value: f"{value:.0f}", fontsize=7, padding=1, color=GREY)
    _label_axes(axes, months, "% kept")
    axes.set_ylim(0, 108)
    axes.set_yticks(range(0, 101, 25))


def _draw_volume(report: PeriodReport, axes: Axes) -> None:
    from matplotlib.ticker import MaxNLocator

    months, series = report.tally.months, _volumes(report)
    below = [0] * len(months)
    for place, (severity, counts) in enumerate(series.items()):
        fill, hatch = FILLS[place % len(FILLS)]
        axes.bar(
            range(len(months)),
            counts,
            0.6,
            bottom=below,
            color=fill,
            hatch=hatch,
            edgecolor=GREY,
            linewidth=0.6,
            label=severity,
        )
        below = [sum(pair) for pair in zip(below, counts, strict=True)]
    _label_axes(axes, months, "tickets")
    axes.set_ylim(0, max(below) * 1.12 or 1)
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))


def _label_axes(axes: Axes, months: Sequence[str], label: str) -> None:
    axes.set_xticks(range(len(months)), months, fontsize=8)
    axes.set_xlim(-0.6, len(months) - 0.4)
    axes.tick_params(axis="y", labelsize=8)
    axes.set_ylabel(label, fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="#cccccc", linewidth=0.5)
    axes.set_axisbelow(True)
    axes.legend(fontsize=8, frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0), handlelength=1.6)


FILLS = (("#1f3b57", ""), ("#7d9cb8", "///"), ("#d9e2ea", "..."), ("#4f6f8c", "xxx"), ("#ffffff", "\\\\\\"))
GREY = "#444444"
_SIZE = 8.6


@dataclass(frozen=True, slots=True)
class Chart:
    """A picture of some of the figures. `says` describes it to people who cannot see it."""

    title: str
    says: str
    svg: str


def blank_figure(count: int, height: float) -> tuple[Figure, list[Any]]:
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    figure = Figure(figsize=(_SIZE, height), layout="constrained")
    FigureCanvasSVG(figure)
    return figure, [*figure.subplots(count, squeeze=False)[:, 0]]


def svg(figure: Figure, number: int) -> str:
    """The `<svg>` element, with texts as text, and ids that do not clash with another chart's."""
    from matplotlib import rc_context

    out = BytesIO()
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": f"chart-{number}", "font.family": "sans-serif"}):
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": "Frontline"})
    text = out.getvalue().decode()
    text = text[text.index("<svg ") :]
    # The page describes the chart beside it; without this, each text of it would be read out.
    text = text.replace("<svg ", '<svg aria-hidden="true" focusable="false" ', 1)
    text = re.sub(r'(?<= )(id="|xlink:href="#|clip-path="url\(#)', rf"\1c{number}-", text)
    return re.sub(r"url\(#(?!c\d+-)", f"url(#c{number}-", text)
