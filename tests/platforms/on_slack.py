"""The Slack adapter with a local workspace."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

from adapters.slack import Slack
from adapters.web import WebServer
from bot.model.address import MessageRef, Place, UserRef
from bot.model.inbound import Answer, Dispatch, Done, Inbound
from bot.ports import Clock
from demo.slack import FakeSlack, Message, Person
from demo.slack.text import block_lines
from tests.platforms.workplace import Answers, DisplayedMessage
from tests.scripted_desk import ready

PEOPLE = ("Alice", "Bob", "Dana", "Eve", "Kim", "Mia")
_TOKEN = re.compile(r"<[^<>\n]+>")
_MARKED = re.compile(r"(?<!\w)([*_~`])(?=\S)[^\n]*?\S\1(?!\w)")
_QUOTED = re.compile(r"^\s*(?:&gt;)", re.MULTILINE)


class OnSlack:
    name = "slack"
    channel = Place("slack", "C0ACME")
    triage = Place("slack", "C0TRIAGE")

    def __init__(self, slack: FakeSlack, ours: Slack) -> None:
        self.slack, self.ours = slack, ours
        self.dispatch: Dispatch = nothing
        self.people: dict[str, Person] = {name: slack.person(name) for name in PEOPLE}
        everyone = list(self.people.values())
        self.acme = slack.channel("acme", everyone, id=self.channel.id)
        self.agents = slack.channel("triage", everyone[1:], id=self.triage.id)
        self.elsewhere = slack.channel("elsewhere", everyone[:1], bot=False)
        slack.group("support", [self.people["Bob"], self.people["Eve"]], id="S0SUPPORT")

    def user(self, name: str) -> UserRef:
        return UserRef("slack", "", self.people[name].id)

    def displayed(self, message: MessageRef) -> DisplayedMessage:
        found = self.message(message)
        thread = found.thread_ts if found.is_reply else None
        labels = tuple(self.slack.buttons(found))
        live = sorted(self._live(found.blocks))
        read = (
            block_lines(self.slack.workspace, block) for block in found.blocks if block["type"] != "actions"
        )
        text = "\n".join(line for lines in read for line in lines)
        return DisplayedMessage(text, labels, tuple(live), found.channel, thread)

    def message(self, ref: MessageRef) -> Message:
        place = self.slack.workspace.channels[ref.place.id]
        found = [message for message in place.messages if message.ts == ref.id and not message.deleted]
        if not found:
            raise LookupError(ref)
        return found[0]

    def _live(self, part: Any) -> Iterator[str]:
        """Tokens, marks and quotation signs of every text that has a grammar."""
        match part:
            case {"type": "mrkdwn", "text": str(text)}:
                yield from (token.partition("|")[0] for token in _TOKEN.findall(text))
                yield from (found[1] for found in _MARKED.finditer(_TOKEN.sub("", text)))
                yield from _QUOTED.findall(text)
            case {"type": "plain_text"}:
                return
            case dict():
                for inner in part.values():
                    yield from self._live(inner)
            case list():
                for inner in part:
                    yield from self._live(inner)
            case _:
                return

    async def opens(self, who: str, summary: str, answers: Answers) -> None:
        """`/support`, and the modal, which may end with something to read."""
        person = self.people[who]
        await self.slack.command(person, self.acme, "/support", summary)
        reply = await self.slack.submit(person, answers)
        assert reply.sent
        assert not reply.errors
        if not reply.closed:
            await self.slack.close_modal(person)

    async def presses(self, who: str, label: str, on: MessageRef, text: str | None = None) -> str:
        person = self.people[who]
        before = len(self.slack.ephemerals(person))
        await self.slack.press(person, self.message(on), label)
        if text is not None:
            assert (await self.slack.submit(person, {"text": text} if text else {})).closed
        await self.ours.settle()
        return "\n".join(self.slack.text_of(m) for m in self.slack.ephemerals(person)[before:])

    async def reads_form(self, who: str, label: str, on: MessageRef) -> str:
        person = self.people[who]
        await self.slack.press(person, self.message(on), label)
        view = self.slack.modal_of(person)
        assert view is not None
        lines = [line for block in view.blocks for line in block_lines(self.slack.workspace, block)]
        await self.slack.close_modal(person)
        return "\n".join(lines)

    async def writes(self, who: str, text: str, below: MessageRef) -> None:
        root = self.message(below)
        await self.slack.say(self.people[who], self.slack.workspace.channels[root.channel], text, root)
        await self.slack.settle()

    async def acts(self, inbound: Inbound) -> Answer:
        return await self.dispatch(inbound)


async def nothing(inbound: Inbound) -> Answer:
    return Done()


@asynccontextmanager
async def on_slack(clock: Clock) -> AsyncIterator[OnSlack]:
    async with FakeSlack(deadline=3.0) as slack:
        ours = Slack(slack.bot_token, slack.signing_secret, clock, api_url=slack.api_url)
        workplace = OnSlack(slack, ours)
        await ours.start()
        server = WebServer("127.0.0.1", 0, ours.routes(workplace.acts), ready)
        await server.start()
        slack.bot_url = f"{server.address}/slack/events"
        yield workplace
        await slack.settle()
        await ours.close()
        await server.stop()
        assert slack.complaints == []
