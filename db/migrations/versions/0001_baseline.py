"""The whole schema of 0.1.0, with the triggers that make facts append-only.

Revision 0001, the first. Frozen once released: a correction is the next revision.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

FACTS = (
    "campaign_version",
    "candidate",
    "result_envelope",
    "round",
    "envelope_judgement",
    "model",
    "proposal",
    "training_row",
    "approval",
    "prediction",
    "artifact",
    "attempt_event",
    "outcome",
    "failure",
    "measurement",
    "retraction",
    "run_context",
    "audit_log",
)
MESSAGE = "facts are append-only: add a row that says better, such as a retraction (hakken retract)"


def upgrade() -> None:
    """Make every table, then its triggers."""
    op.create_table(
        "audit_log",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", sa.String(length=32), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("previous", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_audit_log")),
    )
    op.create_table(
        "campaign",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("data_version", sa.Integer(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("lease_holder", sa.Text(), nullable=True),
        sa.Column("lease_expires", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("state IN ('active', 'finished', 'stopped')", name=op.f("ck_campaign_state")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_campaign")),
        sa.UniqueConstraint("name", name=op.f("uq_campaign_name")),
    )
    op.create_table(
        "schema_info",
        sa.Column("revision", sa.String(length=32), nullable=False),
        sa.Column("applied", sa.DateTime(timezone=True), nullable=False),
        sa.Column("hakken", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("revision", name=op.f("pk_schema_info")),
    )
    op.create_table(
        "campaign_version",
        sa.Column("entry", sa.BigInteger(), nullable=False),
        sa.Column("campaign_id", sa.String(length=64), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("spec", sa.Text(), nullable=False),
        sa.Column("sha", sa.String(length=64), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["campaign_id"], ["campaign.id"], name=op.f("fk_campaign_version_campaign_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("campaign_id", "number", name=op.f("pk_campaign_version")),
    )
    op.create_index(op.f("ix_campaign_version_entry"), "campaign_version", ["entry"], unique=False)
    op.create_table(
        "candidate",
        sa.Column("entry", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("campaign_id", sa.String(length=64), nullable=False),
        sa.Column("spec", sa.Text(), nullable=False),
        sa.Column("sha", sa.String(length=64), nullable=False),
        sa.Column("inchikey", sa.Text(), nullable=True),
        sa.Column("molecule", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["campaign_id"], ["campaign.id"], name=op.f("fk_candidate_campaign_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_candidate")),
        sa.UniqueConstraint("campaign_id", "sha", name=op.f("uq_candidate_campaign_id_sha")),
    )
    op.create_index(op.f("ix_candidate_entry"), "candidate", ["entry"], unique=False)
    op.create_index(op.f("ix_candidate_inchikey"), "candidate", ["inchikey"], unique=False)
    op.create_table(
        "result_envelope",
        sa.Column("entry", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("campaign_id", sa.String(length=64), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=True),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("sha", sa.String(length=64), nullable=False),
        sa.Column("settings", sa.Text(), nullable=True),
        sa.Column("settings_sha", sa.String(length=64), nullable=True),
        sa.Column("dedupe", sa.String(length=64), nullable=False),
        sa.Column("received", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["campaign_id"], ["campaign.id"], name=op.f("fk_result_envelope_campaign_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_result_envelope")),
        sa.UniqueConstraint("campaign_id", "dedupe", name=op.f("uq_result_envelope_campaign_id_dedupe")),
    )
    op.create_index(op.f("ix_result_envelope_entry"), "result_envelope", ["entry"], unique=False)
    op.create_table(
        "round",
        sa.Column("entry", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("campaign_id", sa.String(length=64), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("data_version", sa.Integer(), nullable=False),
        sa.Column("notes", sa.Text(), nullable=False),
        sa.Column("environment", sa.Text(), nullable=False),
        sa.Column("is_approved", sa.Boolean(), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("number >= 1", name=op.f("ck_round_number")),
        sa.ForeignKeyConstraint(
            ["campaign_id"], ["campaign.id"], name=op.f("fk_round_campaign_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_round")),
        sa.UniqueConstraint("campaign_id", "number", name=op.f("uq_round_campaign_id_number")),
    )
    op.create_index(op.f("ix_round_entry"), "round", ["entry"], unique=False)
    op.create_table(
        "envelope_judgement",
        sa.Column("entry", sa.BigInteger(), nullable=False),
        sa.Column("envelope_id", sa.String(length=64), nullable=False),
        sa.Column("verdict", sa.String(length=32), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "verdict IN ('accepted', 'duplicate', 'foreign', 'malformed', 'contradictory', 'late')",
            name=op.f("ck_envelope_judgement_verdict"),
        ),
        sa.ForeignKeyConstraint(
            ["envelope_id"], ["result_envelope.id"], name=op.f("fk_envelope_judgement_envelope_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("envelope_id", name=op.f("pk_envelope_judgement")),
    )
    op.create_index(op.f("ix_envelope_judgement_entry"), "envelope_judgement", ["entry"], unique=False)
    op.create_table(
        "model",
        sa.Column("entry", sa.BigInteger(), nullable=False),
        sa.Column("round_id", sa.String(length=64), nullable=False),
        sa.Column("surrogate", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("sha", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["round_id"], ["round.id"], name=op.f("fk_model_round_id"), ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("round_id", name=op.f("pk_model")),
    )
    op.create_index(op.f("ix_model_entry"), "model", ["entry"], unique=False)
    op.create_table(
        "proposal",
        sa.Column("entry", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("round_id", sa.String(length=64), nullable=False),
        sa.Column("candidate_id", sa.String(length=64), nullable=False),
        sa.Column("arm", sa.String(length=32), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("run_order", sa.Integer(), nullable=False),
        sa.Column("replicates", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("acquisition", sa.Text(), nullable=False),
        sa.Column("acquisition_value", sa.Float(precision=53), nullable=True),
        sa.Column("neighbour", sa.Text(), nullable=True),
        sa.Column("novelty", sa.Float(precision=53), nullable=True),
        sa.CheckConstraint(
            "arm IN ('initial', 'model', 'control', 'replicate', 'manual')", name=op.f("ck_proposal_arm")
        ),
        sa.ForeignKeyConstraint(
            ["candidate_id"], ["candidate.id"], name=op.f("fk_proposal_candidate_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(["round_id"], ["round.id"], name=op.f("fk_proposal_round_id"), ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_proposal")),
        sa.UniqueConstraint("round_id", "position", name=op.f("uq_proposal_round_id_position")),
    )
    op.create_index(op.f("ix_proposal_candidate_id"), "proposal", ["candidate_id"], unique=False)
    op.create_index(op.f("ix_proposal_entry"), "proposal", ["entry"], unique=False)
    op.create_table(
        "training_row",
        sa.Column("entry", sa.BigInteger(), nullable=False),
        sa.Column("round_id", sa.String(length=64), nullable=False),
        sa.Column("role", sa.String(length=32), nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("reference", sa.String(length=64), nullable=False),
        sa.CheckConstraint("role IN ('observation', 'pending')", name=op.f("ck_training_row_role")),
        sa.ForeignKeyConstraint(["round_id"], ["round.id"], name=op.f("fk_training_row_round_id"), ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("round_id", "role", "position", name=op.f("pk_training_row")),
        sa.UniqueConstraint("round_id", "role", "reference", name=op.f("uq_training_row_round_id_role_reference")),
    )
    op.create_index(op.f("ix_training_row_entry"), "training_row", ["entry"], unique=False)
    op.create_table(
        "approval",
        sa.Column("entry", sa.BigInteger(), nullable=False),
        sa.Column("proposal_id", sa.String(length=64), nullable=False),
        sa.Column("is_approved", sa.Boolean(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["proposal_id"], ["proposal.id"], name=op.f("fk_approval_proposal_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("proposal_id", name=op.f("pk_approval")),
    )
    op.create_index(op.f("ix_approval_entry"), "approval", ["entry"], unique=False)
    op.create_table(
        "attempt",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("proposal_id", sa.String(length=64), nullable=False),
        sa.Column("replicate_no", sa.Integer(), nullable=False),
        sa.Column("attempt_no", sa.Integer(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("entry", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("adapter", sa.Text(), nullable=True),
        sa.Column("handle", sa.Text(), nullable=True),
        sa.Column("lease_holder", sa.Text(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("updated", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "state IN ('ready', 'sending', 'submitted', 'running', 'ended', 'ambiguous', 'cancelled', 'expired')",
            name=op.f("ck_attempt_state"),
        ),
        sa.ForeignKeyConstraint(
            ["proposal_id"], ["proposal.id"], name=op.f("fk_attempt_proposal_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attempt")),
        sa.UniqueConstraint(
            "proposal_id", "replicate_no", "attempt_no", name=op.f("uq_attempt_proposal_id_replicate_no_attempt_no")
        ),
    )
    op.create_index(op.f("ix_attempt_entry"), "attempt", ["entry"], unique=False)
    op.create_index(op.f("ix_attempt_state"), "attempt", ["state"], unique=False)
    op.create_table(
        "prediction",
        sa.Column("entry", sa.BigInteger(), nullable=False),
        sa.Column("proposal_id", sa.String(length=64), nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("member", sa.Text(), nullable=False),
        sa.Column("mean", sa.Float(precision=53), nullable=False),
        sa.Column("sd", sa.Float(precision=53), nullable=False),
        sa.Column("weight", sa.Float(precision=53), nullable=True),
        sa.ForeignKeyConstraint(
            ["proposal_id"], ["proposal.id"], name=op.f("fk_prediction_proposal_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("proposal_id", "position", name=op.f("pk_prediction")),
        sa.UniqueConstraint("proposal_id", "target", "member", name=op.f("uq_prediction_proposal_id_target_member")),
    )
    op.create_index(op.f("ix_prediction_entry"), "prediction", ["entry"], unique=False)
    op.create_table(
        "artifact",
        sa.Column("entry", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("campaign_id", sa.String(length=64), nullable=False),
        sa.Column("sha", sa.String(length=64), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("attempt_id", sa.String(length=64), nullable=True),
        sa.Column("dedupe", sa.String(length=64), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("size >= 0", name=op.f("ck_artifact_size")),
        sa.ForeignKeyConstraint(
            ["attempt_id"], ["attempt.id"], name=op.f("fk_artifact_attempt_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["campaign_id"], ["campaign.id"], name=op.f("fk_artifact_campaign_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_artifact")),
        sa.UniqueConstraint("campaign_id", "dedupe", name=op.f("uq_artifact_campaign_id_dedupe")),
    )
    op.create_index(op.f("ix_artifact_entry"), "artifact", ["entry"], unique=False)
    op.create_table(
        "attempt_event",
        sa.Column("entry", sa.BigInteger(), nullable=False),
        sa.Column("attempt_id", sa.String(length=64), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("event", sa.String(length=32), nullable=False),
        sa.Column("before", sa.String(length=32), nullable=False),
        sa.Column("after", sa.String(length=32), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("adapter", sa.Text(), nullable=True),
        sa.Column("handle", sa.Text(), nullable=True),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "after IN ('ready', 'sending', 'submitted', 'running', 'ended', 'ambiguous', 'cancelled', 'expired')",
            name=op.f("ck_attempt_event_after"),
        ),
        sa.CheckConstraint(
            "before IN ('ready', 'sending', 'submitted', 'running', 'ended', 'ambiguous', 'cancelled', 'expired')",
            name=op.f("ck_attempt_event_before"),
        ),
        sa.CheckConstraint(
            "event IN ('claimed', 'accepted', 'doubted', 'absent', 'started', 'outcome', 'cancel', 'expire')",
            name=op.f("ck_attempt_event_event"),
        ),
        sa.ForeignKeyConstraint(
            ["attempt_id"], ["attempt.id"], name=op.f("fk_attempt_event_attempt_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("attempt_id", "number", name=op.f("pk_attempt_event")),
    )
    op.create_index(op.f("ix_attempt_event_entry"), "attempt_event", ["entry"], unique=False)
    op.create_table(
        "outcome",
        sa.Column("entry", sa.BigInteger(), nullable=False),
        sa.Column("envelope_id", sa.String(length=64), nullable=False),
        sa.Column("campaign_id", sa.String(length=64), nullable=False),
        sa.Column("candidate_id", sa.String(length=64), nullable=False),
        sa.Column("attempt_id", sa.String(length=64), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("recorded", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("kind IN ('measured', 'negative', 'fault')", name=op.f("ck_outcome_kind")),
        sa.ForeignKeyConstraint(
            ["attempt_id"], ["attempt.id"], name=op.f("fk_outcome_attempt_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["campaign_id"], ["campaign.id"], name=op.f("fk_outcome_campaign_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["candidate_id"], ["candidate.id"], name=op.f("fk_outcome_candidate_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["envelope_id"], ["result_envelope.id"], name=op.f("fk_outcome_envelope_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("envelope_id", name=op.f("pk_outcome")),
        sa.UniqueConstraint("attempt_id", "revision", name=op.f("uq_outcome_attempt_id_revision")),
    )
    op.create_index(op.f("ix_outcome_campaign_id"), "outcome", ["campaign_id"], unique=False)
    op.create_index(op.f("ix_outcome_candidate_id"), "outcome", ["candidate_id"], unique=False)
    op.create_index(op.f("ix_outcome_entry"), "outcome", ["entry"], unique=False)
    op.create_table(
        "failure",
        sa.Column("entry", sa.BigInteger(), nullable=False),
        sa.Column("outcome_id", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("is_informative", sa.Boolean(), nullable=False),
        sa.CheckConstraint(
            "kind IN ('input_error', 'resource_error', 'convergence_error', 'random_error', 'compute_lost', 'instrument_fault', 'consumable_missing', 'safety_stop', 'cancelled', 'timeout', 'analysis_failed', 'ambiguous', 'unknown')",
            name=op.f("ck_failure_kind"),
        ),
        sa.ForeignKeyConstraint(
            ["outcome_id"], ["outcome.envelope_id"], name=op.f("fk_failure_outcome_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("outcome_id", name=op.f("pk_failure")),
    )
    op.create_index(op.f("ix_failure_entry"), "failure", ["entry"], unique=False)
    op.create_table(
        "measurement",
        sa.Column("entry", sa.BigInteger(), nullable=False),
        sa.Column("outcome_id", sa.String(length=64), nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("property", sa.Text(), nullable=False),
        sa.Column("value", sa.Float(precision=53), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("canonical", sa.Float(precision=53), nullable=False),
        sa.Column("sd", sa.Float(precision=53), nullable=True),
        sa.Column("canonical_sd", sa.Float(precision=53), nullable=True),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("qualifier", sa.String(length=32), nullable=False),
        sa.Column("channel", sa.Text(), nullable=True),
        sa.CheckConstraint("qualifier IN ('=', '<', '>')", name=op.f("ck_measurement_qualifier")),
        sa.CheckConstraint("n >= 1", name=op.f("ck_measurement_n")),
        sa.ForeignKeyConstraint(
            ["outcome_id"], ["outcome.envelope_id"], name=op.f("fk_measurement_outcome_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("outcome_id", "position", name=op.f("pk_measurement")),
    )
    op.create_index(op.f("ix_measurement_entry"), "measurement", ["entry"], unique=False)
    op.create_table(
        "retraction",
        sa.Column("entry", sa.BigInteger(), nullable=False),
        sa.Column("outcome_id", sa.String(length=64), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["outcome_id"], ["outcome.envelope_id"], name=op.f("fk_retraction_outcome_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("outcome_id", name=op.f("pk_retraction")),
    )
    op.create_index(op.f("ix_retraction_entry"), "retraction", ["entry"], unique=False)
    op.create_table(
        "run_context",
        sa.Column("entry", sa.BigInteger(), nullable=False),
        sa.Column("outcome_id", sa.String(length=64), nullable=False),
        sa.Column("instrument", sa.Text(), nullable=True),
        sa.Column("plate", sa.Text(), nullable=True),
        sa.Column("well", sa.Text(), nullable=True),
        sa.Column("lot", sa.Text(), nullable=True),
        sa.Column("operator", sa.Text(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("sha", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["outcome_id"], ["outcome.envelope_id"], name=op.f("fk_run_context_outcome_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("outcome_id", name=op.f("pk_run_context")),
    )
    op.create_index(op.f("ix_run_context_entry"), "run_context", ["entry"], unique=False)

    refuse_changes(op.get_bind().dialect.name)


def refuse_changes(dialect: str) -> None:
    """No UPDATE and no DELETE on a fact."""
    if dialect == "sqlite":
        for table in FACTS:
            for verb in ("update", "delete"):
                op.execute(
                    f"CREATE TRIGGER {table}_refuses_{verb} BEFORE {verb.upper()} ON {table} "
                    f"BEGIN SELECT RAISE(ABORT, '{table}: {MESSAGE}'); END"
                )
        return
    op.execute(
        "CREATE OR REPLACE FUNCTION hakken_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$\nBEGIN\n"
        f"    RAISE EXCEPTION '%: {MESSAGE}', TG_TABLE_NAME;\nEND $$"
    )
    for table in FACTS:
        op.execute(
            f"CREATE TRIGGER {table}_refuses_change BEFORE UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION hakken_refuse_change()"
        )
        op.execute(
            f"CREATE TRIGGER {table}_refuses_truncate BEFORE TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION hakken_refuse_change()"
        )
