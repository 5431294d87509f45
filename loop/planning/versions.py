"""Versions of a fidelity in a design: each of them where its cost is to be learnt, the real one where asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from loop.fidelity import as_real, fidelity_column
from loop.planning.pick import Pick
from loop.planning.situation import Situation
from loop.space import Category
from loop.space.rows import is_among
from loop.spec.costs import unpriced


def each_version(s: Situation, picks: Sequence[Pick]) -> tuple[list[Pick], list[str]]:
    """The same picks with every version among them that was never tried, so that what it costs becomes known.

    Nothing is changed where the costs of the versions are stated. Notes say which version found no place.
    """
    found = list(picks)
    column = fidelity_column(s.space)
    if column is None or unpriced(s.spec) is None:
        return found, []
    notes = []
    options = _options(s, column)
    met = {int(o.x[column]) for o in s.history.observations} | {int(p.x[column]) for p in s.history.pending}
    for version in range(options.size):
        here = [int(p.x[column]) for p in found]
        if version in met or version in here:
            continue
        for i in reversed(range(len(found))):
            x = found[i].x.copy()
            x[column] = float(version)
            is_spare = here.count(here[i]) > 1 or here[i] in met
            others = np.vstack([s.tried, *(p.x[None] for p in found)])
            if is_spare and s.space.allows(x[None])[0] and not is_among(x[None], others)[0]:
                found[i] = replace(found[i], x=x)
                break
        else:
            notes.append(f"no experiment of {options.value(float(version))!r} found a place among the first")
    return found, notes


def made_real(s: Situation, picks: Sequence[Pick]) -> list[Pick]:
    """The same candidates as the real thing, each once and none that was tried."""
    taken, found = s.tried, []
    for pick in picks:
        x = as_real(s.space, pick.x[None])[0]
        if not is_among(x[None], taken)[0]:
            found.append(replace(pick, x=x))
            taken = np.vstack([taken, x])
    return found


def told_by_versions(s: Situation) -> NDArray[np.bool_]:
    """Whether each version tells of each wanted target, by its results so far: shape ``(versions, w)``.

    One without a result is taken to tell of all of them, and so is the real thing.
    """
    column = fidelity_column(s.space)
    assert column is not None, "the space has no fidelity"
    wanted = [i for i, t in enumerate(s.objective.targets) if t.is_wanted]
    tells = np.ones((_options(s, column).size, len(wanted)), dtype=bool)
    for version, told in enumerate(tells[:-1]):
        here = s.table.y[s.table.x[:, column] == version][:, wanted]
        if len(here):
            told[:] = ~np.isnan(here).all(axis=0)
    return tells


def _options(s: Situation, column: int) -> Category:
    found = s.space.parameters[column]
    assert isinstance(found, Category)
    return found
