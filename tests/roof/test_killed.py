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
from tests.roof.gate import anything, saying
from tests.roof.house import FRIDAY_AFTERNOON, House
from tests.roof.process import frontline
from tests.waiting import PATIENCE

CUSTOMERS = 16


LANES = ("the customer's thread", "triage", "the TAM")


def breaches(house: House, card: Message) -> list[int]:
    """How often each of them was told."""
    told = (house.thread(card), house.thread(house.agents_card(card)), house.dms(house.dana))
    return [sum("Breached" in text for text in texts) for texts in told]


def is_search(call: Call) -> bool:
    """Whether the desk looks for what it may have said already."""
    return call.method in ("conversations.replies", "conversations.history")


async def test_killed_while_many_ask(tmp_path: Path) -> None:
    """Issue 2, durable: whoever was told that it worked has a ticket; whoever tries again has one as well."""
    async with House(tmp_path) as house:
        await house.opens()
        crowd = [house.slack.person(f"Customer {number}") for number in range(CUSTOMERS)]
        house.acme.members.extend(person.id for person in crowd)

        async def asks(person: Person) -> None:
            await house.slack.command(person, house.acme, "/support", f"Trouble of {person.real_name}")

        await asyncio.gather(*map(asks, crowd))
        for _ in range(CUSTOMERS // 3):
            house.gate.hold(anything("users.info"))
        sending = asyncio.gather(*(house.slack.submit(person, dict(S2)) for person in crowd))
        await house.until(lambda: sum(a.ok for a in house.slack.acks if a.kind == "view_submission") >= 3)
        await house.killed()
        first = await sending
        acknowledged = {person.real_name for person, reply in zip(crowd, first, strict=True) if reply.closed}
        assert 3 <= len(acknowledged) < CUSTOMERS
        kept = await house.history()
        summaries = [
            event.summary for events in kept.values() for event in events if isinstance(event, Opened)
        ]
        assert {f"Trouble of {name}" for name in acknowledged} <= set(summaries)

        await house.opens()
        house.gate.let_all()
        again = [person for person in crowd if person.real_name not in acknowledged]
        assert all([await house.is_taken(person, await house.slack.submit(person)) for person in again])
        await house.until(lambda: len(house.posted(house.acme)) >= CUSTOMERS)
        await house.until(lambda: len(house.posted(house.triage)) >= CUSTOMERS)
        assert await house.stopped() == 0
        opened = [events[0] for events in (await house.history()).values()]
        found = Counter(event.summary for event in opened if isinstance(event, Opened))
        assert found == {f"Trouble of {person.real_name}": 1 for person in crowd}
        cards = Counter(house.key_of(card) for card in house.posted(house.acme))
        assert set(cards) == {f"ACME-{number}" for number in range(1, CUSTOMERS + 1)}
        assert cards.total() <= CUSTOMERS + 1


@pytest.mark.parametrize("heard", [False, True], ids=["before Slack heard", "after Slack heard"])
async def test_killed_between_the_breach_and_its_delivery(tmp_path: Path, heard: bool) -> None:
    """Complaint 23, 26: decided once and said once to everyone, even where the answer was lost."""
    async with House(tmp_path, speed=1800) as house:
        await house.opens()
        card = await house.opened(S1, "All is down")
        work = house.agents_card(card)
        held = [house.gate.hold(saying("Breached"), after=heard) for _ in LANES]
        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(*(hold.came.wait() for hold in held))
        await house.killed()
        assert (await house.decided())["ACME-1"].count("Breached") == 1
        assert breaches(house, card) == ([1, 1, 1] if heard else [0, 0, 0])
        house.gate.let_all()

        await house.opens()
        await house.until(lambda: house.is_breached(card) and house.is_breached(work))
        await house.until(lambda: breaches(house, card) == [1, 1, 1])
        if heard:
            await house.until(lambda: sum(map(is_search, house.slack.calls)) >= len(LANES))
        assert await house.stopped() == 0
        assert breaches(house, card) == [1, 1, 1], "what had arrived was found and not said again"
        decided = await house.decided()
        assert decided["ACME-1"].count("Breached") == 1
        assert set(decided["ACME-1"]) <= {"Opened", "Warned", "Breached"}


async def test_down_while_it_fell_due(tmp_path: Path) -> None:
    """Complaint 26: what fell due meanwhile is decided at the start, once, and says how late it is."""
    async with House(tmp_path, speed=1800) as house:
        await house.opens()
        await house.opened(S1, "All is down")
        await house.killed()
        async with connect(house.database) as store:
            stage = await store.stage(None)
        assert stage
        due = parse_instant(FRIDAY_AFTERNOON) + timedelta(hours=1, minutes=20)
        await stage.sleep_until(due)

        await house.opens(FRONTLINE_CLOCK="")
        # A card whose posting was not recorded when the desk died is posted once more.
        await house.until(lambda: house.is_breached(house.cards(house.acme, "ACME-1")[-1]))
        await house.until(lambda: house.dms(house.dana))
        assert "late: the desk was not running." in house.dms(house.dana)[-1]
        await house.opened(S3, "One more")
        now = stage.now()
        await house.killed()
        events = await house.history()
        (breach,) = (event for event in events["ACME-1"] if isinstance(event, Breached))
        assert breach.due_at == events["ACME-1"][0].at + timedelta(hours=1)
        assert breach.at >= due
        # The clock of the stage went on while nobody looked at it.
        assert breach.at < events["ACME-2"][0].at < now


async def test_another_clock_on_the_same_database_is_a_fault(house: House) -> None:
    await house.opens()
    await house.killed()
    other = {"FRONTLINE_CLOCK": f"{FRIDAY_AFTERNOON}*60", "PORT": "0"}
    real = {"FRONTLINE_CLOCK": "", "SLACK_API_URL": "https://slack.invalid/api/", "PORT": "0"}
    for given, says in (
        (other, "FRONTLINE_CLOCK: this database lives on 2026-03-20T15:30:00+00:00*3600"),
        (real, "lives on a stage clock"),
    ):
        ended = await frontline("serve", folder=house.folder, **{**house.environment, **given})
        assert ended.code == 1
        (fault,) = ended.faults
        assert says in fault


async def test_killed_with_a_reply_on_its_way(house: House) -> None:
    """The effect was committed with the message: the promise is met, and the words are said."""
    await house.opens()
    card = await house.opened(S2, "Bills are slow")
    work = house.agents_card(card)
    held = house.gate.hold(saying("We look into it."))
    assert (await house.fills(house.bob, work, "Reply", text="We look into it.")).closed
    async with asyncio.timeout(PATIENCE):
        await held.came.wait()
    await house.killed()
    house.gate.let_all()
    await house.opens()
    await house.until(lambda: any("We look into it." in text for text in house.thread(card)))
    await house.until(lambda: "met" in house.text(card))
    assert await house.stopped() == 0
    assert await house.decided() == {"ACME-1": ["Opened", "Answered"]}


async def test_sigterm_lets_what_is_on_its_way_arrive(house: House) -> None:
    """A stop at every deploy must not say things twice (complaint 36)."""
    desk = await house.opens()
    card = await house.opened(S2, "Bills are slow")
    work = house.agents_card(card)
    held = house.gate.hold(saying("We look into it."), after=True)
    assert (await house.fills(house.bob, work, "Reply", text="We look into it.")).closed
    async with asyncio.timeout(PATIENCE):
        await held.came.wait()
    stopping = asyncio.create_task(desk.stop())
    await desk.says("stopping")
    held.let.set()
    assert await stopping == 0
    await house.opens()
    other = await house.opened(S2, "Something else")
    assert house.key_of(other) == "ACME-2"
    await house.until(lambda: "met" in house.text(card))
    assert sum("We look into it." in text for text in house.thread(card) + house.thread(work)) == 2
    assert await house.stopped() == 0


async def test_sigterm_while_slack_does_not_answer(house: House) -> None:
    """Within ten seconds, whatever hangs; what was not said is said after the start."""
    desk = await house.opens()
    card = await house.opened(S2, "Bills are slow")
    work = house.agents_card(card)
    held = house.gate.hold(saying("We look into it."))
    assert (await house.fills(house.bob, work, "Reply", text="We look into it.")).closed
    async with asyncio.timeout(PATIENCE):
        await held.came.wait()
    assert await desk.stop() == 0
    house.gate.let_all()
    await house.opens()
    await house.until(lambda: any("We look into it." in text for text in house.thread(card)))


async def test_a_reply_while_the_cards_own_answer_is_on_its_way(tmp_path: Path) -> None:
    """Slack shows a message before it tells us its id; whoever replies at once must be heard as well."""
    async with House(tmp_path) as house:
        await house.opens()
        held = house.gate.hold(
            lambda method, body: method == "chat.postMessage" and "C0ACME" in body and "ACME-1" in body,
            after=True,
        )
        assert (await house.asks(house.alice, house.acme, S2, "Bills are slow")).closed
        async with asyncio.timeout(PATIENCE):
            await held.came.wait()
        (card,) = house.posted(house.acme)
        await house.slack.say(house.alice, house.acme, "It got worse", card)
        await house.slack.settle()
        unheard = [ack for ack in house.slack.acks if ack.status == 503]
        assert unheard, "Slack must be told to deliver it again"
        held.let.set()
        await house.until(lambda: house.cards(house.triage, "ACME-1"))
        await house.slack.press(house.bob, house.agents_card(card), "Acknowledge")
        await house.until(lambda: "seen by Bob" in house.text(card))
        await house.slack.redeliver(unheard[-1], retry=True)
        (work,) = house.cards(house.triage, "ACME-1")
        await house.slack.until(lambda: any("It got worse" in text for text in house.thread(work)))
