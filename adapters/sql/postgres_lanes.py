"""Lanes on PostgreSQL: who speaks for a place, what it says next, what that costs. One statement each.

`now` is the caller's clock: replicas whose clocks differ by less than a lease are kept apart all the same,
because every claim has a fence of its own, and whoever is not the last to have claimed a lane cannot begin.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import uuid4

import structlog
from psycopg import AsyncConnection
from psycopg.rows import dict_row

from adapters.sql.bounds import PAID_AHEAD, READ_AGAIN_AFTER
from adapters.sql.codec import UnknownKind, Unreadable
from adapters.sql.postgres_kept import DROPPED
from adapters.sql.postgres_pool import transaction
from adapters.sql.postgres_reads import named
from adapters.sql.reads import AHEAD, CLAIM, outgoing
from adapters.sql.tables import MICROSECOND, instant, micros
from bot.address import MessageRef
from bot.ports import LONGEST_SHUT, Cost, Outgoing, Overtaken, Priority

log = structlog.get_logger(__name__)

# Of two that claim at once the second finds the lane held, and its own `held` is empty.
CLAIMED = f"""
    WITH next AS MATERIALIZED ({named(CLAIM)}),
    held AS (
        INSERT INTO lane (lane, fence, lease_until, sending)
        SELECT %(lane)s, %(fence)s, %(until)s, key FROM next
        ON CONFLICT (lane) DO UPDATE
        SET fence = excluded.fence, lease_until = excluded.lease_until, sending = excluded.sending
        WHERE lane.lease_until IS NULL OR lane.lease_until <= %(now)s
           OR lane.lease_until > %(now)s + {AHEAD}
        RETURNING 1)
    SELECT next.* FROM next, held
"""
ENSURED = """
    INSERT INTO bucket (bucket) SELECT unnest(%(buckets)s::text[]) ORDER BY 1 ON CONFLICT (bucket) DO NOTHING
