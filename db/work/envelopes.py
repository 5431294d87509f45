"""Envelopes: stored unread as they come, and judged once."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import select

from db import reading
from db import tables as t
from db.canonical import lenient, sha256
from db.reading.results import in_parts
from db.rules import check_verdict
from db.work.campaign import HeldCampaign
from db.work.writer import Part
from loop.record import EnvelopeDraft, EnvelopeRecord, Json, Verdict


def receive(held: HeldCampaign, envelope: EnvelopeDraft) -> EnvelopeRecord:
    """Store what was received, unread; the same again gives the first record."""
    return receive_all(held, [envelope])[0]


def receive_all(held: HeldCampaign, drafts: Sequence[EnvelopeDraft]) -> list[EnvelopeRecord]:
    """``receive`` of each, in their order."""
    return [record for some in in_parts(drafts) for record in _received(held, some)]


def _received(held: HeldCampaign, drafts: Sequence[EnvelopeDraft]) -> list[EnvelopeRecord]:
    """The same of at most ``LONGEST_LIST``."""
    settings = [None if draft.settings is None else lenient(draft.settings) for draft in drafts]
    dedupes = [
        sha256(lenient([draft.source, draft.key, draft.payload, said]))
        for draft, said in zip(drafts, settings, strict=True)
    ]
    table = t.ResultEnvelope
    mine = (table.campaign_id == held.id, table.dedupe.in_(dedupes))
    places = dict(held.session.execute(select(table.id, table.dedupe).where(*mine)).all())
    known = {places[e.id]: e for e in (reading.envelopes(held.session, *mine) if places else ())}
    entries: list[tuple[Json, list[Part]]] = []
    for draft, said, dedupe in zip(drafts, settings, dedupes, strict=True):
        if dedupe in known:
            continue
        row: dict[str, Any] = {
            "id": held.writer.new_id(),
            "campaign_id": held.id,
            "source": draft.source,
            "key": draft.key,
            "payload": draft.payload,
            "sha": sha256(draft.payload),
            "settings": said,
            "settings_sha": None if said is None else sha256(said),
            "dedupe": dedupe,
            "received": held.writer.now(),
        }
        entries.append(({"envelope": row["id"], "source": draft.source, "key": draft.key}, [(table, [row])]))
        known[dedupe] = EnvelopeRecord(
            row["id"],
            draft.source,
            draft.key,
            draft.payload,
            row["sha"],
            None if said is None else json.loads(said),
            row["received"],
            None,
            "",
        )
    if entries:
        held.write_all("receive", entries)
    return [known[dedupe] for dedupe in dedupes]


def judge_all(held: HeldCampaign, judged: Sequence[tuple[str, Verdict, str]]) -> None:
    """Record what was made of envelopes: of each its id, the verdict and a message. The same verdict changes nothing.

    Raises:
        NotFound: The campaign has no such envelope.
        LedgerError: One was judged otherwise, or a verdict is ACCEPTED, which only ``accept`` gives.
    """
    for some in in_parts(judged):
        known = held.envelopes([envelope_id for envelope_id, _, _ in some])
        entries: list[tuple[Json, list[Part]]] = []
        for envelope_id, verdict, message in some:
            if known[envelope_id].verdict is verdict:
                continue
            check_verdict(known[envelope_id], verdict)
            known[envelope_id] = replace(known[envelope_id], verdict=verdict)
            row = judgement_row(held, envelope_id, verdict, message)
            about = {"envelope": envelope_id, "verdict": verdict.value}
            entries.append((about, [(t.EnvelopeJudgement, [row])]))
        if entries:
            held.write_all("judge", entries)


def judgement_row(held: HeldCampaign, envelope_id: str, verdict: Verdict, message: str) -> dict[str, Any]:
    """The row that says what was made of an envelope."""
    return {"envelope_id": envelope_id, "verdict": verdict, "message": message, "at": held.writer.now()}
