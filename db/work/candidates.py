"""Candidates: one row for each point of a campaign, however often it is proposed or told."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select

from db import tables as t
from db.canonical import sha256
from db.rows import Rows
from db.rules import candidate_spec
from db.work.campaign import HeldCampaign
from loop.record import Candidate


def identified(held: HeldCampaign, points: Sequence[Candidate]) -> tuple[list[str], Rows]:
    """The id of each candidate, and rows for those not on record yet."""
    specs = [candidate_spec(point) for point in points]
    shas = [sha256(spec) for spec in specs]
    table = t.Candidate
    ids = dict(
        held.session.execute(
            select(table.sha, table.id).where(table.campaign_id == held.id, table.sha.in_(set(shas)))
        ).all()
    )
    rows: Rows = []
    for point, spec, sha in zip(points, specs, shas, strict=True):
        if sha not in ids:
            ids[sha] = held.writer.new_id()
            rows.append(
                {
                    "id": ids[sha],
                    "campaign_id": held.id,
                    "spec": spec,
                    "sha": sha,
                    "inchikey": point.inchikey,
                    "molecule": next(iter(point.smiles.values())) if point.inchikey and point.smiles else None,
                }
            )
    return [ids[sha] for sha in shas], rows
