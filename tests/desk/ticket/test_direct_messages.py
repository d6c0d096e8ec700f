"""The buttons on a direct message: Acknowledge, I'll call, Delegate, Snooze."""

from __future__ import annotations

import pytest

from bot.model.address import Actor, MessageRef
from bot.model.forms import ChoiceField
from bot.model.inbound import Answer, Posted, Press
from bot.model.views import Audience, Notice
from tests.harness import (
    ALICE,
    BOB,
    DANA,
    DESK_FILE,
    EVE,
    S2,
    DeskInMemory,
    answer_text,
    done,
    form_of,
    person,
)
from tests.journeys.conftest import OpenDesk, a_desk

__all__ = ["a_desk"]


async def alerted(a_desk: OpenDesk) -> tuple[DeskInMemory, str]:
    """A desk on which Dana has been warned of a ticket."""
    desk = await a_desk()
    key = await desk.submits(ALICE, "Bills are slow", S2)
    await desk.fast_forward(hours=3)
    assert len(desk.direct(DANA)) == 1
    return desk, key


async def press(desk: DeskInMemory, actor: Actor, label: str, recipient: Actor = DANA) -> Answer:
    """A button on the newest direct message of the recipient."""
    message = desk.direct(recipient)[-1]
    assert isinstance(message.view, Notice)
    (button,) = (button for button in message.view.buttons if button.label == label)
    where = message.ref.place
    act = Press(desk.envelope(), desk.clock.now(), actor, where, message.ref, button.action, button.value)
    return await desk.answers(act)


async def snooze(desk: DeskInMemory, actor: Actor = DANA, **values: str) -> Answer:
    """Snoozes the newest direct message, for 15 minutes unless `values` say otherwise."""
    return await desk.sends(actor, form_of(await press(desk, actor, "Snooze", actor)), **values)


async def test_the_labels_are_the_contracts(a_desk: OpenDesk) -> None:
    desk, key = await alerted(a_desk)
    (message,) = desk.direct(DANA)
    assert isinstance(message.view, Notice)
    assert [b.label for b in message.view.buttons] == ["Acknowledge", "I'll call", "Delegate", "Snooze"]
    assert message.text.startswith(f"{key} Warning: first response is due Fri 20 Mar 19:30. ")
    assert "Acme GmbH" in message.text


@pytest.mark.parametrize(
    ("label", "told", "noted"),
    [
        (
            "Acknowledge",
            "Acknowledged ACME-1. We will not remind you of this alert.",
            "acknowledged the alert.",
        ),
        (
            "I'll call",
            "We told the agents that you will call the customer about ACME-1.",
            "will call the customer.",
        ),
    ],
)
async def test_each_button_answers_the_person_and_notifies_the_agents(
    a_desk: OpenDesk, label: str, told: str, noted: str
) -> None:
    desk, key = await alerted(a_desk)
    assert answer_text(await press(desk, DANA, label)) == told
    assert desk.thread(key, Audience.AGENTS)[-1] == f"{key} Dana {noted}"
    assert desk.thread(key) == []
    assert desk.standing(key) == ["less than 1 h left"]


async def test_a_snooze_asks_for_how_long_and_comes_back_once(a_desk: OpenDesk) -> None:
    """contract.md: 15 min, 1 h, tomorrow 9:00 in her zone; the reason is optional."""
    desk, key = await alerted(a_desk)
    form = form_of(await press(desk, DANA, "Snooze"))
    assert (form.title, form.submit) == ("ACME-1 · Snooze", "Snooze")
    (length, reason) = form.fields
    assert isinstance(length, ChoiceField)
    assert [option.label for option in length.options] == [
        "15 min",
        "1 h",
        "Until tomorrow 9:00 (Europe/Berlin)",
    ]
    assert not reason.required
    again = form_of(await desk.sends(DANA, form, length="", text="On the train"))
    assert again.errors == {"length": "Please choose for how long."}
    assert done(await desk.sends(DANA, again, length="15m", text="On the train"))
    noted = desk.thread(key, Audience.AGENTS)[-1]
    assert noted.strip() == f"{key} Dana snoozed the alert until Fri 20 Mar 18:45: “On the train”"
    assert desk.thread(key) == []

    await desk.fast_forward(minutes=14)
    assert len(desk.direct(DANA)) == 1
    await desk.fast_forward(minutes=1)
    (_, reminder) = desk.direct(DANA)
    assert (
        f"{key} Your snooze is over, and this ticket is still open. Acme GmbH, S2: “Bills are slow”"
    ) in reminder.text
    await press(desk, DANA, "Acknowledge")
    await desk.fast_forward(minutes=44)
    assert len(desk.direct(DANA)) == 2


