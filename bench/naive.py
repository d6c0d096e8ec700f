"""Opens a ticket in the usual way of an ORM: a session, objects, a commit."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from sqlmodel import col, update

from adapters.sql.tables import EVENTS, AccountNumberRow, EventRow, InboxRow, OutboxRow, TicketRow, micros
from bench.stock import opened

BODY = EVENTS.text(opened("acme", "C0ACME"))
CARD = json.dumps({"kind": "Card", "audience": "customer"})
PLACE = json.dumps({"kind": "Place", "platform": "slack", "id": "C0ACME", "direct": False})


async def orm_accounts(engine: AsyncEngine, accounts: Sequence[str]) -> None:
    """Stores accounts without tickets."""
    async with AsyncSession(engine) as session:
        session.add_all(AccountNumberRow(account=account, last=0) for account in accounts)
        await session.commit()


async def orm_open(session: AsyncSession, envelope: str, account: str) -> None:
    """Stores one ticket with the ORM: its number, index row, event, two messages and envelope."""
    now = micros(datetime.now(UTC))
    counted = update(AccountNumberRow).where(col(AccountNumberRow.account) == account)
    last = col(AccountNumberRow.last)
    number = (await session.execute(counted.values(last=last + 1).returning(last))).scalar_one()
    key = f"{account.upper()}-{number}"
    session.add(TicketRow(key=key, account=account, number=number, version=1, wake_at=now, opened_at=now))
    await session.flush()
    session.add(InboxRow(envelope=envelope, ticket=key, at=now))
    session.add(EventRow(ticket=key, seq=1, at=now, kind="Opened", body=BODY))
    for audience in ("customer", "agents"):
        session.add(
            OutboxRow(
                key=f"{key}/{audience}",
                ticket=key,
                lane="slack:C0ACME",
                recipient=PLACE,
                priority=2,
                body=CARD,
                created_at=now,
            )
        )
    await session.commit()
