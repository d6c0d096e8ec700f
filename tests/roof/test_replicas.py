"""Replicas on one PostgreSQL: whatever dies, freezes or restarts, all is said, decided once, and in order."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from datetime import timedelta
from functools import partial
from pathlib import Path

import psycopg
import pytest

from bot.clock import real_now
from demo.slack import Message, Person
from sla_core.events import Breached, Opened, Warned
from tests.harness import S2
from tests.postgres import Postgres
from tests.roof.gate import first_to_come, nth_of_any, saying
from tests.roof.replicas import Replicas
from tests.waiting import PATIENCE, eventually

LEASE, SWEEP = 5.0, 1.0
HAND_OVER = LEASE + SWEEP + 1.0
"""Seconds within which the others go on with what a dead one had begun."""
BUSY = 3
"""How many times as long a busy machine may take."""
LANES = 3
"""The customer's channel, triage, the TAM: what can be under way at one instant and be said twice."""


async def replies(house: Replicas, card: Message, text: str) -> None:
    house.turn()
    assert (await house.fills(house.bob, house.agents_card(card), "Reply", text=text)).closed


async def test_one_dies_with_a_message_on_its_way(postgres: Postgres, tmp_path: Path) -> None:
    """Complaint 23: the others take over within the lease and a sweep, and it is said once."""
    async with Replicas(tmp_path, postgres.fresh()) as house:
        await house.joined(2)
        card = await house.opened(S2, "Bills are slow")
        await house.in_hand(card)
        holds = house.hold_all(saying("We look into it."))
        await replies(house, card, "We look into it.")
        await house.kills(await first_to_come(holds))
        died = time.monotonic()
        house.let_all()
        await house.until(lambda: any("We look into it." in text for text in house.thread(card)))
        print(f"taken over {time.monotonic() - died:.1f} s after SIGKILL")
        assert time.monotonic() - died <= BUSY * HAND_OVER
        await house.until(lambda: "met" in house.text(card))
        assert sum("We look into it." in text for text in house.thread(card)) == 1
        assert await house.desks[house.alive[0]].stop() == 0


async def test_a_frozen_one_that_thaws_says_nothing_twice(postgres: Postgres, tmp_path: Path) -> None:
    """It stands still with one call under way until others have said all; its fence is void when it goes on.

    `make soak` lets workers stand still again and again.
    """
    async with Replicas(tmp_path, postgres.fresh()) as house:
        await house.joined(2)
        card = await house.opened(S2, "Bills are slow")
        await house.in_hand(card)
        holds = house.hold_all(saying("Step 0"))
        for step in range(3):
            await replies(house, card, f"Step {step}")
        frozen = await first_to_come(holds)
        house.freezes(frozen)
        stood = time.monotonic()
        house.let_all()
        house.turn()
        await house.until(lambda: sum("Step" in text for text in house.thread(card)) >= 3)
        print(f"taken over {time.monotonic() - stood:.1f} s after SIGSTOP")
        house.thaws(frozen)
        await replies(house, card, "Step 3")
        await house.until(lambda: any("Step 3" in text for text in house.thread(card)))
        house.turn(to=frozen)
        assert (await house.fills(house.bob, house.agents_card(card), "Reply", text="Step 4")).closed
        await house.until(lambda: any("Step 4" in text for text in house.thread(card)))
        steps = [word for text in house.thread(card) for word in text.split() if word.isdigit()]
        said = Counter(steps)
        print(f"said: {dict(said)}")
        # The call that was under way may have reached Slack after all; nothing else is said twice.
        assert set(said) == set("01234")
        assert said.total() <= 5 + 1
        first = [step for nth, step in enumerate(steps) if step not in steps[:nth]]
        assert first == ["0", "1", "2", "3", "4"]
        for desk in house.desks:
            assert await desk.stop() == 0


def cut_ears(database: str) -> int:
    """End every connection on which somebody waits to be notified; how many there were."""
    with psycopg.connect(database, autocommit=True) as connection:
        cursor = connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND query ILIKE 'LISTEN %'"
        )
        return len(cursor.fetchall())


async def test_whose_ears_are_cut_off_goes_on_and_grows_new_ones(postgres: Postgres, tmp_path: Path) -> None:
    """engine.md 5: again and again, in the middle of a talk."""
    async with Replicas(tmp_path, postgres.fresh()) as house:
        await house.joined(2)
        card = await house.opened(S2, "Bills are slow")
        await house.in_hand(card)
        for step in range(3):
            await eventually(lambda: asyncio.to_thread(cut_ears, house.database), every=0.1)
            await replies(house, card, f"Step {step}")
            words = f"Step {step}"
            await house.until(lambda words=words: any(words in text for text in house.thread(card)))
        assert Counter(word for text in house.thread(card) for word in text.split() if word.isdigit()) == {
            "0": 1,
            "1": 1,
            "2": 1,
        }
        for desk in house.desks:
            assert await desk.stop() == 0


