"""How often each person is notified during the life of a ticket (contract.md, "Who is mentioned").

A message in a bot's thread notifies only the people it mentions, a message at top level nobody but them, a
direct message its recipient. An edit notifies nobody.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from bot.model.address import UserRef
from bot.model.views import Audience, Mention, Notice, View
from tests.desk.ticket.test_way_up import presses_direct
from tests.desk_file import TEAMS_TRIAGE, account, chat, desk_file
from tests.desk_file import person as on_file
from tests.harness import (
    ACME,
    ALICE,
    BOB,
    DANA,
    DESK_FILE,
    DESK_FILE_WITH_HOLD,
    EVE,
    S1,
    S2,
    TRIAGE,
    DeskInMemory,
    done,
    open_desk,
    person,
)
from tests.journeys.conftest import FRIDAY_AFTERNOON, OpenDesk
from tests.journeys.test_across_platforms import TEAMS_BOB
from tests.packs import test_monetate_desk as monetate

BOTH = ["slack", "teams"]
MIA = person("Mia")


def mentioned(view: View) -> list[str]:
    """The names of the people that a message mentions."""
    return [part.name for part in view.text if isinstance(part, Mention)] if isinstance(view, Notice) else []


def notified(desk: DeskInMemory) -> Counter[str]:
    """How many messages notified each person."""
    counts: Counter[str] = Counter()
    for message in desk.posted:
        names = mentioned(message.view)
        assert len(names) == len(set(names)), f"somebody is mentioned twice: {message.text}"
        if isinstance(message.to, UserRef):
            assert names == []
            if message.key and "/page" in message.key:
                continue  # a mention and a direct message for one page are one page
            names = [next(who.name for who in (DANA, BOB, EVE, MIA) if who.user.id == message.to.id)]
        counts.update(names)
    return counts


@pytest.mark.parametrize("messages", [1, 3])
async def test_a_normal_ticket(a_desk: OpenDesk, messages: int) -> None:
    """The opener: the answer and the resolution. First line: the opening. The owner: each message of hers."""
    desk = await a_desk()
    key = await desk.submits(ALICE, "Bills are slow", S2)
    assert notified(desk) == {"Bob": 1}

    await desk.presses(EVE, "Take it", key)
    await desk.submits_form(EVE, "Reply", key, text="We look into it.")
    assert notified(desk) == {"Bob": 1, "Alice": 1}

    for number in range(messages):
        await desk.writes(ALICE, f"It got worse, {number}.", key)
    await desk.submits_form(EVE, "Resolve", key, text="The queue runs again.")
    await desk.presses(ALICE, "Close", key)
    assert desk.card_view(key).state == "closed"
    assert notified(desk) == {"Bob": 1, "Alice": 2, "Eve": messages}


async def test_a_reopening_mentions_nobody_but_pages_for_an_unanswered_emergency(a_desk: OpenDesk) -> None:
    """It is no message of hers: the owner hears of her next one, of a warning and of a breach."""
    desk = await a_desk()
    key = await desk.submits(ALICE, "All is down", S1)
    await desk.submits_form(EVE, "Resolve", key, text="The queue runs again.")
    before = notified(desk)
    await desk.presses(ALICE, "Reopen", key)
    assert notified(desk) - before == {}
    assert desk.thread(key, Audience.AGENTS)[-1].startswith(f"{key} Alice reopened this ticket.")
    await desk.writes(ALICE, "It is down again.", key)
    assert notified(desk) - before == {"Eve": 1}

    other = await a_desk()
    key = await other.submits(ALICE, "All is down", S1)
    await other.presses(BOB, "Acknowledge", key)
    await other.submits_form(ALICE, "Close", key)
    await other.fast_forward(minutes=10)
    before = notified(other)
    await other.presses(ALICE, "Reopen", key)
    assert notified(other) - before == {"Bob": 1, "Kim": 1}


async def test_updates_and_holds_reach_the_opener(tmp_path: Path) -> None:
    """Each is a message of its own; what she or the clock does afterwards mentions her no further."""
    desk = await open_desk(tmp_path, FRIDAY_AFTERNOON, DESK_FILE_WITH_HOLD)
    key = await desk.submits(ALICE, "Bills are slow", S2)
    await desk.presses(EVE, "Take it", key)
    await desk.submits_form(EVE, "Update", key, text="Found the slow query.")
    await desk.submits_form(EVE, "Hold", key, text="Which customer of yours is it?")
    await desk.submits_form(ALICE, "Add details", key, text="Customer 17")
    await desk.submits_form(EVE, "Resolve", key, text="The query is fast now.")
    assert notified(desk) == {"Bob": 1, "Alice": 3, "Eve": 1}


@pytest.mark.parametrize(("owned", "agents"), [(False, {"Bob": 3}), (True, {"Bob": 1, "Eve": 2})])
async def test_an_unanswered_ticket(a_desk: OpenDesk, owned: bool, agents: dict[str, int]) -> None:
    """Opening, warning and breach reach an agent; only the breach the opener.

    The TAM hears of the last two, and of the warning again after half an hour; after an hour, leadership.
    """
    desk = await a_desk()
    key = await desk.submits(ALICE, "Bills are slow", S2)
    if owned:
        await desk.presses(EVE, "Take it", key)
    await desk.fast_forward(hours=4)
    unsaid = ("Taken", "Notified")
    assert [e for e in await desk.events(key) if e not in unsaid] == ["Opened", "Warned", "Breached"]
    assert notified(desk) == {**agents, "Dana": 3, "Alice": 1, "Mia": 1}


async def test_an_unanswered_ticket_whose_warning_the_tam_acknowledges(a_desk: OpenDesk) -> None:
    """As the issue counts: first line 3, the TAM 2, opener 1, everyone else 0."""
    desk = await a_desk()
    key = await desk.submits(ALICE, "Bills are slow", S2)
    await desk.fast_forward(hours=3)
    await presses_direct(desk, DANA, "Acknowledge")
    await desk.fast_forward(hours=1)
    assert [e for e in await desk.events(key) if e != "Notified"] == [
        "Opened",
        "Warned",
        "Alerted",
        "Breached",
    ]
    assert notified(desk) == {"Bob": 3, "Dana": 2, "Alice": 1}


async def test_an_emergency_with_milestones(tmp_path: Path) -> None:
    """The opener hears each milestone and each answer; the page is the notice of the opening."""
    desk = await open_desk(tmp_path, monetate.FRIDAY_EVENING, monetate.DESK_FILE)
    key = await desk.submits(ALICE, "Broken images everywhere", monetate.EMERGENCY)
    assert notified(desk) == {"Bob": 1}
    await desk.presses(BOB, "Acknowledge", key)
    for label in monetate.LABELS:
        await desk.fast_forward(minutes=10)
        await desk.presses(BOB, label, key)
    await desk.submits_form(BOB, "Reply", key, text="All images load again.")
    assert notified(desk) == {"Bob": 1, "Alice": len(monetate.LABELS) + 1}


async def test_a_page_is_the_only_notice_of_an_opening(a_desk: OpenDesk) -> None:
    """A ticket that pages has no second line that says that it is new."""
    desk = await a_desk()
    key = await desk.submits(ALICE, "All is down", S1)
    assert not any("New ticket" in text for text in desk.thread(key, Audience.AGENTS))
    assert notified(desk) == {"Bob": 1, "Kim": 1}


async def test_an_agent_who_opens_is_not_told_and_nobody_is_the_opener(a_desk: OpenDesk) -> None:
    """The words are an agent's: no line in triage, and no mention in the customer's thread."""
    desk = await a_desk()
    form = await desk.asks_for_help(BOB, TRIAGE)
    await desk.sends(BOB, form, account="acme", summary="Called us by phone", **S2)
    await desk.submits_form(BOB, "Reply", "ACME-1", text="We look into it.")
    await desk.submits_form(BOB, "Resolve", "ACME-1", text="The queue runs again.")
    assert notified(desk) == {}


async def test_whoever_acted_is_not_mentioned(a_desk: OpenDesk) -> None:
    """Bob is on call first. Alice's escalation reaches him; his own calls Eve and not himself."""
    desk = await a_desk()
    key = await desk.submits(ALICE, "Bills are slow", S2)
    await desk.submits_form(ALICE, "Escalate", key, text="Month end is today")
    assert notified(desk) == {"Bob": 2, "Dana": 1}
    await desk.submits_form(BOB, "Escalate", key, text="Needs a second pair of eyes")
    assert notified(desk) == {"Bob": 2, "Dana": 2, "Eve": 1}


