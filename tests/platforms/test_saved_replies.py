"""A saved reply in the form of `Reply`, and a colleague's answer meanwhile, on Slack and Teams."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bot.model.views import Audience
from demo.slack.text import block_lines
from sla_core.events import Answered
from tests.config.test_saved_replies import written
from tests.platforms.conftest import Opened
from tests.platforms.on_slack import OnSlack
from tests.platforms.on_teams import OnTeams, card_in, filled_in, words_of
from tests.platforms.story import KEY, Story


class ReplyForm:
    """Forms of `Reply` that Bob and Eve have open."""

    def __init__(self, story: Story) -> None:
        self.story = story
        self._dialogs: dict[str, Any] = {}

    async def opens(self, who: str) -> None:
        card = self.story.card(Audience.AGENTS)
        match self.story.agents:
            case OnSlack() as on:
                await on.slack.press(on.people[who], on.message(card), "Reply")
            case OnTeams() as on:
                self._dialogs[who] = await on.opens_dialog(who, "Reply", card)
            case _:
                raise AssertionError

    async def chooses(self, who: str, saved: str) -> None:
        """In Slack the form fills at once; in Teams when it is sent."""
        match self.story.agents:
            case OnSlack() as on:
                await on.slack.choose(on.people[who], "saved_reply", saved)
                await on.ours.settle()
            case _:
                await self.sends(who, saved_reply=saved)

    async def sends(self, who: str, **values: str) -> bool:
        """Whether the form is over then."""
        match self.story.agents:
            case OnSlack() as on:
                over = bool((await on.slack.submit(on.people[who], values)).closed)
                await on.ours.settle()
            case OnTeams() as on:
                data = filled_in(self._dialogs[who], values)
                answer = await on.task(
                    "task/submit", who, on.triage.id, self.story.card(Audience.AGENTS).id, data
                )
                over = not (answer and answer["task"]["type"] == "continue")
                self._dialogs[who] = None if over else card_in(answer)
            case _:
                raise AssertionError
        await self.story.deliver()
        return over

    def reads(self, who: str) -> str:
        match self.story.agents:
            case OnSlack() as on:
                view = on.slack.modal_of(on.people[who])
                assert view is not None
                lines = (block_lines(on.slack.workspace, block) for block in view.blocks)
                return "\n".join(line for block in lines for line in block)
            case _:
                return words_of(self._dialogs[who])


@pytest.fixture(params=["slack", "teams"])
async def form(request: pytest.FixtureRequest, opened: Opened, tmp_path: Path) -> ReplyForm:
    written(tmp_path, thanks="# Say thanks\nThank you, {customer}.", logs="Please send the logs.")
    return ReplyForm(await opened(request.param))


async def answers(story: Story) -> list[str]:
    return [e.text for e in (await story.desk.ticket(KEY)).history if isinstance(e, Answered)]


async def test_a_saved_reply_is_filled_in_and_sent(form: ReplyForm) -> None:
    await form.opens("Bob")
    await form.chooses("Bob", "thanks")
    assert await answers(form.story) == []
    assert await form.sends("Bob")
    assert await answers(form.story) == ["Thank you, Alice."]
    [told] = form.story.told("/customer/")
    assert "Thank you, Alice." in told.text


async def test_another_choice_takes_its_place_and_typed_words_stay(form: ReplyForm) -> None:
    await form.opens("Bob")
    await form.chooses("Bob", "thanks")
    await form.chooses("Bob", "logs")
    assert await form.sends("Bob", text="Please send the logs.\nAll of them.")
    assert await answers(form.story) == ["Please send the logs.\nAll of them."]


async def test_a_colleague_who_answers_meanwhile_is_seen(form: ReplyForm) -> None:
    await form.opens("Eve")
    await form.opens("Bob")
    assert "Eve has been writing a reply since" in form.reads("Bob")
    assert await form.sends("Eve", text="It is the queue.")
    assert not await form.sends("Bob", text="Which customer is it?")
    assert "Eve replied at" in form.reads("Bob")
    assert "It is the queue." in form.reads("Bob")
    assert await answers(form.story) == ["It is the queue."]
    assert await form.sends("Bob")
    assert await answers(form.story) == ["It is the queue.", "Which customer is it?"]
