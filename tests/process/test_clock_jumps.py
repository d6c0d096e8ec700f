"""The machine's clock is set wrong under the real process: it says so, and decides nothing by it at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from sla_core.events import Breached
from tests.harness import S1
from tests.process.live_site import LiveSite

AHEAD = 7530
"""Two hours and five and a half minutes, in seconds: the first response to S1 would be missed."""
SAYS = "this machine's clock was set ahead by 2 h 5 min; deadlines follow it once it has held for a minute"


class RealTimeSite(LiveSite):
    """A site on the machine's own clock, which `is_off` sets wrong."""

    @property
    def environment(self) -> dict[str, str]:
        given = super().environment | {"CLOCK_IS_OFF": str(self.folder / "off")}
        del given["FRONTLINE_CLOCK"]
        return given

    def is_off(self, seconds: int, holds_after: str = "") -> None:
        new = self.folder / "new"
        new.write_text(f"{seconds} {holds_after}", encoding="ascii")
        new.replace(self.folder / "off")

    async def told(self, words: str) -> None:
        await self.slack.until(lambda: any(words in self.text(m) for m in self.triage.messages))


async def a_clock_jumps(site: RealTimeSite, long: str, short: str, **environment: str) -> None:
    """A jump must hold for `long` seconds, and in the end for `short` ones; empty: for a minute."""
    site.is_off(0, long)
    desk = await site.opens("tests.process.jumping_desk", **environment)
    card = await site.opened(S1, "Everything is down")

    site.is_off(AHEAD, long)
    assert await site.reasons() == SAYS
    await site.told(f"T{SAYS[1:]}. For the operator: check the time of this machine (NTP).")
    site.is_off(0, long)
    assert await site.reasons() == ""
    assert not site.is_breached(card), "a clock that is corrected in time breaches no promise"

    site.is_off(AHEAD, long)
    assert await site.reasons() == SAYS
    assert not site.is_breached(card)
    site.is_off(AHEAD, short)
    await site.slack.until(lambda: site.is_breached(card), 180)
    assert await site.reasons() == ""
    assert await site.stopped() == 0
    (events,) = (await site.history()).values()
    assert any(isinstance(event, Breached) for event in events)
    assert "Traceback" not in str(desk.logged)


async def test_a_clock_that_jumps_decides_nothing_until_it_has_held(tmp_path: Path) -> None:
    async with RealTimeSite(tmp_path) as site:
        await a_clock_jumps(site, "600", "0.5", MONITOR_EVERY="0.2")


@pytest.mark.soak
async def test_a_clock_that_jumps_has_to_hold_for_a_minute(tmp_path: Path) -> None:
    async with RealTimeSite(tmp_path) as site:
        await a_clock_jumps(site, "", "")
