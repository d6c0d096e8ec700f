"""The desk's page in a real browser: the link works once, and the page fits a phone, light and dark."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from tests.harness import ALICE, BOB, S1, S2, S3
from tests.web.test_desk_page import DESK_FILE, SITE, site
from tools.chromium import browser, found

SHOWN = "(words) => document.body?.innerText.includes(words)"
PRESS = "() => { document.querySelector('form button').click(); return true; }"
FITS = "() => document.documentElement.scrollWidth <= window.innerWidth"
CONTRAST = """() => {
  const light = (rgb) => {
    const [r, g, b] = rgb.match(/[\\d.]+/g).map((v) => v / 255)
      .map((v) => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (e) => {
    for (; e; e = e.parentElement) {
      const colour = getComputedStyle(e).backgroundColor;
      if (colour !== 'rgba(0, 0, 0, 0)') return colour;
    }
    return 'rgb(255, 255, 255)';
  };
  const texts = [...document.querySelectorAll('p, h1, h2, th, td, button, a, small, strong')];
  return Math.min(...texts.map((e) => {
    const [a, b] = [light(getComputedStyle(e).color), light(ground(e))].sort((x, y) => y - x);
    return (a + 0.05) / (b + 0.05);
  }));
}"""
LEGIBLE = 4.5
"""The contrast that WCAG 2.2 AA asks of text."""


async def test_the_page_in_a_browser_on_a_desk_and_on_a_phone(tmp_path: Path) -> None:
    """Pictures of it are kept in the folder FRONTLINE_PICTURES, if that is set."""
    chromium = found()
    if chromium is None:
        pytest.skip("the page is drawn in Chromium: apt-get install chromium")
    async with site(tmp_path, DESK_FILE.replace(SITE, "http://127.0.0.1")) as here, browser(chromium) as page:
        for summary, answers in (
            ("Reports are late by a day for every customer in the European region since the upgrade", S3),
            ("Bills are slow", S2),
            ("Nothing works", S1),
        ):
            key = await here.desk.submits(ALICE, summary, answers)
        await here.desk.submits_form(BOB, "Reply", "ACME-2", text="We look into it.")
        await here.desk.fast_forward(hours=1, minutes=30)
        answer = await here.link()
        await page.set_viewport(1280, 900)
        await page.go(here.address + answer)
        await page.until("question", SHOWN, "Sign in as Bob")
        await page.run(PRESS)
        await page.until("page", SHOWN, "Open tickets")
        assert await page.run(SHOWN, key)
        # Set by a link from elsewhere, the cookie is not visible to scripts and goes along afterwards.
        assert await page.run("() => document.cookie") == ""
        await page.go(here.address + "/desk")
        await page.until("page", SHOWN, "Attainment")
        for name, width, dark in (("desktop", 1280, False), ("phone", 390, False), ("phone-dark", 390, True)):
            await page.set_viewport(width, 844, dark=dark)
            await page.until("page that fits", FITS)
            assert await page.run(CONTRAST) >= LEGIBLE, name
            if folder := os.environ.get("FRONTLINE_PICTURES"):
                await asyncio.to_thread(Path(folder, f"{name}.png").write_bytes, await page.picture())
        await page.go(here.address + answer)
        await page.until("refusal", SHOWN, "This link does not work any more")