async def test_a_snooze_until_tomorrow_is_in_her_own_zone(a_desk: OpenDesk) -> None:
    desk = await a_desk(desk_file=DESK_FILE.replace('id = "dana"', 'id = "dana"\nzone = "America/New_York"'))
    key = await desk.submits(ALICE, "Bills are slow", S2)
    await desk.submits_form(ALICE, "Escalate", key, text="Month end is today")
    assert done(await snooze(desk, length="tomorrow"))
    assert desk.thread(key, Audience.AGENTS)[-1].endswith("snoozed the alert until Sat 21 Mar 13:00.")


async def test_a_snooze_survives_a_restart(a_desk: OpenDesk) -> None:
    """Complaint 26: reminders are no timers in memory."""
    desk, _ = await alerted(a_desk)
    await snooze(desk)
    await desk.restarts_after(minutes=20)
    assert sum("Your snooze is over" in message.text for message in desk.direct(DANA)) == 1


async def test_acknowledging_ends_the_reminder_of_the_one_who_did(a_desk: OpenDesk) -> None:
    """contract.md: Acknowledge on a TAM's DM ends that DM's reminders only."""
    desk, key = await alerted(a_desk)
    await snooze(desk)
    await press(desk, DANA, "Acknowledge")
    await desk.fast_forward(minutes=59)
    assert len(desk.direct(DANA)) == 1
    assert desk.card_view(key).owner == "unassigned"
    await desk.fast_forward(minutes=1)
    assert "We missed" in desk.direct(DANA)[-1].text


async def test_no_reminder_is_sent_for_a_finished_ticket(a_desk: OpenDesk) -> None:
    """Complaint 24, 28: no reminder is sent for finished work."""
    desk, key = await alerted(a_desk)
    await snooze(desk)
    await desk.submits_form(BOB, "Resolve", key, text="The queue runs again.")
    await desk.fast_forward(hours=2)
    assert not any("Your snooze is over" in message.text for message in desk.direct(DANA))


async def test_delegating_hands_the_message_on(a_desk: OpenDesk) -> None:
    desk, key = await alerted(a_desk)
    form = form_of(await press(desk, DANA, "Delegate"))
    assert (form.title, form.submit, [field.label for field in form.fields]) == (
        "ACME-1 · Delegate",
        "Delegate",
        ["Who takes over"],
    )

    again = form_of(await desk.sends(DANA, form, person="nobody"))
    assert again.errors == {"person": "Please choose a person."}
    assert done(await desk.sends(DANA, form, person="eve"))

    (handed,) = desk.direct(EVE)
    assert f"{key} Dana asked you to take over this ticket. Acme GmbH, S2: “Bills are slow”" in handed.text
    assert isinstance(handed.view, Notice)
    assert "Snooze" in [button.label for button in handed.view.buttons]
    noted = desk.thread(key, Audience.AGENTS)[-1]
    assert noted.lower() == f"{key} dana asked eve to take over this ticket.".lower()


async def test_the_person_it_was_delegated_to_may_press(a_desk: OpenDesk) -> None:
    """contract.md: who receives a page or DM may press its buttons."""
    desk, key = await alerted(a_desk)
    form = form_of(await press(desk, DANA, "Delegate"))
    await desk.sends(DANA, form, person="eve")
    assert done(await snooze(desk, EVE))
    await desk.fast_forward(minutes=15)
    assert "Your snooze is over" in desk.direct(EVE)[-1].text
    assert len([m for m in desk.direct(DANA) if "Your snooze is over" in m.text]) == 0
    assert key in desk.direct(EVE)[-1].text


@pytest.mark.parametrize("actor", [ALICE, person("Gwen"), person("Dana", "T0ELSEWHERE")])
async def test_other_people_may_not_press(a_desk: OpenDesk, actor: Actor) -> None:
    desk, key = await alerted(a_desk)
    before = await desk.events(key)
    for label in ("Acknowledge", "I'll call", "Delegate", "Snooze"):
        assert answer_text(await press(desk, actor, label)) == (
            "This button is for the person who got the message."
        )
    assert await desk.events(key) == before


