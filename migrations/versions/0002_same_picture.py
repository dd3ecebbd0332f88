"""By what copies of a picture are known, what they are of each other, and lists of known pictures."""

import sqlalchemy as sa
from alembic import op


revision = '0002'
down_revision = '0001'
branch_labels = None
depends_on = None


EARLIER_MERGES = """
    INSERT INTO photo_link (photo_id, other_id, kind, derived, joined, made_at)
    SELECT later.id, first.id, CASE WHEN later.sha256 = first.sha256 THEN 'same_file' ELSE 'copy' END,
        'unknown', true, later.received_at
    FROM photo AS later
    JOIN photo AS first ON first.id = (
        SELECT earliest.id FROM photo AS earliest
        WHERE earliest.cluster_id = later.cluster_id
        ORDER BY earliest.received_at, earliest.id
        LIMIT 1
    )
    WHERE later.cluster_id IS NOT NULL AND later.id <> first.id
"""
"""Photos that were joined before are copies of their cluster's first photo: nothing else was joined then."""


def upgrade() -> None:
    op.create_table('known_list',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('imported_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_known_list')),
    sa.UniqueConstraint('name', name=op.f('uq_known_list_name'))
    )
    op.create_table('known_picture',
    sa.Column('number', sa.Integer(), nullable=False),
    sa.Column('list_id', sa.Uuid(), nullable=False),
    sa.Column('pdq', sa.String(), nullable=False),
    sa.Column('pdq_quality', sa.Integer(), nullable=False),
    sa.Column('tags', sa.String(), nullable=False),
    sa.ForeignKeyConstraint(['list_id'], ['known_list.id'], name=op.f('fk_known_picture_list_id')),
    sa.PrimaryKeyConstraint('number', name=op.f('pk_known_picture')),
    sa.UniqueConstraint('list_id', 'pdq', name=op.f('uq_known_picture_list_id_pdq'))
    )
    op.create_table('known_word',
    sa.Column('word', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('number', sa.Integer(), autoincrement=False, nullable=False),
    sa.PrimaryKeyConstraint('word', 'number', name=op.f('pk_known_word')),
    sqlite_with_rowid=False
    )
    op.create_table('photo_fingerprint',
    sa.Column('number', sa.Integer(), nullable=False),
    sa.Column('photo_id', sa.Uuid(), nullable=False),
    sa.Column('pdq', sa.String(), nullable=False),
    sa.Column('pdq_quality', sa.Integer(), nullable=False),
    sa.Column('content_pdq', sa.String(), nullable=False),
    sa.Column('fingerprint', sa.LargeBinary(), nullable=False),
    sa.ForeignKeyConstraint(['photo_id'], ['photo.id'], name=op.f('fk_photo_fingerprint_photo_id')),
    sa.PrimaryKeyConstraint('number', name=op.f('pk_photo_fingerprint')),
    sa.UniqueConstraint('photo_id', name=op.f('uq_photo_fingerprint_photo_id'))
    )
    op.create_table('photo_link',
    sa.Column('photo_id', sa.Uuid(), nullable=False),
    sa.Column('other_id', sa.Uuid(), nullable=False),
    sa.Column('kind', sa.String(40), nullable=False),
    sa.Column('derived', sa.String(40), nullable=False),
    sa.Column('joined', sa.Boolean(), nullable=False),
    sa.Column('keypoints', sa.Integer(), nullable=True),
    sa.Column('agreement', sa.Float(), nullable=True),
    sa.Column('correlation', sa.Float(), nullable=True),
    sa.Column('pdq_distance', sa.Integer(), nullable=True),
    sa.Column('turned', sa.Float(), nullable=True),
    sa.Column('made_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('undone_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint('photo_id <> other_id', name='ck_photo_link_two_photos'),
    sa.ForeignKeyConstraint(['other_id'], ['photo.id'], name=op.f('fk_photo_link_other_id')),
    sa.ForeignKeyConstraint(['photo_id'], ['photo.id'], name=op.f('fk_photo_link_photo_id')),
    sa.PrimaryKeyConstraint('photo_id', 'other_id', name=op.f('pk_photo_link'))
    )
    with op.batch_alter_table('photo_link', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_photo_link_other_id'), ['other_id'], unique=False)

    op.create_table('photo_on_list',
    sa.Column('photo_id', sa.Uuid(), nullable=False),
    sa.Column('known_number', sa.Integer(), nullable=False),
    sa.Column('distance', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['known_number'], ['known_picture.number'], name=op.f('fk_photo_on_list_known_number')),
    sa.ForeignKeyConstraint(['photo_id'], ['photo.id'], name=op.f('fk_photo_on_list_photo_id')),
    sa.PrimaryKeyConstraint('photo_id', 'known_number', name=op.f('pk_photo_on_list'))
    )
    op.create_table('photo_word',
    sa.Column('word', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('number', sa.Integer(), autoincrement=False, nullable=False),
    sa.PrimaryKeyConstraint('word', 'number', name=op.f('pk_photo_word')),
    sqlite_with_rowid=False
    )
    op.execute(EARLIER_MERGES)


def downgrade() -> None:
    op.drop_table('photo_word')
    op.drop_table('photo_on_list')
    with op.batch_alter_table('photo_link', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_photo_link_other_id'))

    op.drop_table('photo_link')
    op.drop_table('photo_fingerprint')
    op.drop_table('known_word')
    op.drop_table('known_picture')
    op.drop_table('known_list')
