"""Many acts to a commit: what is asked while one transaction is under way shares the next one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from psycopg.errors import UniqueViolation

from adapters.sql.postgres_pool import Database
from adapters.sql.postgres_writes import Act, Appending, Outcome, keep
from bot.clock import real_now
from bot.ports import Appended, Away, Seen

MOST = 64
"""So that the first of a crowd is not kept waiting for the last."""


@dataclass(frozen=True, slots=True)
class _Work:
    act: Act
    future: asyncio.Future[Appended | Seen]


class Writer:
    """Keeps acts in the order in which they came; `kept` is called whenever something was."""

    def __init__(self, database: Database, kept: Callable[[], None]) -> None:
        self._database, self._kept = database, kept
        self._waiting: list[_Work] = []
        self._writing: asyncio.Task[None] | None = None

    async def keep(self, act: Act) -> Appended | Seen:
        """As Store.open and Store.append say. Who stops waiting does not stop the act."""
        work = _Work(act, asyncio.get_running_loop().create_future())
        self._waiting.append(work)
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write())
        return await work.future

    async def close(self) -> None:
        """Finish what was taken."""
        if self._writing is not None:
            await self._writing

    async def _write(self) -> None:
        while self._waiting:
            batch = self._taken()
            outcomes = await self._outcomes([work.act for work in batch])
            for work, outcome in zip(batch, outcomes, strict=True):
                _tell(work.future, outcome)
            if any(isinstance(outcome, Appended) for outcome in outcomes):
                self._kept()

    def _taken(self) -> list[_Work]:
        """The next, but none of the same envelope or ticket as another: it has to wait for its outcome."""
        batch, later = list[_Work](), list[_Work]()
        envelopes, tickets = set[str](), set[str]()
        for work in self._waiting:
            envelope = work.act.envelope
            ticket = work.act.change.ticket if isinstance(work.act, Appending) else None
            if len(batch) == MOST or envelope in envelopes or ticket in tickets:
                later.append(work)
            else:
                batch.append(work)
            envelopes |= {envelope} if envelope is not None else set()
            tickets |= {ticket} if ticket is not None else set()
        self._waiting = later
        return batch

    async def _outcomes(self, acts: Sequence[Act]) -> Sequence[Outcome | Exception]:
        at = real_now()
        try:
            return await self._database.run(lambda db: keep(db, acts, at))
        except Away as fault:
            return [fault] * len(acts)
        except Exception as fault:
            if len(acts) > 1:
                # Whose fault it was shows when each is alone.
                return [(await self._outcomes([act]))[0] for act in acts]
            if isinstance(fault, UniqueViolation):
                return [await self._once_more(acts[0])]
            return [fault]

    async def _once_more(self, act: Act) -> Outcome | Exception:
        """Another process was a moment quicker: now it shows what it did."""
        at = real_now()
        try:
            (outcome,) = await self._database.run(lambda db: keep(db, [act], at))
        except UniqueViolation as fault:
            if fault.diag.table_name == "ticket":
                return ValueError("it cannot be opened: there is such a ticket already")
            return fault
        except Exception as fault:
            return fault
        return outcome


def _tell(future: asyncio.Future[Appended | Seen], outcome: Outcome | Exception) -> None:
    if future.done():
        return
    if isinstance(outcome, Appended | Seen):
        future.set_result(outcome)
    else:
        future.set_exception(outcome)