async def test_together_they_test_the_pager_once_a_day(postgres: Postgres, tmp_path: Path) -> None:
    """engine.md 12, complaint 36: all come up at once, hours after it was due."""
    due = f"{real_now() - timedelta(hours=12):%H:00}"
    async with Replicas(tmp_path, postgres.fresh()) as house:

        def tests() -> int:
            return sum(
                house.text(message).startswith("Test of the pager, ") for message in house.triage.messages
            )

        await house.joined(3, FRONTLINE_DRILL=due)
        await house.until(tests)
        for desk in house.desks:
            assert await desk.stop() == 0
        assert tests() == 1


async def storm(postgres: Postgres, folder: Path, tickets: int, kills: int, restarts: int) -> None:
    """Everyone asks at once, through any replica; replicas are killed and replaced, PostgreSQL restarts."""
    async with Replicas(folder, postgres.fresh(), speed=1200) as house:
        await house.joined(3)
        crowd = [house.slack.person(f"Customer {number}") for number in range(tickets)]
        house.acme.members.extend(person.id for person in crowd)

        async def taken(person: Person) -> bool:
            house.turn()
            if house.slack.modal_of(person) is None:
                await house.slack.command(person, house.acme, "/support", f"Trouble of {person.real_name}")
            if house.slack.modal_of(person) is None:
                return False
            return await house.is_taken(person, await house.slack.submit(person, dict(S2)))

        asking = asyncio.gather(*(eventually(partial(taken, person), every=0.3) for person in crowd))
        for nth in range(max(kills, restarts)):
            if nth < kills:
                killed = await first_to_come(house.hold_all(nth_of_any(house.random.randrange(1, 5))))
                await house.kills(killed)
                house.let_all()
                await house.joined()
            if nth < restarts:
                await first_to_come(house.hold_all(nth_of_any(house.random.randrange(1, 5))))
                await asyncio.to_thread(postgres.restart)
                house.let_all()
        await asking
        calm = time.monotonic()

        def told(card: Message) -> list[list[str]]:
            key = house.key_of(card)
            works = house.cards(house.triage, key)
            return [
                house.thread(card),
                [text for work in works for text in house.thread(work)],
                [text for text in house.dms(house.dana) if key in text.split()],
            ]

        def all_told() -> bool:
            cards = {house.key_of(card): card for card in house.posted(house.acme)}
            every = all(any("Breached" in t for t in texts) for c in cards.values() for texts in told(c))
            return len(cards) >= tickets and every

        await house.slack.until(all_told, PATIENCE + 4 * tickets)
        print(f"all told {time.monotonic() - calm:.1f} s after the last of {tickets} asked")
        histories = await house.histories()
        summaries = Counter(e[0].summary for e in histories.values() if isinstance(e[0], Opened))
        assert summaries == {f"Trouble of {person.real_name}": 1 for person in crowd}
        for events in histories.values():
            assert sum(isinstance(event, Breached) for event in events) == 1
            assert sum(isinstance(event, Warned) for event in events) <= 1
        assert set(histories) == {f"ACME-{number}" for number in range(1, tickets + 1)}
        cards = house.posted(house.acme)
        repeats = len(cards) - tickets
        repeats += sum(len(house.cards(house.triage, key)) - 1 for key in histories)
        for card in cards:
            for texts in told(card):
                steps = [word for text in texts for word in ("Warning", "Breached") if word in text]
                assert steps == sorted(steps, reverse=True), texts
                repeats += max(0, sum("Breached" in text for text in texts) - 1)
        print(f"said twice: {repeats}, with {kills} kills and {restarts} restarts")
        assert repeats <= LANES * (kills + restarts)
        await eventually(house.has_said_all, every=0.2)
        for nth in house.alive:
            assert await house.desks[nth].stop() == 0


async def test_a_storm_with_a_kill_and_a_restart(postgres: Postgres, tmp_path: Path) -> None:
    await storm(postgres, tmp_path, tickets=5, kills=1, restarts=1)


@pytest.mark.soak
async def test_a_long_storm(postgres: Postgres, tmp_path: Path) -> None:
    """engine.md 3, 5, with people who write meanwhile."""
    await storm(postgres, tmp_path, tickets=30, kills=10, restarts=20)
