"""What only PostgreSQL has to promise: replicas that race, connections that break, a server that is away."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import suppress

import psycopg
import pytest
import pytest_asyncio
from sqlalchemy import Connection
from sqlalchemy.util import await_only

from adapters.sql.engines import postgres as postgres_engine
from adapters.sql.store import SqlStore, connect
from bot.ports import Appended, Change, Conflict, Duplicate, StoreUnavailable
from sla_core.events import Event
from tests.postgres import Postgres
from tests.sql.outbox_steps import begins, next_keys, says
from tests.sql.samples import ACME, NOON, answered, at, change, message, opening, ref, wrote
from tests.waiting import PATIENCE, eventually, turns


@pytest_asyncio.fixture
async def replicas(postgres_url: str) -> AsyncIterator[tuple[SqlStore, SqlStore]]:
    async with connect(postgres_url) as one, connect(postgres_url) as other:
        yield one, other


Replicas = tuple[SqlStore, SqlStore]


def cut_off(url: str) -> int:
    """End every connection to the database; how many there were."""
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        return len(cursor.fetchall())


async def test_numbers_have_no_gap_with_several_replicas(replicas: Replicas) -> None:
    async def opens(nth: int) -> object:
        store = replicas[nth % 2]
        if nth % 5 == 0:

            def fails(number: int) -> Change:
                raise RuntimeError("no")

            with pytest.raises(RuntimeError):
                await store.open(f"f{nth}", "acme", fails)
            return None
        return await store.open(f"e{nth}", "acme", opening())

    done = [outcome for outcome in await asyncio.gather(*map(opens, range(100))) if outcome]
    assert sorted(str(o) for o in done) == sorted(str(Appended(f"ACME-{n}", 1)) for n in range(1, 81))


async def test_an_envelope_given_to_two_replicas_is_applied_once(replicas: Replicas) -> None:
    """Complaint: a platform that hears nothing delivers the same act again, to whichever replica."""
    for round_ in range(10):
        done = await asyncio.gather(*(store.open(f"e{round_}", "acme", opening()) for store in replicas * 4))
        key = f"ACME-{round_ + 1}"
        assert Counter(done) == {Appended(key, 1): 1, Duplicate(key): 7}
        acts = [
            store.append(f"a{round_}", change(1, events=(wrote(),), ticket=key)) for store in replicas * 4
        ]
        assert Counter(await asyncio.gather(*acts)) == {Appended(key, 2): 1, Duplicate(key): 7}


async def test_an_envelope_for_two_tickets_is_applied_once(replicas: Replicas) -> None:
    for store in replicas:
        await store.open(str(store), "acme", opening())
    for round_ in range(1, 11):
        acts = (
            store.append(f"a{round_}", change(len(await store.load(key)), events=(wrote(),), ticket=key))
            for store, key in zip(replicas, ("ACME-1", "ACME-2"), strict=True)
        )
        done = await asyncio.gather(*[act async for act in acts])
        assert sorted(type(outcome).__name__ for outcome in done) == ["Appended", "Duplicate"]


async def test_a_failed_change_does_not_affect_others_in_its_commit(replicas: Replicas) -> None:
    """Acts that share a commit fail apart."""
    store, _ = replicas
    await asyncio.gather(*(store.open(f"e{n}", "acme", opening()) for n in range(4)))
    done = await asyncio.gather(
        store.append("a1", change(1, message("m1"), events=(wrote(),), ticket="ACME-1")),
        store.append("a2", change(9, message("m2"), events=(wrote(),), ticket="ACME-2")),
        store.append("a3", change(1, message("m3", ticket="ACME-9"), events=(wrote(),), ticket="ACME-3")),
        store.append("a4", change(1, message("m4"), events=(wrote(),), ticket="ACME-4")),
        return_exceptions=True,
    )
    assert [type(outcome) for outcome in done] == [
        Appended,
        Conflict,
        psycopg.errors.ForeignKeyViolation,
        Appended,
    ]
    assert await next_keys(store) == ["m1"]
    assert [len(await store.load(f"ACME-{n}")) for n in (1, 2, 3, 4)] == [2, 1, 1, 2]


async def test_each_wake_up_is_decided_by_one_replica(replicas: Replicas) -> None:
    store, _ = replicas
    await asyncio.gather(*(store.open(f"e{n}", "acme", opening(wake_at=at(1))) for n in range(200)))
    decided: list[str] = []

    def decide(key: str, history: tuple[Event, ...]) -> Change:
        decided.append(key)
        return Change(key, len(history), (answered(),), None, (message(f"{key} late", ticket=key),))

    async def wakes(store: SqlStore) -> None:
        while await store.wake(at(2), 10, (), decide):
            pass

    await asyncio.gather(*map(wakes, replicas * 2))
    assert Counter(decided) == {f"ACME-{n}": 1 for n in range(1, 201)}
    assert await store.next_wake() is None


async def test_broken_connections_are_replaced_transparently(replicas: Replicas, postgres_url: str) -> None:
    store, _ = replicas
    assert await store.tickets("acme") == []
    for round_ in range(5):
        assert cut_off(postgres_url) >= 1
        assert await store.open(f"e{round_}", "acme", opening()) == Appended(f"ACME-{round_ + 1}", 1)
        cut_off(postgres_url)
        assert len(await store.tickets("acme")) == round_ + 1
        cut_off(postgres_url)
        assert await store.wake(NOON, 10, (), lambda key, history: None) == []


async def test_cut_connections_under_load_lose_or_repeat_nothing(
    replicas: Replicas, postgres_url: str
) -> None:
    async def opens(nth: int) -> Appended | Duplicate:
        return await replicas[nth % 2].open(f"e{nth}", "acme", opening())

    done = []
    for wave in range(10):
        cutting = asyncio.create_task(asyncio.to_thread(cut_off, postgres_url))
        done += await asyncio.gather(*(opens(wave * 30 + nth) for nth in range(30)))
        await cutting
    assert sorted(int(outcome.ticket[5:]) for outcome in done) == list(range(1, 301))


async def test_a_message_begun_twice_is_charged_and_sent_once(replicas: Replicas, postgres_url: str) -> None:
    store, other = replicas
    await says(store, message("m1"))
    await begins(store, ACME)
    cut_off(postgres_url)
    await store.sent("m1", ref("1"))
    assert await next_keys(other) == []
    assert await other.ticket_of(ref("1")) == "ACME-1"


async def test_an_unavailable_server_raises_in_time(
    postgres: Postgres, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert postgres_engine.RETRY_FOR <= 3, "whoever presses a button is to be told so"
    monkeypatch.setattr(postgres_engine, "RETRY_FOR", 0.3)
    name = psycopg.conninfo.conninfo_to_dict(postgres_url)["dbname"]

    def allow(yes: bool) -> None:
        with psycopg.connect(postgres.url("postgres"), autocommit=True) as connection:
            connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS {yes}".encode())

    async with connect(postgres_url) as store:
        await store.open("e1", "acme", opening())
        allow(False)
        with psycopg.connect(postgres.url("postgres"), autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,)
            )
        asked = [store.append("a1", change(1)), store.open("e2", "acme", opening()), store.load("ACME-1")]
        async with asyncio.timeout(PATIENCE):
            for outcome in await asyncio.gather(*asked, return_exceptions=True):
                assert isinstance(outcome, StoreUnavailable)
                assert "\n" not in str(outcome)
        allow(True)

        async def answers() -> list[str]:
            with suppress(StoreUnavailable):
                return await store.tickets("acme")
            return []

        assert await eventually(answers) == ["ACME-1"]
        assert await store.open("e2", "acme", opening()) == Appended("ACME-2", 1)


async def test_locks_of_a_frozen_process_are_released(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It stopped between a statement and the COMMIT that travels behind it, for longer than it has."""
    monkeypatch.setattr(postgres_engine, "SESSION_SINCE_17", "SET transaction_timeout = '500ms'")
    with psycopg.connect(postgres_url) as connection:
        if connection.info.server_version < 170000:
            pytest.skip("PostgreSQL before 17 has no such limit")
    engine = postgres_engine.PostgresEngine(postgres_url)
    lock, locked, thawed = "SELECT * FROM alembic_version FOR UPDATE", asyncio.Event(), asyncio.Event()

    def freezes(db: Connection) -> None:
        db.exec_driver_sql(lock)
        locked.set()
        await_only(thawed.wait())

    frozen = asyncio.create_task(engine.write(freezes))
    await locked.wait()
    async with asyncio.timeout(PATIENCE), await psycopg.AsyncConnection.connect(postgres_url) as other:
        await other.execute(lock.encode())
    thawed.set()
    await asyncio.gather(frozen, return_exceptions=True)
    await engine.close()


