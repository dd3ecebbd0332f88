"""What the officers' console needs: events, referrals, sightings, appeals, known answers, papers of cases."""

from uuid import uuid4

import sqlalchemy as sa
from alembic import op


revision = '0004'
down_revision = '0003'
branch_labels = None
depends_on = None


def _added() -> list[tuple[str, sa.Column]]:
    """Columns that come to tables of before; none refers to another table, so that SQLite can drop them again."""
    return [
        ('case_task', sa.Column('instructions', sa.String(), nullable=False, server_default='')),
        ('case_task', sa.Column('cancelled_at', sa.DateTime(timezone=True), nullable=True)),
        ('face', sa.Column('landmarks', sa.JSON(), nullable=True)),
        ('face', sa.Column('role', sa.String(40), nullable=False, server_default='unmarked')),
        ('lead', sa.Column('dismissed_at', sa.DateTime(timezone=True), nullable=True)),
        ('police_case', sa.Column('removed_at', sa.DateTime(timezone=True), nullable=True)),
        ('record', sa.Column('golden', sa.Boolean(), nullable=False, server_default=sa.false())),
        ('review', sa.Column('features', sa.JSON(), nullable=False, server_default='{}')),
        ('review', sa.Column('exposure_s', sa.Float(), nullable=True)),
        ('review', sa.Column('set_aside_at', sa.DateTime(timezone=True), nullable=True)),
        ('tip', sa.Column('escalated_to', sa.String(), nullable=True)),
    ]


