"""The intake form while it is being filled in: what is asked, what it will lead to, what is already open."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.desk.intake.form import possible_duplicates
from bot.model.address import Place
from bot.model.forms import ChoiceField, Form
from bot.model.inbound import FormChanged, FormClosed, Submission
from bot.model.views import Audience
from tests.desk.intake.form_filling import asked_fields, chooses, desk_file_of, submits, values_of
from tests.harness import (
    ACME,
    ALICE,
    BOB,
    S1,
    S2,
    SILVER,
    TRIAGE,
    DeskInMemory,
    answer_text,
    done,
    form_of,
    open_desk,
    person,
    rich_text,
)

FRIDAY = "2026-03-20T14:00:00Z"
CAROL = person("Carol", "T0ACME")


@pytest.fixture
async def desk(tmp_path: Path) -> DeskInMemory:
    return await open_desk(tmp_path, FRIDAY)


def known(form: Form) -> ChoiceField:
    field = next(field for field in form.fields if field.id == "known")
    assert isinstance(field, ChoiceField)
    return field


# What is asked ------------------------------------------------------------------------------------


async def test_a_question_is_asked_where_it_matters(tmp_path: Path) -> None:
    """MTA-16: whether the charge point was checked, of those whose charge points are offline."""
    desk = await open_desk(tmp_path, FRIDAY, desk_file_of("monta", "partner"))
    form = await desk.asks_for_help(ALICE)
    assert "checked" not in asked_fields(form)
    form = await chooses(desk, form, topic="one_charger")
    assert asked_fields(form)[-1] == "checked"
    form = await chooses(desk, form, checked="no")
    form = await chooses(desk, form, topic="exports")
    assert "checked" not in asked_fields(form)
    form = await chooses(desk, form, topic="several_chargers")
    assert values_of(form, {})["checked"] == ("no",), "what was answered is there again"


async def test_an_answer_that_does_not_matter_is_not_kept(tmp_path: Path) -> None:
    """A client that cannot change its form shows every question."""
    desk = await open_desk(tmp_path, FRIDAY, desk_file_of("monta", "partner"))
    answers = {"audience": "partner", "topic": "exports", "revenue": "none", "users": "one"}
    key = await desk.submits(ALICE, "No exports", answers | {"workaround": "yes", "checked": "no"})
    assert (await desk.ticket(key)).opened.answers["checked"] == ()


async def test_what_was_typed_is_kept_when_the_form_is_redrawn(desk: DeskInMemory) -> None:
    form = await desk.asks_for_help(ALICE, text="Bills are slow")
    form = await chooses(desk, form, details="Since nine.", request="incident")
    values = values_of(form, {})
    assert (values["summary"], values["details"]) == (("Bills are slow",), ("Since nine.",))
    assert values["request"] == ("incident",)


async def test_a_form_that_nobody_may_fill_in_stays_as_it_is(desk: DeskInMemory) -> None:
    form = await desk.asks_for_help(ALICE)
    elsewhere = {**form.context, "place": "slack:C0NOBODY"}
    now = desk.clock.now()
    assert done(await desk.answers(FormChanged("f", now, ALICE, form.id, {}, elsewhere)))
    assert done(await desk.answers(FormChanged("g", now, ALICE, "reply", {}, form.context)))
    assert done(await desk.answers(FormClosed("h", now, ALICE, "reply", {}, form.context)))


# What it will lead to -----------------------------------------------------------------------------


async def test_the_form_says_what_it_will_lead_to(desk: DeskInMemory) -> None:
    """m3ter Gold, Friday 15:00 in Berlin: four hours of support time."""
    form = await desk.asks_for_help(ALICE)
    assert "Answer the questions to see" in rich_text(form.preview)
    form = await chooses(desk, form, request="incident", production="reduced")
    assert "Answer the questions to see" in rich_text(form.preview)
    form = await chooses(desk, form, privacy="no")
    told = rich_text(form.preview)
    assert told.startswith(
        "Proposed: S2, High priority, major business impact. First response is due Fri 20 Mar"
    )
    key = await desk.submits(ALICE, "Bills are slow", S2)
    (line,) = desk.card_view(key).promises
    assert f"First response is due {line.due_at:%a %d %b %H:%M}." in told


async def test_the_outcome_is_shown_as_soon_as_it_is_certain(desk: DeskInMemory) -> None:
    """Production down is S1, whether privacy is breached or not."""
    form = await chooses(desk, await desk.asks_for_help(ALICE), production="down")
    assert rich_text(form.preview).startswith("Proposed: S1, Urgent")


async def test_a_class_without_a_promise_says_so(desk: DeskInMemory) -> None:
    form = await desk.asks_for_help(ALICE)
    form = await chooses(desk, form, request="feature", production="unaffected", privacy="no")
    assert "promises no response time for this severity." in rich_text(form.preview)
    assert rich_text(form.preview).startswith("Proposed: General request.")


def details_hint(form: Form) -> str:
    (hint,) = (field.hint for field in form.fields if field.id == "details")
    assert hint is not None
    return hint


async def test_the_form_says_who_sees_it(desk: DeskInMemory) -> None:
    """The card stands in the account's channel, wherever the form was opened."""
    here = details_hint(await desk.asks_for_help(ALICE))
    assert here.endswith("Everyone in this channel can see this.")

    desk.chat.in_channels[ALICE.user.id] = frozenset({ACME})
    direct = Place("slack", ALICE.user.id, direct=True)
    there = details_hint(await desk.asks_for_help(ALICE, direct))
    assert there.endswith("Everyone in the channel of Acme GmbH can see this.")
    key = await desk.submits(ALICE, "Bills are slow", S2, direct)
    assert desk.card(key).to == ACME

    asked = await desk.asks_for_help(BOB, TRIAGE)
    assert details_hint(asked).endswith("Everyone in the account's channel can see this.")
    asked = await chooses(desk, asked, BOB, account="acme")
    assert details_hint(asked).endswith("Everyone in the channel of Acme GmbH can see this.")


