"""Which workers there are, whose turn a watch is, and jobs for later apart from those that wait."""

import sqlalchemy as sa
from alembic import op


revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

EXPANDS = True


def upgrade() -> None:
    op.create_table(
        "worker",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("jobs_done", sa.Integer(), nullable=False),
        sa.Column("stopping", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_worker")),
        sa.UniqueConstraint("name", name=op.f("uq_worker_name")),
    )
    op.create_table(
        "watch",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("held_by", sa.String(), nullable=True),
        sa.Column("held_until", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_watch")),
    )
    op.add_column("job", sa.Column("later", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_index(
        "job_ready",
        "job",
        ["state", "later", "turn", "id"],
        unique=False,
        sqlite_where=sa.text("state = 'ready' AND later = 0"),
        postgresql_where=sa.text("state = 'ready' AND NOT later"),
    )
    op.create_index(
        "job_later",
        "job",
        ["run_at"],
        unique=False,
        sqlite_where=sa.text("later = 1"),
        postgresql_where=sa.text("later"),
    )


def downgrade() -> None:
    op.drop_index("job_later", table_name="job")
    op.drop_index("job_ready", table_name="job")
    op.drop_column("job", "later")
    op.drop_table("watch")
    op.drop_table("worker")