def upgrade() -> None:
    op.create_table('saved_view',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('officer_id', sa.Uuid(), nullable=False),
    sa.Column('page', sa.String(), nullable=False),
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('query', sa.String(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['officer_id'], ['officer.id'], name=op.f('fk_saved_view_officer_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_saved_view')),
    sa.UniqueConstraint('officer_id', 'page', 'name', name=op.f('uq_saved_view_officer_id_page_name'))
    )
    op.create_index(op.f('ix_saved_view_officer_id'), 'saved_view', ['officer_id'], unique=False)

    op.create_table('sighting',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('jurisdiction_code', sa.String(), nullable=False),
    sa.Column('made_by', sa.Uuid(), nullable=False),
    sa.Column('made_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('note', sa.String(), nullable=False),
    sa.Column('ended_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['jurisdiction_code'], ['jurisdiction.code'], name=op.f('fk_sighting_jurisdiction_code')),
    sa.ForeignKeyConstraint(['made_by'], ['officer.id'], name=op.f('fk_sighting_made_by')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_sighting'))
    )
    op.create_index(op.f('ix_sighting_jurisdiction_code'), 'sighting', ['jurisdiction_code'], unique=False)

    op.create_table('tip_event',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('tip_id', sa.Uuid(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('state', sa.String(40), nullable=False),
    sa.Column('jurisdiction_code', sa.String(), nullable=True),
    sa.Column('escalated_to', sa.String(), nullable=True),
    sa.ForeignKeyConstraint(['escalated_to'], ['jurisdiction.code'], name=op.f('fk_tip_event_escalated_to')),
    sa.ForeignKeyConstraint(['jurisdiction_code'], ['jurisdiction.code'], name=op.f('fk_tip_event_jurisdiction_code')),
    sa.ForeignKeyConstraint(['tip_id'], ['tip.id'], name=op.f('fk_tip_event_tip_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_tip_event'))
    )
    op.create_index(op.f('ix_tip_event_tip_id'), 'tip_event', ['tip_id'], unique=False)

    op.create_table('golden_item',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('truth', sa.String(40), nullable=False),
    sa.Column('photo_id', sa.Uuid(), nullable=False),
    sa.Column('record_id', sa.Uuid(), nullable=False),
    sa.Column('added_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('retired_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['photo_id'], ['photo.id'], name=op.f('fk_golden_item_photo_id')),
    sa.ForeignKeyConstraint(['record_id'], ['record.id'], name=op.f('fk_golden_item_record_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_golden_item')),
    sa.UniqueConstraint('name', name=op.f('uq_golden_item_name'))
    )
    op.create_table('sighting_face',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('sighting_id', sa.Uuid(), nullable=False),
    sa.Column('face_id', sa.Uuid(), nullable=False),
    sa.Column('tip_id', sa.Uuid(), nullable=False),
    sa.Column('added_by', sa.Uuid(), nullable=False),
    sa.Column('added_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('removed_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('removed_by', sa.Uuid(), nullable=True),
    sa.ForeignKeyConstraint(['added_by'], ['officer.id'], name=op.f('fk_sighting_face_added_by')),
    sa.ForeignKeyConstraint(['face_id'], ['face.id'], name=op.f('fk_sighting_face_face_id')),
    sa.ForeignKeyConstraint(['removed_by'], ['officer.id'], name=op.f('fk_sighting_face_removed_by')),
    sa.ForeignKeyConstraint(['sighting_id'], ['sighting.id'], name=op.f('fk_sighting_face_sighting_id')),
    sa.ForeignKeyConstraint(['tip_id'], ['tip.id'], name=op.f('fk_sighting_face_tip_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_sighting_face'))
    )
    op.create_index(op.f('ix_sighting_face_sighting_id'), 'sighting_face', ['sighting_id'], unique=False)
    op.create_index(op.f('ix_sighting_face_tip_id'), 'sighting_face', ['tip_id'], unique=False)
    op.create_index('sighting_face_once', 'sighting_face', ['face_id'], unique=True, sqlite_where=sa.text('removed_at IS NULL'), postgresql_where=sa.text('removed_at IS NULL'))

    op.create_table('sighting_suggestion',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('face_id', sa.Uuid(), nullable=False),
    sa.Column('other_id', sa.Uuid(), nullable=False),
    sa.Column('score', sa.Float(), nullable=False),
    sa.Column('encoder', sa.String(), nullable=False),
    sa.Column('encoder_version', sa.String(), nullable=False),
    sa.Column('distance_m', sa.Float(), nullable=False),
    sa.Column('hours_apart', sa.Float(), nullable=False),
    sa.Column('state', sa.String(40), nullable=False),
    sa.Column('made_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('decided_by', sa.Uuid(), nullable=True),
    sa.Column('decided_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['decided_by'], ['officer.id'], name=op.f('fk_sighting_suggestion_decided_by')),
    sa.ForeignKeyConstraint(['face_id'], ['face.id'], name=op.f('fk_sighting_suggestion_face_id')),
    sa.ForeignKeyConstraint(['other_id'], ['face.id'], name=op.f('fk_sighting_suggestion_other_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_sighting_suggestion')),
    sa.UniqueConstraint('face_id', 'other_id', name=op.f('uq_sighting_suggestion_face_id_other_id'))
    )
    op.create_index(op.f('ix_sighting_suggestion_other_id'), 'sighting_suggestion', ['other_id'], unique=False)
    op.create_index(op.f('ix_sighting_suggestion_state'), 'sighting_suggestion', ['state'], unique=False)

    op.create_table('appeal',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('candidate_id', sa.Uuid(), nullable=False),
    sa.Column('kind', sa.String(40), nullable=False),
    sa.Column('officer_id', sa.Uuid(), nullable=False),
    sa.Column('motive', sa.String(), nullable=False),
    sa.Column('made_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('state', sa.String(40), nullable=False),
    sa.Column('answered_by', sa.Uuid(), nullable=True),
    sa.Column('answer', sa.String(), nullable=False),
    sa.Column('answered_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['answered_by'], ['officer.id'], name=op.f('fk_appeal_answered_by')),
    sa.ForeignKeyConstraint(['candidate_id'], ['candidate.id'], name=op.f('fk_appeal_candidate_id')),
    sa.ForeignKeyConstraint(['officer_id'], ['officer.id'], name=op.f('fk_appeal_officer_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_appeal'))
    )
    op.create_index(op.f('ix_appeal_candidate_id'), 'appeal', ['candidate_id'], unique=False)
    op.create_index(op.f('ix_appeal_state'), 'appeal', ['state'], unique=False)

    op.create_table('golden_use',
    sa.Column('candidate_id', sa.Uuid(), nullable=False),
    sa.Column('item_id', sa.Uuid(), nullable=False),
    sa.Column('mixed_in_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['candidate_id'], ['candidate.id'], name=op.f('fk_golden_use_candidate_id')),
    sa.ForeignKeyConstraint(['item_id'], ['golden_item.id'], name=op.f('fk_golden_use_item_id')),
    sa.PrimaryKeyConstraint('candidate_id', name=op.f('pk_golden_use'))
    )
    op.create_index(op.f('ix_golden_use_item_id'), 'golden_use', ['item_id'], unique=False)

    op.create_table('case_attachment',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('case_id', sa.Uuid(), nullable=False),
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('media_type', sa.String(), nullable=False),
    sa.Column('byte_count', sa.Integer(), nullable=False),
    sa.Column('sha256', sa.String(), nullable=False),
    sa.Column('store_key', sa.String(), nullable=False),
    sa.Column('sealed_key', sa.LargeBinary(), nullable=False),
    sa.Column('added_by', sa.Uuid(), nullable=False),
    sa.Column('added_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('removed_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['added_by'], ['officer.id'], name=op.f('fk_case_attachment_added_by')),
    sa.ForeignKeyConstraint(['case_id'], ['police_case.id'], name=op.f('fk_case_attachment_case_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_case_attachment')),
    sa.UniqueConstraint('store_key', name=op.f('uq_case_attachment_store_key'))
    )
    op.create_index(op.f('ix_case_attachment_case_id'), 'case_attachment', ['case_id'], unique=False)

    op.create_table('case_merge',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('case_id', sa.Uuid(), nullable=False),
    sa.Column('into_id', sa.Uuid(), nullable=False),
    sa.Column('officer_id', sa.Uuid(), nullable=False),
    sa.Column('motive', sa.String(), nullable=False),
    sa.Column('merged_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('tips', sa.JSON(), nullable=False),
    sa.Column('undone_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['case_id'], ['police_case.id'], name=op.f('fk_case_merge_case_id')),
    sa.ForeignKeyConstraint(['into_id'], ['police_case.id'], name=op.f('fk_case_merge_into_id')),
    sa.ForeignKeyConstraint(['officer_id'], ['officer.id'], name=op.f('fk_case_merge_officer_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_case_merge'))
    )
    op.create_index(op.f('ix_case_merge_case_id'), 'case_merge', ['case_id'], unique=False)
    op.create_index(op.f('ix_case_merge_into_id'), 'case_merge', ['into_id'], unique=False)

    op.create_table('referral',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('tip_id', sa.Uuid(), nullable=True),
    sa.Column('case_id', sa.Uuid(), nullable=True),
    sa.Column('jurisdiction_code', sa.String(), nullable=False),
    sa.Column('agency', sa.String(40), nullable=False),
    sa.Column('office', sa.String(), nullable=False),
    sa.Column('request', sa.String(), nullable=False),
    sa.Column('state', sa.String(40), nullable=False),
    sa.Column('outcome', sa.String(40), nullable=True),
    sa.Column('sent_by', sa.Uuid(), nullable=False),
    sa.Column('sent_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['case_id'], ['police_case.id'], name=op.f('fk_referral_case_id')),
    sa.ForeignKeyConstraint(['jurisdiction_code'], ['jurisdiction.code'], name=op.f('fk_referral_jurisdiction_code')),
    sa.ForeignKeyConstraint(['sent_by'], ['officer.id'], name=op.f('fk_referral_sent_by')),
    sa.ForeignKeyConstraint(['tip_id'], ['tip.id'], name=op.f('fk_referral_tip_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_referral'))
    )
    op.create_index(op.f('ix_referral_case_id'), 'referral', ['case_id'], unique=False)
    op.create_index(op.f('ix_referral_jurisdiction_code'), 'referral', ['jurisdiction_code'], unique=False)
    op.create_index(op.f('ix_referral_state'), 'referral', ['state'], unique=False)
    op.create_index(op.f('ix_referral_tip_id'), 'referral', ['tip_id'], unique=False)

    op.create_table('referral_event',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('referral_id', sa.Uuid(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('state', sa.String(40), nullable=False),
    sa.Column('officer_id', sa.Uuid(), nullable=False),
    sa.Column('informant', sa.String(), nullable=False),
    sa.Column('text', sa.String(), nullable=False),
    sa.ForeignKeyConstraint(['officer_id'], ['officer.id'], name=op.f('fk_referral_event_officer_id')),
    sa.ForeignKeyConstraint(['referral_id'], ['referral.id'], name=op.f('fk_referral_event_referral_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_referral_event'))
    )
    op.create_index(op.f('ix_referral_event_referral_id'), 'referral_event', ['referral_id'], unique=False)

    op.create_table('lead_dismissal',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('lead_id', sa.Uuid(), nullable=False),
    sa.Column('officer_id', sa.Uuid(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('reason', sa.String(), nullable=False),
    sa.Column('undone_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['lead_id'], ['lead.id'], name=op.f('fk_lead_dismissal_lead_id')),
    sa.ForeignKeyConstraint(['officer_id'], ['officer.id'], name=op.f('fk_lead_dismissal_officer_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_lead_dismissal'))
    )
    op.create_index(op.f('ix_lead_dismissal_lead_id'), 'lead_dismissal', ['lead_id'], unique=False)

    for table, column in _added():
        op.add_column(table, column)
    op.create_index(op.f('ix_tip_escalated_to'), 'tip', ['escalated_to'], unique=False)

    _write_events_of_the_past()


def downgrade() -> None:
    op.drop_index(op.f('ix_tip_escalated_to'), 'tip')
    for table, column in _added():
        op.drop_column(table, column.name)

    op.drop_index(op.f('ix_lead_dismissal_lead_id'), 'lead_dismissal')
    op.drop_table('lead_dismissal')
    op.drop_index(op.f('ix_referral_event_referral_id'), 'referral_event')

    op.drop_table('referral_event')
    op.drop_index(op.f('ix_referral_tip_id'), 'referral')
    op.drop_index(op.f('ix_referral_state'), 'referral')
    op.drop_index(op.f('ix_referral_jurisdiction_code'), 'referral')
    op.drop_index(op.f('ix_referral_case_id'), 'referral')

    op.drop_table('referral')
    op.drop_index(op.f('ix_case_merge_into_id'), 'case_merge')
    op.drop_index(op.f('ix_case_merge_case_id'), 'case_merge')

    op.drop_table('case_merge')
    op.drop_index(op.f('ix_case_attachment_case_id'), 'case_attachment')

    op.drop_table('case_attachment')
    op.drop_index(op.f('ix_golden_use_item_id'), 'golden_use')

    op.drop_table('golden_use')
    op.drop_index(op.f('ix_appeal_state'), 'appeal')
    op.drop_index(op.f('ix_appeal_candidate_id'), 'appeal')

    op.drop_table('appeal')
    op.drop_index(op.f('ix_sighting_suggestion_state'), 'sighting_suggestion')
    op.drop_index(op.f('ix_sighting_suggestion_other_id'), 'sighting_suggestion')

    op.drop_table('sighting_suggestion')
    op.drop_index('sighting_face_once', 'sighting_face')
    op.drop_index(op.f('ix_sighting_face_tip_id'), 'sighting_face')
    op.drop_index(op.f('ix_sighting_face_sighting_id'), 'sighting_face')

    op.drop_table('sighting_face')
    op.drop_table('golden_item')
    op.drop_index(op.f('ix_tip_event_tip_id'), 'tip_event')

    op.drop_table('tip_event')
    op.drop_index(op.f('ix_sighting_jurisdiction_code'), 'sighting')

    op.drop_table('sighting')
    op.drop_index(op.f('ix_saved_view_officer_id'), 'saved_view')

    op.drop_table('saved_view')


def _write_events_of_the_past() -> None:
    """Every move of a tip is in the audit log; clocks read events, so the past gets its own."""
    connection = op.get_bind()
    tips = sa.table('tip', sa.column('id', sa.Uuid()), sa.column('received_at', sa.DateTime(timezone=True)),
                    sa.column('jurisdiction_code', sa.String()))
    audit = sa.table('audit_event', sa.column('seq', sa.Integer()), sa.column('at', sa.DateTime(timezone=True)),
                     sa.column('action', sa.String()), sa.column('subject_id', sa.String()), sa.column('detail', sa.JSON()))
    events = sa.table('tip_event', sa.column('id', sa.Uuid()), sa.column('tip_id', sa.Uuid()),
                      sa.column('at', sa.DateTime(timezone=True)), sa.column('state', sa.String()),
                      sa.column('jurisdiction_code', sa.String()))
    areas = {}
    for tip_id, received_at, area in connection.execute(sa.select(tips.c.id, tips.c.received_at, tips.c.jurisdiction_code)):
        areas[str(tip_id)] = (tip_id, area)
        connection.execute(events.insert().values(
            id=uuid4(), tip_id=tip_id, at=received_at, state='received', jurisdiction_code=None))
    moves = sa.select(audit.c.at, audit.c.subject_id, audit.c.detail).where(audit.c.action == 'tip_state')
    for at, subject, detail in connection.execute(moves.order_by(audit.c.seq)).all():
        if subject in areas:
            tip_id, area = areas[subject]
            connection.execute(events.insert().values(
                id=uuid4(), tip_id=tip_id, at=at, state=detail['now'], jurisdiction_code=area))
