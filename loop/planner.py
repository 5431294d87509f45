"""``plan``: from a spec and a history to the next batch. Pure: the same arguments give the same batch."""

from __future__ import annotations

from dataclasses import dataclass

from loop.history import History
from loop.record import Json, ProposalDraft
from loop.space import Pool
from loop.spec import CampaignSpec


@dataclass(frozen=True, slots=True)
class Plan:
    """A batch with everything that led to it; ``model`` and ``notes`` are what the record keeps."""

    seed: int
    surrogate: str  # "" for an initial design
    model: Json
    notes: tuple[str, ...]
    observations: tuple[str, ...]  # ids it was planned from, in order
    pending: tuple[str, ...]
    proposals: tuple[ProposalDraft, ...]


def plan(spec: CampaignSpec, history: History, pool: Pool | None, *, seed: int, experiments: int) -> Plan:
    """Choose the next batch.

    Args:
        spec: A resolved spec.
        history: What was observed and what is pending.
        pool: Candidates to choose from; None for all of the space (``ProductPool`` where it is finite).
        seed: Decides every random choice.
        experiments: At most so many experiments (proposals times replicates), what the budget leaves.

    Raises:
        PoolExhausted: Nothing is left to propose.
    """
    raise PoolExhausted("not written yet")  # being written
