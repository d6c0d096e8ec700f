"""What the API asks of the store: tickets by their opening, events as they happened, and its tokens.

Only the digests of the tokens' secrets are stored.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, bindparam, or_, tuple_
from sqlmodel import col, delete, select

from adapters.sql.engines.engine import insert_new
from adapters.sql.tables import EventRow, TicketRow, TokenRow, instant, instant_or_none, micros, summary_of
from bot.api.reading import StoredEvent, TicketQuery
from bot.model.api_token import Scope, Token
from bot.model.queue import QueueEntry
from sla_core.ticket import State

_ENTRIES = select(
    TicketRow.__table__  # type: ignore[attr-defined]
).order_by(col(TicketRow.opened_at).desc(), col(TicketRow.key).desc())
_IS_CLOSED = col(TicketRow.closed) == 1


def page(db: Connection, query: TicketQuery, limit: int) -> list[tuple[datetime, QueueEntry]]:
    """TicketIndex.ticket_page."""
    rows = db.execute(_ENTRIES.where(*_conditions(query)).limit(limit))
    return [
        (
            instant(row.opened_at),
            QueueEntry(
                row.key,
                row.account,
                summary_of(row.summary) if row.summary and row.summarized == row.version else None,
            ),
        )
        for row in rows
    ]


_EVENTS = select(EventRow.at, EventRow.ticket, EventRow.seq, EventRow.kind).order_by(
    col(EventRow.at), col(EventRow.ticket), col(EventRow.seq)
)


def events_from(db: Connection, since: datetime, after: StoredEvent | None, limit: int) -> list[StoredEvent]:
    """EventIndex.events_from. It reads the whole table: only operators ask for this."""
    statement = _EVENTS.where(col(EventRow.at) >= micros(since)).limit(limit)
    if after is not None:
        place = tuple_(col(EventRow.at), col(EventRow.ticket), col(EventRow.seq))
        statement = statement.where(place > tuple_(micros(after[0]), after[1], after[2]))
    return [(instant(at), ticket, seq, kind) for at, ticket, seq, kind in db.execute(statement)]


def _conditions(query: TicketQuery) -> list[ColumnElement[bool]]:
    opened_at, key = col(TicketRow.opened_at), col(TicketRow.key)
    found: list[ColumnElement[bool]] = []
    if query.accounts is not None:
        found.append(col(TicketRow.account).in_(query.accounts))
    if query.states:
        found.append(or_(*map(_is, query.states)))
    if query.opened_from is not None:
        found.append(opened_at >= micros(query.opened_from))
    if query.opened_before is not None:
        found.append(opened_at < micros(query.opened_before))
    if query.before is not None:
        at, last = query.before
        found.append(tuple_(opened_at, key) < tuple_(micros(at), last))
    return found


def _is(state: State) -> ColumnElement[bool]:
    if state is State.CLOSED:
        return _IS_CLOSED
    return and_(~_IS_CLOSED, col(TicketRow.state) == str(state))


_TOKENS = select(TokenRow.__table__).order_by(col(TokenRow.name))  # type: ignore[attr-defined]
_OF_DIGEST = _TOKENS.where(col(TokenRow.digest) == bindparam("given"))
_REVOKE = delete(TokenRow).where(col(TokenRow.name) == bindparam("called"))


def add_token(db: Connection, token: Token, digest: str) -> bool:
    """TokenStore.add_token."""
    row = {
        "name": token.name,
        "digest": digest,
        "scope": str(token.scope),
        "accounts": None if token.accounts is None else json.dumps(sorted(token.accounts)),
        "made_at": micros(token.made_at),
        "expires_at": micros(token.expires_at) if token.expires_at else None,
    }
    insert = insert_new(db.dialect.name, TokenRow).returning(col(TokenRow.name))
    return db.execute(insert, row).scalar() is not None


def tokens(db: Connection) -> list[Token]:
    """TokenStore.tokens."""
    return [_token(row) for row in db.execute(_TOKENS)]


def token_of(db: Connection, digest: str) -> Token | None:
    """TokenStore.token_of."""
    row = db.execute(_OF_DIGEST, {"given": digest}).one_or_none()
    return None if row is None else _token(row)


def revoke_token(db: Connection, name: str) -> bool:
    """TokenStore.revoke_token."""
    return db.execute(_REVOKE, {"called": name}).rowcount == 1


def _token(row: Any) -> Token:
    return Token(
        row.name,
        Scope(row.scope),
        None if row.accounts is None else frozenset(json.loads(row.accounts)),
        instant(row.made_at),
        instant_or_none(row.expires_at),
    )
