"""Adds indexes that find old rows to delete and waiting rows without a full scan."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision: str | None = "0004"
branch_labels = None
depends_on = None

WAITING = sa.text("state = 'waiting'")
WAITING_EDITS = sa.text("state = 'waiting' AND edits IS NOT NULL")
PUT_OFF = sa.text("state = 'waiting' AND not_before IS NOT NULL")

# In the previous version a platform's countdowns share one lane. It cannot send for other lanes.
COUNTING = sa.text(r"SELECT DISTINCT lane FROM outbox WHERE lane LIKE 'countdown\:%\:%'")
SPOKEN = sa.text(r"DELETE FROM lane WHERE lane LIKE 'countdown\:%\:%'")
RENAMED = sa.text("UPDATE outbox SET lane = :before WHERE lane = :lane")


def upgrade() -> None:
    op.create_index("inbox_at", "inbox", ["at"])
    op.create_index(
        "outbox_put_off", "outbox", ["not_before"], sqlite_where=PUT_OFF, postgresql_where=PUT_OFF
    )
    op.create_index(
        "outbox_edited", "outbox", ["edits"], sqlite_where=WAITING_EDITS, postgresql_where=WAITING_EDITS
    )
    op.drop_index("outbox_edits", "outbox")
    op.add_column("note", sa.Column("at", sa.BigInteger(), nullable=False, server_default="0"))
    if op.get_bind().dialect.name == "postgresql":
        # With statistics taken while nothing waits, PostgreSQL reads all waiting rows to find a card's edits.
        # Setting the column's type, even to the same one, clears them.
        op.execute("ALTER TABLE outbox ALTER COLUMN state TYPE varchar, ALTER COLUMN state SET STATISTICS 0")


def downgrade() -> None:
    db = op.get_bind()
    if db.dialect.name == "postgresql":
        op.execute("ALTER TABLE outbox ALTER COLUMN state SET STATISTICS -1")
    for (lane,) in db.execute(COUNTING).fetchall():
        db.execute(RENAMED, {"lane": lane, "before": ":".join(lane.split(":")[:2])})
    op.execute(SPOKEN)
    op.drop_column("note", "at")
    op.create_index("outbox_edits", "outbox", ["edits"], sqlite_where=WAITING, postgresql_where=WAITING)
    for index, table in (("outbox_edited", "outbox"), ("outbox_put_off", "outbox"), ("inbox_at", "inbox")):
        op.drop_index(index, table)
