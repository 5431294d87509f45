"""Derived targets: worked out from what is measured and from settings, such as a productivity from a yield and a time.

What is measured is learnt, and the formula, which is known, is not: what is believed is the formula of beliefs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from loop.history import History
from loop.outcome import Measured, Negative, Outcome
from loop.record import ObservationRecord
from loop.spec.building import build_objective, build_space, declared_of
from loop.spec.models import CampaignSpec
from loop.working import Working, workings_of

AS_TOLD: Final = ", as it was told"  # what a value of a derived target is called that nobody worked out


def derived(spec: CampaignSpec, history: History) -> History:
    """The history with what its outcomes say of derived targets; itself where there are none."""
    if not spec.derived:
        return history
    space = build_space(spec)
    workings = workings_of(build_objective(spec), space)
    return replace(
        history,
        observations=tuple(
            o if o.is_off else replace(o, outcome=_with(workings, o.outcome, o.at)) for o in history.observations
        ),
    )


def derived_records(spec: CampaignSpec, observations: Sequence[ObservationRecord]) -> tuple[ObservationRecord, ...]:
    """Observations with what they say of derived targets, as the record has them but for that."""
    if not spec.derived:
        return tuple(observations)
    space = build_space(spec)
    known = derived(spec, History.of(space, observations, (), declared_of(spec)))
    outcomes = {o.id: o.outcome for o in known.observations}
    return tuple(replace(o, outcome=outcomes.get(o.id, o.outcome)) for o in observations)


def _with(workings: Sequence[Working], outcome: Outcome, x: NDArray[np.float64]) -> Outcome:
    if not isinstance(outcome, Measured | Negative):
        return outcome
    names = {w.target.name for w in workings}
    told = tuple(m for m in outcome.measurements if m.property not in names)
    if not told:  # told when it was measured still, and nothing that it follows from: it is a value of nothing now
        by_hand = tuple(replace(m, property=f"{m.property}{AS_TOLD}") for m in outcome.measurements)
        return replace(outcome, measurements=by_hand) if by_hand else outcome
    found = [m for w in workings for m in w.of_outcome(replace(outcome, measurements=told), x)]
    return replace(outcome, measurements=(*told, *found)) if found or told != outcome.measurements else outcome
