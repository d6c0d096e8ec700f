"""From `/support` to the end of a ticket, as the three groups of people live it."""

from __future__ import annotations

from bot.model.inbound import Show
from bot.model.views import Audience, Receipt, TicketCard
from sla_core.promise import Tone
from tests.harness import (
    ALICE,
    BOB,
    DANA,
    EVE,
    NO_CLOCK,
    S1,
    S2,
    S3,
    TRIAGE,
    answer_text,
    done,
    form_of,
    rich_text,
)
from tests.journeys.conftest import OpenDesk


async def test_a_customer_opens_a_ticket_and_sees_the_promises(a_desk: OpenDesk) -> None:
    """M3-12, M3-14: answers propose, the promise is shown at once, an agent confirms later."""
    desk = await a_desk()

    key = await desk.submits(ALICE, "Bills are slow", S2)

    card = desk.card_view(key)
    assert key == "ACME-1"
    assert (card.title, card.severity, card.owner) == ("Bills are slow", "S2 (proposed)", "unassigned")
    assert desk.standing(key) == ["less than 4 h left"]
    assert card.promises[0].due_at is not None
    assert f"{card.promises[0].due_at:%a %H:%M}" == "Fri 19:30"


async def test_the_form_asks_what_the_policy_asks_and_keeps_the_commands_words(
    a_desk: OpenDesk,
) -> None:
    """M3-24: the vendor's questions; `/support TEXT` fills the summary."""
    desk = await a_desk()

    form = await desk.asks_for_help(ALICE, text="Bills are slow")

    assert [field.label for field in form.fields[:2]] == ["Summary", "Details"]
    assert form.fields[0].value == "Bills are slow"
    assert [field.id for field in form.fields[2:]] == ["request", "production", "privacy"]
    assert form.submit == "Open ticket"


async def test_a_wrong_answer_comes_back_with_what_was_typed(a_desk: OpenDesk) -> None:
    desk = await a_desk()
    form = await desk.asks_for_help(ALICE)

    answer = await desk.sends(ALICE, form, details="Since nine o'clock", request="incident")

    again = answer.form  # type: ignore[union-attr]
    assert set(again.errors) == {"summary", "production", "privacy"}
    assert {f.id: f.value for f in again.fields}["details"] == "Since nine o'clock"
    assert {f.id: f.value for f in again.fields}["request"] == ("incident",)
    assert await desk.keys() == []


async def test_each_severity_is_reached_by_its_answers(a_desk: OpenDesk) -> None:
    """M3-13, M3-14, M3-15, M3-18."""
    desk = await a_desk()
    for answers, severity in ((S1, "S1"), (S2, "S2"), (S3, "S3"), (NO_CLOCK, "General request")):
        key = await desk.submits(ALICE, "Something", answers)
        assert desk.card_view(key).severity == f"{severity} (proposed)"


async def test_a_possible_breach_of_privacy_is_severity_1(a_desk: OpenDesk) -> None:
    """M3-13."""
    desk = await a_desk()
    key = await desk.submits(ALICE, "We see another tenant's bills", NO_CLOCK | {"privacy": "yes"})
    assert desk.card_view(key).severity == "S1 (proposed)"


async def test_a_ticket_without_a_clock_shows_none(a_desk: OpenDesk) -> None:
    """M3-16, M3-18, complaint 17: no promise, no countdown, nothing that pretends to be one."""
    desk = await a_desk()

    key = await desk.submits(ALICE, "Could bills be green?", NO_CLOCK)
    await desk.fast_forward(days=30)

    assert desk.card_view(key).promises == ()
    assert "no time promised" in plain_note(desk.card_view(key))
    assert desk.thread(key) == []
    assert desk.direct(DANA) == []


