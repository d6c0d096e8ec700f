"""Forms that a person has open on Slack or Teams, and a desk whose answers may get lost."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import pytest

from bot.model.forms import OPENING
from bot.model.inbound import Answer, Ask, Dispatch, Inbound, Submission
from bot.model.views import Audience
from demo.slack.text import block_lines
from sla_core.events import Opened
from tests.harness import HeldClock
from tests.memory_store import MemoryStore
from tests.platforms.conftest import FRIDAY_AFTERNOON
from tests.platforms.desk_files import ON_SLACK, ON_TEAMS
from tests.platforms.on_slack import OnSlack, on_slack
from tests.platforms.on_teams import OnTeams, card_in, filled_in, on_teams, words_of
from tests.platforms.story import S2, Story, open_story
from tests.teams.fake_connector import Json


class Form(Protocol):
    """A form that a person has open."""

    async def sends(self, **changes: str) -> str:
        """What its author reads then; empty where nothing is said."""
        ...

    async def is_redrawn(self) -> None:
        """By what its author does in it, short of sending it whole."""
        ...


@dataclass
class Modal:
    """A form on Slack, where each choice redraws it."""

    workplace: OnSlack
    who: str

    async def sends(self, **changes: str) -> str:
        person, slack = self.workplace.people[self.who], self.workplace.slack
        reply = await slack.submit(person, changes)
        view = slack.modal_of(person)
        shown = [line for b in view.blocks for line in block_lines(slack.workspace, b)] if view else []
        return "\n".join([*shown, *reply.errors.values()])

    async def is_redrawn(self) -> None:
        person, slack = self.workplace.people[self.who], self.workplace.slack
        view = slack.modal_of(person)
        assert view is not None
        before = view.hash
        await slack.choose(person, "production", "minor")
        await self.workplace.ours.settle()
        await slack.choose(person, "production", S2["production"])
        await self.workplace.ours.settle()
        assert view.hash != before


@dataclass
class FormCard:
    """The form as a message on Teams, which everybody in the thread may send."""

    workplace: OnTeams
    who: str
    message: str
    conversation: str
    card: Json

    async def sends(self, **changes: str) -> str:
        data = filled_in(self.card, {**changes})
        answer = await self.workplace.execute(self.who, self.conversation, self.message, data)
        if not isinstance(card := answer["value"], dict) or "body" not in card:
            return str(card)
        if card.get("actions"):
            self.card = card
        return words_of(card)

    async def is_redrawn(self) -> None:
        """Sent without a summary, it comes back with what is wrong."""
        assert "Please say in a few words what is wrong." in await self.sends(summary="")


@dataclass
class Dialog:
    """A form behind a button of a card on Teams."""

    workplace: OnTeams
    who: str
    on: str
    conversation: str
    card: Json

    async def sends(self, **changes: str) -> str:
        data = filled_in(self.card, changes)
        answer = await self.workplace.task("task/submit", self.who, self.conversation, self.on, data)
        if answer is None:
            return ""
        shown = card_in(answer)
        if shown.get("actions"):
            self.card = shown
        return words_of(shown)


@dataclass
class LossyDesk:
    """A desk on one platform, where an answer may get lost."""

    desk: Story
    workplace: OnSlack | OnTeams
    works: Dispatch

    def loses_an_answer(self) -> None:
        """The desk processes the next form, and its response is lost."""

        async def dispatch(inbound: Inbound) -> Answer:
            answer = await self.works(inbound)
            if isinstance(inbound, Submission):
                self.workplace.dispatch = self.works
                raise ConnectionError("nobody is there any more")
            return answer

        self.workplace.dispatch = dispatch

    def is_of_the_release_before(self) -> None:
        """Its forms carry no identity."""

        async def dispatch(inbound: Inbound) -> Answer:
            answer = await self.works(inbound)
            if not isinstance(answer, Ask):
                return answer
            context = {name: text for name, text in answer.form.context.items() if name != OPENING}
            return replace(answer, form=replace(answer.form, context=context))

        self.workplace.dispatch = dispatch

    def is_of_this_release(self) -> None:
        self.workplace.dispatch = self.works

    async def asks(self, who: str, summary: str) -> Modal | FormCard:
        """`/support`, or a mention."""
        if isinstance(self.workplace, OnSlack):
            await self.workplace.slack.command(
                self.workplace.people[who], self.workplace.acme, "/support", summary
            )
            return Modal(self.workplace, who)
        named, asked = await self.workplace.asks(who, summary)
        return FormCard(self.workplace, who, named, asked.conversation, asked.card)

    async def opens_reply(self, who: str) -> Modal | Dialog:
        """The form behind Reply."""
        work = self.desk.card(Audience.AGENTS)
        if isinstance(self.workplace, OnSlack):
            await self.workplace.slack.press(
                self.workplace.people[who], self.workplace.message(work), "Reply"
            )
            return Modal(self.workplace, who)
        card = await self.workplace.opens_dialog(who, "Reply", work)
        return Dialog(self.workplace, who, work.id, work.place.id, card)

    async def summaries(self) -> list[str]:
        """Of all tickets, oldest first."""
        keys = reversed(await self.desk.store.tickets("acme"))
        firsts = [(await self.desk.store.load(key))[0] for key in keys]
        return [first.summary for first in firsts if isinstance(first, Opened)]


OpenLossyDesk = Callable[[str], Awaitable[LossyDesk]]


@pytest.fixture
async def open_lossy_desk(tmp_path: Path) -> AsyncIterator[OpenLossyDesk]:
    async with AsyncExitStack() as open_ones:

        async def opened(name: str) -> LossyDesk:
            clock, store = HeldClock(FRIDAY_AFTERNOON), MemoryStore()
            workplace: OnSlack | OnTeams = await open_ones.enter_async_context(
                on_teams(clock, store) if name == "teams" else on_slack(clock)
            )
            file = ON_TEAMS if name == "teams" else ON_SLACK
            desk = await open_story(tmp_path, file, clock, store, [workplace])
            return LossyDesk(desk, workplace, workplace.dispatch)

        yield opened


@pytest.fixture(params=["slack", "teams"])
async def lossy_desk(request: pytest.FixtureRequest, open_lossy_desk: OpenLossyDesk) -> LossyDesk:
    return await open_lossy_desk(request.param)
