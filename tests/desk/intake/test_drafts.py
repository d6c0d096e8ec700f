"""What is kept of a form that was not sent, and the files that come along with one that was."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bot.desk.intake.form import DRAFTS
from bot.desk.intake.prefill import Prefill, pack_prefill, unpack_prefill
from bot.model.inbound import Ask, Done, File, FormClosed
from bot.model.views import Audience, Link, Notice
from tests.desk.intake.form_filling import chooses, submits, values_of
from tests.harness import (
    ALICE,
    BOB,
    S2,
    SILVER,
    DeskInMemory,
    answer_text,
    done,
    open_desk,
    person,
    rich_text,
)

CAROL = person("Carol", "T0ACME")


@pytest.fixture
async def desk(tmp_path: Path) -> DeskInMemory:
    return await open_desk(tmp_path, "2026-03-20T14:00:00Z")


# What is kept -------------------------------------------------------------------------------------


async def test_an_unsent_form_is_restored(desk: DeskInMemory) -> None:
    form = await desk.asks_for_help(ALICE, text="Bills are slow")
    await chooses(desk, form, details="Since nine.", production="reduced")
    assert done(await desk.answers(FormClosed("left", desk.clock.now(), ALICE, form.id, {}, form.context)))
    again = await desk.asks_for_help(ALICE)
    values = values_of(again, {})
    assert (values["summary"], values["details"]) == (("Bills are slow",), ("Since nine.",))
    assert values["production"] == ("reduced",)
    assert rich_text(again.intro).startswith("Your unsent draft is back.")


async def test_a_draft_belongs_to_one_person_in_one_place(desk: DeskInMemory) -> None:
    await chooses(desk, await desk.asks_for_help(BOB, text="Bills"), BOB, production="down")
    for other in (await desk.asks_for_help(CAROL), await desk.asks_for_help(BOB, SILVER)):
        assert not any(values_of(other, {}).values())
        assert "draft" not in rich_text(other.intro)


async def test_a_form_with_another_text_starts_empty(desk: DeskInMemory) -> None:
    await chooses(desk, await desk.asks_for_help(ALICE, text="Bills"), production="down")
    form = await desk.asks_for_help(ALICE, text="Login")
    assert values_of(form, {}) == values_of(form, {"summary": "Login"})
    assert values_of(form, {})["production"] == ()


async def test_a_draft_is_deleted_when_the_ticket_opens(desk: DeskInMemory) -> None:
    form = await chooses(desk, await desk.asks_for_help(ALICE, text="Bills"), **S2)
    assert done(await submits(desk, form))
    assert not any(values_of(await desk.asks_for_help(ALICE), {}).values())


async def test_a_draft_is_kept_for_a_day(desk: DeskInMemory) -> None:
    await chooses(desk, await desk.asks_for_help(ALICE, text="Bills"), production="down")
    desk.real_time_passes(hours=23, minutes=59)
    assert (await desk.asks_for_help(ALICE)).fields[0].value == "Bills"
    desk.real_time_passes(hours=24)
    assert (await desk.asks_for_help(ALICE)).fields[0].value == ""


async def test_long_words_in_a_button_are_kept_for_a_month(desk: DeskInMemory) -> None:
    carried = Prefill("Bills are slow. " * 100, "1.2")
    button = await pack_prefill(desk.desk, carried)
    desk.real_time_passes(days=29)
    assert await unpack_prefill(desk.desk, button) == carried
    desk.real_time_passes(days=30)
    assert await unpack_prefill(desk.desk, button) == Prefill()


async def test_a_rejected_form_is_kept(desk: DeskInMemory) -> None:
    form = await desk.asks_for_help(ALICE, SILVER)
    refused = await submits(desk, form, summary="Bills", details="Since nine.", **S2)
    assert isinstance(refused, Ask)
    assert (await desk.asks_for_help(ALICE, SILVER)).fields[1].value == "Since nine."


async def test_a_form_that_failed_is_kept(desk: DeskInMemory) -> None:
    """The policy that the form was made from is gone."""
    form = await desk.asks_for_help(ALICE)
    outdated = replace(form, context={**form.context, "version": "m3ter 1999-01-01"})
    assert "Nothing was changed" in answer_text(await submits(desk, outdated, summary="Bills", **S2))
    assert (await desk.asks_for_help(ALICE)).fields[0].value == "Bills"


async def test_which_ticket_it_was_thought_to_be_is_thought_about_again(desk: DeskInMemory) -> None:
    await desk.submits(ALICE, "Bill generation is slow", S2)
    form = await chooses(desk, await desk.asks_for_help(ALICE, text="Slow bill generation"), **S2)
    await chooses(desk, form, known="ACME-1")
    again = await desk.asks_for_help(ALICE)
    assert values_of(again, {})["known"] == ()
    assert values_of(again, {})["production"] == ("reduced",)


async def test_an_empty_form_is_not_kept(desk: DeskInMemory) -> None:
    form = await desk.asks_for_help(ALICE)
    assert isinstance(
        await desk.answers(FormClosed("l", desk.clock.now(), ALICE, form.id, {}, form.context)), Done
    )
    assert await desk.desk.key_values.get_all(DRAFTS) == {}


# Files --------------------------------------------------------------------------------------------

PICTURE = File("bill.png", "https://acme.slack.com/files/U0ALICE/F1/bill.png")
NAMED = File("log.txt", "")


async def test_files_are_part_of_the_draft(desk: DeskInMemory) -> None:
    form = await desk.asks_for_help(ALICE)
    assert form.takes_files
    assert done(
        await submits(desk, form, ALICE, (PICTURE, NAMED), summary="Bills", details="See there.", **S2)
    )
    opened = (await desk.ticket("ACME-1")).opened
    assert opened.details == f"See there.\nFile: bill.png ({PICTURE.url})\nFile: log.txt"
    assert "ACME-1 Alice attached (files: bill.png, log.txt)" in desk.thread("ACME-1", Audience.AGENTS)
    views = [each.view for each in desk.posted if "attached" in each.text]
    links = [
        part for view in views if isinstance(view, Notice) for part in view.text if isinstance(part, Link)
    ]
    assert links == [Link(PICTURE.url, "bill.png")]
    assert desk.thread("ACME-1") == []


async def test_files_follow_the_text(desk: DeskInMemory) -> None:
    await desk.submits(ALICE, "Bill generation is slow", S2)
    form = await desk.asks_for_help(ALICE, text="Bill generation slow")
    form = await chooses(desk, form, request="incident")
    form = await chooses(desk, form, known="ACME-1")
    await submits(desk, form, ALICE, (PICTURE,))
    assert any("file: bill.png" in text for text in desk.thread("ACME-1", Audience.AGENTS))
