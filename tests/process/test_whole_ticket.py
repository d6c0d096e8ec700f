"""The whole slice over HTTP with the real process: from the command to the breach and the resolution."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.harness import S2
from tests.process.live_site import LiveSite


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[LiveSite]:
    """An hour takes three seconds: a machine that stalls for one still warns before it breaches."""
    async with LiveSite(tmp_path, speed=1200) as made:
        yield made


async def test_from_the_command_to_the_resolution(site: LiveSite) -> None:
    """Issue 2: everyone's view, as contract.md says who hears what."""
    slack, alice, bob, dana = site.slack, site.alice, site.bob, site.dana
    desk = await site.opens()

    # Alice asks: TEXT fills the summary, a wrong answer is refused with what was typed kept.
    reply = await slack.command(alice, site.acme, "/support", "Bills are slow & <late>")
    assert (reply.status, reply.shown) == (200, "")
    modal = slack.modal_of(alice)
    assert modal
    assert (modal.labels()[:2], modal.submit_label) == (["Summary", "Details"], "Open ticket")
    assert modal.input("summary").value == "Bills are slow & <late>"
    held = await slack.submit(alice, {"details": "Since nine", **S2, "summary": "   "})
    assert list(held.errors) == ["summary"]
    assert modal.input("details").value == "Since nine"
    assert modal.input("production").value == S2["production"]
    assert not site.posted(site.acme)
    assert (await slack.submit(alice, {"summary": "Bills are slow & <late>"})).closed

    # The card at the customer's, the agents' in triage.
    await site.until(lambda: site.posted(site.acme) and site.posted(site.triage))
    (card,), (work,) = site.posted(site.acme), site.posted(site.triage)
    said = site.text(card)
    assert "ACME-1" in said
    assert "Bills are slow & <late>" in said
    assert "S2" in said
    assert "less than 4 h left" in said
    assert slack.buttons(card) == ["Why?", "Add details", "Escalate", "Close"]
    assert "Since nine" in site.text(work)
    buttons = ["Acknowledge", "Reply", "Update", "Resolve", "Escalate"]
    assert slack.buttons(work) == [*buttons, "Take it", "Assign", "Change severity", "Why?"]

    # Acknowledge stops no clock; the warning and the breach come, each where it belongs.
    await slack.press(bob, work, "Acknowledge")
    await site.until(lambda: "seen by Bob" in site.text(card))
    await site.until(lambda: "Acknowledge" not in slack.buttons(work))
    await site.until(lambda: any("We missed" in text for text in site.dms(dana)))
    await site.until(lambda: site.is_breached(card) and len(slack.thread(work)) >= 3)
    assert "ACME-1 Warning: first response is due" in site.dms(dana)[0]
    assert "ACME-1 We missed the" in site.dms(dana)[-1]
    await site.until(lambda: slack.buttons(slack.dms(dana)[0]) == [])
    assert slack.buttons(slack.dms(dana)[-1]) == ["Acknowledge", "I'll call", "Delegate", "Snooze"]
    assert [" ".join(text.split()[1:3]) for text in site.thread(card)] == ["ACME-1 We"]
    assert [" ".join(text.split()[1:3]) for text in site.thread(work)] == [
        "New ticket",
        "ACME-1 Warning:",
        "ACME-1 We",
    ]
    assert (site.dms(bob), site.dms(alice)) == ([], [])

    # The TAM has seen it; Bob resolves, his text is required and goes to the customer; Alice closes.
    await slack.press(dana, slack.dms(dana)[-1], "Acknowledge")
    await site.until(lambda: any("acknowledged the alert" in text for text in site.thread(work)))
    empty = await site.fills(bob, work, "Resolve", text="  ")
    assert not empty.closed
    assert (await slack.submit(bob, {"text": "The queue runs again."})).closed
    await site.until(lambda: "Reopen" in slack.buttons(card))
    await site.until(lambda: "The queue runs again." in site.thread(card)[-1])
    await site.until(lambda: "resolved this ticket:" in site.dms(dana)[-1])
    await slack.press(alice, card, "Close")
    await site.until(lambda: slack.buttons(card) == ["Why?", "Reopen"])

    await slack.settle()
    assert slack.complaints == []
    assert {ack.status for ack in slack.acks} == {200}
    assert desk.troubles() == []
    assert await desk.stop() == 0
    decided = [event for event in (await site.decided())["ACME-1"] if event != "Notified"]
    assert decided == ["Opened", "Acknowledged", "Warned", "Breached", "Alerted", "Resolved", "Closed"]
