"""Adds an index for the last turn of a share, so that new messages cost the same in long and short lanes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision: str | None = "0007"
branch_labels = None
depends_on = None

SHARED = sa.text("state = 'waiting' AND share IS NOT NULL")


def upgrade() -> None:
    op.create_index(
        "outbox_shared",
        "outbox",
        ["lane", "priority", "share", "turn"],
        sqlite_where=SHARED,
        postgresql_where=SHARED,
    )


def downgrade() -> None:
    op.drop_index("outbox_shared", "outbox")
