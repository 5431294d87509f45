"""What parameters were before they were some, in results that are on record without them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from loop.errors import SpaceError
from loop.space import Parameter, Space
from loop.spec.lines import Problem
from loop.spec.models import CampaignSpec
from loop.spec.space_models import ContextSpec, DerivedSpec, MixtureSpec, ParameterSpec

SUMS: Final = 1e-6  # by how much fractions may miss one


def earlier_of(columns: Mapping[str, ParameterSpec]) -> dict[str, str | float]:
    """What each parameter was that says it, and each part of a mixture that does."""
    found: dict[str, str | float] = {}
    for name, p in columns.items():
        said = getattr(p, "earlier", None)
        if isinstance(p, MixtureSpec) and said is not None:
            found |= {f"{name}.{part}": said.get(part, 0.0) for part in p.parts}
        elif said is not None:
            found[name] = said
    return found


def problem_of_earlier(spec: CampaignSpec, space: Space) -> Problem | None:
    """What is wrong with what parameters are said to have been before; None where nothing is."""
    by_name = {p.name: p for p in space.parameters}
    for name, said in spec.space.items():
        if isinstance(said, MixtureSpec):
            problem = _of_fractions(said)
        else:
            problem = _of_value(by_name[name], space.earlier[name]) if name in space.earlier else ""
        if problem:
            return ("space", name, "earlier"), problem
    chosen = {name: p for name, p in spec.space.items() if not isinstance(p, DerivedSpec | ContextSpec)}
    if all(getattr(p, "earlier", None) is not None for p in chosen.values()):
        name = next(iter(chosen))
        return ("space", name, "earlier"), (
            "every parameter says what it was earlier, so results on record would all be of one candidate; leave it "
            "out of those that were parameters then"
        )
    return None


def _of_fractions(said: MixtureSpec) -> str:
    if said.earlier is None:
        return ""
    parts = ", ".join(said.parts)
    if unknown := sorted(set(said.earlier) - set(said.parts)):
        return f"{unknown[0]!r} is none of its parts, {parts}; give the fraction of each that was in it"
    if min(said.earlier.values(), default=0.0) < 0.0 or abs(sum(said.earlier.values()) - 1.0) > SUMS:
        return f"the fractions must sum to 1, and none be below 0, got {sum(said.earlier.values()):g} in all of {parts}"
    return ""


def _of_value(p: Parameter, value: str | float) -> str:
    try:
        p.index(value)
    except SpaceError as error:
        return str(error)
    return ""