async def test_advice_is_given_before_it_is_sent(desk: DeskInMemory) -> None:
    """M3-21."""
    form = await desk.asks_for_help(ALICE)
    form = await chooses(desk, form, request="third_party", production="unaffected", privacy="no")
    assert "Professional Services does such work" in rich_text(form.preview)


async def test_what_the_plan_does_not_include_is_said_at_once(desk: DeskInMemory) -> None:
    """M3-4, A13: Silver has no chat, but an S1 is taken in."""
    form = await desk.asks_for_help(ALICE, SILVER)
    form = await chooses(desk, form, **S2)
    assert "cannot be reported here. On the plan Silver, please report this at" in rich_text(form.preview)
    form = await chooses(desk, form, **S1)
    assert rich_text(form.preview).startswith("Proposed: S1")


async def test_people_who_get_help_elsewhere_read_it_at_once(tmp_path: Path) -> None:
    """MTA-2."""
    desk = await open_desk(tmp_path, FRIDAY, desk_file_of("monta", "partner"))
    form = await chooses(desk, await desk.asks_for_help(ALICE), audience="private")
    assert rich_text(form.preview).startswith(
        "We cannot open a ticket for this. Private users are helped in the Monta app"
    )


async def test_the_plan_is_that_of_the_chosen_account(desk: DeskInMemory) -> None:
    form = await chooses(desk, await desk.asks_for_help(BOB, TRIAGE), BOB, **S2)
    assert "Answer the questions to see" in rich_text(form.preview)
    form = await chooses(desk, form, BOB, account="silverline")
    assert "On the plan Silver, please report this" in rich_text(form.preview)
    form = await chooses(desk, form, BOB, account="acme")
    assert rich_text(form.preview).startswith("Proposed: S2")


