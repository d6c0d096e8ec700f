"""Customers of another organisation on Teams, whom a bot cannot write to privately."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.teams.outbound.responder import IN_THREAD, NOT_HERE
from bot.model.address import MessageRef
from bot.model.views import Audience
from tests.desk_file import TEAMS_ACME, TEAMS_TRIAGE, account, chat, desk_file, entra
from tests.harness import HeldClock
from tests.memory_store import MemoryStore
from tests.platforms.conftest import FRIDAY_AFTERNOON, Opened
from tests.platforms.on_teams import OnTeams, SentCard, labels_of, on_teams, words_of
from tests.platforms.story import KEY, S2, Story, open_story
from tests.platforms.test_links import address, links
from tests.teams.fake_connector import ELSEWHERE


def at_work(desk: Story) -> OnTeams:
    assert isinstance(desk.customers, OnTeams)
    return desk.customers


async def asks(desk: Story, who: str, words: str, home: str = "") -> SentCard:
    (answer,) = await at_work(desk).mentions(who, words, home)
    return answer


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("help", "status KEY"),
        ("list", f"{KEY}\u00a0Bills are slow"),
        (f"status {KEY}", f"{KEY} · Bills are slow"),
        ("status ACME-9", "You cannot see ACME-9 from here."),
    ],
)
async def test_text_commands_are_answered_in_the_thread(opened: Opened, words: str, says: str) -> None:
    answer = await asks(await opened("teams"), "Alice", words)
    assert answer.conversation.startswith(f"{TEAMS_ACME};messageid=")
    assert says in words_of(answer.card)


async def test_the_card_in_the_thread_holds_what_the_channel_may_see(opened: Opened) -> None:
    desk = await opened("teams")
    shown = await asks(desk, "Alice", f"status {KEY}")
    standing = at_work(desk).microsoft.sent_cards[desk.card(Audience.CUSTOMER).id]
    assert shown.card == standing.card
    assert "TAM Dana" not in words_of(shown.card), "which agents see"


async def test_its_buttons_act(opened: Opened) -> None:
    desk = await opened("teams")
    workplace = at_work(desk)
    shown = await asks(desk, "Alice", f"status {KEY}")
    named = next(name for name, card in workplace.microsoft.sent_cards.items() if card is shown)
    where = desk.card(Audience.CUSTOMER)
    read = await workplace.reads_form("Alice", "Close", type(where)(where.place, named))
    assert "If you close the ticket, this is no longer due." in read


async def test_an_agent_is_answered_in_their_own_chat(opened: Opened) -> None:
    answer = await asks(await opened("teams"), "Bob", f"status {KEY}")
    assert TEAMS_ACME not in answer.conversation
    assert "TAM Dana" in words_of(answer.card)


async def test_what_agents_see_is_never_shown_in_the_customers_channel(tmp_path: Path) -> None:
    """Bob works for a partner, whose people cannot be written to privately either."""
    clock, store = HeldClock(FRIDAY_AFTERNOON), MemoryStore()
    file = desk_file(
        chats=[chat("teams", TEAMS_TRIAGE, [f"{ELSEWHERE}/{entra('bob')}"])],
        platforms=["teams"],
        rotas={"first_line": ["eve"]},
        accounts=[account(channel=f"teams:{TEAMS_ACME}")],
    )
    async with on_teams(clock, store) as workplace:
        desk = await open_story(tmp_path, file, clock, store, [workplace])
        await desk.opens("Alice", "Bills are slow")
        answer = await asks(desk, "Bob", f"status {KEY}", home=ELSEWHERE)
        assert words_of(answer.card).endswith(NOT_HERE)
        answer = await asks(desk, "Bob", f"status {KEY}")
        assert "TAM Dana" not in words_of(answer.card), "the same id of the vendor is a customer"


async def test_why_opens_a_dialog(opened: Opened) -> None:
    desk = await opened("teams")
    before = desk.card_view(Audience.CUSTOMER)
    told = await at_work(desk).presses("Alice", "Why?", desk.card(Audience.CUSTOMER))
    assert "First response" in told
    assert desk.card_view(Audience.CUSTOMER) == before


@pytest.mark.parametrize("audience", Audience)
async def test_why_on_a_card_of_the_release_before_keeps_the_card(opened: Opened, audience: Audience) -> None:
    """Its button asks for no dialog."""
    desk = await opened("teams")
    workplace, card = at_work(desk), desk.card(audience)
    before = len(workplace.microsoft.sent_cards)
    press = {"action": "why", "value": KEY}
    told = await workplace.execute("Alice", card.place.id, card.id, press)
    posted = list(workplace.microsoft.sent_cards.values())[before:]
    if audience is Audience.CUSTOMER:
        assert told["value"] == IN_THREAD
        assert [each.conversation for each in posted] == [f"{TEAMS_ACME};messageid={card.id}"]
        assert "First response" in words_of(posted[0].card)
    else:
        assert "Only the customer of ACME-1" in told["value"]
        assert posted == []


async def test_the_thread_of_a_mention_names_the_ticket(opened: Opened) -> None:
    desk = await opened("teams")
    workplace = at_work(desk)
    await workplace.opens("Alice", "Login is broken", S2)
    thread = [
        card for card in workplace.microsoft.sent_cards.values() if "messageid=1800" in card.conversation
    ]
    assert words_of(thread[-1].card) == "✅ ACME-2 is open. Please continue in the thread of its card."
    assert labels_of(thread[-1].card) == []
    await desk.deliver()
    [card] = [said.ref for key, said in desk.store.outbox.items() if key == "ACME-2/customer"]
    sent = workplace.microsoft.sent_cards.items()
    form = next(id for id, shown in sent if "This is now ticket ACME-2." in words_of(shown.card))
    assert card is not None
    assert links(workplace.displayed(MessageRef(workplace.channel, form))) == [address(card)]
