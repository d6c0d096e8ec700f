"""The statements that find the next message of a lane, the lanes that have one, and their rate limits."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    ScalarSelect,
    and_,
    bindparam,
    case,
    exists,
    func,
    literal_column,
    or_,
)
from sqlalchemy.orm import Mapped, aliased
from sqlmodel import col, select

from adapters.sql.engines.engine import Insert, array, each_of, insert_into, insert_new, upsert
from adapters.sql.tables import MICROSECOND, BucketRow, LaneRow, OutboxRow, instant, micros
from bot.ports import LONGEST_BLOCK, LONGEST_DEFERRAL, Charge

_NOW = bindparam("now", type_=BigInteger)
_AHEAD: ColumnElement[int] = literal_column(str(LONGEST_DEFERRAL // MICROSECOND))
WAITING: ColumnElement[str] = literal_column("'waiting'")
"""A literal, because a partial index is not used for a parameter."""

_Thread, _Target = aliased(OutboxRow, name="thread"), aliased(OutboxRow, name="target")
_Sending = aliased(OutboxRow, name="sending")


def in_force(until: Mapped[int | None]) -> ColumnElement[bool]:
    """Whether a lease or deferral is in force. One too far ahead is not: the clock was set back."""
    return and_(until > _NOW, until <= _NOW + _AHEAD)


def _next_of(lane: ColumnElement[str]) -> ScalarSelect[int | None]:
    """The id of the message that `lane` sends next."""
    message, held = aliased(OutboxRow, name="message"), aliased(LaneRow, name="held")
    more_urgent_than = (
        select(
            case(
                (in_force(col(held.lease_until)), literal_column("0")),
                (in_force(col(held.not_before)), held.priority),
            )
        )
        .where(col(held.lane) == lane)
        .correlate_except(held)
        .scalar_subquery()
    )
    under_way = aliased(LaneRow, name="under_way")
    edited_by = (
        select(_Sending.edits).where(col(_Sending.key) == col(under_way.sending)).correlate(under_way)
    ).scalar_subquery()
    # Lanes are few and the outbox is long, so this looks at each lane and not at each message.
    being_edited = exists().where(in_force(col(under_way.lease_until)), edited_by == col(message.edits))
    return (
        select(message.id)
        .outerjoin(_Thread, col(_Thread.key) == col(message.thread))
        .outerjoin(_Target, col(_Target.key) == col(message.edits))
        .where(
            col(message.lane) == lane,
            col(message.state) == WAITING,
            col(message.priority) < func.coalesce(more_urgent_than, literal_column("99")),
            or_(col(message.not_before).is_(None), ~in_force(col(message.not_before))),
            or_(
                col(message.thread).is_(None),
                col(_Thread.ref_id).is_not(None),
                col(_Thread.state).in_([literal_column("'refused'"), literal_column("'superseded'")]),
            ),
            or_(col(message.edits).is_(None), and_(col(_Target.ref_id).is_not(None), ~being_edited)),
        )
        .order_by(col(message.priority), col(message.turn), col(message.id))
        .limit(literal_column("1"))
        .scalar_subquery()
    )


_wanted = each_of("lanes")
CLAIM = (
    select(OutboxRow)
    .add_columns(
        col(_Thread.ref_place).label("thread_place"),
        col(_Thread.ref_direct).label("thread_direct"),
        col(_Thread.ref_id).label("thread_id"),
        col(_Target.ref_place).label("edits_place"),
        col(_Target.ref_direct).label("edits_direct"),
        col(_Target.ref_id).label("edits_id"),
    )
    .select_from(_wanted)
    .join(OutboxRow, col(OutboxRow.id) == _next_of(_wanted.c.value).correlate(_wanted))
    .outerjoin(_Thread, col(_Thread.key) == col(OutboxRow.thread))
    .outerjoin(_Target, col(_Target.key) == col(OutboxRow.edits))
)
"""The next messages of `lanes`, with the posted messages that they answer or edit."""

_first_lane = select(func.min(OutboxRow.lane).label("lane")).where(col(OutboxRow.state) == WAITING)
_busy_lanes = _first_lane.cte("busy", recursive=True)
_later_message = aliased(OutboxRow, name="later")
_next_lane = (
    select(func.min(_later_message.lane))
    .where(col(_later_message.state) == WAITING, col(_later_message.lane) > _busy_lanes.c.lane)
    .scalar_subquery()
)
_busy_lanes = _busy_lanes.union_all(
    select(_next_lane).select_from(_busy_lanes).where(_busy_lanes.c.lane.is_not(None))
)
LANES = (
    select(_busy_lanes.c.lane)
    .join(OutboxRow, col(OutboxRow.id) == _next_of(_busy_lanes.c.lane).correlate(_busy_lanes))
    .where(_busy_lanes.c.lane.is_not(None))
    .order_by(col(OutboxRow.priority), col(OutboxRow.turn), col(OutboxRow.id))
    .limit(bindparam("most"))
)
"""Jumps from lane to lane in the index of waiting messages, so that a long lane costs one lookup."""

_AFTER = bindparam("after", type_=BigInteger)
_deferred = select(func.min(OutboxRow.not_before).label("at")).where(
    col(OutboxRow.state) == WAITING, col(OutboxRow.not_before) > _AFTER
)
_parked = select(func.min(LaneRow.not_before)).where(
    col(LaneRow.not_before) > _AFTER,
    exists().where(col(OutboxRow.lane) == col(LaneRow.lane), col(OutboxRow.state) == WAITING),
)
_held = select(func.min(LaneRow.lease_until)).where(col(LaneRow.lease_until) > _AFTER)
_instants = _deferred.union_all(_parked, _held).subquery()
NEXT_READY = select(func.min(_instants.c.at))

TICKET_OF = (
    select(OutboxRow.ticket)
    .where(
        col(OutboxRow.ref_place) == bindparam("place"),
        col(OutboxRow.ref_id) == bindparam("id"),
        col(OutboxRow.ref_id).is_not(None),
        # A message may stand here twice: as that of a ticket, and as one below which we asked questions.
        col(OutboxRow.ticket).is_not(None),
    )
    .limit(literal_column("1"))
)


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