async def test_acknowledging_confirms_the_severity_and_stops_no_clock(a_desk: OpenDesk) -> None:
    """contract.md: Acknowledge and Take it confirm; only words to the customer respond."""
    desk = await a_desk()
    key = await desk.submits(ALICE, "Bills are slow", S2)

    await desk.presses(BOB, "Acknowledge", key)

    assert desk.card_view(key).owner == "unassigned, seen by Bob"
    assert desk.standing(key) == ["less than 4 h left"]
    assert "Acknowledge" not in desk.labels(key, Audience.AGENTS)
    assert (await desk.ticket(key)).confirmed

    await desk.presses(EVE, "Take it", key)

    assert desk.card_view(key).owner == "Eve"
    assert (await desk.ticket(key)).confirmed


async def test_a_reply_meets_the_first_response(a_desk: OpenDesk) -> None:
    desk = await a_desk()
    key = await desk.submits(ALICE, "Bills are slow", S2)
    await desk.fast_forward(hours=1)

    await desk.submits_form(BOB, "Reply", key, text="We are looking into the bill queue.")

    assert desk.standing(key) == ["met"]
    assert desk.thread(key) == ["ACME-1 Bob replied: “We are looking into the bill queue.”  @Alice"]
    assert desk.card_view(key).next_up == "m3ter Support"
    await desk.fast_forward(days=3)
    assert desk.direct(DANA) == []


async def test_an_agents_own_message_in_the_customers_thread_meets_it_too(a_desk: OpenDesk) -> None:
    desk = await a_desk()
    key = await desk.submits(ALICE, "Bills are slow", S2)

    await desk.writes(BOB, "Hello Alice, on it.", key)

    assert desk.standing(key) == ["met"]
    assert "ACME-1 Bob wrote in the customer's thread: “Hello Alice, on it.” " in desk.thread(
        key, Audience.AGENTS
    )


async def test_messages_in_triage_stay_internal(a_desk: OpenDesk) -> None:
    """Complaint 35: internal by default; the customer reads only what was sent on purpose."""
    desk = await a_desk()
    key = await desk.submits(ALICE, "Bills are slow", S2)

    await desk.writes(BOB, "Looks like the usual misuse.", key, Audience.AGENTS)

    assert desk.standing(key) == ["less than 4 h left"]
    assert desk.thread(key) == []


async def test_a_customers_message_reaches_triage_and_meets_no_target(a_desk: OpenDesk) -> None:
    desk = await a_desk()
    key = await desk.submits(ALICE, "Bills are slow", S2)

    await desk.writes(ALICE, "It got worse.", key)
    await desk.submits_form(ALICE, "Add details", key, text="Error 502 in the console")

    assert desk.thread(key, Audience.AGENTS) == [
        "ACME-1 New ticket from Acme GmbH, S2 (proposed). @Bob",
        "ACME-1 Alice wrote: “It got worse.”  @Bob",
        "ACME-1 Alice added details: “Error 502 in the console”  @Bob",
    ]
    assert desk.standing(key) == ["less than 4 h left"]


async def test_the_warning_comes_at_three_quarters_and_the_breach_on_time(a_desk: OpenDesk) -> None:
    """Who hears what: a warning in triage and to the TAM; a breach to all three."""
    desk = await a_desk()
    key = await desk.submits(ALICE, "Bills are slow", S2)

    await desk.forward_to("2026-03-20T18:29:59Z")
    assert desk.direct(DANA) == []
    await desk.forward_to("2026-03-20T18:30:00Z")
    assert [m.text for m in desk.direct(DANA)] == [
        "ACME-1 Warning: first response is due Fri 20 Mar 19:30. "
        "Acme GmbH, S2: “Bills are slow” Owner: unassigned. Its card is in triage."
    ]
    assert desk.thread(key) == []

    await desk.forward_to("2026-03-20T19:29:59Z")
    assert len(desk.direct(DANA)) == 2
    assert "You have not answered this message for half an hour." in desk.direct(DANA)[-1].text
    await desk.forward_to("2026-03-20T19:30:00Z")
    assert desk.standing(key) == ["breached"]
    assert desk.card_view(key).tone is Tone.ALARM
    missed = "ACME-1 We missed the 4-hour first response, due Fri 20 Mar 19:30."
    to_her = " The on-call agent and your account manager Dana have been alerted. They will answer you here."
    assert desk.thread(key) == [f"{missed}{to_her} @Alice"]
    missed += " The on-call agent and Dana have been alerted."
    assert desk.thread(key, Audience.AGENTS)[-1] == f"{missed} @Bob"
    assert desk.direct(DANA)[-1].text.startswith(
        missed.replace("The on-call agent and Dana have", "The on-call agent has")
    )


