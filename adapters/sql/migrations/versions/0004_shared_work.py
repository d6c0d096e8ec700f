"""Adds procrastinate's tables, through which replicas on PostgreSQL share work. Does nothing on SQLite."""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision: str | None = "0003"
branch_labels = None
depends_on = None

# In the order of their dependencies.
DOWN = """
    DROP TABLE procrastinate_events, procrastinate_periodic_defers, procrastinate_jobs,
               procrastinate_workers CASCADE;
    DO $$
    DECLARE made record;
    BEGIN
        FOR made IN
            SELECT oid::regprocedure AS signature FROM pg_proc
            WHERE pronamespace = current_schema()::regnamespace AND starts_with(proname, 'procrastinate_')
        LOOP
            EXECUTE 'DROP FUNCTION ' || made.signature || ' CASCADE';
        END LOOP;
    END $$;
    DROP TYPE procrastinate_job_to_defer_v1, procrastinate_job_event_type, procrastinate_job_status;
"""


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        from procrastinate.schema import SchemaManager

        # A single percent sign would start a parameter.
        op.get_bind().exec_driver_sql(SchemaManager.get_schema().replace("%", "%%"))


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.get_bind().exec_driver_sql(DOWN)
