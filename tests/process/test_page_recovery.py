"""SIGKILL while a page is on its way, or while the buttons of pages are being taken."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from demo.slack import Call, Message, Person
from sla_core.events import Alerted, Paged
from tests.harness import DESK_FILE, S1
from tests.process.live_site import LiveSite
from tests.waiting import PATIENCE

PAGING = '\n[paging]\nrepeat = "5m"\ntries = 1\n'
"""Bob at once, with Kim of engineering; Eve after five minutes, and never again."""
ROTAS = (
    ('first_line = ["bob", "eve"]', 'first_line = ["bob"]'),
    ('second_line = ["eve", "bob"]', 'second_line = ["eve"]'),
)
SPEED = 120
"""Eve is paged after two and a half seconds."""


class PagedSite(LiveSite):
    def __init__(self, folder: Path) -> None:
        super().__init__(folder, SPEED)
        text = DESK_FILE + PAGING
        for old, new in ROTAS:
            assert old in text
            text = text.replace(old, new)
        (folder / "frontline.toml").write_text(text, encoding="utf-8")

    async def __aenter__(self) -> PagedSite:
        await super().__aenter__()
        return self

    def reaches(self, who: Person, method: str, body: str) -> bool:
        """Whether a call posts a direct message to them, or mentions them."""
        return method == "chat.postMessage" and (who.id in body or self.slack.dm(who).id in body)

    def pages(self, who: Person) -> list[Message]:
        return self.slack.dms(who)

    def mentions(self, who: Person) -> int:
        return sum(f"<@{who.id}>" in str(message.blocks) for message in self.triage.messages)


def is_search(call: Call) -> bool:
    """Whether the desk looks for what it may have said already."""
    return call.method in ("conversations.replies", "conversations.history")


@pytest.mark.parametrize(
    "heard",
    [
        pytest.param(False, id="before Slack heard", marks=pytest.mark.soak),
        pytest.param(True, id="after Slack heard"),
    ],
)
async def test_a_kill_with_a_page_on_its_way_pages_once(tmp_path: Path, heard: bool) -> None:
    """MON-18, MTA-21: the page arrives, directly and in triage, and neither arrives twice."""
    async with PagedSite(tmp_path) as site:
        await site.opens()
        holds = [site.proxy.hold(lambda *call: site.reaches(site.eve, *call), after=heard) for _ in range(2)]
        await site.opened(S1, "All is down")
        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(*(hold.arrived.wait() for hold in holds))
        await site.killed()
        assert (len(site.pages(site.eve)), site.mentions(site.eve)) == ((1, 1) if heard else (0, 0))
        site.proxy.release_all()

        await site.opens()
        await site.until(lambda: site.pages(site.eve) and site.mentions(site.eve))
        if heard:
            await site.until(lambda: sum(map(is_search, site.slack.calls)) >= len(holds))
        (page,) = site.pages(site.bob)
        assert (await site.slack.press(site.bob, page, "Acknowledge")).ok
        await site.until(lambda: not any(map(site.slack.buttons, site.pages(site.eve))))
        assert await site.stopped() == 0
        assert (len(site.pages(site.eve)), site.mentions(site.eve)) == (1, 1)
        (events,) = (await site.history()).values()
        assert sum(isinstance(event, Paged) and event.person == "eve" for event in events) == 1


@pytest.mark.soak
async def test_a_kill_between_an_answer_and_its_edits_leaves_no_button(tmp_path: Path) -> None:
    """MON-18: who was paged sees that somebody has answered, although the desk died before it said so."""
    async with PagedSite(tmp_path) as site:
        await site.opens()
        await site.opened(S1, "All is down")
        (page,) = await site.until(lambda: site.pages(site.bob))
        await site.until(lambda: site.pages(site.kim))
        holds = [
            site.proxy.hold(lambda method, body: method == "chat.update" and "has this ticket" in body)
            for _ in range(2)
        ]
        assert (await site.slack.press(site.bob, page, "Acknowledge")).ok
        async with asyncio.timeout(PATIENCE):
            await holds[0].arrived.wait()
        await site.killed()
        assert any(site.slack.buttons(each) for each in [*site.pages(site.bob), *site.pages(site.kim)])
        site.proxy.release_all()

        await site.opens()
        people = (site.bob, site.kim, site.eve)
        await site.until(
            lambda: not any(site.slack.buttons(each) for who in people for each in site.pages(who))
        )
        assert await site.stopped() == 0
        (events,) = (await site.history()).values()
        (answer,) = (number for number, event in enumerate(events) if isinstance(event, Alerted))
        assert not any(isinstance(event, Paged) for event in events[answer:])
