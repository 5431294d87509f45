"""How far the numbers of a campaign file stray, as it says."""

from __future__ import annotations

from loop.space import Space
from loop.spec.models import CampaignSpec
from loop.spec.space_models import NumberSpec
from loop.tolerance import Tolerance, Tolerances


def build_tolerances(spec: CampaignSpec, space: Space) -> Tolerances | None:
    """What a resolved spec says of how far its numbers stray; None where it says nothing."""
    conditional = {space.names[c.column] for c in space.conditions}
    found = []
    for name, said in spec.space.items():
        if isinstance(said, NumberSpec) and said.strays is not None:
            column, (amount, is_share) = space.names.index(name), said.strays
            can_be_none = bool(said.or_zero) or name in conditional
            found.append(Tolerance(name, column, amount, space.parameters[column].unit, is_share, can_be_none))
    names = {one.name for one in found}
    order = tuple(p.name for p in space.shown if p.name in names)
    return Tolerances(tuple(sorted(found, key=lambda one: one.column)), order) if found else None
