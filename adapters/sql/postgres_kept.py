"""The statements that keep changes on PostgreSQL: one for all that a change brings, from one JSON text each.

A statement sees the tables as they were when it began: what it adds itself is not among what it finds. So of
several edits of one message each has to come in a statement of its own (see `rounds`).

`(x IN (…)) IS TRUE` looks x up in a hash table; as a join it would compare each with each, since hash joins
are off (see postgres_pool.SESSION).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from adapters.sql.codec import EVENTS, recipient_text, say_text
from adapters.sql.tables import micros
from bot.ports import Change, Message, Priority, trace_of

DROPPED = f"""
    (outbox.priority = {Priority.COUNTDOWN:d}
     AND NOT EXISTS (SELECT 1 FROM lane WHERE lane.sending = outbox.key))
"""
"""Edits that leave no trace when nobody needs to see them any more; one under way may still arrive."""

_SAID = f"""
    target AS MATERIALIZED (
        SELECT key, state FROM outbox WHERE key IN (SELECT edits FROM new) ORDER BY key FOR NO KEY UPDATE),
    stale AS MATERIALIZED (
        SELECT waits.* FROM (SELECT DISTINCT edits FROM new WHERE edits IS NOT NULL) AS edited
        CROSS JOIN LATERAL (
            SELECT id, edits, priority, turn, {DROPPED} AS leaves_no_trace FROM outbox
            WHERE outbox.edits = edited.edits AND state = 'waiting' ORDER BY id FOR UPDATE) AS waits),
    older AS MATERIALIZED (
        SELECT edits, min(priority) AS priority, min(turn) AS turn FROM stale GROUP BY edits),
    placed AS MATERIALIZED (
        SELECT nextval('outbox_id_seq') AS id, worked_out.* FROM (
            SELECT new.*, older.turn, LEAST(new.priority, older.priority) AS urgency,
                   (new.edits IN (SELECT key FROM target WHERE state = 'refused')) IS TRUE AS vain
            FROM new LEFT JOIN older USING (edits) ORDER BY new.place) AS worked_out
        WHERE NOT (vain AND priority = {Priority.COUNTDOWN:d})),
    said AS (
        INSERT INTO outbox (id, key, ticket, lane, recipient, priority, thread, edits, effect, body,
                            state, why, attempts, turn, created_at, trace)
        SELECT id, key, ticket, lanes[1 + urgency], recipient, urgency, thread, edits, effect, body,
               CASE WHEN vain THEN 'superseded' ELSE 'waiting' END,
               CASE WHEN vain THEN 'what it edits was refused' END,
               0, coalesce(turn, id), %(at)s, trace
        FROM placed ORDER BY id
        ON CONFLICT (key) DO NOTHING RETURNING edits),
    gone AS (
        DELETE FROM outbox USING stale JOIN said USING (edits)
        WHERE outbox.id = stale.id AND stale.leaves_no_trace),
    dropped AS (
        UPDATE outbox SET state = 'superseded', why = 'there is a newer edit'
        FROM stale JOIN said USING (edits)
        WHERE outbox.id = stale.id AND NOT stale.leaves_no_trace)
"""
_MESSAGES = """
    json_to_recordset(%(messages)s::json) AS message (
        change text, place int, key text, ticket text, lanes text[], recipient text, priority int,
        thread text, edits text, effect int, body text, trace text)
"""
_CHANGES = """
    json_to_recordset(%(changes)s::json) AS change (
        key text, account text, number int, version int, next int, wake_at bigint, opened_at bigint,
        closed int, envelope text)
"""
_KEPT = f"""
    happened AS (
        INSERT INTO event (ticket, seq, at, kind, body)
        SELECT event.* FROM json_to_recordset(%(events)s::json)
            AS event (ticket text, seq int, at bigint, kind text, body text)
        WHERE (event.ticket IN (SELECT key FROM moved)) IS TRUE),
    new AS MATERIALIZED (
        SELECT message.* FROM {_MESSAGES} WHERE (message.change IN (SELECT key FROM moved)) IS TRUE),
    {_SAID}
    SELECT key FROM moved
