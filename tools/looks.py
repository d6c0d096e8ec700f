"""The looks (width, light or dark) in which each view is drawn, and how pictures are saved."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tools.chromium import Page
from tools.png import small

LOOKS = {
    "desktop-light": (700, False),
    "desktop-dark": (700, True),
    "phone-light": (390, False),
    "phone-dark": (390, True),
}
"""The width in pixels of each look, and whether it is dark."""
SCALE = 1.25
MOST_BYTES = 120_000


def looks_of(name: str) -> list[str]:
    """All looks; two are enough for views that differ from others only in their text."""
    return (
        ["desktop-light", "phone-dark"]
        if name.endswith(("-customer", "-agents", "reply-form")) or name.startswith("tam-")
        else list(LOOKS)
    )


async def show(page: Page, look: str) -> None:
    """Sets up the page for a look."""
    width, dark = LOOKS[look]
    await page.set_viewport(width, 40, SCALE, dark)


_HAS_COLOUR = """() => {
  const pen = document.createElement('canvas').getContext('2d');
  pen.font = '20px sans-serif';
  pen.fillText('\U0001f534', 0, 20);
  const dots = pen.getImageData(0, 0, 40, 40).data;
  return dots.some((value, at) => at % 4 === 0 && value !== dots[at + 1]);
}"""


async def no_emoji(page: Page) -> list[str]:
    """A fault if this machine has no font with emoji, so that pictures would show empty boxes."""
    drawn = await page.run(_HAS_COLOUR)
    return [] if drawn else ["Missing: a font with emoji (apt-get install fonts-noto-color-emoji)"]


FIRST_SCREEN = 640
"""Pixels of a phone's first screen."""


async def too_low(page: Page, name: str, selector: str) -> list[str]:
    """A fault if an agents' card has its first button below a phone's first screen."""
    if "agents-card" not in name:
        return []
    top = await page.run(f"() => document.querySelector({selector!r}).getBoundingClientRect().top")
    return [f"{name}: the first button is {top:.0f} px down"] if top > FIRST_SCREEN else []


async def keep(page: Page, file: Path) -> list[str]:
    """Saves a small picture. Returns faults: content that is too wide, or a file that is too large."""
    faults = []
    if wide := await page.run("() => document.documentElement.scrollWidth - window.innerWidth"):
        faults.append(f"{file.name}: {wide} pixels too wide")
    picture = await small(page, await page.picture())
    if len(picture) > MOST_BYTES:
        faults.append(f"{file.name}: {len(picture):,} bytes")
    await asyncio.to_thread(file.write_bytes, picture)
    return faults