"""
BEGUN = f"""
    WITH held AS MATERIALIZED (
        SELECT l.lane FROM lane l JOIN outbox o ON o.key = l.sending
        WHERE l.lane = %(lane)s AND l.fence = %(fence)s AND o.key = %(key)s AND o.state = 'waiting'
        FOR UPDATE),
    cost AS (
        SELECT * FROM unnest(%(buckets)s::text[], %(every)s::bigint[], %(burst)s::int[])
            AS cost (bucket, every, burst)),
    kept AS MATERIALIZED (
        SELECT bucket, full_until, shut_until FROM bucket
        WHERE bucket = ANY (%(buckets)s::text[]) ORDER BY bucket FOR NO KEY UPDATE),
    priced AS MATERIALIZED (
        SELECT bucket, full_until + every AS full_until,
               GREATEST(shut_until, full_until + every - every * burst) AS enough
        FROM (SELECT bucket, every, burst,
                     CASE WHEN shut_until <= %(now)s + {LONGEST_SHUT // MICROSECOND}
                          THEN shut_until ELSE 0 END AS shut_until,
                     CASE WHEN full_until BETWEEN %(now)s AND %(now)s + every * burst + %(ahead)s
                          THEN full_until ELSE %(now)s END AS full_until
              FROM kept JOIN cost USING (bucket)) AS bounded),
    verdict AS MATERIALIZED (
        SELECT (SELECT lane FROM held) AS mine,
               (SELECT max(enough) FROM priced WHERE enough > %(now)s) AS later),
    paid AS (
        UPDATE bucket SET full_until = priced.full_until, shut_until = 0 FROM priced, verdict
        WHERE bucket.bucket = priced.bucket AND later IS NULL AND mine IS NOT NULL),
    tried AS (
        UPDATE outbox SET tried_at = coalesce(tried_at, %(now)s) FROM verdict
        WHERE key = %(key)s AND later IS NULL AND mine IS NOT NULL),
    extended AS (
        UPDATE lane SET lease_until = %(until)s FROM verdict WHERE lane.lane = mine AND later IS NULL)
    SELECT mine IS NOT NULL, later FROM verdict
"""
SENT = f"""
    WITH said AS MATERIALIZED (
        SELECT o.key, o.lane, o.edits, t.ref_place, t.ref_direct, t.ref_id,
               o.priority = {Priority.COUNTDOWN:d} AND o.edits IS NOT NULL AND t.ref_place IS NULL AS over
        FROM outbox o
        LEFT JOIN outbox t ON t.key = o.edits AND t.ref_place IS NOT NULL
                          AND (t.ref_place, t.ref_id) IS DISTINCT FROM (%(place)s, %(id)s)
        WHERE o.key = %(key)s FOR UPDATE OF o),
    anew AS (
        UPDATE outbox SET ref_place = %(place)s, ref_direct = %(direct)s, ref_id = %(id)s FROM said
        WHERE outbox.key = said.edits AND said.ref_place IS NOT NULL),
    gone AS (
        DELETE FROM outbox USING said WHERE outbox.key = said.key AND said.over),
    done AS (
        UPDATE outbox SET state = 'sent', why = NULL,
               ref_place = CASE WHEN said.ref_place IS NULL THEN %(place)s ELSE said.ref_place END,
               ref_direct = CASE WHEN said.ref_place IS NULL THEN %(direct)s ELSE said.ref_direct END,
               ref_id = CASE WHEN said.ref_place IS NULL THEN %(id)s ELSE said.ref_id END
        FROM said WHERE outbox.key = said.key AND NOT said.over),
    freed AS (DELETE FROM lane USING said WHERE lane.lane = said.lane AND lane.sending = said.key)
    SELECT count(*) FROM said
"""
PUT_OFF = f"""
    WITH held AS MATERIALIZED (
        SELECT lane, not_before FROM lane WHERE lane = %(lane)s AND fence = %(fence)s FOR UPDATE),
    waits AS (
        UPDATE outbox SET attempts = attempts + 1, why = %(why)s,
               tried_at = CASE WHEN %(unsure)s THEN tried_at END,
               not_before = CASE WHEN %(alone)s THEN %(until)s::bigint END
        FROM held WHERE key = %(key)s AND state = 'waiting'),
    gone AS (
        DELETE FROM outbox USING held
        WHERE key = %(key)s AND state = 'superseded' AND priority = {Priority.COUNTDOWN:d}),
    parked AS (
        UPDATE lane SET fence = NULL, lease_until = NULL, sending = NULL,
               not_before = CASE WHEN %(alone)s THEN lane.not_before ELSE %(until)s END,
               priority = CASE WHEN %(alone)s THEN lane.priority ELSE %(priority)s END
        FROM held WHERE lane.lane = held.lane AND NOT (%(alone)s AND held.not_before IS NULL)),
    freed AS (
        DELETE FROM lane USING held WHERE lane.lane = held.lane AND %(alone)s AND held.not_before IS NULL)
    SELECT count(*) FROM held
"""
SHUT = """
    INSERT INTO bucket (bucket, shut_until) SELECT unnest(%(buckets)s::text[]), %(until)s ORDER BY 1
    ON CONFLICT (bucket) DO UPDATE SET shut_until = GREATEST(bucket.shut_until, excluded.shut_until)
"""
REFUSED = """
    UPDATE outbox SET state = CASE WHEN state = 'sent' THEN state ELSE 'refused' END,
           why = CASE WHEN state = 'sent' THEN why ELSE %(why)s END
    WHERE key = %(key)s RETURNING 1
"""
IN_VAIN = (
    f"DELETE FROM outbox WHERE edits = %(key)s AND state = 'waiting' AND {DROPPED}",
    "UPDATE outbox SET state = 'superseded', why = 'what it edits was refused'"
    " WHERE edits = %(key)s AND state = 'waiting'",
    "DELETE FROM lane WHERE sending = %(key)s",
)


async def claim(db: AsyncConnection, lane: str, now: datetime, until: datetime) -> Outgoing | None:
    """Outbox.claim."""
    while True:
        fence = uuid4().hex
        given = {"lane": lane, "fence": fence, "now": micros(now), "until": micros(until)}
        async with db.cursor(row_factory=dict_row) as cursor:
            row = await (await cursor.execute(CLAIMED, given)).fetchone()
        if row is None:
            return None
        try:
            return outgoing(row, fence)
        except Exception as fault:  # what this version cannot read must not hold up its lane
            why = str(fault) if isinstance(fault, UnknownKind | Unreadable) else type(fault).__name__
            log.error("a message cannot be read and waits", message=row["key"], why=why)
            await _set_aside(db, lane, fence, row["key"], why, now + READ_AGAIN_AFTER)


async def _set_aside(db: AsyncConnection, lane: str, fence: str, key: str, why: str, until: datetime) -> None:
    """A newer version may have written it, and will send it."""
    given: dict[str, Any] = {"lane": lane, "fence": fence, "key": key, "why": why, "until": micros(until)}
    await db.execute(PUT_OFF, given | {"unsure": True, "alone": True, "priority": 0})


async def begin(
    db: AsyncConnection, outgoing: Outgoing, costs: Sequence[Cost], now: datetime, until: datetime
) -> datetime | None:
    """Outbox.begin. Raises Overtaken."""
    by_bucket = {cost.bucket: cost for cost in costs}
    given = {
        "lane": outgoing.message.lane,
        "fence": outgoing.fence,
        "key": outgoing.message.key,
        "now": micros(now),
        "until": micros(until),
        "ahead": PAID_AHEAD // MICROSECOND,
        "buckets": [*by_bucket],
        "every": [cost.every // MICROSECOND for cost in by_bucket.values()],
        "burst": [cost.burst for cost in by_bucket.values()],
    }
    async with transaction(db):
        if by_bucket:
            await db.execute(ENSURED, {"buckets": given["buckets"]})
        asked = await db.execute(BEGUN, given)
    ((held, later),) = await asked.fetchall()
    if not held:
        raise Overtaken(outgoing.message.key)
    return None if later is None else instant(later)


async def sent(db: AsyncConnection, key: str, ref: MessageRef) -> None:
    """Outbox.sent. Raises LookupError."""
    given = {"key": key, "place": str(ref.place), "direct": ref.place.direct, "id": ref.id}
    ((found,),) = await (await db.execute(SENT, given)).fetchall()
    if not found:
        raise LookupError(f'no message has the key "{key}"')


async def put_off(
    db: AsyncConnection, outgoing: Outgoing, until: datetime, why: str, alone: bool, unsure: bool
) -> None:
    """Outbox.put_off."""
    message = outgoing.message
    given = {
        "lane": message.lane,
        "fence": outgoing.fence,
        "key": message.key,
        "why": why,
        "until": micros(until),
        "priority": int(message.priority),
        "alone": alone,
        "unsure": unsure,
    }
    await db.execute(PUT_OFF, given)


async def shut(db: AsyncConnection, buckets: Collection[str], until: datetime) -> None:
    """Outbox.shut."""
    await db.execute(SHUT, {"buckets": sorted(set(buckets)), "until": micros(until)})


async def refused(db: AsyncConnection, key: str, why: str) -> None:
    """Outbox.refused. Raises LookupError."""
    async with transaction(db):
        done = await (await db.execute(REFUSED, {"key": key, "why": why})).fetchall()
        if not done:
            raise LookupError(f'no message has the key "{key}"')
        for statement in IN_VAIN:
            await db.execute(statement, {"key": key})
