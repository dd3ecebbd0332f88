"""Retention runs, floods, flags of tips, and what is unusual in the log."""

import sqlalchemy as sa
from alembic import op

from app.core import triggers


revision = '0007'
down_revision = '0006'
branch_labels = None
depends_on = None


RECEIVED = (
    "channel_id, received_at, language, place_text, latitude, longitude, accuracy_m, given_system, "
    "observed_at, description, danger_now, external_id, source_url, receipt_lookup"
)
BLANKED = (
    "place_text = ''", "description = ''", "latitude IS NULL", "longitude IS NULL", "accuracy_m IS NULL",
    "given_system IS NULL", "source_url IS NULL",
)
KEPT = ("channel_id", "received_at", "language", "observed_at", "danger_now", "external_id", "receipt_lookup")


def guard_tips(which: str) -> None:
    """Refuse to rewrite what a tip says, but for blanking all of it where that is due."""
    blanked = " AND ".join(f"NEW.{each}" for each in BLANKED)
    kept = " AND ".join(f"NEW.{each} IS NOT DISTINCT FROM OLD.{each}" for each in KEPT)
    triggers.drop("tip_no_update", "tip")
    triggers.keep_rows("tip_no_update", f"UPDATE OF {RECEIVED}", "tip", f"{which} AND {blanked} AND {kept}")


def upgrade() -> None:
    op.add_column('tip', sa.Column('erased_at', sa.DateTime(timezone=True), nullable=True))
    op.create_index(op.f('ix_tip_erased_at'), 'tip', ['erased_at'], unique=False)
    guard_tips("OLD.disposition IS NOT NULL")
    op.create_index(op.f('ix_audit_event_at'), 'audit_event', ['at'], unique=False)
    op.create_table('retention_run',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('started_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('finished_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('state', sa.String(40), nullable=False),
    sa.Column('reason', sa.String(), nullable=True),
    sa.Column('counts', sa.JSON(), nullable=False),
    sa.Column('released_by', sa.Uuid(), nullable=True),
    sa.Column('released_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['released_by'], ['officer.id'], name=op.f('fk_retention_run_released_by')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_retention_run'))
    )
    op.create_index(op.f('ix_retention_run_started_at'), 'retention_run', ['started_at'], unique=False)

    op.create_table('anomaly',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('kind', sa.String(40), nullable=False),
    sa.Column('officer_id', sa.Uuid(), nullable=False),
    sa.Column('since', sa.DateTime(timezone=True), nullable=False),
    sa.Column('until', sa.DateTime(timezone=True), nullable=False),
    sa.Column('count', sa.Integer(), nullable=False),
    sa.Column('usual', sa.Float(), nullable=False),
    sa.Column('found_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('seen_by', sa.Uuid(), nullable=True),
    sa.Column('seen_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('note_sealed', sa.LargeBinary(), nullable=True),
    sa.ForeignKeyConstraint(['officer_id'], ['officer.id'], name=op.f('fk_anomaly_officer_id')),
    sa.ForeignKeyConstraint(['seen_by'], ['officer.id'], name=op.f('fk_anomaly_seen_by')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_anomaly')),
    sa.UniqueConstraint('kind', 'officer_id', 'since', name=op.f('uq_anomaly_kind_officer_id_since'))
    )
    op.create_index(op.f('ix_anomaly_officer_id'), 'anomaly', ['officer_id'], unique=False)

    op.create_table('flood',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('kind', sa.String(40), nullable=False),
    sa.Column('subject', sa.String(), nullable=False),
    sa.Column('jurisdiction_code', sa.String(), nullable=True),
    sa.Column('began_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('found_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('ended_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('count', sa.Integer(), nullable=False),
    sa.Column('expected', sa.Float(), nullable=False),
    sa.Column('seen_by', sa.Uuid(), nullable=True),
    sa.Column('seen_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['seen_by'], ['officer.id'], name=op.f('fk_flood_seen_by')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_flood')),
    sa.UniqueConstraint('kind', 'subject', 'began_at', name=op.f('uq_flood_kind_subject_began_at'))
    )
    op.create_index(op.f('ix_flood_jurisdiction_code'), 'flood', ['jurisdiction_code'], unique=False)
    op.create_index(op.f('ix_flood_subject'), 'flood', ['subject'], unique=False)

    op.create_table('tip_flag',
    sa.Column('tip_id', sa.Uuid(), nullable=False),
    sa.Column('kind', sa.String(40), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['tip_id'], ['tip.id'], name=op.f('fk_tip_flag_tip_id')),
    sa.PrimaryKeyConstraint('tip_id', 'kind', name=op.f('pk_tip_flag'))
    )

    op.create_table('factor_reset',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('officer_id', sa.Uuid(), nullable=False),
    sa.Column('asked_by', sa.Uuid(), nullable=False),
    sa.Column('asked_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('decided_by', sa.Uuid(), nullable=True),
    sa.Column('decided_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('agreed', sa.Boolean(), nullable=False),
    sa.ForeignKeyConstraint(['asked_by'], ['officer.id'], name=op.f('fk_factor_reset_asked_by')),
    sa.ForeignKeyConstraint(['decided_by'], ['officer.id'], name=op.f('fk_factor_reset_decided_by')),
    sa.ForeignKeyConstraint(['officer_id'], ['officer.id'], name=op.f('fk_factor_reset_officer_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_factor_reset'))
    )
    op.create_index(op.f('ix_factor_reset_officer_id'), 'factor_reset', ['officer_id'], unique=False)


def downgrade() -> None:
    op.drop_index(op.f('ix_audit_event_at'), table_name='audit_event')
    guard_tips("OLD.disposition IS NOT DISTINCT FROM 'withdrawn_by_tipster'")
    op.drop_index(op.f('ix_tip_erased_at'), table_name='tip')
    op.drop_column('tip', 'erased_at')
    op.drop_index(op.f('ix_factor_reset_officer_id'), table_name='factor_reset')

    op.drop_table('factor_reset')
    op.drop_table('tip_flag')
    op.drop_index(op.f('ix_flood_subject'), table_name='flood')
    op.drop_index(op.f('ix_flood_jurisdiction_code'), table_name='flood')

    op.drop_table('flood')
    op.drop_index(op.f('ix_anomaly_officer_id'), table_name='anomaly')

    op.drop_table('anomaly')
    op.drop_index(op.f('ix_retention_run_started_at'), table_name='retention_run')

    op.drop_table('retention_run')
