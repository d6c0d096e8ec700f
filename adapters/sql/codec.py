"""Converts events, messages and addresses to JSON text and back. The kind is the class's name."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import fields
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, get_args, get_type_hints

import structlog
from pydantic import TypeAdapter, ValidationError

from bot.model.address import Place, UserRef
from bot.model.views import Link, Mention, Notice, Quote, Strong, When
from bot.ports import Card, QueueSummary, StandingHelp
from sla_core.events import Event, Opened


class UnknownKind(ValueError):
    """The database holds a kind that this version has no class for."""


class Unreadable(ValueError):
    """A stored value does not fit this version's class. The text says where, and never repeats the value."""


class Codec:
    """JSON of a closed set of dataclasses. Later fields need defaults, because old rows lack them."""

    def __init__(self, what: str, classes: tuple[Any, ...]) -> None:
        self._what = what
        self._adapters: dict[str, TypeAdapter[Any]] = {cls.__name__: TypeAdapter(cls) for cls in classes}
        self._instants = {cls.__name__: _instants(cls) for cls in classes}

    def kind(self, value: object) -> str:
        """The name that the value is stored under. Raises UnknownKind."""
        name = type(value).__name__
        self._adapter(name)
        return name

    def text(self, value: object) -> str:
        """The value's fields as JSON text, without its kind."""
        return self._adapter(type(value).__name__).dump_json(value).decode()

    def value(self, kind: str, text: str) -> Any:
        """The reverse of `kind` and `text`. Raises UnknownKind, Unreadable."""
        try:
            value = self._adapter(kind).validate_json(text)
        except ValidationError as wrong:
            raise self._unreadable(kind, wrong) from None
        for name in self._instants[kind]:
            # Pydantic's own UTC is ten times as slow to compare as Python's, and clocks compare often.
            if (instant := getattr(value, name)) is not None:
                object.__setattr__(value, name, self._in_utc(kind, instant))
        return value

    def _in_utc(self, kind: str, instant: datetime) -> datetime:
        try:
            return instant.astimezone(UTC)
        except OverflowError:
            raise Unreadable(f'an instant in the {self._what} "{kind}" is out of range') from None

    def fields(self, value: object) -> dict[str, Any]:
        """The value as a JSON object that carries its kind."""
        dumped = self._adapter(kind := type(value).__name__).dump_python(value, mode="json")
        return {"kind": kind, **dumped}

    def from_fields(self, fields: dict[str, Any]) -> Any:
        """The reverse of `fields`; does not change its argument. Raises UnknownKind, Unreadable."""
        kind = fields["kind"]
        try:
            return self._adapter(kind).validate_python(
                {n: value for n, value in fields.items() if n != "kind"}
            )
        except ValidationError as wrong:
            raise self._unreadable(kind, wrong) from None

    def _unreadable(self, kind: str, wrong: ValidationError) -> Unreadable:
        """Without Pydantic's own text, which would put the stored value into the log."""
        faults = wrong.errors(include_url=False, include_context=False, include_input=False)
        where = ", ".join(
            f"{'.'.join(map(str, fault['loc'])) or 'the whole value'}: {fault['type']}" for fault in faults
        )
        return Unreadable(f'this version cannot read the {self._what} "{kind}" ({where}); update Frontline')

    def _adapter(self, kind: str) -> TypeAdapter[Any]:
        try:
            return self._adapters[kind]
        except KeyError:
            raise UnknownKind(f'unknown {self._what} "{kind}"; update Frontline') from None


def _instants(cls: Any) -> tuple[str, ...]:
    """The names of the fields that hold an instant."""
    hints = get_type_hints(cls)
    return tuple(
        each.name for each in fields(cls) if datetime in (hints[each.name], *get_args(hints[each.name]))
    )


EVENTS = Codec("event", get_args(Event))
_MESSAGE_BODIES = Codec("message", (Card, Notice, StandingHelp))
_PARTS = Codec("part of a text", (Strong, When, Mention, Quote, Link))
_SUMMARY = TypeAdapter(QueueSummary)
_RECIPIENTS = Codec("recipient", (Place, UserRef))


