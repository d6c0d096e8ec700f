"""Adds messages and timers without a ticket, turns between the accounts of a place, and expiring values."""

from __future__ import annotations

import re

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision: str | None = "0006"
branch_labels = None
depends_on = None

EXPIRES = sa.text("expires_at IS NOT NULL")


def upgrade() -> None:
    _set_ticket_nullable(True)
    op.add_column("outbox", sa.Column("share", sa.String(), nullable=True))
    op.add_column("note", sa.Column("expires_at", sa.BigInteger(), nullable=True))
    op.create_index("note_expires", "note", ["expires_at"], sqlite_where=EXPIRES, postgresql_where=EXPIRES)
    op.create_table(
        "timer",
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("payload", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "key"),
    )
    op.create_index("timer_due", "timer", ["due_at"])


def downgrade() -> None:
    op.drop_index("timer_due", "timer")
    op.drop_table("timer")
    op.drop_index("note_expires", "note")
    op.drop_column("note", "expires_at")
    op.drop_column("outbox", "share")
    op.execute("DELETE FROM outbox WHERE ticket IS NULL")
    _set_ticket_nullable(False)


def _set_ticket_nullable(nullable: bool) -> None:
    db = op.get_bind()
    if db.dialect.name == "postgresql":
        op.alter_column("outbox", "ticket", existing_type=sa.String(), nullable=nullable)
        return
    # SQLite cannot alter a column, so the table is copied into one whose definition differs only in this.
    texts = [
        text
        for (text,) in db.exec_driver_sql("SELECT sql FROM sqlite_master WHERE tbl_name = 'outbox'")
        if text
    ]
    table = next(text for text in texts if text.startswith("CREATE TABLE"))
    made, columns = re.subn(
        r"(?<=\bticket VARCHAR)( NOT NULL)?", "" if nullable else " NOT NULL", table, count=1
    )
    assert columns == 1
    db.exec_driver_sql(re.sub(r'^CREATE TABLE "?outbox"?', "CREATE TABLE copied", made))
    db.exec_driver_sql("INSERT INTO copied SELECT * FROM outbox")
    db.exec_driver_sql("DROP TABLE outbox")
    db.exec_driver_sql("ALTER TABLE copied RENAME TO outbox")
    for text in texts:
        if text != table:
            db.exec_driver_sql(text)
