"""The process is ended, kindly or with SIGKILL, at chosen moments; the next one on its database knows all.

The gate holds a call of the desk's before or after Slack has heard it: the moment is not left to luck.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest

from adapters.sql.store import connect
from bot.clock import parse_instant
from demo.slack import Call, Message, Person
from sla_core.events import Breached, Opened
from tests.harness import S1, S2, S3
from tests.process.desk_process import frontline
from tests.process.live_site import FRIDAY_AFTERNOON, LiveSite
from tests.process.slack_proxy import calls_of, calls_saying
from tests.waiting import PATIENCE

CUSTOMERS = 16


LANES = ("the customer's thread", "triage", "the TAM")


def breaches(site: LiveSite, card: Message) -> list[int]:
    """How often each of them was told; Dana without what comes again because she does not answer."""
    to_dana = [text for text in site.dms(site.dana) if "You have not answered" not in text]
    told = (site.thread(card), site.thread(site.agents_card(card)), to_dana)
    return [sum("We missed" in text for text in texts) for texts in told]


def is_search(call: Call) -> bool:
    """Whether the desk looks for what it may have said already."""
    return call.method in ("conversations.replies", "conversations.history")


async def test_a_kill_while_many_open_tickets_loses_nothing(tmp_path: Path) -> None:
    """Issue 2, durable: a confirmed form has a ticket, and so has a form that was sent again."""
    async with LiveSite(tmp_path) as site:
        await site.opens()
        crowd = [site.slack.person(f"Customer {number}") for number in range(CUSTOMERS)]
        site.acme.members.extend(person.id for person in crowd)

        async def asks(person: Person) -> None:
            await site.slack.command(person, site.acme, "/support", f"Trouble of {person.real_name}")

        await asyncio.gather(*map(asks, crowd))
        for _ in range(CUSTOMERS // 3):
            site.proxy.hold(calls_of("users.info"))
        sending = asyncio.gather(*(site.slack.submit(person, dict(S2)) for person in crowd))
        await site.until(lambda: sum(a.ok for a in site.slack.acks if a.kind == "view_submission") >= 3)
        await site.killed()
        first = await sending
        acknowledged = {person.real_name for person, reply in zip(crowd, first, strict=True) if reply.closed}
        assert 3 <= len(acknowledged) < CUSTOMERS
        kept = await site.history()
        summaries = [
            event.summary for events in kept.values() for event in events if isinstance(event, Opened)
        ]
        assert {f"Trouble of {name}" for name in acknowledged} <= set(summaries)

        await site.opens()
        site.proxy.release_all()
        again = [person for person in crowd if person.real_name not in acknowledged]
        assert all([await site.is_taken(person, await site.slack.submit(person)) for person in again])
        await site.until(lambda: len(site.posted(site.acme)) >= CUSTOMERS)
        await site.until(lambda: len(site.posted(site.triage)) >= CUSTOMERS)
        assert await site.stopped() == 0
        opened = [events[0] for events in (await site.history()).values()]
        found = Counter(event.summary for event in opened if isinstance(event, Opened))
        assert found == {f"Trouble of {person.real_name}": 1 for person in crowd}
        cards = Counter(site.key_of(card) for card in site.posted(site.acme))
        assert set(cards) == {f"ACME-{number}" for number in range(1, CUSTOMERS + 1)}
        assert cards.total() <= CUSTOMERS + 1


@pytest.mark.parametrize("heard", [False, True], ids=["before Slack heard", "after Slack heard"])
async def test_a_kill_between_breach_and_delivery_delivers_once(tmp_path: Path, heard: bool) -> None:
    """Complaint 23, 26: decided once and said once to everyone, even where the answer was lost."""
    async with LiveSite(tmp_path, speed=1800) as site:
        await site.opens()
        card = await site.opened(S1, "All is down")
        work = site.agents_card(card)
        held = [site.proxy.hold(calls_saying("We missed"), after=heard) for _ in LANES]
        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(*(hold.arrived.wait() for hold in held))
        await site.killed()
        assert (await site.decided())["ACME-1"].count("Breached") == 1
        assert breaches(site, card) == ([1, 1, 1] if heard else [0, 0, 0])
        site.proxy.release_all()

        await site.opens()
        await site.until(lambda: site.is_breached(card) and site.is_breached(work))
        await site.until(lambda: breaches(site, card) == [1, 1, 1])
        if heard:
            await site.until(lambda: sum(map(is_search, site.slack.calls)) >= len(LANES))
        assert await site.stopped() == 0
        assert breaches(site, card) == [1, 1, 1], "what had arrived was found and not said again"
        decided = await site.decided()
        assert decided["ACME-1"].count("Breached") == 1
        assert set(decided["ACME-1"]) <= {"Opened", "Paged", "PageAccepted", "Warned", "Breached", "Notified"}


async def test_a_ticket_that_fell_due_while_down_is_reported_late(tmp_path: Path) -> None:
    """Complaint 26: what fell due meanwhile is decided at the start, once, and says how late it is."""
    async with LiveSite(tmp_path, speed=1800) as site:
        await site.opens()
        await site.opened(S1, "All is down")
        await site.killed()
        async with connect(site.database) as store:
            stage = await store.simulated_clock(None)
        assert stage
        due = parse_instant(FRIDAY_AFTERNOON) + timedelta(hours=1, minutes=20)
        await stage.sleep_until(due)

        await site.opens(FRONTLINE_CLOCK="")
        # A card whose posting was not recorded when the desk died is posted once more.
        await site.until(lambda: site.is_breached(site.cards(site.acme, "ACME-1")[-1]))
        await site.until(lambda: site.dms(site.dana))
        assert any("late because Frontline was down." in text for text in site.dms(site.dana))
        await site.opened(S3, "One more")
        now = stage.now()
        await site.killed()
        events = await site.history()
        (breach,) = (event for event in events["ACME-1"] if isinstance(event, Breached))
        assert breach.due_at == events["ACME-1"][0].at + timedelta(hours=1)
        assert breach.at >= due
        # The simulated clock went on while the process was down.
        assert breach.at < events["ACME-2"][0].at < now


async def test_another_clock_on_the_same_database_is_refused(site: LiveSite) -> None:
    await site.opens()
    await site.killed()
    other = {"FRONTLINE_CLOCK": f"{FRIDAY_AFTERNOON}*60", "PORT": "0"}
    real = {"FRONTLINE_CLOCK": "", "SLACK_API_URL": "https://slack.invalid/api/", "PORT": "0"}
    for given, says in (
        (other, "FRONTLINE_CLOCK: this database lives on 2026-03-20T15:30:00+00:00*3600"),
        (real, "runs on a simulated clock"),
    ):
        ended = await frontline("serve", folder=site.folder, **{**site.environment, **given})
        assert ended.code == 1
        (fault,) = ended.faults
        assert says in fault


async def test_killed_with_a_reply_on_its_way(site: LiveSite) -> None:
    """The effect was committed with the message: the promise is met, and the words are said."""
    await site.opens()
    card = await site.opened(S2, "Bills are slow")
    work = site.agents_card(card)
    held = site.proxy.hold(calls_saying("We look into it."))
    assert (await site.fills(site.bob, work, "Reply", text="We look into it.")).closed
    async with asyncio.timeout(PATIENCE):
        await held.arrived.wait()
    await site.killed()
    site.proxy.release_all()
    await site.opens()
    await site.until(lambda: any("We look into it." in text for text in site.thread(card)))
    await site.until(lambda: "met" in site.text(card))
    assert await site.stopped() == 0
    assert await site.decided() == {"ACME-1": ["Opened", "Answered"]}


async def test_sigterm_waits_for_messages_being_sent(site: LiveSite) -> None:
    """A stop at every deploy must not say things twice (complaint 36)."""
    desk = await site.opens()
    card = await site.opened(S2, "Bills are slow")
    work = site.agents_card(card)
    held = site.proxy.hold(calls_saying("We look into it."), after=True)
    assert (await site.fills(site.bob, work, "Reply", text="We look into it.")).closed
    async with asyncio.timeout(PATIENCE):
        await held.arrived.wait()
    stopping = asyncio.create_task(desk.stop())
    await desk.says("stopping")
    held.release.set()
    assert await stopping == 0
    await site.opens()
    other = await site.opened(S2, "Something else")
    assert site.key_of(other) == "ACME-2"
    await site.until(lambda: "met" in site.text(card))
    for thread in (card, work):
        await site.until(lambda at=thread: any("We look into it." in text for text in site.thread(at)))
    said = [[text for text in site.thread(at) if "We look into it." in text] for at in (card, work)]
    assert [*map(len, said)] == [1, 1]
    assert await site.stopped() == 0


async def test_sigterm_while_slack_does_not_answer(site: LiveSite) -> None:
    """It ends within ten seconds even if a call hangs; unsent messages are sent after the start."""
    desk = await site.opens()
    card = await site.opened(S2, "Bills are slow")
    work = site.agents_card(card)
    held = site.proxy.hold(calls_saying("We look into it."))
    assert (await site.fills(site.bob, work, "Reply", text="We look into it.")).closed
    async with asyncio.timeout(PATIENCE):
        await held.arrived.wait()
    assert await desk.stop() == 0
    site.proxy.release_all()
    await site.opens()
    await site.until(lambda: any("We look into it." in text for text in site.thread(card)))


async def test_a_reply_while_the_cards_own_answer_is_on_its_way(tmp_path: Path) -> None:
    """Slack shows a message before we know its id; an immediate reply must reach the ticket as well."""
    async with LiveSite(tmp_path) as site:
        await site.opens()
        held = site.proxy.hold(
            lambda method, body: method == "chat.postMessage" and "C0ACME" in body and "ACME-1" in body,
            after=True,
        )
        assert (await site.asks(site.alice, site.acme, S2, "Bills are slow")).closed
        async with asyncio.timeout(PATIENCE):
            await held.arrived.wait()
        (card,) = site.posted(site.acme)
        await site.slack.say(site.alice, site.acme, "It got worse", card)
        await site.slack.settle()
        maybe_repeated = [ack for ack in site.slack.acks if ack.status == 503]
        assert maybe_repeated, "Slack must be told to deliver it again"
        held.release.set()
        await site.until(lambda: site.cards(site.triage, "ACME-1"))
        await site.slack.press(site.bob, site.agents_card(card), "Acknowledge")
        await site.until(lambda: "seen by Bob" in site.text(card))
        await site.slack.redeliver(maybe_repeated[-1], retry=True)
        (work,) = site.cards(site.triage, "ACME-1")
        await site.slack.until(lambda: any("It got worse" in text for text in site.thread(work)))