async def test_a_double_click_is_one_act(a_desk: OpenDesk) -> None:
    """Complaint 31: the same envelope is the same act."""
    desk, key = await alerted(a_desk)
    message = desk.direct(DANA)[-1]
    act = Press("twice", desk.clock.now(), DANA, message.ref.place, message.ref, "alert_call", key)
    for _ in range(2):
        told = answer_text(await desk.answers(act))
        assert told == f"We told the agents that you will call the customer about {key}."
    assert (await desk.events(key)).count("Alerted") == 1


@pytest.mark.parametrize("action", ["alert_acknowledge", "alert_call"])
async def test_two_quick_presses_are_reported_once(a_desk: OpenDesk, action: str) -> None:
    desk, key = await alerted(a_desk)
    ref, now = desk.direct(DANA)[-1].ref, desk.clock.now()
    first, second = [
        answer_text(await desk.answers(Press(desk.envelope(), now, DANA, ref.place, ref, action, key)))
        for _ in range(2)
    ]
    assert first == second
    assert (await desk.events(key)).count("Alerted") == 1


async def test_a_reply_to_a_direct_message_gets_an_answer(a_desk: OpenDesk) -> None:
    desk, key = await alerted(a_desk)
    ref = desk.direct(DANA)[-1].ref
    before = await desk.events(key)
    written = MessageRef(ref.place, "typed")
    act = Posted("typed", desk.clock.now(), DANA, ref.place, written, "Call them, please", ref)
    assert answer_text(await desk.answers(act)).startswith("Only you can see this thread.")
    act = Posted("again", desk.clock.now(), DANA, ref.place, written, "I am on it")
    assert "Only you can see this chat" in answer_text(await desk.answers(act))
    assert await desk.events(key) == before


@pytest.mark.parametrize(
    ("label", "says", "left"),
    [
        ("Acknowledge", "You acknowledged this at Fri 20 Mar 18:30.", ["I'll call", "Delegate", "Snooze"]),
        ("I'll call", "You said at Fri 20 Mar 18:30 that you will call.", ["Delegate", "Snooze"]),
    ],
)
async def test_an_answer_stays_readable_and_leaves_what_can_still_act(
    a_desk: OpenDesk, label: str, says: str, left: list[str]
) -> None:
    """contract.md: an answer stays readable, and a label is shown only where it can act."""
    desk, _ = await alerted(a_desk)
    assert labels(desk) == ["Acknowledge", "I'll call", "Delegate", "Snooze"]
    await press(desk, DANA, label)
    assert labels(desk) == left
    assert says in desk.direct(DANA)[0].text


async def test_a_snoozed_message_says_so_and_keeps_its_buttons(a_desk: OpenDesk) -> None:
    desk, _ = await alerted(a_desk)
    await snooze(desk, length="1h")
    assert "You snoozed this until Fri 20 Mar 19:30." in desk.direct(DANA)[0].text
    assert labels(desk) == ["Acknowledge", "I'll call", "Delegate", "Snooze"]
    await press(desk, DANA, "Acknowledge")
    assert labels(desk) == ["I'll call", "Delegate", "Snooze"]


async def test_a_delegated_message_says_to_whom(a_desk: OpenDesk) -> None:
    desk, _ = await alerted(a_desk)
    await desk.sends(DANA, form_of(await press(desk, DANA, "Delegate")), person="eve")
    assert "You asked Eve to take over at Fri 20 Mar 18:30." in desk.direct(DANA)[0].text
    assert labels(desk) == []


async def test_the_end_of_a_ticket_takes_the_buttons_of_its_direct_messages(a_desk: OpenDesk) -> None:
    desk, key = await alerted(a_desk)
    await desk.submits_form(BOB, "Resolve", key, text="The queue runs again.")
    assert labels(desk) == []
    assert "resolved" in desk.direct(DANA)[-1].text


def labels(desk: DeskInMemory) -> list[str]:
    """The buttons on Dana's first direct message."""
    view = desk.direct(DANA)[0].view
    assert isinstance(view, Notice)
    return [button.label for button in view.buttons]
