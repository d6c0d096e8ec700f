"""One stray click ends no promise (contract.md, Close and Reopen)."""

from __future__ import annotations

from datetime import timedelta

from bot.model.views import Audience
from sla_core.events import Breached
from tests.harness import ALICE, BOB, DANA, S1, S2, DeskInMemory, answer_text, done, form_of, rich_text
from tests.journeys.conftest import OpenDesk


def alerts(desk: DeskInMemory) -> list[str]:
    """Dana's direct messages, without pages."""
    return [message.text for message in desk.direct(DANA) if message.key and "/dm/" in message.key]


async def test_an_unanswered_emergency_closed_and_reopened(a_desk: OpenDesk) -> None:
    """Nobody answers in 10 minutes, it is closed for an hour: the other 50 minutes count from then on."""
    desk = await a_desk()
    key = await desk.submits(ALICE, "All is down", S1)
    await desk.fast_forward(minutes=10)

    form = form_of(await desk.presses(ALICE, "Close", key))
    assert form.title == "Close ACME-1?"
    assert desk.card_view(key).state == "open", "the press only asks"
    assert done(await desk.sends(ALICE, form))
    assert (desk.card_view(key).state, desk.standing(key)) == ("closed", [])

    await desk.fast_forward(hours=1)
    assert [name for name in await desk.events(key) if "Page" not in name] == ["Opened", "Closed"]
    assert alerts(desk) == []

    await desk.presses(ALICE, "Reopen", key)
    assert (desk.card_view(key).state, desk.standing(key)) == ("open", ["less than 1 h left"])
    (line,) = desk.card_view(key).promises
    assert f"{line.due_at:%H:%M}" == "17:30", "16:30, and the hour for which it was closed"

    await desk.forward_to("2026-03-20T17:14:59Z")
    assert "Warned" not in await desk.events(key)
    await desk.forward_to("2026-03-20T17:15:00Z")
    advice = "Please press Reply on the ticket's card."
    warning = "ACME-1 Warning: first response is due Fri 20 Mar 17:30."
    assert f"{warning} {advice} @Bob" in desk.thread(key, Audience.AGENTS)
    assert [text.startswith(warning) for text in alerts(desk)] == [True]

    await desk.forward_to("2026-03-20T17:30:00Z")
    breach = "ACME-1 We missed the 1-hour first response, due Fri 20 Mar 17:30."
    to_her = " The on-call agent and your account manager Dana have been alerted. They will answer you here."
    assert desk.thread(key)[-1] == f"{breach}{to_her} @Alice"
    breach += " The on-call agent and Dana have been alerted."
    assert f"{breach} @Bob" in desk.thread(key, Audience.AGENTS)
    assert alerts(desk)[-1].startswith(
        breach.replace("The on-call agent and Dana have", "The on-call agent has")
    )
    assert len(alerts(desk)) == 2
    assert desk.standing(key) == ["breached"]


async def test_a_breach_before_the_close_stays_on_record(a_desk: OpenDesk) -> None:
    """Closing and reopening neither forgives a breach nor tells it twice."""
    desk = await a_desk()
    key = await desk.submits(ALICE, "Bills are slow", S2)
    await desk.fast_forward(hours=4, minutes=30)
    form = form_of(await desk.presses(ALICE, "Close", key))
    assert "First response was due Fri 20 Mar 19:30 and nobody has answered." in rich_text(form.intro)
    await desk.sends(ALICE, form)
    await desk.presses(ALICE, "Reopen", key)
    await desk.fast_forward(days=7)
    assert desk.standing(key) == ["breached"]
    (breach,) = [event for event in (await desk.ticket(key)).history if isinstance(event, Breached)]
    assert f"{breach.due_at:%a %H:%M}" == "Fri 19:30"


async def test_a_late_answer_after_the_form_was_opened(a_desk: OpenDesk) -> None:
    """Bob answers while Alice reads the question: her Close still closes, and his answer counts."""
    desk = await a_desk()
    key = await desk.submits(ALICE, "Bills are slow", S2)
    form = form_of(await desk.presses(ALICE, "Close", key))
    await desk.submits_form(BOB, "Reply", key, text="We look into it.")
    assert done(await desk.sends(ALICE, form))
    assert desk.card_view(key).state == "closed"
    assert answer_text(await desk.sends(ALICE, form)).startswith("You already sent this form")
    await desk.presses(ALICE, "Reopen", key)
    assert desk.standing(key) == ["met"]


async def test_an_answer_at_the_due_instant_is_in_time(a_desk: OpenDesk) -> None:
    """The second that the card names is still in time; the breach is recorded just after it."""
    desk = await a_desk()
    key = await desk.submits(ALICE, "Bills are slow", S2)
    await desk.forward_to("2026-03-20T19:29:59Z")
    desk.clock.at += timedelta(seconds=1)
    await desk.submits_form(BOB, "Reply", key, text="We look into it.")
    await desk.fast_forward(days=1)
    assert desk.standing(key) == ["met"]
    assert "Breached" not in await desk.events(key)


async def test_agents_close_resolved_tickets_only(a_desk: OpenDesk) -> None:
    """An agent ends no promise by closing. After a resolution none runs, so it closes without asking."""
    desk = await a_desk()
    key = await desk.submits(ALICE, "Bills are slow", S2)
    assert "Close" not in desk.labels(key, Audience.AGENTS)
    refused = answer_text(await desk.presses(BOB, "Close", key))
    assert refused == "Until ACME-1 is resolved, only the customer can close it. Resolve it instead."

    await desk.submits_form(BOB, "Resolve", key, text="The queue runs again.")
    assert desk.labels(key, Audience.AGENTS) == ["Close", "Reopen", "Why?"]
    assert done(await desk.presses(BOB, "Close", key))
    assert desk.card_view(key).state == "closed"
    assert desk.thread(key)[-1] == "ACME-1 Bob closed this ticket."
