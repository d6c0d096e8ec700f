"""Pictures of our cards, drawn by Microsoft's own renderer, for docs/teams.

    python tools/teams_pictures.py --renderer DIR [--chromium PATH] [--out docs/teams]

Needs what no runtime does: `npm install adaptivecards@3.0.6 markdown-it@14` in DIR, a Chromium, and the
Python package playwright, which may live in an environment of its own. What is drawn are the golden files.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

HOUSE = Path(__file__).resolve().parents[1]
GOLDEN = HOUSE / "tests" / "teams" / "golden"
PICTURES = {
    "customer-card": ("customer-card", 620),
    "agents-card": ("agents-card", 620),
    "form": ("dialog", 600),
    "form-card": ("form", 620),
    "receipt": ("receipt", 620),
    "breach": ("breach", 620),
    "resolved": ("resolved", 620),
    "get-help": ("get-help", 620),
}
"""Picture: golden sample, width in pixels."""
_COLOURS = {
    "default": ("#242424", "#616161"),
    "accent": ("#5b5fc7", "#7579eb"),
    "good": ("#237b4b", "#237b4b"),
    "warning": ("#835c00", "#835c00"),
    "attention": ("#c4314b", "#c4314b"),
}
_GROUNDS = {
    "default": "#ffffff",
    "emphasis": "#f5f5f5",
    "good": "#e7f2da",
    "warning": "#fbf6d9",
    "attention": "#fcf4f6",
    "accent": "#e8ebfa",
}
_FONTS = {
    "fontFamily": "'Segoe UI', 'DejaVu Sans', sans-serif",
    "fontSizes": {"small": 12, "default": 14, "medium": 14, "large": 18, "extraLarge": 24},
    "fontWeights": {"lighter": 300, "default": 400, "bolder": 600},
}
HOST = {
    "supportsInteractivity": True,
    "fontTypes": {"default": _FONTS, "monospace": _FONTS},
    "spacing": {"small": 8, "default": 12, "medium": 16, "large": 20, "extraLarge": 24, "padding": 16},
    "separator": {"lineThickness": 1, "lineColor": "#e6e6e6"},
    "actions": {
        "maxActions": 6,
        "buttonSpacing": 8,
        "actionsOrientation": "horizontal",
        "actionAlignment": "left",
    },
    "containerStyles": {
        name: {
            "backgroundColor": ground,
            "foregroundColors": {
                colour: {"default": plain, "subtle": subtle} for colour, (plain, subtle) in _COLOURS.items()
            },
        }
        for name, ground in _GROUNDS.items()
    },
}
STYLE = """
body { margin: 0; padding: 12px; background: #ebebeb; font: 14px 'Segoe UI', 'DejaVu Sans', sans-serif }
#card { background: #fff; border-radius: 6px; box-shadow: 0 1px 3px #0003; overflow: hidden }
h1 { font-size: 16px; margin: 0; padding: 14px 16px 0; background: #fff }
.ac-pushButton { background: #fff; border: 1px solid #d1d1d1; border-radius: 4px; padding: 6px 12px;
  font: 600 14px 'Segoe UI', 'DejaVu Sans', sans-serif; color: #242424; margin-bottom: 4px }
.ac-pushButton.style-positive { background: #5b5fc7; border-color: #5b5fc7; color: #fff }
.ac-pushButton.style-destructive { color: #c4314b; border-color: #c4314b }
.ac-input { font: 14px 'Segoe UI', 'DejaVu Sans', sans-serif; border: 1px solid #e0e0e0; background: #f5f5f5;
  border-radius: 4px; padding: 6px 8px; box-sizing: border-box }
.ac-choiceSetInput-expanded, .ac-choiceSetInput-multiSelect { border: 0; background: none; padding: 0 }
.ac-textInput.ac-multiline { height: 72px; resize: none }
.mention { color: #5b5fc7; font-weight: 600 }
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
  const place = document.getElementById('card');
  if (title) { const head = document.createElement('h1'); head.textContent = title; place.appendChild(head) }
  place.appendChild(card.render());
  const faults = [...Array(context.eventCount).keys()].map((n) => context.getEventAt(n).message);
  return [faults, document.body.innerText];
}"""


def main() -> int:
    ask = argparse.ArgumentParser(description="Draw docs/teams by the official Adaptive Cards renderer.")
    ask.add_argument("--renderer", type=Path, required=True, help="where npm installed adaptivecards")
    ask.add_argument("--chromium", default=shutil.which("chromium") or shutil.which("google-chrome"))
    ask.add_argument("--out", type=Path, default=HOUSE / "docs" / "teams")
    given = ask.parse_args()
    scripts = [
        given.renderer / "node_modules" / "adaptivecards" / "dist" / "adaptivecards.min.js",
        given.renderer / "node_modules" / "markdown-it" / "dist" / "markdown-it.min.js",
    ]
    missing = [str(script) for script in scripts if not script.is_file()]
    if missing:
        print(f"Missing: {', '.join(missing)}.\nIn {given.renderer} run:", file=sys.stderr)
        print("  npm install adaptivecards@3.0.6 markdown-it@14", file=sys.stderr)
        return 1
    try:
        playwright = import_module("playwright.sync_api")
    except ImportError:
        print("Missing: the Python package playwright (pip install playwright).", file=sys.stderr)
        return 1
    if not given.chromium:
        print("Missing: Chromium; name it with --chromium PATH.", file=sys.stderr)
        return 1
    given.out.mkdir(parents=True, exist_ok=True)
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=given.chromium, args=["--no-sandbox"])
        faults = [fault for name in PICTURES for fault in _draw(browser, name, scripts, given.out)]
        browser.close()
    print("\n".join(faults) or f"{len(PICTURES)} pictures in {given.out}, and the renderer has no complaint.")
    return bool(faults)


def _draw(browser: Any, name: str, scripts: list[Path], out: Path) -> list[str]:
    sample, width = PICTURES[name]
    content, title = _content(sample)
    page = browser.new_page(
        viewport={"width": width, "height": 40},
        device_scale_factor=1.5,
        locale="en-GB",
        timezone_id="Europe/Berlin",
    )
    page.set_content(f"<style>{STYLE}</style><div id=card></div>")
    for script in scripts:
        page.add_script_tag(path=str(script))
    faults, shown = page.evaluate(DRAW, [content, HOST, title])
    if "{{" in shown.replace("{{DATE(2026-03-20T15:30:00Z)}}", ""):
        faults.append("a date was not drawn")
    page.screenshot(path=str(out / f"{name}.png"), full_page=True)
    page.close()
    return [f"{name}: {fault}" for fault in faults]


def _content(sample: str) -> tuple[dict[str, Any], str]:
    made = json.loads((GOLDEN / f"{sample}.json").read_text("utf-8"))
    if "task" in made:
        value = made["task"]["value"]
        return value["card"]["content"], value["title"]
    return made["content"], ""


if __name__ == "__main__":
    sys.exit(main())
