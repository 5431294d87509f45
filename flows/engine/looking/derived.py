"""Observations with what they say of derived targets, which is on no record: it follows from what is."""

from __future__ import annotations

from collections.abc import Sequence

from loop.record import Json, ObservationRecord


def with_derived(spec: Json, observations: Sequence[ObservationRecord]) -> tuple[ObservationRecord, ...]:
    """The same with values and limits of the derived targets of a resolved spec; themselves where it has none."""
    if not spec.get("derived"):
        return tuple(observations)
    from loop.derived import derived_records  # NumPy, and the space: only where they are asked for
    from loop.spec import CampaignSpec

    return derived_records(CampaignSpec.from_record(spec), observations)
