"""A missed night is caught up once, and each late notice says how late it is."""

from __future__ import annotations

import pytest

from bot.model.views import Audience, Notice
from bot.ports import Message, Priority
from tests.harness import ACME, ALICE, BOB, DANA, S2
from tests.journeys.conftest import OpenDesk

DOWN = "because Frontline was down."


async def test_a_running_desk_reports_no_lateness(a_desk: OpenDesk) -> None:
    desk = await a_desk()
    key = await desk.submits(ALICE, "Bills are slow", S2)
    await desk.fast_forward(hours=5)
    told = [*desk.thread(key), *desk.thread(key, Audience.AGENTS), *(m.text for m in desk.direct(DANA))]
    assert any("We missed" in text for text in told)
    assert not any("late" in text for text in told)


@pytest.mark.parametrize(
    ("minutes", "told"),
    [(180, ""), (181, " Sent 1 min late."), (184, " Sent 4 min late."), (225, f" Sent 45 min late {DOWN}")],
)
async def test_a_warning_says_how_late_it_is(a_desk: OpenDesk, minutes: int, told: str) -> None:
    """Three quarters of four hours are spent after 180 minutes."""
    desk = await a_desk()
    key = await desk.submits(ALICE, "Bills are slow", S2)
    await desk.restarts_after(minutes=minutes)
    advice = "Please press Reply on the ticket's card."
    assert desk.thread(key, Audience.AGENTS) == [
        f"{key} New ticket from Acme GmbH, S2 (proposed). @Bob",
        f"{key} Warning: first response is due Fri 20 Mar 19:30. {advice}{told} @Bob",
    ]
    [direct] = desk.direct(DANA)
    assert f"due Fri 20 Mar 19:30.{told} Acme GmbH, S2:" in direct.text


@pytest.mark.parametrize(
    ("slept", "late"),
    [({"hours": 7}, "3 h"), ({"hours": 5, "minutes": 5}, "1 h 5 min"), ({"days": 3}, "2 days")],
)
async def test_a_late_breach_is_reported_once_to_all_three_audiences(
    a_desk: OpenDesk, slept: dict[str, float], late: str
) -> None:
    desk = await a_desk()
    key = await desk.submits(ALICE, "Bills are slow", S2)
    await desk.restarts_after(**slept)
    await desk.restarts_after(minutes=1)
    for texts in (desk.thread(key), desk.thread(key, Audience.AGENTS), [m.text for m in desk.direct(DANA)]):
        [breach] = [text for text in texts if "We missed" in text]
        assert f"Sent {late} late {DOWN}" in breach


async def test_a_late_breach_says_that_the_answer_was_never_delivered(a_desk: OpenDesk) -> None:
    """The reply that had kept the promise turns out never to have reached the customer."""
    desk = await a_desk()
    key = await desk.submits(ALICE, "Bills are slow", S2)
    await desk.submits_form(BOB, "Reply", key, text="We look into it.")
    await desk.fast_forward(hours=6)
    reply = Message(f"{key}/2/customer/said", key, ACME, Notice(("",)), Priority.REPLY, effect=2)
    await desk.desk.record_undelivered(reply, "the channel is archived")
    await desk.deliver()
    assert "Sent 2 h late: an answer that seemed to be in time was never delivered." in desk.thread(key)[-1]