async def test_a_call_blocked_by_a_frozen_process_is_retried(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The limit that frees what the frozen one has locked strikes those who wait for it as well."""
    monkeypatch.setattr(postgres_engine, "SESSION_SINCE_17", "SET transaction_timeout = '300ms'")
    monkeypatch.setattr(postgres_engine, "RETRY_FOR", PATIENCE)
    asked = "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    async with connect(postgres_url) as store:
        await store.open("e1", "acme", opening())
        async with await psycopg.AsyncConnection.connect(postgres_url) as frozen:
            await frozen.execute("SELECT * FROM ticket FOR UPDATE")
            late = asyncio.create_task(store.append("a1", change(1, events=(wrote(),))))

            async def waits() -> list[tuple[int]]:
                # A transaction sees the activity of its beginning, so this is one of its own.
                async with await psycopg.AsyncConnection.connect(postgres_url) as watching:
                    return await (await watching.execute(asked)).fetchall()

            (first,) = await eventually(waits)

            async def waits_again() -> bool:
                return any(each != first for each in await waits())

            await eventually(waits_again)
            assert not late.done()
            await frozen.rollback()
            async with asyncio.timeout(PATIENCE):
                assert isinstance(await late, Appended)


async def test_cancelling_the_caller_does_not_cancel_the_change(postgres_url: str) -> None:
    heard: list[str] = []
    async with connect(postgres_url, lambda: heard.append("changed")) as store:
        task = asyncio.create_task(store.open("e1", "acme", opening()))
        await turns(1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    async with connect(postgres_url) as again:
        assert await again.tickets("acme") == ["ACME-1"]
    assert heard == ["changed"]


async def test_a_closed_store_refuses_calls(postgres_url: str) -> None:
    async with connect(postgres_url) as store:
        pass
    with pytest.raises(RuntimeError, match="closed"):
        await store.tickets("acme")
    with pytest.raises(RuntimeError, match="closed"):
        await store.open("e1", "acme", opening())
