"""Draws docs/pictures for Slack: the real blocks, rendered by our own imitation of Slack.

    python -m tools.slack_pictures [--chromium PATH] [--out docs/pictures] [NAME …]

Needs only Chromium, and a font with emoji. Each view is drawn light and dark, at desktop and at phone width.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
import tempfile
from collections.abc import Mapping
from html import escape
from pathlib import Path
from zoneinfo import ZoneInfo

import structlog

from adapters.slack.rendering.block_kit import MrkdwnRenderer
from adapters.slack.rendering.messages import home_view
from adapters.slack.rendering.messages import render_message as message
from adapters.slack.rendering.modals import modal
from bot.model.address import Place
from bot.model.forms import Form
from tools import chromium
from tools.block_kit import Reader
from tools.looks import keep, looks_of, no_emoji, show, too_low
from tools.scenes import Scene, play

HOUSE = Path(__file__).resolve().parents[1]
OUT = HOUSE / "docs" / "pictures"
BERLIN = ZoneInfo("Europe/Berlin")
NAMES = {"U0BOB": "Bob", "U0DANA": "Dana", "U0ALICE": "Alice"}
STYLE = """
:root { --ground: #fff; --ink: #1d1c1d; --soft: #616061; --line: #dddcdd; --edge: #bbbabb; --link: #1264a3;
  --quote: #dddcdd; --mention: #e8f5fa; --primary: #007a5a; --danger: #e01e5a; --dialog: #fff }
@media (prefers-color-scheme: dark) { :root { --ground: #1a1d21; --ink: #d1d2d3; --soft: #ababad;
  --line: #35373b; --edge: #565856; --link: #1d9bd1; --quote: #4a4d52; --mention: #1d3b4a;
  --danger: #f2587f; --dialog: #222529 } }
* { box-sizing: border-box }
body { margin: 0; background: var(--ground); color: var(--ink); overflow-wrap: break-word;
  font: 15px/1.46 'Liberation Sans', Arial, 'Noto Color Emoji', sans-serif }
.bar { font-weight: 700; padding: 12px 20px; border-bottom: 1px solid var(--line) }
.message { display: flex; gap: 10px; padding: 12px 20px }
.face { flex: none; width: 36px; height: 36px; border-radius: 8px; background: #3f0e40; color: #fff;
  font: 700 16px/36px sans-serif; text-align: center }
.body { flex: 1; min-width: 0 }
.who b { margin-right: 6px } .who span, .subtle { color: var(--soft); font-size: 13px }
.who .app { font-size: 10px; font-weight: 700; background: var(--line); border-radius: 2px; padding: 1px 3px }
.header { font-size: 18px; font-weight: 700; margin: 6px 0 8px }
.section { display: flex; gap: 12px; margin: 6px 0 } .section .text { flex: 1; min-width: 0 }
.fields { display: grid; grid-template-columns: 1fr 1fr; gap: 8px 16px }
.context { color: var(--soft); font-size: 13px; margin: 4px 0 }
hr { border: 0; border-top: 1px solid var(--line); margin: 10px 0 }
.actions { display: flex; flex-wrap: wrap; gap: 8px; margin: 8px 0 4px }
button { font: 700 13px 'Liberation Sans', sans-serif; padding: 0 12px; height: 30px; border-radius: 4px;
  border: 1px solid var(--edge); background: none; color: inherit; white-space: nowrap; flex: none }
button.primary { background: var(--primary); border-color: var(--primary); color: #fff }
button.danger { color: var(--danger); border-color: var(--danger) }
blockquote { margin: 4px 0; padding-left: 12px; border-left: 4px solid var(--quote); border-radius: 2px }
code { font-size: 12px; color: #e01e5a } a, .mention { color: var(--link); text-decoration: none }
.mention { background: var(--mention); border-radius: 3px; padding: 0 2px }
table { border-collapse: collapse; width: 100% } td { border: 1px solid var(--line); padding: 4px 8px }
.dialog { background: var(--dialog); padding: 0 24px }
.dialog h1 { font-size: 20px; margin: 0; padding: 18px 0 }
.dialog footer { display: flex; justify-content: flex-end; gap: 10px; padding: 18px 0 }
.dialog footer button { height: 36px; font-size: 15px }
.input { margin: 16px 0 } .label { font-weight: 700; margin-bottom: 6px }
.box { border: 1px solid var(--edge); border-radius: 4px; padding: 7px 12px; min-height: 38px }
.box.long { min-height: 84px } .select { display: flex; justify-content: space-between; flex: none }
.actions .select { height: 30px; min-height: 0; padding: 0 12px; gap: 8px; font-weight: 700; font-size: 13px;
  line-height: 28px }
.option { display: flex; gap: 10px; margin: 5px 0 }
.mark { flex: none; width: 16px; height: 16px; margin-top: 3px; border: 1px solid var(--edge);
  border-radius: 3px }
.mark.radio_buttons { border-radius: 50% } .mark.chosen { border: 5px solid var(--link) }
@media (max-width: 500px) { .fields { grid-template-columns: 1fr } .message { padding: 12px }
  .bar { padding: 12px } .dialog { padding: 0 16px } }
"""


def html(scene: Scene) -> str:
    """The scene as an HTML page."""
    reader, renderer = Reader(BERLIN, scene.at, NAMES), MrkdwnRenderer()
    if isinstance(scene.shown, Form):
        body = _dialog(scene.shown, reader, renderer)
    elif scene.board:
        blocks = home_view(scene.shown[0], renderer, Place("slack", "D0BOB"))["blocks"]
        body = f'<div class="bar">{escape(scene.where)}</div><div class="message"><div class="body">'
        body += f"{reader.blocks(blocks)}</div></div>"
    else:
        where = f"Thread  {scene.where}" if scene.thread else scene.where
        body = f'<div class="bar">{escape(where)}</div>'
        body += "".join(
            _message(reader.blocks(message(view, renderer).blocks), reader) for view in scene.shown
        )
    return f"<!doctype html><meta charset=utf-8><style>{STYLE}</style><body>{body}"


THREE_PEOPLE = "three-people"
_ROOMS = (("card-warning", "# acme  ·  the customer"), ("agents-warning", "# triage  ·  an agent"))
_TRIO = """
.rooms { display: flex; align-items: flex-start; gap: 0 } .rooms > div { flex: 1; min-width: 0 }
.rooms > div + div { border-left: 1px solid var(--line) }
"""


def trio(scenes: Mapping[str, Scene]) -> str:
    """The same moment of one ticket for its three people: customer, agent and account manager."""
    rooms = [_room(scenes[name], title, 1) for name, title in _ROOMS]
    rooms.append(_room(scenes["tam-warning"], "Dana  ·  the account manager", 1))
    inside = "".join(f"<div>{room}</div>" for room in rooms)
    whole = f'<div class="rooms">{inside}'
    return f"<!doctype html><meta charset=utf-8><style>{STYLE}{_TRIO}</style><body>{whole}"


def _room(scene: Scene, title: str, most: int) -> str:
    reader, renderer = Reader(BERLIN, scene.at, NAMES), MrkdwnRenderer()
    assert not isinstance(scene.shown, Form)
    shown = (message(view, renderer).blocks for view in scene.shown[:most])
    return f'<div class="bar">{escape(title)}</div>' + "".join(
        _message(reader.blocks(blocks), reader) for blocks in shown
    )


def _message(inside: str, reader: Reader) -> str:
    at = f"{reader.now.astimezone(reader.zone):%H:%M}"
    who = f'<div class="who"><b>Frontline</b><span class="app">APP</span> <span>{at}</span></div>'
    return f'<div class="message"><div class="face">F</div><div class="body">{who}{inside}</div></div>'


def _dialog(form: Form, reader: Reader, renderer: MrkdwnRenderer) -> str:
    view = modal(form, renderer)
    ends = (
        f"<button>{escape(view['close']['text'])}</button>"
        f'<button class="primary">{escape(view["submit"]["text"])}</button>'
    )
    title = f"<h1>{escape(view['title']['text'])}</h1>"
    return f'<div class="dialog">{title}{reader.blocks(view["blocks"])}<footer>{ends}</footer></div>'


async def pictures(program: str, out: Path, only: list[str]) -> int:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    with tempfile.TemporaryDirectory() as folder:
        scenes = await play(Path(folder))
    alone = (name for name in scenes if name not in {"agents-warning", "tam-warning"})
    chosen = {name: scenes[name] for name in alone if name in only or not only}
    async with chromium.browser(program) as page:
        faults = await no_emoji(page)
        for name, scene in chosen.items():
            for look in looks_of(name):
                await show(page, look)
                await page.write(html(scene))
                faults += await too_low(page, name, ".actions button")
                faults += await keep(page, out / f"slack-{name}-{look}.png")
        if THREE_PEOPLE in only or not only:
            for dark in (False, True):
                await page.set_viewport(1240, 40, 1.25, dark)
                await page.write(trio(scenes))
                faults += await keep(page, out / f"slack-{THREE_PEOPLE}-{'dark' if dark else 'light'}.png")
    print("\n".join(faults) or f"{len(chosen)} views of Slack drawn in {out}")
    return bool(faults)


def main() -> int:
    ask = argparse.ArgumentParser(description="Draw docs/pictures: what we send to Slack.")
    ask.add_argument("names", nargs="*", help="only these")
    ask.add_argument("--chromium", default=chromium.found())
    ask.add_argument("--out", type=Path, default=OUT)
    given = ask.parse_args()
    if not given.chromium:
        print("Missing: Chromium (apt-get install chromium), or name it: --chromium PATH", file=sys.stderr)
        return 1
    given.out.mkdir(parents=True, exist_ok=True)
    try:
        return asyncio.run(pictures(given.chromium, given.out, given.names))
    except chromium.BrowserFault as fault:
        print(f"Chromium could not draw: {fault}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
