"""What of the first batch a campaign file tells, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from loop.wording import plural

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from loop.objective import Objective
    from loop.space import Space

LOOKED_THROUGH: Final = 4_096  # candidates, to see how many are left


def first_batch(spec: Any, objective: Objective, space: Space) -> str:
    """The initial design in words, such as "24 experiments by d-optimal, for the quadratic model, in 3 blocks"."""
    from loop.design import CENTRES
    from loop.spec.checks.designing import initial_size

    initial, named = spec.planner.initial, spec.planner.copies * len(spec.planner.initial.first or ())
    if objective.is_cautious:
        return f"{plural(named, 'experiment')} that the file names" if named else "none: results are told, or pinned"
    said = [f"{plural(min(initial_size(spec), spec.budget.most) - named, 'experiment')} by {initial.design}"]
    if named:
        said = [f"{plural(named, 'experiment')} that the file names", *(said if spec.planner.first > named else ())]
    if centre := initial.centre or CENTRES.get(initial.design, 0):
        said.append(f"{centre * spec.planner.copies} of them at the centre")
    if initial.design.endswith("-optimal"):
        said.append(f"for the {initial.model or 'linear'} model")
    if heat := _heat(spec, objective, space):
        said.append(heat)
    if leaving := _leaving(spec, objective, space):
        said.append(leaving)
    if initial.blocks:
        said.append(f"in {plural(initial.blocks, 'block')}")
    return ", ".join(said)


def _heat(spec: Any, objective: Objective, space: Space) -> str:
    """What of the first experiments is hot, as far as the file tells; "" where nothing is."""
    from loop.policy.hottest import begins_hot, hottest, which

    if not begins_hot(spec.planner.initial, objective, space):
        return ""
    if (x := _all_of(space)) is not None and hottest(space, x, is_whole=True).sum() < _first_conditions(spec):
        return ""
    return f"hot ({which(space)}) unless {_leading(spec)} lead it"


def _leaving(spec: Any, objective: Objective, space: Space) -> str:
    """Which leaving groups the first experiments have, as far as the file tells; "" where they are of all."""
    from loop.policy.leaving import begins_with_the_best, has_any, which
    from loop.spec import build_general

    out = begins_with_the_best(spec.planner.initial, objective, space, build_general(spec, space))
    x = _all_of(space) if out else None
    if not out or (x is not None and (~has_any(x, out)).sum() < _first_conditions(spec)):
        return ""
    return f"without worse leaving groups ({which(space, out)}) unless {_leading(spec)} lead it"


def _all_of(space: Space) -> NDArray[np.float64] | None:
    """Every candidate, ``(n, d)``, of a space that is looked through; None of a larger one."""
    import numpy as np

    from loop.space import ProductPool

    if not space.is_finite or len(pool := ProductPool(space)) > LOOKED_THROUGH:
        return None
    return pool.take(np.arange(len(pool), dtype=np.int64))


def _first_conditions(spec: Any) -> int:
    """How many different ones the initial design is of."""
    return int(-(-min(spec.planner.first, spec.budget.most) // spec.planner.copies))


def _leading(spec: Any) -> str:
    """What a first batch follows before it is hot or of the best leaving groups."""
    hears = spec.prior or spec.memory not in (None, "off")
    return "a prior, earlier campaigns or results told before" if hears else "results told before"
