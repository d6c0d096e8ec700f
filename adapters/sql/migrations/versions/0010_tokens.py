"""Adds the table of API tokens, and an index for lists of tickets by their opening."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision: str | None = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "api_token",
        sa.Column("name", sa.String(), primary_key=True),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("scope", sa.String(), nullable=False),
        sa.Column("accounts", sa.String(), nullable=True),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.UniqueConstraint("digest", name="token_digest"),
    )
    op.create_index("ticket_opened", "ticket", ["opened_at", "key"])


def downgrade() -> None:
    op.drop_index("ticket_opened", "ticket")
    op.drop_table("api_token")
