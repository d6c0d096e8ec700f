"""A report as one HTML page without scripts or anything from elsewhere; it prints well."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from bot.reports.formats.charts import Chart, charts
from bot.reports.formats.words import (
    ATTAINMENT_HEADS,
    at_text,
    attainment_cells,
    breach_text,
    example_text,
    metric_text,
    percent,
    rare_texts,
    reading_cells,
    receipt_text,
    span_text,
    stage_lengths,
    uptime_texts,
)
from bot.reports.period_report import PeriodReport


def page(report: PeriodReport) -> str:
    tally = report.tally
    parts = [
        f'<p class="quiet">Tickets opened in this period, in UTC, as of {escape(at_text(tally.now))}.</p>',
        *(_figures(report) if tally.volumes else ["<p>No ticket was opened in this period.</p>"]),
        *_uptime(report),
        *_left_out(report),
    ]
    return document(report.title, parts)


def _figures(report: PeriodReport) -> Iterable[str]:
    tally, volume, whole = report.tally, report.tally.volume, report.tally.whole
    rating = "–" if volume.rating is None else f"{volume.rating:.1f} of 5"
    yield _key_figures(
        ("Tickets opened", str(volume.opened)),
        ("Resolved", str(volume.resolved)),
        ("Promises kept", percent(whole.share)),
        ("Breaches", str(whole.breached)),
        ("Rating", rating),
    )
    yield from map(figure, charts(report))
    yield "<h2>Attainment</h2>"
    by_promise = tally.by(lambda group: (tally.severities[group.severity], metric_text(group.metric)))
    yield table(
        "By severity and promise. Times count as the promise counts them; late answers are part of them.",
        ("severity", "promise", *ATTAINMENT_HEADS),
        [(*key, *attainment_cells(found)) for key, found in by_promise.items()],
        numbers=range(2, 9),
    )
    by_month = tally.by(lambda group: (report.names.get(group.account, group.account), group.month))
    yield table(
        "By account and month.",
        ("account", "month", *ATTAINMENT_HEADS[:5]),
        [(*key, *attainment_cells(found)[:5]) for key, found in by_month.items()],
        numbers=range(2, 7),
    )
    if rare := [*rare_texts(report, lambda each: each.cited)]:
        items = "".join(f"<li>{escape(line)}.</li>" for line in rare)
        yield f"<h2>More often than expected</h2><ul>{items}</ul>"
    if tally.breaches_in_all:
        kept = tally.breaches()
        yield "<h2>Breaches</h2>"
        yield table(
            f"The latest {len(kept)} of {tally.breaches_in_all}. How late is told by the clock."
            if len(kept) < tally.breaches_in_all
            else "All of them, the latest first. How late is told by the clock.",
            ("ticket", "severity", "promise", "due", "answered", "how late", "what counted", "source"),
            [
                (
                    *(each.ticket, each.severity, metric_text(each.metric), at_text(each.due_at)),
                    *(at_text(each.answered_at), breach_text(each), receipt_text(each)),
                    each.cited,
                )
                for each in kept
            ],
        )
    yield "<h2>Time in each state</h2>"
    yield table(
        "All tickets together, by the clock.",
        ("state", "time", "for each ticket"),
        [
            (str(stage), span_text(length), span_text(length / volume.opened))
            for stage, length in stage_lengths(volume)
        ],
        numbers=range(1, 3),
    )
    yield from _readings(report)


def _readings(report: PeriodReport) -> Iterable[str]:
    questions = [*report.tally.readings.questions()]
    if not questions:
        return
    yield "<h2>What the text leaves open</h2>"
    yield table(
        "Questions that these tickets met, how they are read, and what the other reading would change.",
        ("", "open question", "read as", "other reading", "met", "what would differ"),
        [reading_cells(question, found) for question, found in questions],
        numbers=(4,),
    )
    examples = [(q, each) for q, found in questions for each in found.examples]
    if examples:
        items = "".join(f"<li>{q.id}: {escape(example_text(each))}</li>" for q, each in examples)
        yield f'<ul class="quiet">{items}</ul>'


def _uptime(report: PeriodReport) -> Iterable[str]:
    lines = [*uptime_texts(report)]
    if lines:
        items = "".join(f"<li>{escape(name)}: {escape(line)}.</li>" for name, line in lines)
        yield f'<h2>Uptime</h2><p class="quiet">From {report.uptime_from}.</p><ul>{items}</ul>'


def _left_out(report: PeriodReport) -> Iterable[str]:
    if report.unreadable:
        items = "".join(f"<li>{escape(key)}: {escape(why)}</li>" for key, why in report.unreadable.items())
        yield f"<h2>Left out</h2><p>These tickets could not be read.</p><ul>{items}</ul>"


def _key_figures(*pairs: tuple[str, str]) -> str:
    cells = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in pairs)
    return f'<dl class="key">{cells}</dl>'


_STYLE = """
:root { color-scheme: light; }
* { box-sizing: border-box; }
body { font: 15px/1.45 system-ui, "Segoe UI", Roboto, Helvetica, Arial, sans-serif; color: #1a1a1a;
  background: #fff; margin: 0 auto; padding: 1.5rem; max-width: 72rem; }
h1 { font-size: 1.5rem; margin: 0 0 .25rem; } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
p { margin: .25rem 0; } .quiet { color: #555; }
dl.key { display: flex; flex-wrap: wrap; gap: .75rem; margin: 1rem 0; padding: 0; }
dl.key div { border: 1px solid #bbb; border-radius: .4rem; padding: .5rem .9rem; min-width: 8rem; }
dl.key dt { color: #555; font-size: .8rem; } dl.key dd { margin: 0; font-size: 1.35rem; font-weight: 600; }
.wide { overflow-x: auto; margin-bottom: 1.25rem; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; font-size: .85rem; }
caption { text-align: left; color: #555; padding-bottom: .25rem; }
th, td { text-align: left; padding: .3rem .6rem .3rem 0; border-bottom: 1px solid #ddd; vertical-align: top; }
th { border-bottom: 2px solid #777; } th.n, td.n { text-align: right; }
td:first-child { white-space: nowrap; }
figure { margin: 1rem 0; } figure svg { max-width: 100%; height: auto; } figcaption { color: #555; }
@media print {
  @page { size: A4; margin: 14mm; }
  body { padding: 0; max-width: none; font-size: 10pt; }
  h2 { break-after: avoid; } figure, tr, dl.key div { break-inside: avoid; }
  thead { display: table-header-group; } .wide { overflow: visible; }
  table { font-size: 8pt; } .quiet, figcaption, caption, dl.key dt { color: #333; }
}
"""


def document(title: str, parts: Iterable[str]) -> str:
    """The whole page: the title as its heading, then the parts, which are HTML."""
    lines = [
        "<!DOCTYPE html>",
        '<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body><main>",
        f"<h1>{escape(title)}</h1>",
        *parts,
        "</main></body></html>",
    ]
    return "\n".join(lines) + "\n"


def figure(chart: Chart) -> str:
    return (
        f'<figure role="img" aria-label="{escape(chart.says, quote=True)}">{chart.svg}'
        f"<figcaption>{escape(chart.title)}</figcaption></figure>"
    )


def table(
    caption: str,
    heads: Sequence[str],
    rows: Iterable[Sequence[str]],
    numbers: Iterable[int] = (),
) -> str:
    right = frozenset(numbers)

    def row(cells: Sequence[str], tag: str, scope: str = "") -> str:
        made = (
            f"<{tag}{scope}{' class=n' if place in right else ''}>{escape(cell)}</{tag}>"
            for place, cell in enumerate(cells)
        )
        return f"<tr>{''.join(made)}</tr>"

    body = "\n".join(row(cells, "td") for cells in rows)
    return (
        f'<div class="wide"><table><caption>{escape(caption)}</caption>'
        f"<thead>{row(heads, 'th', ' scope=col')}</thead><tbody>\n{body}\n</tbody></table></div>"
    )
