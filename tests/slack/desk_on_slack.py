"""A whole desk before a local workspace, with people of every kind in a customer's channel."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from adapters.slack import Slack
from adapters.slack.outbound.web_api import SCOPES
from adapters.web import WebServer
from bot.clock import WakeSignal
from bot.config.directory import Directory
from bot.config.settings import load_desk
from bot.desk.desk import Desk
from bot.desk.routes import dispatch
from bot.runtime.delivery import Delivery
from demo.slack import Channel, FakeSlack, Message, Person
from tests.harness import HeldClock
from tests.memory_store import MemoryStore
from tests.platforms.desk_files import ON_SLACK
from tests.scripted_desk import ready
from tests.slack.conftest import PATIENCE

A_MINUTE = timedelta(minutes=1)
ANSWERS = {
    "What is this about?": "Something is broken, slow or not as expected",
    "How is your production use of m3ter affected?": "A minor inconvenience with a workaround: "
    "a display glitch, for example",
    "Might confidentiality or privacy be breached?": "No",
}


@dataclass
class DeskOnSlack:
    """A whole desk before a workspace with a customer's channel that is shared with their own."""

    slack: FakeSlack
    ours: Slack
    store: MemoryStore
    desk: Desk
    clock: HeldClock
    server: WebServer
    people: dict[str, Person]
    acme: Channel
    triage: Channel
    lounge: Channel

    async def settle(self) -> None:
        """Until all that was decided has been said, at the pace that Slack allows."""
        await self.slack.settle()
        await self.ours.settle()
        delivery, patience = (
            Delivery(self.desk, self.store, self.clock, WakeSignal()),
            self.clock.at + A_MINUTE,
        )
        while True:
            while await delivery.deliver():
                pass
            ready = await self.store.next_ready(self.clock.at)
            if ready is None or ready > patience:
                break
            self.clock.at = ready
        await self.slack.settle()

    async def summary_in_form(self, who: Person, offer: Message) -> str:
        """The modal behind an offer, as it was prefilled."""
        await self.slack.press(who, offer, "Get help")
        view = self.slack.modal_of(who)
        assert view is not None
        return str(view.input("Summary").value or "")

    def ours_in(self, channel: Channel) -> list[Message]:
        bot = self.slack.bot.id
        return [m for m in channel.messages if m.user == bot and not m.ephemeral_to and not m.deleted]

    def private_answers(self, who: Person) -> str:
        return "\n".join(map(self.slack.text_of, self.slack.ephemerals(who)))


@asynccontextmanager
async def desk_on_slack(folder: Path, file: str = ON_SLACK) -> AsyncIterator[DeskOnSlack]:
    path = folder / "frontline.toml"
    path.write_text(file, encoding="utf-8")
    clock, store = HeldClock("2026-03-20T15:30:00Z"), MemoryStore()
    async with FakeSlack(deadline=PATIENCE, scopes=sorted(SCOPES)) as slack:
        ours = Slack(slack.bot_token, slack.signing_secret, clock, api_url=slack.api_url)
        await ours.start()
        desk = Desk(store, clock, Directory(load_desk(path)), {"slack": ours}, store)
        server = WebServer("127.0.0.1", 0, ours.routes(dispatch(desk)), ready)
        await server.start()
        slack.bot_url = f"{server.address}/slack/events"
        people = {
            "internal": slack.person("Ines"),
            "guest": slack.person("Gus", guest=True),
            "external": slack.person("Xenia", team="T0ACME", real_name="Xenia Acme"),
            "bob": slack.person("Bob"),
        }
        everyone = list(people.values())
        acme = slack.channel("acme", everyone, id="C0ACME")
        triage = slack.channel("triage", everyone[3:], id="C0TRIAGE")
        lounge = slack.channel("lounge", everyone, id="C0LOUNGE")
        yield DeskOnSlack(slack, ours, store, desk, clock, server, people, acme, triage, lounge)
        await slack.settle()
        await ours.close()
        await server.stop()
        assert slack.complaints == []


async def a_ticket(at: DeskOnSlack, who: Person) -> Message:
    """A ticket of the customer's, by its card in their channel."""
    await at.slack.command(who, at.acme, "/support", "Bills are slow")
    assert (await at.slack.submit(who, ANSWERS)).sent
    await at.settle()
    return at.ours_in(at.acme)[-1]
