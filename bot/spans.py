"""Spans: what the process does and for how long, for tracing. Without a recorder, they cost next to nothing.

They carry names, a ticket's key and an outcome, never what people wrote, and no secrets.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from enum import StrEnum
from typing import Protocol

from bot.text import TICKET_KEY

Known = dict[str, str | int]
"""What is known of a span, by the names of its attributes. It grows until the span ends."""
OUTCOME, TICKET, KIND = "frontline.outcome", "frontline.ticket", "frontline.kind"
PLATFORM, PRIORITY, TRACE = "frontline.platform", "frontline.priority", "frontline.trace"
METHOD, ROUTE, STATUS = "http.request.method", "http.route", "http.response.status_code"


class Work(StrEnum):
    """What a span is about: a request over HTTP, what a person or program did, a message to a platform."""

    REQUEST = "request"
    ACT = "act"
    DELIVERY = "delivery"


class SpanRecorder(Protocol):
    """Records spans while they last. `known` is complete when the context ends."""

    def span(self, work: Work, name: str, known: Known) -> AbstractContextManager[None]: ...


def about(ticket: str | None) -> Known:
    """The attribute of a ticket, if this is the key of one: nothing else that somebody sent gets in."""
    return {TICKET: ticket} if ticket and TICKET_KEY.fullmatch(ticket) else {}


_recorder: SpanRecorder | None = None
_known: ContextVar[Known | None] = ContextVar("known", default=None)


@contextmanager
def recorded_by(recorder: SpanRecorder) -> Iterator[None]:
    """Records the spans of this process meanwhile."""
    global _recorder
    _recorder = recorder
    try:
        yield
    finally:
        _recorder = None


@contextmanager
def span(work: Work, name: str, known: Known) -> Iterator[None]:
    """A span around what happens meanwhile."""
    if _recorder is None:
        yield
        return
    token = _known.set(known)
    try:
        with _recorder.span(work, name, known):
            yield
    finally:
        _known.reset(token)


def note(name: str, value: str | int) -> None:
    """Adds an attribute to the innermost span, if there is one."""
    if (known := _known.get()) is not None:
        known[name] = value
