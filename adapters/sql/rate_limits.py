"""What each platform lets through, shared by all processes: the buckets that sending is paid from."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import Connection, bindparam, case
from sqlmodel import col, select

from adapters.sql.engines.dialect import Insert, insert_into, insert_new, upsert
from adapters.sql.tables import MICROSECOND, BucketRow, instant, micros
from bot.ports import LONGEST_SHUT, Cost

PAID_AHEAD = timedelta(minutes=1)
"""What is paid further ahead than this was paid by a clock that has been set back since, and is forgotten."""

_BUCKETS = (
    select(BucketRow.bucket, BucketRow.full_until, BucketRow.shut_until)
    .where(col(BucketRow.bucket).in_(bindparam("buckets", expanding=True)))
    .order_by(col(BucketRow.bucket))
    .with_for_update(key_share=True)
)


@cache
def _shut(dialect: str) -> Any:
    """Sets `shut_until`, but never to an earlier instant."""
    row: Insert = insert_into(dialect, BucketRow).values(
        bucket=bindparam("name"), shut_until=bindparam("until"), full_until=0
    )
    later = case(
        (col(BucketRow.shut_until) > row.excluded.shut_until, col(BucketRow.shut_until)),
        else_=row.excluded.shut_until,
    )
    return row.on_conflict_do_update(index_elements=["bucket"], set_={"shut_until": later})


def pay(db: Connection, costs: Sequence[Cost], now: datetime) -> datetime | None:
    """Pays all of `costs` and returns None. If one cannot be paid, pays none and returns when all can."""
    by_bucket = {cost.bucket: cost for cost in sorted(costs, key=lambda cost: cost.bucket)}
    if not by_bucket:
        return None
    empty = [{"bucket": bucket, "full_until": 0, "shut_until": 0} for bucket in by_bucket]
    # The rows are there before they are locked, in the order of their names: nobody waits in a circle.
    db.execute(insert_new(db.dialect.name, BucketRow), empty)
    at = micros(now)
    later, paid = [], []
    for bucket, full_until, shut_until in db.execute(_BUCKETS, {"buckets": [*by_bucket]}):
        cost = by_bucket[bucket]
        every = cost.every // MICROSECOND
        if shut_until > at + LONGEST_SHUT // MICROSECOND:
            shut_until = 0
        if not at <= full_until <= at + every * cost.burst + PAID_AHEAD // MICROSECOND:
            full_until = at
        enough = max(shut_until, full_until + every - every * cost.burst)
        if enough > at:
            later.append(enough)
        paid.append({"bucket": bucket, "full_until": full_until + every, "shut_until": 0})
    if later:
        return instant(max(later))
    db.execute(upsert(db.dialect.name, BucketRow, "full_until", "shut_until"), paid)
    return None


def shut(db: Connection, buckets: Collection[str], until: datetime) -> None:
    """Outbox.shut."""
    given = [{"name": bucket, "until": micros(until)} for bucket in sorted({*buckets})]
    if given:
        db.execute(_shut(db.dialect.name), given)
