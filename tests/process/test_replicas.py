"""Replicas on one PostgreSQL decide once and send all in order, through kills, freezes and restarts."""

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
from tests.process.desk_process import HASTY
from tests.process.replicas import Replicas
from tests.process.slack_proxy import calls_saying, first_to_come, nth_call
from tests.waiting import PATIENCE, eventually

LEASE, SWEEP = 5.0, 1.0
HAND_OVER = LEASE + SWEEP + 1.0
"""Seconds within which the others go on with what a dead one had begun."""
BUSY = 3
"""How many times as long a busy machine may take."""
LANES = 3
"""The customer's channel, triage, the TAM: what can be under way at one instant and be said twice."""


async def replies(site: Replicas, card: Message, text: str) -> None:
    site.turn()
    assert (await site.fills(site.bob, site.agents_card(card), "Reply", text=text)).closed


async def test_a_replica_that_dies_while_sending_loses_and_repeats_nothing(
    postgres: Postgres, tmp_path: Path
) -> None:
    """Complaint 23: the others take over within the lease and a sweep, and it is said once."""
    async with Replicas(tmp_path, postgres.fresh()) as site:
        await site.joined(2)
        card = await site.opened(S2, "Bills are slow")
        await site.in_hand(card)
        holds = site.hold_all(calls_saying("We look into it."))
        await replies(site, card, "We look into it.")
        await site.kills(await first_to_come(holds))
        died = time.monotonic()
        site.release_all()
        await site.until(lambda: any("We look into it." in text for text in site.thread(card)))
        print(f"taken over {time.monotonic() - died:.1f} s after SIGKILL")
        assert time.monotonic() - died <= BUSY * HAND_OVER
        await site.until(lambda: "met" in site.text(card))
        assert sum("We look into it." in text for text in site.thread(card)) == 1
        assert await site.desks[site.alive[0]].stop() == 0


async def test_a_replica_that_resumes_after_a_freeze_repeats_nothing(
    postgres: Postgres, tmp_path: Path
) -> None:
    """It stands still with one call under way until others have said all; its fence is void when it goes on.

    `make soak` lets workers stand still again and again.
    """
    async with Replicas(tmp_path, postgres.fresh()) as site:
        await site.joined(2)
        card = await site.opened(S2, "Bills are slow")
        await site.in_hand(card)
        holds = site.hold_all(calls_saying("Step 0"))
        for step in range(3):
            await replies(site, card, f"Step {step}")
        frozen = await first_to_come(holds)
        site.freezes(frozen)
        stood = time.monotonic()
        site.release_all()
        site.turn()
        await site.until(lambda: sum("Step" in text for text in site.thread(card)) >= 3)
        print(f"taken over {time.monotonic() - stood:.1f} s after SIGSTOP")
        site.thaws(frozen)
        await replies(site, card, "Step 3")
        await site.until(lambda: any("Step 3" in text for text in site.thread(card)))
        site.turn(to=frozen)
        assert (await site.fills(site.bob, site.agents_card(card), "Reply", text="Step 4")).closed
        await site.until(lambda: any("Step 4" in text for text in site.thread(card)))
        steps = [word for text in site.thread(card) for word in text.split() if word.isdigit()]
        said = Counter(steps)
        print(f"said: {dict(said)}")
        # The call that was under way may have reached Slack after all; nothing else is said twice.
        assert set(said) == set("01234")
        assert said.total() <= 5 + 1
        first = [step for nth, step in enumerate(steps) if step not in steps[:nth]]
        assert first == ["0", "1", "2", "3", "4"]
        for desk in site.desks:
            assert await desk.stop() == 0


def cut_listen_connections(database: str) -> int:
    """Ends every connection that listens for notifications. Returns how many there were."""
    with psycopg.connect(database, autocommit=True) as connection:
        cursor = connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND query ILIKE 'LISTEN %'"
        )
        return len(cursor.fetchall())


async def test_a_replica_whose_listen_connections_break_reconnects(
    postgres: Postgres, tmp_path: Path
) -> None:
    """engine.md 5: again and again, in the middle of a talk."""
    async with Replicas(tmp_path, postgres.fresh()) as site:
        await site.joined(2)
        card = await site.opened(S2, "Bills are slow")
        await site.in_hand(card)
        for step in range(3):
            await eventually(lambda: asyncio.to_thread(cut_listen_connections, site.database), every=0.1)
            await replies(site, card, f"Step {step}")
            words = f"Step {step}"
            await site.until(lambda words=words: any(words in text for text in site.thread(card)))
        assert Counter(word for text in site.thread(card) for word in text.split() if word.isdigit()) == {
            "0": 1,
            "1": 1,
            "2": 1,
        }
        for desk in site.desks:
            assert await desk.stop() == 0


