"""Adds to each event a hash over it and all events before it on its ticket, so that a change can be found.

Older rows have none until `frontline migrate --rebuild`, and rows of the previous version, which may run
beside this one, until then as well: the next event's hash covers them all the same.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision: str | None = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("event", sa.Column("hash", sa.String(), nullable=True))


def downgrade() -> None:
    op.drop_column("event", "hash")
