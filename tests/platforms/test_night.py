"""An outage at night under a clock of business hours (MTA-21, A9, A11), before real adapters."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from bot.model.views import Audience
from tests.harness import HeldClock
from tests.memory_store import MemoryStore
from tests.platforms.conftest import OpenWorkplace
from tests.platforms.desk_files import partner_desk
from tests.platforms.story import Story, open_story
from tests.platforms.workplace import Answers

CHATS = ("slack", "teams")
TWO_AT_NIGHT = "2026-03-24T01:00:00Z"
"""A Tuesday, 02:00 in Copenhagen, where business hours are 09:00 to 17:00."""
OUTAGE: Answers = {"audience": "partner", "topic": "outage", "revenue": "critical", "users": "all"}
P1 = OUTAGE | {"workaround": "no"}
P2 = P1 | {"topic": "core", "users": "several"}
PAGED = (
    "ACME 1 Bob has been paged although it is outside our support hours Our response "
    "times count from Tue 24 Mar 2026 08 00 UTC when our support hours begin"
)
DUE = {
    "P1": "First response is due Tue 24 Mar 2026 10 00 UTC Resolution is due Tue 24 Mar 2026 12 00 UTC",
    "P2": "First response is due Tue 24 Mar 2026 12 00 UTC Resolution is due Mon 30 Mar 2026 15 00 UTC",
}
"""By hand: 2 and 4 hours from 09:00; 4 hours, and the close of the fifth business day, in summer time."""
COUNTS = "Our response times count from Tue 24 Mar 2026 08 00 UTC when our support hours begin"
HOURLY = (
    "Until our support hours begin we will write here every hour the next time by Tue 24 Mar 2026 02 00 UTC"
)
LAST = "This is our last regular message before our support hours begin"
AtNight = Callable[[str, Answers], Awaitable[Story]]


@pytest.fixture
def at_night(open_workplace: OpenWorkplace, tmp_path: Path) -> AtNight:
    async def on(name: str, answers: Answers) -> Story:
        clock, store = HeldClock(TWO_AT_NIGHT), MemoryStore()
        workplace = await open_workplace(name, clock, store)
        desk = await open_story(tmp_path, partner_desk(name), clock, store, [workplace])
        desk.desk.key_values = store
        await desk.opens("Alice", "No charger answers", answers)
        return desk

    return on


@pytest.mark.parametrize(("severity", "answers"), [("P1", P1), ("P2", P2)])
@pytest.mark.parametrize("name", CHATS)
async def test_the_customer_reads_who_was_paged_and_from_when_the_time_counts(
    at_night: AtNight, name: str, severity: str, answers: Answers
) -> None:
    """Once, after the page arrived. The written clock stays as it is, and the card shows it as paused."""
    desk = await at_night(name, answers)
    assert desk.words("/triage/page")[0].startswith(f"ACME 1 {severity} for Acme GmbH No charger answers")
    assert desk.words("/triage/page")[0].endswith("Paged Bob")
    assert len(desk.refs("/page/bob")) == 1
    hourly = f" {HOURLY}" if severity == "P1" else ""
    assert desk.words("/customer/") == [f"{PAGED} {DUE[severity]}{hourly}"]
    assert "First response aim paused until Tue" in desk.card_view(Audience.CUSTOMER).words

    await desk.wait(minutes=11)
    assert desk.words("/triage/page")[-1].endswith("Paged Eve"), "nobody answered"
    assert len(desk.words("/customer/")) == 1


@pytest.mark.parametrize(("severity", "answers"), [("P1", P1), ("P2", P2)])
@pytest.mark.parametrize("name", CHATS)
async def test_an_answer_at_night_counts_at_once_and_a_missed_morning_is_a_breach(
    at_night: AtNight, name: str, severity: str, answers: Answers
) -> None:
    desk = await at_night(name, answers)
    await desk.agents.presses("Bob", "Acknowledge", desk.refs("/page/bob")[0])
    await desk.deliver()
    hours = {"P1": 9, "P2": 11}[severity]
    await desk.wait(hours=hours)
    assert "Breached" not in await desk.events(), "an act at the due instant itself is in time"
    await desk.wait(minutes=1)
    assert (await desk.events()).count("Breached") == 1

    answered = await at_night(name, answers)
    await answered.agent("Update", "We restart the servers.")
    assert "First response aim met" in answered.card_view(Audience.CUSTOMER).words
    await answered.wait(hours=hours, minutes=1)
    assert "Breached" not in await answered.events()


def next_line(clock: str) -> str:
    return f"We will write here again by Tue 24 Mar 2026 {clock} UTC"


@pytest.mark.parametrize("name", CHATS)
async def test_every_hour_of_the_night_the_customer_reads_how_the_ticket_stands(
    at_night: AtNight, name: str
) -> None:
    """MTA-21, A9: nobody answers at first, then Bob does. The last line says so, and none meets a promise."""
    desk = await at_night(name, P1)
    card = desk.card_view(Audience.CUSTOMER)
    await desk.wait(hours=1)
    everybody = (
        "Bob Eve Kim Mia and Dana have been paged and have not answered yet we are still "
        "trying to reach our team"
    )
    first = desk.words("/customer/courtesy")
    assert first == [f"ACME 1 {everybody} {COUNTS} {DUE['P1']} {next_line('03 00')}"]
    assert desk.card_view(Audience.CUSTOMER).words == card.words, "a line in the thread edits no card"

    await desk.agents.presses("Bob", "Acknowledge", desk.refs("/page/bob")[0])
    await desk.deliver()
    await desk.wait(hours=1)
    bob = f"ACME 1 Bob has this ticket {COUNTS} {DUE['P1']}"
    assert desk.words("/customer/courtesy")[1:] == [f"{bob} {next_line('04 00')}"]

    await desk.wait(minutes=20)
    await desk.agent("Update", "We restart the servers.")
    await desk.wait(hours=4, minutes=39)
    left = f"ACME 1 Bob has this ticket {COUNTS} Resolution {DUE['P1'].partition(' Resolution ')[2]}"
    ends = [*map(next_line, ("05 20", "06 20", "07 20")), LAST]
    assert desk.words("/customer/courtesy")[2:] == [f"{left} {end}" for end in ends]

    await desk.wait(hours=2)
    assert len(desk.words("/customer/courtesy")) == 6, "none by day"
    assert "Breached" not in await desk.events()
