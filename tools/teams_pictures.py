"""Draws docs/pictures for Teams with Microsoft's own renderer.

    python -m tools.teams_pictures [--renderer DIR] [--chromium PATH] [--out docs/pictures]

Needs Chromium, a font with emoji, and in DIR the renderer: `npm install adaptivecards@3.0.6 markdown-it@14`.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
import tempfile
from pathlib import Path
from typing import Any

import structlog

from adapters.teams.rendering.cards import view_card
from adapters.teams.rendering.dialogs import dialog
from adapters.teams.rendering.text import CardTextRenderer
from bot.model.forms import Form
from tools import chromium
from tools.looks import keep, looks_of, no_emoji, show, too_low
from tools.scenes import Scene, play

HOUSE = Path(__file__).resolve().parents[1]
OUT = HOUSE / "docs" / "pictures"
RENDERER = Path.home() / ".cache" / "frontline" / "adaptivecards"
PACKAGES = "adaptivecards@3.0.6 markdown-it@14"
SCENES = (
    "get-help",
    "form",
    "form-errors",
    "card-open",
    "card-breached",
    "card-resolved",
    "agents-card",
    "receipt",
    "breach",
    "tam",
    "tam-forecast",
    "tam-season",
    "tam-silence",
    "tam-away",
    "tam-home",
    "board",
    "open-tickets",
    "monetate-agents",
)
_LIGHT = {
    "default": ("#242424", "#616161"),
    "accent": ("#5b5fc7", "#7579eb"),
    "good": ("#237b4b", "#237b4b"),
    "warning": ("#835c00", "#835c00"),
    "attention": ("#c4314b", "#c4314b"),
}
_DARK = {
    "default": ("#ffffff", "#adadad"),
    "accent": ("#7f85f5", "#9299f7"),
    "good": ("#92c353", "#92c353"),
    "warning": ("#f8d22a", "#f8d22a"),
    "attention": ("#f9526b", "#f9526b"),
}
_LIGHT_GROUNDS = {
    "default": "#ffffff",
    "emphasis": "#f5f5f5",
    "good": "#e7f2da",
    "warning": "#fbf6d9",
    "attention": "#fcf4f6",
    "accent": "#e8ebfa",
}
_DARK_GROUNDS = {
    "default": "#292929",
    "emphasis": "#1f1f1f",
    "good": "#0d2e0d",
    "warning": "#463100",
    "attention": "#3e1f25",
    "accent": "#2f2f4a",
}
_FONTS = {
    "fontFamily": "'Segoe UI', 'Liberation Sans', sans-serif",
    "fontSizes": {"small": 12, "default": 14, "medium": 14, "large": 18, "extraLarge": 24},
    "fontWeights": {"lighter": 300, "default": 400, "bolder": 600},
}


def host(dark: bool) -> dict[str, Any]:
    """The settings that Teams passes to its renderer, as far as they are published."""
    colours, grounds = (_DARK, _DARK_GROUNDS) if dark else (_LIGHT, _LIGHT_GROUNDS)
    inks = {name: {"default": plain, "subtle": subtle} for name, (plain, subtle) in colours.items()}
    return {
        "supportsInteractivity": True,
        "fontTypes": {"default": _FONTS, "monospace": _FONTS},
        "spacing": {"small": 8, "default": 12, "medium": 16, "large": 20, "extraLarge": 24, "padding": 16},
        "separator": {"lineThickness": 1, "lineColor": "#404040" if dark else "#e6e6e6"},
        "actions": {
            "maxActions": 6,
            "buttonSpacing": 8,
            "actionsOrientation": "horizontal",
            "actionAlignment": "left",
        },
        "containerStyles": {
            name: {"backgroundColor": ground, "foregroundColors": inks} for name, ground in grounds.items()
        },
    }


STYLE = """
:root { color-scheme: light dark; --desk: #ebebeb; --ground: #fff; --ink: #242424; --edge: #d1d1d1;
  --box: #f5f5f5; --brand: #5b5fc7; --danger: #c4314b }
@media (prefers-color-scheme: dark) { :root { --desk: #141414; --ground: #292929; --ink: #fff;
  --edge: #666; --box: #1f1f1f; --brand: #7f85f5; --danger: #f9526b } }
body { margin: 0; padding: 12px; background: var(--desk); color: var(--ink);
  font: 14px 'Segoe UI', 'Liberation Sans', 'Noto Color Emoji', sans-serif }
.card { background: var(--ground); border-radius: 6px; overflow: hidden; margin-bottom: 12px }
h1 { font-size: 16px; margin: 0; padding: 14px 16px 0 }
.ac-pushButton { background: var(--ground); border: 1px solid var(--edge); border-radius: 4px;
  padding: 6px 12px; font: 600 14px 'Segoe UI', 'Liberation Sans', sans-serif; color: var(--ink);
  margin-bottom: 4px }
.ac-pushButton.style-positive { background: #5b5fc7; border-color: #5b5fc7; color: #fff }
.ac-pushButton.style-destructive { color: var(--danger); border-color: var(--danger) }
.ac-input { font: 14px 'Segoe UI', 'Liberation Sans', sans-serif; border: 1px solid var(--edge);
  background: var(--box); color: var(--ink); border-radius: 4px; padding: 6px 8px; box-sizing: border-box }
.ac-choiceSetInput-expanded, .ac-choiceSetInput-multiSelect { border: 0; background: none; padding: 0 }
.ac-textInput.ac-multiline { height: 72px; resize: none }
.mention { color: var(--brand); font-weight: 600 } .card a { color: var(--brand); text-decoration: none }
p { margin: 0 }
"""
DRAW = """([content, host, title]) => {
  AdaptiveCards.AdaptiveCard.onProcessMarkdown = (text, result) => {
    result.outputHtml = markdownit().render(text)
      .replace(/&lt;at&gt;(.*?)&lt;\\/at&gt;/g, '<span class="mention">@$1</span>');
    result.didProcess = true;
  };
  const card = new AdaptiveCards.AdaptiveCard();
  card.hostConfig = new AdaptiveCards.HostConfig(host);
  const context = new AdaptiveCards.SerializationContext();
  card.parse(content, context);
  const place = document.createElement('div');
  place.className = 'card';
  document.body.appendChild(place);
  if (title) { const head = document.createElement('h1'); head.textContent = title; place.appendChild(head) }
  place.appendChild(card.render());
  const faults = [...Array(context.eventCount).keys()].map((n) => context.getEventAt(n).message);
  return [faults, document.body.innerText];
}"""


def contents(scene: Scene) -> list[tuple[Any, str]]:
    """Each card of the scene, and its dialog's title."""
    if isinstance(scene.shown, Form):
        value = dialog(scene.shown, CardTextRenderer()).serialize()["value"]
        return [(value["card"]["content"], value["title"])]
    return [(view_card(view, CardTextRenderer()).content, "") for view in scene.shown]


async def pictures(program: str, scripts: list[str], out: Path) -> int:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    with tempfile.TemporaryDirectory() as folder:
        scenes = await play(Path(folder))
    async with chromium.browser(program) as page:
        faults = await no_emoji(page)
        await page.set_locale("Europe/Berlin", "en-GB")
        for name in SCENES:
            for look in looks_of(name):
                file = out / f"teams-{name}-{look}.png"
                await show(page, look)
                complaints = await draw(page, scenes[name], scripts, look.endswith("dark"))
                faults += [f"{file.name}: {fault}" for fault in complaints]
                faults += await too_low(page, name, ".ac-pushButton")
                faults += await keep(page, file)
    print("\n".join(faults) or f"{len(SCENES)} views of Teams drawn in {out}")
    return bool(faults)


async def draw(page: chromium.Page, scene: Scene, scripts: list[str], dark: bool) -> list[str]:
    """Shows the scene's cards on the page. Returns what the renderer objects to."""
    await page.write(f"<!doctype html><meta charset=utf-8><style>{STYLE}</style><body>")
    for script in scripts:
        await page.run("(text) => { (0, eval)(text) }", script)
    faults: list[str] = []
    for content, title in contents(scene):
        told, shown = await page.run(DRAW, [content, host(dark), title])
        faults += told
        if "{{" in shown:
            faults.append("a date was not drawn")
    return faults


def scripts_in(renderer: Path) -> list[str] | None:
    """The text of the renderer's scripts; None if it is not installed in this folder."""
    modules = renderer / "node_modules"
    files = [
        modules / "adaptivecards" / "dist" / "adaptivecards.min.js",
        modules / "markdown-it" / "dist" / "markdown-it.min.js",
    ]
    return [file.read_text("utf-8") for file in files] if all(map(Path.is_file, files)) else None


def main() -> int:
    ask = argparse.ArgumentParser(description="Draw our cards by the official Adaptive Cards renderer.")
    ask.add_argument("--renderer", type=Path, default=RENDERER, help="where npm installed adaptivecards")
    ask.add_argument("--chromium", default=chromium.found())
    ask.add_argument("--out", type=Path, default=OUT)
    given = ask.parse_args()
    scripts = scripts_in(given.renderer)
    if not given.chromium:
        print("Missing: Chromium (apt-get install chromium), or name it: --chromium PATH", file=sys.stderr)
        return 1
    if scripts is None:
        print(f"Missing: npm install --prefix {given.renderer} {PACKAGES}", file=sys.stderr)
        return 1
    given.out.mkdir(parents=True, exist_ok=True)
    try:
        return asyncio.run(pictures(given.chromium, scripts, given.out))
    except chromium.BrowserFault as fault:
        print(f"Chromium could not draw: {fault}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
