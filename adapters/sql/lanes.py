"""The statements that find the next message of a lane, and the lanes that have one."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    ColumnElement,
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

from adapters.sql.engines.engine import each_of
from adapters.sql.tables import MICROSECOND, LaneRow, OutboxRow
from bot.ports import LONGEST_DEFERRAL

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
