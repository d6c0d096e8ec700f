"""Clients of Teams without dialogs, such as the Agents Playground: a form is a card and can be cancelled."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from adapters.teams.outbound.responder import CANCELLED, THANKS
from bot.desk.channels import ensure_help_messages
from bot.model.address import MessageRef, Place
from bot.model.views import Audience
from tests.harness import HeldClock
from tests.memory_store import MemoryStore
from tests.platforms.conftest import FRIDAY_AFTERNOON, Opened
from tests.platforms.desk_files import ON_TEAMS
from tests.platforms.on_teams import PLAYGROUND, OnTeams, filled_in, labels_of, on_teams, words_of
from tests.platforms.story import KEY, S2, Story, open_story
from tests.teams.activities import activity
from tests.teams.fake_connector import Json
from tests.teams.rules import elements


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Story]:
    """A desk with one ticket of Alice's, in the Playground."""
    clock, store = HeldClock(FRIDAY_AFTERNOON), MemoryStore()
    async with on_teams(clock, store, PLAYGROUND) as workplace:
        story = await open_story(tmp_path, ON_TEAMS, clock, store, [workplace])
        story.desk.key_values = store
        await story.opens("Alice", "Bills are slow")
        yield story


def at_work(desk: Story) -> OnTeams:
    assert isinstance(desk.customers, OnTeams)
    return desk.customers


def actions(card: Any) -> Iterator[Json]:
    """Every button that acts, also those of menus and of a form."""
    for item in elements(card):
        asks_for_dialog = item["type"] == "Action.Submit" and "msteams" in item["data"]
        if item["type"] == "Action.Execute" or asks_for_dialog:
            yield item


def button(card: Json, label: str) -> Json:
    return next(action for action in actions(card) if action["title"] == label)


async def presses(desk: Story, who: str, label: str, on: MessageRef, card: Json | None = None) -> Any:
    """Executes a button of a message, or of the card that somebody sees in its place; the answer."""
    workplace = at_work(desk)
    sent = workplace.microsoft.sent_cards[on.id]
    data = button(card or sent.card, label)["data"]
    return (await workplace.execute(who, sent.conversation, on.id, data))["value"]


FORMS = [
    ("Alice", Audience.CUSTOMER, "Close"),
    ("Alice", Audience.CUSTOMER, "Add details"),
    ("Alice", Audience.CUSTOMER, "Escalate"),
    ("Bob", Audience.AGENTS, "Reply"),
    ("Bob", Audience.AGENTS, "Update"),
    ("Bob", Audience.AGENTS, "Assign"),
    ("Bob", Audience.AGENTS, "Change severity"),
    ("Bob", Audience.AGENTS, "Escalate"),
    ("Bob", Audience.AGENTS, "Resolve"),
]


@pytest.mark.parametrize(("who", "audience", "label"), FORMS)
async def test_cancel_brings_the_card_back(desk: Story, who: str, audience: Audience, label: str) -> None:
    card = desk.card(audience)
    before = at_work(desk).microsoft.sent_cards[card.id].card
    form = await presses(desk, who, label, card)
    assert labels_of(form)[-1] == "Cancel"
    assert await presses(desk, who, "Cancel", card, form) == before
    assert await desk.events() == ["Opened"]


async def test_a_form_that_was_sent_brings_the_card_back_as_it_is_now(desk: Story) -> None:
    workplace, card = at_work(desk), desk.card(Audience.CUSTOMER)
    form = await presses(desk, "Alice", "Close", card)
    sent = workplace.microsoft.sent_cards[card.id]
    shown = await workplace.execute("Alice", sent.conversation, card.id, filled_in(form, {}))
    assert labels_of(shown["value"]) == ["Why?", "Reopen"]
    await desk.deliver()
    assert workplace.microsoft.sent_cards[card.id].card == shown["value"]


async def test_a_form_that_was_sent_before_says_so_above_the_card(desk: Story) -> None:
    workplace, card = at_work(desk), desk.card(Audience.AGENTS)
    form = await presses(desk, "Bob", "Reply", card)
    conversation = workplace.microsoft.sent_cards[card.id].conversation
    for _ in range(2):
        answer = await workplace.execute("Bob", conversation, card.id, filled_in(form, {"text": "On it"}))
    assert words_of(answer["value"]).startswith("You already sent this form")
    assert "Resolve" in labels_of(answer["value"])


async def test_get_help_comes_back(desk: Story) -> None:
    await ensure_help_messages(desk.desk, desk.store)
    await desk.deliver()
    (said,) = (each.ref for key, each in desk.store.outbox.items() if key.startswith("get-help/"))
    assert said is not None
    form = await presses(desk, "Alice", "Get help", said)
    assert labels_of(form) == ["Open ticket", "Cancel"]
    assert labels_of(await presses(desk, "Alice", "Cancel", said, form)) == ["Get help"]


