"""What a token reads: tickets, their events and clocks, and accounts. Nothing of other accounts."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Protocol

from pydantic import BaseModel, ConfigDict, Field

from bot.api import documents
from bot.api.documents import (
    Accounts,
    Clocks,
    EventPage,
    GivenInstant,
    TicketDocument,
    TicketPage,
    TicketSummary,
)
from bot.api.faults import ApiFault, invalid, no_such_ticket
from bot.clock import parse_instant
from bot.config.directory import PolicyVersionMissing
from bot.desk.desk import Desk
from bot.model.api_token import Token
from bot.model.queue import QueueEntry
from bot.ports import NoSuchTicket
from bot.text import TICKET_KEY
from sla_core.ticket import State, Ticket

MOST = 100
"""Tickets, or events, of one page."""
MOST_LOOKED_THROUGH = 2000
"""Tickets that one page looks through for those of a severity."""


# All filters together fit into the 8 KiB of a request's first line, also where each letter takes 12 bytes.
AccountId = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,23}$")]
AccountIds = Annotated[tuple[AccountId, ...], Field(max_length=50)]


class Parameters(BaseModel):
    """The parameters of a query. Unknown ones are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class NoParameters(Parameters):
    """None at all."""


class ListParameters(Parameters):
    account: AccountIds = ()
    """Only tickets of these accounts; may be repeated."""
    state: Annotated[tuple[State, ...], Field(max_length=len(State))] = ()
    """Only tickets in these states; may be repeated."""
    severity: Annotated[tuple[Annotated[str, Field(max_length=40)], ...], Field(max_length=8)] = ()
    """Only tickets of these severities; may be repeated."""
    opened_from: GivenInstant | None = None
    """Only tickets opened at or after this instant."""
    opened_before: GivenInstant | None = None
    """Only tickets opened before this instant."""
    limit: Annotated[int, Field(ge=1, le=MOST)] = 50
    cursor: Annotated[str, Field(max_length=100)] | None = None
    """`next_cursor` of the page before."""


class EventParameters(Parameters):
    after: Annotated[int, Field(ge=0, le=2**31)] = 0
    """Only events behind this number."""
    limit: Annotated[int, Field(ge=1, le=MOST)] = MOST


@dataclass(frozen=True, slots=True)
class TicketQuery:
    """Which tickets to list, newest opening first. None and empty: no matter which."""

    accounts: tuple[str, ...] | None
    states: tuple[State, ...] = ()
    opened_from: datetime | None = None
    opened_before: datetime | None = None
    before: tuple[datetime, str] | None = None
    """The opening and the key of the last ticket of the page before."""


class TicketIndex(Protocol):
    """The tickets of a store, in pages."""

    async def ticket_page(self, query: TicketQuery, limit: int) -> list[tuple[datetime, QueueEntry]]:
        """At most `limit` tickets, each with the instant of its opening."""
        ...


StoredEvent = tuple[datetime, str, int, str]
"""An event's instant, ticket, number and class."""


class EventIndex(Protocol):
    """The events of all tickets, in the order in which they happened."""

    async def events_from(self, since: datetime, after: StoredEvent | None, limit: int) -> list[StoredEvent]:
        """Events at or after `since`, and behind `after`."""
        ...


async def list_tickets(desk: Desk, index: TicketIndex, token: Token, given: ListParameters) -> TicketPage:
    """Raises ApiFault."""
    accounts = reached_accounts(token, given.account)
    if accounts == ():
        return TicketPage(tickets=[], next_cursor=None)
    before = _position(given.cursor) if given.cursor else None
    found: list[TicketSummary] = []
    looked_through = 0
    while len(found) < given.limit and looked_through < MOST_LOOKED_THROUGH:
        wanted = given.limit - len(found) if not given.severity else MOST
        query = TicketQuery(accounts, given.state, given.opened_from, given.opened_before, before)
        page = await index.ticket_page(query, wanted)
        for opened_at, entry in page:
            before = opened_at, entry.key
            looked_through += 1
            ticket = await _summary(desk, entry)
            if ticket is not None and (not given.severity or ticket.severity in given.severity):
                found.append(ticket)
            if len(found) == given.limit:
                break
        if len(page) < wanted and len(found) < given.limit:
            return TicketPage(tickets=found, next_cursor=None)
    assert before is not None
    return TicketPage(tickets=found, next_cursor=_cursor(*before))


async def read_ticket(desk: Desk, token: Token, key: str) -> TicketDocument:
    """Raises ApiFault."""
    ticket = await reached_ticket(desk, token, key)
    return documents.ticket_document(ticket, desk.policy_of(ticket), _now(desk, ticket))


async def read_clocks(desk: Desk, token: Token, key: str) -> Clocks:
    """Raises ApiFault."""
    ticket = await reached_ticket(desk, token, key)
    return documents.clocks_of(ticket, desk.policy_of(ticket), _now(desk, ticket))


async def read_events(desk: Desk, token: Token, key: str, given: EventParameters) -> EventPage:
    """Raises ApiFault."""
    ticket = await reached_ticket(desk, token, key)
    return documents.events_of(ticket, given.after, given.limit)


def list_accounts(desk: Desk, token: Token) -> Accounts:
    directory = desk.directory
    every = directory.settings.accounts
    return Accounts(
        accounts=[documents.account_document(every[id_], directory) for id_ in token.reached(every)]
    )


async def reached_ticket(desk: Desk, token: Token, key: str) -> Ticket:
    """The ticket, if the token reaches its account. Raises ApiFault, the same if there is none."""
    try:
        if not TICKET_KEY.fullmatch(key):
            raise NoSuchTicket(key)
        ticket = await desk.ticket(key)
    except NoSuchTicket:
        raise no_such_ticket(key) from None
    if not token.reaches(ticket.opened.account):
        raise no_such_ticket(key)
    try:
        desk.policy_of(ticket)
    except PolicyVersionMissing as why:
        raise ApiFault(409, f"{key} cannot be shown: {why}.") from None
    return ticket


async def _summary(desk: Desk, entry: QueueEntry) -> TicketSummary | None:
    """The ticket as its index row shows it; read again if another version wrote that row."""
    if entry.summary is not None:
        return documents.summary_of(entry.key, entry.account, entry.summary)
    try:
        ticket = await desk.ticket(entry.key)
        return documents.ticket_document(ticket, desk.policy_of(ticket), _now(desk, ticket))
    except (ValueError, PolicyVersionMissing):  # it cannot be read, which the log says
        return None


def reached_accounts(token: Token, wanted: Sequence[str]) -> tuple[str, ...] | None:
    """The wanted accounts that the token reaches, or all that it reaches; None: all there are."""
    if not wanted:
        return None if token.accounts is None else tuple(sorted(token.accounts))
    return tuple(dict.fromkeys(token.reached(wanted)))


def _now(desk: Desk, ticket: Ticket) -> datetime:
    return max(desk.clock.now(), ticket.history[-1].at)


def _cursor(opened_at: datetime, key: str) -> str:
    return urlsafe_b64encode(f"{opened_at.isoformat()} {key}".encode()).decode().rstrip("=")


def _position(cursor: str) -> tuple[datetime, str]:
    """Raises ApiFault."""
    try:
        text = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
        at, _, key = text.partition(" ")
        if TICKET_KEY.fullmatch(key):
            return parse_instant(at), key
    except ValueError:
        pass
    raise invalid({"cursor": "is none of ours; begin again without it"})
