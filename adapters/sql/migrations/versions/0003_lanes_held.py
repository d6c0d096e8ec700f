"""Adds leases of lanes, waiting messages, rate limits, and a column for closed tickets."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision: str | None = "0002"
branch_labels = None
depends_on = None

WAITING = sa.text("state = 'waiting'")
UNFINISHED = sa.text("closed = 0")

# The last Closed or Reopened event says whether a ticket is closed.
CLOSED = """
    UPDATE ticket SET closed = 1 WHERE key IN (
        SELECT e.ticket FROM event e WHERE e.kind = 'Closed' AND NOT EXISTS (
            SELECT 1 FROM event r WHERE r.ticket = e.ticket AND r.kind = 'Reopened' AND r.seq > e.seq
        )
    )
"""


def upgrade() -> None:
    op.add_column("ticket", sa.Column("closed", sa.Integer(), nullable=False, server_default="0"))
    op.execute(CLOSED)
    op.create_index(
        "ticket_unfinished",
        "ticket",
        ["account", "wake_at"],
        sqlite_where=UNFINISHED,
        postgresql_where=UNFINISHED,
    )
    for column in ("turn", "created_at"):
        op.add_column("outbox", sa.Column(column, sa.BigInteger(), nullable=False, server_default="0"))
    for column in ("not_before", "tried_at"):
        op.add_column("outbox", sa.Column(column, sa.BigInteger()))
    op.add_column("outbox", sa.Column("trace", sa.String()))
    op.execute("UPDATE outbox SET turn = id")
    op.drop_index("outbox_waiting", "outbox")
    op.create_index(
        "outbox_waiting",
        "outbox",
        ["lane", "priority", "turn", "id"],
        sqlite_where=WAITING,
        postgresql_where=WAITING,
    )
    op.drop_table("lane")
    op.create_table(
        "lane",
        sa.Column("lane", sa.String(), primary_key=True),
        sa.Column("not_before", sa.BigInteger()),
        sa.Column("priority", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("fence", sa.String()),
        sa.Column("lease_until", sa.BigInteger()),
        sa.Column("sending", sa.String()),
    )
    op.create_table(
        "bucket",
        sa.Column("bucket", sa.String(), primary_key=True),
        sa.Column("full_until", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("shut_until", sa.BigInteger(), nullable=False, server_default="0"),
    )


def downgrade() -> None:
    op.drop_table("bucket")
    op.drop_table("lane")
    op.create_table(
        "lane",
        sa.Column("lane", sa.String(), primary_key=True),
        sa.Column("not_before", sa.BigInteger(), nullable=False),
    )
    op.drop_index("outbox_waiting", "outbox")
    op.create_index(
        "outbox_waiting",
        "outbox",
        ["lane", "priority", "id"],
        sqlite_where=WAITING,
        postgresql_where=WAITING,
    )
    for column in ("trace", "created_at", "tried_at", "not_before", "turn"):
        op.drop_column("outbox", column)
    op.drop_index("ticket_unfinished", "ticket")
    op.drop_column("ticket", "closed")