async def test_replicas_together_test_the_pager_once_a_day(postgres: Postgres, tmp_path: Path) -> None:
    """engine.md 12, complaint 36: all come up at once, hours after it was due."""
    due = f"{real_now() - timedelta(hours=12):%H:00}"
    async with Replicas(tmp_path, postgres.fresh()) as site:

        def tests() -> int:
            return sum(site.text(message).startswith("Daily test page, ") for message in site.triage.messages)

        await site.joined(3, FRONTLINE_DRILL=due)
        await site.until(tests)
        for desk in site.desks:
            assert await desk.stop() == 0
        assert tests() == 1


async def crash_run(
    postgres: Postgres, folder: Path, tickets: int, kills: int, restarts: int, module: str = HASTY
) -> None:
    """Everyone asks at once, through any replica; replicas are killed and replaced, PostgreSQL restarts."""
    async with Replicas(folder, postgres.fresh(), 1200, module) as site:
        await site.joined(3)
        crowd = [site.slack.person(f"Customer {number}") for number in range(tickets)]
        site.acme.members.extend(person.id for person in crowd)

        async def taken(person: Person) -> bool:
            site.turn()
            if site.slack.modal_of(person) is None:
                await site.slack.command(person, site.acme, "/support", f"Trouble of {person.real_name}")
            if site.slack.modal_of(person) is None:
                return False
            return await site.is_taken(person, await site.slack.submit(person, dict(S2)))

        asking = asyncio.gather(*(eventually(partial(taken, person), every=0.3) for person in crowd))
        for nth in range(max(kills, restarts)):
            if nth < kills:
                killed = await first_to_come(site.hold_all(nth_call(site.random.randrange(1, 5))))
                await site.kills(killed)
                site.release_all()
                await site.joined()
            if nth < restarts:
                await first_to_come(site.hold_all(nth_call(site.random.randrange(1, 5))))
                await asyncio.to_thread(postgres.restart)
                site.release_all()
        await asking
        calm = time.monotonic()

        def told(card: Message) -> list[list[str]]:
            key = site.key_of(card)
            works = site.cards(site.triage, key)
            return [
                site.thread(card),
                [text for work in works for text in site.thread(work)],
                [text for text in site.dms(site.dana) if key in text.split()],
            ]

        def all_told() -> bool:
            cards = {site.key_of(card): card for card in site.posted(site.acme)}
            every = all(any("We missed" in t for t in texts) for c in cards.values() for texts in told(c))
            return len(cards) >= tickets and every

        await site.slack.until(all_told, PATIENCE + 4 * tickets)
        print(f"all told {time.monotonic() - calm:.1f} s after the last of {tickets} asked")
        histories = await site.histories()
        summaries = Counter(e[0].summary for e in histories.values() if isinstance(e[0], Opened))
        assert summaries == {f"Trouble of {person.real_name}": 1 for person in crowd}
        for events in histories.values():
            assert sum(isinstance(event, Breached) for event in events) == 1
            assert sum(isinstance(event, Warned) for event in events) <= 1
        assert set(histories) == {f"ACME-{number}" for number in range(1, tickets + 1)}
        cards = site.posted(site.acme)
        repeats = len(cards) - tickets
        repeats += sum(len(site.cards(site.triage, key)) - 1 for key in histories)
        for card in cards:
            for texts in told(card):
                steps = [word for text in texts for word in ("Warning", "We missed") if word in text]
                assert steps == sorted(steps), texts
                repeats += max(0, sum("We missed" in text for text in texts) - 1)
        print(f"said twice: {repeats}, with {kills} kills and {restarts} restarts")
        assert repeats <= LANES * (kills + restarts)
        # Unanswered, the TAM is told again each half hour: at this speed faster than Slack lets through,
        # and each of her older messages is edited, of which Slack takes forty a minute.
        for key in histories:
            site.turn()
            about = [message for message in site.slack.dms(site.dana) if key in site.text(message).split()]
            assert (await site.slack.press(site.dana, about[-1], "Acknowledge")).ok
        await eventually(site.has_said_all, PATIENCE + 15 * tickets, every=0.2)
        for nth in site.alive:
            assert await site.desks[nth].stop() == 0


@pytest.mark.soak
async def test_under_load_for_long(postgres: Postgres, tmp_path: Path) -> None:
    """engine.md 3, 5, with people who write meanwhile."""
    await crash_run(postgres, tmp_path, tickets=30, kills=10, restarts=20, module="bot")
