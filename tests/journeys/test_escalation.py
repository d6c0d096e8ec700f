"""Who reads that a ticket was escalated, and why: an agent chooses, a customer tells everybody."""

from __future__ import annotations

from bot.model.forms import ChoiceField, Form, TextField
from bot.model.views import Audience
from tests.desk_file import desk_file
from tests.harness import ALICE, BOB, DANA, S2, form_of
from tests.journeys.conftest import OpenDesk

REASON = "Their invoices go out at six."
ESCALATED = f"ACME-1 Bob escalated this ticket: “{REASON}” "
ALERTED = "The on-call agent and your account manager Dana have been alerted."


def reason(form: Form) -> TextField:
    (field,) = [field for field in form.fields if isinstance(field, TextField)]
    return field


def tick(form: Form) -> list[ChoiceField]:
    return [field for field in form.fields if isinstance(field, ChoiceField)]


async def test_an_agents_reason_stays_internal(a_desk: OpenDesk) -> None:
    desk = await a_desk()
    key = await desk.submits(ALICE, "Bills are slow", S2)
    form = form_of(await desk.presses(BOB, "Escalate", key))
    assert form.title == "ACME-1 · Escalate"
    assert reason(form).hint == (
        "Agents, the people we page and the account manager see this; the customer only if you tick the box."
    )
    (tell,) = tick(form)
    assert (tell.label, tell.value, tell.required) == ("Tell the customer", (), False)

    await desk.sends(BOB, form, text=REASON)
    assert desk.thread(key) == []
    internal = ESCALATED.replace("this ticket", "this ticket internally")
    assert internal in desk.thread(key, Audience.AGENTS)
    assert any(text.endswith("Paged second line: @Eve.") for text in desk.thread(key, Audience.AGENTS))
    assert [REASON in message.text for message in desk.direct(DANA)] == [True]
    assert REASON not in repr(desk.card_view(key))


async def test_an_agent_may_tell_the_customer(a_desk: OpenDesk) -> None:
    desk = await a_desk()
    key = await desk.submits(ALICE, "Bills are slow", S2)
    form = form_of(await desk.presses(BOB, "Escalate", key))
    again = form_of(await desk.sends(BOB, form, text="", tell_customer="yes"))
    assert again.errors == {"text": "Please give a reason. The people we alert read it first."}
    assert tick(again)[0].value == ("yes",), "what was ticked is kept"

    await desk.sends(BOB, again, text=REASON)
    assert desk.thread(key) == [f"{ESCALATED}{ALERTED}"]
    assert ESCALATED in desk.thread(key, Audience.AGENTS)


async def test_nobody_is_said_to_be_alerted_before_it_is_so(a_desk: OpenDesk) -> None:
    """On a Saturday the second line waits for Monday, and Bob is first line himself: only Dana is left."""
    desk = await a_desk("2026-03-21T12:00:00Z")
    key = await desk.submits(ALICE, "Bills are slow", S2)
    form = form_of(await desk.presses(BOB, "Escalate", key))
    await desk.sends(BOB, form, text=REASON, tell_customer="yes")
    assert desk.thread(key) == [f"{ESCALATED}Your account manager Dana has been alerted."]
    assert len(desk.direct(DANA)) == 1


async def test_somebody_on_call_who_cannot_be_mentioned_is_not_said_to_be_alerted(a_desk: OpenDesk) -> None:
    """Bob has no account on Slack, so nothing reaches him there."""
    without_bob = desk_file().replace('slack = "U0BOB"\n', "").replace(', agents = ["U0BOB"]', "")
    desk = await a_desk(desk_file=without_bob)
    key = await desk.submits(ALICE, "Bills are slow", S2)
    await desk.sends(ALICE, form_of(await desk.presses(ALICE, "Escalate", key)), text=REASON)
    (said,) = desk.thread(key)
    assert said.startswith(
        (f"{ESCALATED}Your account manager Dana has been alerted. Next: we decide").replace("Bob", "Alice")
    )
    await desk.fast_forward(hours=5)
    assert desk.thread(key)[-1].startswith("ACME-1 We missed the 4-hour first response")
    assert "Dana has been alerted." in desk.thread(key)[-1]


async def test_a_customers_reason_is_read_by_everybody(a_desk: OpenDesk) -> None:
    desk = await a_desk()
    key = await desk.submits(ALICE, "Bills are slow", S2)
    form = form_of(await desk.presses(ALICE, "Escalate", key))
    assert reason(form).hint == "Everyone in this channel, our agents and your account manager can see this."
    assert tick(form) == []

    await desk.sends(ALICE, form, text=REASON)
    (said,) = desk.thread(key)
    assert said.startswith(f"{ESCALATED}{ALERTED} Next: we decide".replace("Bob", "Alice"))
