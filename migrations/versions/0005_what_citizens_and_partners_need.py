"""What citizens and partners need: enquiries, webhooks, packages, uploads, imports that go on, bulletins."""

import sqlalchemy as sa
from alembic import op

from app.core import triggers


revision = '0005'
down_revision = '0004'
branch_labels = None
depends_on = None


RECEIVED = (
    "channel_id, received_at, language, place_text, latitude, longitude, accuracy_m, given_system, "
    "observed_at, description, danger_now, external_id, source_url, receipt_lookup"
)
"""What a tip says; it never changes, and is blanked when its sender took it back."""
BLANKED = (
    "place_text = ''", "description = ''", "latitude IS NULL", "longitude IS NULL", "accuracy_m IS NULL",
    "given_system IS NULL", "source_url IS NULL",
)
KEPT = ("channel_id", "received_at", "language", "observed_at", "danger_now", "external_id", "receipt_lookup")


def guard_tips(but: str = "") -> None:
    """Refuse to rewrite what a tip says, but for one case."""
    triggers.drop("tip_no_update", "tip")
    triggers.keep_rows("tip_no_update", f"UPDATE OF {RECEIVED}", "tip", but)


def upgrade() -> None:
    blanked = " AND ".join(f"NEW.{each}" for each in BLANKED)
    kept = " AND ".join(f"NEW.{each} IS NOT DISTINCT FROM OLD.{each}" for each in KEPT)
    guard_tips(f"OLD.disposition IS NOT DISTINCT FROM 'withdrawn_by_tipster' AND {blanked} AND {kept}")
    op.create_table('enquiry',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('asked_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('shown_from', sa.DateTime(timezone=True), nullable=False),
    sa.Column('store_key', sa.String(), nullable=True),
    sa.Column('sealed_key', sa.LargeBinary(), nullable=True),
    sa.Column('finding', sa.String(40), nullable=True),
    sa.Column('answered_at', sa.DateTime(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_enquiry')),
    sa.UniqueConstraint('store_key', name=op.f('uq_enquiry_store_key'))
    )
    op.create_index(op.f('ix_enquiry_asked_at'), 'enquiry', ['asked_at'], unique=False)

    op.create_table('import_run',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('source', sa.String(), nullable=False),
    sa.Column('digest', sa.String(), nullable=False),
    sa.Column('dry_run', sa.Boolean(), nullable=False),
    sa.Column('state', sa.String(40), nullable=False),
    sa.Column('total', sa.Integer(), nullable=False),
    sa.Column('done', sa.Integer(), nullable=False),
    sa.Column('counts', sa.JSON(), nullable=False),
    sa.Column('started_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('finished_at', sa.DateTime(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_import_run'))
    )
    op.create_index(op.f('ix_import_run_digest'), 'import_run', ['digest'], unique=False)

    op.create_table('suppressed',
    sa.Column('kind', sa.String(40), nullable=False),
    sa.Column('digest', sa.String(), nullable=False),
    sa.Column('erased_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('kind', 'digest', name=op.f('pk_suppressed'))
    )
    op.create_table('channel_day',
    sa.Column('channel_id', sa.Uuid(), nullable=False),
    sa.Column('day', sa.Date(), nullable=False),
    sa.Column('accepted', sa.Integer(), nullable=False),
    sa.Column('refused', sa.Integer(), nullable=False),
    sa.Column('throttled', sa.Integer(), nullable=False),
    sa.Column('failed', sa.Integer(), nullable=False),
    sa.Column('last_refusal', sa.String(), nullable=True),
    sa.ForeignKeyConstraint(['channel_id'], ['channel.id'], name=op.f('fk_channel_day_channel_id')),
    sa.PrimaryKeyConstraint('channel_id', 'day', name=op.f('pk_channel_day'))
    )
    op.create_table('import_problem',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('run_id', sa.Uuid(), nullable=False),
    sa.Column('line', sa.Integer(), nullable=False),
    sa.Column('field', sa.String(), nullable=True),
    sa.Column('message', sa.String(), nullable=False),
    sa.Column('details', sa.JSON(), nullable=False),
    sa.ForeignKeyConstraint(['run_id'], ['import_run.id'], name=op.f('fk_import_problem_run_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_import_problem'))
    )
    op.create_index('ix_import_problem_run_id_line', 'import_problem', ['run_id', 'line'], unique=False)

    op.create_table('webhook_endpoint',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('channel_id', sa.Uuid(), nullable=False),
    sa.Column('url', sa.String(), nullable=False),
    sa.Column('secret_sealed', sa.LargeBinary(), nullable=False),
    sa.Column('old_secret_sealed', sa.LargeBinary(), nullable=True),
    sa.Column('old_secret_until', sa.DateTime(timezone=True), nullable=True),
    sa.Column('paused_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('removed_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['channel_id'], ['channel.id'], name=op.f('fk_webhook_endpoint_channel_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_webhook_endpoint'))
    )
    op.create_index(op.f('ix_webhook_endpoint_channel_id'), 'webhook_endpoint', ['channel_id'], unique=False)

    op.create_table('bulletin',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('jurisdiction_code', sa.String(), nullable=False),
    sa.Column('written_by', sa.Uuid(), nullable=False),
    sa.Column('corrects_id', sa.Uuid(), nullable=True),
    sa.Column('published_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('withdrawn_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('withdrawal_reason', sa.String(), nullable=True),
    sa.ForeignKeyConstraint(['corrects_id'], ['bulletin.id'], name=op.f('fk_bulletin_corrects_id')),
    sa.ForeignKeyConstraint(['jurisdiction_code'], ['jurisdiction.code'], name=op.f('fk_bulletin_jurisdiction_code')),
    sa.ForeignKeyConstraint(['written_by'], ['officer.id'], name=op.f('fk_bulletin_written_by')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_bulletin'))
    )
    op.create_index(op.f('ix_bulletin_jurisdiction_code'), 'bulletin', ['jurisdiction_code'], unique=False)
    op.create_index(op.f('ix_bulletin_published_at'), 'bulletin', ['published_at'], unique=False)

    op.create_table('channel_void',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('channel_id', sa.Uuid(), nullable=False),
    sa.Column('received_from', sa.DateTime(timezone=True), nullable=False),
    sa.Column('received_until', sa.DateTime(timezone=True), nullable=False),
    sa.Column('reason', sa.String(), nullable=False),
    sa.Column('tips', sa.Integer(), nullable=False),
    sa.Column('made_by', sa.Uuid(), nullable=False),
    sa.Column('made_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('final_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('undone_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('undone_by', sa.Uuid(), nullable=True),
    sa.Column('closed_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['channel_id'], ['channel.id'], name=op.f('fk_channel_void_channel_id')),
    sa.ForeignKeyConstraint(['made_by'], ['officer.id'], name=op.f('fk_channel_void_made_by')),
    sa.ForeignKeyConstraint(['undone_by'], ['officer.id'], name=op.f('fk_channel_void_undone_by')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_channel_void'))
    )
    op.create_index(op.f('ix_channel_void_channel_id'), 'channel_void', ['channel_id'], unique=False)

    op.create_table('bulletin_text',
    sa.Column('bulletin_id', sa.Uuid(), nullable=False),
    sa.Column('language', sa.String(), nullable=False),
    sa.Column('title', sa.String(), nullable=False),
    sa.Column('body', sa.String(), nullable=False),
    sa.ForeignKeyConstraint(['bulletin_id'], ['bulletin.id'], name=op.f('fk_bulletin_text_bulletin_id')),
    sa.PrimaryKeyConstraint('bulletin_id', 'language', name=op.f('pk_bulletin_text'))
    )
    op.create_table('package',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('channel_id', sa.Uuid(), nullable=False),
    sa.Column('state', sa.String(40), nullable=False),
    sa.Column('fields_sealed', sa.LargeBinary(), nullable=False),
    sa.Column('tip_id', sa.Uuid(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['channel_id'], ['channel.id'], name=op.f('fk_package_channel_id')),
    sa.ForeignKeyConstraint(['tip_id'], ['tip.id'], name=op.f('fk_package_tip_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_package'))
    )
    op.create_index(op.f('ix_package_channel_id'), 'package', ['channel_id'], unique=False)

    op.create_table('tip_notification',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('tip_id', sa.Uuid(), nullable=False),
    sa.Column('kind', sa.String(40), nullable=False),
    sa.Column('address_sealed', sa.LargeBinary(), nullable=False),
    sa.Column('language', sa.String(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('told_until', sa.DateTime(timezone=True), nullable=False),
    sa.Column('failures', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['tip_id'], ['tip.id'], name=op.f('fk_tip_notification_tip_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_tip_notification'))
    )
    op.create_index(op.f('ix_tip_notification_tip_id'), 'tip_notification', ['tip_id'], unique=False)

    op.create_table('told_tip',
    sa.Column('tip_id', sa.Uuid(), nullable=False),
    sa.Column('status', sa.String(), nullable=False),
    sa.Column('messages', sa.Integer(), nullable=False),
    sa.Column('told_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['tip_id'], ['tip.id'], name=op.f('fk_told_tip_tip_id')),
    sa.PrimaryKeyConstraint('tip_id', name=op.f('pk_told_tip'))
    )
    op.create_table('webhook_message',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('channel_id', sa.Uuid(), nullable=False),
    sa.Column('tip_id', sa.Uuid(), nullable=True),
    sa.Column('type', sa.String(40), nullable=False),
    sa.Column('body', sa.JSON(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['channel_id'], ['channel.id'], name=op.f('fk_webhook_message_channel_id')),
    sa.ForeignKeyConstraint(['tip_id'], ['tip.id'], name=op.f('fk_webhook_message_tip_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_webhook_message'))
    )
    op.create_index(op.f('ix_webhook_message_channel_id'), 'webhook_message', ['channel_id'], unique=False)
    op.create_index(op.f('ix_webhook_message_tip_id'), 'webhook_message', ['tip_id'], unique=False)

    op.create_table('upload',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('channel_id', sa.Uuid(), nullable=False),
    sa.Column('package_id', sa.Uuid(), nullable=True),
    sa.Column('length', sa.Integer(), nullable=False),
    sa.Column('received', sa.Integer(), nullable=False),
    sa.Column('details', sa.JSON(), nullable=False),
    sa.Column('sha256', sa.String(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['channel_id'], ['channel.id'], name=op.f('fk_upload_channel_id')),
    sa.ForeignKeyConstraint(['package_id'], ['package.id'], name=op.f('fk_upload_package_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_upload'))
    )
    op.create_index(op.f('ix_upload_channel_id'), 'upload', ['channel_id'], unique=False)
    op.create_index(op.f('ix_upload_package_id'), 'upload', ['package_id'], unique=False)

    op.create_table('webhook_delivery',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('message_id', sa.Uuid(), nullable=False),
    sa.Column('endpoint_id', sa.Uuid(), nullable=False),
    sa.Column('state', sa.String(40), nullable=False),
    sa.Column('tries', sa.Integer(), nullable=False),
    sa.Column('next_try_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('last_status', sa.Integer(), nullable=True),
    sa.Column('last_error', sa.String(), nullable=True),
    sa.Column('delivered_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['endpoint_id'], ['webhook_endpoint.id'], name=op.f('fk_webhook_delivery_endpoint_id')),
    sa.ForeignKeyConstraint(['message_id'], ['webhook_message.id'], name=op.f('fk_webhook_delivery_message_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_webhook_delivery')),
    sa.UniqueConstraint('message_id', 'endpoint_id', name=op.f('uq_webhook_delivery_message_id_endpoint_id'))
    )
    op.create_index(op.f('ix_webhook_delivery_endpoint_id'), 'webhook_delivery', ['endpoint_id'], unique=False)
    op.create_index('ix_webhook_delivery_state_next_try_at', 'webhook_delivery', ['state', 'next_try_at'], unique=False)

    op.create_table('upload_part',
    sa.Column('upload_id', sa.Uuid(), nullable=False),
    sa.Column('start', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('size', sa.Integer(), nullable=False),
    sa.Column('store_key', sa.String(), nullable=False),
    sa.Column('sealed_key', sa.LargeBinary(), nullable=False),
    sa.ForeignKeyConstraint(['upload_id'], ['upload.id'], name=op.f('fk_upload_part_upload_id')),
    sa.PrimaryKeyConstraint('upload_id', 'start', name=op.f('pk_upload_part')),
    sa.UniqueConstraint('store_key', name=op.f('uq_upload_part_store_key'))
    )
    op.add_column('channel', sa.Column('owner', sa.String(), nullable=False, server_default=''))
    op.add_column('channel', sa.Column('jurisdiction_code', sa.String(), nullable=True))
    op.add_column('channel', sa.Column('minute_quota', sa.Integer(), nullable=True))
    op.add_column('channel', sa.Column('day_quota', sa.Integer(), nullable=True))
    op.add_column('channel', sa.Column('paused_at', sa.DateTime(timezone=True), nullable=True))

    op.add_column('partner_key', sa.Column('label', sa.String(), nullable=False, server_default=''))
    op.add_column('partner_key', sa.Column('scopes', sa.JSON(), nullable=False, server_default='["tips:send", "tips:read"]'))
    op.add_column('partner_key', sa.Column('signing_secret_sealed', sa.LargeBinary(), nullable=True))
    op.add_column('partner_key', sa.Column('last_used_at', sa.DateTime(timezone=True), nullable=True))

    op.add_column('photo', sa.Column('marked_x', sa.Float(), nullable=True))
    op.add_column('photo', sa.Column('marked_y', sa.Float(), nullable=True))

    op.add_column('record', sa.Column('kept_by', sa.String(), nullable=False, server_default=''))
    op.add_column('record', sa.Column('expires_on', sa.Date(), nullable=True))

    op.add_column('tip', sa.Column('set_aside_by', sa.Uuid(), nullable=True))
    op.create_index(op.f('ix_tip_set_aside_by'), 'tip', ['set_aside_by'], unique=False)
    op.create_index('ix_tip_channel_id_received_at', 'tip', ['channel_id', 'received_at'], unique=False)
    op.create_index('ix_tip_channel_id_disposed_at', 'tip', ['channel_id', 'disposed_at', 'disposition'], unique=False)



def downgrade() -> None:
    guard_tips()
    op.drop_index('ix_tip_channel_id_disposed_at', table_name='tip')
    op.drop_index('ix_tip_channel_id_received_at', table_name='tip')
    op.drop_index(op.f('ix_tip_set_aside_by'), table_name='tip')
    op.drop_column('tip', 'set_aside_by')

    op.drop_column('record', 'expires_on')
    op.drop_column('record', 'kept_by')

    op.drop_column('photo', 'marked_y')
    op.drop_column('photo', 'marked_x')

    op.drop_column('partner_key', 'last_used_at')
    op.drop_column('partner_key', 'signing_secret_sealed')
    op.drop_column('partner_key', 'scopes')
    op.drop_column('partner_key', 'label')

    op.drop_column('channel', 'paused_at')
    op.drop_column('channel', 'day_quota')
    op.drop_column('channel', 'minute_quota')
    op.drop_column('channel', 'jurisdiction_code')
    op.drop_column('channel', 'owner')

    op.drop_table('upload_part')
    op.drop_index('ix_webhook_delivery_state_next_try_at', table_name='webhook_delivery')
    op.drop_index(op.f('ix_webhook_delivery_endpoint_id'), table_name='webhook_delivery')

    op.drop_table('webhook_delivery')
    op.drop_index(op.f('ix_upload_package_id'), table_name='upload')
    op.drop_index(op.f('ix_upload_channel_id'), table_name='upload')

    op.drop_table('upload')
    op.drop_index(op.f('ix_webhook_message_tip_id'), table_name='webhook_message')
    op.drop_index(op.f('ix_webhook_message_channel_id'), table_name='webhook_message')

    op.drop_table('webhook_message')
    op.drop_table('told_tip')
    op.drop_index(op.f('ix_tip_notification_tip_id'), table_name='tip_notification')

    op.drop_table('tip_notification')
    op.drop_index(op.f('ix_package_channel_id'), table_name='package')

    op.drop_table('package')
    op.drop_table('bulletin_text')
    op.drop_index(op.f('ix_channel_void_channel_id'), table_name='channel_void')

    op.drop_table('channel_void')
    op.drop_index(op.f('ix_bulletin_published_at'), table_name='bulletin')
    op.drop_index(op.f('ix_bulletin_jurisdiction_code'), table_name='bulletin')

    op.drop_table('bulletin')
    op.drop_index(op.f('ix_webhook_endpoint_channel_id'), table_name='webhook_endpoint')

    op.drop_table('webhook_endpoint')
    op.drop_index('ix_import_problem_run_id_line', table_name='import_problem')

    op.drop_table('import_problem')
    op.drop_table('channel_day')
    op.drop_table('suppressed')
    op.drop_index(op.f('ix_import_run_digest'), table_name='import_run')

    op.drop_table('import_run')
    op.drop_index(op.f('ix_enquiry_asked_at'), table_name='enquiry')

    op.drop_table('enquiry')
