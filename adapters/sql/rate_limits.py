"""The platforms' rate limits, as buckets that all processes share."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import Connection, bindparam, case
from sqlmodel import col, select

from adapters.sql.engines.engine import Insert, array, each_of, insert_into, insert_new, upsert
from adapters.sql.tables import MICROSECOND, BucketRow, instant, micros
from bot.ports import LONGEST_BLOCK, Charge

MOST_CHARGED_AHEAD = timedelta(minutes=1)
"""A charge further ahead than this is ignored: the clock was set back since then."""

_BUCKETS = (
    select(BucketRow.bucket, BucketRow.full_until, BucketRow.shut_until)
    .where(col(BucketRow.bucket).in_(select(each_of("buckets").c.value)))
    .order_by(col(BucketRow.bucket))
    .with_for_update(key_share=True)
)


@cache
def _block(dialect: str) -> Any:
    """Sets `shut_until` to the later of the old and the new instant."""
    row: Insert = insert_into(dialect, BucketRow).values(
        bucket=bindparam("name"), shut_until=bindparam("until"), full_until=0
    )
    later = case(
        (col(BucketRow.shut_until) > row.excluded.shut_until, col(BucketRow.shut_until)),
        else_=row.excluded.shut_until,
    )
    return row.on_conflict_do_update(index_elements=["bucket"], set_={"shut_until": later})


def charge_all(db: Connection, bills: Sequence[tuple[Sequence[Charge], datetime]]) -> list[datetime | None]:
    """Charges each bill at its instant, in order: all of its charges or none.

    Returns None for a charged bill, else the instant from which it can be charged.
    """
    buckets = sorted({charge.bucket for charges, _ in bills for charge in charges})
    if not buckets:
        return [None] * len(bills)
    empty = [{"bucket": bucket, "full_until": 0, "shut_until": 0} for bucket in buckets]
    # Inserted first, then locked in the order of their names, so that there is no deadlock.
    db.execute(insert_new(db.dialect.name, BucketRow), empty)
    found = {
        name: (full, block_until)
        for name, full, block_until in db.execute(_BUCKETS, {"buckets": array(buckets)})
    }
    outcomes, paid = list[datetime | None](), dict[str, int]()
    for charges, now in bills:
        at, later, more = micros(now), list[int](), dict[str, int]()
        for charge in charges:
            full_until, available_at = _enough(charge, *found[charge.bucket], at)
            if available_at > at:
                later.append(available_at)
            more[charge.bucket] = full_until + charge.every // MICROSECOND
        outcomes.append(instant(max(later)) if later else None)
        if not later:
            paid |= more
            found |= {bucket: (full_until, 0) for bucket, full_until in more.items()}
    if paid:
        rows = [{"bucket": bucket, "full_until": paid[bucket], "shut_until": 0} for bucket in sorted(paid)]
        db.execute(upsert(db.dialect.name, BucketRow, "full_until", "shut_until"), rows)
    return outcomes


def _enough(charge: Charge, full_until: int, shut_until: int, at: int) -> tuple[int, int]:
    """Until when a bucket is used up as of `at`, and from when it has room for this charge."""
    every = charge.every // MICROSECOND
    if shut_until > at + LONGEST_BLOCK // MICROSECOND:
        shut_until = 0
    if not at <= full_until <= at + every * charge.burst + MOST_CHARGED_AHEAD // MICROSECOND:
        full_until = at
    return full_until, max(shut_until, full_until + every - every * charge.burst)


def block_until(db: Connection, buckets: Collection[str], until: datetime) -> None:
    """Outbox.block_until."""
    given = [{"name": bucket, "until": micros(until)} for bucket in sorted({*buckets})]
    if given:
        db.execute(_block(db.dialect.name), given)