async def test_the_account_managers_message_comes_back(desk: Story) -> None:
    await desk.wait(hours=4)
    said = desk.refs("/dm/")[-1]
    before = at_work(desk).microsoft.sent_cards[said.id].card
    form = await presses(desk, "Dana", "Delegate", said)
    assert await presses(desk, "Dana", "Cancel", said, form) == before


async def test_a_form_after_a_mention_can_be_cancelled_too(desk: Story) -> None:
    """It took the place of nothing, so everybody sees that it is over."""
    workplace = at_work(desk)
    named, asked = await workplace.asks("Alice", "Login is broken")
    on = MessageRef(Place("teams", asked.conversation), named)
    shown = await presses(desk, "Alice", "Cancel", on, asked.card)
    assert words_of(shown) == CANCELLED
    assert workplace.microsoft.sent_cards[named].card == shown
    assert await desk.store.tickets("acme") == [KEY]


async def test_why_keeps_the_card_and_answers_in_the_chat(desk: Story) -> None:
    card = desk.card(Audience.CUSTOMER)
    answer = await presses(desk, "Alice", "Why?", card)
    assert answer == "The answer is in your chat with this app."
    chat = list(at_work(desk).microsoft.sent_cards.values())[-1]
    assert "First response" in words_of(chat.card)


# Clients that know no Action.Execute ------------------------------------------------------------


async def submits(desk: Story, who: str, on: MessageRef, data: Json) -> list[Json]:
    """What a client sends for Action.Submit: a message without words. The cards that are posted then."""
    workplace = at_work(desk)
    before, sent = {**workplace.microsoft.sent_cards}, workplace.microsoft.sent_cards[on.id]
    where = workplace.at(who, sent.conversation)
    await workplace.send(activity(workplace.microsoft.service, text="", value=data, replyToId=on.id, **where))
    return [each.card for name, each in workplace.microsoft.sent_cards.items() if name not in before]


async def test_every_fallback_sends_what_its_button_sends(desk: Story) -> None:
    for audience in Audience:
        for action in actions(at_work(desk).microsoft.sent_cards[desk.card(audience).id].card):
            fallback = action["fallback"]
            assert (fallback["type"], fallback["title"]) == ("Action.Submit", action["title"])
            assert fallback["data"] == action["data"]


async def test_a_fallback_acts_at_once(opened: Opened) -> None:
    desk = await opened("teams")
    work = desk.card(Audience.AGENTS)
    card = at_work(desk).microsoft.sent_cards[work.id].card
    assert await submits(desk, "Bob", work, button(card, "Take it")["fallback"]["data"]) == []
    assert (await desk.events())[1:] == ["Taken"]


@pytest.mark.parametrize("dialogs", [True, False])
async def test_a_fallback_opens_a_form_that_can_be_sent(desk: Story, opened: Opened, dialogs: bool) -> None:
    """The form is a message of its own, which ends when it is sent or cancelled."""
    story = await opened("teams") if dialogs else desk
    workplace, work = at_work(story), story.card(Audience.AGENTS)
    reply = button(workplace.microsoft.sent_cards[work.id].card, "Reply")
    data = reply["data"] if dialogs else reply["fallback"]["data"]
    for label, ends in (("Cancel", CANCELLED), ("Send", THANKS)):
        (form,) = await submits(story, "Bob", work, data)
        named = list(workplace.microsoft.sent_cards)[-1]
        typed = {"text": "We look into it"} if label == "Send" else {}
        sent = {**button(form, label)["fallback"]["data"], **typed}
        assert await submits(story, "Bob", MessageRef(work.place, named), sent) == []
        assert words_of(workplace.microsoft.sent_cards[named].card).endswith(ends)
    assert await story.events() == ["Opened", "Answered"]


async def test_a_fallback_of_the_intake_form_opens_the_ticket(opened: Opened) -> None:
    desk = await opened("teams")
    workplace = at_work(desk)
    named, asked = await workplace.asks("Alice", "Login is broken")
    data = {**filled_in(asked.card, S2), **button(asked.card, "Open ticket")["fallback"]["data"]}
    await submits(desk, "Alice", MessageRef(Place("teams", asked.conversation), named), data)
    assert await desk.store.tickets("acme") == ["ACME-2", KEY]
    assert "ACME-2 is open." in words_of(workplace.microsoft.sent_cards[named].card)


async def test_a_fallback_of_why_answers_in_the_thread(opened: Opened) -> None:
    desk = await opened("teams")
    card = desk.card(Audience.CUSTOMER)
    (answer,) = await submits(desk, "Alice", card, {"action": "why", "value": KEY})
    assert "First response" in words_of(answer)
