"""Where a coupling's yield is sought: the first experiments with the best leaving group that each substrate comes with.

Of one aryl or alkenyl group that is offered as chloride, bromide and iodide, a metal takes up the iodide most readily.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from loop.generality import Generality
from loop.molecules.leaving_groups import serves_couplings
from loop.objective import Objective
from loop.policy.hottest import SEVERAL, are_worse, is_yield
from loop.space import Space
from loop.space.electrophiles import Outdone, is_ingredient, outdone_options
from loop.spec.models import InitialSpec
from loop.training import Table

MEANING: Final = "spread of leaving groups"


def begins_with_the_best(
    initial: InitialSpec, objective: Objective, space: Space, general: Generality | None = None
) -> Outdone:
    """What the first experiments leave out: as the campaign file says, else where a coupling's yield alone is sought.

    That is where every target is a yield and another component has an option with nickel, copper or palladium, or a
    phosphine or a carbene. Of a scope over which conditions are judged nothing is left out.
    """
    if initial.design != "spread" or initial.best_leaving_group is False:
        return {}
    found = outdone_options(space.parameters, () if general is None else general.columns)
    if initial.best_leaving_group or not found:
        return found
    is_sought = bool(objective.targets) and all(map(is_yield, objective.targets))
    return {column: out for column, out in found.items() if is_sought and _is_coupled(space, column)}


def speaks_against(initial: InitialSpec, objective: Objective, table: Table, out: Outdone) -> bool:
    """Whether results on record speak against the best leaving groups: all are worse than all that are outdone.

    What a campaign file asks for stays.
    """
    if initial.best_leaving_group is not None:
        return False
    best = ~has_any(table.x, out)
    return min(best.sum(), (~best).sum()) >= SEVERAL and are_worse(objective, table, best)


def has_any(x: NDArray[np.float64], out: Outdone) -> NDArray[np.bool_]:
    """Which of ``x``, ``(m, d)``, have an option that is outdone: ``(m,)``."""
    found = np.zeros(len(x), dtype=bool)
    for column, those in out.items():
        codes = x[:, column].astype(np.int64)
        found |= (codes < len(those)) & those[np.minimum(codes, len(those) - 1)]  # a code beyond is no option at all
    return found


def which(space: Space, out: Outdone) -> str:
    """How many options are left out, such as "halide: 10 of 15 options"."""
    return ", ".join(
        f"{space.parameters[c].name}: {int(those.sum())} of {len(those)} options" for c, those in out.items()
    )


def said(space: Space, out: Outdone) -> str:
    """What was done, and the way out, as a note of the round."""
    return (
        f"the first experiments leave out what is offered with a better leaving group too ({which(space, out)}): "
        "couplings with iodides mostly yield more than with bromides or triflates, and these more than with chlorides; "
        "to spread them over all, write initial: {best_leaving_group: false} under planner: in the campaign file"
    )


def harmful(space: Space, out: Outdone) -> str:
    """Why the rest of the first experiments is spread over all of them, as a note of the round."""
    return (
        f"of the results on record those with the best leaving groups are the worst, so nothing is left out for that "
        f"({which(space, out)})"
    )


def too_few(space: Space, out: Outdone, n: int) -> str:
    """Why the first ``n`` experiments leave nothing out, as a note of the round."""
    return (
        f"fewer than {n} candidates have the best leaving groups, so nothing is left out for that ({which(space, out)})"
    )


def _is_coupled(space: Space, column: int) -> bool:
    others = (p for c, p in enumerate(space.parameters) if c != column and is_ingredient(p))
    return any(serves_couplings(smiles) for p in others for smiles in p.smiles if smiles)
