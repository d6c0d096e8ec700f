"""Who may what and from where, over HTTP: one desk for all of it."""

from __future__ import annotations

import pytest

from tests.harness import NO_CLOCK, S1, S2, S3
from tests.process.live_site import LiveSite

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_support_in_a_channel_that_nobody_owns(shared_site: LiveSite) -> None:
    """contract.md: a private answer that names the channel's id and the key to set."""
    site = shared_site
    reply = await site.slack.command(site.alice, site.lunch, "/support", "Hello")
    assert reply.status == 200
    assert '"slack:C0LUNCH"' in reply.shown
    assert "channels" in reply.shown
    assert site.slack.modal_of(site.alice) is None
    assert site.slack.messages(site.lunch) == []


async def test_support_in_triage_begins_with_the_account(shared_site: LiveSite) -> None:
    site = shared_site
    await site.slack.command(site.bob, site.triage, "/support", "Called us by phone")
    modal = site.slack.modal_of(site.bob)
    assert modal
    assert modal.labels()[:2] == ["Account", "Summary"]
    assert modal.options("Account") == ["Acme GmbH", "Silverline Ltd"]
    before = len(site.posted(site.acme))
    reply = await site.slack.submit(site.bob, {"account": "acme", **S3})
    assert reply.action == "update"
    shown = site.slack.modal_of(site.bob)
    assert shown
    linked = f"https://vendor.slack.com/archives/{site.acme.id}|the channel of Acme GmbH"
    assert f"was opened in <{linked}>." in str(shown.blocks)
    await site.until(lambda: len(site.posted(site.acme)) == before + 1)
    await site.until(
        lambda: any("opened by Bob for the customer" in site.text(m) for m in site.posted(site.triage))
    )
    await site.slack.close_modal(site.bob, everything=True)


async def test_a_customer_in_triage_is_a_customer(shared_site: LiveSite) -> None:
    """contract.md: everyone else is a customer, even in triage."""
    site = shared_site
    reply = await site.slack.command(site.alice, site.triage, "/support")
    assert "Only agents can open tickets here" in reply.shown
    card = await site.opened(S2, "Bills are slow")
    work = site.agents_card(card)
    for label in ("Acknowledge", "Take it", "Reply", "Resolve"):
        await site.slack.press(site.alice, work, label)
    await site.until(
        lambda: (
            len(
                [
                    m
                    for m in site.slack.ephemerals(site.alice)
                    if m.channel == "C0TRIAGE"
                    and "Only agents of m3ter Support can do that on" in site.text(m)
                ]
            )
            == 4
        )
    )
    assert site.slack.modal_of(site.alice) is None
    assert "unassigned" in site.text(card)


async def test_support_in_a_direct_message(shared_site: LiveSite) -> None:
    """The accounts whose channels the person belongs to, asked if several."""
    site = shared_site
    reply = await site.slack.command(site.mia, site.slack.dm(site.mia), "/support", "Hello")
    assert "you are not in a customer's channel" in reply.shown

    await site.slack.command(site.sam, site.slack.dm(site.sam), "/support", "Hello")
    modal = site.slack.modal_of(site.sam)
    assert modal
    assert modal.labels()[0] == "Summary"
    assert modal.input("summary").value == "Hello"
    await site.slack.close_modal(site.sam)

    await site.slack.command(site.bob, site.slack.dm(site.bob), "/support", "Hello")
    modal = site.slack.modal_of(site.bob)
    assert modal
    assert modal.options("Account") == ["Acme GmbH", "Silverline Ltd"]
    await site.slack.close_modal(site.bob)


async def test_a_ticket_from_a_direct_message_lives_in_the_channel(shared_site: LiveSite) -> None:
    site = shared_site
    before = len(site.posted(site.acme))
    await site.slack.command(site.alice, site.slack.dm(site.alice), "/support", "From home")
    assert (await site.slack.submit(site.alice, {**S3})).sent
    await site.until(lambda: len(site.posted(site.acme)) == before + 1)
    assert "From home" in site.text(site.posted(site.acme)[-1])
    await site.slack.close_modal(site.alice, everything=True)