async def test_the_owner_is_the_same_person_on_both_platforms(tmp_path: Path) -> None:
    """Taken from Teams and escalated from Slack by Bob: he is not told of his own act, only of others'."""
    file = desk_file(
        chats=[chat("slack"), chat("teams", TEAMS_TRIAGE)],
        rotas={"first_line": ["eve"], "second_line": ["eve", "bob"]},
        people=["dana"],
        accounts=[account(), on_file("bob", BOTH), on_file("eve", BOTH)],
    )
    desk = await open_desk(tmp_path, FRIDAY_AFTERNOON, file, platforms=("slack", "teams"))
    key = await desk.submits(ALICE, "Bills are slow", S2)
    assert done(await desk.presses(TEAMS_BOB, "Take it", key))
    assert notified(desk) == {"Eve": 1}
    await desk.submits_form(BOB, "Escalate", key, ACME, text="Needs a second pair of eyes")
    assert notified(desk) == {"Eve": 2, "Dana": 1}
    await desk.writes(ALICE, "It got worse.", key)
    assert notified(desk) == {"Eve": 2, "Dana": 1, "Bob": 1}


async def test_a_colleague_is_not_the_opener(a_desk: OpenDesk) -> None:
    """The answer to Carol's question mentions Alice, whose words began the ticket, and not Carol."""
    desk = await a_desk()
    key = await desk.submits(ALICE, "Bills are slow", S2)
    await desk.writes(person("Carol", "T0ACME"), "It is the same here.", key)
    await desk.submits_form(BOB, "Reply", key, text="We look into it.")
    assert notified(desk) == {"Bob": 2, "Alice": 1}


