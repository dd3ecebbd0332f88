"""Second factors, and originals opened by two."""

import sqlalchemy as sa
from alembic import op


revision = '0006'
down_revision = '0005'
branch_labels = None
depends_on = None


def upgrade() -> None:

    op.create_table('officer_identity',
    sa.Column('issuer', sa.String(), nullable=False),
    sa.Column('subject', sa.String(), nullable=False),
    sa.Column('officer_id', sa.Uuid(), nullable=False),
    sa.Column('linked_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['officer_id'], ['officer.id'], name=op.f('fk_officer_identity_officer_id')),
    sa.PrimaryKeyConstraint('issuer', 'subject', name=op.f('pk_officer_identity'))
    )
    op.create_index(op.f('ix_officer_identity_officer_id'), 'officer_identity', ['officer_id'], unique=False)

    op.create_table('recovery_code',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('officer_id', sa.Uuid(), nullable=False),
    sa.Column('code_hash', sa.String(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('used_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['officer_id'], ['officer.id'], name=op.f('fk_recovery_code_officer_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_recovery_code'))
    )
    op.create_index(op.f('ix_recovery_code_officer_id'), 'recovery_code', ['officer_id'], unique=False)

    op.create_table('second_factor',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('officer_id', sa.Uuid(), nullable=False),
    sa.Column('kind', sa.String(40), nullable=False),
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('secret_sealed', sa.LargeBinary(), nullable=True),
    sa.Column('credential_id', sa.LargeBinary(), nullable=True),
    sa.Column('public_key', sa.LargeBinary(), nullable=True),
    sa.Column('sign_count', sa.BigInteger(), nullable=False),
    sa.Column('last_step', sa.Integer(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('last_used_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('removed_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['officer_id'], ['officer.id'], name=op.f('fk_second_factor_officer_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_second_factor')),
    sa.UniqueConstraint('credential_id', name=op.f('uq_second_factor_credential_id'))
    )
    op.create_index(op.f('ix_second_factor_officer_id'), 'second_factor', ['officer_id'], unique=False)

    op.create_table('original_request',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('photo_id', sa.Uuid(), nullable=False),
    sa.Column('asked_by', sa.Uuid(), nullable=False),
    sa.Column('asked_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('reason_sealed', sa.LargeBinary(), nullable=False),
    sa.Column('decided_by', sa.Uuid(), nullable=True),
    sa.Column('decided_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('allowed', sa.Boolean(), nullable=True),
    sa.Column('opened_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint('decided_by IS NULL OR decided_by <> asked_by', name='ck_original_request_two_persons'),
    sa.ForeignKeyConstraint(['asked_by'], ['officer.id'], name=op.f('fk_original_request_asked_by')),
    sa.ForeignKeyConstraint(['decided_by'], ['officer.id'], name=op.f('fk_original_request_decided_by')),
    sa.ForeignKeyConstraint(['photo_id'], ['photo.id'], name=op.f('fk_original_request_photo_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_original_request'))
    )
    op.create_index(op.f('ix_original_request_asked_by'), 'original_request', ['asked_by'], unique=False)
    op.create_index(op.f('ix_original_request_photo_id'), 'original_request', ['photo_id'], unique=False)

    op.add_column('officer_session', sa.Column('second_at', sa.DateTime(timezone=True), nullable=True))
    op.add_column('officer_session', sa.Column('stepped_up_at', sa.DateTime(timezone=True), nullable=True))



def downgrade() -> None:
    op.drop_column('officer_session', 'stepped_up_at')
    op.drop_column('officer_session', 'second_at')

    op.drop_index(op.f('ix_original_request_photo_id'), table_name='original_request')
    op.drop_index(op.f('ix_original_request_asked_by'), table_name='original_request')

    op.drop_table('original_request')
    op.drop_index(op.f('ix_second_factor_officer_id'), table_name='second_factor')

    op.drop_table('second_factor')
    op.drop_index(op.f('ix_recovery_code_officer_id'), table_name='recovery_code')

    op.drop_table('recovery_code')
    op.drop_index(op.f('ix_officer_identity_officer_id'), table_name='officer_identity')

    op.drop_table('officer_identity')



