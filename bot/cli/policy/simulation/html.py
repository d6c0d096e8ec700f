"""The results of a simulation as one HTML page: a chart, what it says in words, and the tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from bot.cli.policy.simulation.compare import COUNTED, PAGE, Comparison, Simulation
from bot.clock import utc_text
from bot.reports.formats.charts import FILLS, GREY, Chart, blank_figure, svg
from bot.reports.formats.html import document, figure, table

if TYPE_CHECKING:
    from matplotlib.axes import Axes


_LETTERS = ("A", "B")


@dataclass(frozen=True, slots=True)
class _Bar:
    """The results of one promise under one policy."""

    policy: int
    group: int
    """The number of the promise, the same under both policies."""
    says: str
    """`S1 first response`."""
    counts: Counter[str]


def page(found: Comparison, tables: Sequence[Table]) -> str:
    """The page. `tables` stand below the chart, as the terminal shows them."""
    simulations = _simulations(found)
    count = len(found.first.replays)
    lettered = len(simulations) > 1
    names = [
        f"{_LETTERS[number]}: {simulation.rules.name}" if lettered else simulation.rules.name
        for number, simulation in enumerate(simulations)
    ]
    parts = [
        f'<p class="quiet">{count} ticket{"" if count == 1 else "s"}, as of {utc_text(found.until)}.</p>',
        f"<ul>{''.join(f'<li>{escape(name)}</li>' for name in names)}</ul>",
        *(f'<p class="quiet">{escape(note)}</p>' for note in found.notes),
        *map(figure, _charts(found, names)),
        *map(_html, tables),
    ]
    return document("The same tickets under two policies" if lettered else "Tickets under a policy", parts)


def _simulations(found: Comparison) -> list[Simulation]:
    return [found.first] if found.second is None else [found.first, found.second]


def _charts(found: Comparison, names: Sequence[str]) -> list[Chart]:
    """One chart; none if there is no promise."""
    bars = sorted(_bars(found), key=lambda bar: (bar.group, bar.policy))
    if not bars:
        return []
    lettered = len(names) > 1
    labels = [f"{_LETTERS[bar.policy]}: {bar.says}" if lettered else bar.says for bar in bars]
    drawn, (axes,) = blank_figure(1, 1.0 + 0.28 * len(bars))
    _draw(axes, bars, labels)
    spoken = [f"{label}: {_counts_text(bar.counts)}" for label, bar in zip(labels, bars, strict=True)]
    policies = "; ".join(names)
    says = f"Bar chart of how promises ended, by severity and promise. {policies}. {'; '.join(spoken)}."
    return [Chart("How promises ended, by severity and promise", says, svg(drawn, 0))]


def _bars(found: Comparison) -> Iterator[_Bar]:
    """A bar for each severity and promise of each policy; severities under the names of that policy."""
    places: dict[tuple[str, str], int] = {}
    for policy, simulation in enumerate(_simulations(found)):
        for (severity, metric), counts in simulation.totals().items():
            if metric == PAGE:
                continue
            group = places.setdefault((severity, metric), len(places))
            yield _Bar(policy, group, f"{severity} {metric.replace('_', ' ')}", counts)
            if policy == 0 and found.second is not None:
                rules = found.second.rules
                places.setdefault((rules.severity(severity, rules.policies[-1]), metric), group)


def _counts_text(counts: Counter[str]) -> str:
    return ", ".join(f"{counts[name]} {name}" for name in COUNTED if counts[name]) or "none"


def _draw(axes: Axes, bars: Sequence[_Bar], labels: Sequence[str]) -> None:
    from matplotlib.ticker import MaxNLocator

    groups = [bar.group for bar in bars]
    spots = [number + 0.5 * len({*groups[: number + 1]}) for number in range(len(bars))]
    left = [0] * len(bars)
    longest = max(sum(bar.counts[name] for name in COUNTED) for bar in bars)
    for place, name in enumerate(COUNTED):
        widths = [bar.counts[name] for bar in bars]
        if not any(widths):
            continue
        fill, hatch = FILLS[place]
        drawn = axes.barh(
            spots, widths, 0.85, left, color=fill, hatch=hatch, edgecolor=GREY, linewidth=0.6, label=name
        )
        numbers = [str(width) if width > longest / 40 else "" for width in widths]
        plain = {"facecolor": "white", "edgecolor": "none", "pad": 1}
        axes.bar_label(drawn, numbers, label_type="center", fontsize=7, color="#000000", bbox=plain)
        left = [sum(pair) for pair in zip(left, widths, strict=True)]
    axes.set_yticks(spots, labels, fontsize=8)
    axes.invert_yaxis()
    axes.set_xlim(0, longest * 1.05)
    axes.set_xlabel("promises", fontsize=8)
    axes.tick_params(axis="x", labelsize=8)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="x", color="#cccccc", linewidth=0.5)
    axes.set_axisbelow(True)
    axes.legend(fontsize=8, frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0), handlelength=1.6)


def _html(shown: Table) -> str:
    """A table of the terminal for the page."""
    cells = [[_plain(str(cell)) for cell in column.cells] for column in shown.columns]
    heads = [_plain(str(column.header)) for column in shown.columns]
    numbers = [place for place, column in enumerate(cells) if all(map(_is_number, column))]
    return table(_plain(str(shown.title)), heads, [*zip(*cells, strict=True)], numbers)


def _plain(markup: str) -> str:
    return Text.from_markup(markup).plain


def _is_number(text: str) -> bool:
    return text.strip(" %+-–").replace(".", "").isdigit() or text == "–"
