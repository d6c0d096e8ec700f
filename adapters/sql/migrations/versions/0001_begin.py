"""All tables of the first version."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision: str | None = None
branch_labels = None
depends_on = None

WAITING = sa.text("state = 'waiting'")
POSTED = sa.text("ref_id IS NOT NULL")
WAKES = sa.text("wake_at IS NOT NULL")


def upgrade() -> None:
    op.create_table(
        "ticket",
        sa.Column("key", sa.String(), primary_key=True),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("wake_at", sa.BigInteger()),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.UniqueConstraint("account", "number", name="ticket_of_account"),
    )
    op.create_index("ticket_wake", "ticket", ["wake_at", "key"], sqlite_where=WAKES, postgresql_where=WAKES)
    op.create_table(
        "event",
        sa.Column("ticket", sa.String(), sa.ForeignKey("ticket.key"), primary_key=True),
        sa.Column("seq", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("body", sa.String(), nullable=False),
    )
    op.create_table(
        "outbox",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True),
        sa.Column("key", sa.String(), nullable=False, unique=True),
        sa.Column("ticket", sa.String(), sa.ForeignKey("ticket.key"), nullable=False),
        sa.Column("lane", sa.String(), nullable=False),
        sa.Column("recipient", sa.String(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("thread", sa.String()),
        sa.Column("edits", sa.String()),
        sa.Column("effect", sa.Integer()),
        sa.Column("body", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("why", sa.String()),
        sa.Column("ref_place", sa.String()),
        sa.Column("ref_direct", sa.Boolean()),
        sa.Column("ref_id", sa.String()),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "outbox_waiting",
        "outbox",
        ["lane", "priority", "id"],
        sqlite_where=WAITING,
        postgresql_where=WAITING,
    )
    op.create_index("outbox_edits", "outbox", ["edits"], sqlite_where=WAITING, postgresql_where=WAITING)
    op.create_index(
        "outbox_posted", "outbox", ["ref_place", "ref_id"], sqlite_where=POSTED, postgresql_where=POSTED
    )
    op.create_table(
        "lane",
        sa.Column("lane", sa.String(), primary_key=True),
        sa.Column("not_before", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "inbox",
        sa.Column("envelope", sa.String(), primary_key=True),
        sa.Column("ticket", sa.String(), sa.ForeignKey("ticket.key"), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "account_number",
        sa.Column("account", sa.String(), primary_key=True),
        sa.Column("last", sa.Integer(), nullable=False),
    )
    op.create_table(
        "stage",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("real", sa.BigInteger(), nullable=False),
        sa.Column("stage", sa.BigInteger(), nullable=False),
        sa.Column("speed", sa.Float(), nullable=False),
    )


def downgrade() -> None:
    for table in ("stage", "account_number", "inbox", "lane", "outbox", "event", "ticket"):
        op.drop_table(table)