async def test_silver_is_refused_in_the_form_and_never_loses_an_emergency(shared_site: LiveSite) -> None:
    """M3-4, A13: the vendor's own way in, what was typed kept; the worst class is taken and logged."""
    site = shared_site
    await site.slack.command(site.sam, site.silver, "/support", "How do I do this?")
    refused = await site.slack.submit(site.sam, {**NO_CLOCK, "details": "Since nine"})
    modal = site.slack.modal_of(site.sam)
    assert modal
    assert not refused.closed
    assert "https://support.m3ter.com/" in f"{refused.errors} {modal.blocks}"
    assert (modal.input("summary").value, modal.input("details").value) == ("How do I do this?", "Since nine")
    assert site.posted(site.silver) == []

    sent = await site.slack.submit(site.sam, {**S1})
    assert sent.sent
    await site.until(lambda: site.slack.messages(site.silver))
    await site.until(lambda: site.cards(site.triage, "SILVERLINE-1"))
    (work,) = site.cards(site.triage, "SILVERLINE-1")
    assert "accepted as S1 although the plan Silver does not include chat" in site.text(work)
    (page,) = await site.until(lambda: site.slack.thread(work))
    assert "<@U0BOB>" in str(page.blocks)


async def test_an_outsider_of_a_shared_channel_has_the_buttons_of_a_customer(shared_site: LiveSite) -> None:
    """Complaint 29, 30: an external member cannot type the command; the card works for them all the same."""
    site = shared_site
    reply = await site.slack.command(site.ann, site.acme, "/support")
    assert "is not a valid command" in reply.shown
    card = await site.opened(S2, "Bills are slow")
    assert (await site.fills(site.ann, card, "Add details", text="Error 502")).closed
    await site.until(
        lambda: any(
            "Ann added details: “Error 502”" in " ".join(t.split()) or "Error 502" in t
            for t in site.thread(card)
        )
    )
    assert (await site.fills(site.ann, card, "Close")).closed
    await site.until(lambda: site.slack.buttons(card) == ["Why?", "Reopen"])


async def test_an_agent_by_user_group_takes_a_ticket(shared_site: LiveSite) -> None:
    site = shared_site
    work = site.agents_card(await site.opened(S2, "Bills are slow"))
    await site.slack.press(site.eve, work, "Take it")
    await site.until(lambda: "Eve" in site.text(work))


async def test_words_in_the_customers_thread_and_words_in_triage(shared_site: LiveSite) -> None:
    """Complaint 35: what agents say in triage stays there; in the customer's thread it is an answer."""
    site = shared_site
    card = await site.opened(S2, "Bills are slow")
    work = await site.in_hand(card)
    await site.slack.say(site.bob, site.triage, "Looks like the usual misuse", work)
    await site.slack.say(site.alice, site.acme, "It got worse", card)
    await site.until(lambda: any("It got worse" in text for text in site.thread(work)))
    assert "less than 4 h left" in site.text(card)
    await site.slack.say(site.bob, site.acme, "On it", card)
    await site.until(lambda: "met" in site.text(card))
    assert not any("misuse" in text for text in site.thread(card))


async def test_why_is_told_to_the_one_who_asked(shared_site: LiveSite) -> None:
    site = shared_site
    card = await site.opened(S2, "Bills are slow")
    before = len(site.slack.thread(card))
    await site.slack.press(site.alice, card, "Why?")
    await site.until(
        lambda: any("Source: m3ter Support" in site.text(m) for m in site.slack.ephemerals(site.alice))
    )
    assert len(site.slack.thread(card)) == before


async def test_the_health_endpoint_reports_the_desk(shared_site: LiveSite) -> None:
    assert await shared_site.gets("/healthz") == (200, {"alive": True})
    assert await shared_site.gets("/readyz") == (200, {"ready": True, "reasons": []})
