"""Components offered with several leaving groups, and which of their options are the same with a better one."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TypeAlias, TypeGuard

import numpy as np
from numpy.typing import NDArray

from loop.molecules.leaving_groups import outdone
from loop.space.parameters import Component, Parameter

Outdone: TypeAlias = Mapping[int, NDArray[np.bool_]]  # by column, of which options another has a better leaving group


def outdone_options(parameters: Sequence[Parameter], but: Collection[int] = ()) -> Outdone:
    """Of the ingredients with options that are outdone, which: by column, ``but`` for some."""
    found = {}
    for column, p in enumerate(parameters):
        if column not in but and is_ingredient(p) and (out := outdone(p.smiles)).any():
            found[column] = out
    return found


def is_ingredient(p: Parameter) -> TypeGuard[Component]:
    """Whether a parameter is a choice between substances, rather than of a library or of reactions."""
    return isinstance(p, Component) and not p.is_library and not p.is_stored and not p.has_reactions
