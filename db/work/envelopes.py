"""Envelopes: stored unread as they come, and judged once."""

from __future__ import annotations

import json
from typing import Any

from db import reading
from db import tables as t
from db.canonical import lenient, sha256
from db.rules import check_verdict
from db.work.campaign import HeldCampaign
from loop.record import EnvelopeDraft, EnvelopeRecord, Verdict


def receive(held: HeldCampaign, envelope: EnvelopeDraft) -> EnvelopeRecord:
    """Store what was received, unread; the same again gives the first record."""
    settings = None if envelope.settings is None else lenient(envelope.settings)
    dedupe = sha256(lenient([envelope.source, envelope.key, envelope.payload, settings]))
    table = t.ResultEnvelope
    mine = (table.campaign_id == held.id) & (table.dedupe == dedupe)
    if known := reading.envelopes(held.session, mine):
        return known[0]
    row: dict[str, Any] = {
        "id": held.writer.new_id(),
        "campaign_id": held.id,
        "source": envelope.source,
        "key": envelope.key,
        "payload": envelope.payload,
        "sha": sha256(envelope.payload),
        "settings": settings,
        "settings_sha": None if settings is None else sha256(settings),
        "dedupe": dedupe,
        "received": held.writer.now(),
    }
    held.write("receive", {"envelope": row["id"], "source": envelope.source, "key": envelope.key}, (table, [row]))
    return EnvelopeRecord(
        row["id"],
        envelope.source,
        envelope.key,
        envelope.payload,
        row["sha"],
        None if settings is None else json.loads(settings),
        row["received"],
        None,
        "",
    )


def judge(held: HeldCampaign, envelope_id: str, verdict: Verdict, message: str) -> None:
    """Record what was made of an envelope. The same verdict again changes nothing.

    Raises:
        NotFound: The campaign has no such envelope.
        LedgerError: It was judged otherwise, or the verdict is ACCEPTED, which only ``accept`` gives.
    """
    envelope = held.envelope(envelope_id)
    if envelope.verdict is verdict:
        return
    check_verdict(envelope, verdict)
    held.write(
        "judge",
        {"envelope": envelope_id, "verdict": verdict.value},
        (t.EnvelopeJudgement, [judgement_row(held, envelope_id, verdict, message)]),
    )


def judgement_row(held: HeldCampaign, envelope_id: str, verdict: Verdict, message: str) -> dict[str, Any]:
    """The row that says what was made of an envelope."""
    return {"envelope_id": envelope_id, "verdict": verdict, "message": message, "at": held.writer.now()}
