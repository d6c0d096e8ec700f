"""One form opens one ticket, regardless of who sends it, how often, and how it was redrawn meanwhile."""

from __future__ import annotations

from dataclasses import replace

from sla_core.events import Answered
from tests.platforms.open_forms import FormCard, LossyDesk, Modal, OpenLossyDesk, lossy_desk, open_lossy_desk
from tests.platforms.story import KEY, S2

__all__ = ["lossy_desk", "open_lossy_desk"]

LED_TO = f"This form has already opened {KEY}, so we did not open another ticket"
BEFORE = "You already sent this form for ACME-1, so nothing more was done."
SORRY = "Something went wrong on our side"


async def test_a_form_sent_again_after_a_lost_answer_acts_once(lossy_desk: LossyDesk) -> None:
    form = await lossy_desk.asks("Alice", "Bills are slow")
    await form.is_redrawn()
    lossy_desk.loses_an_answer()
    assert SORRY in await form.sends(summary="Bills are slow", **S2)
    if isinstance(form, Modal):
        await form.is_redrawn()
    assert (await form.sends(summary="Bills are slow", **S2)).startswith(LED_TO)
    assert await lossy_desk.summaries() == ["Bills are slow"]


async def test_what_was_changed_since_the_lost_answer_is_given_back(lossy_desk: LossyDesk) -> None:
    form = await lossy_desk.asks("Alice", "Bills are slow")
    lossy_desk.loses_an_answer()
    await form.sends(**S2)
    told = await form.sends(summary="Bills are slow", details="And wrong", **S2)
    assert told.startswith(LED_TO)
    assert "We did not add this text to the ticket:" in told
    assert "And wrong" in told
    assert await lossy_desk.summaries() == ["Bills are slow"]


async def test_two_forms_with_the_same_words_are_two_tickets(lossy_desk: LossyDesk) -> None:
    for _ in range(2):
        form = await lossy_desk.asks("Alice", "Bills are slow")
        assert LED_TO not in await form.sends(**S2)
    assert await lossy_desk.summaries() == ["Bills are slow"] * 2


async def test_a_form_of_the_release_before_can_be_sent(lossy_desk: LossyDesk) -> None:
    lossy_desk.is_of_the_release_before()
    form = await lossy_desk.asks("Alice", "Bills are slow")
    lossy_desk.is_of_this_release()
    await form.is_redrawn()
    lossy_desk.loses_an_answer()
    await form.sends(summary="Bills are slow", **S2)
    assert (await form.sends(summary="Bills are slow", **S2)).startswith(LED_TO)
    assert await lossy_desk.summaries() == ["Bills are slow"]


async def test_two_people_send_the_same_card(open_lossy_desk: OpenLossyDesk) -> None:
    lossy_desk = await open_lossy_desk("teams")
    form = await lossy_desk.asks("Alice", "Bills are slow")
    assert isinstance(form, FormCard)
    assert LED_TO not in await form.sends(**S2)
    told = await replace(form, who="Dana").sends(summary="Bills are wrong", **S2)
    assert told.startswith(LED_TO)
    assert "Bills are wrong" in told
    assert await lossy_desk.summaries() == ["Bills are slow"]


async def test_a_reply_counts_once_and_other_words_are_given_back(lossy_desk: LossyDesk) -> None:
    await lossy_desk.desk.opens("Alice", "Bills are slow")
    form = await lossy_desk.opens_reply("Bob")
    assert "Please write a message to the customer." in await form.sends(text=" ")
    lossy_desk.loses_an_answer()
    assert SORRY in await form.sends(text="We look into it")
    told = await form.sends(text="We have found it")
    assert BEFORE in told
    assert "We have found it" in told
    history = await lossy_desk.desk.store.load(KEY)
    assert [event.text for event in history if isinstance(event, Answered)] == ["We look into it"]
    other = await lossy_desk.opens_reply("Bob")
    assert await other.sends(text="We look into it") == ""
    history = await lossy_desk.desk.store.load(KEY)
    assert [event.text for event in history if isinstance(event, Answered)] == ["We look into it"] * 2
