"""Descriptors of one's own in words: how many are given, which of them models use, and which were not known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from loop.space import Space

SHOWN = 8  # descriptors that are named


def descriptors_in(space: Space) -> list[str]:
    """Of each parameter which descriptors are used: those that tell apart what others do not, and how many are given.

    Such as "ligand: homo, gap (2 of 5)".
    """
    import numpy as np

    found = []
    for p in space.shown:
        given = getattr(p, "descriptors", None)
        if given is None:
            continue
        from loop.molecules.descriptors import OF_GIVEN, told_apart  # RDKit: only where there are any

        known = given.values[np.isfinite(given.values).all(axis=1)]
        used = [given.names[i] for i in told_apart(known, OF_GIVEN).columns]
        more = ", …" if len(used) > SHOWN else ""
        named = f"{', '.join(used[:SHOWN])}{more} ({len(used)} of {len(given.names)})"
        found.append(f"{p.name}: {named if used else 'none, as all options have the same'}")
    return found


def imputed_in(spec: Any) -> list[str]:
    """A note for each parameter of whose options some numbers were not known."""
    from loop.wording import plural

    found = []
    for name, p in spec.space.items():
        given = getattr(p, "descriptors", None)
        if given is None or not given.imputed:
            continue
        n = sum(map(len, given.imputed.values()))
        option, names = next(iter(given.imputed.items()))
        found.append(
            f"{name}: the table lacks {plural(n, 'descriptor')} (first {names[0]} of {option}); the mean of the other "
            "options stands there"
        )
    return found