async def test_nobody_on_call_is_nobody_mentioned(tmp_path: Path) -> None:
    """An empty rota leaves no line that says nothing and reaches nobody."""
    empty = DESK_FILE.replace('first_line = ["bob", "eve"]\n', "")
    desk = await open_desk(tmp_path, FRIDAY_AFTERNOON, empty)
    key = await desk.submits(ALICE, "Bills are slow", S2)
    assert desk.thread(key, Audience.AGENTS) == []
    await desk.fast_forward(hours=3)
    assert notified(desk) == {"Dana": 1}


def with_rotation(role: str, was: str, people: str) -> str:
    """The desk's file with a weekly rotation in Berlin that hands over on Mondays at nine."""
    assert was in DESK_FILE
    return DESK_FILE.replace(was, "") + (
        f"[rotas.{role}]\npeople = {people}\nzone = 'Europe/Berlin'\nstarts = 2026-03-16T09:00:00\n"
        "turn = '1 week'\n"
    )


FIRST_LINE = with_rotation("first_line", 'first_line = ["bob", "eve"]\n', '["bob", "eve"]')


async def test_a_rotation_mentions_the_person_on_call_at_that_instant(tmp_path: Path) -> None:
    """Bob has the week; on Monday at nine Eve takes over, and hears of what happens from then on."""
    desk = await open_desk(tmp_path, FRIDAY_AFTERNOON, FIRST_LINE)
    key = await desk.submits(ALICE, "Bills are slow", S2)
    assert notified(desk) == {"Bob": 1}
    await desk.forward_to("2026-03-23T07:59:00Z")
    before = notified(desk)
    assert before["Eve"] == 0
    await desk.forward_to("2026-03-23T08:00:00Z")
    await desk.writes(ALICE, "It got worse.", key)
    assert notified(desk) - before == {"Eve": 1}


@pytest.mark.parametrize(
    ("at", "paged"),
    [(FRIDAY_AFTERNOON, [["Bob"], ["Kim"]]), ("2026-03-13T15:30:00Z", [["Eve"], ["Kim"]])],
)
async def test_a_rotation_pages_only_the_person_on_call(
    tmp_path: Path, at: str, paged: list[list[str]]
) -> None:
    """Here Eve is off duty; before the rotation starts Bob is too, so the second line's first is paged.

    Kim is engineering, which an emergency pages from the start.
    """
    desk = await open_desk(tmp_path, at, FIRST_LINE)
    await desk.submits(ALICE, "All is down", S1)
    pages = [mentioned(message.view) for message in desk.posted if "Paged" in message.text]
    assert pages == paged


async def test_leadership_hears_the_end_of_what_it_was_told(tmp_path: Path) -> None:
    """Dana's week ends before the resolution. The direct message goes to her, who knows of the ticket."""
    by_week = with_rotation("leadership", 'leadership = ["mia"]\n', '["dana", "bob"]')
    desk = await open_desk(tmp_path, FRIDAY_AFTERNOON, by_week.replace('tam = "dana"\n', ""))
    key = await desk.submits(ALICE, "Bills are slow", S2)
    await desk.submits_form(ALICE, "Escalate", key, text="Month end is today")
    assert len(desk.direct(DANA)) == 1
    await desk.fast_forward(minutes=30)
    assert len(desk.direct(DANA)) == 2
    await desk.forward_to("2026-03-23T12:00:00Z")
    await desk.submits_form(EVE, "Resolve", key, text="Faster now.")
    assert [message.text for message in desk.direct(BOB)] == []
    assert desk.direct(DANA)[-1].text.startswith(f"{key} Eve resolved")


async def test_the_countdown_mentions_nobody(a_desk: OpenDesk) -> None:
    desk = await a_desk()
    key = await desk.submits(ALICE, "Bills are slow", S2)
    await desk.fast_forward(minutes=1)
    before, posted = notified(desk), len(desk.posted)
    await desk.fast_forward(hours=2)
    assert desk.card(key).edits > 0
    assert desk.board().edits > 0
    assert (notified(desk), len(desk.posted)) == (before, posted)
