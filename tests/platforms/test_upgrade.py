"""The Teams side of the release before comes along: its tickets go on, and its cards' buttons still act."""

from __future__ import annotations

from collections.abc import AsyncIterator
from copy import copy
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from adapters.sql.migrate import migrate
from adapters.sql.store import SqlStore, connect
from bot.desk.desk import Desk
from bot.desk.routes import dispatch
from bot.model.address import MessageRef, Place
from bot.model.views import Audience
from bot.runtime.scheduler import wake_due_tickets
from tests.harness import HeldClock, directory_of
from tests.platforms.desk_files import ON_TEAMS
from tests.platforms.on_teams import (
    CHANNEL,
    TRIAGE,
    Microsoft,
    OnTeams,
    SentCard,
    _actions,
    on_teams,
    words_of,
)
from tests.platforms.open_forms import FormCard
from tests.platforms.story import deliver_all
from tests.platforms.workplace import DisplayedMessage
from tests.sql.old_release import CARDS_ON_TEAMS, TABLES_ON_TEAMS, moved_to, restore

A_MINUTE_LATER = "2026-03-20T15:31:00Z"
CUSTOMER, AGENTS = Audience.CUSTOMER, Audience.AGENTS


@dataclass
class OldDesk:
    """This release's desk on what the old one left behind, behind its own endpoint."""

    desk: Desk
    clock: HeldClock
    store: SqlStore
    workplace: OnTeams

    def card(self, key: str, audience: Audience) -> MessageRef:
        """Where the old desk posted it."""
        (row,) = (row for row in TABLES_ON_TEAMS["outbox"] if row["key"] == f"{key}/{audience}")
        return MessageRef(Place.parse(row["ref_place"]), row["ref_id"])

    def shown(self, key: str, audience: Audience) -> DisplayedMessage:
        return self.workplace.displayed(self.card(key, audience))

    async def presses(
        self, who: str, label: str, key: str, audience: Audience, text: str | None = None
    ) -> str:
        """A button of the card as the old desk drew it, which a client may show long after an edit."""
        on = self.card(key, audience)
        sent = self.workplace.microsoft.sent_cards[on.id]
        now, sent.card = sent.card, CARDS_ON_TEAMS[on.id]["card"]
        told = await self.workplace.presses(who, label, on, text)
        sent.card = now
        await self.deliver()
        return told

    async def closes(self, key: str) -> None:
        """Alice presses Close, which acted at once before; while a promise runs, it asks first."""
        on = self.card(key, CUSTOMER)
        old = CARDS_ON_TEAMS[on.id]
        (close,) = [action for action in _actions(old["card"]["body"]) if action["title"] == "Close"]
        asked = await self.workplace.execute("Alice", old["conversation"], on.id, close["data"])
        form = FormCard(self.workplace, "Alice", on.id, old["conversation"], asked["value"])
        assert "nobody has answered" in " ".join(words_of(form.card).split())
        assert await self.since(key) == []
        await form.sends()
        await self.deliver()

    async def deliver(self) -> None:
        await deliver_all(self.desk, self.store, copy(self.clock))

    async def passes(self, **length: float) -> None:
        self.clock.at += timedelta(**length)
        await wake_due_tickets(self.desk)
        await self.deliver()

    def below(self, key: str, audience: Audience) -> list[str]:
        """What stands in the thread of a card, but for what the old desk said there."""
        root = self.card(key, audience)
        return [
            self.workplace.displayed(MessageRef(root.place, id_)).text
            for id_, sent in self.workplace.microsoft.sent_cards.items()
            if sent.conversation == f"{root.place.id};messageid={root.id}" and id_ not in CARDS_ON_TEAMS
        ]

    async def since(self, key: str) -> list[str]:
        """What happened since, without the records of direct messages."""
        before = sum(row["ticket"] == key for row in TABLES_ON_TEAMS["event"])
        names = [type(event).__name__ for event in (await self.store.load(key))[before:]]
        return [name for name in names if name != "Notified"]


@pytest.fixture
async def old(tmp_path: Path) -> AsyncIterator[OldDesk]:
    microsoft, url, clock = Microsoft(), f"sqlite:///{tmp_path}/frontline.db", HeldClock(A_MINUTE_LATER)
    await microsoft.start()
    restore(url, moved_to(microsoft.url))
    migrate(url)
    microsoft.sent_cards |= {
        id_: SentCard(sent["conversation"], sent["card"]) for id_, sent in CARDS_ON_TEAMS.items()
    }
    async with connect(url) as store, on_teams(clock, store, running=microsoft) as workplace:
        desk = Desk(store, clock, directory_of(tmp_path, ON_TEAMS), {"teams": workplace.ours})
        assert await desk.directory.refresh({"teams": workplace.ours}) == []
        workplace.dispatch = dispatch(desk)
        yield OldDesk(desk, clock, store, workplace)


async def test_the_buttons_of_its_cards_still_act(old: OldDesk) -> None:
    """Why?, Reply and Resolve on an open ticket, Close on a resolved and on a new one; cards stay."""
    assert "Source: m3ter Support" in await old.presses("Alice", "Why?", "ACME-1", CUSTOMER)
    assert await old.since("ACME-1") == []

    await old.presses("Bob", "Reply", "ACME-1", AGENTS, "We look into it.")
    await old.presses("Bob", "Resolve", "ACME-1", AGENTS, "The queue runs again.")
    assert await old.since("ACME-1") == ["Answered", "Resolved"]
    told = "\n".join(old.below("ACME-1", CUSTOMER))
    assert "We look into it." in told
    assert "The queue runs again." in told
    assert "Reopen" in old.shown("ACME-1", CUSTOMER).labels
    assert "Reopen" in old.shown("ACME-1", AGENTS).labels

    await old.presses("Alice", "Close", "ACME-2", CUSTOMER)
    assert await old.since("ACME-2") == ["Closed"]
    await old.closes("ACME-3")
    assert await old.since("ACME-3") == ["Closed"]
    for key in ("ACME-2", "ACME-3"):
        assert old.shown(key, CUSTOMER).labels == ("Why?", "Reopen")
    new = (id_ for id_ in old.workplace.microsoft.sent_cards if id_ not in CARDS_ON_TEAMS)
    places = {old.workplace.microsoft.sent_cards[id_].conversation for id_ in new}
    assert places
    assert not places & {CHANNEL, TRIAGE}, "no card is posted a second time"


async def test_what_it_promised_falls_due(old: OldDesk) -> None:
    """The ticket that nobody answered is breached: told in its thread, on its cards and to the TAM."""
    await old.passes(hours=5)
    assert "Breached" in await old.since("ACME-3")
    assert any("We missed" in text for text in old.below("ACME-3", CUSTOMER))
    for audience in Audience:
        assert "First response breached" in " ".join(old.shown("ACME-3", audience).text.split())
    sent = old.workplace.microsoft.sent_cards.values()
    assert any("ACME-3" in str(each.card) for each in sent if each.conversation.startswith("a:"))