async def test_a_breach_stays_on_record_after_a_late_answer(a_desk: OpenDesk) -> None:
    desk = await a_desk()
    key = await desk.submits(ALICE, "Bills are slow", S2)
    await desk.fast_forward(hours=5)

    await desk.submits_form(BOB, "Reply", key, text="Sorry, here now.")

    assert desk.standing(key) == ["breached"]


async def test_the_direct_message_has_its_buttons(a_desk: OpenDesk) -> None:
    desk = await a_desk()
    await desk.submits(ALICE, "Bills are slow", S2)
    await desk.fast_forward(hours=3)
    view = desk.direct(DANA)[0].view
    assert [button.label for button in view.buttons] == [  # type: ignore[union-attr]
        "Acknowledge",
        "I'll call",
        "Delegate",
        "Snooze",
    ]


async def test_resolve_close_and_reopen(a_desk: OpenDesk) -> None:
    """A18: agents resolve, the customer closes; either side reopens, and a mere message never does."""
    desk = await a_desk()
    key = await desk.submits(ALICE, "Bills are slow", S2)

    await desk.submits_form(BOB, "Resolve", key, text="The queue was stuck; it runs again.")
    assert desk.card_view(key).state == "resolved"
    assert desk.labels(key, Audience.AGENTS) == ["Close", "Reopen", "Why?"]
    assert desk.labels(key) == ["Why?", "Add details", "Close", "Reopen"]
    assert "“The queue was stuck; it runs again.”" in desk.thread(key)[-1]
    assert desk.standing(key) == ["met"]

    answer = await desk.writes(ALICE, "thanks", key)
    assert "Press Reopen if you still need help." in answer_text(answer)
    assert desk.card_view(key).state == "resolved"

    await desk.presses(ALICE, "Close", key)
    assert desk.card_view(key).state == "closed"
    assert desk.labels(key) == ["Why?", "Reopen"]

    await desk.presses(ALICE, "Reopen", key)
    assert desk.card_view(key).state == "open"


async def test_a_tam_notified_of_an_escalation_is_notified_of_its_end(a_desk: OpenDesk) -> None:
    desk = await a_desk()
    quiet = await desk.submits(ALICE, "One", S2)
    await desk.submits_form(BOB, "Resolve", quiet, text="Done.")
    assert desk.direct(DANA) == []

    loud = await desk.submits(ALICE, "Two", S2)
    await desk.fast_forward(hours=5)
    await desk.submits_form(BOB, "Resolve", loud, text="Done.")
    assert "Bob resolved this ticket" in desk.direct(DANA)[-1].text


async def test_closing_by_the_customer_ends_clocks_neither_met_nor_breached(a_desk: OpenDesk) -> None:
    desk = await a_desk()
    key = await desk.submits(ALICE, "Never mind", S2)

    form = form_of(await desk.presses(ALICE, "Close", key))
    assert (form.title, form.submit, form.fields) == ("Close ACME-1?", "Close", ())
    assert rich_text(form.intro) == (
        "First response is due Fri 20 Mar 19:30 and nobody has answered. "
        "If you close the ticket, this is no longer due."
    )
    assert desk.card_view(key).state == "open"
    assert done(await desk.sends(ALICE, form))
    await desk.fast_forward(days=10)

    assert desk.standing(key) == []
    assert await desk.events(key) == ["Opened", "Closed"]


async def test_a_severity_1_calls_the_first_line_and_engineering_at_once(a_desk: OpenDesk) -> None:
    """M3-13, M3-19: at any hour, here on a Sunday night; engineering works on it from the start."""
    desk = await a_desk("2026-03-22T02:00:00Z")
    key = await desk.submits(ALICE, "All is down", S1)

    assert desk.standing(key) == ["less than 1 h left"]
    first, engineering = desk.thread(key, Audience.AGENTS)
    assert first.startswith("ACME-1 S1 for Acme GmbH: All is down. Reported ")
    assert first.endswith("Paged: @Bob.")
    assert engineering.endswith("Paged engineering: @Kim.")
    assert desk.thread(key) == []


