"""The operations of the API on one page: where they are, who may call them, what goes in and comes out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from pydantic import BaseModel

from bot.api import acting, reading, reports, webhooks
from bot.api.acting import Body, Call
from bot.api.documents import (
    Accounts,
    Clocks,
    Document,
    EventPage,
    Opening,
    Replay,
    Report,
    TicketDocument,
    TicketPage,
    Webhooks,
)
from bot.api.reading import EventIndex, NoParameters, Parameters, TicketIndex
from bot.desk.desk import Desk
from bot.model.api_token import Scope

PREFIX = "/api/v1"
_Model = TypeVar("_Model", bound=BaseModel)


class Index(TicketIndex, EventIndex, Protocol):
    """The tickets and events of a store."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request whose token, parameters and body have been checked."""

    desk: Desk
    index: Index
    call: Call
    key: str
    """What the path names: a ticket's key, or a webhook; empty if it names nothing."""
    parameters: Parameters
    body: Body | None


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation. It raises ApiFault."""

    name: str
    method: str
    path: str
    says: str
    answers: type[Document]
    handle: Callable[[Request], Awaitable[Document]]
    parameters: type[Parameters] = NoParameters
    body: type[Body] | None = None
    status: int = 200

    @property
    def scope(self) -> Scope:
        """The scope that a token needs."""
        return Scope.READ if self.method == "GET" else Scope.WRITE


async def _list_tickets(request: Request) -> TicketPage:
    given = _of(reading.ListParameters, request.parameters)
    return await reading.list_tickets(request.desk, request.index, request.call.token, given)


async def _read_ticket(request: Request) -> TicketDocument:
    return await reading.read_ticket(request.desk, request.call.token, request.key)


async def _read_clocks(request: Request) -> Clocks:
    return await reading.read_clocks(request.desk, request.call.token, request.key)


async def _read_events(request: Request) -> EventPage:
    given = _of(reading.EventParameters, request.parameters)
    return await reading.read_events(request.desk, request.call.token, request.key, given)


async def _list_accounts(request: Request) -> Accounts:
    return reading.list_accounts(request.desk, request.call.token)


async def _report(request: Request) -> Report:
    given = _of(reports.ReportParameters, request.parameters)
    return await reports.report(request.desk, request.call.token, given)


async def _open(request: Request) -> Opening:
    return await acting.open_ticket(request.desk, request.call, _of(acting.OpenBody, request.body))


async def _reply(request: Request) -> TicketDocument:
    body = _of(acting.ReplyBody, request.body)
    return await acting.reply(request.desk, request.call, request.key, body)


async def _change_severity(request: Request) -> TicketDocument:
    body = _of(acting.SeverityBody, request.body)
    return await acting.change_severity(request.desk, request.call, request.key, body)


async def _resolve(request: Request) -> TicketDocument:
    body = _of(acting.ResolveBody, request.body)
    return await acting.resolve(request.desk, request.call, request.key, body)


async def _list_webhooks(request: Request) -> Webhooks:
    return await webhooks.list_webhooks(request.desk, request.call.token)


async def _replay(request: Request) -> Replay:
    body = _of(webhooks.ReplayBody, request.body)
    return await webhooks.replay(request.desk, request.index, request.call.token, request.key, body)


def _of(model: type[_Model], given: BaseModel | None) -> _Model:
    assert isinstance(given, model)
    return given


TICKETS, TICKET = f"{PREFIX}/tickets", f"{PREFIX}/tickets/{{key}}"
OPERATIONS = (
    Operation(
        "listTickets",
        "GET",
        TICKETS,
        "Lists tickets, newest first.",
        TicketPage,
        _list_tickets,
        reading.ListParameters,
    ),
    Operation("readTicket", "GET", TICKET, "Reads a ticket.", TicketDocument, _read_ticket),
    Operation(
        "readClocks",
        "GET",
        f"{TICKET}/clocks",
        "Reads every promise of a ticket, with its receipt.",
        Clocks,
        _read_clocks,
    ),
    Operation(
        "readEvents",
        "GET",
        f"{TICKET}/events",
        "Reads the events of a ticket, oldest first.",
        EventPage,
        _read_events,
        reading.EventParameters,
    ),
    Operation("listAccounts", "GET", f"{PREFIX}/accounts", "Lists the accounts.", Accounts, _list_accounts),
    Operation(
        "report",
        "GET",
        f"{PREFIX}/reports",
        "Reports how the promises of a period were kept.",
        Report,
        _report,
        reports.ReportParameters,
    ),
    Operation(
        "openTicket",
        "POST",
        TICKETS,
        "Opens a ticket on the customer's behalf.",
        Opening,
        _open,
        body=acting.OpenBody,
        status=201,
    ),
    Operation(
        "reply",
        "POST",
        f"{TICKET}/replies",
        "Sends a message to the customer.",
        TicketDocument,
        _reply,
        body=acting.ReplyBody,
        status=201,
    ),
    Operation(
        "changeSeverity",
        "POST",
        f"{TICKET}/severity",
        "Changes the severity.",
        TicketDocument,
        _change_severity,
        body=acting.SeverityBody,
    ),
    Operation(
        "resolve",
        "POST",
        f"{TICKET}/resolution",
        "Resolves a ticket.",
        TicketDocument,
        _resolve,
        body=acting.ResolveBody,
    ),
    Operation(
        "listWebhooks",
        "GET",
        f"{PREFIX}/webhooks",
        "Lists the webhooks, and which of them fail.",
        Webhooks,
        _list_webhooks,
    ),
    Operation(
        "replayWebhook",
        "POST",
        f"{PREFIX}/webhooks/{{name}}/replay",
        "Switches a webhook on, and sends it events again.",
        Replay,
        _replay,
        body=webhooks.ReplayBody,
        status=202,
    ),
)
