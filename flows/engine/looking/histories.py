"""Histories: what the record of a campaign says, as the planner sees it, and the seeds of its rounds."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace

from flows.engine.looking.outgrown import outgrown
from loop.errors import SpaceError
from loop.history import History
from loop.record import AttemptRecord, ObservationRecord
from loop.space import Space
from loop.spec import CampaignSpec, declared_of


def history_of(
    spec: CampaignSpec, space: Space, observations: Sequence[ObservationRecord], pending: Sequence[AttemptRecord]
) -> tuple[History, tuple[str, ...]]:
    """The history, and notes on pending attempts that lie outside a space that was changed meanwhile."""
    inside, notes = [], []
    for attempt in pending:
        try:
            space.coordinates(space.as_named(attempt.settings, attempt.smiles))
        except SpaceError as error:
            notes.append(f"pending attempt {attempt.key} does not condition the batch: {error}")
            continue
        inside.append(attempt)
    history = History.of(space, observations, inside, declared_of(spec))
    beyond = outgrown(spec, space, observations, history)
    return replace(history, outgrown=beyond.places, notes=(*history.notes, *beyond.notes)), tuple(notes)


def seed_of(seed: int, campaign: str, number: int) -> int:
    """The seed of a round: the same wherever and however often it is planned, and another for each round."""
    digest = hashlib.sha256(f"{seed}\0{campaign}\0{number}".encode()).digest()
    return int.from_bytes(digest[:4], "big") >> 1  # 31 bits: what every random generator takes
