"""Enrolled encoders; a running number of the gallery's changes; what a candidate rests on."""

from datetime import UTC, datetime
from uuid import uuid4

import sqlalchemy as sa
from alembic import op

from app.core import triggers


revision = '0003'
down_revision = '0002'
branch_labels = None
depends_on = None


NOTE = (
    "DELETE FROM gallery_change WHERE reference_id IN ({which})",
    "INSERT INTO gallery_change (reference_id) {which}",
)
RECORD = "SELECT id FROM reference WHERE record_id = NEW.id"
OF_FACE = "SELECT id FROM reference WHERE face_id = {row}.face_id"

CHANGES = {
    "reference_added": ("INSERT", "reference", "SELECT NEW.id"),
    "reference_changed": ("UPDATE", "reference", "SELECT NEW.id"),
    "reference_deleted": ("DELETE", "reference", "SELECT OLD.id"),
    "record_changed": ("UPDATE OF state, sex, born_on, missing_since", "record", RECORD),
    "template_added": ("INSERT", "template", OF_FACE.format(row="NEW")),
    "template_changed": ("UPDATE", "template", OF_FACE.format(row="NEW")),
    "template_deleted": ("DELETE", "template", OF_FACE.format(row="OLD")),
}
"""What changes the gallery, and which references it concerns. Triggers see the changes of every process,
however they are written."""


def upgrade() -> None:
    op.create_table('encoder',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('version', sa.String(), nullable=False),
    sa.Column('state', sa.String(40), nullable=False),
    sa.Column('enrolled_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('promoted_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('retired_at', sa.DateTime(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_encoder')),
    sa.UniqueConstraint('name', 'version', name=op.f('uq_encoder_name_version'))
    )
    op.create_index(
        'encoder_one_active', 'encoder', ['state'], unique=True,
        sqlite_where=sa.text("state = 'active'"), postgresql_where=sa.text("state = 'active'"),
    )
    op.create_table('photo_encoding',
    sa.Column('encoder_id', sa.Uuid(), nullable=False),
    sa.Column('photo_id', sa.Uuid(), nullable=False),
    sa.Column('encoded_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('faces_added', sa.Integer(), nullable=False),
    sa.Column('faces_missed', sa.Integer(), nullable=False),
    sa.Column('reason', sa.String(), nullable=True),
    sa.ForeignKeyConstraint(['encoder_id'], ['encoder.id'], name=op.f('fk_photo_encoding_encoder_id')),
    sa.ForeignKeyConstraint(['photo_id'], ['photo.id'], name=op.f('fk_photo_encoding_photo_id')),
    sa.PrimaryKeyConstraint('encoder_id', 'photo_id', name=op.f('pk_photo_encoding'))
    )
    op.create_table('gallery_change',
    sa.Column('seq', sa.Integer(), nullable=False),
    sa.Column('reference_id', sa.Uuid(), nullable=False),
    sa.PrimaryKeyConstraint('seq', name=op.f('pk_gallery_change')),
    sa.UniqueConstraint('reference_id', name=op.f('uq_gallery_change_reference_id')),
    sqlite_autoincrement=True
    )
    op.create_index('ix_reference_face_id', 'reference', ['face_id'], unique=False)

    op.add_column('candidate_list', sa.Column('expected_false_first', sa.Float(), nullable=True))
    op.add_column('candidate_list', sa.Column('operating_point', sa.String(), nullable=False, server_default=''))
    op.add_column('candidate_list', sa.Column('calibration', sa.String(), nullable=False, server_default=''))
    for name in ('decision_score', 'log10_lr', 'log10_lr_low', 'log10_lr_high'):
        op.add_column('candidate', sa.Column(name, sa.Float(), nullable=True))
    op.add_column('candidate', sa.Column('support', sa.String(40), nullable=True))
    op.add_column('candidate', sa.Column('hazards', sa.JSON(), nullable=False, server_default='[]'))
    op.add_column('candidate', sa.Column('shown_first', sa.Boolean(), nullable=False, server_default=sa.true()))

    _keep_searching_with_the_present_encoder()
    op.execute("INSERT INTO gallery_change (reference_id) SELECT id FROM reference")
    for name, (event, table, which) in CHANGES.items():
        triggers.after(f"gallery_{name}", event, table, [each.format(which=which) for each in NOTE])


def downgrade() -> None:
    for name, (_, table, _which) in CHANGES.items():
        triggers.drop(f"gallery_{name}", table)
    for name in ('shown_first', 'hazards', 'support', 'log10_lr_high', 'log10_lr_low', 'log10_lr', 'decision_score'):
        op.drop_column('candidate', name)
    op.drop_column('candidate_list', 'calibration')
    op.drop_column('candidate_list', 'operating_point')
    op.drop_column('candidate_list', 'expected_false_first')
    op.drop_index('ix_reference_face_id', 'reference')
    op.drop_table('gallery_change')
    op.drop_table('photo_encoding')
    op.drop_table('encoder')


def _keep_searching_with_the_present_encoder() -> None:
    """Enrol every encoder that left templates; the one with most of the faces goes on being searched with."""
    found = op.get_bind().execute(
        sa.text("SELECT encoder, encoder_version, count(*) FROM template GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2")
    ).all()
    encoder = sa.table(
        'encoder', sa.column('id', sa.Uuid()), sa.column('name'), sa.column('version'), sa.column('state'),
        sa.column('enrolled_at', sa.DateTime()), sa.column('promoted_at', sa.DateTime()),
    )
    moment = datetime.now(UTC).replace(tzinfo=None)
    for place, (name, version, _) in enumerate(found):
        active = place == 0
        op.get_bind().execute(encoder.insert().values(
            id=uuid4(), name=name, version=version, state='active' if active else 'enrolled',
            enrolled_at=moment, promoted_at=moment if active else None,
        ))
    op.execute(
        "UPDATE encoder SET enrolled_at = (SELECT min(examined_at) FROM photo) "
        "WHERE EXISTS (SELECT 1 FROM photo WHERE examined_at IS NOT NULL)"
    )
