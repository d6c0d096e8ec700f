"""What charts share. matplotlib is imported only to draw one.

Series differ by hatching and by lightness, so that they can be told apart in print without colour.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

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