async def test_a_report_shows_how_complete_it_is(tmp_path: Path) -> None:
    """MON-5: told while it is filled in, and nothing of it is demanded."""
    desk = await open_desk(tmp_path, FRIDAY, desk_file_of("monetate", "north-america"))
    form = await desk.asks_for_help(ALICE)
    details = next(field for field in form.fields if field.id == "details")
    assert "what should happen" in (details.hint or "")
    form = await chooses(desk, form, area=["events"])
    told = rich_text(form.preview)
    assert "Filled in: 1 of 3. Still empty: Details; Where does it show?" in told
    form = await chooses(desk, form, details="The banner is gone.", where="shop.example")
    assert "Filled in" not in rich_text(form.preview)
    plain = await chooses(desk, form, details="", where="")
    assert done(await submits(desk, plain, summary="No banner", category="error", impact="no", reason="no"))


# What is open already -----------------------------------------------------------------------------


async def test_a_ticket_that_reads_alike_is_offered(desk: DeskInMemory) -> None:
    first = await desk.submits(ALICE, "Bill generation is slow", S2)
    form = await desk.asks_for_help(CAROL, text="The generation of bills takes hours")
    form = await chooses(desk, form, CAROL, request="incident")
    assert [option.id for option in known(form).options] == [first, "new"]
    assert known(form).hint == "ACME-1 also mentions generation, bills."
    form = await chooses(desk, form, CAROL, details="Since Monday.", known=first)
    assert asked_fields(form) == ["summary", "details", "known"], "nothing else is asked then"
    assert rich_text(form.preview) == "Your text will be added to ACME-1; no new ticket is opened."
    desk.chat.links_begin = "https://chat.example"
    told = answer_text(await submits(desk, form, CAROL))
    assert told == "Thank you. Your text was added to ACME-1. Open ACME-1"
    assert await desk.keys() == [first]
    assert any("Since Monday." in text for text in desk.thread(first, Audience.AGENTS))


async def test_declining_the_match_shows_the_questions_again(desk: DeskInMemory) -> None:
    await desk.submits(ALICE, "Bill generation is slow", S2)
    form = await desk.asks_for_help(CAROL, text="Bill generation slow again")
    form = await chooses(desk, form, CAROL, **S1)
    form = await chooses(desk, form, CAROL, known="ACME-1")
    form = await chooses(desk, form, CAROL, known="new")
    assert rich_text(form.preview).startswith("Proposed: S1"), "and what was answered with them"
    assert done(await submits(desk, form, CAROL))
    assert await desk.keys() == ["ACME-2", "ACME-1"]


async def test_a_summary_of_the_last_moment_is_asked_about_once(desk: DeskInMemory) -> None:
    """One confirmation more, and never a dead end."""
    await desk.submits(ALICE, "Bill generation is slow", S2)
    form = await chooses(desk, await desk.asks_for_help(CAROL), CAROL, **S2)
    again = form_of(await submits(desk, form, CAROL, summary="Slow bill generation"))
    assert again.errors == {
        "known": "We may already have a ticket for this. Choose it, or press Open ticket again for a new one."
    }
    assert done(await submits(desk, again, CAROL))
    notes = (await desk.ticket("ACME-2")).opened.notes
    assert "it looks like ACME-1 (both say slow, bill, generation)" in notes


async def test_the_same_form_sent_again_is_the_same_ticket(desk: DeskInMemory) -> None:
    """The answer was lost on its way, so it is pressed once more; its own ticket reads like it."""
    form = await chooses(desk, await desk.asks_for_help(CAROL, text="Bill generation is slow"), CAROL, **S2)
    assert done(await submits(desk, form, CAROL))
    assert answer_text(await submits(desk, form, CAROL)).startswith("This form has already opened ACME-1")
    assert await desk.keys() == ["ACME-1"]


