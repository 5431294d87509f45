"""What may be lost: how much worse than at a candidate its neighbours may be, and still be good enough."""

from __future__ import annotations

import math
from collections.abc import Mapping

from loop.errors import PlanError
from loop.objective import Objective


def losses(objective: Objective, loses: Mapping[str, float]) -> Mapping[str, float]:
    """By target, what it may lose, on its scale: a decimal logarithm of the factor where that is logarithmic.

    Raises:
        PlanError: A target is not wanted or cannot lose so much, or nothing is asked at all.
    """
    wanted = {t.name: t for t in objective.wanted}
    for name, loss in loses.items():
        if name not in wanted:
            raise PlanError(f"{name!r} is no target that is wanted; losses are stated of {', '.join(wanted)}")
        least = 1.0 if wanted[name].is_log else 0.0
        if not (math.isfinite(loss) and loss > least):
            kind = "a factor above 1, since its scale is logarithmic" if least else "a number above zero"
            raise PlanError(f"what {name} may lose must be {kind}, got {loss:g}")
    if not loses and not any(t.has_bounds for t in objective.targets):
        name, target = next(iter(wanted.items()))
        much = "1" if target.levels is not None else "0.1" if target.classes is not None else "5"
        raise PlanError(
            f"no target has a threshold, so nothing says what is still good enough; give --loses, such as {name}={much}"
        )
    return {name: math.log10(loss) if wanted[name].is_log else loss for name, loss in loses.items()}
