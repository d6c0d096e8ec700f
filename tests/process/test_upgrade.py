"""The database of the release before comes along: its tickets go on, and its cards' buttons still act."""

from __future__ import annotations

from collections.abc import AsyncIterator
from copy import deepcopy
from pathlib import Path

import pytest
import pytest_asyncio

from adapters.sql.store import connect
from adapters.sql.tables import micros
from bot.clock import real_now
from demo.slack import Message
from sla_core.events import Breached, Opened
from tests.harness import S2
from tests.process.desk_process import frontline
from tests.process.live_site import LiveSite
from tests.sql.old_release import CHANNELS, TABLES, restore

SPEED = 1800
"""Half an hour a second: what the old desk promised within an hour falls due in a moment."""


class OldSite(LiveSite):
    """Slack as the old desk left it, and its database, on which no time has passed since."""

    def __init__(self, folder: Path, database: str) -> None:
        super().__init__(folder)
        self._database = database
        TABLES["stage"][0] |= {"real": micros(real_now()), "speed": SPEED}
        restore(database)
        for person in (self.dana, self.bob, self.eve, self.mia):
            self.slack.dm(person)
        for id, messages in CHANNELS.items():
            channel = self.slack.workspace.channels[id]
            channel.messages += [Message(id, **message) for message in messages]

    async def __aenter__(self) -> OldSite:
        await super().__aenter__()
        return self

    @property
    def database(self) -> str:
        return self._database

    def card(self, key: str) -> Message:
        """The customer's, as the old desk posted it."""
        (card,) = self.cards(self.acme, key)
        return card

    async def migrates(self, *how: str) -> list[str]:
        done = await frontline("migrate", *how, folder=self.folder, DATABASE_URL=self.database)
        assert done.code == 0, done
        return done.out.splitlines()


@pytest_asyncio.fixture(params=["sqlite", "postgres"])
async def old(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[OldSite]:
    file = f"sqlite:///{tmp_path}/frontline.db"
    url = file if request.param == "sqlite" else str(request.getfixturevalue("empty_postgres_url"))
    async with OldSite(tmp_path, url) as site:
        yield site


async def test_a_desk_of_the_previous_release_continues(old: OldSite) -> None:
    slack, alice, bob, dana = old.slack, old.alice, old.bob, old.dana
    down, slow, solved, closed, fresh = (old.card(f"ACME-{number}") for number in range(1, 6))
    refused = await frontline("serve", folder=old.folder, **old.environment)
    assert (refused.code, "run frontline migrate" in refused.err) == (1, True)
    assert (await old.migrates())[0].startswith("The database was migrated from revision 0005 to ")
    help_posted = [m for m in slack.messages(old.acme) if "Get help" in slack.buttons(m)]
    alerted = deepcopy(slack.dms(dana)[0])
    desk = await old.opens(FRONTLINE_CLOCK="")

    # What was on its way is said; what was promised falls due.
    await old.until(lambda: any("We look into it." in text for text in old.thread(fresh)))
    await old.until(lambda: old.is_breached(down) and old.is_breached(old.agents_card(down)))
    await old.until(lambda: any("We missed" in text for text in old.dms(dana)))

    # Every kind of button on an old message; a client may still show those that a newer message has now.
    assert (await slack.press(dana, alerted, "Acknowledge")).ok
    work = old.agents_card(down)
    await old.until(lambda: any("acknowledged the alert" in text for text in old.thread(work)))
    assert (await old.fills(bob, work, "Resolve", text="It runs again.")).closed
    await old.until(lambda: "Reopen" in slack.buttons(down))
    assert (await old.fills(alice, slow, "Add details", text="Those of May")).closed
    await slack.say(alice, old.acme, "And those of June", slow)
    for words in ("Those of May", "And those of June"):
        await old.until(lambda words=words: any(words in text for text in old.thread(old.agents_card(slow))))
    assert (await slack.press(alice, solved, "Close")).ok
    await old.until(lambda: slack.buttons(solved) == ["Why?", "Reopen"])
    assert (await slack.press(alice, closed, "Reopen")).ok
    await old.until(lambda: "Escalate" in slack.buttons(closed))
    assert (await slack.press(alice, help_posted[0], "Get help")).ok
    await old.until(lambda: slack.modal_of(alice))
    assert (await slack.submit(alice, {"summary": "One more", **S2})).closed
    await old.until(lambda: old.cards(old.acme, "ACME-6") and old.cards(old.triage, "ACME-6"))

    # The index is rebuilt beside the desk, which has changed all tickets but one since.
    assert (await old.migrates("--rebuild"))[-1].startswith("1 of 6 index rows were wrong")
    assert (await old.migrates("--rebuild"))[-1] == "None of 6 index rows was wrong."
    await slack.settle()
    assert slack.complaints == []
    assert desk.troubles() == []
    assert await desk.stop() == 0
    assert [m for m in slack.messages(old.acme) if "Get help" in slack.buttons(m)] == help_posted
    async with connect(old.database) as store:
        histories = {key: await store.load(key) for key in await store.tickets("acme")}
    assert len(histories) == 6
    since = {key: [type(e).__name__ for e in events][_before(key) :] for key, events in histories.items()}
    since = {key: [name for name in names if name != "Notified"] for key, names in since.items()}
    assert [event for event in since["ACME-1"] if event != "Warned"] == ["Breached", "Alerted", "Resolved"]
    assert [event for event in since["ACME-2"] if event not in ("Warned", "Breached")] == [
        "CustomerWrote"
    ] * 2
    assert since["ACME-3"] == ["Closed"]
    assert since["ACME-4"][:1] == ["Reopened"]
    assert isinstance(opened := histories["ACME-6"][0], Opened)
    assert opened.summary == "One more"
    assert sum(isinstance(event, Breached) for event in histories["ACME-1"]) == 1
    for text in ("We look into it.", "Which bills?"):
        said = [t for card in (fresh, slow) for t in old.thread(card) if text in t]
        assert len(said) == 1, "once, whichever release said it"
    for key in histories:
        assert len(old.cards(old.acme, key)) == len(old.cards(old.triage, key)) == 1


def _before(key: str) -> int:
    """How many events the old desk had recorded."""
    return sum(row["ticket"] == key for row in TABLES["event"])
