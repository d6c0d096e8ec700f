"""In which looks each view is drawn, and how a picture of it is kept."""

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
"""Each width in pixels, and whether it is dark."""
SCALE = 1.25
MOST_BYTES = 120_000


def looks_of(name: str) -> list[str]:
    """All of them; two are enough for what differs from others in words alone."""
    return (
        ["desktop-light", "phone-dark"]
        if name.endswith(("-customer", "-agents", "reply-form"))
        else list(LOOKS)
    )


async def show(page: Page, look: str) -> None:
    """Set the page up for this look."""
    width, dark = LOOKS[look]
    await page.looks(width, 40, SCALE, dark)


async def keep(page: Page, file: Path) -> list[str]:
    """The picture, small; what hangs out of it sideways, or grew too large, is a fault."""
    faults = []
    if wide := await page.run("() => document.documentElement.scrollWidth - window.innerWidth"):
        faults.append(f"{file.name}: {wide} pixels too wide")
    picture = await small(page, await page.picture())
    if len(picture) > MOST_BYTES:
        faults.append(f"{file.name}: {len(picture):,} bytes")
    await asyncio.to_thread(file.write_bytes, picture)
    return faults
