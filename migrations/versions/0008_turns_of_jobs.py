"""Whose work a job is, and when it is its turn."""

import sqlalchemy as sa
from alembic import op


revision = '0008'
down_revision = '0007'
branch_labels = None
depends_on = None

EXPANDS = True
"""Code of the revision before works on this one: nothing is taken away, and what is new has a default."""


def upgrade() -> None:
    op.add_column('job', sa.Column('lane', sa.String(), nullable=False, server_default=''))
    op.add_column(
        'job',
        sa.Column('turn', sa.DateTime(timezone=True), nullable=False, server_default='1970-01-01 00:00:00'),
    )
    op.create_index('job_next', 'job', ['state', 'turn', 'id'], unique=False)
    op.create_index('job_lane_end', 'job', ['lane', 'state', 'turn'], unique=False)


def downgrade() -> None:
    op.drop_index('job_lane_end', table_name='job')
    op.drop_index('job_next', table_name='job')
    op.drop_column('job', 'turn')
    op.drop_column('job', 'lane')
