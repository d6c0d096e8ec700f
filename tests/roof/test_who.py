"""Who may what and from where, over HTTP: one desk for all of it."""

from __future__ import annotations

import pytest

from tests.harness import NO_CLOCK, S1, S2, S3
from tests.roof.house import House

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_support_in_a_channel_that_nobody_owns(still_house: House) -> None:
    """contract.md: a private answer that names the channel's id and the key to set."""
    house = still_house
    reply = await house.slack.command(house.alice, house.lunch, "/support", "Hello")
    assert reply.status == 200
    assert '"slack:C0LUNCH"' in reply.shown
    assert "channels" in reply.shown
    assert house.slack.modal_of(house.alice) is None
    assert house.slack.messages(house.lunch) == []


async def test_support_in_triage_begins_with_the_account(still_house: House) -> None:
    house = still_house
    await house.slack.command(house.bob, house.triage, "/support", "Called us by phone")
    modal = house.slack.modal_of(house.bob)
    assert modal
    assert modal.labels()[:2] == ["Account", "Summary"]
    assert modal.options("Account") == ["Acme GmbH", "Silverline Ltd"]
    before = len(house.posted(house.acme))
    reply = await house.slack.submit(house.bob, {"account": "acme", **S3})
    assert reply.action == "update"
    shown = house.slack.modal_of(house.bob)
    assert shown
    assert "is open in the channel of Acme GmbH." in str(shown.blocks)
    await house.until(lambda: len(house.posted(house.acme)) == before + 1)
    await house.until(
        lambda: any("Bob, for the customer" in house.text(m) for m in house.posted(house.triage))
    )
    await house.slack.close_modal(house.bob, everything=True)


async def test_a_customer_in_triage_is_a_customer(still_house: House) -> None:
    """contract.md: everyone else is a customer, even in triage."""
    house = still_house
    reply = await house.slack.command(house.alice, house.triage, "/support")
    assert "Only agents open tickets here" in reply.shown
    card = await house.opened(S2, "Bills are slow")
    work = house.agents_card(card)
    for label in ("Acknowledge", "Take it", "Reply", "Resolve"):
        await house.slack.press(house.alice, work, label)
    await house.until(
        lambda: (
            len(
                [
                    m
                    for m in house.slack.ephemerals(house.alice)
                    if m.channel == "C0TRIAGE" and "Only agents of m3ter can do that." in house.text(m)
                ]
            )
            == 4
        )
    )
    assert house.slack.modal_of(house.alice) is None
    assert "nobody yet" in house.text(card)


async def test_support_in_a_direct_message(still_house: House) -> None:
    """The accounts whose channels the person belongs to, asked if several."""
    house = still_house
    reply = await house.slack.command(house.mia, house.slack.dm(house.mia), "/support", "Hello")
    assert "You are in no channel of a customer" in reply.shown

    await house.slack.command(house.sam, house.slack.dm(house.sam), "/support", "Hello")
    modal = house.slack.modal_of(house.sam)
    assert modal
    assert modal.labels()[0] == "Summary"
    assert modal.input("summary").value == "Hello"
    await house.slack.close_modal(house.sam)

    await house.slack.command(house.bob, house.slack.dm(house.bob), "/support", "Hello")
    modal = house.slack.modal_of(house.bob)
    assert modal
    assert modal.options("Account") == ["Acme GmbH", "Silverline Ltd"]
    await house.slack.close_modal(house.bob)


async def test_a_ticket_from_a_direct_message_lives_in_the_channel(still_house: House) -> None:
    house = still_house
    before = len(house.posted(house.acme))
    await house.slack.command(house.alice, house.slack.dm(house.alice), "/support", "From home")
    assert (await house.slack.submit(house.alice, {**S3})).sent
    await house.until(lambda: len(house.posted(house.acme)) == before + 1)
    assert "From home" in house.text(house.posted(house.acme)[-1])
    await house.slack.close_modal(house.alice, everything=True)


async def test_silver_is_refused_in_the_form_and_never_loses_an_emergency(still_house: House) -> None:
    """M3-4, A13: the vendor's own way in, what was typed kept; the worst class is taken and logged."""
    house = still_house
    await house.slack.command(house.sam, house.silver, "/support", "How do I do this?")
    refused = await house.slack.submit(house.sam, {**NO_CLOCK, "details": "Since nine"})
    modal = house.slack.modal_of(house.sam)
    assert modal
    assert not refused.closed
    assert "https://support.m3ter.com/" in f"{refused.errors} {modal.blocks}"
    assert (modal.input("summary").value, modal.input("details").value) == ("How do I do this?", "Since nine")
    assert house.posted(house.silver) == []

    sent = await house.slack.submit(house.sam, {**S1})
    assert sent.sent
    await house.until(lambda: house.slack.messages(house.silver))
    await house.until(lambda: house.cards(house.triage, "SILVERLINE-1"))
    (work,) = house.cards(house.triage, "SILVERLINE-1")
    assert "accepted as S1 although the plan Silver does not include chat" in house.text(work)
    (page,) = await house.until(lambda: house.slack.thread(work))
    assert "<@U0BOB>" in str(page.blocks)


async def test_an_outsider_of_a_shared_channel_has_the_buttons_of_a_customer(still_house: House) -> None:
    """Complaint 29, 30: an external member cannot type the command; the card works for them all the same."""
    house = still_house
    reply = await house.slack.command(house.ann, house.acme, "/support")
    assert "is not a valid command" in reply.shown
    card = await house.opened(S2, "Bills are slow")
    assert (await house.fills(house.ann, card, "Add details", text="Error 502")).closed
    await house.until(
        lambda: any(
            "Ann added details: “Error 502”" in " ".join(t.split()) or "Error 502" in t
            for t in house.thread(card)
        )
    )
    await house.slack.press(house.ann, card, "Close")
    await house.until(lambda: house.slack.buttons(card) == ["Why?", "Reopen"])


async def test_an_agent_by_user_group_takes_a_ticket(still_house: House) -> None:
    house = still_house
    work = house.agents_card(await house.opened(S2, "Bills are slow"))
    await house.slack.press(house.eve, work, "Take it")
    await house.until(lambda: "Eve" in house.text(work))


async def test_words_in_the_customers_thread_and_words_in_triage(still_house: House) -> None:
    """Complaint 35: what agents say in triage stays there; in the customer's thread it is an answer."""
    house = still_house
    card = await house.opened(S2, "Bills are slow")
    work = await house.in_hand(card)
    await house.slack.say(house.bob, house.triage, "Looks like the usual misuse", work)
    await house.slack.say(house.alice, house.acme, "It got worse", card)
    await house.until(lambda: any("It got worse" in text for text in house.thread(work)))
    assert "less than 4 h left" in house.text(card)
    await house.slack.say(house.bob, house.acme, "On it", card)
    await house.until(lambda: "met" in house.text(card))
    assert not any("misuse" in text for text in house.thread(card))


async def test_why_is_told_to_the_one_who_asked(still_house: House) -> None:
    house = still_house
    card = await house.opened(S2, "Bills are slow")
    before = len(house.slack.thread(card))
    await house.slack.press(house.alice, card, "Why?")
    await house.until(lambda: any("M3-14" in house.text(m) for m in house.slack.ephemerals(house.alice)))
    assert len(house.slack.thread(card)) == before


async def test_the_desk_says_how_it_is(still_house: House) -> None:
    assert await still_house.gets("/healthz") == (200, {"alive": True})
    assert await still_house.gets("/readyz") == (200, {"ready": True, "reasons": []})
