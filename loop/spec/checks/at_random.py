"""What a file says that no batch drawn at random can follow; a file may have it all the same, as for a baseline."""

from __future__ import annotations

from collections.abc import Iterator

from loop.spec.models import CampaignSpec
from loop.spec.space_models import NumberSpec


def unheard_at_random(spec: CampaignSpec) -> Iterator[str]:
    """A sentence on what no model hears of, where there is none."""
    planner = spec.planner
    if planner.surrogate != "random":
        return
    unheard = [f"space.{n}.tolerance" for n, p in spec.space.items() if isinstance(p, NumberSpec) and p.tolerance]
    unheard += ["planner.acquisition"] * (planner.acquisition not in ("auto", "random"))
    unheard += ["planner.replicates"] * (planner.replicates == "planned")
    unheard += ["planner.per_cost"] * bool(planner.per_cost)
    unheard += ["prior"] * bool(spec.prior)
    unheard += ["memory"] * bool(spec.memory)
    if unheard:
        yield f"surrogate random draws every batch, and nothing hears of {', '.join(unheard)}; a model does"