async def test_escalate_reaches_the_tam_and_the_next_step(a_desk: OpenDesk) -> None:
    desk = await a_desk()
    key = await desk.submits(ALICE, "Bills are slow", S2)

    await desk.submits_form(ALICE, "Escalate", key, text="Month end is today")
    assert "ACME-1 Alice escalated this ticket: “Month end is today” " in desk.direct(DANA)[-1].text
    assert not any("Paged" in text for text in desk.thread(key, Audience.AGENTS))

    await desk.submits_form(BOB, "Escalate", key, text="Needs a second pair of eyes")
    assert any(text.endswith("Paged second line: @Eve.") for text in desk.thread(key, Audience.AGENTS))

    await desk.submits_form(BOB, "Escalate", key, text="Still nobody")
    assert any(text.endswith("Paged engineering: @Kim.") for text in desk.thread(key, Audience.AGENTS))
    assert len(desk.direct(DANA)) == 3


async def test_a_step_outside_its_hours_is_called_at_its_opening(a_desk: OpenDesk) -> None:
    """M3-19, complaint 23: raised on a Saturday, paged on Monday at ten, regardless of events in between."""
    desk = await a_desk("2026-03-21T12:00:00Z")
    key = await desk.submits(ALICE, "Bills are slow", S2)

    await desk.submits_form(BOB, "Escalate", key, text="Needs eyes")
    assert (
        "Second line is outside its hours. We will page it Mon 23 Mar 09:00"
        in desk.thread(key, Audience.AGENTS)[-1]
    )

    await desk.forward_to("2026-03-23T08:59:59Z")
    assert not any("@Eve" in text for text in desk.thread(key, Audience.AGENTS))
    await desk.forward_to("2026-03-23T09:00:00Z")
    assert desk.thread(key, Audience.AGENTS)[-1].endswith("Paged second line: @Eve.")


async def test_why_shows_the_working(a_desk: OpenDesk) -> None:
    desk = await a_desk()
    key = await desk.submits(ALICE, "Console is odd", S3)

    answer = await desk.presses(ALICE, "Why?", key)

    assert isinstance(answer, Show)
    assert isinstance(answer.view, Receipt)
    (table,) = answer.view.tables
    assert table.cites == (
        "Source: m3ter Support, last updated 10 February 2025, response table, row Severity 3, Response Times"
    )
    assert [row.why for row in table.rows] == ["open", "night", "weekend", "night", "open"]


async def test_opening_for_the_customer_from_triage(a_desk: OpenDesk) -> None:
    """Who is who: an agent in triage chooses the account; the ticket lives in its channel."""
    desk = await a_desk()
    form = await desk.asks_for_help(BOB, TRIAGE)
    assert form.fields[0].label == "Account"

    answer = await desk.sends(BOB, form, account="acme", summary="Called us by phone", **S2)

    assert answer_text(answer) == "ACME-1 was opened in the channel of Acme GmbH."
    assert isinstance(desk.card("ACME-1").view, TicketCard)
    assert "opened by Bob for the customer" in desk.card_view("ACME-1", Audience.AGENTS).about


def plain_note(card: TicketCard) -> str:
    return "".join(part if isinstance(part, str) else "" for part in card.note)


async def test_a_form_sent_again_because_its_answer_was_lost_is_not_refused(a_desk: OpenDesk) -> None:
    """Complaint 31: the second Resolve of the same form is the first one, not "resolved already"."""
    desk = await a_desk()
    key = await desk.submits(ALICE, "Down", S2)
    form = form_of(await desk.presses(BOB, "Resolve", key))
    assert done(await desk.sends(BOB, form, text="Restarted"))
    assert answer_text(await desk.sends(BOB, form, text="Restarted")).startswith("You already sent this form")
    assert (await desk.events(key)).count("Resolved") == 1
