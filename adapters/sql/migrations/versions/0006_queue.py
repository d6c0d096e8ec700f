"""Adds to a ticket's index row what a queue sorts by and shows, so that a page needs one query."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision: str | None = "0005"
branch_labels = None
depends_on = None

OPEN = sa.text("closed = 0")


def upgrade() -> None:
    # The previous version, which may run beside this one, does not set these columns: `summarized` then
    # differs from `version`, and the ticket is read from its events until its next change.
    op.add_column("ticket", sa.Column("state", sa.String(), nullable=False, server_default="open"))
    op.add_column("ticket", sa.Column("rank", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("ticket", sa.Column("turn_at", sa.BigInteger(), nullable=False, server_default="0"))
    op.add_column("ticket", sa.Column("summary", sa.String(), nullable=True))
    op.add_column("ticket", sa.Column("summarized", sa.Integer(), nullable=False, server_default="0"))
    op.create_index(
        "ticket_queue",
        "ticket",
        ["state", "rank", "turn_at", "opened_at", "key"],
        sqlite_where=OPEN,
        postgresql_where=OPEN,
    )


def downgrade() -> None:
    op.drop_index("ticket_queue", "ticket")
    for column in ("summarized", "summary", "turn_at", "rank", "state"):
        op.drop_column("ticket", column)