async def test_what_was_chosen_counts_though_the_summary_reads_otherwise_now(desk: DeskInMemory) -> None:
    first = await desk.submits(ALICE, "Bill generation is slow", S2)
    form = await desk.asks_for_help(CAROL, text="Slow bill generation")
    form = await chooses(desk, form, CAROL, request="incident")
    form = await chooses(desk, form, CAROL, known=first)
    form = await chooses(desk, form, CAROL, summary="It hangs")
    assert [option.id for option in known(form).options] == [first, "new"]
    assert known(form).hint is None
    assert answer_text(await submits(desk, form, CAROL, summary="It still hangs")).endswith(
        "added to ACME-1."
    )


async def test_a_ticket_that_was_never_offered_cannot_be_chosen(desk: DeskInMemory) -> None:
    """What a form carries unseen proves nothing."""
    theirs = await desk.submits(BOB, "Outage", S1, SILVER)
    before = await desk.events(theirs)
    form = await desk.asks_for_help(ALICE)
    now = desk.clock.now()
    context = {**form.context, "offered": theirs}
    values = {"summary": ("Login",), "known": (theirs,)} | {name: (option,) for name, option in S2.items()}
    assert done(await desk.answers(Submission("forged", now, ALICE, form.id, values, context)))
    assert await desk.events(theirs) == before
    assert (await desk.ticket("ACME-1")).opened.summary == "Login"


async def test_what_was_closed_meanwhile_is_not_added_to(desk: DeskInMemory) -> None:
    first = await desk.submits(ALICE, "Bill generation is slow", S2)
    form = await desk.asks_for_help(CAROL, text="Slow bill generation")
    form = await chooses(desk, form, CAROL, **S2)
    form = await chooses(desk, form, CAROL, known=first)
    await desk.submits_form(ALICE, "Close", first)
    again = form_of(await submits(desk, form, CAROL))
    assert set(again.errors) == {"request", "production", "privacy"}
    assert done(await submits(desk, again, CAROL, **S2))


async def test_sent_in_one_go_it_opens_at_once(desk: DeskInMemory) -> None:
    """There was no step in between, so agents are notified instead."""
    form = await desk.asks_for_help(CAROL)
    await desk.submits(ALICE, "Bill generation is slow", S2)
    assert done(await submits(desk, form, CAROL, summary="Bill generation is slow", **S2))
    assert any("looks like ACME-1" in text for text in desk.thread("ACME-2", Audience.AGENTS))
    assert not any("reads like" in text for text in desk.thread("ACME-2"))


async def test_finished_tickets_and_those_of_other_accounts_are_not_offered(desk: DeskInMemory) -> None:
    await desk.submits(ALICE, "Bill generation is slow", S1, SILVER)
    form = await chooses(desk, await desk.asks_for_help(ALICE, text="Bill generation is slow"), **S2)
    assert "known" not in asked_fields(form)
    key = await desk.submits(ALICE, "Bill generation is slow", S2)
    await desk.submits_form(ALICE, "Close", key)
    form = await chooses(desk, await desk.asks_for_help(ALICE, text="Bill generation is slow"), **S2)
    assert "known" not in asked_fields(form)


async def test_similar_titles_are_recognized(desk: DeskInMemory) -> None:
    """Two shared words that say something, and half of the shorter summary; else the same single word."""
    for summary in ("Invoice export fails", "Outage", "Cannot log in with single sign on"):
        await desk.submits(ALICE, summary, S2)
    tickets = [(key, (await desk.ticket(key)).opened) for key in await desk.keys()]
    assert possible_duplicates("The invoices export", tickets) == [("ACME-1", ("invoices", "export"))]
    assert possible_duplicates("OUTAGE!", tickets) == [("ACME-2", ("outage",))]
    for other in ("Export of users", "Total outage since nine", "Cannot work with it", "", "export"):
        assert possible_duplicates(other, tickets) == [], other
