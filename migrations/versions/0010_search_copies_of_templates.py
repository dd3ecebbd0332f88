"""Search copies of templates, on PostgreSQL alone: what is to be copied, and the copies where pgvector is."""

import sqlalchemy as sa
from alembic import op

from app.candidates import vector_schema

revision = '0010'
down_revision = '0008'
branch_labels = None
depends_on = None

EXPANDS = True


def upgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":
        return
    for statement in vector_schema.DUE:
        op.execute(sa.text(statement))
    try:
        vector_schema.make(op.get_bind())
    except vector_schema.VectorMissing:
        pass  # Nothing needs it until HOMEWARD_FACE_INDEX says pgvector; `homeward faces index` makes it then.


def downgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":
        return
    op.execute("DROP TRIGGER face_index_note ON gallery_change")
    op.execute("DROP SCHEMA face_index CASCADE")