def summary_text(summary: QueueSummary) -> str:
    """What a queue shows of a ticket, as JSON text."""
    return _SUMMARY.dump_json(summary, exclude_defaults=True).decode()


def summary_of(text: str) -> QueueSummary | None:
    """The reverse of `summary_text`. Returns None if another version wrote it in another form."""
    try:
        return _SUMMARY.validate_json(text)
    except ValidationError:
        return None


def message_body_text(say: Card | Notice | StandingHelp) -> str:
    """What a message says, as JSON text."""
    if not isinstance(say, Notice):
        return _drawn_text(say)
    fields = _MESSAGE_BODIES.fields(say)
    # Strong and Quote have the same fields: only the kind tells them apart.
    fields["text"] = [part if isinstance(part, str) else _PARTS.fields(part) for part in say.text]
    return json.dumps(fields)


@lru_cache
def _drawn_text(say: Card | StandingHelp) -> str:
    return json.dumps(_MESSAGE_BODIES.fields(say))


def message_body_of(text: str) -> Card | Notice | StandingHelp:
    """The reverse of `message_body_text`. Raises UnknownKind."""
    fields = json.loads(text)
    if fields["kind"] == Notice.__name__:
        parts = (part if isinstance(part, str) else _PARTS.from_fields(part) for part in fields["text"])
        fields["text"] = tuple(parts)
    said: Card | Notice | StandingHelp = _MESSAGE_BODIES.from_fields(fields)
    return said


@lru_cache(maxsize=4096)
def recipient_text(to: Place | UserRef) -> str:
    """A message's recipient as JSON text."""
    return json.dumps(_RECIPIENTS.fields(to))


def recipient_of(text: str) -> Place | UserRef:
    """The reverse of `recipient_text`. Raises UnknownKind."""
    to: Place | UserRef = _RECIPIENTS.from_fields(json.loads(text))
    return to


log = structlog.get_logger(__name__)

StoredEvent = tuple[int, str, str]
"""An event's number, kind and body."""
_logged: set[tuple[str, str]] = set()
"""Unreadable tickets and the reasons, already logged: they are retried every few seconds."""


def events_of(version: int, rows: Sequence[StoredEvent]) -> tuple[Event, ...]:
    """The events in `rows`, which must number `version`. Raises ValueError; see `unreadable_reason`."""
    if [seq for seq, _, _ in rows] != [*range(1, version + 1)]:
        raise Unreadable(
            f"its row counts {version} events, but {len(rows)} are stored: its tables are of different"
            " moments; restore the whole database from one backup"
        )
    return tuple(EVENTS.value(kind, body) for _, kind, body in rows)


def unreadable_reason(fault: ValueError) -> str:
    """Why events cannot be read, without their text."""
    return str(fault) if isinstance(fault, UnknownKind | Unreadable) else type(fault).__name__


def history_of(ticket: str, version: int, rows: Sequence[StoredEvent]) -> tuple[Event, ...] | None:
    """The events in `rows`. Returns None, and logs why, if they cannot be read."""
    try:
        return events_of(version, rows)
    except ValueError as fault:
        _log_unreadable(ticket, fault)
        return None


def first_event(ticket: str, kind: str, body: str) -> Opened | None:
    """A ticket's first event. Returns None if it cannot be read, so that others can still be opened."""
    try:
        return _opened(kind, body)
    except ValueError as fault:
        _log_unreadable(ticket, fault)
        return None


@lru_cache(maxsize=4096)
def _opened(kind: str, body: str) -> Opened:
    """Cached, because first events never change and each form reads a hundred of them.

    Reading them takes 0.74 ms without the cache and 0.23 ms with it.
    """
    opened = EVENTS.value(kind, body)
    if not isinstance(opened, Opened):
        raise Unreadable(f"it begins with {kind}: its tables are of different moments")
    return opened


def _log_unreadable(ticket: str, fault: ValueError) -> None:
    why = unreadable_reason(fault)
    if (ticket, why) not in _logged:
        _logged.add((ticket, why))
        log.error("a ticket cannot be read and is not woken", ticket=ticket, why=why)
