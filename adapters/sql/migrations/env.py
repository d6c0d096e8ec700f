"""Runs the migrations on the connection that adapters/sql/migrate.py passes in."""

from __future__ import annotations

from alembic import context

from adapters.sql.tables import TicketRow

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=TicketRow.metadata,
    transactional_ddl=True,
    render_as_batch=True,
)
context.run_migrations()
