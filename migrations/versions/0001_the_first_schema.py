"""The first schema."""

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

from app.core import partitions, triggers


revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


GUARDED = {
    "audit_event": "",
    "tip": "channel_id, received_at, language, place_text, latitude, longitude, accuracy_m, given_system, "
    "observed_at, description, danger_now, external_id, source_url, receipt_lookup",
}
"""Tables whose rows are never deleted, and the columns that never change; empty means all."""


def upgrade() -> None:
    dialect = op.get_bind().dialect.name
    # A table kept by month can only have keys that name the month: there, these are plain indices.
    by_month = dialect == "postgresql"
    op.create_table(
        "audit_event",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor_kind", sa.String(40), nullable=False),
        sa.Column("actor_id", sa.String(), nullable=True),
        sa.Column("action", sa.String(40), nullable=False),
        sa.Column("subject_kind", sa.String(), nullable=False),
        sa.Column("subject_id", sa.String(), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.Column("previous_hash", sa.String(), nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint(*(("seq", "at") if by_month else ("seq",)), name=op.f("pk_audit_event")),
        sqlite_autoincrement=True,
        **partitions.partition_by("audit_event", dialect),
    )
    with op.batch_alter_table("audit_event", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_audit_event_action"), ["action"], unique=False)
        batch_op.create_index(batch_op.f("ix_audit_event_actor_id"), ["actor_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_audit_event_subject_id"), ["subject_id"], unique=False)

    op.create_table(
        "channel",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_channel")),
        sa.UniqueConstraint("name", name=op.f("uq_channel_name")),
    )
    op.create_table(
        "job",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("args", sa.JSON(), nullable=False),
        sa.Column("unique_key", sa.String(), nullable=True),
        sa.Column("state", sa.String(40), nullable=False),
        sa.Column("run_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("worker", sa.String(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("error", sa.String(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job")),
        sa.UniqueConstraint("unique_key", name=op.f("uq_job_unique_key")),
    )
    with op.batch_alter_table("job", schema=None) as batch_op:
        batch_op.create_index("job_due", ["state", "run_at"], unique=False)

    op.create_table(
        "jurisdiction",
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("name_en", sa.String(), nullable=False),
        sa.Column("level", sa.String(40), nullable=False),
        sa.Column("parent_code", sa.String(), nullable=True),
        sa.Column("path", sa.String(), nullable=False),
        sa.Column("authority", sa.String(), nullable=True),
        sa.Column("shape", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(
            ["parent_code"], ["jurisdiction.code"], name=op.f("fk_jurisdiction_parent_code")
        ),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_jurisdiction")),
    )
    with op.batch_alter_table("jurisdiction", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_jurisdiction_parent_code"), ["parent_code"], unique=False)
        batch_op.create_index(batch_op.f("ix_jurisdiction_path"), ["path"], unique=True)

    op.create_table(
        "photo_cluster",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_photo_cluster")),
    )
    op.create_table(
        "sign_in_failure",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sign_in_failure")),
    )
    with op.batch_alter_table("sign_in_failure", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_sign_in_failure_account"), ["account"], unique=False)

    op.create_table(
        "officer",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("username", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("badge", sa.String(), nullable=False),
        sa.Column("password_hash", sa.String(), nullable=False),
        sa.Column("roles", sa.JSON(), nullable=False),
        sa.Column("jurisdiction_code", sa.String(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["jurisdiction_code"], ["jurisdiction.code"], name=op.f("fk_officer_jurisdiction_code")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_officer")),
        sa.UniqueConstraint("badge", name=op.f("uq_officer_badge")),
        sa.UniqueConstraint("username", name=op.f("uq_officer_username")),
    )
    op.create_table(
        "partner_key",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("channel_id", sa.Uuid(), nullable=False),
        sa.Column("key_id", sa.String(), nullable=False),
        sa.Column("key_sha256", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["channel_id"], ["channel.id"], name=op.f("fk_partner_key_channel_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_partner_key")),
        sa.UniqueConstraint("key_id", name=op.f("uq_partner_key_key_id")),
    )
    with op.batch_alter_table("partner_key", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_partner_key_channel_id"), ["channel_id"], unique=False)

    op.create_table(
        "record",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("sex", sa.String(40), nullable=False),
        sa.Column("born_on", sa.Date(), nullable=True),
        sa.Column("missing_since", sa.Date(), nullable=False),
        sa.Column("missing_place", sa.String(), nullable=False),
        sa.Column("features", sa.String(), nullable=False),
        sa.Column("jurisdiction_code", sa.String(), nullable=False),
        sa.Column("state", sa.String(40), nullable=False),
        sa.Column("closing_reason", sa.String(), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["jurisdiction_code"], ["jurisdiction.code"], name=op.f("fk_record_jurisdiction_code")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_record")),
        sa.UniqueConstraint("number", name=op.f("uq_record_number")),
    )
    with op.batch_alter_table("record", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_record_jurisdiction_code"), ["jurisdiction_code"], unique=False)
        batch_op.create_index(batch_op.f("ix_record_state"), ["state"], unique=False)

    op.create_table(
        "officer_session",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("token_sha256", sa.String(), nullable=False),
        sa.Column("officer_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["officer_id"], ["officer.id"], name=op.f("fk_officer_session_officer_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_officer_session")),
        sa.UniqueConstraint("token_sha256", name=op.f("uq_officer_session_token_sha256")),
    )
    with op.batch_alter_table("officer_session", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_officer_session_officer_id"), ["officer_id"], unique=False)

    op.create_table(
        "tip",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("channel_id", sa.Uuid(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("place_text", sa.String(), nullable=False),
        sa.Column("latitude", sa.Float(), nullable=True),
        sa.Column("longitude", sa.Float(), nullable=True),
        sa.Column("accuracy_m", sa.Float(), nullable=True),
        sa.Column("given_system", sa.String(40), nullable=True),
        sa.Column("observed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("danger_now", sa.Boolean(), nullable=False),
        sa.Column("external_id", sa.String(), nullable=True),
        sa.Column("source_url", sa.String(), nullable=True),
        sa.Column("contact_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("receipt_lookup", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.String(40), nullable=False),
        sa.Column("state_reason", sa.String(), nullable=True),
        sa.Column("jurisdiction_code", sa.String(), nullable=True),
        sa.Column("disposition", sa.String(40), nullable=True),
        sa.Column("disposition_reason", sa.String(), nullable=True),
        sa.Column("disposed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("disposed_by", sa.Uuid(), nullable=True),
        sa.Column("duplicate_of_id", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(["channel_id"], ["channel.id"], name=op.f("fk_tip_channel_id")),
        sa.ForeignKeyConstraint(["disposed_by"], ["officer.id"], name=op.f("fk_tip_disposed_by")),
        sa.ForeignKeyConstraint(["duplicate_of_id"], ["tip.id"], name=op.f("fk_tip_duplicate_of_id")),
        sa.ForeignKeyConstraint(
            ["jurisdiction_code"], ["jurisdiction.code"], name=op.f("fk_tip_jurisdiction_code")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tip")),
        *([] if by_month else [sa.UniqueConstraint("receipt_lookup", name=op.f("uq_tip_receipt_lookup"))]),
        **partitions.partition_by("tip", dialect),
    )
    with op.batch_alter_table("tip", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_tip_channel_id"), ["channel_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_tip_external_id"), ["external_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_tip_jurisdiction_code"), ["jurisdiction_code"], unique=False)
        batch_op.create_index(batch_op.f("ix_tip_received_at"), ["received_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_tip_state"), ["state"], unique=False)

    op.create_table(
        "photo",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tip_id", sa.Uuid(), nullable=True),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("byte_count", sa.Integer(), nullable=False),
        sa.Column("format", sa.String(), nullable=False),
        sa.Column("store_key", sa.String(), nullable=False),
        sa.Column("sealed_key", sa.LargeBinary(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.String(40), nullable=False),
        sa.Column("parked_reason", sa.String(), nullable=True),
        sa.Column("examined_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("width", sa.Integer(), nullable=True),
        sa.Column("height", sa.Integer(), nullable=True),
        sa.Column("claimed_taken_at", sa.String(), nullable=True),
        sa.Column("claimed_latitude", sa.Float(), nullable=True),
        sa.Column("claimed_longitude", sa.Float(), nullable=True),
        sa.Column("cluster_id", sa.Uuid(), nullable=True),
        sa.Column("kept_apart", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["cluster_id"], ["photo_cluster.id"], name=op.f("fk_photo_cluster_id")),
        sa.ForeignKeyConstraint(["tip_id"], ["tip.id"], name=op.f("fk_photo_tip_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_photo")),
        *([] if by_month else [sa.UniqueConstraint("store_key", name=op.f("uq_photo_store_key"))]),
        **partitions.partition_by("photo", dialect),
    )
    with op.batch_alter_table("photo", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_photo_cluster_id"), ["cluster_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_photo_sha256"), ["sha256"], unique=False)
        batch_op.create_index(batch_op.f("ix_photo_tip_id"), ["tip_id"], unique=False)

    op.create_table(
        "submission",
        sa.Column("channel_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("tip_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["channel_id"], ["channel.id"], name=op.f("fk_submission_channel_id")),
        sa.ForeignKeyConstraint(["tip_id"], ["tip.id"], name=op.f("fk_submission_tip_id")),
        sa.PrimaryKeyConstraint("channel_id", "key", name=op.f("pk_submission")),
    )
    op.create_table(
        "tip_message",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tip_id", sa.Uuid(), nullable=False),
        sa.Column("author", sa.String(40), nullable=False),
        sa.Column("officer_id", sa.Uuid(), nullable=True),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("notice", sa.String(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["officer_id"], ["officer.id"], name=op.f("fk_tip_message_officer_id")),
        sa.ForeignKeyConstraint(["tip_id"], ["tip.id"], name=op.f("fk_tip_message_tip_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tip_message")),
    )
    with op.batch_alter_table("tip_message", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_tip_message_tip_id"), ["tip_id"], unique=False)

    op.create_table(
        "face",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("photo_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("left", sa.Integer(), nullable=False),
        sa.Column("top", sa.Integer(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("quality", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["photo_id"], ["photo.id"], name=op.f("fk_face_photo_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_face")),
        *(
            []
            if by_month
            else [sa.UniqueConstraint("photo_id", "position", name=op.f("uq_face_photo_id_position"))]
        ),
        **partitions.partition_by("face", dialect),
    )
    with op.batch_alter_table("face", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_face_photo_id"), ["photo_id"], unique=False)

    op.create_table(
        "photo_hash",
        sa.Column("photo_id", sa.Uuid(), nullable=False),
        sa.Column("phash", sa.BigInteger(), nullable=False),
        sa.Column("verification", sa.LargeBinary(), nullable=False),
        sa.Column("detail", sa.Float(), nullable=False),
        sa.Column("band0", sa.Integer(), nullable=False),
        sa.Column("band1", sa.Integer(), nullable=False),
        sa.Column("band2", sa.Integer(), nullable=False),
        sa.Column("band3", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["photo_id"], ["photo.id"], name=op.f("fk_photo_hash_photo_id")),
        sa.PrimaryKeyConstraint("photo_id", name=op.f("pk_photo_hash")),
    )
    with op.batch_alter_table("photo_hash", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_photo_hash_band0"), ["band0"], unique=False)
        batch_op.create_index(batch_op.f("ix_photo_hash_band1"), ["band1"], unique=False)
        batch_op.create_index(batch_op.f("ix_photo_hash_band2"), ["band2"], unique=False)
        batch_op.create_index(batch_op.f("ix_photo_hash_band3"), ["band3"], unique=False)

    op.create_table(
        "rendition",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("photo_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("face_position", sa.Integer(), nullable=False),
        sa.Column("store_key", sa.String(), nullable=False),
        sa.Column("sealed_key", sa.LargeBinary(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["photo_id"], ["photo.id"], name=op.f("fk_rendition_photo_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rendition")),
        sa.UniqueConstraint(
            "photo_id", "kind", "face_position", name=op.f("uq_rendition_photo_id_kind_face_position")
        ),
        sa.UniqueConstraint("store_key", name=op.f("uq_rendition_store_key")),
    )
    with op.batch_alter_table("rendition", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_rendition_photo_id"), ["photo_id"], unique=False)

    op.create_table(
        "candidate_list",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("face_id", sa.Uuid(), nullable=False),
        sa.Column("cause", sa.String(40), nullable=False),
        sa.Column("encoder", sa.String(), nullable=False),
        sa.Column("encoder_version", sa.String(), nullable=False),
        sa.Column("gallery_size", sa.Integer(), nullable=False),
        sa.Column("expected_false", sa.Float(), nullable=False),
        sa.Column("searched_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["face_id"], ["face.id"], name=op.f("fk_candidate_list_face_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_candidate_list")),
    )
    with op.batch_alter_table("candidate_list", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_candidate_list_face_id"), ["face_id"], unique=False)

    op.create_table(
        "reference",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("record_id", sa.Uuid(), nullable=False),
        sa.Column("photo_id", sa.Uuid(), nullable=False),
        sa.Column("face_id", sa.Uuid(), nullable=True),
        sa.Column("taken_on", sa.Date(), nullable=True),
        sa.Column("age_years", sa.Float(), nullable=True),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["face_id"], ["face.id"], name=op.f("fk_reference_face_id")),
        sa.ForeignKeyConstraint(["photo_id"], ["photo.id"], name=op.f("fk_reference_photo_id")),
        sa.ForeignKeyConstraint(["record_id"], ["record.id"], name=op.f("fk_reference_record_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reference")),
        sa.UniqueConstraint("photo_id", name=op.f("uq_reference_photo_id")),
    )
    with op.batch_alter_table("reference", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_reference_record_id"), ["record_id"], unique=False)

    op.create_table(
        "template",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("face_id", sa.Uuid(), nullable=False),
        sa.Column("encoder", sa.String(), nullable=False),
        sa.Column("encoder_version", sa.String(), nullable=False),
        sa.Column("vector", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["face_id"], ["face.id"], name=op.f("fk_template_face_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_template")),
        sa.UniqueConstraint(
            "face_id", "encoder", "encoder_version", name=op.f("uq_template_face_id_encoder_encoder_version")
        ),
    )
    with op.batch_alter_table("template", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_template_face_id"), ["face_id"], unique=False)

    op.create_table(
        "candidate",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("list_id", sa.Uuid(), nullable=False),
        sa.Column("tip_id", sa.Uuid(), nullable=False),
        sa.Column("face_id", sa.Uuid(), nullable=False),
        sa.Column("cluster_id", sa.Uuid(), nullable=True),
        sa.Column("record_id", sa.Uuid(), nullable=False),
        sa.Column("reference_id", sa.Uuid(), nullable=False),
        sa.Column("score", sa.Float(), nullable=False),
        sa.Column("threshold", sa.Float(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(40), nullable=False),
        sa.Column("proposed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["cluster_id"], ["photo_cluster.id"], name=op.f("fk_candidate_cluster_id")),
        sa.ForeignKeyConstraint(["face_id"], ["face.id"], name=op.f("fk_candidate_face_id")),
        sa.ForeignKeyConstraint(["list_id"], ["candidate_list.id"], name=op.f("fk_candidate_list_id")),
        sa.ForeignKeyConstraint(["record_id"], ["record.id"], name=op.f("fk_candidate_record_id")),
        sa.ForeignKeyConstraint(["reference_id"], ["reference.id"], name=op.f("fk_candidate_reference_id")),
        sa.ForeignKeyConstraint(["tip_id"], ["tip.id"], name=op.f("fk_candidate_tip_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_candidate")),
    )
    with op.batch_alter_table("candidate", schema=None) as batch_op:
        batch_op.create_index(
            "candidate_once_per_face",
            ["face_id", "record_id"],
            unique=True,
            sqlite_where=sa.text("state <> 'withdrawn'"),
            postgresql_where=sa.text("state <> 'withdrawn'"),
        )
        batch_op.create_index(
            "candidate_once_per_picture",
            ["cluster_id", "record_id"],
            unique=True,
            sqlite_where=sa.text("state <> 'withdrawn'"),
            postgresql_where=sa.text("state <> 'withdrawn'"),
        )
        batch_op.create_index(batch_op.f("ix_candidate_face_id"), ["face_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_candidate_list_id"), ["list_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_candidate_record_id"), ["record_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_candidate_state"), ["state"], unique=False)
        batch_op.create_index(batch_op.f("ix_candidate_tip_id"), ["tip_id"], unique=False)

    op.create_table(
        "lead",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tip_id", sa.Uuid(), nullable=False),
        sa.Column("candidate_id", sa.Uuid(), nullable=True),
        sa.Column("record_id", sa.Uuid(), nullable=True),
        sa.Column("jurisdiction_code", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["candidate_id"], ["candidate.id"], name=op.f("fk_lead_candidate_id")),
        sa.ForeignKeyConstraint(["created_by"], ["officer.id"], name=op.f("fk_lead_created_by")),
        sa.ForeignKeyConstraint(
            ["jurisdiction_code"], ["jurisdiction.code"], name=op.f("fk_lead_jurisdiction_code")
        ),
        sa.ForeignKeyConstraint(["record_id"], ["record.id"], name=op.f("fk_lead_record_id")),
        sa.ForeignKeyConstraint(["tip_id"], ["tip.id"], name=op.f("fk_lead_tip_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lead")),
        sa.UniqueConstraint("candidate_id", name=op.f("uq_lead_candidate_id")),
    )
    with op.batch_alter_table("lead", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_lead_jurisdiction_code"), ["jurisdiction_code"], unique=False)
        batch_op.create_index(batch_op.f("ix_lead_tip_id"), ["tip_id"], unique=False)

    op.create_table(
        "review",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("candidate_id", sa.Uuid(), nullable=False),
        sa.Column("officer_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("state", sa.String(40), nullable=False),
        sa.Column("claimed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("conclusion", sa.String(40), nullable=True),
        sa.Column("reason", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["candidate_id"], ["candidate.id"], name=op.f("fk_review_candidate_id")),
        sa.ForeignKeyConstraint(["officer_id"], ["officer.id"], name=op.f("fk_review_officer_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_review")),
    )
    with op.batch_alter_table("review", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_review_candidate_id"), ["candidate_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_review_officer_id"), ["officer_id"], unique=False)
        batch_op.create_index(
            "review_once_per_officer",
            ["candidate_id", "officer_id"],
            unique=True,
            sqlite_where=sa.text("state = 'decided'"),
            postgresql_where=sa.text("state = 'decided'"),
        )
        batch_op.create_index(
            "review_one_holder",
            ["candidate_id"],
            unique=True,
            sqlite_where=sa.text("state = 'claimed'"),
            postgresql_where=sa.text("state = 'claimed'"),
        )

    op.create_table(
        "police_case",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.String(), nullable=False),
        sa.Column("lead_id", sa.Uuid(), nullable=False),
        sa.Column("record_id", sa.Uuid(), nullable=True),
        sa.Column("jurisdiction_code", sa.String(), nullable=False),
        sa.Column("state", sa.String(40), nullable=False),
        sa.Column("opened_by", sa.Uuid(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("identity_evidence", sa.String(40), nullable=True),
        sa.Column("identity_reference", sa.String(), nullable=True),
        sa.Column("identity_confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("family_contacted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.String(40), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["jurisdiction_code"], ["jurisdiction.code"], name=op.f("fk_police_case_jurisdiction_code")
        ),
        sa.ForeignKeyConstraint(["lead_id"], ["lead.id"], name=op.f("fk_police_case_lead_id")),
        sa.ForeignKeyConstraint(["opened_by"], ["officer.id"], name=op.f("fk_police_case_opened_by")),
        sa.ForeignKeyConstraint(["record_id"], ["record.id"], name=op.f("fk_police_case_record_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_police_case")),
        sa.UniqueConstraint("lead_id", name=op.f("uq_police_case_lead_id")),
        sa.UniqueConstraint("number", name=op.f("uq_police_case_number")),
    )
    with op.batch_alter_table("police_case", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_police_case_jurisdiction_code"), ["jurisdiction_code"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_police_case_state"), ["state"], unique=False)

    op.create_table(
        "case_entry",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("officer_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["police_case.id"], name=op.f("fk_case_entry_case_id")),
        sa.ForeignKeyConstraint(["officer_id"], ["officer.id"], name=op.f("fk_case_entry_officer_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_case_entry")),
    )
    with op.batch_alter_table("case_entry", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_case_entry_case_id"), ["case_id"], unique=False)

    op.create_table(
        "case_task",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("assignee_id", sa.Uuid(), nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("result", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["assignee_id"], ["officer.id"], name=op.f("fk_case_task_assignee_id")),
        sa.ForeignKeyConstraint(["case_id"], ["police_case.id"], name=op.f("fk_case_task_case_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_case_task")),
    )
    with op.batch_alter_table("case_task", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_case_task_case_id"), ["case_id"], unique=False)

    op.create_table(
        "case_tip",
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("tip_id", sa.Uuid(), nullable=False),
        sa.Column("linked_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["police_case.id"], name=op.f("fk_case_tip_case_id")),
        sa.ForeignKeyConstraint(["tip_id"], ["tip.id"], name=op.f("fk_case_tip_tip_id")),
        sa.PrimaryKeyConstraint("case_id", "tip_id", name=op.f("pk_case_tip")),
    )
    with op.batch_alter_table("case_tip", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_case_tip_tip_id"), ["tip_id"], unique=False)

    if by_month:
        op.create_index("uq_tip_receipt_lookup", "tip", ["receipt_lookup"])
        op.create_index("uq_photo_store_key", "photo", ["store_key"])
        op.create_index("uq_face_photo_id_position", "face", ["photo_id", "position"])
        for table in partitions.MONTHLY:
            partitions.lay_out(op.get_bind(), table, datetime.now(UTC).date())
    for table, columns in GUARDED.items():
        triggers.keep_rows(f"{table}_no_update", f"UPDATE OF {columns}" if columns else "UPDATE", table)
        triggers.keep_rows(f"{table}_no_delete", "DELETE", table)


def downgrade() -> None:
    with op.batch_alter_table("case_tip", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_case_tip_tip_id"))

    op.drop_table("case_tip")
    with op.batch_alter_table("case_task", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_case_task_case_id"))

    op.drop_table("case_task")
    with op.batch_alter_table("case_entry", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_case_entry_case_id"))

    op.drop_table("case_entry")
    with op.batch_alter_table("police_case", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_police_case_state"))
        batch_op.drop_index(batch_op.f("ix_police_case_jurisdiction_code"))

    op.drop_table("police_case")
    with op.batch_alter_table("review", schema=None) as batch_op:
        batch_op.drop_index(
            "review_one_holder",
            sqlite_where=sa.text("state = 'claimed'"),
            postgresql_where=sa.text("state = 'claimed'"),
        )
        batch_op.drop_index(
            "review_once_per_officer",
            sqlite_where=sa.text("state = 'decided'"),
            postgresql_where=sa.text("state = 'decided'"),
        )
        batch_op.drop_index(batch_op.f("ix_review_officer_id"))
        batch_op.drop_index(batch_op.f("ix_review_candidate_id"))

    op.drop_table("review")
    with op.batch_alter_table("lead", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_lead_tip_id"))
        batch_op.drop_index(batch_op.f("ix_lead_jurisdiction_code"))

    op.drop_table("lead")
    with op.batch_alter_table("candidate", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_candidate_tip_id"))
        batch_op.drop_index(batch_op.f("ix_candidate_state"))
        batch_op.drop_index(batch_op.f("ix_candidate_record_id"))
        batch_op.drop_index(batch_op.f("ix_candidate_list_id"))
        batch_op.drop_index(batch_op.f("ix_candidate_face_id"))
        batch_op.drop_index(
            "candidate_once_per_face",
            sqlite_where=sa.text("state <> 'withdrawn'"),
            postgresql_where=sa.text("state <> 'withdrawn'"),
        )
        batch_op.drop_index(
            "candidate_once_per_picture",
            sqlite_where=sa.text("state <> 'withdrawn'"),
            postgresql_where=sa.text("state <> 'withdrawn'"),
        )

    op.drop_table("candidate")
    with op.batch_alter_table("template", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_template_face_id"))

    op.drop_table("template")
    with op.batch_alter_table("reference", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_reference_record_id"))

    op.drop_table("reference")
    with op.batch_alter_table("candidate_list", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_candidate_list_face_id"))

    op.drop_table("candidate_list")
    with op.batch_alter_table("rendition", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_rendition_photo_id"))

    op.drop_table("rendition")
    with op.batch_alter_table("photo_hash", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_photo_hash_band3"))
        batch_op.drop_index(batch_op.f("ix_photo_hash_band2"))
        batch_op.drop_index(batch_op.f("ix_photo_hash_band1"))
        batch_op.drop_index(batch_op.f("ix_photo_hash_band0"))

    op.drop_table("photo_hash")
    with op.batch_alter_table("face", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_face_photo_id"))

    op.drop_table("face")
    with op.batch_alter_table("tip_message", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_tip_message_tip_id"))

    op.drop_table("tip_message")
    op.drop_table("submission")
    with op.batch_alter_table("photo", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_photo_tip_id"))
        batch_op.drop_index(batch_op.f("ix_photo_sha256"))
        batch_op.drop_index(batch_op.f("ix_photo_cluster_id"))

    op.drop_table("photo")
    with op.batch_alter_table("tip", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_tip_state"))
        batch_op.drop_index(batch_op.f("ix_tip_received_at"))
        batch_op.drop_index(batch_op.f("ix_tip_jurisdiction_code"))
        batch_op.drop_index(batch_op.f("ix_tip_external_id"))
        batch_op.drop_index(batch_op.f("ix_tip_channel_id"))

    op.drop_table("tip")
    with op.batch_alter_table("officer_session", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_officer_session_officer_id"))

    op.drop_table("officer_session")
    with op.batch_alter_table("record", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_record_state"))
        batch_op.drop_index(batch_op.f("ix_record_jurisdiction_code"))

    op.drop_table("record")
    with op.batch_alter_table("partner_key", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_partner_key_channel_id"))

    op.drop_table("partner_key")
    op.drop_table("officer")
    with op.batch_alter_table("sign_in_failure", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_sign_in_failure_account"))

    op.drop_table("sign_in_failure")
    op.drop_table("photo_cluster")
    with op.batch_alter_table("jurisdiction", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_jurisdiction_path"))
        batch_op.drop_index(batch_op.f("ix_jurisdiction_parent_code"))

    op.drop_table("jurisdiction")
    with op.batch_alter_table("job", schema=None) as batch_op:
        batch_op.drop_index("job_due")

    op.drop_table("job")
    op.drop_table("channel")
    with op.batch_alter_table("audit_event", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_audit_event_subject_id"))
        batch_op.drop_index(batch_op.f("ix_audit_event_actor_id"))
        batch_op.drop_index(batch_op.f("ix_audit_event_action"))

    op.drop_table("audit_event")