"""

KEEP = f"""
    WITH change AS MATERIALIZED (SELECT * FROM {_CHANGES}),
    opened AS (
        INSERT INTO ticket (key, account, number, version, wake_at, opened_at, closed)
        SELECT key, account, number, next, wake_at, opened_at, closed FROM change WHERE number IS NOT NULL
        RETURNING key),
    still AS MATERIALIZED (
        SELECT change.* FROM ticket JOIN change USING (key, version)
        WHERE change.number IS NULL
          AND NOT EXISTS (SELECT 1 FROM inbox WHERE inbox.envelope = change.envelope)
        ORDER BY key FOR NO KEY UPDATE OF ticket),
    appended AS (
        UPDATE ticket SET version = still.next, wake_at = still.wake_at, closed = still.closed
        FROM still WHERE ticket.key = still.key AND ticket.version = still.version
        RETURNING ticket.key),
    moved AS MATERIALIZED (SELECT key FROM opened UNION ALL SELECT key FROM appended),
    acted AS (
        INSERT INTO inbox (envelope, ticket, at)
        SELECT envelope, key, %(at)s FROM change
        WHERE envelope IS NOT NULL AND (key IN (SELECT key FROM moved)) IS TRUE),
    {_KEPT}
"""
"""Of changes of different tickets, those that open one or whose ticket is still as it was loaded; their keys.

Tickets are locked in the order of their keys, so that two of these cannot wait for one another.
"""
WOKEN = f"""
    WITH moved AS (
        UPDATE ticket SET version = change.next, wake_at = change.wake_at, closed = change.closed
        FROM {_CHANGES} WHERE ticket.key = change.key AND ticket.version = change.version
        RETURNING ticket.key),
    {_KEPT}
"""
"""The same for tickets that this transaction has locked already."""
SAY = f"""
    WITH new AS MATERIALIZED (
        SELECT * FROM {_MESSAGES} WHERE message.change = ANY (%(moved)s::text[])),
    {_SAID}
    SELECT count(*) FROM said
"""
"""Messages alone, of those changes that were kept."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A change as KEEP takes it."""

    envelope: str | None
    change: Change
    account: str | None = None
    number: int | None = None
    """The ticket's number in its account, for a change that opens it."""


def params(kept: Sequence[Kept], at: int) -> dict[str, Any]:
    """What KEEP is given, but for the messages: those come in `rounds`."""
    return {
        "at": at,
        "changes": json.dumps([_change(each) for each in kept]),
        "events": json.dumps([event for each in kept for event in _events(each.change)]),
    }


def rounds(kept: Iterable[Kept]) -> list[str]:
    """The messages in their order, so that none edits what another of its round does; one round at least."""
    made: list[list[Mapping[str, Any]]] = [[]]
    edited: set[str] = set()
    for each in kept:
        trace = trace_of(each.envelope, each.change) if each.change.messages else ""
        for message in each.change.messages:
            if message.edits is not None:
                if message.edits in edited:
                    made.append([])
                    edited.clear()
                edited.add(message.edits)
            made[-1].append(_message(each.change, message, trace, len(made[-1])))
    return [json.dumps(messages) for messages in made]


def _change(kept: Kept) -> dict[str, Any]:
    change = kept.change
    return {
        "key": change.ticket,
        "account": kept.account,
        "number": kept.number,
        "version": change.version,
        "next": change.version + len(change.events),
        "wake_at": change.wake_at and micros(change.wake_at),
        "opened_at": micros(change.events[0].at) if kept.number is not None else None,
        "closed": int(change.closed),
        "envelope": kept.envelope,
    }


def _events(change: Change) -> Iterable[dict[str, Any]]:
    for seq, event in enumerate(change.events, change.version + 1):
        yield {
            "ticket": change.ticket,
            "seq": seq,
            "at": micros(event.at),
            "kind": EVENTS.kind(event),
            "body": EVENTS.text(event),
        }


def _message(change: Change, message: Message, trace: str, place: int) -> dict[str, Any]:
    return {
        "change": change.ticket,
        "place": place,
        "key": message.key,
        "ticket": message.ticket,
        "lanes": _lanes(message),
        "recipient": recipient_text(message.to),
        "priority": message.priority,
        "thread": message.thread,
        "edits": message.edits,
        "effect": message.effect,
        "body": say_text(message.say),
        "trace": trace,
    }


def _lanes(message: Message) -> list[str]:
    """By priority: an edit may inherit that of the one whose place it takes."""
    if message.edits is None:
        return [message.lane] * len(Priority)
    return [replace(message, priority=priority).lane for priority in Priority]
