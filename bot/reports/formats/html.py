"""The parts of an HTML page without scripts or anything from elsewhere; it prints well."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from bot.reports.formats.drawing import Chart

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
