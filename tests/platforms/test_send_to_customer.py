"""`Send to customer` in the menu of an agent's message in triage, on Slack and Teams (contract.md)."""

from __future__ import annotations

from typing import Any

import pytest

from bot.model.address import MessageRef, Place
from bot.model.views import Audience
from demo.slack.text import block_lines
from sla_core.events import Answered, Kind
from tests.platforms.conftest import Opened
from tests.platforms.on_slack import OnSlack
from tests.platforms.on_teams import OnTeams, card_in, filled_in, words_of
from tests.platforms.story import KEY, Story
from tests.teams.activities import activity, invoke

SEND = "send_to_customer"


class Triage:
    """Messages in the agents' channel, and the entry of their menus."""

    def __init__(self, story: Story) -> None:
        self.story = story
        self.attached: list[dict[str, str]] = []
        self._dialog: dict[str, Any] = {}

    async def says(
        self, who: str, text: str, place: Place | None = None, below: MessageRef | None = None
    ) -> str:
        """A message in the thread of the agents' card; its id."""
        where = place or self.story.agents.triage
        root = below or (self.story.card(Audience.AGENTS) if place is None else None)
        match self.story.agents:
            case OnSlack() as on:
                channel = on.slack.workspace.channels[where.id]
                said = await on.slack.say(on.people[who], channel, text, on.message(root) if root else None)
                await on.slack.settle()
                return said.ts
            case OnTeams() as on:
                id = str(next(on._numbers))
                at = on.at(who, f"{where.id};messageid={root.id if root else id}", id)
                await on.send(activity(on.microsoft.service, text=text, **at))
                return id
            case _:
                raise AssertionError

    async def chooses(self, who: str, id: str, text: str, author: str, place: Place | None = None) -> str:
        """Chooses the entry, and reads what opens."""
        where = place or self.story.agents.triage
        match self.story.agents:
            case OnSlack() as on:
                person = on.people[who]
                await on.slack.shortcut(person, on.message(MessageRef(where, id)), SEND)
                await on.ours.settle()
                view = on.slack.modal_of(person)
                assert view is not None
                return "\n".join(
                    line for each in view.blocks for line in block_lines(on.slack.workspace, each)
                )
            case OnTeams() as on:
                user = {"id": on.user(author).id, "userIdentityType": "aadUser"}
                payload: dict[str, Any] = {"id": id, "body": {"content": text}, "from": {"user": user}}
                payload |= {"attachments": self.attached}
                payload |= {"replyToId": self.story.card(Audience.AGENTS).id} if place is None else {}
                value = {"commandId": SEND, "commandContext": "message", "messagePayload": payload}
                at = on.at(who, where.id)
                answer = await on.send(
                    invoke(on.microsoft.service, "composeExtension/fetchTask", value, **at)
                )
                self._dialog = card_in(answer)
                return words_of(self._dialog)
            case _:
                raise AssertionError

    async def confirms(self, who: str, **values: str) -> None:
        match self.story.agents:
            case OnSlack() as on:
                assert (await on.slack.submit(on.people[who], values)).closed
                await on.slack.settle()
            case OnTeams() as on:
                sent = {"commandId": SEND, "data": filled_in(self._dialog, values)}
                at = on.at(who, on.triage.id)
                await on.send(invoke(on.microsoft.service, "composeExtension/submitAction", sent, **at))
            case _:
                raise AssertionError
        await self.story.deliver()


@pytest.fixture(params=["slack", "teams"])
async def triage(request: pytest.FixtureRequest, opened: Opened) -> Triage:
    return Triage(await opened(request.param))


async def test_its_words_are_a_reply(triage: Triage) -> None:
    """They meet the first response, mention the opener, and can be changed before they are sent."""
    story = triage.story
    id = await triage.says("Bob", "It is the queue. <b>Fixed</b> at noon")
    await triage.chooses("Bob", id, "<p>It is the queue.</p><p>Fixed at noon</p>", "Bob")
    assert await story.events() == ["Opened"]
    await triage.confirms("Bob", next="customer", text="It is the queue.\nFixed at noon.")
    [answered] = [e for e in (await story.desk.ticket(KEY)).history if isinstance(e, Answered)]
    assert (answered.kind, answered.by.name, answered.next) == (Kind.REPLY, "Bob", "customer")
    assert answered.text == "It is the queue.\nFixed at noon."
    [told] = story.told("/customer/")
    assert "Bob replied" in told.text
    assert "Fixed at noon" in told.text
    assert "met" in story.card_view(Audience.CUSTOMER).text
    assert any("alice" in each.lower() for each in (*told.live, told.text.lower()))


async def test_what_cannot_be_sent(triage: Triage) -> None:
    """Messages of customers, in customers' channels, below no ticket, and the desk's own."""
    story, on = triage.story, triage.story.agents
    hers = await triage.says("Alice", "Any news?", on.channel)
    assert "Only a message in triage" in await triage.chooses("Bob", hers, "Any news?", "Alice", on.channel)
    stray = await triage.says("Bob", "Lunch?", on.triage)
    assert "belongs to no ticket" in await triage.chooses("Bob", stray, "Lunch?", "Bob", on.triage)
    guest = await triage.says("Dana", "I am the TAM") if on.name == "teams" else ""
    if guest:
        assert "Only what one of our agents wrote" in await triage.chooses("Bob", guest, "Hm", "Alice")
    else:
        desks = story.refs("/triage/")[-1].id
        assert "Only what one of our agents wrote" in await triage.chooses("Bob", desks, "", "")
    assert await story.events() == ["Opened"]


async def test_its_files_are_copied_in_slack_and_named_in_teams(triage: Triage) -> None:
    """In Slack the agent may leave some out. In Teams the form says that they stay."""
    story = triage.story
    match story.agents:
        case OnSlack() as on:
            root = on.message(story.card(Audience.AGENTS))
            said = await on.slack.say(on.people["Bob"], on.agents, "See these", root, ["a.log", "b.log"])
            await triage.chooses("Bob", said.ts, "", "Bob")
            await triage.confirms("Bob", files=["b.log"])  # type: ignore[arg-type]
            below = [each for each in on.acme.messages if each.files]
            assert [file.name for each in below for file in each.files] == ["b.log"]
            assert [each.thread_ts for each in below] == [story.card(Audience.CUSTOMER).id]
        case _:
            triage.attached = [{"contentType": "reference", "name": "a.log", "contentUrl": "https://x"}]
            assert "will not be sent" in await triage.chooses("Bob", "77", "See this", "Bob")
            assert "a.log" in await triage.chooses("Bob", "77", "See this", "Bob")
    assert await story.events() == (["Opened", "Answered"] if story.agents.name == "slack" else ["Opened"])
