"""Changing the severity re-measures every clock from the submission (A10)."""

from __future__ import annotations

from bot.model.views import Audience
from tests.harness import ALICE, BOB, S1, S2, S3, view_text
from tests.journeys.conftest import OpenDesk


async def test_clocks_are_measured_from_the_submission(a_desk: OpenDesk) -> None:
    """MTA-10, A10: one hour of the four is spent already when the ticket becomes S2."""
    desk = await a_desk()
    key = await desk.submits(ALICE, "Console is odd", S3)
    await desk.fast_forward(hours=1)

    await desk.submits_form(BOB, "Change severity", key, severity="S2", text="Bills are affected")

    due = desk.card_view(key).promises[0].due_at
    assert due is not None
    assert f"{due:%a %H:%M}" == "Fri 19:30"
    assert "Bob changed the severity from S3 to S2" in desk.thread(key)[0]


async def test_a_deadline_that_the_change_would_put_in_the_past_starts_now(a_desk: OpenDesk) -> None:
    """A10: no breach by a change of mind; the mark stays on the card."""
    desk = await a_desk()
    key = await desk.submits(ALICE, "Console is odd", S3)
    await desk.fast_forward(hours=5)

    await desk.submits_form(BOB, "Change severity", key, severity="S2", text="Bills are affected")

    line = desk.card_view(key).promises[0]
    assert line.standing == "less than 4 support hours left"
    assert line.note == "counted from the change of severity"
    await desk.fast_forward(minutes=10)
    assert "Breached" not in await desk.events(key)


async def test_an_already_breached_deadline_does_not_restart(a_desk: OpenDesk) -> None:
    """A10: the breach under S1 stays the one breach; S2 neither renews the time nor tells it twice."""
    desk = await a_desk()
    key = await desk.submits(ALICE, "All is down", S1)
    await desk.fast_forward(hours=4, minutes=30)

    await desk.submits_form(BOB, "Change severity", key, severity="S2", text="Some of it works")
    await desk.fast_forward(days=1)

    assert desk.standing(key) == ["breached"]
    assert (await desk.events(key)).count("Breached") == 1
    await desk.submits_form(BOB, "Reply", key, text="Sorry")
    assert desk.standing(key) == ["breached"]


async def test_an_answer_given_before_the_change_still_counts(a_desk: OpenDesk) -> None:
    """Complaint 15 (zammad#3140): no escalation for what was answered."""
    desk = await a_desk()
    key = await desk.submits(ALICE, "Console is odd", S3)
    await desk.submits_form(BOB, "Reply", key, text="Seen.")
    await desk.fast_forward(hours=5)

    await desk.submits_form(BOB, "Change severity", key, severity="S2", text="Bills are affected")
    await desk.fast_forward(days=2)

    assert desk.standing(key) == ["met"]


async def test_raising_to_an_emergency_pages_like_opening_one(a_desk: OpenDesk) -> None:
    desk = await a_desk()
    key = await desk.submits(ALICE, "Bills are slow", S2)

    await desk.submits_form(BOB, "Change severity", key, severity="S1", text="Now it is down")

    pages = [text for text in desk.thread(key, Audience.AGENTS) if "Paged" in text]
    ends = [text.rpartition("Paged")[2] for text in pages]
    assert ends == [": @Eve.", " engineering: @Kim."], "and not Bob, who raised it"


async def test_a_reason_is_required_and_typed_text_is_kept(a_desk: OpenDesk) -> None:
    desk = await a_desk()
    key = await desk.submits(ALICE, "Bills are slow", S2)
    answer = await desk.submits_form(BOB, "Change severity", key, severity="S2", text="")
    form = answer.form  # type: ignore[union-attr]
    assert set(form.errors) == {"severity", "text"}


async def test_a_breach_before_the_change_stays_on_record(a_desk: OpenDesk) -> None:
    desk = await a_desk()
    key = await desk.submits(ALICE, "Bills are slow", S2)
    await desk.fast_forward(hours=5)

    await desk.submits_form(BOB, "Change severity", key, severity="S3", text="There is a workaround")

    assert (await desk.events(key)).count("Breached") == 1
    assert view_text(desk.card_view(key))
