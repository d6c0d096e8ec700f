"""The browser that the tests and the pictures use: what it waits for, and what it says when that fails."""

from __future__ import annotations

import pytest

from tools.chromium import PageLeft, browser, found

LEAVES = "() => window.name === 'left' || (window.name = 'left', location.reload(), new Promise(() => {}))"


async def test_it_waits_on_after_the_page_was_left() -> None:
    """A form's answer may come while a script looks at the page before."""
    chromium = found()
    if chromium is None:
        pytest.skip("a page is left in Chromium: apt-get install chromium")
    async with browser(chromium) as page:
        assert await page.until("page", LEAVES) is True
        await page.run("() => { window.name = ''; }")
        with pytest.raises(PageLeft):
            await page.run(LEAVES)
