"""A local Slack with its people and the real desk, on a simulated clock and a SQLite file."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlencode

from aiohttp import ClientConnectionError, ClientSession

from adapters.sql.store import connect
from demo.slack import Channel, FakeSlack, Message, Person, SubmitReply
from sla_core.events import Event
from tests.harness import DESK_FILE
from tests.process.desk_process import HASTY, SECRET, TOKEN, DeskProcess
from tests.process.slack_proxy import SlackProxy
from tests.waiting import eventually

FRIDAY_AFTERNOON = "2026-03-20T16:30:00+01:00"
"""16:30 in Berlin: m3ter's Gold hours are open for another five and a half hours."""
DEADLINE = 10.0
"""Seconds within which the desk answers a request, on a busy machine; Slack gives three."""

CALM_PAGING = '\n[paging]\nrepeat = "24h"\n'
"""Each person is paged once: at thousands of times real speed, repeats would drown everything else."""
TAKEN_BEFORE = ("This form has already opened", "You already sent this form")
"""How a form is answered that is sent again."""


class LiveSite:
    """The vendor's workspace: two customers' channels, triage and a channel without an account."""

    def __init__(
        self,
        folder: Path,
        speed: float = 1,
        at: str = FRIDAY_AFTERNOON,
        retry_delays: Sequence[float] = (0.0,),
    ) -> None:
        self.folder, self.clock = folder, f"{at}*{speed:g}"
        self.slack = FakeSlack(
            signing_secret=SECRET,
            bot_token=TOKEN,
            commands=["/support"],
            deadline=DEADLINE,
            retry_delays=retry_delays,
        )
        self.proxy = SlackProxy(self.slack)
        self.desk: DeskProcess | None = None
        person, channel = self.slack.person, self.slack.channel
        self.alice = person("Alice", tz="Europe/Berlin")
        self.ann = person("Ann", team="T0ACME")
        self.sam = person("Sam")
        self.bob, self.dana = person("Bob"), person("Dana", tz="Europe/London")
        self.eve, self.mia, self.kim = person("Eve"), person("Mia"), person("Kim")
        self.acme = channel("acme", [self.alice, self.ann, self.bob, self.dana], id="C0ACME")
        self.silver = channel("silver", [self.sam, self.bob], id="C0SILVER")
        self.triage = channel("triage", [self.alice, self.bob, self.dana, self.eve, self.mia], id="C0TRIAGE")
        self.lunch = channel("lunch", [self.alice, self.bob], id="C0LUNCH")
        self.slack.group("support", [self.eve], id="S0SUPPORT")
        (folder / "frontline.toml").write_text(DESK_FILE + CALM_PAGING, encoding="utf-8")

    async def __aenter__(self) -> Self:
        await self.slack.__aenter__()
        await self.proxy.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        if self.desk:
            await self.desk.kill()
        await self.proxy.close()
        await self.slack.__aexit__(None, None, None)

    # The desk -------------------------------------------------------------------------------

    @property
    def environment(self) -> dict[str, str]:
        return {
            "DATABASE_URL": self.database,
            "FRONTLINE_CLOCK": self.clock,
            "SLACK_API_URL": self.proxy.url,
            "SLACK_BOT_TOKEN": TOKEN,
            "SLACK_SIGNING_SECRET": SECRET,
        }

    @property
    def database(self) -> str:
        return f"sqlite:///{self.folder}/frontline.db"

    async def opens(self, module: str = HASTY, **other: str) -> DeskProcess:
        """Start the desk, again if need be; Slack sends to where it listens now."""
        self.desk = await DeskProcess.start(self.folder, module, **{**self.environment, **other})
        self.slack.bot_url = self.desk.events
        return self.desk

    async def killed(self) -> None:
        assert self.desk
        await self.desk.kill()

    async def stopped(self) -> int:
        """SIGTERM; the exit code."""
        assert self.desk
        return await self.desk.stop()

    async def history(self) -> dict[str, tuple[Event, ...]]:
        """Every ticket with its events, from the tables. Only while no desk runs."""
        assert self.desk is None or self.desk.process.returncode is not None
        async with connect(self.database) as store:
            accounts = ("acme", "silverline")
            keys = [key for account in accounts for key in reversed(await store.tickets(account))]
            return {key: await store.load(key) for key in keys}

    async def decided(self) -> dict[str, list[str]]:
        """Every ticket with the names of its events."""
        return {key: [type(e).__name__ for e in events] for key, events in (await self.history()).items()}

    # People ---------------------------------------------------------------------------------

    async def asks(
        self, who: Person, where: Channel, answers: Mapping[str, Any], summary: str
    ) -> SubmitReply:
        """`/support`, filled in and sent."""
        reply = await self.slack.command(who, where, "/support", summary)
        assert reply.status == 200, reply
        assert self.slack.modal_of(who), reply.shown
        return await self.slack.submit(who, dict(answers))

    async def opened(
        self,
        answers: Mapping[str, Any],
        summary: str,
        who: Person | None = None,
        where: Channel | None = None,
    ) -> Message:
        """A ticket, and its card in the customer's channel once agents have theirs as well."""
        who, where = who or self.alice, where or self.acme
        before = {message.ts for message in self.posted(where)}
        assert (await self.asks(who, where, answers, summary)).closed
        new: list[Message] = await self.until(
            lambda: [message for message in self.posted(where) if message.ts not in before]
        )
        await self.until(lambda: self.cards(self.triage, self.key_of(new[0])))
        return new[0]

    async def in_hand(self, card: Message) -> Message:
        """Bob acknowledges it; the agents' card. Both were redrawn, so where they stand is on record."""
        work = self.agents_card(card)
        await self.slack.press(self.bob, work, "Acknowledge")
        await self.until(lambda: all("seen by Bob" in self.text(message) for message in (card, work)))
        return work

    async def fills(self, who: Person, card: Message, label: str, **values: Any) -> SubmitReply:
        """A button that asks, its form filled in and sent."""
        assert (await self.slack.press(who, card, label)).ok
        return await self.slack.submit(who, values)

    async def is_taken(self, who: Person, reply: SubmitReply) -> bool:
        """Whether a form that was sent counts: now, or since before, so that its answer was lost."""
        modal = self.slack.modal_of(who)
        if modal is None or not any(words in str(modal.blocks) for words in TAKEN_BEFORE):
            return reply.closed
        await self.slack.close_modal(who, everything=True)
        return True

    # What the channels show -----------------------------------------------------------------

    def posted(self, where: Channel) -> list[Message]:
        """The channel's messages about one ticket each: without the Get help message and the board."""
        return [
            message
            for message in self.slack.messages(where)
            if "Get help" not in self.slack.buttons(message) and not message.text.startswith("Open tickets")
        ]

    @staticmethod
    def key_of(card: Message) -> str:
        """Every text begins with the ticket's key."""
        return card.text.split()[0].strip("*:")

    def cards(self, where: Channel, key: str) -> list[Message]:
        return [message for message in self.slack.messages(where) if self.key_of(message) == key]

    def agents_card(self, card: Message) -> Message:
        (found,) = self.cards(self.triage, self.key_of(card))
        return found

    def text(self, message: Message) -> str:
        return self.slack.text_of(message)

    def is_breached(self, card: Message) -> bool:
        """Whether it says so of its first response; agents' cards also ask whether privacy was breached."""
        return "First response breached" in " ".join(self.text(card).split())

    def thread(self, card: Message) -> list[str]:
        return [self.text(message) for message in self.slack.thread(card)]

    def dms(self, who: Person) -> list[str]:
        return [self.text(message) for message in self.slack.dms(who)]

    async def until(self, question: Any) -> Any:
        return await self.slack.until(question)

    # Raw requests ---------------------------------------------------------------------------

    async def sends(
        self,
        body: str,
        kind: str = "application/x-www-form-urlencoded",
        secret: str = SECRET,
        age: int = 0,
        headers: Mapping[str, str] | None = None,
    ) -> int:
        """A request of our own making, signed; the status that it got."""
        stamp = str(int(time.time()) - age)
        digest = hmac.new(secret.encode(), f"v0:{stamp}:{body}".encode(), hashlib.sha256).hexdigest()
        signed = {
            "Content-Type": kind,
            "X-Slack-Request-Timestamp": stamp,
            "X-Slack-Signature": f"v0={digest}",
        }
        data, url = body.encode(), self.slack.bot_url
        sent = {**signed, **(headers or {})}
        async with ClientSession() as session, session.post(url, data=data, headers=sent) as said:
            return said.status

    async def interacts(self, payload: object, **more: Any) -> int:
        return await self.sends(urlencode({"payload": json.dumps(payload)}), **more)

    async def reasons(self) -> str:
        """Why the desk is not ready; nothing if it is."""
        status, said = await self.gets("/readyz")
        assert (status == 200) == (said["reasons"] == [])
        return "; ".join(said["reasons"])

    async def recovered(self) -> None:
        """Returns once it is ready again."""

        async def ready() -> bool:
            return not await self.reasons()

        await eventually(ready)

    async def answers(self) -> bool:
        """Whether it listens already."""
        try:
            return (await self.gets("/healthz"))[0] == 200
        except ClientConnectionError:
            return False

    async def measured(self, name: str) -> float:
        """A value without labels of its metrics."""
        assert self.desk
        async with ClientSession() as session, session.get(f"{self.desk.address}/metrics") as said:
            lines = (await said.text()).splitlines()
        (value,) = (line.split()[1] for line in lines if line.startswith(f"{name} "))
        return float(value)

    async def gets(self, path: str) -> tuple[int, Any]:
        assert self.desk
        async with ClientSession() as session, session.get(f"{self.desk.address}{path}") as said:
            return said.status, await said.json()
